//! One call in the proxy as a small state machine: what the proxy tells of the call goes in, what the proxy should do comes out.
//! Knows nothing of the proxy's calls; time, headers and body are handed in.

mod asking;
mod wait;

use std::cell::Cell;
use std::rc::Rc;

use crate::call::{Head, HeaderMap, Peer};
use crate::crypto::Crypto;
use crate::decision::{Outcome, Refusal, Verdict};
use crate::filter::reply::{Caller, Reply, refused_header};
use crate::filter::step::{Command, Flow, Step};
use crate::filter::stream::{Bytes, Judged, Part, Stream};
use crate::identity::{Forward, TokenCache};
use crate::inspect::{self, HeadMeans, Incoming, Means, Opened, Opening};
use crate::keyset;
use crate::ledger::{Grant, Store};
use crate::policy::{Batches, Hints, Hold, Policy};
use crate::protocol::ProtocolError;
use crate::rules::Mode;
use crate::signature::SignatureError;
use crate::time::Timestamp;
use asking::{Asking, At};
use wait::{Came, Shown, Waits};

/// What every header of ours starts with. Callers' own are removed, whatever becomes of the call.
const OUR_HEADERS: &str = "x-eventguard-";
const PUBLISHER_HEADER: &str = "x-eventguard-publisher";
const VERDICT_HEADER: &str = "x-eventguard-verdict";
const REFUSED_HEADER: &str = "x-eventguard-refused";

const CONTENT_LENGTH: &str = "content-length";

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

impl Surroundings<'_> {
    pub(super) fn means(&self) -> Means<'_> {
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
    /// What Envoy's route says.
    pub hints: Hints<'a>,
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
    /// The proxy's number of the question to the limiter.
    question: Option<u32>,
    /// The number of the first record of what went on, and how many there are.
    admitted: Cell<Option<(u64, u64)>>,
}

#[derive(Debug)]
enum State {
    /// Nothing was told yet.
    New,
    /// The head cannot be judged without what may be fetched yet.
    Waiting(Box<Waits>),
    /// The head was in order; the body decides.
    Holding(Box<Opened>),
    /// The head was in order; each message is judged as it comes.
    Streaming(Stream),
    /// The call would go on, and waits for the limiter.
    Asking(Box<Asking>),
    /// The call goes on.
    Passed,
    /// The call was answered.
    Refused,
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
            question: None,
            admitted: Cell::new(None),
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

    /// What went on has a record of that number.
    pub fn record_admitted(&self, number: u64) {
        let (first, count) = self.admitted.get().unwrap_or((number, 0));
        self.admitted.set(Some((first, count + 1)));
    }

    /// The number of the first record of what went on, and how many there are.
    #[must_use]
    pub fn admitted(&self) -> Option<(u64, u64)> {
        self.admitted.get()
    }

