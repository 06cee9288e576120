//! The whole path; read this first. A call comes in two parts, as a proxy sees it: [`head`] judges what the headers say, and
//! [`body`] what the complete body says. The order of the checks is that of the functions' lines, cheap before dear, and nobody
//! without a valid token reaches a parser.

mod event;
mod limit;
mod opened;
mod pending;
mod remember;
mod shadow;
mod summary;

use std::cell::RefCell;

use crate::budget::Checks;
use crate::call::{Head, Peer};
use crate::crypto::Crypto;
use crate::decision::{JudgedEvent, Outcome, Refusal, Verdict};
use crate::identity::{self, CacheUse, Publisher, TokenCache};
use crate::ledger::Store;
use crate::policy::{Access, Batches, Hints, Messages, Policy, Route, Unmatched};
use crate::protocol::grpc::Frames;
use crate::protocol::{self, Event, Form, ProtocolError};
use crate::rules::{JsonData, Mode};
use crate::signature::{self, Sent};
use crate::time::Timestamp;
pub use limit::{limit, question, unfinished};
pub use opened::Opened;
pub use pending::Pending;
use summary::Refused;
pub use summary::refuse;

/// What the head of a call led to.
#[derive(Debug)]
pub enum Opening {
    /// No route matches, and the policy lets such calls pass.
    Unguarded,
    /// The head is in order; the body decides.
    Judge(Box<Opened>),
    /// The head cannot be judged without what may be fetched yet: see [`Pending`].
    Wait(Box<Pending>),
    /// The head decided.
    Decided(Box<Outcome>),
}

/// A call as it comes in: its head, and what the proxy says of it.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// The head.
    pub head: Head,
    /// What Envoy's route says.
    pub hints: Hints<'a>,
    /// The peer.
    pub peer: Option<Peer>,
}

/// What judging a head needs besides the call and the policy.
pub struct HeadMeans<'a> {
    /// What time it is.
    pub now: Timestamp,
    /// Tokens that were verified before.
    pub tokens: &'a mut TokenCache,
    /// Who verifies.
    pub crypto: &'a dyn Crypto,
}

impl HeadMeans<'_> {
    /// The same for the policy that is judged beside the first one.
    fn beside(&mut self) -> HeadMeans<'_> {
        HeadMeans { tokens: self.tokens.beside(), ..*self }
    }
}

/// Judges the head of a call: route, headers and declared size, token.
pub fn head(policy: &Policy, call: Incoming<'_>, mut means: HeadMeans<'_>) -> Opening {
    let Some(second) = policy.shadow.as_deref() else { return judge_head(policy, call, &mut means) };
    let again = Incoming { head: call.head.clone(), peer: call.peer.clone(), ..call };
    let shadow = judge_head(second, again, &mut means.beside());
    shadow::beside(second, judge_head(policy, call, &mut means), shadow)
}

fn judge_head(policy: &Policy, call: Incoming<'_>, means: &mut HeadMeans<'_>) -> Opening {
    let Incoming { head, hints, peer } = call;
    let mode = hints.mode.unwrap_or(policy.mode);
    let Some(matched) = policy.routes.find(&head, &hints) else {
        // A route that Envoy's metadata names was meant to be guarded, also where the policy does not have it.
        return match (policy.unmatched, hints.route) {
            (Unmatched::Pass, None) => Opening::Unguarded,
            (Unmatched::Refuse, _) | (Unmatched::Pass, Some(_)) => {
                Opening::Decided(Box::new(refuse(mode, peer.as_ref(), Refusal::UnmatchedRoute)))
            }
        };
    };
    let (route, topic) = (matched.index, matched.topic.map(Into::into));
    Arrived { head, peer, route, topic, mode }.judge(policy, means)
}

/// A call whose route is known.
#[derive(Debug)]
struct Arrived {
    head: Head,
    peer: Option<Peer>,
    route: usize,
    topic: Option<String>,
    mode: Mode,
}

impl Arrived {
    fn judge(self, policy: &Policy, means: &mut HeadMeans<'_>) -> Opening {
        let Some(route) = policy.routes.get(self.route) else {
            return Opening::Decided(Box::new(self.refuse(policy, Refusal::UnmatchedRoute)));
        };
        match self.admit(policy, route, means) {
            Ok(Admitted { form, frames, publisher, cache }) => {
                let Self { head, peer, route: index, topic, mode } = self;
                let batch = route.batch;
                Opening::Judge(Box::new(Opened {
                    head,
                    peer,
                    route: index,
                    topic,
                    form,
                    batch,
                    mode,
                    publisher,
                    cache,
                    checks: Checks::made(usize::from(cache == Some(CacheUse::Miss))),
                    frames,
                    asked: RefCell::default(),
                    shadow: None,
                }))
            }
            Err(refusal) if refusal.wants().is_some() => Opening::Wait(Box::new(Pending::new(self, refusal))),
            Err(refusal) => Opening::Decided(Box::new(self.refuse(policy, refusal))),
        }
    }

