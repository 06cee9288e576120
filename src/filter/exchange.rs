//! One call in the proxy as a small state machine: what the proxy tells of the call goes in, what the proxy should do comes out.
//! Knows nothing of the SDK; time, headers and body are handed in.

mod asking;
mod decide;
mod recording;
mod signed;
mod state;
mod trace;
mod undecided;
mod wait;

use std::cell::Cell;
use std::rc::Rc;

use crate::call::{Head, HeaderMap, Peer};
use crate::crypto::Crypto;
use crate::decision::{Outcome, Refusal, Verdict};
use crate::filter::metadata::MetadataError;
use crate::filter::quotas::Quotas;
use crate::filter::reply::Caller;
use crate::filter::step::{Command, Flow, Step};
use crate::filter::stream::{Bytes, Judged, Part, Stream};
use crate::identity::TokenCache;
use crate::inspect::{self, HeadMeans, Incoming, Means, Opened, Opening};
use crate::keyset;
use crate::ledger::{Grant, Store};
use crate::policy::{Batches, Hints, Hold, Policy};
use crate::protocol::ProtocolError;
use crate::signature::SignatureError;
use crate::time::Timestamp;
use decide::{At, CONTENT_LENGTH, PUBLISHER_HEADER, REFUSED_HEADER};
use recording::Records;
use signed::Whole;
use state::{Pause, State};
use undecided::in_every_mode;
use wait::{Came, Shown};

/// What every header of ours starts with. Callers' own are removed, whatever becomes of the call.
const OUR_HEADERS: &str = "x-eventguard-";

/// What judging needs besides the call.
pub struct Surroundings<'a> {
    /// What time it is.
    pub now: Timestamp,
    /// What is known of the sets that the policy fetches.
    pub keys: &'a mut keyset::Store,
    /// How many calls wait for them.
    pub waiting: usize,
    /// Tokens that were verified before.
    pub tokens: &'a mut TokenCache,
    /// Who verifies.
    pub crypto: &'a dyn Crypto,
    /// Where it is kept what was published before.
    pub store: &'a dyn Store,
}

impl<'a> Surroundings<'a> {
    pub(super) fn means(&self) -> Means<'a> {
        Means { now: self.now, crypto: self.crypto, store: self.store }
    }

    fn head_means(&mut self) -> HeadMeans<'_> {
        HeadMeans { now: self.now, tokens: self.tokens, crypto: self.crypto }
    }
}

/// What the proxy tells of a call's head.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// The header map; `None` where it could not be read.
    pub map: Option<HeaderMap>,
    /// What Envoy's route says; an error where that cannot be followed.
    pub hints: Result<Hints<'a>, MetadataError>,
    /// The peer.
    pub peer: Option<Peer>,
    /// Whether there is no body.
    pub end_of_stream: bool,
}

/// What the proxy tells of a call's body.
#[derive(Debug)]
pub struct Buffered {
    /// All of the body that the proxy holds; `None` where it could not be read.
    pub bytes: Option<Vec<u8>>,
    /// Whether the upstream was reached already, so that the call was not held back.
    pub upstream_reached: bool,
}

impl Buffered {
    /// Of a call without a body.
    const fn nothing() -> Self {
        Self { bytes: Some(Vec::new()), upstream_reached: false }
    }
}

/// One call.
#[derive(Debug)]
pub struct Exchange {
    policy: Rc<Policy>,
    caller: Caller,
    state: State,
    /// The refused events without which the call went on, for the caller.
    refused: Option<String>,
    /// What the events that went on were granted, and the upstream's answer confirms.
    grants: Vec<Grant>,
    /// The rates of which the caller is told.
    quotas: Quotas,
    /// The proxy's number of the question to the limiter.
    question: Option<u32>,
    records: Records,
    /// When its head came, until something was decided.
    arrived: Cell<Option<Timestamp>>,
}

impl Exchange {
    /// A call that nothing is known of.
    #[must_use]
    pub fn new(policy: Rc<Policy>) -> Self {
        Self {
            policy,
            caller: Caller::default(),
            state: State::New,
            refused: None,
            grants: Vec::new(),
            quotas: Quotas::default(),
            question: None,
            records: Records::default(),
            arrived: Cell::new(None),
        }
    }

    /// Says what the call is judged by from now on: the same policy, with what was fetched meanwhile.
    pub fn judged_by(&mut self, policy: &Rc<Policy>) {
        self.policy = Rc::clone(policy);
    }

