//! What the limiter says of a call that is admitted as far as the proxy knows, and what is given back where the call does not go on.

use super::remember::refuse;
use super::{CallStage, Means, Opened};
use crate::decision::{Outcome, Refusal, Verdict};
use crate::ledger::Breach;
use crate::policy::{OnUnavailable, Policy};
use crate::rules::Violation;

/// The outcome once the limiter was asked. `breaches` are the events that may not pass; `body` is the one that was judged.
#[must_use]
pub fn limit(
    policy: &Policy,
    opened: &Opened,
    mut outcome: Outcome,
    mut breaches: Vec<(usize, Breach)>,
    body: &[u8],
    means: Means<'_>,
) -> Outcome {
    let Some(route) = policy.routes.get(opened.route) else {
        return opened.refuse(policy, Refusal::UnmatchedRoute);
    };
    if policy.limiter.as_ref().is_some_and(|limiter| limiter.on_unavailable == OnUnavailable::Proxy) {
        breaches.retain(|(_, breach)| !matches!(breach, Breach::Unavailable(_)));
    }
    if breaches.is_empty() {
        return outcome;
    }
    let call = CallStage { policy, route, opened, means };
    // The last event first, so that each finds what it was granted.
    breaches.sort_by_key(|(index, _)| std::cmp::Reverse(*index));
    for (index, breach) in breaches {
        if let Some(event) = outcome.events.get_mut(index).filter(|event| event.refusal.is_none()) {
            refuse(event, Violation::Ledger(breach).into());
            call.take_back(&std::mem::take(&mut event.grants));
        }
    }
    call.settle_batch(call.sum_up(outcome.events), body)
}

/// The outcome where the call ended before the limiter answered: nothing of it was published.
#[must_use]
pub fn unfinished(policy: &Policy, opened: &Opened, mut outcome: Outcome, means: Means<'_>) -> Outcome {
    (outcome.verdict, outcome.refusal, outcome.rest) = (Verdict::Refuse, Some(Refusal::BrokenOff), None);
    match policy.routes.get(opened.route) {
        Some(route) => CallStage { policy, route, opened, means }.take_back_if_refused(outcome),
        None => outcome,
    }
}
