//! OTLP spans into lines, a JSON document each. Trusts nothing in them.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::io::{self, Write};

use eventguard::audit::Text;
use eventguard::time::Timestamp;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::{Value, json};

use super::lines;

/// Bytes of a name.
const TEXT: usize = 4096;

/// Where spans go: into a file, or nowhere but into their number.
pub struct Spans {
    output: Option<RefCell<Box<dyn Write>>>,
    count: Cell<u64>,
}

impl Spans {
    /// With the file that was asked for.
    pub fn new(output: Option<Box<dyn Write>>) -> Self {
        Self { output: output.map(RefCell::new), count: Cell::new(0) }
    }

    /// Takes the spans of a request: once they are written.
    pub fn take(&self, request: &ExportTraceServiceRequest) -> io::Result<()> {
        let spans = || request.resource_spans.iter().flat_map(|spans| &spans.scope_spans).flat_map(|scope| &scope.spans);
        if let Some(output) = &self.output {
            let text = spans().fold(String::new(), |mut text, span| {
                // Writing to a `String` does not fail.
                let _ = writeln!(text, "{}", flatten(span));
                text
            });
            let mut output = output.borrow_mut();
            output.write_all(text.as_bytes())?;
            output.flush()?;
        }
        let count = u64::try_from(spans().count()).unwrap_or(u64::MAX);
        self.count.set(self.count.get().saturating_add(count));
        Ok(())
    }

    /// How many came that nobody wanted written.
    pub fn forgotten(&self) -> u64 {
        if self.output.is_none() { self.count.get() } else { 0 }
    }
}

/// A span as one document.
fn flatten(span: &Span) -> Value {
    let nanos = i64::try_from(span.start_time_unix_nano).unwrap_or(i64::MAX);
    let kind = SpanKind::try_from(span.kind).map_or("?", |kind| kind.as_str_name());
    let status = span.status.as_ref().map_or(Ok(StatusCode::Unset), |status| StatusCode::try_from(status.code));
    json!({
        "time": Timestamp::from_unix_nanos(nanos).to_string(),
        "durationMicros": span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano) / 1000,
        "name": Text::clean(&span.name, TEXT).as_str(),
        "kind": word(kind),
        "status": word(status.map_or("?", |status| status.as_str_name())),
        "traceId": hex(&span.trace_id),
        "spanId": hex(&span.span_id),
        "parentSpanId": hex(&span.parent_span_id),
        "attributes": lines::attributes(&span.attributes),
    })
}

/// `SPAN_KIND_PRODUCER` as `producer`.
fn word(name: &str) -> String {
    name.rsplit('_').next().unwrap_or_default().to_ascii_lowercase()
}

/// An id, which has sixteen bytes at most.
fn hex(id: &[u8]) -> String {
    id.iter().take(16).fold(String::new(), |mut text, byte| {
        // Writing to a `String` does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
