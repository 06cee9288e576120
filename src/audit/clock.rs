//! The time that goes by between two looks at a wall clock.

use std::time::Duration;

use crate::time::Timestamp;

/// The longest time that may pass between two looks at the clock, which are four a second: what is longer is a clock that was set.
const LONGEST_STEP: Duration = Duration::from_secs(60);

/// Time that only goes on. A wall clock that is set back stands still here for a moment, so that no batch waits for the lost hour;
/// one that is set forward goes on by little, so that no batch under way counts as lost and is sent twice.
#[derive(Debug, Default)]
pub(super) struct Clock {
    last: Option<Timestamp>,
    pub elapsed: Duration,
}

impl Clock {
    pub fn advance(&mut self, now: Timestamp) -> Duration {
        let last = self.last.replace(now).unwrap_or(now);
        self.elapsed = self.elapsed.saturating_add(now.since(last).min(LONGEST_STEP));
        self.elapsed
    }
}
