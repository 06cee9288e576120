//! Tokens whose signature did not verify, for a short while: the same one again, from a caller who tries without end or floods, costs no
//! verification. A plain value, bounded; it never lets a token through.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Timestamp;

/// How many are remembered.
const CAPACITY: usize = 256;
/// For how long. Short: the key that was missing may come with the next refresh.
const MEMORY: Duration = Duration::from_secs(5);

/// Hashes of tokens and when they failed, the oldest first. The hash is keyed: nobody can choose one that is somebody else's.
#[derive(Debug, Default)]
pub(super) struct Failures(VecDeque<(u64, Timestamp)>);

impl Failures {
    pub fn add(&mut self, hash: u64, now: Timestamp) {
        if self.0.len() >= CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back((hash, now));
    }

    /// Whether it failed a short while ago. A clock that was set back forgets.
    pub fn know(&self, hash: u64, now: Timestamp) -> bool {
        let is_recent = |at: Timestamp| at <= now && now.since(at) < MEMORY;
        self.0.iter().any(|(known, at)| *known == hash && is_recent(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_failure_is_known_for_a_short_while() {
        let mut failures = Failures::default();
        failures.add(7, at(60_000));
        for (now, known) in [(60_000, true), (64_999, true), (65_000, false), (59_999, false)] {
            assert_eq!(failures.know(7, at(now)), known, "{now}");
        }
        assert!(!failures.know(8, at(60_000)));
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut failures = Failures::default();
        (0..300).for_each(|hash| failures.add(hash, at(0)));
        assert_eq!(failures.0.len(), CAPACITY);
        assert!(!failures.know(43, at(0)) && failures.know(44, at(0)) && failures.know(299, at(0)));
    }
}
