//! How records go to the log cluster: settings alone. What a record is, and when it goes, is known elsewhere.

use std::sync::Arc;
use std::time::Duration;

use super::sink::{Compression, Header, Sink};
use crate::key::SigningKey;

/// Where records go, and what happens when they cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditSettings {
    /// Envoy's name of the log cluster; `None` where records are only set as filter state for Envoy's access loggers.
    pub cluster: Option<String>,
    /// What the log cluster speaks.
    pub sink: Sink,
    /// The path that batches are posted to.
    pub path: String,
    /// The authority that batches are posted to; the cluster's name where the policy says nothing.
    pub authority: String,
    /// What goes with every batch.
    pub headers: Vec<Header>,
    /// How batches are compressed.
    pub compression: Compression,
    /// How long a batch may be under way.
    pub timeout: Duration,
    /// When a batch goes.
    pub batch: Batch,
    /// What may wait.
    pub queue: Queue,
    /// What a record tells of those before it.
    pub integrity: Integrity,
    /// What is recorded of calls that have ended.
    pub outcomes: Outcomes,
    /// When what was sent is signed; `None` where it is not.
    pub checkpoint: Option<Checkpoint>,
}

/// What a record tells of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integrity {
    /// Nothing.
    None,
    /// The fingerprint of the one before it, so that they are a chain.
    Chain,
}

/// What is recorded of calls that have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcomes {
    /// That the upstream did not take what was admitted, and that another filter refused a call before it was judged.
    Failed,
    /// Nothing.
    None,
}

/// When what was sent is signed: whichever comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Behind so many records.
    pub records: usize,
    /// When the first record that is not signed is so old.
    pub interval: Duration,
    /// What it is signed with.
    pub key: Arc<SigningKey>,
}

/// When a batch goes: whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// With so many records.
    pub records: usize,
    /// When its first record has waited so long.
    pub interval: Duration,
}

/// What may wait for the log cluster: whichever is reached first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// So many records.
    pub records: usize,
    /// So many bytes of records.
    pub bytes: usize,
    /// Which record is dropped, and counted, when there is no room.
    pub when_full: WhenFull,
}

/// Which record is dropped when there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The one that has waited longest.
    DropOldest,
    /// The one that comes.
    DropNewest,
}

impl AuditSettings {
    /// What holds where the policy says nothing: no log cluster; OTLP at `/v1/logs` with a timeout of 5 s, in batches of 100
    /// records or 1 s; up to 10,000 records or 4 MiB wait, and then the oldest is dropped; records are a chain that nobody signs.
    #[must_use]
    pub fn default_for(cluster: Option<String>) -> Self {
        Self {
            authority: cluster.clone().unwrap_or_default(),
            cluster,
            sink: Sink::Otlp,
            path: Sink::Otlp.path().to_owned(),
            headers: Vec::new(),
            compression: Compression::None,
            timeout: Duration::from_secs(5),
            batch: Batch { records: 100, interval: Duration::from_secs(1) },
            queue: Queue { records: 10_000, bytes: 4 << 20, when_full: WhenFull::DropOldest },
            integrity: Integrity::Chain,
            outcomes: Outcomes::Failed,
            checkpoint: None,
        }
    }
}
