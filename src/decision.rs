//! Sums up: every refusal with its stable code and statuses, in one table, and what was decided of a call and of each of its
//! events. Knows nothing of how a refusal is sent or recorded.

mod code;

use std::sync::Arc;

pub use code::Code;

use crate::call::HeaderError;
use crate::identity::{Publisher, TokenError};
use crate::keyset::{SetId, Want};
use crate::ledger::limiter::Counter;
use crate::ledger::{Breach, Grant, Limited};
use crate::protocol::ProtocolError;
use crate::rules::quota::Quota;
use crate::rules::{Mode, Recording, Violation};
use crate::signature::{SignatureError, VerifiedSignature};
use crate::time::Timestamp;

/// Why an event may not pass. What each variant carries is for the record; the caller gets the code.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// No route matches the call.
    #[error("no route matches the call")]
    UnmatchedRoute,
    /// The call is not one that the proxy should have handed on: a header is doubled or not text.
    #[error(transparent)]
    Call(#[from] HeaderError),
    /// The call cannot be read as events.
    #[error(transparent)]
    Protocol(ProtocolError),
    /// The token does not say who publishes.
    #[error(transparent)]
    Token(TokenError),
    /// The signature is no evidence.
    #[error(transparent)]
    Signature(SignatureError),
    /// A rule is broken.
    #[error(transparent)]
    Rule(#[from] Violation),
    /// What is revoked is not known.
    #[error("what is revoked could not be fetched yet, or not for too long")]
    NotFetched(SetId),
    /// The proxy did not give us what it holds.
    #[error("the proxy did not hand over the call")]
    Unreadable,
    /// What the proxy's route says to the filter is not understood: it may have been meant to be stricter.
    #[error("what the proxy's route says to the filter cannot be followed")]
    RouteSettings,
    /// The call ended before its body was whole.
    #[error("the call was broken off before its body was whole")]
    BrokenOff,
    /// The proxy does not hold the call back as the policy's `hold` says.
    #[error("the proxy does not hold the call back as `hold` says")]
    HoldMissing,
    /// The call's records are not where they must be before it goes on.
    #[error("the call goes on only with its records, and {0}")]
    Unrecorded(Unrecorded),
}

/// Why a call's records are not where they must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unrecorded {
    /// The queue is full.
    #[error("there is no room for them")]
    NoRoom,
    /// The log cluster takes nothing, and is not asked with each call.
    #[error("the log cluster takes nothing")]
    CircuitOpen,
    /// The log cluster did not say in time that it has them.
    #[error("the log cluster did not have them in time")]
    TooLate,
    /// The log cluster does not take them.
    #[error("the log cluster did not take them")]
    Lost,
}

impl From<ProtocolError> for Refusal {
    fn from(error: ProtocolError) -> Self {
        if let ProtocolError::Header(error) = error { Self::Call(error) } else { Self::Protocol(error) }
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        if let TokenError::Header(error) = error { Self::Call(error) } else { Self::Token(error) }
    }
}

impl From<SignatureError> for Refusal {
    fn from(error: SignatureError) -> Self {
        if let SignatureError::Header(error) = error { Self::Call(error) } else { Self::Signature(error) }
    }
}

impl Refusal {
    /// What may be fetched so that the call could be judged after all.
    #[must_use]
    pub fn wants(&self) -> Option<Want<'_>> {
        match self {
            Self::Token(TokenError::UnknownKey { id: Some(id), set: Some(set) }) => Some(Want::Key(*set, id)),
            Self::Token(TokenError::KeysUnavailable { set }) | Self::NotFetched(set) => Some(Want::Set(*set)),
            Self::Token(_)
            | Self::UnmatchedRoute
            | Self::Call(_)
            | Self::Protocol(_)
            | Self::Signature(_)
            | Self::Rule(_)
            | Self::Unreadable
            | Self::RouteSettings
            | Self::BrokenOff
            | Self::HoldMissing
            | Self::Unrecorded(_) => None,
        }
    }

    /// That a rate is spent, where that is why.
    #[must_use]
    pub fn limited(&self) -> Option<&Limited> {
        if let Self::Rule(Violation::Ledger(Breach::Limited(limited))) = self { Some(limited) } else { None }
    }
}

/// What becomes of an event, or of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It goes on.
    Admit,
    /// It does not.
    Refuse,
    /// It goes on, though it would have been refused: the policy, the route or the rule only observes.
    Observe,
}

impl Verdict {
    /// The verdict as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Refuse => "refuse",
            Self::Observe => "observe",
        }
    }
}

/// The verdict where there is this refusal, or none.
#[must_use]
pub const fn verdict(mode: Mode, refusal: Option<&Refusal>) -> Verdict {
    match (refusal, mode) {
        (None, _) => Verdict::Admit,
        (Some(_), Mode::Enforce) => Verdict::Refuse,
        (Some(_), Mode::Observe) => Verdict::Observe,
    }
}

