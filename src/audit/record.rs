//! What was decided of one event into its record: who, what, where, what became of it and why. Every text that came from outside is
//! bounded and cleaned here, and nowhere else. There is no place in a record for a token, a key or an event's data.

use std::fmt::Write;

use serde::{Serialize, Serializer};

use super::field::{self, Field, Value};
use super::text::Text;
use crate::decision::{Code, JudgedEvent, Outcome, Refusal, Verdict};
use crate::identity::Publisher;
use crate::signature::{Scheme, VerifiedSignature};
use crate::time::Timestamp;

/// Bytes of a text from outside.
const TEXT: usize = 256;
/// Bytes of what an event is found by: its type, id and source.
const NAME: usize = 512;
/// Signatures that a record names.
const SIGNATURES: usize = 8;
/// Unsigned extensions that a record names, and the bytes of each.
const UNSIGNED: (usize, usize) = (16, 64);

/// Bytes of filter state: what the access log is given for one call.
pub const FILTER_STATE: usize = 16 << 10;

/// What a record tells of the call beside its outcome.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The call's authority.
    pub authority: &'a str,
    /// The call's id: `x-request-id`.
    pub request_id: Option<&'a str>,
    /// The call's `traceparent` (W3C Trace Context).
    pub traceparent: Option<&'a str>,
    /// The policy's digest.
    pub policy: &'a str,
    /// When the verdict fell.
    pub now: Timestamp,
}

/// What the queue keeps room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The event was admitted.
    Admitted,
    /// The event was refused, or would have been.
    Refused,
}

/// What is told of one event, or of a call that was refused before its events were read.
#[derive(Debug)]
pub struct Record<'a> {
    verdict: Verdict,
    reason: Option<Reason<'a>>,
    mode: &'static str,
    time: Timestamp,
    policy: Text<'a>,
    call: Call<'a>,
    event: Option<Event<'a>>,
    count: usize,
}

#[derive(Debug)]
struct Reason<'a> {
    code: Code,
    cause: Cause,
    detail: Text<'a>,
}

/// What the refusal is one of.
#[derive(Debug, Clone, Copy)]
enum Cause {
    /// The event's own.
    Event,
    /// The call's: of the call as a whole, or of another of its events.
    Call,
}

#[derive(Debug)]
struct Call<'a> {
    issuer: Option<(Text<'a>, Text<'a>)>,
    publisher: Option<Text<'a>>,
    peer: Option<Text<'a>>,
    route: Option<Text<'a>>,
    path_template: Option<Text<'a>>,
    protocol: Option<&'static str>,
    authority: Text<'a>,
    request_id: Option<Text<'a>>,
    traceparent: Option<Text<'a>>,
}

#[derive(Debug)]
struct Event<'a> {
    index: usize,
    event_type: Text<'a>,
    id: Option<Text<'a>>,
    source: Option<Text<'a>>,
    subject: Option<Text<'a>>,
    time: Option<String>,
    topic: Option<Text<'a>>,
    data_sha256: String,
    data_size: usize,
    rule: Option<Text<'a>>,
    key_ids: Vec<Text<'a>>,
    schemes: Vec<Text<'a>>,
    unsigned: Vec<Text<'a>>,
}

impl<'a> Record<'a> {
    /// The records of a call: one for each event, or a single one where no event was read.
    #[must_use]
    pub fn of_call(outcome: &'a Outcome, circumstances: &Circumstances<'a>) -> Vec<Self> {
        match outcome.events.as_slice() {
            [] => vec![Self::new(outcome, None, circumstances)],
            events => events.iter().enumerate().map(|event| Self::new(outcome, Some(event), circumstances)).collect(),
        }
    }

