//! Rates by the generic cell rate algorithm (ITU-T I.371, "virtual scheduling"): one number, the time up to which all is spent.

use std::fmt;
use std::time::Duration;

use super::{Breach, Entry, Grant, Slot, Tag, Undo};
use crate::time::Timestamp;

/// So much in so much time, and so much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    limit: u64,
    per: Duration,
    burst: u64,
}

/// Why there is no such rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotARate {
    /// Nothing could keep it.
    #[error("nothing could keep it: it must be 1 or more")]
    Nothing,
    /// Time is counted in nanoseconds here, and for so long.
    #[error("a burst that takes more than ten years to come back is not counted here")]
    Range,
}

/// What is left of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// How much may be spent at once.
    pub units: u64,
    /// When that is more, if nobody spends anything; `None` where it is all that there may be.
    pub more_in: Option<Duration>,
}

/// That a rate is spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limited {
    /// When there is room for what was asked.
    pub wait: Wait,
    /// What was asked of the table; `None` where it was the limiter that said no.
    asked: Option<Spend>,
}

/// When there is room for what was asked of a rate that is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// After so long, if nobody else takes it.
    For(Duration),
    /// Nobody says when.
    Unknown,
    /// Never: it is more than may be spent at once.
    Never,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(time) => write!(f, "there is room in {} ms", time.as_millis()),
            Self::Unknown => f.write_str("nobody knows when there is room"),
            Self::Never => f.write_str("this is more than may be spent at once, and never fits"),
        }
    }
}

/// What was asked of a rate, in its nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spend {
    tag: Tag,
    nanos: u64,
    burst: u64,
}

impl Limited {
    /// As the limiter says.
    pub(super) fn by_limiter(wait: Wait) -> Self {
        Self { wait, asked: None }
    }

    /// How much of the same rate an event of the call was granted, or was refused.
    #[must_use]
    pub fn also_asked(&self, grants: &[Grant], refused: Option<&Self>) -> u64 {
        let Some(Spend { tag, .. }) = self.asked else { return 0 };
        let granted = grants.iter().map(|grant| match grant.undo {
            Undo::Spend { nanos } if grant.tag == tag => nanos,
            Undo::Spend { .. } | Undo::Once { .. } | Undo::Next { .. } | Undo::Nothing => 0,
        });
        let refused = refused.and_then(|refused| refused.asked).filter(|asked| asked.tag == tag).map(|asked| asked.nanos);
        granted.chain(refused).fold(0, u64::saturating_add)
    }

    /// The same for a call that comes again whole: how much `all` of its events have asked for, and the `later` ones after this one.
    #[must_use]
    pub fn for_all(&self, all: u64, later: u64) -> Self {
        let wait = match (self.wait, self.asked) {
            (_, Some(Spend { burst, .. })) if all > burst => Wait::Never,
            (Wait::For(time), Some(_)) => Wait::For(time.saturating_add(Duration::from_nanos(later))),
            (wait, _) => wait,
        };
        Self { wait, asked: self.asked }
    }
}

impl Rate {
    /// `limit` in each `per`, and `burst` at once.
    ///
    /// # Errors
    ///
    /// [`NotARate`] where one of them is nothing, or the burst would take more than ten years.
    pub fn new(limit: u64, per: Duration, burst: u64) -> Result<Self, NotARate> {
        const LONGEST: u64 = 10 * 365 * 86_400 * 1_000_000_000;
        if limit == 0 || burst == 0 || per.is_zero() {
            return Err(NotARate::Nothing);
        }
        let rate = Self { limit, per, burst };
        if rate.nanos(burst) > LONGEST { Err(NotARate::Range) } else { Ok(rate) }
    }

    /// How much in each [`Rate::per`].
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The time that the limit is for.
    #[must_use]
    pub fn per(&self) -> Duration {
        self.per
    }

    /// The time in which so much may be spent, rounded up: never more than the limit.
    fn nanos(&self, cost: u64) -> u64 {
        let nanos = u128::from(cost).saturating_mul(self.per.as_nanos()).div_ceil(u128::from(self.limit));
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    /// How much may be spent at once.
    #[must_use]
    pub fn burst(&self) -> u64 {
        self.burst
    }

    /// What is left where all is spent up to `value`, an entry's; `None` where there is no entry.
    pub(super) fn left(&self, value: Option<u64>, now: Timestamp) -> Left {
        let now = u64::try_from(now.unix_nanos()).unwrap_or_default();
        let room = self.nanos(self.burst).saturating_sub(value.unwrap_or(now).saturating_sub(now));
        let whole = u128::from(room).saturating_mul(u128::from(self.limit)).checked_div(self.per.as_nanos()).unwrap_or_default();
        let units = u64::try_from(whole).unwrap_or(u64::MAX).min(self.burst);
        let more = || Duration::from_nanos(self.nanos(units.saturating_add(1)).saturating_sub(room));
        Left { units, more_in: (units < self.burst).then(more) }
    }

    pub(super) fn ask(&self, slot: &mut Slot, tag: Tag, cost: u64, now: Timestamp) -> Result<Undo, Breach> {
        let now = u64::try_from(now.unix_nanos()).unwrap_or_default();
        let (nanos, burst) = (self.nanos(cost), self.nanos(self.burst));
        let entry = slot.find(tag);
        let full = now.saturating_add(burst);
        let before = match entry.as_ref().map_or(now, |entry| entry.value) {
            // The clock went back, or the burst was larger: all is spent but this, and what is kept is right again.
            beyond if beyond > full => full.saturating_sub(nanos),
            before => before,
        };
        let spent = before.max(now).saturating_add(nanos);
        let allowed_from = spent.saturating_sub(burst);
        if allowed_from > now {
            let wait = if nanos > burst { Wait::Never } else { Wait::For(Duration::from_nanos(allowed_from - now)) };
            return Err(Breach::Limited(Limited { wait, asked: Some(Spend { tag, nanos, burst }) }));
        }
        let spent_entry = Entry { tag, value: spent, ends: time(spent) };
        match entry {
            Some(entry) => *entry = spent_entry,
            None => slot.add(spent_entry)?,
        }
        Ok(Undo::Spend { nanos })
    }
}

/// Takes back what an event that failed had spent. What was spent before now is forgotten anyway.
pub(super) fn give_back(slot: &mut Slot, tag: Tag, nanos: u64) {
    if let Some(entry) = slot.find(tag) {
        entry.value = entry.value.saturating_sub(nanos);
        entry.ends = time(entry.value);
    }
}

fn time(nanos: u64) -> Timestamp {
    Timestamp::from_unix_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}
