//! Everything that a call is judged by, compiled: what `config` makes of a policy document and the stages read. No serde here,
//! and nothing that a call could change.

mod audit;
mod limiter;
pub mod path;
pub mod route;
mod sink;
mod traces;

use std::sync::Arc;

pub use audit::{AuditSettings, Batch, Checkpoint, Delivery, Integrity, Outcomes, Queue, WhenFull};
pub use limiter::{LimiterSettings, OnUnavailable};
pub use route::{Access, Batches, Hints, Matched, Matcher, Messages, Route, Routes};
pub use sink::{Compression, Header, HeaderValue, Sink};
pub use traces::{EventTraces, SpanSettings, TraceSettings};

pub use crate::rules::Mode;

use crate::budget::Budget;
use crate::identity::{Issuer, TokenSettings};
use crate::key::Algorithm;
use crate::keyset::{self, Content, Keys, Revocations, SetId};
use crate::ledger;
use crate::rules::Rules;
use crate::rules::memory::RateRule;
use crate::signature::{Settings, Signer, SignerKey, Signers};

/// What calls are judged by. It is built from a document without errors, and never changes: what is fetched makes another one of it.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Whether refusals are carried out, where no rule and no Envoy route says otherwise.
    pub mode: Mode,
    /// Whose tokens are believed.
    pub issuers: Vec<Issuer>,
    /// Where a call carries its token.
    pub token: TokenSettings,
    /// The holders of message-signing keys.
    pub signers: Signers,
    /// What is revoked.
    pub revoked: Revocations,
    /// What is fetched, and how.
    pub fetched: Vec<keyset::Settings>,
    /// What is read of each scheme of signatures.
    pub signatures: Arc<Settings>,
    /// The calls that carry events, and how.
    pub routes: Arc<Routes>,
    /// What becomes of the other calls.
    pub unmatched: Unmatched,
    /// What each event type demands.
    pub rules: Arc<Rules>,
    /// How much may be published of all types together.
    pub rates: Vec<RateRule>,
    /// How much can be remembered of what was published.
    pub memory: ledger::Settings,
    /// Who remembers for all proxies, where something has that scope.
    pub limiter: Option<LimiterSettings>,
    /// What one call may cost.
    pub budget: Budget,
    /// How a call is kept from the upstream until the verdict has fallen.
    pub hold: Hold,
    /// Where records go.
    pub audit: Arc<AuditSettings>,
    /// What becomes of traces.
    pub traces: Arc<TraceSettings>,
    /// SHA-256 of the policy document, as 64 hexadecimal digits in lower case: the same for YAML, JSON and a
    /// `google.protobuf.Struct` that say the same. It names the policy in records.
    pub digest: String,
    /// A second policy, judged beside this one: only where it decides otherwise is told. It has none itself.
    pub shadow: Option<Box<Policy>>,
}

impl Policy {
    /// Whether a route asks for the name of Envoy's own route.
    #[must_use]
    pub fn ask_for_route_name(&self) -> bool {
        self.routes.ask_for_route_name() || self.shadow.as_ref().is_some_and(|shadow| shadow.routes.ask_for_route_name())
    }

    /// Whether somebody may sign with that algorithm.
    #[must_use]
    pub fn uses(&self, algorithm: Algorithm) -> bool {
        let makes = |signer: &Signer| matches!(&signer.key, SignerKey::Public(key) if key.makes(algorithm));
        let here = self.issuers.iter().any(|issuer| issuer.algorithms.contains(&algorithm)) || self.signers.iter().any(makes);
        here || self.shadow.as_ref().is_some_and(|shadow| shadow.uses(algorithm))
    }

    /// The policy with what is held of what it fetches.
    #[must_use]
    pub fn with_fetched<'c>(&self, content: &dyn Fn(SetId) -> Option<&'c Content>) -> Self {
        let mut policy = self.clone();
        for issuer in &mut policy.issuers {
            if let Some(set) = issuer.keys.set() {
                issuer.keys = Keys::fetched(set, content(set));
            }
        }
        if !policy.signers.sets().is_empty() {
            policy.signers = policy.signers.with_fetched(content);
        }
        if let Some(set) = policy.revoked.set() {
            policy.revoked = policy.revoked.with(set, content(set));
        }
        policy.shadow = self.shadow.as_ref().map(|shadow| Box::new(shadow.with_fetched(content)));
        policy
    }
}

/// What becomes of a call that matches no route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmatched {
    /// It is refused with `route.unmatched`.
    Refuse,
    /// It goes on and is not judged.
    Pass,
}

/// How a call is kept from the upstream until the verdict has fallen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The body is held; the headers go on, and Envoy's own `buffer` filter behind this one holds them.
    Body,
    /// Headers and body are held; needs `allow_on_headers_stop_iteration` (Envoy 1.35).
    Headers,
}