    /// Whether the body is waited for, of which nothing was judged yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.undecided().is_some()
    }

    /// A call of which nothing was judged but its head.
    fn undecided(&self) -> Option<&Opened> {
        match &self.state {
            State::Holding(opened) => Some(opened),
            State::Streaming(stream) if !stream.has_begun() => Some(stream.opened()),
            State::Streaming(_) | State::New | State::Waiting(_) | State::Asking(_) | State::Passed | State::Refused => None,
        }
    }

    fn refuse_undecided(&self, refusal: Refusal) -> Option<Outcome> {
        match &self.state {
            State::Waiting(waits) => Some(waits.pending.refuse_for(&self.policy, refusal)),
            State::Holding(_) | State::Streaming(_) | State::New | State::Asking(_) | State::Passed | State::Refused => {
                Some(self.undecided()?.refuse(&self.policy, refusal))
            }
        }
    }

    /// The call's messages, where it may have many.
    #[must_use]
    pub fn stream(&self) -> Option<&Stream> {
        match &self.state {
            State::Streaming(stream) => Some(stream),
            State::Holding(_) | State::New | State::Waiting(_) | State::Asking(_) | State::Passed | State::Refused => None,
        }
    }

    /// The header of the upstream's answer that names the events without which the call went on.
    #[must_use]
    pub fn answer_header(&self) -> Option<(&'static str, &str)> {
        Some((REFUSED_HEADER, self.refused.as_deref()?))
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
        let commands = map.as_ref().map(forged).unwrap_or_default();
        let mode = hints.mode.unwrap_or(self.policy.mode);
        let head = match map.map(Head::from_map) {
            None => return self.decide(inspect::refuse(mode, peer.as_ref(), Refusal::Unreadable), commands),
            Some(Err(error)) => return self.decide(inspect::refuse(mode, peer.as_ref(), error.into()), commands),
            Some(Ok(head)) => head,
        };
        self.caller = Caller::of(&head);
        let opening = inspect::head(&self.policy, Incoming { head, hints, peer }, with.head_means());
        self.opened(opening, Came::new(commands, end_of_stream, with.now), with)
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
    fn hold(&mut self, opened: Box<Opened>, came: Came, with: &Surroundings<'_>) -> Step {
        let Came { mut commands, end_of_stream, .. } = came;
        self.remove_token(&mut commands);
        commands.extend(opened.publisher().map(|publisher| Command::Set(PUBLISHER_HEADER, publisher.label())));
        let cache = opened.cache_use();
        if end_of_stream {
            let outcome = inspect::body(&self.policy, &opened, &[], with.means());
            return Step { cache, ..self.conclude(opened, outcome, Vec::new(), At::Head, commands) };
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
        let too_large = || ProtocolError::TooLarge { limit: self.policy.budget.body }.into();
        match &mut self.state {
            State::Holding(opened) if held > self.policy.budget.body => {
                let outcome = opened.refuse(&self.policy, too_large());
                self.decide_after_body(outcome)
            }
            State::Waiting(waits) if held > self.policy.budget.body => {
                let outcome = waits.pending.refuse_for(&self.policy, too_large());
                self.decide(outcome, Vec::new())
            }
            State::Waiting(waits) => {
                waits.came.body = Shown::Part;
                Step::quiet(Flow::Pause)
            }
            State::Holding(_) | State::Streaming(_) | State::Asking(_) | State::Refused | State::New => Step::quiet(Flow::Pause),
            State::Passed => Step::quiet(Flow::Continue),
        }
    }

    /// A part of a stream's body, or its end. `held` is what the proxy holds; `None` where it does not hand it over.
    pub fn stream_part(&mut self, held: Option<&[u8]>, part: Part, with: &mut Surroundings<'_>) -> Step {
        let State::Streaming(stream) = &mut self.state else {
            return Step::quiet(if matches!(self.state, State::Passed) { Flow::Continue } else { Flow::Pause });
        };
        let Some(held) = held else {
            let outcome = stream.opened().refuse(&self.policy, Refusal::Unreadable);
            return self.decide(outcome, Vec::new());
        };
        let Judged { mut outcomes, bytes, lost } = stream.judge(&self.policy, held, part, with);
        self.note_missing_keys(&outcomes, with);
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
        let opened = match std::mem::replace(&mut self.state, State::Refused) {
            State::Holding(opened) => opened,
            State::Waiting(mut waits) => {
                waits.came.body = Shown::Whole;
                self.state = State::Waiting(waits);
                return Step::quiet(Flow::Pause);
            }
            State::Passed => {
                self.state = State::Passed;
                return Step::quiet(Flow::Continue);
            }
            other @ (State::Streaming(_) | State::Asking(_) | State::Refused | State::New) => {
                self.state = other;
                return Step::quiet(Flow::Pause);
            }
        };
        let Buffered { bytes, upstream_reached } = buffered();
        let outcome = match (&bytes, upstream_reached) {
            (_, true) => opened.refuse(&self.policy, Refusal::HoldMissing),
            (None, false) => opened.refuse(&self.policy, Refusal::Unreadable),
            (Some(bytes), false) => inspect::body(&self.policy, &opened, bytes, with.means()),
        };
        self.note_missing_keys(std::slice::from_ref(&outcome), with);
        self.conclude(opened, outcome, bytes.unwrap_or_default(), At::Body, Vec::new())
    }

    /// Keys of signatures that no set of signers has: the next call by them may find them.
    fn note_missing_keys(&self, outcomes: &[Outcome], with: &mut Surroundings<'_>) {
        let refusals = outcomes.iter().flat_map(|outcome| &outcome.events).filter_map(|event| event.refusal.as_ref());
        for refusal in refusals {
            let Refusal::Signature(SignatureError::UnknownKey(key)) = refusal else { continue };
            for signers in self.policy.signers.sets() {
                with.keys.miss(signers.set, key, with.now);
            }
        }
    }

    /// The proxy holds the call as it should not: the body never comes, though the head was held back for it.
    pub fn hold_failed(&mut self) -> Step {
        match self.undecided() {
            Some(opened) => {
                let outcome = opened.refuse(&self.policy, Refusal::HoldMissing);
                self.decide(outcome, Vec::new())
            }
            None => Step::quiet(Flow::Pause),
        }
    }

    /// The call has ended. Where nothing was decided, that it was broken off is what is recorded.
    pub fn broken_off(&mut self, means: Means<'_>) -> Step {
        match self.give_up(means).or_else(|| self.refuse_undecided(Refusal::BrokenOff)) {
            Some(outcome) => {
                self.state = State::Refused;
                Step { outcomes: vec![outcome], ..Step::quiet(Flow::Pause) }
            }
            None => Step::quiet(Flow::Pause),
        }
    }

    /// The proxy did not let the headers be changed: the token, or forged headers of ours, would go on with the call. It does not,
    /// whatever was decided before (`outcomes`) and whatever the mode.
    pub fn head_is_gone(&mut self, mut outcomes: Vec<Outcome>) -> Step {
        self.refused = None;
        let undecided = || self.refuse_undecided(Refusal::HoldMissing);
        let nobody = || inspect::refuse(self.policy.mode, None, Refusal::HoldMissing);
        let last = outcomes.pop().or_else(undecided).unwrap_or_else(nobody);
        let refused = |outcome| Outcome { verdict: Verdict::Refuse, refusal: Some(Refusal::HoldMissing), ..outcome };
        self.end(outcomes.into_iter().map(refused).collect(), refused(last))
    }

    /// Ends the call with its last outcome, a refusal; the others are of messages that came with it.
    fn end(&mut self, mut outcomes: Vec<Outcome>, last: Outcome) -> Step {
        let end = self.decide(last, Vec::new());
        outcomes.extend(end.outcomes);
        Step { outcomes, ..end }
    }

    /// Headers can be changed behind the body only where they were held back for it.
    fn decide_after_body(&mut self, mut outcome: Outcome) -> Step {
        let rest = outcome.rest.take();
        let mut commands = Vec::new();
        if let Some(rest) = rest {
            self.refused = Some(refused_header(&outcome.events));
            if self.policy.hold == Hold::Headers {
                commands.push(Command::Set(CONTENT_LENGTH, rest.len().to_string()));
            }
            commands.push(Command::Body(rest));
        }
        match self.policy.hold {
            Hold::Headers => self.decide_with_headers(outcome, commands),
            Hold::Body => self.decide(outcome, commands),
        }
    }

    fn decide_with_headers(&mut self, outcome: Outcome, mut commands: Vec<Command>) -> Step {
        if outcome.verdict != Verdict::Refuse {
            commands.extend(outcome.publisher.as_ref().map(|publisher| Command::Set(PUBLISHER_HEADER, publisher.label())));
            if outcome.mode == Mode::Observe || outcome.verdict == Verdict::Observe {
                commands.push(Command::Set(VERDICT_HEADER, outcome.verdict.as_str().to_owned()));
            }
        }
        self.decide(outcome, commands)
    }

    fn decide(&mut self, mut outcome: Outcome, mut commands: Vec<Command>) -> Step {
        let refused = outcome.verdict == Verdict::Refuse;
        self.grants.extend(outcome.take_grants().into_iter().filter(Grant::awaits_an_answer));
        if refused {
            commands.clear();
            commands.extend(Reply::to(&self.caller, &outcome, &self.policy).map(Command::Reply));
        }
        self.state = if refused { State::Refused } else { State::Passed };
        let flow = if refused { Flow::Pause } else { Flow::Continue };
        Step { commands, outcomes: vec![outcome], ..Step::quiet(flow) }
    }

    fn remove_token(&self, commands: &mut Vec<Command>) {
        if self.policy.token.forward == Forward::Remove {
            commands.push(Command::Remove(self.policy.token.header.clone()));
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