/// What was decided of a call, with all that was established before the decision fell.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What becomes of the call.
    pub verdict: Verdict,
    /// The first refusal, in the order of the checks.
    pub refusal: Option<Refusal>,
    /// Whether refusals were carried out.
    pub mode: Mode,
    /// The name of the route.
    pub route: Option<Arc<str>>,
    /// The route's path template.
    pub path_template: Option<Arc<str>>,
    /// The protocol.
    pub protocol: Option<&'static str>,
    /// Who publishes: the token's subject, or who signed every event that goes on.
    pub publisher: Option<Publisher>,
    /// The peer's URI name.
    pub peer: Option<String>,
    /// The events, in the order of the call; empty where the call was refused before they were read.
    pub events: Vec<JudgedEvent>,
    /// What goes on in the body's stead, where the call goes on without its refused events.
    pub rest: Option<Vec<u8>>,
    /// What the shadow would have decided of the call, where no event was read; `None` where that is the same, or there is no shadow.
    pub shadow: Option<Box<Difference>>,
    /// What the events would have been granted by the shadow.
    pub shadow_grants: Vec<Grant>,
}

impl Outcome {
    /// What the events were granted, to be settled when the upstream has answered.
    pub fn take_grants(&mut self) -> Vec<Grant> {
        // The last first, so that each finds what it was granted.
        let grants = self.events.iter_mut().rev().flat_map(|event| std::mem::take(&mut event.grants).into_iter().rev());
        grants.chain(std::mem::take(&mut self.shadow_grants)).collect()
    }

    /// What became of an event of the call, or of the call where none was read. An event goes where its call goes: with a refused call it
    /// is refused, with an observed one observed.
    #[must_use]
    pub fn verdict_of(&self, event: Option<&JudgedEvent>) -> Verdict {
        match (self.verdict, event.map(|event| event.verdict)) {
            (Verdict::Refuse, _) | (_, Some(Verdict::Refuse)) => Verdict::Refuse,
            (Verdict::Observe, _) | (_, Some(Verdict::Observe)) => Verdict::Observe,
            (Verdict::Admit, Some(Verdict::Admit) | None) => Verdict::Admit,
        }
    }

    /// Why: the event's own reason, or else the call's.
    #[must_use]
    pub fn reason_of<'a>(&'a self, event: Option<&'a JudgedEvent>) -> Option<&'a Refusal> {
        event.and_then(|event| event.refusal.as_ref()).or(self.refusal.as_ref())
    }
}

/// What a second policy would have decided, where that is something else.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// What would have become of it; `None` where that cannot be told: the body would have been read, and was not.
    pub verdict: Option<Verdict>,
    /// Why.
    pub refusal: Option<Refusal>,
}

impl Difference {
    /// What stands for a verdict that cannot be told.
    pub const UNDECIDED: &'static str = "undecided";

    /// The verdict as text.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        self.verdict.map_or(Self::UNDECIDED, Verdict::as_str)
    }
}

/// What was decided of one event.
#[derive(Debug, Clone)]
pub struct JudgedEvent {
    /// What becomes of the event, taken by itself.
    pub verdict: Verdict,
    /// Its own refusal; `None` where it was another event, or the call, that was refused.
    pub refusal: Option<Refusal>,
    /// Who publishes it.
    pub publisher: Option<Publisher>,
    /// The rule's event type, as the policy writes it.
    pub rule: Option<Arc<str>>,
    /// The event type.
    pub event_type: String,
    /// The id.
    pub id: Option<String>,
    /// The source.
    pub source: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// The time that the event says.
    pub time: Option<Timestamp>,
    /// The topic.
    pub topic: Option<String>,
    /// SHA-256 of the data, where it is recorded.
    pub data_sha256: Option<[u8; 32]>,
    /// Bytes of data.
    pub data_size: usize,
    /// The signatures that cover the event.
    pub signatures: Vec<VerifiedSignature>,
    /// Whether it is of a version of its contract that is old.
    pub deprecated: bool,
    /// How many numbers of its sequence did not come before it, where that is recorded.
    pub missing: u64,
    /// How much is recorded of it.
    pub recording: Recording,
    /// What it was granted of what may be published; where it was refused, what of that is its call's.
    pub grants: Vec<Grant>,
    /// What the limiter is to be asked for it, besides; empty where it was refused.
    pub counters: Vec<Counter>,
    /// The rates that it spends of, of which the caller is told.
    pub quotas: Vec<Quota>,
    /// Whether its refusal is carried out.
    pub mode: Mode,
    /// What the shadow would have decided of it by itself; `None` where that is the same, or there is no shadow.
    pub shadow: Option<Box<Difference>>,
}
