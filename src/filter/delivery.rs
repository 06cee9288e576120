//! A batch of records into a request to the log cluster, and the proxy's word on its answer into what became of them.

use std::sync::Arc;
use std::time::Duration;

use super::dispatch::{Protocol, asked};
use super::gzip;
use super::host::{self, HostError};
use crate::audit::form::{Form, Response};
use crate::audit::{self, Answer, Batch, Queue, Settled};
use crate::policy::{AuditSettings, Checkpoint, Compression, Delivery, Header, Integrity, Outcomes, Sink, WhenFull};
use crate::time::Timestamp;

/// How long the log cluster may take nothing at least before it counts as away.
const LEAST_PATIENCE: Duration = Duration::from_secs(10);

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
    Ok(asked(Protocol::Http, host::http_call(cluster, &headers, &body, settings.timeout)?))
}

/// The body as gzip; `None` where the proxy does not compress, and then it goes as it is.
fn compressed(body: &[u8]) -> Option<Vec<u8>> {
    let zlib = host::foreign_function("compress", body).ok().flatten()?;
    gzip::from_zlib(&zlib, body)
}

/// Tells the queue what the log cluster has answered to a batch. Without headers the call was reset, or could not be made.
pub(super) fn answered(queue: &mut Queue, settings: &AuditSettings, batch: u64, headers: usize, now: Timestamp) -> Settled {
    let longest = form(settings.sink).longest_answer();
    with_answer(headers, longest, |response| match response {
        Some(response) => queue.answered(batch, response, now, host::random()),
        None => queue.delivered(batch, Answer::Failed, now, host::random()),
    })
}

/// Has the answer read that the proxy holds, and so many bytes of its body; `None` where there is none.
pub(super) fn with_answer<T>(headers: usize, longest: usize, read: impl FnOnce(Option<&Response<'_>>) -> T) -> T {
    let text = |value: Result<Option<Vec<u8>>, HostError>| value.ok().flatten().and_then(|value| String::from_utf8(value).ok());
    let header = |name: &str| {
        let header = text(host::call_response_header(name));
        header.or_else(|| text(host::call_response_trailer(name)))
    };
    let status = header(":status").filter(|_| headers > 0).and_then(|status| status.parse().ok());
    let Some(status) = status else { return read(None) };
    let body = match longest {
        0 => Vec::new(),
        longest => host::call_response_body(longest).ok().flatten().unwrap_or_default(),
    };
    read(Some(&Response { status, header: &header, body: &body }))
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
    let waits = audit.delivery == Delivery::BeforeForward;
    audit::Settings {
        form: form(audit.sink),
        batch_records: audit.batch.records,
        interval: if waits { Duration::ZERO } else { audit.batch.interval },
        queue_records: audit.queue.records,
        queue_bytes: audit.queue.bytes,
        when_full: match audit.queue.when_full {
            WhenFull::DropOldest => audit::WhenFull::DropOldest,
            WhenFull::DropNewest => audit::WhenFull::DropNewest,
            WhenFull::Refuse => audit::WhenFull::Refuse,
        },
        ends: match audit.outcomes {
            Outcomes::Failed => audit::Ends::Recorded,
            Outcomes::None => audit::Ends::Unrecorded,
        },
        patience: LEAST_PATIENCE.max(audit.timeout * 2),
        // Calls that wait are refused meanwhile.
        longest_backoff: Duration::from_secs(if waits { 5 } else { 30 }),
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
