//! What the limiter says of a call that is admitted as far as the proxy knows, and what is given back where the call does not go on.

use super::remember::{refuse, take_back};
use super::{CallStage, Means, Opened, shadow};
use crate::decision::{Outcome, Refusal, Verdict};
use crate::ledger::Breach;
use crate::ledger::limiter::{Answer, Question};
use crate::policy::{OnUnavailable, Policy};
use crate::rules::Violation;

/// What the limiter is to be asked before the call goes on; `None` where nothing is.
#[must_use]
pub fn question(outcome: &Outcome) -> Option<Question> {
    if outcome.verdict == Verdict::Refuse {
        return None;
    }
    let mut question = Question::default();
    for (index, event) in outcome.events.iter().enumerate() {
        event.counters.iter().for_each(|counter| question.add(index, counter));
    }
    Some(question).filter(|question| !question.is_empty())
}

/// The outcome once the limiter was asked. `body` is the one that was judged.
#[must_use]
pub fn limit(
    policy: &Policy,
    opened: &Opened,
    mut outcome: Outcome,
    answer: &Answer<'_>,
    body: &[u8],
    means: Means<'_>,
) -> Outcome {
    let Some(route) = policy.routes.get(opened.route) else {
        return opened.refuse(policy, Refusal::UnmatchedRoute);
    };
    for (index, event) in outcome.events.iter_mut().enumerate() {
        event.quotas.iter_mut().for_each(|quota| quota.hear(index, answer));
    }
    let mut breaches = answer.breaches();
    if policy.limiter.as_ref().is_some_and(|limiter| limiter.on_unavailable == OnUnavailable::Proxy) {
        breaches.retain(|(_, breach)| !matches!(breach, Breach::Unavailable(_)));
    }
    if breaches.is_empty() {
        return outcome;
    }
    let call = CallStage { policy, route, opened, means };
    // Of each event the first. (Sorting them would bring a sort of its own into the module, of 5 KB.)
    let mut first: Vec<Option<Breach>> = outcome.events.iter().map(|_| None).collect();
    for (index, breach) in breaches {
        if let Some(first) = first.get_mut(index) {
            first.get_or_insert(breach);
        }
    }
    // The last event first, so that each finds what it was granted.
    for (event, breach) in outcome.events.iter_mut().zip(first).rev() {
        if let Some(breach) = breach.filter(|_| event.refusal.is_none()) {
            refuse(event, Violation::Ledger(breach).into());
            call.take_back_own(event);
            // The shadow is not asked about what the limiter knows.
            event.shadow = None;
        }
    }
    let limited = call.settle_batch(call.sum_up(outcome.events), body);
    shadow::keep_grants(limited, outcome.shadow_grants, means)
}

/// The outcome of a message that nobody asks the limiter about: streams do not wait for it, and no policy comes out of `config` under which
/// one would have to.
pub(super) fn unasked(policy: &Policy, opened: &Opened, outcome: Outcome, means: Means<'_>) -> Outcome {
    match question(&outcome) {
        Some(question) => limit(policy, opened, outcome, &question.read(None), &[], means),
        None => outcome,
    }
}

/// The outcome where a call that would have gone on does not: nothing of it is published.
#[must_use]
pub fn unfinished(mut outcome: Outcome, refusal: Refusal, means: Means<'_>) -> Outcome {
    let shadow_grants = std::mem::take(&mut outcome.shadow_grants);
    take_back(&outcome.take_grants(), means);
    let refused = Outcome { verdict: Verdict::Refuse, refusal: Some(refusal), rest: None, ..outcome };
    shadow::keep_grants(refused, shadow_grants, means)
}
