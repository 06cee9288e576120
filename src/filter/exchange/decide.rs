//! An outcome into what becomes of the call: what goes on is changed first, what does not is answered.

use super::{Exchange, State};
use crate::decision::{Outcome, Verdict};
use crate::filter::reply::{Reply, refused_header};
use crate::filter::step::{Command, Flow, Step};
use crate::identity::Forward;
use crate::ledger::Grant;
use crate::policy::Hold;
use crate::rules::Mode;

pub(super) const PUBLISHER_HEADER: &str = "x-eventguard-publisher";
const VERDICT_HEADER: &str = "x-eventguard-verdict";
pub(super) const REFUSED_HEADER: &str = "x-eventguard-refused";
pub(super) const CONTENT_LENGTH: &str = "content-length";

/// How far a call has come, and so what of it can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// There is nothing behind its head.
    Head,
    /// Its body is whole.
    Body,
}

impl Exchange {
    pub(super) fn decide_at(&mut self, at: At, outcome: Outcome, commands: Vec<Command>) -> Step {
        match at {
            At::Head => self.decide_with_headers(outcome, commands),
            At::Body => self.decide_after_body(outcome),
        }
    }

    /// Headers can be changed behind the body only where they were held back for it.
    pub(super) fn decide_after_body(&mut self, mut outcome: Outcome) -> Step {
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

    pub(super) fn decide_with_headers(&mut self, outcome: Outcome, mut commands: Vec<Command>) -> Step {
        if outcome.verdict != Verdict::Refuse {
            commands
                .extend(outcome.publisher.as_ref().map(|publisher| Command::Set(PUBLISHER_HEADER, publisher.label().to_owned())));
            if outcome.mode == Mode::Observe || outcome.verdict == Verdict::Observe {
                commands.push(Command::Set(VERDICT_HEADER, outcome.verdict.as_str().to_owned()));
            }
        }
        self.decide(outcome, commands)
    }

    pub(super) fn decide(&mut self, outcome: Outcome, commands: Vec<Command>) -> Step {
        if outcome.verdict != Verdict::Refuse && self.policy.audit.comes_first() {
            return self.record_first(outcome, commands);
        }
        self.finish(outcome, commands)
    }

    pub(super) fn finish(&mut self, mut outcome: Outcome, mut commands: Vec<Command>) -> Step {
        let refused = outcome.verdict == Verdict::Refuse;
        self.quotas.note(&mut outcome);
        self.grants.extend(outcome.take_grants().into_iter().filter(Grant::awaits_an_answer));
        if refused {
            commands.clear();
            commands.extend(Reply::to(&self.caller, &outcome, &self.policy).map(Command::Reply));
        }
        self.state = if refused { State::Refused } else { State::Passed };
        let flow = if refused { Flow::Pause } else { Flow::Continue };
        Step { commands, outcomes: vec![outcome], ..Step::quiet(flow) }
    }

    pub(super) fn remove_token(&self, commands: &mut Vec<Command>) {
        if self.policy.token.forward == Forward::Remove {
            commands.push(Command::Remove(self.policy.token.header.clone()));
        }
    }
}
