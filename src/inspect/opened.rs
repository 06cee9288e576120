//! A call whose head was found in order, until its body has been judged too. What it says of itself is for the proxy's side; how it came
//! about is in [`inspect`](super).

use std::cell::RefCell;

use super::summary::Refused;
use super::{Opening, shadow};
use crate::budget::Checks;
use crate::call::{Head, Peer};
use crate::decision::{Outcome, Refusal};
use crate::identity::{CacheUse, Publisher};
use crate::ledger::Tag;
use crate::policy::{Batches, Policy};
use crate::protocol::Form;
use crate::protocol::grpc::Frames;
use crate::rules::Mode;

/// A call whose head was found in order.
#[derive(Debug)]
pub struct Opened {
    pub(super) head: Head,
    pub(super) peer: Option<Peer>,
    pub(super) route: usize,
    pub(super) topic: Option<String>,
    pub(super) form: Form,
    pub(super) batch: Batches,
    pub(super) mode: Mode,
    pub(super) publisher: Option<Publisher>,
    pub(super) cache: Option<CacheUse>,
    /// Signature checks that were made for it, or for a message of it.
    pub(super) checks: Checks,
    /// Of a call that may have many messages.
    pub(super) frames: Option<Frames>,
    /// What its events have asked of the ledger once for all of them, whichever message they came with.
    pub(super) asked: RefCell<Vec<Tag>>,
    /// What the head led to under the policy's shadow.
    pub(super) shadow: Option<Box<Opening>>,
}

impl Opened {
    /// The head of the call.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// How the call carries its events.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// Who publishes, where the token says so already.
    #[must_use]
    pub fn publisher(&self) -> Option<&Publisher> {
        self.publisher.as_ref()
    }

    /// Whether refusals are carried out for this call.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The outcome where the call is refused before its events were read.
    #[must_use]
    pub fn refuse(&self, policy: &Policy, refusal: Refusal) -> Outcome {
        let route = policy.routes.get(self.route);
        let refused = Refused { mode: self.mode, route, peer: self.peer.as_ref() }.with(refusal);
        let outcome = Outcome { publisher: self.publisher.clone(), ..refused };
        shadow::refused(policy.shadow.as_deref(), self.shadow.as_deref(), outcome)
    }

    /// The frames of a gRPC call that may have many messages: each is judged as it comes, with [`message`](super::message). `None` for a call whose
    /// body is judged whole.
    #[must_use]
    pub fn frames(&self) -> Option<&Frames> {
        self.frames.as_ref()
    }

    /// What becomes of a batch with a refused event.
    #[must_use]
    pub fn batch(&self) -> Batches {
        self.batch
    }

    /// Whether the token was known already; `None` where there was none to verify.
    #[must_use]
    pub fn cache_use(&self) -> Option<CacheUse> {
        self.cache
    }
}
