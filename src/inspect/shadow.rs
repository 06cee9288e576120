//! A second policy, judged beside the first: where it would have decided otherwise, that is told, and nothing else comes of it. It
//! sees the calls that the first one judges, and their bodies as far as the first one reads them.

use super::{Means, Opened, Opening};
use crate::decision::{Difference, Outcome, Refusal, Verdict};
use crate::ledger::{self, Ending, Grant};
use crate::policy::Policy;
use crate::protocol::ProtocolError;

/// What the head of a call led to, and beside it what it would have led to. Nothing is waited for on the second policy's behalf.
pub(super) fn beside(policy: &Policy, opening: Opening, shadow: Opening) -> Opening {
    match opening {
        Opening::Unguarded => Opening::Unguarded,
        Opening::Wait(pending) => Opening::Wait(Box::new(pending.beside(shadow))),
        Opening::Judge(opened) => {
            let shadow = Some(Box::new(without_wait(policy, shadow)));
            Opening::Judge(Box::new(Opened { shadow, ..*opened }))
        }
        Opening::Decided(outcome) => Opening::Decided(Box::new(decided(policy, *outcome, shadow))),
    }
}

/// The head decided.
pub(super) fn decided(policy: &Policy, outcome: Outcome, shadow: Opening) -> Outcome {
    compare(outcome, &Said::of(&without_wait(policy, shadow)))
}

fn without_wait(policy: &Policy, shadow: Opening) -> Opening {
    match shadow {
        Opening::Wait(pending) => Opening::Decided(Box::new(pending.refuse(policy))),
        settled @ (Opening::Unguarded | Opening::Judge(_) | Opening::Decided(_)) => settled,
    }
}

/// Judges the complete body.
pub(super) fn body(policy: &Policy, opening: &Opening, outcome: Outcome, bytes: &[u8], means: Means<'_>) -> Outcome {
    judged(opening, outcome, means, |opened| super::body(policy, opened, bytes, means))
}

/// Judges one message.
pub(super) fn message(policy: &Policy, opening: &Opening, outcome: Outcome, bytes: &[u8], means: Means<'_>) -> Outcome {
    judged(opening, outcome, means, |opened| super::message(policy, opened, bytes, means))
}

/// A call is refused before its body is whole. What the proxy says of a call holds for both policies; a body over the limit may be
/// within the other's.
pub(super) fn refused(policy: Option<&Policy>, opening: Option<&Opening>, outcome: Outcome) -> Outcome {
    let Some((policy, opening)) = policy.zip(opening) else { return outcome };
    let larger = |limit: &usize| policy.budget.body > *limit;
    match (opening, &outcome.refusal) {
        (Opening::Decided(_), _) => compare(outcome, &Said::of(opening)),
        (Opening::Judge(_), Some(Refusal::Protocol(ProtocolError::TooLarge { limit }))) if larger(limit) => {
            compare(outcome, &Said::of(opening))
        }
        (Opening::Judge(_) | Opening::Wait(_) | Opening::Unguarded, _) => outcome,
    }
}

fn judged(opening: &Opening, outcome: Outcome, means: Means<'_>, judge: impl FnOnce(&Opened) -> Outcome) -> Outcome {
    let Opening::Judge(opened) = opening else { return compare(outcome, &Said::of(opening)) };
    let mut shadow = judge(opened);
    let grants = shadow.take_grants();
    keep_grants(compare(outcome, &Said::by(&shadow)), grants, means)
}

/// What the second policy has granted waits with the call for its answer.
pub(super) fn keep_grants(mut outcome: Outcome, grants: Vec<Grant>, means: Means<'_>) -> Outcome {
    if outcome.verdict == Verdict::Refuse {
        // No upstream answers for it: what it would have let pass counts as published.
        for grant in &grants {
            // As where the upstream's answer cannot be noted.
            let _ = ledger::settle(means.store, means.now, grant, Ending::Published);
        }
    } else {
        outcome.shadow_grants = grants;
    }
    outcome
}

/// What the second policy says.
struct Said<'a> {
    /// Of the call; `None` where its body would have been read.
    verdict: Option<Verdict>,
    refusal: Option<&'a Refusal>,
    /// Of each event, where there are any.
    outcome: Option<&'a Outcome>,
}

impl<'a> Said<'a> {
    fn of(opening: &'a Opening) -> Self {
        match opening {
            Opening::Unguarded => Self { verdict: Some(Verdict::Admit), refusal: None, outcome: None },
            Opening::Judge(_) | Opening::Wait(_) => Self { verdict: None, refusal: None, outcome: None },
            Opening::Decided(outcome) => Self::by(outcome),
        }
    }

    fn by(outcome: &'a Outcome) -> Self {
        Self { verdict: Some(outcome.verdict), refusal: outcome.refusal.as_ref(), outcome: Some(outcome) }
    }

    /// What differs from this, if anything does.
    fn unlike(&self, verdict: Verdict, refusal: Option<&Refusal>) -> Option<Box<Difference>> {
        let code = |refusal: Option<&Refusal>| refusal.map(Refusal::code);
        let same = self.verdict == Some(verdict) && code(self.refusal) == code(refusal);
        (!same).then(|| Box::new(Difference { verdict: self.verdict, refusal: self.refusal.cloned() }))
    }
}

/// Each event by itself; a call whose events were not read, or not as many, as a whole.
fn compare(mut outcome: Outcome, said: &Said<'_>) -> Outcome {
    if outcome.events.is_empty() {
        outcome.shadow = said.unlike(outcome.verdict, outcome.refusal.as_ref());
    }
    let count = outcome.events.len();
    let others = said.outcome.map(|outcome| outcome.events.as_slice()).filter(|others| others.len() == count);
    for (index, event) in outcome.events.iter_mut().enumerate() {
        let other = others.and_then(|others| others.get(index));
        let own = other.map(|other| Said { verdict: Some(other.verdict), refusal: other.refusal.as_ref(), outcome: None });
        event.shadow = own.as_ref().unwrap_or(said).unlike(event.verdict, event.refusal.as_ref());
    }
    outcome
}
