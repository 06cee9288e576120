//! The policy document as it is written: serde and nothing else. Every key is optional here, so that everything that is wrong with
//! a document is found in one go; `compile` says what is missing. Lists of maps are read one map at a time, for the same reason.
//! What the documentation says here stands in the JSON Schema of the document too.

mod audit;
mod identity;
mod memory;
mod protocol;
mod route;
mod rule;
mod signature;
mod traces;

use serde::Deserialize;
use serde_json::Value;

pub use audit::{Audit, Batch, Checkpoint, CheckpointKey, Delivery, Integrity, Level, Outcomes, Queue, Recording, WhenFull};
pub use identity::{Binding, Discovery, Issuer, Jwks, KeySet, Remote, Revoked, Token};
pub use memory::{
    Counts, Gap, Limiter, Memory, OnUnavailable, OrderScope, Rate, RateKey, Replay, ReplayKey, Scope, Sequence, Unit, WhenNoRoom,
};
pub use protocol::{Envelope, Grpc, UnknownFields};
pub use route::{Batches, Match, Protocol, Route};
pub use rule::{
    DataSchema, Deprecated, Encrypted, Event, FieldsUnknown, Framing, MessageSchema, Publisher, Scheme, SignatureRule,
};
pub use signature::{
    Dsse, DsseMode, Encoding, EventJws, FieldType, HmacProfile, HttpMessage, Jws, Secret, Signatures, Signer, StandardWebhooks,
};
pub use traces::Traces;

#[cfg(feature = "cli")]
use super::schema;

/// What publish calls are judged by.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(title = "eventguard policy", deny_unknown_fields))]
pub struct Policy {
    /// The version of this document's form: 1.
    #[cfg_attr(feature = "cli", schemars(required, range(min = 1, max = 1)))]
    pub version: Option<u64>,
    /// `enforce` (default), or `observe`: nothing is refused, and the record says what would have been.
    pub mode: Option<Mode>,
    /// Whose tokens are believed.
    #[cfg_attr(feature = "cli", schemars(with = "Option<Vec<Issuer>>", length(min = 1)))]
    pub issuers: Option<Vec<Value>>,
    /// Where a call carries its token.
    pub token: Option<Token>,
    /// The holders of message-signing keys.
    #[cfg_attr(feature = "cli", schemars(with = "Option<Vec<Signer>>", length(min = 1)))]
    pub signers: Option<Vec<Value>>,
    /// What is not to be trusted any more.
    pub revoked: Option<Revoked>,
    /// The ways of signing that are in use. Without this key all are where there are signers, and none where there are none.
    pub signatures: Option<Signatures>,
    /// The calls that carry events; the first match wins.
    #[cfg_attr(feature = "cli", schemars(required, with = "Vec<Route>", length(min = 1)))]
    pub routes: Option<Vec<Value>>,
    /// `refuse` (default) or `pass`: what becomes of calls that match no route.
    pub unmatched: Option<Unmatched>,
    /// Schemas by name, for `events[].schema`: JSON Schemas, which may refer to each other, by name or `$id` (nothing is ever fetched); or
    /// `{protobuf: DESCRIPTORS}`, a `FileDescriptorSet` in base64; or `{avro: SCHEMA}`.
    #[cfg_attr(feature = "cli", schemars(with = "Option<std::collections::BTreeMap<String, Value>>"))]
    pub schemas: Option<Value>,
    /// What each event type demands; the longest match wins.
    #[cfg_attr(feature = "cli", schemars(required, with = "Vec<Event>", length(min = 1)))]
    pub events: Option<Vec<Value>>,
    /// How much may be published of all types together: one rate, or a list of them.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::OneOrMany<Rate>>"))]
    pub rate: Option<Value>,
    /// How much is remembered of what was published.
    pub memory: Option<Memory>,
    /// Who remembers for all proxies what has `scope: cluster`.
    pub limiter: Option<Limiter>,
    /// What one call may cost.
    pub limits: Option<Limits>,
    /// How a call is kept from the upstream until the verdict has fallen: `body` (default; Envoy's `buffer` filter stands behind
    /// this one) or `headers` (needs `allow_on_headers_stop_iteration`, Envoy 1.35).
    pub hold: Option<Hold>,
    /// Where records go, besides the filter state `wasm.eventguard`.
    pub audit: Option<Audit>,
    /// What becomes of the traces that calls are part of.
    pub traces: Option<Traces>,
    /// A second policy, judged beside this one: records and statistics tell where it would have decided otherwise, and nothing else
    /// comes of it. What it says takes the place of what this policy says under the same key.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Shadow>"))]
    pub shadow: Option<Value>,
}

/// What a second policy may say. How calls are held and where records go is the first one's.
pub const SHADOW_KEYS: [&str; 13] = [
    "mode",
    "issuers",
    "token",
    "signers",
    "revoked",
    "signatures",
    "routes",
    "unmatched",
    "schemas",
    "events",
    "rate",
    "memory",
    "limits",
];

/// Whether refusals are carried out.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Mode {
    /// A refused call does not go on.
    Enforce,
    /// Every call goes on; the record says what would have been.
    Observe,
}

/// What becomes of calls that match no route.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Unmatched {
    /// They are refused.
    Refuse,
    /// They go on and are not judged.
    Pass,
}

/// What one call may cost.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Limits {
    /// The body, as sent and again after decompression: 1MiB.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Size>"))]
    pub body: Option<Value>,
    /// Events in one call: 100.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub events: Option<u32>,
    /// Levels of nesting in JSON: 32.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub depth: Option<u32>,
    /// Attributes and extensions of one event: 64.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub attributes: Option<u32>,
    /// Signature checks of one call, the token's among them, or of one message of a stream: twice `events`, and 32.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub checks: Option<u32>,
    /// Signature checks of one source that may fail in a second, in each worker; any number without this key. Of a `shadow` it means
    /// nothing.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub failed_checks: Option<u32>,
}

/// How a call is kept from the upstream until the verdict has fallen.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Hold {
    /// The body is held, and Envoy's `buffer` filter behind this one holds the headers.
    Body,
    /// Headers and body are held.
    Headers,
}
