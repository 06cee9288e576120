//! Sequences: each number after the last.

use super::{Breach, Entry, Slot, Tag, Undo};
use crate::time::Timestamp;

/// Whether numbers of a sequence may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gaps {
    /// An event that does not follow the last one is refused.
    Refuse,
    /// It passes, and its record says how many are missing.
    Record,
    /// It passes.
    Allow,
}

/// What to undo, and how many numbers are missing.
pub(super) fn ask(slot: &mut Slot, tag: Tag, number: u64, gaps: Gaps, until: Timestamp) -> Result<(Undo, u64), Breach> {
    let Some(entry) = slot.find(tag) else {
        slot.add(Entry { tag, value: number, ends: until })?;
        return Ok((Undo::Next { number, before: None, until }, 0));
    };
    let last = entry.value;
    let missing = match number.checked_sub(last) {
        None | Some(0) => return Err(Breach::Regression { number, last }),
        Some(distance) => distance - 1,
    };
    if missing > 0 && gaps == Gaps::Refuse {
        return Err(Breach::Gap { number, last });
    }
    *entry = Entry { tag, value: number, ends: until };
    let told = if gaps == Gaps::Record { missing } else { 0 };
    Ok((Undo::Next { number, before: Some(last), until }, told))
}

/// The number of an event that failed can come again, unless one after it has come.
pub(super) fn take_back(slot: &mut Slot, tag: Tag, number: u64, before: Option<u64>, until: Timestamp) {
    match (slot.find(tag), before) {
        (Some(entry), Some(before)) if entry.value == number => *entry = Entry { tag, value: before, ends: until },
        (Some(entry), None) if entry.value == number => slot.remove(tag),
        (Some(_) | None, _) => {}
    }
}
