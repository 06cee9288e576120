//! A call that is there as a whole, signed by a key that no set of signers has yet: it waits for the sets, and is judged again.

use std::rc::Rc;

use super::decide::At;
use super::{Buffered, Exchange, Pause, State, Surroundings};
use crate::decision::Refusal;
use crate::filter::step::{Command, Flow, Step};
use crate::inspect::{self, Opened};
use crate::keyset::{SetId, Want};
use crate::signature::{SignatureError, SignerSet};
use crate::time::Timestamp;

/// A call that is there as a whole.
#[derive(Debug)]
pub(super) struct Whole {
    pub opened: Box<Opened>,
    pub at: At,
    /// Since when it is.
    pub since: Timestamp,
}

/// One that waits.
#[derive(Debug)]
pub(super) struct Signed {
    pub whole: Whole,
    pub sets: Vec<SetId>,
    pub until: Timestamp,
}

impl Exchange {
    /// Judges a call that is there as a whole, or has it wait for a key of its signature. `commands` are for the head, where that is all
    /// there is.
    pub(super) fn judge_whole(
        &mut self,
        whole: Whole,
        body: Buffered,
        commands: Vec<Command>,
        with: &mut Surroundings<'_>,
    ) -> Step {
        let Buffered { bytes, upstream_reached } = body;
        let policy = Rc::clone(&self.policy);
        let (means, opened) = (with.means(), &whole.opened);
        let (mut sets, mut until) = (Vec::new(), means.now);
        let mut may_wait = |refusal: &Refusal| {
            for want in wants(refusal, policy.signers.sets()) {
                if let Some(end) = with.may_wait(want, whole.since) {
                    sets.push(want.set());
                    until = until.max(end);
                }
            }
            !sets.is_empty()
        };
        let outcome = match (&bytes, upstream_reached) {
            (_, true) => Some(opened.refuse(&policy, Refusal::HoldMissing)),
            (None, false) => Some(opened.refuse(&policy, Refusal::Unreadable)),
            (Some(bytes), false) => inspect::body_or_wait(&policy, opened, bytes, means, &mut may_wait),
        };
        match outcome {
            Some(outcome) => self.conclude(whole.opened, outcome, bytes.unwrap_or_default(), whole.at, commands),
            None => {
                self.state = State::Paused(Pause::Signed(Box::new(Signed { whole, sets, until })));
                Step { commands, ..Step::quiet(Flow::Pause) }
            }
        }
    }

    /// A set was fetched, or the time is over.
    pub(super) fn judge_whole_again(
        &mut self,
        whole: Whole,
        buffered: impl FnOnce() -> Buffered,
        with: &mut Surroundings<'_>,
    ) -> Step {
        let body = match whole.at {
            At::Head => Buffered::nothing(),
            At::Body => buffered(),
        };
        self.judge_whole(whole, body, Vec::new(), with)
    }
}

/// What of the sets of signers could let an event pass that was refused so.
fn wants<'r>(refusal: &'r Refusal, sets: &[SignerSet]) -> Vec<Want<'r>> {
    if let Refusal::Signature(SignatureError::UnknownKey(key)) = refusal {
        return sets.iter().map(|signers| Want::Key(signers.set, key)).collect();
    }
    if let Refusal::Signature(SignatureError::KeysUnavailable { set }) = refusal { vec![Want::Set(*set)] } else { Vec::new() }
}
