//! Records into what an OTLP receiver reads (OTLP 1.x, `ExportLogsServiceRequest`, protobuf), and the answers of one that is spoken to over
//! HTTP: the body of a log record is the record as it is, so that a chain can be verified wherever it went. Written without message structs
//! in between.

use super::response::Response;
use super::wire::{Writer, bytes_of, number_of};
use super::{Answer, Linked};
use crate::audit::envelope::{Envelope, Severity};
use crate::audit::text::Text;
use crate::audit::trace::TraceContext;
use crate::time::Timestamp;

/// The content type of requests and answers.
pub const CONTENT_TYPE: &str = "application/x-protobuf";

/// What `event_name` begins with; behind it stands the record's `metadata.event_code`.
pub const EVENTS: &str = "eventguard.";

/// Bytes of what a sender says of itself.
const TEXT: usize = 256;

/// Bytes that a log record takes beside its body, as a rule: what is allocated at first.
const USUAL: usize = 512;

/// Who sends.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    instance: Option<String>,
}

impl Sender {
    /// `instance` tells proxies apart (`service.instance.id`).
    #[must_use]
    pub fn new(instance: Option<&str>) -> Self {
        Self { instance: instance.map(|instance| Text::clean(instance, TEXT).as_str().to_owned()) }
    }

    /// A request (`ExportLogsServiceRequest`) with these records.
    pub(super) fn request(&self, records: &[Linked]) -> Vec<u8> {
        let size = records.iter().map(|record| record.json.len() + USUAL).sum();
        self.export(size, &mut |scope_logs| {
            for Linked { envelope, json, .. } in records {
                scope_logs.message(2, |record| log_record(record, envelope, json));
            }
        })
    }

    /// A request with log records, or with spans: the messages around both have the same numbers.
    pub(in crate::audit) fn export(&self, size: usize, items: &mut dyn FnMut(&mut Writer)) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(size));
        out.message(1, |of_resource| {
            of_resource.message(1, |resource| {
                resource.attribute(1, "service.name", env!("CARGO_PKG_NAME"));
                resource.attribute(1, "service.version", env!("CARGO_PKG_VERSION"));
                if let Some(instance) = &self.instance {
                    resource.attribute(1, "service.instance.id", instance);
                }
            });
            of_resource.message(2, |of_scope| {
                of_scope.message(1, |scope| {
                    scope.bytes(1, env!("CARGO_PKG_NAME").as_bytes());
                    scope.bytes(2, env!("CARGO_PKG_VERSION").as_bytes());
                });
                items(of_scope);
            });
        });
        out.0
    }
}

/// A `LogRecord` of `opentelemetry/proto/logs/v1/logs.proto`.
fn log_record(out: &mut Writer, envelope: &Envelope, json: &str) {
    let (severity, severity_text) = match envelope.severity {
        Severity::Info => (9, "INFO"),
        Severity::Warn => (13, "WARN"),
        Severity::Error => (17, "ERROR"),
    };
    out.fixed64(1, envelope.nanos());
    out.number(2, severity);
    out.bytes(3, severity_text.as_bytes());
    out.message(5, |body| body.bytes(1, json.as_bytes()));
    envelope.attributes().for_each(|(name, text)| out.attribute(6, name, text));
    if let Some(TraceContext { trace_id, span_id, flags }) = envelope.trace {
        out.fixed32(8, u32::from(flags));
        out.bytes(9, &trace_id);
        out.bytes(10, &span_id);
    }
    out.fixed64(11, envelope.nanos());
    out.bytes(12, &[EVENTS, envelope.code].map(str::as_bytes).concat());
}

/// What the log cluster said (OTLP specification, "OTLP/HTTP Response"): 2xx took the batch, but for what `partial_success` says; 429,
/// 502, 503 and 504 ask for it again; any other status will not have it.
pub(super) fn read(response: &Response<'_>, now: Timestamp) -> Answer {
    match response.status {
        200..=299 => accepted(response.body),
        429 | 502 | 503 | 504 => Answer::Retryable { retry_after: response.retry_after(now) },
        _ => Answer::Permanent,
    }
}

/// `ExportLogsServiceResponse` of `opentelemetry/proto/collector/logs/v1/logs_service.proto`. That the batch was taken was said before; a body
/// that cannot be read takes nothing back.
pub(super) fn accepted(body: &[u8]) -> Answer {
    let rejected = bytes_of(body, 1).and_then(|partial_success| number_of(partial_success, 1));
    match rejected.and_then(|rejected| i64::try_from(rejected).ok()).and_then(|rejected| usize::try_from(rejected).ok()) {
        Some(rejected @ 1..) => Answer::PartlyRejected { rejected },
        Some(0) | None => Answer::Accepted,
    }
}

#[cfg(test)]
#[path = "otlp_tests.rs"]
mod tests;
