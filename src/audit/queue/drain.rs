//! The end of a queue: what waits goes without waiting to be due, for as long as it is worth it; what is left then is given up, and counted.

use std::time::Duration;

use super::{Batch, FIRST_BACKOFF, Flight, Queue};
use crate::time::Timestamp;

/// How long a drain goes on trying: a log cluster that is started anew is back by then, and what waits does not pile up where one policy
/// follows another.
pub(super) const LONGEST_DRAIN: Duration = Duration::from_secs(60);

impl Queue {
    /// The next batch whether or not it is due, for when there will be no later. Ends a wait that is on when it is asked first; what
    /// fails after that waits again, so that a log cluster that is away is not asked without a pause.
    pub fn drain(&mut self, now: Timestamp) -> Option<Batch> {
        let elapsed = self.clock.advance(now);
        self.give_up_lost_flight(elapsed);
        if self.draining.is_none() {
            (self.draining, self.resume_at) = (Some(elapsed), elapsed);
        }
        let may_go = elapsed >= self.resume_at && !self.has_drained_long(elapsed);
        may_go.then(|| self.depart(now, elapsed)).flatten()
    }

    /// Ends a drain that is over: nothing is left, or a minute has gone by and nothing is under way. Then the rest is given up, and counts
    /// as dropped: how many records that are. `None` where the drain goes on.
    pub fn end_drain(&mut self, now: Timestamp) -> Option<u64> {
        if self.is_empty() {
            return Some(0);
        }
        let elapsed = self.clock.advance(now);
        let is_under_way = self.flight.as_ref().is_some_and(|flight| flight.since.is_some());
        (self.has_drained_long(elapsed) && !is_under_way).then(|| self.give_up())
    }

    fn has_drained_long(&self, now: Duration) -> bool {
        self.draining.is_some_and(|since| now.saturating_sub(since) >= LONGEST_DRAIN)
    }

    /// What was not taken is told next: without a pause a log cluster that takes nothing would be asked without an end.
    pub(super) fn pause_drain(&mut self) {
        if self.draining.is_some() {
            self.resume_at = self.clock.elapsed + FIRST_BACKOFF;
        }
    }

    /// Nobody will send what is left. Of a batch under way the log cluster may have taken some.
    fn give_up(&mut self) -> u64 {
        let count = |records| u64::try_from(records).unwrap_or(u64::MAX);
        let without = |flight: Flight| count(flight.progress.left().events + flight.progress.lost().events);
        let taken = self.flight.take().map_or(0, |flight| flight.counts().total().saturating_sub(without(flight)));
        let given_up = count(self.lanes.clear()).saturating_sub(taken);
        self.counters.sent += taken;
        self.counters.dropped += given_up;
        given_up
    }
}
