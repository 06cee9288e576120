//! Events that may come once.

use super::{Breach, Entry, Slot, Tag, Undo};
use crate::time::Timestamp;

/// From when on an event counts as published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// As soon as it goes on.
    Forward,
    /// Once the upstream has accepted it. Until then nobody else may publish it.
    Accept,
}

/// It stays whatever becomes of the call, unless that is known to have failed: nothing is written where it was published.
pub(super) fn ask(slot: &mut Slot, tag: Tag, until: Timestamp, counts: Counts) -> Result<Undo, Breach> {
    if slot.find(tag).is_some() {
        return Err(Breach::Seen);
    }
    slot.add(Entry { tag, value: 0, ends: until })?;
    Ok(Undo::Once { until, counts })
}

/// An event that failed may come again.
pub(super) fn take_back(slot: &mut Slot, tag: Tag, until: Timestamp) {
    // Behind the window the entry may be that of another call.
    if slot.find(tag).is_some_and(|entry| entry.ends == until) {
        slot.remove(tag);
    }
}
