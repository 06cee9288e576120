//! How far a batch has come of which the log cluster takes each record by itself: those that it asks for again are a smaller batch.

/// What is left of a batch, and what was lost of it.
#[derive(Debug)]
pub(super) struct Progress {
    left: Parts,
    lost: Parts,
    /// Whether the log cluster has said of some records what became of them.
    is_part: bool,
}

/// The records of a batch by what they tell of, in this order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Of the stream's beginning, and of losses.
    pub losses: usize,
    /// Of events.
    pub events: usize,
    /// Of the stream's end, or that it is signed.
    pub end: usize,
}

impl Progress {
    pub const fn new(left: Parts) -> Self {
        Self { left, lost: Parts { losses: 0, events: 0, end: 0 }, is_part: false }
    }

    /// The log cluster asks for some records again, and will not have others, each by its place; the rest it has.
    pub fn narrow(&mut self, again: &[usize], rejected: &[usize]) {
        let rejected = self.left.at(rejected);
        self.lost.losses += rejected.losses;
        self.lost.events += rejected.events;
        self.lost.end += rejected.end;
        self.left = self.left.at(again);
        self.is_part = true;
    }

    /// Records that are under way.
    pub const fn left(&self) -> Parts {
        self.left
    }

    /// Records that the log cluster will not have.
    pub const fn lost(&self) -> Parts {
        self.lost
    }

    /// Whether the log cluster has said of some records what became of them.
    pub const fn is_part(&self) -> bool {
        self.is_part
    }
}

impl Parts {
    /// The records at these places.
    fn at(self, places: &[usize]) -> Self {
        let before = |end: usize| places.iter().filter(|place| **place < end).count();
        let (losses, up_to_events) = (before(self.losses), before(self.losses + self.events));
        Self { losses, events: up_to_events - losses, end: before(self.total()) - up_to_events }
    }

    /// All of them.
    pub const fn total(self) -> usize {
        self.losses + self.events + self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_known_by_its_place() {
        let mut progress = Progress::new(Parts { losses: 2, events: 3, end: 1 });
        progress.narrow(&[1, 3, 4, 5], &[0, 2]);
        assert_eq!(progress.left(), Parts { losses: 1, events: 2, end: 1 });
        progress.narrow(&[2], &[0, 3, 9]);
        assert_eq!(
            (progress.left(), progress.lost()),
            (Parts { losses: 0, events: 1, end: 0 }, Parts { losses: 2, events: 1, end: 1 })
        );
    }
}
