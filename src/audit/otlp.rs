//! Records into what an OTLP receiver over HTTP reads (OTLP 1.x, `ExportLogsServiceRequest`, protobuf), and its answers: the body of a
//! log record is the record as it is, so that a chain can be verified wherever it went. Written without message structs in between.

use std::time::Duration;

use prost::Message;

use super::aftermath::Aftermath;
use super::note::Note;
use super::record::{Kind, Record};
use super::settings::Answer;
use super::text::Text;
use super::trace::TraceContext;
use crate::time::Timestamp;

/// The content type of requests and answers.
pub const CONTENT_TYPE: &str = "application/x-protobuf";

/// What `event_name` begins with; behind it stands the record's `metadata.event_code`.
pub const EVENTS: &str = "eventguard.";

/// `SeverityNumber` and its text.
type Severity = (u64, &'static str);
const INFO: Severity = (9, "INFO");
const WARN: Severity = (13, "WARN");
const ERROR: Severity = (17, "ERROR");

/// Bytes of what a sender says of itself.
const TEXT: usize = 256;

/// Bytes that a log record takes beside its body, as a rule: what is allocated at first.
const USUAL: usize = 512;

/// What a `LogRecord` says of a record beside its body.
#[must_use]
pub fn envelope(record: &Record<'_>) -> Vec<u8> {
    let severity = match record.kind() {
        Kind::Admitted => INFO,
        Kind::Refused => WARN,
    };
    let mut out = open("verdict", severity, record.time());
    record.attributes(&mut |name, text| out.attribute(6, name, text.as_str()));
    out.trace(record.traceparent());
    out.0
}

/// What a `LogRecord` says of how a call ended.
#[must_use]
pub fn aftermath_envelope(aftermath: &Aftermath<'_>) -> Vec<u8> {
    let mut out = open(aftermath.code(), WARN, aftermath.circumstances.now);
    out.trace(aftermath.circumstances.traceparent);
    out.0
}

/// What a `LogRecord` says of what the stream tells of itself.
#[must_use]
pub fn note_envelope(note: &Note, now: Timestamp) -> Vec<u8> {
    open(note.code(), if note.is_loss() { ERROR } else { INFO }, now).0
}

/// What every `LogRecord` of `opentelemetry/proto/logs/v1/logs.proto` has.
fn open(code: &str, (severity, severity_text): Severity, time: Timestamp) -> Writer {
    // No record is from before 1970; a proxy whose clock says so says nothing.
    let nanos = u64::try_from(time.unix_nanos()).unwrap_or(0);
    let mut out = Writer(Vec::with_capacity(USUAL));
    out.fixed64(1, nanos);
    out.number(2, severity);
    out.bytes(3, severity_text.as_bytes());
    out.fixed64(11, nanos);
    out.key(12, 2);
    out.varint(length(EVENTS.len() + code.len()));
    out.0.extend([EVENTS, code].map(str::as_bytes).concat());
    out
}

/// Log records, one behind the other as they stand in a request.
#[derive(Debug, Default)]
pub struct Records(Vec<u8>);

impl Records {
    /// Adds a log record: what it says beside its body, and the body.
    pub fn add(&mut self, envelope: &[u8], body: &str) {
        let mut out = Writer(std::mem::take(&mut self.0));
        let text = 1 + varint_bytes(body.len()) + body.len();
        out.key(2, 2);
        out.varint(length(envelope.len() + 1 + varint_bytes(text) + text));
        out.0.extend_from_slice(envelope);
        out.key(5, 2);
        out.varint(length(text));
        out.bytes(1, body.as_bytes());
        self.0 = out.0;
    }
}

/// Who sends, written once: what stands before the records in every request.
#[derive(Debug, Clone)]
pub struct Sender {
    resource: Vec<u8>,
    scope: Vec<u8>,
}

impl Sender {
    /// `instance` tells proxies apart (`service.instance.id`), where it is known.
    #[must_use]
    pub fn new(instance: Option<&str>) -> Self {
        let mut resource = Writer(Vec::new());
        resource.attribute(1, "service.name", env!("CARGO_PKG_NAME"));
        resource.attribute(1, "service.version", env!("CARGO_PKG_VERSION"));
        if let Some(instance) = instance {
            resource.attribute(1, "service.instance.id", Text::clean(instance, TEXT).as_str());
        }
        let mut scope = Writer(Vec::new());
        scope.bytes(1, env!("CARGO_PKG_NAME").as_bytes());
        scope.bytes(2, env!("CARGO_PKG_VERSION").as_bytes());
        Self { resource: resource.0, scope: scope.0 }
    }

    /// A request (`ExportLogsServiceRequest`) with these records.
    #[must_use]
    pub fn request(&self, records: &Records) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(records.0.len() + self.resource.len() + self.scope.len() + 64));
        out.message(1, |resource_logs| {
            resource_logs.bytes(1, &self.resource);
            resource_logs.message(2, |scope_logs| {
                scope_logs.bytes(1, &self.scope);
                scope_logs.0.extend_from_slice(&records.0);
            });
        });
        out.0
    }
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Bytes of a number as a varint.
fn varint_bytes(number: usize) -> usize {
    std::iter::successors(Some(number), |number| Some(number >> 7).filter(|rest| *rest > 0)).count()
}

