//! What was found of a call into what becomes of it: by its head, or by each of its events, all of them or what is left where refused ones
//! may be left out.

use super::{CallStage, Opened};
use crate::call::{Peer, cut};
use crate::crypto::sha256;
use crate::decision::{JudgedEvent, Outcome, Refusal, Verdict, verdict};
use crate::identity::Publisher;
use crate::policy::Route;
use crate::protocol::Event;
use crate::rules::{Level, Mode, Rule};
use crate::signature::VerifiedSignature;

/// What an outside string may take of an outcome, in bytes.
const SUMMARY: usize = 1024;

/// How many events may be left out of a call: as many as the answer can name.
const LEFT_OUT: usize = 500;

/// The outcome of a call that could not even be looked at.
#[must_use]
pub fn refuse(mode: Mode, peer: Option<&Peer>, refusal: Refusal) -> Outcome {
    Refused { mode, route: None, peer }.with(refusal)
}

/// What is known of a call that its head refused.
pub(super) struct Refused<'a> {
    pub mode: Mode,
    pub route: Option<&'a Route>,
    pub peer: Option<&'a Peer>,
}

impl Refused<'_> {
    pub fn with(&self, refusal: Refusal) -> Outcome {
        Outcome {
            verdict: verdict(self.mode, Some(&refusal)),
            refusal: Some(refusal),
            mode: self.mode,
            route: self.route.map(|route| route.name.clone()),
            path_template: self.route.and_then(Route::path_template),
            protocol: self.route.map(|route| route.protocol.name()),
            publisher: None,
            peer: self.peer.and_then(Peer::uri).map(str::to_owned),
            events: Vec::new(),
            rest: None,
            shadow: None,
            shadow_grants: Vec::new(),
        }
    }
}

impl CallStage<'_> {
    /// A call is refused whole if any of its events is.
    pub(super) fn sum_up(&self, events: Vec<JudgedEvent>) -> Outcome {
        let (verdict, refusal) = first_refusal(events.iter());
        let publisher = self.opened.publisher.clone().or_else(|| common_publisher(events.iter()));
        Outcome {
            verdict,
            refusal,
            mode: self.opened.mode,
            route: Some(self.route.name.clone()),
            path_template: self.route.path_template(),
            protocol: Some(self.route.protocol.name()),
            publisher,
            peer: self.opened.peer.as_ref().and_then(Peer::uri).map(str::to_owned),
            events,
            rest: None,
            shadow: None,
            shadow_grants: Vec::new(),
        }
    }

    /// A call goes on without its refused events, where that leaves some and the body was not signed as a whole.
    pub(super) fn without_refused(&self, outcome: Outcome, body: &[u8]) -> Outcome {
        let Opened { form, head, publisher, .. } = self.opened;
        let refused: Vec<bool> = outcome.events.iter().map(|event| event.verdict == Verdict::Refuse).collect();
        let count = refused.iter().filter(|refused| **refused).count();
        if count == 0 || count == refused.len() || count > LEFT_OUT || is_signed_whole(&outcome.events) {
            return outcome;
        }
        let Some(rest) = self.route.protocol.without(*form, head, body, &refused, &self.policy.budget) else { return outcome };
        let others = || outcome.events.iter().filter(|event| event.verdict != Verdict::Refuse);
        let (verdict, refusal) = first_refusal(others());
        let publisher = publisher.clone().or_else(|| common_publisher(others()));
        Outcome { verdict, refusal, publisher, rest: Some(rest), ..outcome }
    }
}

/// What becomes of a call with these events, and for the first reason in the order of the checks.
fn first_refusal<'e>(events: impl Iterator<Item = &'e JudgedEvent>) -> (Verdict, Option<Refusal>) {
    let first = events.filter(|event| event.refusal.is_some()).min_by_key(|event| {
        (event.verdict != Verdict::Refuse, !matches!(event.refusal, Some(Refusal::Call(_) | Refusal::Signature(_))))
    });
    first.map_or((Verdict::Admit, None), |event| (event.verdict, event.refusal.clone()))
}

/// Who publishes all of these events, where that is one.
fn common_publisher<'e>(mut events: impl Iterator<Item = &'e JudgedEvent>) -> Option<Publisher> {
    let first = events.next()?.publisher.as_ref()?;
    events.all(|event| event.publisher.as_ref().is_some_and(|other| other.subject() == first.subject())).then(|| first.clone())
}

/// Whether a signature covers more than one of these events.
pub(super) fn is_signed_whole(events: &[JudgedEvent]) -> bool {
    events.iter().flat_map(|event| &event.signatures).any(|signature| !signature.scheme().is_of_an_event())
}

pub(super) fn summarize(
    event: &Event<'_>,
    rule: Option<&Rule>,
    signatures: Vec<VerifiedSignature>,
    mode: Mode,
    refusal: Option<Refusal>,
) -> JudgedEvent {
    let text = |text: &str| cut(text, SUMMARY).to_owned();
    let recording = rule.map(|rule| rule.recording).unwrap_or_default();
    JudgedEvent {
        verdict: verdict(mode, refusal.as_ref()),
        refusal,
        publisher: None,
        rule: rule.map(|rule| rule.event_type.clone()),
        event_type: text(&event.event_type),
        id: event.id.as_deref().map(text),
        source: event.source.as_deref().map(text),
        subject: event.subject.as_deref().map(text),
        time: event.time.as_ref().map(|time| time.at),
        topic: event.topic.as_deref().map(text),
        data_sha256: (recording.level == Level::Digest).then(|| sha256(event.data.bytes())),
        data_size: event.data.bytes().len(),
        signatures,
        deprecated: false,
        missing: 0,
        recording,
        grants: Vec::new(),
        counters: Vec::new(),
        quotas: Vec::new(),
        mode,
        shadow: None,
    }
}