    fn admit(&self, policy: &Policy, route: &Route, means: &mut HeadMeans<'_>) -> Result<Admitted, Refusal> {
        let Self { head, peer, .. } = self;
        head.check_once(&|name| reads(policy, route, name))?;
        let form = route.protocol.form(head)?;
        let streams = matches!((form, route.messages), (Form::Grpc(_), Messages::Many));
        if !streams {
            protocol::declared(head, &policy.budget)?;
        }
        policy.revoked.missing().map_or(Ok(()), |set| Err(Refusal::NotFetched(set)))?;
        let (publisher, cache) = match route.access {
            Access::Anonymous => (None, None),
            Access::Token => {
                let token = identity::bearer(head, &policy.token)?;
                let (publisher, cache) = means.tokens.verify(token, &policy.issuers, means.now, means.crypto);
                let publisher = publisher?;
                identity::check_binding(&publisher, peer.as_ref())?;
                identity::check_revoked(&publisher, &policy.revoked)?;
                (Some(publisher), Some(cache))
            }
        };
        // Nobody without a token learns more of what is read here.
        protocol::readable(head, form)?;
        let frames = streams.then(|| Frames::of(head, None, &policy.budget)).transpose()?;
        Ok(Admitted { form, frames, publisher, cache })
    }

    fn refuse(&self, policy: &Policy, refusal: Refusal) -> Outcome {
        Refused { mode: self.mode, route: policy.routes.get(self.route), peer: self.peer.as_ref() }.with(refusal)
    }
}

/// Whether a stage reads the header of that name, whichever it is and whether or not the call comes to it.
fn reads(policy: &Policy, route: &Route, name: &[u8]) -> bool {
    route.protocol.reads(name) || policy.signatures.reads(name) || (route.access == Access::Token && policy.token.reads(name))
}

struct Admitted {
    form: Form,
    frames: Option<Frames>,
    publisher: Option<Publisher>,
    cache: Option<CacheUse>,
}

/// What judging needs besides the call and the policy.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// What time it is.
    pub now: Timestamp,
    /// Who verifies.
    pub crypto: &'a dyn Crypto,
    /// Where it is kept what was published before.
    pub store: &'a dyn Store,
}

/// Judges the complete body of a call, as it was sent. What its events were granted is to be settled: see [`Outcome::take_grants`].
#[must_use]
pub fn body(policy: &Policy, opened: &Opened, body: &[u8], means: Means<'_>) -> Outcome {
    // Who never waits gets an outcome.
    let unread = || opened.refuse(policy, Refusal::Unreadable);
    body_or_wait(policy, opened, body, means, &mut |_| false).unwrap_or_else(unread)
}

/// The same, where an event may be refused for want of a key that is on its way. Whether the call waits for it is what `may_wait` says of
/// the refusal; `None` where it does: nothing was asked of the ledger, and the body is to be judged again.
#[must_use]
pub fn body_or_wait(
    policy: &Policy,
    opened: &Opened,
    body: &[u8],
    means: Means<'_>,
    may_wait: &mut dyn FnMut(&Refusal) -> bool,
) -> Option<Outcome> {
    let outcome = judge_body(policy, opened, body, means, may_wait)?;
    Some(match policy.shadow.as_deref().zip(opened.shadow.as_deref()) {
        Some((second, opening)) => shadow::body(second, opening, outcome, body, means),
        None => outcome,
    })
}

fn judge_body(
    policy: &Policy,
    opened: &Opened,
    body: &[u8],
    means: Means<'_>,
    may_wait: &mut dyn FnMut(&Refusal) -> bool,
) -> Option<Outcome> {
    let crypto = opened.checks.bounded(means.crypto, policy.budget.checks);
    let call = match CallStage::of(policy, opened, Means { crypto: &crypto, ..means }) {
        Ok(call) => call,
        Err(refusal) => return Some(opened.refuse(policy, refusal)),
    };
    let judged = match &opened.frames {
        Some(frames) => call.every_message(body, frames.clone()).map(Some),
        None => call.whole(body, may_wait),
    };
    Some(call.settle_batch(call.conclude(judged.transpose()?), body))
}

/// Judges one message of a gRPC call that may have many.
#[must_use]
pub fn message(policy: &Policy, opened: &Opened, message: &[u8], means: Means<'_>) -> Outcome {
    let outcome = judge_message(policy, opened, message, means);
    match policy.shadow.as_deref().zip(opened.shadow.as_deref()) {
        Some((second, opening)) => shadow::message(second, opening, outcome, message, means),
        None => outcome,
    }
}

