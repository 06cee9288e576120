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
    /// What a call waits for that goes on.
    pub delivery: Delivery,
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
    /// When its first record has waited so long; at once where a call waits for it.
    pub interval: Duration,
}

/// What may wait for the log cluster: whichever is reached first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// So many records.
    pub records: usize,
    /// So many bytes of records.
    pub bytes: usize,
    /// What happens when there is no room.
    pub when_full: WhenFull,
}

/// What happens when there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The record that has waited longest is dropped, and counted.
    DropOldest,
    /// The one that comes is.
    DropNewest,
    /// No call goes on for whose records there is none.
    Refuse,
}

/// What a call waits for that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Nothing.
    Async,
    /// The log cluster has its records.
    BeforeForward,
}

impl AuditSettings {
    /// Whether a call goes on only with its records.
    #[must_use]
    pub fn comes_first(&self) -> bool {
        self.cluster.is_some() && (self.delivery == Delivery::BeforeForward || self.queue.when_full == WhenFull::Refuse)
    }

    /// What holds where the policy says nothing: no log cluster; OTLP at `/v1/logs` with a timeout of 5 s, in batches of 256
    /// records or 1 s; up to 10,000 records or 4 MiB wait, and then the oldest is dropped; records are a chain that nobody
    /// signs. Where calls wait for their records, batches go at once, of up to 1,000 records, and without room nothing goes on.
    #[must_use]
    pub fn default_for(cluster: Option<String>, delivery: Delivery) -> Self {
        let (records, when_full) = match delivery {
            Delivery::Async => (256, WhenFull::DropOldest),
            Delivery::BeforeForward => (1000, WhenFull::Refuse),
        };
        Self {
            authority: cluster.clone().unwrap_or_default(),
            cluster,
            sink: Sink::Otlp,
            path: Sink::Otlp.path().to_owned(),
            headers: Vec::new(),
            compression: Compression::None,
            timeout: Duration::from_secs(5),
            delivery,
            batch: Batch { records, interval: Duration::from_secs(1) },
            queue: Queue { records: 10_000, bytes: 4 << 20, when_full },
            integrity: Integrity::Chain,
            outcomes: Outcomes::Failed,
            checkpoint: None,
        }
    }
}
