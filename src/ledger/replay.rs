//! Events that may come once.

use std::time::Duration;

use super::{Breach, Ending, Entry, Slot, Tag, Undo};
use crate::time::Timestamp;

/// From when on an event counts as published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// As soon as it goes on.
    Forward,
    /// Once the upstream has accepted it. Until then nobody else may publish it.
    Accept,
}

/// How long an event whose call has no end yet keeps others from publishing it: where a proxy dies with the call, its producer's retries
/// work again after that.
const LEASE: Duration = Duration::from_secs(60);

pub(super) fn ask(slot: &mut Slot, tag: Tag, until: Timestamp, counts: Counts, now: Timestamp) -> Result<Undo, Breach> {
    if slot.find(tag).is_some() {
        return Err(Breach::Seen);
    }
    let ends = match counts {
        Counts::Forward => until,
        Counts::Accept => until.min(now.after(LEASE)),
    };
    slot.add(Entry { tag, value: 0, ends })?;
    Ok(Undo::Once { until, ends, counts })
}

/// An entry whose lease has ended is made again; where there is no room for it, the event can come again.
pub(super) fn settle(slot: &mut Slot, tag: Tag, until: Timestamp, ends: Timestamp, ending: Ending) {
    // Behind the lease the entry may be that of another call.
    let is_ours = slot.find(tag).is_none_or(|entry| entry.ends == ends);
    if is_ours || ending == Ending::Published {
        slot.remove(tag);
    }
    if ending == Ending::Published {
        // No room: as after the lease.
        let _ = slot.add(Entry { tag, value: 0, ends: until });
    }
}