    /// The request id and trace of the call, for its records.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether nothing was told of the call.
    #[must_use]
    pub fn is_new(&self) -> bool {
        matches!(self.state, State::New)
    }

    /// Whether nothing is left to decide, or nothing was begun.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        matches!(self.state, State::New | State::Passed | State::Refused)
    }

    /// Whether the call went on.
    #[must_use]
    pub fn went_on(&self) -> bool {
        matches!(self.state, State::Passed)
    }

    /// Whether somebody else has to say something first.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        matches!(self.state, State::Paused(_))
    }

    /// The call's messages, where it may have many.
    #[must_use]
    pub fn stream(&self) -> Option<&Stream> {
        if let State::Streaming(stream) = &self.state { Some(stream) } else { None }
    }

    /// The header of the upstream's answer that names the events without which the call went on.
    #[must_use]
    pub fn answer_header(&self) -> Option<(&'static str, &str)> {
        Some((REFUSED_HEADER, self.refused.as_deref()?))
    }

    /// The rates of which the caller is told, whoever answers the call.
    #[must_use]
    pub fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// Whether the call was answered here.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.state, State::Refused)
    }

    /// Whether the upstream's answer decides whether events count as published.
    #[must_use]
    pub fn awaits_an_answer(&self) -> bool {
        !self.grants.is_empty()
    }

    /// Whether the caller takes a status in trailers for the answer.
    #[must_use]
    pub fn is_grpc(&self) -> bool {
        self.caller.is_grpc()
    }

    /// The call has its answer, or its end: what is to be settled, once.
    pub fn answered(&mut self) -> Vec<Grant> {
        std::mem::take(&mut self.grants)
    }

    /// The most bytes of body that the policy reads.
    #[must_use]
    pub fn body_limit(&self) -> usize {
        self.policy.budget.body
    }

    /// The head of the call.
    pub fn head(&mut self, arrival: Arrival<'_>, with: &mut Surroundings<'_>) -> Step {
        let Arrival { map, hints, peer, end_of_stream } = arrival;
        self.arrived.set(Some(with.now));
        let mode = hints.as_ref().ok().and_then(|hints| hints.mode).unwrap_or(self.policy.mode);
        let refuse = |refusal| inspect::refuse(mode, peer.as_ref(), refusal);
        let Some(map) = map else {
            // What cannot be read cannot be changed.
            return self.decide(in_every_mode(refuse(Refusal::Unreadable)), Vec::new());
        };
        let came = Came::new(forged(&map), end_of_stream, with.now);
        let head = match Head::from_map(map) {
            Err(error) => return self.decide_of_head(refuse(error.into()), came),
            Ok(head) => head,
        };
        self.caller = Caller::of(&head);
        let Ok(hints) = hints else { return self.decide_of_head(refuse(Refusal::RouteSettings), came) };
        let opening = inspect::head(&self.policy, Incoming { head, hints, peer }, with.head_means());
        self.opened(opening, came, with)
    }

    /// What follows from the head; `came` is what the proxy has told with it.
    fn opened(&mut self, opening: Opening, came: Came, with: &mut Surroundings<'_>) -> Step {
        match opening {
            Opening::Wait(pending) => self.wait(*pending, came, with),
            Opening::Unguarded => {
                self.state = State::Passed;
                Step { commands: came.commands, ..Step::quiet(Flow::Continue) }
            }
            Opening::Decided(outcome) => self.decide_of_head(*outcome, came),
            Opening::Judge(opened) => self.hold(opened, came, with),
        }
    }

    fn decide_of_head(&mut self, outcome: Outcome, came: Came) -> Step {
        let mut commands = came.commands;
        self.remove_token(&mut commands);
        self.decide_with_headers(outcome, commands)
    }

    /// The head is in order.
    fn hold(&mut self, opened: Box<Opened>, came: Came, with: &mut Surroundings<'_>) -> Step {
        let Came { mut commands, end_of_stream, .. } = came;
        self.remove_token(&mut commands);
        commands.extend(opened.publisher().map(|publisher| Command::Set(PUBLISHER_HEADER, publisher.label().to_owned())));
        commands.extend(self.add_trace(&opened));
        let cache = opened.cache_use();
        if end_of_stream {
            let whole = Whole { opened, at: At::Head, since: with.now };
            return Step { cache, ..self.judge_whole(whole, Buffered::nothing(), commands, with) };
        }
        if self.policy.hold == Hold::Body && opened.batch() == Batches::DropRefused {
            // The head is gone when the body gets shorter. Envoy's buffer filter sets the length that is.
            commands.push(Command::Remove(CONTENT_LENGTH.to_owned()));
        }
        self.state = match opened.frames().cloned() {
            Some(frames) => State::Streaming(Stream::new(opened, frames)),
            None => State::Holding(opened),
        };
        let flow = match self.policy.hold {
            Hold::Headers => Flow::Pause,
            Hold::Body => Flow::Continue,
        };
        Step { commands, cache, ..Step::quiet(flow) }
    }

    /// A part of the body that is not its end; `held` is how many bytes the proxy holds by now. Without an outcome there is nothing to do.
    pub fn body_part(&mut self, held: usize) -> Step {
        if let State::Paused(Pause::Keys(waits)) = &mut self.state {
            waits.came.body = Shown::Part;
        }
        let limit = self.policy.budget.body;
        if held <= limit {
            return Step::quiet(self.state.flow());
        }
        let too_large = ProtocolError::TooLarge { limit };
        if let Some(Pause::Keys(waits)) = self.state.end_pause(|pause| matches!(pause, Pause::Keys(_))) {
            let outcome = waits.pending.refuse_for(&self.policy, too_large.into());
            return self.decide_of_head(outcome, waits.came);
        }
        match self.state.end_hold() {
            Some(opened) => {
                let outcome = opened.refuse(&self.policy, too_large.into());
                self.decide_after_body(outcome)
            }
            None => Step::quiet(self.state.flow()),
        }
    }

    /// A part of a stream's body, or its end. `held` is what the proxy holds; `None` where it does not hand it over.
    pub fn stream_part(&mut self, held: Option<&[u8]>, part: Part, with: &mut Surroundings<'_>) -> Step {
        let State::Streaming(stream) = &mut self.state else {
            return Step::quiet(self.state.flow());
        };
        let Some(held) = held else {
            let outcome = stream.opened().refuse(&self.policy, Refusal::Unreadable);
            return self.decide(outcome, Vec::new());
        };
        let Judged { mut outcomes, bytes, lost } = stream.judge(&self.policy, held, part, with);
        self.note_missing_keys(&outcomes, with);
        outcomes.iter_mut().for_each(|outcome| self.quotas.note(outcome));
        if let Some(last) = outcomes.pop_if(|last| last.verdict == Verdict::Refuse) {
            return self.end(outcomes, last);
        }
        if lost || part == Part::Last {
            self.state = State::Passed;
        }
        let (flow, commands) = match bytes {
            Bytes::Hold => (Flow::Pause, Vec::new()),
            Bytes::Pass => (Flow::Continue, Vec::new()),
            Bytes::Replace(bytes) => (Flow::Continue, vec![Command::Body(bytes)]),
        };
        Step { commands, outcomes, ..Step::quiet(flow) }
    }

    /// The end of the body: its last part, or the trailers behind it. `buffered` asks the proxy for the body, once.
    pub fn body_end(&mut self, buffered: impl FnOnce() -> Buffered, with: &mut Surroundings<'_>) -> Step {
        if let State::Paused(Pause::Keys(waits)) = &mut self.state {
            waits.came.body = Shown::Whole;
        }
        let Some(opened) = self.state.end_hold() else { return Step::quiet(self.state.flow()) };
        self.judge_whole(Whole { opened, at: At::Body, since: with.now }, buffered(), Vec::new(), with)
    }

    /// Keys of messages of a stream, which does not wait, that no set of signers has: the next call by them may find them.
    fn note_missing_keys(&self, outcomes: &[Outcome], with: &mut Surroundings<'_>) {
        let refusals = outcomes.iter().flat_map(|outcome| &outcome.events).filter_map(|event| event.refusal.as_ref());
        for refusal in refusals {
            let Refusal::Signature(SignatureError::UnknownKey(key)) = refusal else { continue };
            for signers in self.policy.signers.sets() {
                with.keys.miss(signers.set, key, with.now);
            }
        }
    }
}

/// Commands that remove what a caller sent under the names that only we may use.
fn forged(map: &HeaderMap) -> Vec<Command> {
    map.named(is_ours).map(|(name, _)| Command::Remove(name.to_owned())).collect()
}

/// Whether only we may use this name. Servers that hand headers on as variables, as CGI does (RFC 3875 section 4.1.18), tell `_`
/// and `-` not apart.
#[must_use]
pub fn is_ours(name: &[u8]) -> bool {
    let same = |(byte, ours): (&u8, u8)| *byte == ours || (*byte == b'_' && ours == b'-');
    name.len() >= OUR_HEADERS.len() && name.iter().zip(OUR_HEADERS.bytes()).all(same)
}
