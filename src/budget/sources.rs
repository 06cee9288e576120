//! Signature checks that came to nothing, by who sent the call, in a table of fixed size; and a [`Crypto`] that makes none for whoever
//! sends too many. Does not know what a source is: a name, whatever says it.
//!
//! A source spends by the generic cell rate algorithm: its entry is the time up to which all is spent. Where the table is full, a
//! source that is new takes the entry that has spent least, and what that has spent (the "Space-Saving" algorithm of Metwally,
//! Agrawal and El Abbadi, 2005). So no crowd of sources, however they come and go, drives out what another one has spent, and all of
//! them together cannot have more checks that fail than the table has entries, times the limit of one.

use std::cell::{Cell, OnceCell};
use std::hash::{DefaultHasher, Hasher as _};
use std::num::NonZeroU32;
use std::time::Duration;

use crate::crypto::{Crypto, Unchecked, Unverified};
use crate::key::{Algorithm, PublicKey, Secret};
use crate::time::Timestamp;

/// How many sources are told apart.
pub(super) const ROOM: usize = 256;
/// A second's worth may be spent at once. Nanoseconds.
const BURST: u64 = 1_000_000_000;
/// Nobody waits for longer, whatever was spent; nor after the clock was set back. Nanoseconds.
pub(super) const LONGEST: u64 = 60 * BURST;

/// What each source has spent of the checks that may fail.
#[derive(Debug)]
pub struct Sources {
    /// Callers do not know it: nobody can choose a name that is counted as another one's.
    seed: [u8; 16],
    /// Nanoseconds that one check spends.
    interval: u64,
    entries: Vec<Entry>,
    /// The most that any entry has spent.
    most: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u64,
    spent_until: u64,
}

impl Sources {
    /// With so many checks a second that may fail, of each source.
    #[must_use]
    pub fn new(limit: NonZeroU32, seed: [u8; 16]) -> Self {
        let interval = (BURST / u64::from(limit.get())).max(1);
        Self { seed, interval, entries: Vec::new(), most: 0 }
    }

    /// When the next check is made for this source, if none is made now. `name` is asked only where somebody has spent all.
    #[must_use]
    pub fn limited(&self, name: impl FnOnce() -> String, now: Timestamp) -> Option<Duration> {
        let now = nanos(now);
        if self.allowed_from(self.most, now) <= now {
            return None;
        }
        let tag = self.tag(&name());
        let allowed_from = self.allowed_from(self.spent_until(tag), now);
        (allowed_from > now).then(|| Duration::from_nanos(allowed_from - now))
    }

    /// Counts so many checks that came to nothing.
    pub fn spend(&mut self, name: &str, checks: u32, now: Timestamp) {
        let (tag, now) = (self.tag(name), nanos(now));
        let before = self.spent_until(tag).clamp(now, now.saturating_add(LONGEST));
        let spent = before.saturating_add(self.interval.saturating_mul(u64::from(checks)));
        let entry = Entry { tag, spent_until: spent.min(now.saturating_add(LONGEST)) };
        match self.place(tag) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
        self.most = self.entries.iter().map(|entry| entry.spent_until).max().unwrap_or_default();
    }

    /// From when on one more check is allowed to who has spent so much.
    fn allowed_from(&self, spent_until: u64, now: u64) -> u64 {
        let spent = spent_until.clamp(now, now.saturating_add(LONGEST));
        spent.saturating_add(self.interval).saturating_sub(BURST)
    }

    fn spent_until(&self, tag: u64) -> u64 {
        match self.entries.iter().find(|entry| entry.tag == tag) {
            Some(entry) => entry.spent_until,
            None if self.entries.len() < ROOM => 0,
            None => self.entries.iter().map(|entry| entry.spent_until).min().unwrap_or_default(),
        }
    }

    /// The entry of a source, or the one that it takes; `None` where there is room.
    fn place(&mut self, tag: u64) -> Option<&mut Entry> {
        let index = match self.entries.iter().position(|entry| entry.tag == tag) {
            Some(index) => index,
            None if self.entries.len() < ROOM => return None,
            None => self.entries.iter().enumerate().min_by_key(|(_, entry)| entry.spent_until)?.0,
        };
        self.entries.get_mut(index)
    }

    fn tag(&self, name: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.seed);
        hasher.write(name.as_bytes());
        hasher.finish()
    }
}

fn nanos(time: Timestamp) -> u64 {
    u64::try_from(time.unix_nanos()).unwrap_or_default()
}

/// Makes checks, where the source of the call may have them, and counts them.
pub struct Governed<'a> {
    crypto: &'a dyn Crypto,
    ask: &'a dyn Fn() -> Option<Duration>,
    limited: OnceCell<Option<Duration>>,
    made: Cell<u32>,
    wrong: Cell<u32>,
}

impl<'a> Governed<'a> {
    /// `limited` says, and is asked once at most, when the next check is made for the source of the call, if none is made now.
    #[must_use]
    pub fn new(crypto: &'a dyn Crypto, limited: &'a dyn Fn() -> Option<Duration>) -> Self {
        Self { crypto, ask: limited, limited: OnceCell::new(), made: Cell::new(0), wrong: Cell::new(0) }
    }

    /// How many checks were made.
    #[must_use]
    pub fn made(&self) -> u32 {
        self.made.get()
    }

    /// How many of them failed.
    #[must_use]
    pub fn wrong(&self) -> u32 {
        self.wrong.get()
    }

    fn check(&self, verify: impl FnOnce() -> Result<(), Unverified>) -> Result<(), Unverified> {
        if let Some(retry_after) = *self.limited.get_or_init(self.ask) {
            return Err(Unchecked::Limited { retry_after }.into());
        }
        self.made.set(self.made.get().saturating_add(1));
        verify().inspect_err(|_| self.wrong.set(self.wrong.get().saturating_add(1)))
    }
}

impl Crypto for Governed<'_> {
    fn verify(&self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Unverified> {
        self.check(|| self.crypto.verify(key, algorithm, message, signature))
    }

    fn verify_hmac(&self, secret: &Secret, message: &[u8], tag: &[u8]) -> Result<(), Unverified> {
        self.check(|| self.crypto.verify_hmac(secret, message, tag))
    }
}
