//! What was published before, for a while: events that may not come again, the last number of each sequence, what was spent of each
//! rate. A demand into an entry of a table of bounded size, or a breach. Where the table is kept (what all workers of a proxy share,
//! a test's memory) is the store's business; entries are found by a keyed digest, so nobody can choose what meets what.

pub mod limiter;
mod memory;
mod order;
mod rate;
mod replay;
mod slot;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use memory::Memory;
pub use order::Gaps;
pub use rate::{Left, Limited, NotARate, Rate, Wait};
pub use replay::Counts;
use slot::{Entry, Slot};

use crate::crypto::sha256;
use crate::time::Timestamp;

/// Where the table is kept: values by the number of their slot. One value is never changed by two at once.
pub trait Store {
    /// Changes a value; `change` sees it as it is, empty where there is none, and says what it becomes, or `None` where it stays. It
    /// may be asked again where somebody else was quicker.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] where the value cannot be had or changed.
    fn change(&self, slot: u32, change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Result<(), Unavailable>;

    /// What the digests of the table are keyed with: the same for all who share it.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] where it cannot be had.
    fn seed(&self) -> Result<[u8; 16], Unavailable>;

    /// Is told when there was no room for an event.
    fn was_full(&self) {}
}

/// The store does not do what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was published before cannot be looked up")]
pub struct Unavailable;

/// How large the table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many slots it has.
    pub slots: u32,
    /// The slots of the store before its first: those of another table.
    pub before: u32,
    /// What becomes of an event for which there is no room.
    pub when_full: WhenFull,
}

/// What becomes of an event for which the table has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused.
    Refuse,
    /// It is admitted, and not remembered.
    Admit,
}

impl Settings {
    /// Entries that a slot has on average when the table is as full as it is meant to be. By chance (Poisson) one slot in 10^9 then
    /// has more than [`Slot::ROOM`].
    const FILL: usize = 16;

    /// Room for about so many entries, of 32 bytes each.
    #[must_use]
    pub fn for_entries(entries: usize, when_full: WhenFull) -> Self {
        Self { slots: u32::try_from(entries.div_ceil(Self::FILL)).unwrap_or(u32::MAX).max(1), before: 0, when_full }
    }

    /// Where in the store the entry is.
    fn slot(&self, tag: Tag) -> u32 {
        self.before.saturating_add(tag.slot(self.slots))
    }
}

/// What an entry is found by: 128 bits of a keyed SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag([u8; 16]);

impl Tag {
    /// Of the kind and of the parts that make a thing what it is, each with its length in front.
    #[must_use]
    pub fn of(seed: [u8; 16], kind: &str, parts: &[&[u8]]) -> Self {
        let mut text = seed.to_vec();
        for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
            text.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            text.extend_from_slice(part);
        }
        let digest = sha256(&text);
        Self(digest.first_chunk::<16>().copied().unwrap_or_default())
    }

    /// As 32 hexadecimal digits.
    fn to_hex(self) -> String {
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    /// Where in the table.
    fn slot(self, slots: u32) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d]) % slots.max(1)
    }
}

/// What an event asks of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Which entry.
    pub tag: Tag,
    /// What of it.
    pub what: What,
}

/// What is asked of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// That it is not there yet.
    Once {
        /// How long it stays then.
        until: Timestamp,
        /// From when on it counts.
        counts: Counts,
    },
    /// That its number is lower than this one.
    Next {
        /// The event's number.
        number: u64,
        /// Whether numbers may be missing.
        gaps: Gaps,
        /// How long the number is kept.
        keep: Duration,
    },
    /// That so much is left of a rate.
    Spend {
        /// The rate.
        rate: Rate,
        /// How much: events, or bytes.
        cost: u64,
    },
}

/// What an event was granted, to be settled once it is known what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    tag: Tag,
    /// Where in the store.
    slot: u32,
    undo: Undo,
    /// Numbers of the sequence that did not come.
    missing: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Undo {
    /// An entry with its end.
    Once { until: Timestamp, counts: Counts },
    /// The number that was there before this one.
    Next { number: u64, before: Option<u64>, until: Timestamp },
    /// What was spent, in nanoseconds of the rate.
    Spend { nanos: u64 },
    /// Nothing was remembered.
    Nothing,
}

/// What became of the events that were granted something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// They were published.
    Published,
    /// They were not.
    Failed,
}

