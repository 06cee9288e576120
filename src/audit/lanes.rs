//! The records that wait, and the room that there is: of each kind by itself, so that a flood of one does not push out the other.

use std::collections::VecDeque;

use super::envelope::Envelope;
use super::record::{Kind, Written};
use super::settings::Ends;

/// What a waiting record takes beside its bytes.
pub(super) const OVERHEAD: usize = 64;
/// What is known of a call when it has ended takes no more, see [`Aftermath`](super::Aftermath).
const AFTERMATH: usize = 2560;

/// A record that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Its place, counted from one; 0 where it has none yet.
    pub place: u64,
    pub kind: Kind,
    pub number: u64,
    pub record: Written,
    pub envelope: Envelope,
}

/// What waits, and what is under way, which keeps its room until that is freed.
#[derive(Debug)]
pub(super) struct Lanes {
    most: Held,
    /// What is kept for each call.
    end: Held,
    admitted: Lane,
    refused: Lane,
    /// Room that is kept for what is known of calls when they have ended.
    kept: Held,
    /// The place of the record that came last.
    last: u64,
}

/// The records of one kind.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Waiting>,
    /// Those under way among them.
    held: Held,
}

/// How much room is taken.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    records: usize,
    bytes: usize,
}

/// How much room records of both kinds take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    admitted: Held,
    refused: Held,
}

impl Waiting {
    pub const fn new(kind: Kind, number: u64, record: Written, envelope: Envelope) -> Self {
        Self { place: 0, kind, number, record, envelope }
    }

    fn held(&self) -> Held {
        Held { records: 1, bytes: self.record.json.len() + self.envelope.size() + OVERHEAD }
    }
}

impl Lanes {
    pub fn new(records: usize, bytes: usize, ends: Ends) -> Self {
        let most = Held { records, bytes };
        let end = match ends {
            Ends::Recorded => Held { records: 1, bytes: AFTERMATH },
            Ends::Unrecorded => Held::default(),
        };
        Self { most, end, admitted: Lane::default(), refused: Lane::default(), kept: Held::default(), last: 0 }
    }

    /// Each kind may use all but for a quarter that is the other's.
    pub fn have_room(&self, more: Load) -> bool {
        let fits = |more: Held, own: Held, other: Held| {
            more.records == 0
                || own.records + other.records.max(self.most.records / 4) <= self.most.records
                    && own.bytes + other.bytes.max(self.most.bytes / 4) <= self.most.bytes
        };
        let (admitted, refused) = (self.admitted.held.and(self.kept).and(more.admitted), self.refused.held.and(more.refused));
        fits(more.admitted, admitted, refused) && fits(more.refused, refused, admitted)
    }

    /// Adds a record at the next place.
    pub fn push(&mut self, waiting: Waiting) {
        self.last += 1;
        let place = self.last;
        let lane = self.lane(waiting.kind);
        lane.held = lane.held.and(waiting.held());
        lane.waiting.push_back(Waiting { place, ..waiting });
    }

    /// The place of the record that came last.
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// Drops the record of this kind that has waited longest; false where none waits.
    pub fn drop_oldest(&mut self, kind: Kind) -> bool {
        let lane = self.lane(kind);
        let Some(oldest) = lane.waiting.pop_front() else { return false };
        lane.held.free(oldest.held());
        true
    }

    /// The record that has waited longest. Its room is taken until it is freed.
    pub fn pop(&mut self) -> Option<Waiting> {
        let first = |lane: &Lane| lane.waiting.front().map_or(u64::MAX, |waiting| waiting.place);
        let kind = if first(&self.admitted) <= first(&self.refused) { Kind::Admitted } else { Kind::Refused };
        self.lane(kind).waiting.pop_front()
    }

    pub fn free(&mut self, load: Load) {
        self.admitted.held.free(load.admitted);
        self.refused.held.free(load.refused);
    }

    /// What is known of one call when it has ended, where that is recorded.
    pub fn of_end(&self) -> Load {
        Load { admitted: self.end, refused: Held::default() }
    }

    /// Keeps room for what is known of a call when it has ended.
    pub fn keep(&mut self) {
        self.kept = self.kept.and(self.end);
    }

    pub fn release(&mut self) {
        self.kept.free(self.end);
    }

    /// Drops all that waits or is under way: how many those were.
    pub fn clear(&mut self) -> usize {
        let held = self.held();
        (self.admitted, self.refused) = (Lane::default(), Lane::default());
        held
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.admitted.waiting.len() + self.refused.waiting.len()
    }

    /// How many wait or are under way.
    pub const fn held(&self) -> usize {
        self.admitted.held.records + self.refused.held.records
    }

    /// What those take.
    pub const fn bytes(&self) -> usize {
        self.admitted.held.bytes + self.refused.held.bytes
    }

    fn lane(&mut self, kind: Kind) -> &mut Lane {
        match kind {
            Kind::Admitted => &mut self.admitted,
            Kind::Refused => &mut self.refused,
        }
    }
}

impl Load {
    #[must_use]
    pub fn and(self, waiting: &Waiting) -> Self {
        match waiting.kind {
            Kind::Admitted => Self { admitted: self.admitted.and(waiting.held()), ..self },
            Kind::Refused => Self { refused: self.refused.and(waiting.held()), ..self },
        }
    }

    /// Records of admitted and of refused events.
    pub const fn records(self) -> (usize, usize) {
        (self.admitted.records, self.refused.records)
    }

    pub const fn bytes(self) -> usize {
        self.admitted.bytes + self.refused.bytes
    }
}

impl Held {
    const fn and(self, other: Self) -> Self {
        Self { records: self.records + other.records, bytes: self.bytes + other.bytes }
    }

    fn free(&mut self, other: Self) {
        self.records = self.records.saturating_sub(other.records);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}
