//! What all workers of a proxy know of a set: when it was fetched, when it is to be fetched again, and who does it.

use std::time::Duration;

use super::Settings;
use crate::time::Timestamp;

/// What a set is fetched from, as 128 bits: the same for every policy that says the same.
pub(super) type Source = [u8; 16];

/// The shortest time that a server's `max-age` may ask for, where the policy's `refresh` is not shorter yet.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(60);
/// The first wait after a failure; each further failure doubles it.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait after a failure.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// A lease is longer than the fetch it is for: who answers late is not taken for dead.
const LEASE_SLACK: Duration = Duration::from_secs(5);
/// How soon a set may be fetched again because a key is missing: what anybody can make a proxy ask of a key server.
pub(super) const THROTTLE: Duration = Duration::from_secs(5);

/// Fixed numbers, so that they fit in a value that all workers share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Status {
    /// When the fetch of the set that is held began; 0 where there is none yet.
    pub fetched: i64,
    /// For how many seconds the server says that it is good; negative where it does not say.
    pub max_age: i64,
    /// No fetch begins before.
    pub due: i64,
    /// Failures in a row.
    pub failures: i64,
    /// Who fetches; 0 for nobody.
    pub holder: i64,
    /// Until when the others wait for it.
    pub until: i64,
}

impl Status {
    /// Reads what is shared of this source; a value of another source, or none, says nothing of it.
    pub fn read(bytes: &[u8], source: Source) -> Option<Self> {
        let rest = bytes.strip_prefix(&source)?;
        let mut numbers = rest.chunks_exact(8).map(|chunk| chunk.try_into().map_or(0, i64::from_le_bytes));
        let mut next = || numbers.next().unwrap_or(0);
        Some(Self { fetched: next(), max_age: next(), due: next(), failures: next(), holder: next(), until: next() })
    }

    pub fn write(&self, source: Source) -> Vec<u8> {
        let Self { fetched, max_age, due, failures, holder, until } = *self;
        let numbers = [fetched, max_age, due, failures, holder, until].map(i64::to_le_bytes);
        [source.as_slice(), numbers.as_flattened()].concat()
    }

    /// Whether somebody is fetching. A lease from a future that no clock here has seen is void.
    pub fn is_leased(&self, settings: &Settings, now: Timestamp) -> bool {
        let until = Timestamp::from_unix_nanos(self.until);
        self.holder != 0 && now < until && until.since(now) <= lease(settings)
    }

    /// Whether it is time to fetch; `wanted` where a key is missing.
    pub fn is_due(&self, settings: &Settings, wanted: bool, now: Timestamp) -> bool {
        if self.is_leased(settings, now) {
            return false;
        }
        let due = Timestamp::from_unix_nanos(self.due);
        // A clock that was set back must not keep old keys in use.
        let from_the_future = due.since(now) > settings.refresh.max(LONGEST_BACKOFF);
        let fetched = Timestamp::from_unix_nanos(self.fetched);
        let throttled = self.failures > 0 || (fetched <= now && now < fetched.after(THROTTLE));
        now >= due || from_the_future || (wanted && !throttled)
    }

    /// The same, with this worker at it.
    pub fn leased_by(self, worker: i64, settings: &Settings, now: Timestamp) -> Self {
        Self { holder: worker, until: now.after(lease(settings)).unix_nanos(), ..self }
    }

    /// The set was fetched, by a request that began at `begun`. The next fetch comes before it is too old, and not with everybody else's.
    pub fn fetched(settings: &Settings, begun: Timestamp, max_age: Option<Duration>, random: u64) -> Self {
        let max_age = max_age.map_or(-1, |age| i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        let fetched = Self { fetched: begun.unix_nanos(), max_age, ..Self::default() };
        let lifetime = fetched.lifetime(settings);
        let early = lifetime.mul_f64(0.05 + 0.2 * fraction(random));
        Self { due: begun.after(lifetime.saturating_sub(early)).unix_nanos(), ..fetched }
    }

    /// The fetch has failed.
    pub fn failed(self, now: Timestamp, random: u64) -> Self {
        let failures = self.failures.saturating_add(1);
        let doubled = FIRST_BACKOFF.saturating_mul(1 << u32::try_from(failures - 1).unwrap_or(0).min(16));
        let longest = doubled.min(LONGEST_BACKOFF);
        let wait = longest.mul_f64(0.5 + 0.5 * fraction(random));
        Self { failures, due: now.after(wait).unix_nanos(), holder: 0, until: 0, ..self }
    }

    /// How long the set is fresh: as long as its server says, but never longer than the policy does.
    fn lifetime(&self, settings: &Settings) -> Duration {
        match u64::try_from(self.max_age) {
            Ok(seconds) => Duration::from_secs(seconds).max(SHORTEST_LIFETIME).min(settings.refresh),
            Err(_) => settings.refresh,
        }
    }

    /// Whether the set may still be used.
    pub fn is_good(&self, settings: &Settings, now: Timestamp) -> bool {
        let fetched = Timestamp::from_unix_nanos(self.fetched);
        self.fetched != 0 && now.since(fetched) < self.lifetime(settings) + settings.max_stale
    }
}

fn lease(settings: &Settings) -> Duration {
    settings.longest_fetch() + LEASE_SLACK
}

/// From 0 to 1.
fn fraction(random: u64) -> f64 {
    f64::from(u32::try_from(random % 1024).unwrap_or(0)) / 1024.0
}
