//! A call that ends before anything was decided of it: it was broken off, or the proxy does not do what it should.

use super::{Exchange, Pause, State};
use crate::decision::{Outcome, Refusal, Verdict};
use crate::filter::step::{Flow, Step};
use crate::inspect::{self, Means, Opened};

impl Exchange {
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
            State::Streaming(_) | State::New | State::Paused(_) | State::Passed | State::Refused => None,
        }
    }

    fn refuse_undecided(&self, refusal: Refusal) -> Option<Outcome> {
        if let State::Paused(Pause::Keys(waits)) = &self.state {
            return Some(waits.pending.refuse_for(&self.policy, refusal));
        }
        if let State::Paused(Pause::Signed(signed)) = &self.state {
            return Some(signed.whole.opened.refuse(&self.policy, refusal));
        }
        Some(self.undecided()?.refuse(&self.policy, refusal))
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

    /// The call has ended. Where nothing was decided, that it was broken off is what is recorded: it did not go on, whatever the mode.
    pub fn broken_off(&mut self, means: Means<'_>) -> Step {
        match self.give_up(Refusal::BrokenOff, means).or_else(|| self.refuse_undecided(Refusal::BrokenOff)) {
            Some(outcome) => {
                self.state = State::Refused;
                Step { outcomes: vec![in_every_mode(outcome)], ..Step::quiet(Flow::Pause) }
            }
            None => Step::quiet(Flow::Pause),
        }
    }

    /// The proxy did not let the headers be changed: the token, or forged headers of ours, would go on with the call. It does not,
    /// whatever was decided before (`outcomes`) and whatever the mode.
    pub fn head_is_gone(&mut self, mut outcomes: Vec<Outcome>, means: Means<'_>) -> Step {
        self.refused = None;
        outcomes.extend(self.give_up(Refusal::HoldMissing, means));
        let undecided = || self.refuse_undecided(Refusal::HoldMissing);
        let nobody = || inspect::refuse(self.policy.mode, None, Refusal::HoldMissing);
        let last = outcomes.pop().or_else(undecided).unwrap_or_else(nobody);
        let refused = |outcome| in_every_mode(Outcome { refusal: Some(Refusal::HoldMissing), ..outcome });
        self.end(outcomes.into_iter().map(refused).collect(), refused(last))
    }

    /// The outcome of a call that would have gone on, and was waiting for somebody else to say something.
    fn give_up(&mut self, refusal: Refusal, means: Means<'_>) -> Option<Outcome> {
        match self.state.end_pause(|pause| matches!(pause, Pause::Limiter(_) | Pause::Record(_)))? {
            Pause::Limiter(asking) => Some(inspect::unfinished(asking.outcome, refusal, means)),
            Pause::Record(outcome) => Some(self.refuse_recorded(*outcome, refusal, means)),
            Pause::Keys(_) | Pause::Signed(_) => None,
        }
    }

    /// Ends the call with its last outcome, a refusal; the others are of messages that came with it.
    pub(super) fn end(&mut self, mut outcomes: Vec<Outcome>, last: Outcome) -> Step {
        let end = self.decide(last, Vec::new());
        outcomes.extend(end.outcomes);
        Step { outcomes, ..end }
    }
}

/// The outcome of a call that does not go on, though the policy may only observe.
pub(super) fn in_every_mode(outcome: Outcome) -> Outcome {
    Outcome { verdict: Verdict::Refuse, ..outcome }
}