/// Writes protobuf (the encoding guide's wire types: 0 varint, 1 and 5 fixed, 2 with a length).
struct Writer(Vec<u8>);

impl Writer {
    fn varint(&mut self, mut number: u64) {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            if number == 0 {
                return self.0.push(low & 0x7f);
            }
            self.0.push(low | 0x80);
        }
    }

    fn key(&mut self, field: u64, wire_type: u64) {
        self.varint(field << 3 | wire_type);
    }

    fn number(&mut self, field: u64, number: u64) {
        self.key(field, 0);
        self.varint(number);
    }

    fn fixed64(&mut self, field: u64, number: u64) {
        self.key(field, 1);
        self.0.extend(number.to_le_bytes());
    }

    fn fixed32(&mut self, field: u64, number: u32) {
        self.key(field, 5);
        self.0.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, 2);
        self.varint(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(bytes);
    }

    /// A nested message. Its length comes before it and is known after it: one byte is kept for it, which most messages need, and a
    /// longer one is moved to its place.
    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        self.key(field, 2);
        let place = self.0.len();
        self.0.push(0);
        write(self);
        let size = self.0.len() - place - 1;
        match (u8::try_from(size), self.0.get_mut(place)) {
            (Ok(short @ ..0x80), Some(length)) => *length = short,
            _ => self.move_length_to(place, size),
        }
    }

    fn move_length_to(&mut self, place: usize, size: usize) {
        let end = self.0.len();
        self.varint(u64::try_from(size).unwrap_or(u64::MAX));
        let length = self.0.len() - end;
        if let Some(message) = self.0.get_mut(place..) {
            // Behind the length stands now the byte that was kept.
            message.rotate_right(length);
        }
        self.0.remove(place + length);
    }

    /// The trace that a `LogRecord` is part of.
    fn trace(&mut self, traceparent: Option<&str>) {
        if let Some(TraceContext { trace_id, span_id, flags }) = traceparent.and_then(TraceContext::parse) {
            self.fixed32(8, u32::from(flags));
            self.bytes(9, &trace_id);
            self.bytes(10, &span_id);
        }
    }

    /// A `KeyValue` of `opentelemetry/proto/common/v1/common.proto`, a text.
    fn attribute(&mut self, field: u64, name: &str, text: &str) {
        self.message(field, |attribute| {
            attribute.bytes(1, name.as_bytes());
            attribute.message(2, |any| any.bytes(1, text.as_bytes()));
        });
    }
}

/// `ExportLogsServiceResponse` of `opentelemetry/proto/collector/logs/v1/logs_service.proto`.
#[derive(Clone, PartialEq, Message)]
struct Response {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_log_records: i64,
}

/// The longest time that a log cluster may put us off: beyond this it is asked again.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

impl Answer {
    /// What the log cluster said (OTLP specification, "OTLP/HTTP Response"): 2xx took the batch, but for what `partial_success` says;
    /// 429, 502, 503 and 504 ask for it again; any other status will not have it. `body` may be cut or empty. `retry_after` is the
    /// header, in seconds or as a date (RFC 9110 section 10.2.3); one that cannot be read is as good as none.
    #[must_use]
    pub fn read(status: u16, retry_after: Option<&str>, body: &[u8], now: Timestamp) -> Self {
        match status {
            200..=299 => Self::accepted(body),
            429 | 502 | 503 | 504 => Self::Retryable { retry_after: retry_after.and_then(|text| read_retry_after(text, now)) },
            _ => Self::Permanent,
        }
    }

    fn accepted(body: &[u8]) -> Self {
        // The status has said that the batch was taken; a body that does not parse takes nothing back.
        let partial = Response::decode(body).ok().and_then(|response| response.partial_success);
        match partial.map(|partial| usize::try_from(partial.rejected_log_records)) {
            Some(Ok(rejected @ 1..)) => Self::PartlyRejected { rejected },
            Some(Ok(0) | Err(_)) | None => Self::Accepted,
        }
    }
}

fn read_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let seconds = || text.parse().ok().map(Duration::from_secs);
    let date = || Some(read_http_date(text)?.since(now));
    seconds().or_else(date).map(|wait| wait.min(LONGEST_RETRY_AFTER))
}

/// Reads the preferred form of an HTTP date (RFC 9110 section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
fn read_http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split(' ').skip(1);
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    Timestamp::parse(&format!("{year}-{month:02}-{day}T{time}Z")).ok()
}

#[cfg(test)]
#[path = "otlp_tests.rs"]
mod tests;
