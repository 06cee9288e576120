//! Calls that go on only with their records: the places that these have in the queue, and what has become of them.

use std::collections::VecDeque;
use std::time::Duration;

use super::queue::Queue;
use crate::decision::Unrecorded;
use crate::time::Timestamp;

/// The places of a call's records in the queue, and room for what is known of the call when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    pub(super) first: u64,
    pub(super) last: u64,
    /// When they came.
    pub(super) since: Duration,
}

/// What is known of records by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Nothing new.
    Nothing,
    /// The log cluster has all up to this place that were not lost before.
    Taken(u64),
    /// Those up to this place that are not settled yet are lost, or some of them, and nobody knows which.
    Lost(u64),
}

/// Calls that wait until the log cluster has their records, in the order in which these came.
#[derive(Debug)]
pub struct Awaited<T> {
    patience: Duration,
    calls: VecDeque<(Claim, T)>,
}

impl<T> Awaited<T> {
    /// Nobody waits. `patience` is how long a call may.
    #[must_use]
    pub const fn new(patience: Duration) -> Self {
        Self { patience, calls: VecDeque::new() }
    }

    /// A call waits.
    pub fn add(&mut self, claim: Claim, call: T) {
        self.calls.push_back((claim, call));
    }

    /// It does not any more.
    pub fn remove(&mut self, claim: &Claim) {
        if let Ok(at) = self.calls.binary_search_by_key(&claim.first, |(claim, _)| claim.first) {
            self.calls.remove(at);
        }
    }

    /// The calls that need not wait any more, with what has become of their records.
    pub fn settle(&mut self, settled: Settled, queue: &mut Queue, now: Timestamp) -> Vec<(T, Result<(), Unrecorded>)> {
        let (now, is_open) = (queue.elapsed(now), queue.is_circuit_open());
        let mut due = Vec::new();
        while let Some((claim, _)) = self.calls.front() {
            let result = match settled {
                Settled::Taken(place) if claim.last <= place => Ok(()),
                Settled::Lost(place) if claim.first <= place => Err(Unrecorded::Lost),
                Settled::Taken(_) | Settled::Lost(_) | Settled::Nothing if is_open => Err(Unrecorded::CircuitOpen),
                Settled::Taken(_) | Settled::Lost(_) | Settled::Nothing if now.saturating_sub(claim.since) >= self.patience => {
                    Err(Unrecorded::TooLate)
                }
                Settled::Taken(_) | Settled::Lost(_) | Settled::Nothing => break,
            };
            due.extend(self.calls.pop_front().map(|(_, call)| (call, result)));
        }
        due
    }
}

#[cfg(test)]
#[path = "claim_tests.rs"]
mod tests;
