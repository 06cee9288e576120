//! What was decided of a call into a span (OpenTelemetry, `opentelemetry/proto/trace/v1/trace.proto`): the time of judging, as part of the
//! caller's trace. Its texts are bounded and cleaned as those of records are. There is no place in it for a token, a key or an event's data.

use super::form::wire::Writer;
use super::record::{Circumstances, Record, TEXT};
use super::sampling::Place;
use super::text::Text;
use crate::decision::{JudgedEvent, Outcome, Verdict};
use crate::time::Timestamp;

/// `SPAN_KIND_PRODUCER`: what the semantic conventions for messaging say of a span that publishes.
const PRODUCER: u64 = 4;
/// `STATUS_CODE_ERROR`.
const ERROR: u64 = 2;
/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK` and `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`: the parent is in another process.
const REMOTE: u32 = 0x300;

/// What is told of how one call was judged.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    /// What was decided.
    pub outcome: &'a Outcome,
    /// Of the call.
    pub circumstances: &'a Circumstances<'a>,
    /// When judging it began.
    pub began: Timestamp,
    /// When it was decided.
    pub ended: Timestamp,
}

impl Span<'_> {
    /// Writes the `Span`.
    pub(super) fn write(&self, out: &mut Writer, place: &Place, id: [u8; 8]) {
        out.bytes(1, &place.trace_id);
        out.bytes(2, &id);
        if let Some(parent) = place.parent {
            out.bytes(4, &parent);
        }
        out.bytes(5, self.name().as_bytes());
        out.number(6, PRODUCER);
        out.fixed64(7, nanos(self.began));
        out.fixed64(8, nanos(self.ended.max(self.began)));
        self.attributes(&mut |name, text| out.attribute(9, name, text.as_str()));
        if let [_, _, ..] = self.outcome.events.as_slice() {
            out.count_attribute(9, "messaging.batch.message_count", self.outcome.events.len());
        }
        if self.outcome.verdict == Verdict::Refuse {
            out.message(15, |status| status.number(3, ERROR));
        }
        out.fixed32(16, u32::from(place.flags) | place.parent.map_or(0, |_| REMOTE));
    }

    /// `publish orders`, as the conventions have it. What was not admitted is only `publish`: names are what spans are grouped by, and callers
    /// must not make them.
    fn name(&self) -> String {
        match (self.outcome.verdict, self.topic()) {
            (Verdict::Admit, Some(topic)) => ["publish ", Text::clean(topic, TEXT).as_str()].concat(),
            (Verdict::Admit | Verdict::Refuse | Verdict::Observe, _) => "publish".to_owned(),
        }
    }

    /// The topic of all events.
    fn topic(&self) -> Option<&str> {
        let mut topics = self.outcome.events.iter().map(|event| event.topic.as_deref());
        let first = topics.next()?;
        topics.all(|topic| topic == first).then_some(first)?
    }

    fn attributes(&self, take: &mut dyn FnMut(&'static str, Text<'_>)) {
        let event = self.event();
        Record::new(self.outcome, event.map(|event| (0, event)), self.circumstances).attributes(take);
        let mut text = |name, text: Option<&str>| {
            if let Some(text) = text {
                take(name, Text::clean(text, TEXT));
            }
        };
        if event.is_none() {
            text("messaging.destination.name", self.topic());
        }
        text("messaging.operation.name", Some("publish"));
        text("messaging.operation.type", Some("send"));
        text("messaging.system", self.outcome.protocol.map(system));
        text("eventguard.route", self.outcome.route.as_deref());
        text("eventguard.rule", event.and_then(|event| event.rule.as_deref()));
        let refusal = self.outcome.refusal.as_ref().filter(|_| self.outcome.verdict == Verdict::Refuse);
        text("error.type", refusal.map(|refusal| refusal.code().as_str()));
    }

    /// The only event.
    fn event(&self) -> Option<&JudgedEvent> {
        if let [event] = self.outcome.events.as_slice() { Some(event) } else { None }
    }
}

/// The conventions' word for who takes what a protocol carries, where they have one.
fn system(protocol: &'static str) -> &'static str {
    match protocol {
        "kafka-rest" => "kafka",
        "pubsub" => "gcp_pubsub",
        other => other,
    }
}

/// No span is from before 1970; a proxy whose clock says so says nothing.
fn nanos(time: Timestamp) -> u64 {
    u64::try_from(time.unix_nanos()).unwrap_or(0)
}
