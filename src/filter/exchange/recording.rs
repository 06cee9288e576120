//! A call that goes on only with its records: they are written first, and then it waits until they are where they must be.

use std::cell::Cell;

use super::{Exchange, Pause, State};
use crate::audit::Claim;
use crate::decision::{Outcome, Refusal, Unrecorded, Verdict};
use crate::filter::step::{Command, Flow, Step};
use crate::inspect::{self, Means};
use crate::rules::Mode;

/// What is known of the records of a call.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The number of the first record of what went on, and how many there are.
    admitted: Cell<Option<(u64, u64)>>,
    /// The places of the records that the call goes on with.
    claim: Cell<Option<Claim>>,
    /// The number of the first record that says what did not come true.
    untrue: Cell<Option<u64>>,
}

impl Exchange {
    /// What went on has a record of that number.
    pub fn record_admitted(&self, number: u64) {
        let (first, count) = self.records.admitted.get().unwrap_or((number, 0));
        self.records.admitted.set(Some((first, count + 1)));
    }

    /// The number of the first record of what went on, and how many there are.
    #[must_use]
    pub fn admitted(&self) -> Option<(u64, u64)> {
        self.records.admitted.get()
    }

    /// The number of the first record that says that the call goes on, where it did not, or not so.
    #[must_use]
    pub fn untrue(&self) -> Option<u64> {
        self.records.untrue.get()
    }

    /// The records have these places.
    pub fn claims(&self, claim: Claim) {
        self.records.claim.set(Some(claim));
    }

    /// The places of the records, to be given back once.
    pub fn take_claim(&self) -> Option<Claim> {
        self.records.claim.take()
    }

    /// What is to be recorded before the call goes on.
    #[must_use]
    pub fn unrecorded(&self) -> Option<&Outcome> {
        let State::Paused(Pause::Record(outcome)) = &self.state else { return None };
        Some(outcome)
    }

    /// The call would go on. What is changed of it is changed now.
    pub(super) fn record_first(&mut self, outcome: Outcome, mut commands: Vec<Command>) -> Step {
        commands.push(Command::Record);
        self.state = State::Paused(Pause::Record(Box::new(outcome)));
        Step { commands, ..Step::quiet(Flow::Pause) }
    }

    /// The records are where they must be, or will not be. It decides of a call that waits for that, and of no other.
    pub fn recorded(&mut self, result: Result<(), Unrecorded>, means: Means<'_>) -> Step {
        let Some(Pause::Record(outcome)) = self.state.end_pause(|pause| matches!(pause, Pause::Record(_))) else {
            return Step::quiet(Flow::Pause);
        };
        let outcome = match result {
            Ok(()) => *outcome,
            Err(reason) => self.without_records(*outcome, reason, means),
        };
        Step { is_recorded: result.is_ok(), ..self.finish(outcome, Vec::new()) }
    }

    fn without_records(&mut self, outcome: Outcome, reason: Unrecorded, means: Means<'_>) -> Outcome {
        match outcome.mode {
            Mode::Enforce => self.refuse_recorded(outcome, Refusal::Unrecorded(reason), means),
            Mode::Observe => {
                self.forget_records();
                let refusal = outcome.refusal.or(Some(Refusal::Unrecorded(reason)));
                Outcome { verdict: Verdict::Observe, refusal, ..outcome }
            }
        }
    }

    /// The outcome of a call that does not go on, though its records say so.
    pub(super) fn refuse_recorded(&mut self, outcome: Outcome, refusal: Refusal, means: Means<'_>) -> Outcome {
        self.forget_records();
        self.refused = None;
        inspect::unfinished(outcome, refusal, means)
    }

    /// Other records follow those that were written.
    fn forget_records(&self) {
        let first = self.records.admitted.take().map(|(first, _)| first);
        self.records.untrue.set(self.records.untrue.get().or(first));
    }
}
