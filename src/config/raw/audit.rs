//! Where records go, as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[cfg(feature = "cli")]
use crate::config::schema;

/// Where records go.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Audit {
    /// Envoy's name of the log cluster.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub cluster: Option<String>,
    /// What it speaks: `otlp` (default, over HTTP), `otlp-grpc`, `loki`, `elasticsearch` (OpenSearch too), `ndjson` or `cloudevents`.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Sink>"))]
    pub sink: Option<String>,
    /// The index or data stream of Elasticsearch that records are created in.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub index: Option<String>,
    /// The path that batches are posted to: the one that the sink has by default.
    pub path: Option<String>,
    /// Headers that go with every batch: a text each, or `{env: NAME}`, the environment variable that holds it.
    #[cfg_attr(
        feature = "cli",
        schemars(with = "Option<std::collections::BTreeMap<String, schema::HeaderValue>>", extend("minProperties" = 1))
    )]
    pub headers: Option<BTreeMap<String, Value>>,
    /// How batches are compressed: `none` (default) or `gzip`, by the proxy.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Compression>"))]
    pub compression: Option<String>,
    /// The authority that batches are posted to: the cluster's name.
    pub authority: Option<String>,
    /// How long a batch may be under way: 5s.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub timeout: Option<String>,
    /// What a call that goes on waits for: nothing (`async`, default), or that the log cluster has its records (`before-forward`).
    pub delivery: Option<Delivery>,
    /// When a batch goes.
    pub batch: Option<Batch>,
    /// What may wait.
    pub queue: Option<Queue>,
    /// What happens when no more may wait: a record is dropped and counted, `drop-oldest` (default) or `drop-newest`; or calls for
    /// whose records there is no room are refused (`refuse`, and the only choice with `delivery: before-forward`).
    pub when_full: Option<WhenFull>,
    /// What a record tells of those before it: `chain` (default), the fingerprint of the one before it; or `none`.
    pub integrity: Option<Integrity>,
    /// What is recorded of calls that have ended: `failed` (default) or `none`.
    pub outcomes: Option<Outcomes>,
    /// When what was sent is signed; without this key it is not.
    pub checkpoint: Option<Checkpoint>,
    /// What is recorded of events whose rule does not say.
    pub level: Option<Level>,
    /// One of how many admitted events is recorded, where their rule does not say: 1.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub sample: Option<u32>,
}

/// What a record tells of those before it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Integrity {
    /// Nothing.
    None,
    /// The fingerprint of the one before it.
    Chain,
}

/// What is recorded of calls that have ended.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Outcomes {
    /// That the upstream did not take what was admitted, and that another filter refused a call before it was judged.
    Failed,
    /// Nothing.
    None,
}

/// When what was sent is signed: whichever comes first.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Checkpoint {
    /// Behind so many records: 1000.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub records: Option<u32>,
    /// When the first record that is not signed is so old: 60s.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub interval: Option<String>,
    /// What it is signed with.
    #[cfg_attr(feature = "cli", schemars(required))]
    pub key: Option<CheckpointKey>,
}

/// What checkpoints are signed with.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct CheckpointKey {
    /// The environment variable that holds it: a JWK with an Ed25519 private key and a `kid`.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub env: Option<String>,
}

/// How much is recorded of events of a rule.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Recording {
    /// What is recorded: what `audit.level` says.
    pub level: Option<Level>,
    /// One of how many admitted events is recorded: what `audit.sample` says.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub sample: Option<u32>,
}

/// What is recorded of an event.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Level {
    /// Nothing where it is admitted; a refused one as with `metadata`.
    None,
    /// All but the digest of its data.
    Metadata,
    /// The digest of its data too (default).
    Digest,
}

/// When a batch goes: whichever comes first.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Batch {
    /// With so many records: 256.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub records: Option<u32>,
    /// When its first record has waited so long: 1s.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub interval: Option<String>,
}

/// What may wait: whichever is reached first.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Queue {
    /// So many records: 10000.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub records: Option<u32>,
    /// So many bytes of records: 4MiB.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Size>"))]
    pub bytes: Option<Value>,
}

/// What happens when no more may wait.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum WhenFull {
    /// The record that has waited longest is dropped.
    DropOldest,
    /// The one that comes is.
    DropNewest,
    /// Calls for whose records there is no room are refused.
    Refuse,
}

/// What a call that goes on waits for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Delivery {
    /// Nothing.
    Async,
    /// That the log cluster has its records.
    BeforeForward,
}