fn judge_message(policy: &Policy, opened: &Opened, message: &[u8], means: Means<'_>) -> Outcome {
    let crypto = opened.checks.bounded(means.crypto, policy.budget.checks);
    let call = match CallStage::of(policy, opened, Means { crypto: &crypto, ..means }) {
        Ok(call) => call,
        Err(refusal) => return opened.refuse(policy, refusal),
    };
    let outcome = call.take_back_if_refused(call.conclude(call.message(message)));
    limit::unasked(policy, opened, outcome, means)
}

/// A call on its way from its events to its outcome.
struct CallStage<'a> {
    policy: &'a Policy,
    route: &'a Route,
    opened: &'a Opened,
    means: Means<'a>,
}

impl<'a> CallStage<'a> {
    /// The token is looked at again: a body that is slow to come, or a stream, may outlive it, its key, or the trust in either.
    fn of(policy: &'a Policy, opened: &'a Opened, means: Means<'a>) -> Result<Self, Refusal> {
        let route = policy.routes.get(opened.route).ok_or(Refusal::UnmatchedRoute)?;
        policy.revoked.missing().map_or(Ok(()), |set| Err(Refusal::NotFetched(set)))?;
        if let Some(publisher) = &opened.publisher {
            identity::check_again(publisher, &policy.issuers, means.now)?;
            identity::check_revoked(publisher, &policy.revoked)?;
        }
        Ok(Self { policy, route, opened, means })
    }

    fn conclude(&self, judged: Result<Vec<JudgedEvent>, ProtocolError>) -> Outcome {
        match judged {
            Ok(judged) => self.sum_up(judged),
            Err(error) => self.opened.refuse(self.policy, error.into()),
        }
    }

    /// What becomes of a call of many events, and of what they were granted.
    fn settle_batch(&self, outcome: Outcome, body: &[u8]) -> Outcome {
        let outcome = match self.route.batch {
            Batches::RefuseAll => outcome,
            Batches::DropRefused => self.without_refused(outcome, body),
        };
        self.take_back_if_refused(outcome)
    }

    /// The events of a body, or nothing where the call waits.
    fn whole(&self, body: &[u8], may_wait: &mut dyn FnMut(&Refusal) -> bool) -> Result<Option<Vec<JudgedEvent>>, ProtocolError> {
        let Opened { head, form, topic, .. } = self.opened;
        let content = protocol::content(head, body, &self.policy.budget)?;
        let events = self.route.protocol.events(*form, head, &content, topic.as_deref(), &self.policy.budget)?;
        let judged = self.judge(body, &events)?;
        let waits = judged.iter().filter_map(|event| event.refusal.as_ref()).any(may_wait);
        Ok((!waits).then(|| self.remember(&events, judged)))
    }

    /// All messages of a call that is there as a whole, up to the first that is refused.
    fn every_message(&self, body: &[u8], mut frames: Frames) -> Result<Vec<JudgedEvent>, ProtocolError> {
        let (mut found, mut rest) = (Vec::new(), body);
        while let Some(frame) = frames.next(rest)? {
            found.extend(self.message(&frame.message)?);
            if found.iter().any(|event: &JudgedEvent| event.verdict == Verdict::Refuse) {
                return Ok(found);
            }
            rest = rest.get(frame.consumed..).unwrap_or_default();
        }
        frames.end(rest)?;
        if found.is_empty() { Err(ProtocolError::Malformed("a call without a message".to_owned())) } else { Ok(found) }
    }

    fn message(&self, message: &[u8]) -> Result<Vec<JudgedEvent>, ProtocolError> {
        let Opened { head, form, topic, .. } = self.opened;
        let Form::Grpc(codec) = *form else { return Err(ProtocolError::Malformed("a call without messages".to_owned())) };
        self.opened.checks.begin_again();
        let events = self.route.protocol.message_events(codec, head, message, topic.as_deref(), &self.policy.budget)?;
        Ok(self.remember(&events, self.judge(message, &events)?))
    }

    /// What is left of the events' form, then the signature, on the whole call and on each event, then the rules, each event by itself.
    fn judge(&self, body: &[u8], events: &[Event<'_>]) -> Result<Vec<JudgedEvent>, ProtocolError> {
        let no_json = |error| ProtocolError::Malformed(format!("the data, which is said to be JSON: {error}"));
        let data = events.iter().map(|event| JsonData::of(event, self.policy.budget.depth).map_err(no_json));
        let data: Vec<JsonData<'_>> = data.collect::<Result<_, _>>()?;
        let signed = signature::verify_call(
            &self.policy.signatures,
            &self.policy.signers,
            &Sent { form: self.opened.form, head: &self.opened.head, content: body },
            self.subject(),
            self.means.now,
            self.means.crypto,
        );
        Ok(events.iter().zip(&data).map(|(event, data)| self.judge_event(event, data, &signed)).collect())
    }

    fn subject(&self) -> Option<&str> {
        self.opened.publisher.as_ref().map(Publisher::subject)
    }
}

#[cfg(test)]
mod tests;
