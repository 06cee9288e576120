//! A call whose head cannot be judged without a key, or a set of them, that may be fetched yet. Whoever has it either gets that and has
//! the head judged again, or has the call refused for want of it.

use super::{Arrived, HeadMeans, Opening, shadow};
use crate::decision::{Outcome, Refusal};
use crate::keyset::Want;
use crate::policy::Policy;

/// A call that waits for what its head cannot be judged without.
#[derive(Debug)]
pub struct Pending {
    arrived: Arrived,
    refusal: Refusal,
    /// What the head led to under the second policy.
    shadow: Option<Box<Opening>>,
}

impl Pending {
    pub(super) fn new(arrived: Arrived, refusal: Refusal) -> Self {
        Self { arrived, refusal, shadow: None }
    }

    pub(super) fn beside(self, shadow: Opening) -> Self {
        Self { shadow: Some(Box::new(shadow)), ..self }
    }

    /// What is wanted.
    #[must_use]
    pub fn wants(&self) -> Option<Want<'_>> {
        self.refusal.wants()
    }

    /// Judges the head again.
    pub fn judge(self, policy: &Policy, mut means: HeadMeans<'_>) -> Opening {
        let shadow = match policy.shadow.as_deref().zip(self.shadow) {
            Some((second, shadow)) => match *shadow {
                Opening::Wait(pending) => Some((second, pending.arrived.judge(second, &mut means.beside()))),
                decided @ (Opening::Unguarded | Opening::Judge(_) | Opening::Decided(_)) => Some((second, decided)),
            },
            None => None,
        };
        let opening = self.arrived.judge(policy, &mut means);
        match shadow {
            Some((second, shadow)) => shadow::beside(second, opening, shadow),
            None => opening,
        }
    }

    /// The outcome where nothing is waited for.
    #[must_use]
    pub fn refuse(self, policy: &Policy) -> Outcome {
        let outcome = self.arrived.refuse(policy, self.refusal);
        match policy.shadow.as_deref().zip(self.shadow) {
            Some((second, shadow)) => shadow::decided(second, outcome, *shadow),
            None => outcome,
        }
    }

    /// The outcome where something else comes in between.
    #[must_use]
    pub fn refuse_for(&self, policy: &Policy, refusal: Refusal) -> Outcome {
        let outcome = self.arrived.refuse(policy, refusal);
        shadow::refused(policy.shadow.as_deref(), self.shadow.as_deref(), outcome)
    }
}