/// Why an event may not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// `replay.seen`.
    #[error("this event was published before, or is being published")]
    Seen,
    /// `order.regression`.
    #[error("the number {number} is not after {last}")]
    Regression {
        /// The event's.
        number: u64,
        /// The highest so far.
        last: u64,
    },
    /// `order.gap`.
    #[error("the number {number} does not follow {last}")]
    Gap {
        /// The event's.
        number: u64,
        /// The highest so far.
        last: u64,
    },
    /// `rate.limited`.
    #[error("the rate is spent; {}", .0.wait)]
    Limited(Limited),
    /// `limiter.unavailable`: the table has no room.
    #[error("there is no room to remember the event")]
    Full,
    /// `limiter.unavailable`.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Grants what is asked, or says why not; then the table is as before.
///
/// # Errors
///
/// [`Breach`].
pub fn grant(store: &dyn Store, settings: &Settings, now: Timestamp, demand: &Demand) -> Result<Grant, Breach> {
    let (tag, at) = (demand.tag, settings.slot(demand.tag));
    let mut answer = Err(Breach::Unavailable(Unavailable));
    store.change(at, &mut |bytes| {
        let mut slot = Slot::parse(bytes, now);
        answer = demand.what.ask(tag, &mut slot, now);
        answer.is_ok().then(|| slot.to_bytes())
    })?;
    if let Err(Breach::Full) = answer {
        store.was_full();
    }
    let (undo, missing) = match answer {
        Err(Breach::Full) if settings.when_full == WhenFull::Admit => (Undo::Nothing, 0),
        answer => answer?,
    };
    Ok(Grant { tag, slot: at, undo, missing })
}

/// What is left of a rate, where what is counted apart has this tag.
///
/// # Errors
///
/// [`Unavailable`] where that cannot be looked up.
pub fn left(store: &dyn Store, settings: &Settings, now: Timestamp, tag: Tag, rate: &Rate) -> Result<Left, Unavailable> {
    let mut left = Err(Unavailable);
    store.change(settings.slot(tag), &mut |bytes| {
        left = Ok(rate.left(Slot::parse(bytes, now).find(tag).map(|entry| entry.value), now));
        None
    })?;
    left
}

/// Says what became of an event: what was granted stands unless it failed.
///
/// # Errors
///
/// [`Unavailable`] where that could not be noted: an event that failed counts as published.
pub fn settle(store: &dyn Store, now: Timestamp, grant: &Grant, ending: Ending) -> Result<(), Unavailable> {
    let Grant { tag, slot, undo, missing: _ } = grant;
    if ending == Ending::Published || *undo == Undo::Nothing {
        return Ok(());
    }
    store.change(*slot, &mut |bytes| {
        let mut slot = Slot::parse(bytes, now);
        match undo {
            Undo::Once { until, .. } => replay::take_back(&mut slot, *tag, *until),
            Undo::Next { number, before, until } => order::take_back(&mut slot, *tag, *number, *before, *until),
            Undo::Spend { nanos } => rate::give_back(&mut slot, *tag, *nanos),
            Undo::Nothing => {}
        }
        Some(slot.to_bytes())
    })
}

impl What {
    /// How to undo it, and how many numbers of a sequence did not come.
    fn ask(&self, tag: Tag, slot: &mut Slot, now: Timestamp) -> Result<(Undo, u64), Breach> {
        match self {
            Self::Once { until, counts } => Ok((replay::ask(slot, tag, *until, *counts)?, 0)),
            Self::Next { number, gaps, keep } => order::ask(slot, tag, *number, *gaps, now.after(*keep)),
            Self::Spend { rate, cost } => Ok((rate.ask(slot, tag, *cost, now)?, 0)),
        }
    }
}

impl Grant {
    /// Whether the upstream's answer changes it: what goes on is spent, and counts where that is what counts.
    #[must_use]
    pub fn awaits_an_answer(&self) -> bool {
        match self.undo {
            Undo::Once { counts: Counts::Accept, .. } | Undo::Next { .. } => true,
            Undo::Once { counts: Counts::Forward, .. } | Undo::Spend { .. } | Undo::Nothing => false,
        }
    }

    /// Which entry it is of.
    #[must_use]
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// Numbers of the sequence that did not come before this one.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }
}
