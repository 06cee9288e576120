//! A call whose head cannot be judged without a key, or a set of them, that may be fetched yet. Whoever has it either gets that and has
//! the head judged again, or has the call refused for want of it.

use super::{Arrived, Opening};
use crate::crypto::Crypto;
use crate::decision::{Outcome, Refusal};
use crate::identity::TokenCache;
use crate::keyset::Want;
use crate::policy::Policy;
use crate::time::Timestamp;

/// A call that waits for what its head cannot be judged without.
#[derive(Debug)]
pub struct Pending {
    arrived: Arrived,
    refusal: Refusal,
}

impl Pending {
    pub(super) fn new(arrived: Arrived, refusal: Refusal) -> Self {
        Self { arrived, refusal }
    }

    /// What is wanted.
    #[must_use]
    pub fn wants(&self) -> Option<Want<'_>> {
        self.refusal.wants()
    }

    /// Judges the head again.
    pub fn judge(self, policy: &Policy, now: Timestamp, tokens: &mut TokenCache, crypto: &dyn Crypto) -> Opening {
        self.arrived.judge(policy, now, tokens, crypto)
    }

    /// The outcome where nothing is waited for.
    #[must_use]
    pub fn refuse(self, policy: &Policy) -> Outcome {
        self.arrived.refuse(policy, self.refusal)
    }

    /// The outcome where something else comes in between.
    #[must_use]
    pub fn refuse_for(&self, policy: &Policy, refusal: Refusal) -> Outcome {
        self.arrived.refuse(policy, refusal)
    }
}
