//! What was decided of one event into its record: who, what, where, what became of it and why. Every text that came from outside is
//! bounded and cleaned here, and nowhere else. There is no place in a record for a token, a key or an event's data.

use super::field::{self, Field, Value};
use super::text::Text;
use crate::decision::{JudgedEvent, Outcome, Refusal, Verdict};
use crate::identity::{Publisher, VerifiedToken};
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

/// Bytes that the JSON form takes as a rule: what is allocated at first.
const USUAL_JSON: usize = 1024;

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
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    outcome: &'a Outcome,
    /// With its index in the call.
    event: Option<(usize, &'a JudgedEvent)>,
    circumstances: Circumstances<'a>,
}

/// What the refusal is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The event's own.
    Event,
    /// The call's: of the call as a whole, or of another of its events.
    Call,
}

/// Takes one field after the other.
type Take<'t> = dyn FnMut(&'static Field, Value<'_>) + 't;

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
        Self { outcome, event, circumstances: *circumstances }
    }

    /// What became of the event, which goes where its call goes: with a refused call it is refused, with an observed one observed.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match (self.outcome.verdict, self.judged().map(|event| event.verdict)) {
            (Verdict::Refuse, _) | (_, Some(Verdict::Refuse)) => Verdict::Refuse,
            (Verdict::Observe, _) | (_, Some(Verdict::Observe)) => Verdict::Observe,
            (Verdict::Admit, Some(Verdict::Admit) | None) => Verdict::Admit,
        }
    }

    /// What the queue keeps room for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.verdict() {
            Verdict::Admit => Kind::Admitted,
            Verdict::Refuse | Verdict::Observe => Kind::Refused,
        }
    }

    /// When the verdict fell.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.circumstances.now
    }

    /// The call's `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.circumstances.traceparent
    }

    /// One line for a reader: `refuse rule.publisher com.shop.order.ItemShipped`.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut line = self.verdict().as_str().to_owned();
        let code = self.reason().map(|(refusal, _)| refusal.code().as_str());
        let event_type = self.judged().map(|event| Text::clean(&event.event_type, NAME));
        for word in [code, event_type.as_ref().map(Text::as_str)].into_iter().flatten() {
            line.push(' ');
            line.push_str(word);
        }
        line
    }

    /// The record as one line of JSON, without a line end: flat, the keys of [`FIELDS`](super::FIELDS), and `time` first.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(USUAL_JSON);
        json.push_str("{\"time\":\"");
        self.time().write_to(&mut json);
        json.push('"');
        self.fields(&mut |field, value| {
            json.push_str(field.member);
            value.write_json(&mut json);
        });
        json.push('}');
        json
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
        matches!(self.reason(), Some((_, Cause::Event)))
    }

    fn judged(&self) -> Option<&'a JudgedEvent> {
        self.event.map(|(_, event)| event)
    }

    fn reason(&self) -> Option<(&'a Refusal, Cause)> {
        let own = self.judged().and_then(|event| event.refusal.as_ref()).map(|refusal| (refusal, Cause::Event));
        own.or_else(|| self.outcome.refusal.as_ref().map(|refusal| (refusal, Cause::Call)))
    }

    /// Every field that the record has, in the order of [`FIELDS`](super::FIELDS). Here every text that came from outside is bounded
    /// and cleaned.
    pub fn fields(&self, take: &mut Take<'_>) {
        text(take, field::VERDICT, Some(self.verdict().as_str()), TEXT);
        if let Some((refusal, cause)) = self.reason() {
            text(take, field::CODE, Some(refusal.code().as_str()), TEXT);
            text(take, field::CAUSE, Some(cause.as_str()), TEXT);
            text(take, field::DETAIL, Some(&refusal.to_string()), TEXT);
        }
        text(take, field::RULE, self.judged().and_then(|event| event.rule.as_deref()), TEXT);
        text(take, field::MODE, Some(self.outcome.mode.as_str()), TEXT);
        text(take, field::POLICY, Some(self.circumstances.policy), TEXT);
        self.event_fields(take);
        self.publisher_fields(take);
        self.signature_fields(take);
        self.place_fields(take);
        number(
            take,
            field::MISSING,
            self.judged().and_then(|event| usize::try_from(event.missing).ok()).filter(|missing| *missing > 0),
        );
        text(take, field::DEPRECATED, self.judged().filter(|event| event.deprecated).map(|_| "true"), TEXT);
        self.shadow_fields(take);
        number(take, field::INDEX, self.event.map(|(index, _)| index));
        number(take, field::COUNT, Some(self.outcome.events.len()));
        text(take, field::REQUEST_ID, self.circumstances.request_id, TEXT);
        text(take, field::TRACEPARENT, self.circumstances.traceparent, TEXT);
    }

    fn event_fields(&self, take: &mut Take<'_>) {
        let Some(event) = self.judged() else { return };
        text(take, field::TYPE, Some(&event.event_type), NAME);
        text(take, field::ID, event.id.as_deref(), NAME);
        text(take, field::SOURCE, event.source.as_deref(), NAME);
        text(take, field::SUBJECT, event.subject.as_deref(), TEXT);
        text(take, field::EVENT_TIME, event.time.map(|time| time.to_string()).as_deref(), TEXT);
        text(take, field::TOPIC, event.topic.as_deref(), TEXT);
        text(take, field::DATA_SHA256, Some(&hex(&event.data_sha256)), TEXT);
        number(take, field::DATA_SIZE, Some(event.data_size));
    }

    fn publisher_fields(&self, take: &mut Take<'_>) {
        let publisher = self.judged().and_then(|event| event.publisher.as_ref()).or(self.outcome.publisher.as_ref());
        let token = publisher.and_then(Publisher::token);
        text(take, field::ISSUER, token.map(VerifiedToken::issuer_name), TEXT);
        text(take, field::ISSUER_URL, token.map(VerifiedToken::issuer), TEXT);
        text(take, field::PUBLISHER, publisher.map(Publisher::subject), TEXT);
        text(take, field::PEER, self.outcome.peer.as_deref(), TEXT);
    }

    fn signature_fields(&self, take: &mut Take<'_>) {
        let Some(signatures) = self.judged().map(|event| event.signatures.as_slice()) else { return };
        let named = || signatures.iter().take(SIGNATURES);
        list(take, field::KEY_IDS, named().map(|signature| Text::clean(signature.key_id(), TEXT)).collect());
        list(take, field::SCHEMES, named().map(|signature| Text::clean(scheme(signature.scheme()), TEXT)).collect());
        let coverage = named().filter_map(|signature| Some(Text::clean(signature.coverage()?.as_str(), TEXT)));
        list(take, field::COVERAGE, coverage.collect());
        let unsigned = signatures.iter().flat_map(VerifiedSignature::uncovered).take(UNSIGNED.0);
        list(take, field::UNSIGNED, unsigned.map(|name| Text::clean(name, UNSIGNED.1)).collect());
    }

    /// Where the shadow differs.
    fn shadow_fields(&self, take: &mut Take<'_>) {
        let difference = match self.judged() {
            Some(event) => event.shadow.as_deref(),
            None => self.outcome.shadow.as_deref(),
        };
        let Some(difference) = difference else { return };
        text(take, field::SHADOW_VERDICT, Some(difference.verdict()), TEXT);
        if let Some(refusal) = &difference.refusal {
            text(take, field::SHADOW_CODE, Some(refusal.code().as_str()), TEXT);
            text(take, field::SHADOW_DETAIL, Some(&refusal.to_string()), TEXT);
        }
    }

    fn place_fields(&self, take: &mut Take<'_>) {
        text(take, field::ROUTE, self.outcome.route.as_deref(), TEXT);
        text(take, field::PROTOCOL, self.outcome.protocol, TEXT);
        text(take, field::AUTHORITY, Some(self.circumstances.authority), TEXT);
        text(take, field::PATH_TEMPLATE, self.outcome.path_template.as_deref(), TEXT);
    }
}

fn text(take: &mut Take<'_>, field: &'static Field, text: Option<&str>, limit: usize) {
    if let Some(text) = text {
        take(field, Value::Text(Text::clean(text, limit)));
    }
}

fn number(take: &mut Take<'_>, field: &'static Field, number: Option<usize>) {
    if let Some(number) = number {
        take(field, Value::Number(u64::try_from(number).unwrap_or(u64::MAX)));
    }
}

fn list(take: &mut Take<'_>, field: &'static Field, texts: Vec<Text<'_>>) {
    if !texts.is_empty() {
        take(field, Value::List(texts));
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

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Call => "call",
        }
    }
}

/// The scheme as a policy writes it.
const fn scheme(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::HttpMessage => "http-message",
        Scheme::StandardWebhooks => "standard-webhooks",
        Scheme::Jws => "jws",
        Scheme::Hmac => "hmac",
        Scheme::Dsse => "dsse",
        Scheme::EventJws => "event-jws",
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(DIGITS.get(usize::from(digit)).copied().map_or('?', char::from));
        }
    }
    text
}

#[cfg(test)]
#[path = "record_tests.rs"]
pub(super) mod tests;
