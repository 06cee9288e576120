//! How records are delivered, and what is said of it: settings, answers and counters alone.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::form::Form;
use crate::key::SigningKey;
use crate::time::Timestamp;

/// When a batch goes, and what may wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What the log cluster speaks.
    pub form: Form,
    /// A batch goes when so many records wait, and holds at most as many.
    pub batch_records: usize,
    /// A batch also goes when its first record has waited so long.
    pub interval: Duration,
    /// Records that may wait, those under way among them.
    pub queue_records: usize,
    /// Bytes that may wait, those under way among them.
    pub queue_bytes: usize,
    /// What happens when there is no room.
    pub when_full: WhenFull,
    /// Whether a call may have another record at its end.
    pub ends: Ends,
    /// How long the log cluster may take nothing before it counts as away.
    pub patience: Duration,
    /// The longest wait after a failure.
    pub longest_backoff: Duration,
    /// Whether records are part of a chain.
    pub integrity: Integrity,
    /// When the chain is signed.
    pub checkpoint: Option<Checkpoint>,
}

/// What happens when there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The record of its kind that has waited longest is dropped.
    DropOldest,
    /// The one that comes is.
    DropNewest,
    /// No call goes on for whose records there is none, see [`Queue::secure`](super::Queue::secure); other records are dropped.
    Refuse,
}

/// Whether it is recorded how a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// It may be.
    Recorded,
    /// It is not.
    Unrecorded,
}

/// What a record tells of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integrity {
    /// Nothing.
    None,
    /// The fingerprint of the one before it.
    Chain,
}

/// When a chain is signed: whichever comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Behind so many records.
    pub records: u64,
    /// When the first record that is not signed is so old.
    pub interval: Duration,
    /// What it is signed with.
    pub key: Arc<SigningKey>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The log cluster has it.
    Accepted,
    /// The log cluster has it, but for some records; it does not say which.
    PartlyRejected {
        /// How many.
        rejected: usize,
    },
    /// The log cluster says of each record what became of it. Those that are not named here it has.
    Each {
        /// Those that it asks for again, by their places in the batch.
        again: Vec<usize>,
        /// Those that it will not have.
        rejected: Vec<usize>,
        /// In how long it asks for them, where it says so.
        retry_after: Option<Duration>,
    },
    /// The log cluster asks for it again.
    Retryable {
        /// In how long, where it says so.
        retry_after: Option<Duration>,
    },
    /// The log cluster will not have it.
    Permanent,
    /// Nobody answered: no connection, a timeout, a reset.
    Failed,
}

/// A batch to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// What [`Queue::delivered`](super::Queue::delivered) is told.
    pub id: u64,
    /// The body of the request, in the form that the log cluster speaks.
    pub body: Rc<Vec<u8>>,
}

/// What became of all records so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records that the log cluster took.
    pub sent: u64,
    /// Records that were lost.
    pub dropped: u64,
    /// Records that wait or are under way.
    pub queued: usize,
    /// How often a record was sent again.
    pub retried: u64,
}

/// What can be seen of a queue and its chain at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Bytes of the records that wait or are under way.
    pub bytes: usize,
    /// Records that were given their place in the chain; 0 where there is none.
    pub chained: u64,
    /// When the chain was signed last.
    pub signed: Option<Timestamp>,
}