    /// The record of one event, given with its index in the call, or of the call as a whole.
    #[must_use]
    pub fn new(outcome: &'a Outcome, event: Option<(usize, &'a JudgedEvent)>, circumstances: &Circumstances<'a>) -> Self {
        let own = event.and_then(|(_, event)| event.refusal.as_ref());
        let own = own.map(|refusal| Reason::new(refusal, Cause::Event));
        Self {
            verdict: worse(outcome.verdict, event.map(|(_, event)| event.verdict)),
            reason: own.or_else(|| outcome.refusal.as_ref().map(|refusal| Reason::new(refusal, Cause::Call))),
            mode: outcome.mode.as_str(),
            time: circumstances.now,
            policy: Text::clean(circumstances.policy, TEXT),
            call: Call::new(outcome, circumstances),
            event: event.map(|(index, event)| Event::new(index, event)),
            count: outcome.events.len(),
        }
    }

    /// What became of the event. Where its call was refused this is `refuse`, whatever the event was by itself.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What the queue keeps room for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.verdict {
            Verdict::Admit => Kind::Admitted,
            Verdict::Refuse | Verdict::Observe => Kind::Refused,
        }
    }

    /// When the verdict fell.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// The call's `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.call.traceparent.as_ref().map(Text::as_str)
    }

    /// One line for a reader: `refuse rule.publisher com.shop.order.ItemShipped`.
    #[must_use]
    pub fn summary(&self) -> String {
        let code = self.reason.as_ref().map(|reason| reason.code.as_str());
        let event_type = self.event.as_ref().map(|event| event.event_type.as_str());
        let words = [Some(self.verdict.as_str()), code, event_type];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// The record as one line of JSON, without a line end: flat, the keys of [`FIELDS`](super::FIELDS), and `time` first.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Text, numbers and lists of text always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What goes into the filter state for the proxy's access logs: the record of a call with one event, an array of the records
    /// where there are more. It is one line of at most [`FILTER_STATE`] bytes; where they do not all fit, those that were refused
    /// by themselves come first, and `count` still says how many there are.
    #[must_use]
    pub fn filter_state(records: &[Self]) -> String {
        match records {
            [record] => record.to_json(),
            records => array(records.iter().map(|record| (record.is_to_blame(), record.to_json())).collect()),
        }
    }

    fn is_to_blame(&self) -> bool {
        matches!(self.reason, Some(Reason { cause: Cause::Event, .. }))
    }

    /// Every field that the record has, in the order of [`FIELDS`](super::FIELDS).
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static Field, Value<'_>)> {
        let mut fields = Fields(Vec::with_capacity(field::FIELDS.len()));
        fields.text(field::VERDICT, Some(self.verdict.as_str()));
        if let Some(reason) = &self.reason {
            fields.text(field::CODE, Some(reason.code.as_str()));
            fields.text(field::CAUSE, Some(reason.cause.as_str()));
            fields.clean(field::DETAIL, Some(&reason.detail));
        }
        fields.clean(field::RULE, self.event.as_ref().and_then(|event| event.rule.as_ref()));
        fields.text(field::MODE, Some(self.mode));
        fields.clean(field::POLICY, Some(&self.policy));
        if let Some(event) = &self.event {
            event.add_to(&mut fields);
        }
        self.call.add_publisher_to(&mut fields);
        if let Some(event) = &self.event {
            event.add_signatures_to(&mut fields);
        }
        self.call.add_place_to(&mut fields);
        fields.number(field::INDEX, self.event.as_ref().map(|event| event.index));
        fields.number(field::COUNT, Some(self.count));
        self.call.add_trace_to(&mut fields);
        fields.0
    }
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = self.time.to_string();
        let fields = self.fields();
        let fields = fields.iter().map(|(field, value)| (field.json, *value));
        serializer.collect_map([("time", Value::Text(&time))].into_iter().chain(fields))
    }
}

/// A JSON array of objects that are JSON already, of at most [`FILTER_STATE`] bytes.
fn array(objects: Vec<(bool, String)>) -> String {
    let whole = objects.iter().map(|(_, json)| json.len() + 1).sum::<usize>() < FILTER_STATE;
    let (mut first, rest): (Vec<_>, Vec<_>) = objects.into_iter().partition(|(to_blame, _)| *to_blame || whole);
    first.extend(rest);
    let mut text = String::from("[");
    for (_, json) in first {
        if text.len() + json.len() + 1 >= FILTER_STATE {
            break;
        }
        text.push_str(if text.len() > 1 { "," } else { "" });
        text.push_str(&json);
    }
    text.push(']');
    text
}

/// An event goes where its call goes: with a refused call it is refused, with an observed one observed.
fn worse(call: Verdict, event: Option<Verdict>) -> Verdict {
    match (call, event) {
        (Verdict::Refuse, _) | (_, Some(Verdict::Refuse)) => Verdict::Refuse,
        (Verdict::Observe, _) | (_, Some(Verdict::Observe)) => Verdict::Observe,
        (Verdict::Admit, Some(Verdict::Admit) | None) => Verdict::Admit,
    }
}

impl Reason<'_> {
    fn new(refusal: &Refusal, cause: Cause) -> Self {
        Self { code: refusal.code(), cause, detail: Text::clean_owned(refusal.to_string(), TEXT) }
    }
}

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Call => "call",
        }
    }
}

impl<'a> Call<'a> {
    fn new(outcome: &'a Outcome, circumstances: &Circumstances<'a>) -> Self {
        let token = outcome.publisher.as_ref().and_then(Publisher::token);
        Self {
            issuer: token.map(|token| (Text::clean(token.issuer_name(), TEXT), Text::clean(token.issuer(), TEXT))),
            publisher: outcome.publisher.as_ref().map(|publisher| Text::clean(publisher.subject(), TEXT)),
            peer: clean(outcome.peer.as_deref(), TEXT),
            route: clean(outcome.route.as_deref(), TEXT),
            path_template: clean(outcome.path_template.as_deref(), TEXT),
            protocol: outcome.protocol,
            authority: Text::clean(circumstances.authority, TEXT),
            request_id: clean(circumstances.request_id, TEXT),
            traceparent: clean(circumstances.traceparent, TEXT),
        }
    }

