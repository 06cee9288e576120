//! How an event breaks the rules, in words for its record.

use super::encrypted::NotEncrypted;
use super::shorten;
use crate::avro;
use crate::cel::EvalError;
use crate::ledger::Breach;
use crate::protobuf::MessageError;
use crate::schema::Broken;
use crate::time::Timestamp;

/// How an event breaks the rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// `rule.unknown-type`.
    #[error("no rule names the event type `{event_type}`")]
    UnknownType {
        /// The type, cut.
        event_type: String,
    },
    /// `rule.publisher`.
    #[error("{} may not publish events of this type", named(subject.as_deref(), "nobody in particular"))]
    Publisher {
        /// The publisher's subject, cut; `None` where nobody is known to publish.
        subject: Option<String>,
    },
    /// `rule.peer`: the publisher may, but not from this peer.
    #[error("the publisher may not publish events of this type from {}", named(peer.as_deref(), "a peer without a certificate"))]
    Peer {
        /// The peer's URI name, cut; `None` where it has none.
        peer: Option<String>,
    },
    /// `rule.topic`.
    #[error("events of this type may not go to {}", named(topic.as_deref(), "a topic without a name"))]
    Topic {
        /// The topic, cut; `None` where the call names none.
        topic: Option<String>,
    },
    /// `rule.source`.
    #[error("events of this type may not come from {}", named(event_source.as_deref(), "nowhere"))]
    Source {
        /// The source, cut; `None` where the event names none. (An error's own `source` is something else.)
        event_source: Option<String>,
    },
    /// `rule.schema`: the data is not JSON, or there is none.
    #[error("the data is not JSON that its schema could be held against")]
    NotJson,
    /// `rule.schema`: the data is not written as its schema has it.
    #[error("the data is not said to be {expected}")]
    Coding {
        /// What it must be.
        expected: &'static str,
    },
    /// `rule.schema`: which schema the data keeps is not said, or it is none of the rule's.
    #[error("the schema of the data is {}, and none of the rule's", named(found.as_deref(), "not said"))]
    DataSchema {
        /// What the event says of it, cut.
        found: Option<String>,
    },
    /// `rule.schema`.
    #[error(transparent)]
    Schema(#[from] Broken),
    /// `rule.schema`: the data is no message of its type.
    #[error("`{}`: {}", .0.place, .0.problem)]
    Message(#[from] MessageError),
    /// `rule.schema`: the version of the contract has ended.
    #[error("this version of the contract has ended at {since}")]
    Deprecated {
        /// When.
        since: Timestamp,
    },
    /// `rule.schema`: something is there that must not be.
    #[error("`{instance}` must not be there")]
    Forbidden {
        /// Where: a JSON Pointer of the policy.
        instance: String,
    },
    /// `rule.schema`: the data is not as its Avro schema has it.
    #[error(transparent)]
    Avro(#[from] avro::Broken),
    /// `rule.schema`: something is not encrypted as it must be.
    #[error("`{instance}` is not encrypted: {problem}")]
    NotEncrypted {
        /// Where: a JSON Pointer of the policy.
        instance: String,
        /// Why.
        problem: NotEncrypted,
    },
    /// `rule.condition`: it is false.
    #[error("the condition {index} is false")]
    Condition {
        /// Which one, counted from 0.
        index: usize,
    },
    /// `rule.condition`: it cannot be told.
    #[error("the condition {index} cannot be told: {error}")]
    NoCondition {
        /// Which one, counted from 0.
        index: usize,
        /// Why.
        error: EvalError,
    },
    /// `event.missing-attribute`: what the event would be remembered by is not there.
    #[error("the event has no `{0}`, by which it would be remembered")]
    Absent(String),
    /// `event.malformed`.
    #[error("the number of the sequence is `{found}`, expected digits")]
    NotANumber {
        /// What is there, cut.
        found: String,
    },
    /// `signature.missing`.
    #[error("no signature with a nonce covers the event")]
    NoNonce,
    /// `token.claim-missing`.
    #[error("there is no token with a `jti`")]
    NoTokenId,
    /// `replay.stale`.
    #[error("the event is of {at}, outside of the window")]
    Stale {
        /// The event's time, or its signature's.
        at: Timestamp,
    },
    /// What was published before leaves no room for the event.
    #[error(transparent)]
    Ledger(#[from] Breach),
}

fn named(text: Option<&str>, otherwise: &str) -> String {
    text.map_or_else(|| otherwise.to_owned(), |text| format!("`{text}`"))
}

impl Violation {
    /// That no rule names the type.
    #[must_use]
    pub fn unknown_type(event_type: &str) -> Self {
        Self::UnknownType { event_type: shorten(event_type) }
    }
}
