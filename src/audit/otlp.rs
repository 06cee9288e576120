//! Records into what an OTLP receiver over HTTP reads (OTLP 1.x, `ExportLogsServiceRequest`, protobuf), and its answers. The messages
//! are written straight from the records' text, without the message structs in between: this runs once for each event.

use std::time::Duration;

use prost::Message;

use super::drops::Drops;
use super::field::{self, Value};
use super::queue::Answer;
use super::record::{Kind, Record};
use super::text::Text;
use crate::time::Timestamp;

/// The content type of requests and answers.
pub const CONTENT_TYPE: &str = "application/x-protobuf";

/// `event_name` of the record of an event.
pub const VERDICT_EVENT: &str = "eventguard.verdict";
/// `event_name` of the record that tells of dropped records.
pub const DROPPED_EVENT: &str = "eventguard.dropped";

/// `SeverityNumber` and its text.
type Severity = (u64, &'static str);
const INFO: Severity = (9, "INFO");
const WARN: Severity = (13, "WARN");
const ERROR: Severity = (17, "ERROR");

/// The field of a `LogRecord` that holds its attributes.
const ATTRIBUTES: u64 = 6;

/// Bytes of what a sender says of itself.
const TEXT: usize = 256;

/// Bytes that a record takes as a rule: what is allocated at first.
const USUAL: usize = 1536;

/// A record as one `LogRecord`.
#[must_use]
pub fn log_record(record: &Record<'_>) -> Vec<u8> {
    let severity = match record.kind() {
        Kind::Admitted => INFO,
        Kind::Refused => WARN,
    };
    let trace = record.traceparent().and_then(TraceContext::parse);
    write_log_record(VERDICT_EVENT, severity, record.time(), &record.summary(), trace, |out| {
        record.fields(&mut |field, value| out.attribute(ATTRIBUTES, field.attribute, &value));
    })
}

/// What was dropped, as one `LogRecord`: the gap that a reader of the stream would otherwise not see.
#[must_use]
pub fn gap_record(drops: &Drops, total: u64, now: Timestamp) -> Vec<u8> {
    let number = Value::Number;
    let fields = [
        (field::DROPPED, number(drops.total())),
        (field::DROPPED_QUEUE_FULL, number(drops.queue_full.total())),
        (field::DROPPED_REJECTED, number(drops.rejected.total() + drops.partly_rejected)),
        (field::DROPPED_ADMITTED, number(drops.queue_full.admitted + drops.rejected.admitted)),
        (field::DROPPED_REFUSED, number(drops.queue_full.refused + drops.rejected.refused)),
        (field::DROPPED_TOTAL, number(total)),
    ];
    let summary = format!("dropped {} records", drops.total());
    write_log_record(DROPPED_EVENT, ERROR, now, &summary, None, |out| {
        fields.iter().for_each(|(field, value)| out.attribute(ATTRIBUTES, field.attribute, value));
    })
}

/// `LogRecord` of `opentelemetry/proto/logs/v1/logs.proto`.
fn write_log_record(
    event_name: &str,
    (severity, severity_text): Severity,
    time: Timestamp,
    summary: &str,
    trace: Option<TraceContext>,
    write_attributes: impl FnOnce(&mut Writer),
) -> Vec<u8> {
    // No record is from before 1970; a proxy whose clock says so says nothing.
    let nanos = u64::try_from(time.unix_nanos()).unwrap_or(0);
    let mut out = Writer(Vec::with_capacity(USUAL));
    out.fixed64(1, nanos);
    out.number(2, severity);
    out.bytes(3, severity_text.as_bytes());
    out.message(5, |body| body.bytes(1, summary.as_bytes()));
    write_attributes(&mut out);
    if let Some(TraceContext { trace_id, span_id, flags }) = trace {
        out.fixed32(8, u32::from(flags));
        out.bytes(9, &trace_id);
        out.bytes(10, &span_id);
    }
    out.fixed64(11, nanos);
    out.bytes(12, event_name.as_bytes());
    out.0
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
        let text = |text| Value::Text(Text::clean(text, TEXT));
        let mut resource = Writer(Vec::new());
        resource.attribute(1, "service.name", &text(env!("CARGO_PKG_NAME")));
        resource.attribute(1, "service.version", &text(env!("CARGO_PKG_VERSION")));
        if let Some(instance) = instance {
            resource.attribute(1, "service.instance.id", &text(instance));
        }
        let mut scope = Writer(Vec::new());
        scope.bytes(1, env!("CARGO_PKG_NAME").as_bytes());
        scope.bytes(2, env!("CARGO_PKG_VERSION").as_bytes());
        Self { resource: resource.0, scope: scope.0 }
    }

    /// A request (`ExportLogsServiceRequest`) with these `LogRecord`s.
    pub fn request<'r>(&self, records: impl Iterator<Item = &'r [u8]> + Clone) -> Vec<u8> {
        let room = records.clone().map(|record| record.len() + 8).sum::<usize>() + self.resource.len() + self.scope.len() + 64;
        let mut out = Writer(Vec::with_capacity(room));
        out.message(1, |resource_logs| {
            resource_logs.bytes(1, &self.resource);
            resource_logs.message(2, |scope_logs| {
                scope_logs.bytes(1, &self.scope);
                records.for_each(|record| scope_logs.bytes(2, record));
            });
        });
        out.0
    }
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

    /// A `KeyValue` of `opentelemetry/proto/common/v1/common.proto`.
    fn attribute(&mut self, field: u64, name: &str, value: &Value<'_>) {
        self.message(field, |attribute| {
            attribute.bytes(1, name.as_bytes());
            attribute.message(2, |any| any.any_value(value));
        });
    }

    fn any_value(&mut self, value: &Value<'_>) {
        match value {
            Value::Text(text) => self.bytes(1, text.as_str().as_bytes()),
            Value::Number(number) => self.number(3, *number),
            Value::List(texts) => self.message(5, |array| {
                for text in texts {
                    array.message(1, |any| any.bytes(1, text.as_str().as_bytes()));
                }
            }),
        }
    }
}

/// The trace that a call is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

impl TraceContext {
    /// Reads a `traceparent` (W3C Trace Context section 3.2): `00-` trace id `-` span id `-` flags, in lower-case hexadecimal. A later
    /// version may say more behind that. `None` where it is not one, or one of its ids is zero.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let [version] = hex(parts.next()?)?;
        let parsed = Self { trace_id: hex(parts.next()?)?, span_id: hex(parts.next()?)?, flags: hex::<1>(parts.next()?)?[0] };
        let is_complete = version != 0xff && (version != 0 || parts.next().is_none());
        (is_complete && parsed.trace_id != [0; 16] && parsed.span_id != [0; 8]).then_some(parsed)
    }
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (digits, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if digits.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(digits) {
        *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
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