    fn add_publisher_to<'r>(&'r self, fields: &mut Fields<'r>) {
        fields.clean(field::ISSUER, self.issuer.as_ref().map(|(name, _)| name));
        fields.clean(field::ISSUER_URL, self.issuer.as_ref().map(|(_, url)| url));
        fields.clean(field::PUBLISHER, self.publisher.as_ref());
        fields.clean(field::PEER, self.peer.as_ref());
    }

    fn add_place_to<'r>(&'r self, fields: &mut Fields<'r>) {
        fields.clean(field::ROUTE, self.route.as_ref());
        fields.text(field::PROTOCOL, self.protocol);
        fields.clean(field::AUTHORITY, Some(&self.authority));
        fields.clean(field::PATH_TEMPLATE, self.path_template.as_ref());
    }

    fn add_trace_to<'r>(&'r self, fields: &mut Fields<'r>) {
        fields.clean(field::REQUEST_ID, self.request_id.as_ref());
        fields.clean(field::TRACEPARENT, self.traceparent.as_ref());
    }
}

impl<'a> Event<'a> {
    fn new(index: usize, event: &'a JudgedEvent) -> Self {
        let signatures = || event.signatures.iter().take(SIGNATURES);
        let unsigned = event.signatures.iter().flat_map(VerifiedSignature::uncovered).take(UNSIGNED.0);
        Self {
            index,
            event_type: Text::clean(&event.event_type, NAME),
            id: clean(event.id.as_deref(), NAME),
            source: clean(event.source.as_deref(), NAME),
            subject: clean(event.subject.as_deref(), TEXT),
            time: event.time.map(|time| time.to_string()),
            topic: clean(event.topic.as_deref(), TEXT),
            data_sha256: hex(&event.data_sha256),
            data_size: event.data_size,
            rule: clean(event.rule.as_deref(), TEXT),
            key_ids: signatures().map(|signature| Text::clean(signature.key_id(), TEXT)).collect(),
            schemes: signatures().map(|signature| Text::clean(scheme(signature.scheme()), TEXT)).collect(),
            unsigned: unsigned.map(|name| Text::clean(name, UNSIGNED.1)).collect(),
        }
    }

    fn add_to<'r>(&'r self, fields: &mut Fields<'r>) {
        fields.clean(field::TYPE, Some(&self.event_type));
        fields.clean(field::ID, self.id.as_ref());
        fields.clean(field::SOURCE, self.source.as_ref());
        fields.clean(field::SUBJECT, self.subject.as_ref());
        fields.text(field::EVENT_TIME, self.time.as_deref());
        fields.clean(field::TOPIC, self.topic.as_ref());
        fields.text(field::DATA_SHA256, Some(&self.data_sha256));
        fields.number(field::DATA_SIZE, Some(self.data_size));
    }

    fn add_signatures_to<'r>(&'r self, fields: &mut Fields<'r>) {
        fields.list(field::KEY_IDS, &self.key_ids);
        fields.list(field::SCHEMES, &self.schemes);
        fields.list(field::UNSIGNED, &self.unsigned);
    }
}

/// Collects the fields that are there.
struct Fields<'r>(Vec<(&'static Field, Value<'r>)>);

impl<'r> Fields<'r> {
    fn text(&mut self, field: &'static Field, text: Option<&'r str>) {
        self.0.extend(text.map(|text| (field, Value::Text(text))));
    }

    fn clean(&mut self, field: &'static Field, text: Option<&'r Text<'r>>) {
        self.text(field, text.map(Text::as_str));
    }

    fn number(&mut self, field: &'static Field, number: Option<usize>) {
        self.0.extend(number.map(|number| (field, Value::Number(u64::try_from(number).unwrap_or(u64::MAX)))));
    }

    fn list(&mut self, field: &'static Field, texts: &'r [Text<'r>]) {
        self.0.extend((!texts.is_empty()).then_some((field, Value::List(texts))));
    }
}

fn clean(text: Option<&str>, limit: usize) -> Option<Text<'_>> {
    text.map(|text| Text::clean(text, limit))
}

/// The scheme as a policy writes it.
const fn scheme(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::HttpMessage => "http-message",
        Scheme::StandardWebhooks => "standard-webhooks",
        Scheme::Jws => "jws",
        Scheme::Dsse => "dsse",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a `String` does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[path = "record_tests.rs"]
pub(super) mod tests;
