//! One value of the table: a few entries of 32 bytes, those that have ended left out.

use super::{Breach, Tag};
use crate::time::Timestamp;

/// The entries of one slot that have not ended.
#[derive(Debug, Default)]
pub(super) struct Slot(Vec<Entry>);

/// What is remembered of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub tag: Tag,
    pub value: u64,
    pub ends: Timestamp,
}

impl Entry {
    const BYTES: usize = 32;

    fn read(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (tag, rest) = bytes.split_first_chunk::<16>()?;
        let (value, rest) = rest.split_first_chunk::<8>()?;
        let ends = rest.first_chunk::<8>()?;
        Some(Self {
            tag: Tag(*tag),
            value: u64::from_le_bytes(*value),
            ends: Timestamp::from_unix_nanos(i64::from_le_bytes(*ends)),
        })
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.tag.0);
        to.extend_from_slice(&self.value.to_le_bytes());
        to.extend_from_slice(&self.ends.unix_nanos().to_le_bytes());
    }
}

impl Slot {
    /// Entries that a slot has room for at most.
    pub(super) const ROOM: usize = 48;

    pub(super) fn parse(bytes: &[u8], now: Timestamp) -> Self {
        let (entries, _) = bytes.as_chunks::<{ Entry::BYTES }>();
        // One more is added, as a rule.
        let mut slot = Self(Vec::with_capacity(entries.len() + 1));
        slot.0.extend(entries.iter().filter_map(Entry::read).filter(|entry| entry.ends > now));
        slot
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * Entry::BYTES);
        self.0.iter().for_each(|entry| entry.write(&mut bytes));
        bytes
    }

    pub(super) fn find(&mut self, tag: Tag) -> Option<&mut Entry> {
        self.0.iter_mut().find(|entry| entry.tag == tag)
    }

    pub(super) fn add(&mut self, entry: Entry) -> Result<(), Breach> {
        if self.0.len() >= Self::ROOM {
            return Err(Breach::Full);
        }
        self.0.push(entry);
        Ok(())
    }

    pub(super) fn remove(&mut self, tag: Tag) {
        self.0.retain(|entry| entry.tag != tag);
    }
}
