//! A call that was judged and waits for somebody else before it goes on: for the limiter, which may know more.

use std::rc::Rc;

use super::decide::At;
use super::{Exchange, Pause, State};
use crate::decision::Outcome;
use crate::filter::step::{Command, Flow, Step};
use crate::inspect::{self, Means, Opened};
use crate::ledger::limiter::Question;
use crate::policy::Batches;

/// A call that would go on.
#[derive(Debug)]
pub(super) struct Asking {
    opened: Box<Opened>,
    pub outcome: Outcome,
    question: Question,
    /// The body, where refused events may still be left out of it.
    body: Vec<u8>,
    at: At,
}

impl Exchange {
    /// Whether the limiter is waited for.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        matches!(self.state, State::Paused(Pause::Limiter(_)))
    }

    /// By which number the proxy knows the question to the limiter.
    pub fn asked_as(&mut self, token: u32) {
        self.question = Some(token);
    }

    /// The number of the question to the limiter, where there was one.
    #[must_use]
    pub fn question(&self) -> Option<u32> {
        self.question
    }

    /// Decides, or asks the limiter first. `commands` are for the head, which is there now.
    pub(super) fn conclude(
        &mut self,
        opened: Box<Opened>,
        outcome: Outcome,
        body: Vec<u8>,
        at: At,
        mut commands: Vec<Command>,
    ) -> Step {
        let policy = Rc::clone(&self.policy);
        let (Some(limiter), Some(question)) = (&policy.limiter, inspect::question(&outcome)) else {
            return self.decide_at(at, outcome, commands);
        };
        commands.push(Command::Ask(question.to_bytes(&limiter.domain)));
        let body = if opened.batch() == Batches::DropRefused { body } else { Vec::new() };
        self.state = State::Paused(Pause::Limiter(Box::new(Asking { opened, outcome, question, body, at })));
        Step { commands, ..Step::quiet(Flow::Pause) }
    }

    /// The limiter's answer; `None` where there is none. It decides of a call that waits for it, and of no other.
    pub fn answered_by_limiter(&mut self, answer: Option<&[u8]>, means: Means<'_>) -> Step {
        let Some(Pause::Limiter(asking)) = self.state.end_pause(|pause| matches!(pause, Pause::Limiter(_))) else {
            return Step::quiet(Flow::Pause);
        };
        let Asking { opened, outcome, question, body, at } = *asking;
        let answer = question.read(answer);
        let outcome = inspect::limit(&self.policy, &opened, outcome, &answer, &body, means);
        let limiter_failed = !answer.is_whole();
        Step { limiter_failed, ..self.decide_at(at, outcome, Vec::new()) }
    }
}
