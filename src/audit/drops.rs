//! What was lost, and why: told in the stream itself, since a reader cannot see what is not there.

use super::record::Kind;

/// How many records of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records of admitted events.
    pub admitted: u64,
    /// Records of events that were refused, or would have been.
    pub refused: u64,
}

/// What was lost, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drops {
    /// There was no room.
    pub queue_full: Counts,
    /// The log cluster would not have the batch.
    pub rejected: Counts,
    /// The log cluster would not have some records of a batch, and does not say which.
    pub partly_rejected: u64,
}

impl Counts {
    pub(super) fn add(&mut self, kind: Kind) {
        match kind {
            Kind::Admitted => self.admitted += 1,
            Kind::Refused => self.refused += 1,
        }
    }

    /// Both kinds.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.admitted + self.refused
    }
}

impl Drops {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.queue_full.total() + self.rejected.total() + self.partly_rejected
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.queue_full.admitted += other.queue_full.admitted;
        self.queue_full.refused += other.queue_full.refused;
        self.rejected.admitted += other.rejected.admitted;
        self.rejected.refused += other.rejected.refused;
        self.partly_rejected += other.partly_rejected;
    }
}
