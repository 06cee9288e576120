//! What was decided of one event into its record: who, what, where, what became of it and why, as an event of the Open Cybersecurity
//! Schema Framework (OCSF 1.9, class API Activity, `envoy/record.schema.json`). Every text that came from outside is bounded and cleaned
//! here, and nowhere else. There is no place in a record for a token, a key or an event's data.

use super::json::Writer;
use super::text::Text;
use super::trace::TraceContext;
use crate::decision::{Difference, JudgedEvent, Outcome, Refusal, Verdict};
use crate::identity::{Publisher, VerifiedToken};
use crate::rules::{Level, Recording};
use crate::signature::{Coverage, Scheme, VerifiedSignature};
use crate::time::Timestamp;

/// Bytes of a text from outside.
pub(super) const TEXT: usize = 256;
/// Bytes of what an event is found by: its type, id and source.
const NAME: usize = 512;
/// Signatures that a record names.
const SIGNATURES: usize = 8;
/// Unsigned extensions that a record names, and the bytes of each.
const UNSIGNED: (usize, usize) = (16, 64);

/// Bytes that a record takes as a rule: what is allocated at first.
const USUAL: usize = 1280;

/// What every record of ours says of itself behind its code: the version of the form (`log_version`), and who writes it.
pub(super) const PRODUCT: &str = concat!(
    r#","log_version":"1","product":{"name":"eventguard","vendor_name":"eventguard","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""},"profiles":["record_integrity","security_control","trace"]"#
);
/// The version of OCSF, behind that.
pub(super) const VERSION: &str = r#","version":"1.9.0"}"#;

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
    /// The number of the first record of this call that says what did not come true.
    pub untrue: Option<u64>,
}

/// A record's own id: the chain that it may be part of, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uid<'a> {
    /// The chain's id.
    pub chain: &'a str,
    /// The record's number.
    pub number: u64,
}

/// What the queue keeps room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The event was admitted.
    Admitted,
    /// The event was refused, or would have been.
    Refused,
}

/// A record as it is sent: canonical JSON (RFC 8785) in one line, without the attestation that a chain adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The JSON.
    pub json: String,
    /// Where the attestation goes.
    pub(super) gap: usize,
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

