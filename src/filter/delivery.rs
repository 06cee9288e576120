//! A batch of records into a request to the log cluster, and the proxy's word on its answer into what became of them.

use std::sync::Arc;

use super::gzip;
use super::host::{self, HostError};
use crate::audit::form::{Form, Response};
use crate::audit::{self, Answer, Batch, Queue};
use crate::policy::{AuditSettings, Checkpoint, Compression, Header, Integrity, Sink, WhenFull};
use crate::time::Timestamp;

/// Sends a batch; the answer comes by the number of the call.
pub(super) fn send(cluster: &str, settings: &AuditSettings, batch: &Batch) -> Result<u32, HostError> {
    let form = form(settings.sink);
    let gzip = match settings.compression {
        Compression::None => None,
        Compression::Gzip => compressed(&batch.body),
    };
    let (body, coding) = form.payload(&batch.body, gzip);
    let mut headers = vec![
        (":method", "POST"),
        (":path", settings.path.as_str()),
        (":authority", settings.authority.as_str()),
        ("content-type", form.content_type()),
    ];
    // Says that trailers are read, which gRPC asks for.
    headers.extend((form == Form::OtlpGrpc).then_some(("te", "trailers")));
    headers.extend(coding);
    headers.extend(settings.headers.iter().map(|Header { name, value }| (name.as_str(), value.as_str())));
    host::http_call(cluster, &headers, &body, settings.timeout)
}

/// The body as gzip; `None` where the proxy does not compress, and then it goes as it is.
fn compressed(body: &[u8]) -> Option<Vec<u8>> {
    let zlib = host::foreign_function("compress", body).ok().flatten()?;
    gzip::from_zlib(&zlib, body)
}

/// Tells the queue what the log cluster has answered to a batch. Without headers the call was reset, or could not be made.
pub(super) fn answered(queue: &mut Queue, settings: &AuditSettings, batch: u64, headers: usize, now: Timestamp) {
    let text = |value: Result<Option<Vec<u8>>, HostError>| value.ok().flatten().and_then(|value| String::from_utf8(value).ok());
    let header = |name: &str| {
        let header = text(host::call_response_header(name));
        header.or_else(|| text(host::call_response_trailer(name)))
    };
    let status = header(":status").filter(|_| headers > 0).and_then(|status| status.parse().ok());
    let Some(status) = status else { return queue.delivered(batch, Answer::Failed, now, host::random()) };
    let body = match form(settings.sink).longest_answer() {
        0 => Vec::new(),
        longest => host::call_response_body(longest).ok().flatten().unwrap_or_default(),
    };
    queue.answered(batch, &Response { status, header: &header, body: &body }, now, host::random());
}

const fn form(sink: Sink) -> Form {
    match sink {
        Sink::Otlp => Form::Otlp,
        Sink::OtlpGrpc => Form::OtlpGrpc,
        Sink::Loki => Form::Loki,
        Sink::Elasticsearch => Form::Bulk,
        Sink::Ndjson => Form::Ndjson,
        Sink::CloudEvents => Form::CloudEvents,
    }
}

/// What the queue is told of the policy.
pub(super) fn settings(audit: &AuditSettings) -> audit::Settings {
    audit::Settings {
        form: form(audit.sink),
        batch_records: audit.batch.records,
        interval: audit.batch.interval,
        queue_records: audit.queue.records,
        queue_bytes: audit.queue.bytes,
        when_full: match audit.queue.when_full {
            WhenFull::DropOldest => audit::WhenFull::DropOldest,
            WhenFull::DropNewest => audit::WhenFull::DropNewest,
        },
        integrity: match audit.integrity {
            Integrity::None => audit::Integrity::None,
            Integrity::Chain => audit::Integrity::Chain,
        },
        checkpoint: audit.checkpoint.as_ref().map(|Checkpoint { records, interval, key }| audit::Checkpoint {
            records: u64::try_from(*records).unwrap_or(u64::MAX),
            interval: *interval,
            key: Arc::clone(key),
        }),
    }
}
