//! What was lost, and why: told in the stream itself, since a reader cannot see what is not there.

use super::note::{Gap, Note};
use super::record::Kind;

/// How many records of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records of admitted events.
    pub admitted: u64,
    /// Records of events that were refused, or would have been.
    pub refused: u64,
}

/// What was lost and is not told of yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Drops {
    /// There was no room.
    pub queue_full: Counts,
    /// The log cluster did not take what was sent.
    pub gap: Option<Gap>,
}

impl Counts {
    pub(super) fn add(&mut self, kind: Kind) {
        match kind {
            Kind::Admitted => self.admitted += 1,
            Kind::Refused => self.refused += 1,
        }
    }

    fn add_all(&mut self, other: Self) {
        self.admitted += other.admitted;
        self.refused += other.refused;
    }

    /// Both kinds.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.admitted + self.refused
    }
}

impl Drops {
    pub const fn is_empty(&self) -> bool {
        self.queue_full.total() == 0 && self.gap.is_none()
    }

    /// What the stream has to tell; `total` is what was lost so far. The gap comes first: the record behind it is the one that says what
    /// it follows.
    pub fn notes(&self, total: u64) -> impl Iterator<Item = Note> {
        let dropped = (self.queue_full.total() > 0).then_some(Note::Drop { counts: self.queue_full, total });
        self.gap.clone().map(|gap| Note::Gap { gap, total }).into_iter().chain(dropped)
    }

    pub fn add(&mut self, other: &Self) {
        self.queue_full.add_all(other.queue_full);
        if let Some(gap) = other.gap.clone() {
            self.add_gap(gap);
        }
    }

    /// Two gaps with nothing between them that was taken are one.
    pub fn add_gap(&mut self, later: Gap) {
        let Some(gap) = &mut self.gap else {
            self.gap = Some(later);
            return;
        };
        gap.first = gap.first.min(later.first);
        gap.counts.add_all(later.counts);
        gap.partly += later.partly;
        if later.last > gap.last {
            (gap.last, gap.head) = (later.last, later.head);
        }
    }
}
