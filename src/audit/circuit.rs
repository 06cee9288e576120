//! Whether the log cluster takes anything: a circuit breaker as a value. While it is open one batch goes at a time, and then none for a
//! while, so that a log cluster that is coming back is not buried, and one that takes nothing costs no more records than that batch.

use std::time::Duration;

/// The first wait after a failure; each further failure doubles it.
pub(super) const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// So many failures in a row open it.
const FAILURES: u32 = 5;

/// A circuit breaker.
#[derive(Debug)]
pub(super) struct Circuit {
    /// It opens also where nothing was taken for so long.
    patience: Duration,
    /// The longest wait after a failure.
    longest_backoff: Duration,
    /// Failures in a row.
    failures: u32,
    /// When the batch went since which nothing was taken.
    since: Option<Duration>,
    open: bool,
}

impl Circuit {
    pub const fn new(patience: Duration, longest_backoff: Duration) -> Self {
        Self { patience, longest_backoff, failures: 0, since: None, open: false }
    }

    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// A batch goes.
    pub fn sent(&mut self, now: Duration) {
        self.since.get_or_insert(now);
    }

    /// The log cluster took something.
    pub fn taken(&mut self) {
        *self = Self::new(self.patience, self.longest_backoff);
    }

    /// It did not.
    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.look(now);
    }

    /// Some time went by.
    pub fn look(&mut self, now: Duration) {
        let too_long = self.since.is_some_and(|since| now.saturating_sub(since) >= self.patience);
        self.open |= self.failures >= FAILURES || too_long;
    }

    /// How long to wait after a failure: what the log cluster asks for, or between half and the whole of a time that doubles.
    pub fn wait(&self, retry_after: Option<Duration>, random: u64) -> Duration {
        let doubled = FIRST_BACKOFF.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
        let half = doubled.min(self.longest_backoff) / 2;
        let spread = half.mul_f64(f64::from(u32::try_from(random % 1024).unwrap_or(0)) / 1024.0);
        retry_after.map_or(half, |asked| asked.max(FIRST_BACKOFF / 2)) + spread
    }
}