/// How OCSF says what became of an event: `action_id`, `disposition_id`, `severity_id`, `status_id`.
type Outcomes = [&'static str; 4];
const ALLOWED: Outcomes = ["1", "1", "1", "1"];
const BLOCKED: Outcomes = ["2", "2", "3", "2"];
const DETECTED: Outcomes = ["3", "15", "2", "1"];

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

    /// What became of the event, which goes where its call goes.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.outcome.verdict_of(self.judged())
    }

    /// What the queue keeps room for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.verdict() {
            Verdict::Admit => Kind::Admitted,
            Verdict::Refuse | Verdict::Observe => Kind::Refused,
        }
    }

    /// Whether it is kept: what was refused, or a shadow judges otherwise, always is, of what was admitted as much as its rule says. Only a
    /// sample asks for a random number; a caller who could guess it would choose what is not recorded.
    #[must_use]
    pub fn is_kept(&self, random: impl FnOnce() -> u64) -> bool {
        match (self.kind(), self.judged().map(|event| event.recording)) {
            _ if self.difference().is_some() => true,
            (Kind::Admitted, Some(Recording { level, one_in })) => {
                level != Level::None && (one_in <= 1 || random().is_multiple_of(one_in.into()))
            }
            (Kind::Admitted, None) | (Kind::Refused, _) => true,
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

    /// Whether the event, not its call or another event, is to blame for the refusal.
    #[must_use]
    pub fn is_to_blame(&self) -> bool {
        matches!(self.reason(), Some((_, Cause::Event)))
    }

    /// The record as it is sent.
    #[must_use]
    pub fn write(&self, uid: Option<Uid<'_>>) -> Written {
        let verdict = self.verdict();
        let [action, disposition, severity, status] = match verdict {
            Verdict::Admit => ALLOWED,
            Verdict::Refuse => BLOCKED,
            Verdict::Observe => DETECTED,
        };
        let mut json = Writer(String::with_capacity(USUAL));
        json.raw("{\"action_id\":");
        json.raw(action);
        json.raw(",\"activity_id\":1,\"actor\":{");
        self.write_actor(&mut json);
        json.raw("},\"api\":{\"operation\":\"publish\"");
        json.text(",\"request\":{\"uid\":", self.circumstances.request_id, TEXT, "}");
        json.text(",\"service\":{\"name\":", self.outcome.protocol, TEXT, "}");
        json.raw("},");
        let gap = json.0.len();
        json.raw("\"category_uid\":6,\"class_uid\":6003,\"disposition_id\":");
        json.raw(disposition);
        json.text(",\"dst_endpoint\":{\"hostname\":", filled(Some(self.circumstances.authority)), TEXT, "}");
        json.text(",\"firewall_rule\":{\"name\":", self.judged().and_then(|event| event.rule.as_deref()), TEXT, "}");
        json.text(",\"message\":", Some(&self.summary()), TEXT + NAME, "");
        json.raw(",\"metadata\":{");
        let untrue = self.circumstances.untrue.zip(uid).map(|(number, uid)| Uid { number, ..uid });
        write_uid(&mut json, "\"correlation_uid\":\"", untrue);
        json.raw(if untrue.is_some() { ",\"event_code\":\"verdict\"" } else { "\"event_code\":\"verdict\"" });
        json.raw(PRODUCT);
        write_uid(&mut json, ",\"uid\":\"", uid);
        json.raw(VERSION);
        json.text(",\"policy\":{\"uid\":", filled(Some(self.circumstances.policy)), TEXT, "}");
        self.write_resources(&mut json);
        json.raw(",\"severity_id\":");
        json.raw(severity);
        self.write_source(&mut json);
        if let Some((refusal, _)) = self.reason() {
            json.text(",\"status_code\":", Some(refusal.code().as_str()), TEXT, "");
            json.text(",\"status_detail\":", Some(&refusal.to_string()), TEXT, "");
        }
        json.raw(",\"status_id\":");
        json.raw(status);
        json.number(",\"time\":", millis(self.time()), "");
        if let Some(trace) = self.traceparent().and_then(TraceContext::parse) {
            json.hex(",\"trace\":{\"uid\":\"", &trace.trace_id, "\"}");
        }
        json.raw(",\"type_uid\":600301,\"unmapped\":{");
        self.write_unmapped(&mut json, verdict);
        json.raw("}}");
        Written { json: json.0, gap }
    }

    /// What OpenTelemetry's semantic conventions have a name for, and the verdict: what a log cluster indexes without reading the body.
    pub fn attributes(&self, take: &mut dyn FnMut(&'static str, Text<'_>)) {
        let mut text = |name, text: Option<&str>, limit| {
            if let Some(text) = text {
                take(name, Text::clean(text, limit));
            }
        };
        text("eventguard.verdict", Some(self.verdict().as_str()), TEXT);
        text("eventguard.code", self.reason().map(|(refusal, _)| refusal.code().as_str()), TEXT);
        if let Some(event) = self.judged() {
            text("cloudevents.event_type", Some(&event.event_type), NAME);
            text("cloudevents.event_id", event.id.as_deref(), NAME);
            text("cloudevents.event_source", event.source.as_deref(), NAME);
            text("cloudevents.event_subject", event.subject.as_deref(), TEXT);
            text("messaging.destination.name", event.topic.as_deref(), TEXT);
        }
        text("user.id", self.publisher().map(Publisher::subject), TEXT);
        text("http.route", self.outcome.path_template.as_deref(), TEXT);
    }

    /// One line for a reader: `refuse rule.publisher com.shop.order.ItemShipped`.
    fn summary(&self) -> String {
        let mut line = self.verdict().as_str().to_owned();
        let code = self.reason().map(|(refusal, _)| refusal.code().as_str());
        for word in [code, self.judged().map(|event| event.event_type.as_str())].into_iter().flatten() {
            line.push(' ');
            line.push_str(word);
        }
        line
    }

    fn judged(&self) -> Option<&'a JudgedEvent> {
        self.event.map(|(_, event)| event)
    }

    fn reason(&self) -> Option<(&'a Refusal, Cause)> {
        let is_own = self.judged().is_some_and(|event| event.refusal.is_some());
        self.outcome.reason_of(self.judged()).map(|refusal| (refusal, if is_own { Cause::Event } else { Cause::Call }))
    }

    fn publisher(&self) -> Option<&'a Publisher> {
        self.judged().and_then(|event| event.publisher.as_ref()).or(self.outcome.publisher.as_ref())
    }

    fn write_actor(&self, json: &mut Writer) {
        let publisher = self.publisher();
        if let Some(token) = publisher.and_then(Publisher::token) {
            json.text("\"idp\":{\"issuer\":", Some(VerifiedToken::issuer(token)), TEXT, "");
            json.text(",\"name\":", Some(VerifiedToken::issuer_name(token)), TEXT, "},");
        }
        match publisher {
            Some(publisher) => json.text("\"user\":{\"uid\":", Some(publisher.subject()), TEXT, "}"),
            // An actor there must be. A publisher's name is its `uid`, so nobody can be called so.
            None => json.raw("\"user\":{\"name\":\"unknown\",\"type_id\":0}"),
        }
    }

    fn write_source(&self, json: &mut Writer) {
        json.raw(",\"src_endpoint\":{");
        match (self.outcome.peer.as_deref(), self.publisher()) {
            (Some(peer), _) => json.text("\"uid\":", Some(peer), TEXT, "}"),
            (None, Some(publisher)) => json.text("\"svc_name\":", Some(publisher.subject()), TEXT, "}"),
            (None, None) => json.raw("\"name\":\"unknown\"}"),
        }
    }

    fn write_resources(&self, json: &mut Writer) {
        let Some(event) = self.judged() else { return };
        json.text(",\"resources\":[{\"name\":", Some(&event.event_type), NAME, "");
        json.text(",\"namespace\":", event.source.as_deref(), NAME, "");
        json.raw(",\"type\":\"event\"");
        json.text(",\"uid\":", event.id.as_deref(), NAME, "");
        json.text("},{\"name\":", event.topic.as_deref(), TEXT, ",\"type\":\"topic\"");
        json.raw("}]");
    }

    /// What OCSF has no name for.
    fn write_unmapped(&self, json: &mut Writer, verdict: Verdict) {
        let event = self.judged();
        json.text("\"cause\":", self.reason().map(|(_, cause)| cause.as_str()), TEXT, ",");
        json.number("\"count\":", whole(self.outcome.events.len()), ",");
        let signatures = event.map(|event| event.signatures.as_slice()).unwrap_or_default();
        let named = || signatures.iter().take(SIGNATURES);
        let coverage = named().filter_map(VerifiedSignature::coverage).map(Coverage::as_str);
        json.list("\"coverage\":[", coverage, TEXT, "],");
        if let Some(event) = event {
            if let Some(sha256) = &event.data_sha256 {
                json.hex("\"data_sha256\":\"", sha256, "\",");
            }
            json.number("\"data_size\":", whole(event.data_size), ",");
            json.raw(if event.deprecated { "\"deprecated\":true," } else { "" });
            if let Some(time) = event.time {
                json.raw("\"event_time\":\"");
                time.write_to(&mut json.0);
                json.raw("\",");
            }
        }
        if let Some((index, _)) = self.event {
            json.number("\"index\":", whole(index), ",");
        }
        json.list("\"key_ids\":[", named().map(VerifiedSignature::key_id), TEXT, "],");
        if let Some(missing @ 1..) = event.map(|event| event.missing) {
            json.number("\"missing\":", missing, ",");
        }
        json.text("\"mode\":", Some(self.outcome.mode.as_str()), TEXT, ",");
        json.text("\"path_template\":", self.outcome.path_template.as_deref(), TEXT, ",");
        json.text("\"route\":", self.outcome.route.as_deref(), TEXT, ",");
        if let (Some(one_in @ 2..), Verdict::Admit) = (event.map(|event| event.recording.one_in), verdict) {
            json.number("\"sample\":", one_in.into(), ",");
        }
        json.list("\"schemes\":[", named().map(|signature| scheme(signature.scheme())), TEXT, "],");
        self.write_shadow(json);
        json.text("\"subject\":", event.and_then(|event| event.subject.as_deref()), TEXT, ",");
        json.text("\"traceparent\":", self.circumstances.traceparent, TEXT, ",");
        let unsigned = signatures.iter().flat_map(VerifiedSignature::uncovered).map(String::as_str).take(UNSIGNED.0);
        json.list("\"unsigned\":[", unsigned, UNSIGNED.1, "],");
        json.text("\"verdict\":", Some(verdict.as_str()), TEXT, "");
    }

    /// Where the shadow differs.
    fn write_shadow(&self, json: &mut Writer) {
        let Some(difference) = self.difference() else { return };
        let refusal = difference.refusal.as_ref();
        json.text("\"shadow_code\":", refusal.map(|refusal| refusal.code().as_str()), TEXT, ",");
        json.text("\"shadow_detail\":", refusal.map(ToString::to_string).as_deref(), TEXT, ",");
        json.text("\"shadow_verdict\":", Some(difference.verdict()), TEXT, ",");
    }

    fn difference(&self) -> Option<&'a Difference> {
        match self.judged() {
            Some(event) => event.shadow.as_deref(),
            None => self.outcome.shadow.as_deref(),
        }
    }
}

/// Writes `before`, the id of a record and a quote.
pub(super) fn write_uid(json: &mut Writer, before: &str, uid: Option<Uid<'_>>) {
    if let Some(Uid { chain, number }) = uid {
        json.raw(before);
        json.raw(chain);
        json.number("-", number, "\"");
    }
}

/// Milliseconds since 1970, as OCSF tells time. No record is from before; a proxy whose clock says so says nothing.
pub(super) fn millis(time: Timestamp) -> u64 {
    u64::try_from(time.unix_nanos() / 1_000_000).unwrap_or(0)
}

fn whole(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A text that says something.
pub(super) fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
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

#[cfg(test)]
#[path = "record_tests.rs"]
pub(super) mod tests;
