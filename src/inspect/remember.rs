//! What was published before: what the events of a call ask of the ledger, and what is given back where they do not go on.

use super::summary::is_signed_whole;
use super::{CallStage, Means};
use crate::decision::{JudgedEvent, Outcome, Refusal, Verdict, verdict};
use crate::ledger::limiter::Counter;
use crate::ledger::{self, Breach, Ending, Grant};
use crate::policy::Batches;
use crate::protocol::Event;
use crate::rules::memory::{self, Facts};
use crate::rules::{Mode, Rule, Violation};

/// An event that is refused for what was published before, by its own mode.
pub(super) fn refuse(event: &mut JudgedEvent, refusal: Refusal) {
    event.refusal = Some(refusal);
    event.verdict = verdict(event.mode, event.refusal.as_ref());
}

/// Gives back what was granted to what does not go on.
pub(super) fn take_back(grants: &[Grant], means: Means<'_>) {
    for grant in grants {
        // What cannot be taken back counts as published: no reason to let anything pass.
        let _ = ledger::settle(means.store, means.now, grant, Ending::Failed);
    }
}

impl CallStage<'_> {
    /// What was published before is asked for last, and only by events that would go on: those that are refused cost nothing.
    pub(super) fn remember(&self, events: &[Event<'_>], mut judged: Vec<JudgedEvent>) -> Vec<JudgedEvent> {
        if !self.policy.rules.remember() && self.policy.rates.is_empty() {
            return judged;
        }
        if self.route.batch == Batches::RefuseAll && judged.iter().any(|event| event.verdict == Verdict::Refuse) {
            return judged;
        }
        for (event, judged) in events.iter().zip(&mut judged).filter(|(_, judged)| judged.refusal.is_none()) {
            let Some(rule) = self.policy.rules.find(&event.event_type) else { continue };
            if !rule.remembers() && self.policy.rates.is_empty() {
                continue;
            }
            match self.grants(rule, event, judged) {
                Ok((grants, counters)) => {
                    judged.missing = grants.iter().map(Grant::missing).sum();
                    (judged.grants, judged.counters) = (grants, counters);
                }
                Err(violation) => refuse(judged, violation.into()),
            }
        }
        judged
    }

    /// All that the event asks for, or nothing. What a call asks for once is not asked for again by its other events.
    fn grants(&self, rule: &Rule, event: &Event<'_>, judged: &mut JudgedEvent) -> Result<(Vec<Grant>, Vec<Counter>), Violation> {
        let Means { now, store, .. } = self.means;
        let (publisher, signatures) = (judged.publisher.as_ref(), judged.signatures.as_slice());
        let facts = Facts {
            event,
            publisher,
            signatures,
            depth: self.policy.budget.depth,
            now,
            seed: store.seed().map_err(Breach::from)?,
        };
        let mut asked_by_call = self.opened.asked.borrow_mut();
        let (mut grants, mut counters, asked_before) = (Vec::new(), Vec::new(), asked_by_call.len());
        for asked in memory::demands(rule, &self.policy.rates, &facts)? {
            counters.extend(asked.counter);
            // What is only observed is no reason for a caller to wait.
            judged.quotas.extend(asked.quota.filter(|_| judged.mode == Mode::Enforce));
            if asked.once_a_call && asked_by_call.contains(&asked.demand.tag) {
                continue;
            }
            match ledger::grant(store, &self.policy.memory, now, &asked.demand) {
                Ok(grant) => grants.push(grant),
                Err(breach) => {
                    take_back(&grants, self.means);
                    asked_by_call.truncate(asked_before);
                    return Err(breach.into());
                }
            }
            if asked.once_a_call {
                asked_by_call.push(asked.demand.tag);
            }
        }
        Ok((grants, counters))
    }

    /// Gives back what was granted to this event alone. What its call asks for once stays with it: the other events of the call have it
    /// too, and it goes back where none of them goes on.
    pub(super) fn take_back_own(&self, event: &mut JudgedEvent) {
        let asked_by_call = self.opened.asked.borrow();
        let is_of_call = |grant: &Grant| asked_by_call.contains(&grant.tag());
        let (of_call, own) = std::mem::take(&mut event.grants).into_iter().partition(is_of_call);
        event.grants = of_call;
        take_back(&own, self.means);
    }

    /// The events of a refused call are not published, whatever they were granted.
    pub(super) fn take_back_if_refused(&self, mut outcome: Outcome) -> Outcome {
        if outcome.verdict == Verdict::Refuse {
            if self.route.batch == Batches::RefuseAll || is_signed_whole(&outcome.events) {
                wait_for_all(&mut outcome);
            }
            take_back(&outcome.take_grants(), self.means);
        }
        outcome
    }
}

/// A call that goes on whole or not at all comes again whole: there must be room for all of its events then.
fn wait_for_all(outcome: &mut Outcome) {
    let Outcome { refusal, events, .. } = outcome;
    let Some(limited) = refusal.as_ref().and_then(Refusal::limited) else { return };
    let Some(first) = events.iter().position(|event| event.verdict == Verdict::Refuse) else { return };
    let asked = |event: &JudgedEvent| limited.also_asked(&event.grants, event.refusal.as_ref().and_then(Refusal::limited));
    let sum = |events: &[JudgedEvent]| events.iter().map(asked).fold(0, u64::saturating_add);
    let limited = limited.for_all(sum(events), sum(events.get(first + 1..).unwrap_or_default()));
    *refusal = Some(Violation::Ledger(Breach::Limited(limited)).into());
}
