//! The ledger's table in the proxy's shared data, which all workers see and which outlives their VMs: one key for each slot, changed by
//! compare-and-swap.

use std::cell::Cell;

use super::host;
use crate::ledger::{Store, Unavailable};

/// Everything that a proxy loads without a `vm_id` shares one space of keys, as in Istio.
const PREFIX: &str = "eventguard.ledger.";

/// How often a value is changed before somebody else stops it: two workers in a tight loop on one key meet in a quarter of all tries, so
/// this many failures in a row mean that something else is wrong.
const TRIES: usize = 16;

/// No counter is this high, so that only an absent value is written.
const ABSENT: u32 = u32::MAX;

/// The table of a proxy.
#[derive(Debug)]
pub struct SharedTable {
    /// A table of another size is another one.
    prefix: String,
    /// What the first worker has put there, once it is known.
    seed: Cell<Option<[u8; 16]>>,
    /// How often there was no room since that was asked last.
    full: Cell<u64>,
}

impl SharedTable {
    /// The table of so many slots.
    pub fn new(slots: u32) -> Self {
        Self { prefix: format!("{PREFIX}{slots}."), seed: Cell::new(seed()), full: Cell::new(0) }
    }

    /// How often there was no room since this was asked last.
    pub fn take_full(&self) -> u64 {
        self.full.take()
    }
}

impl Store for SharedTable {
    fn change(&self, slot: u32, change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Result<(), Unavailable> {
        change_value(&[self.prefix.as_str(), &slot.to_string()].concat(), change).ok_or(Unavailable)
    }

    fn seed(&self) -> Result<[u8; 16], Unavailable> {
        if self.seed.get().is_none() {
            self.seed.set(seed());
        }
        self.seed.get().ok_or(Unavailable)
    }

    fn was_full(&self) {
        self.full.set(self.full.get().saturating_add(1));
    }
}

/// Changes one value by compare-and-swap; `None` where that cannot be done.
pub fn change_value(key: &str, change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Option<()> {
    for _ in 0..TRIES {
        let (value, cas) = host::shared_data(key).ok()?;
        let Some(new) = change(&value.unwrap_or_default()) else { return Some(()) };
        match host::set_shared_data(key, &new, cas.unwrap_or(ABSENT)) {
            Ok(host::Swap::Done) => return Some(()),
            Ok(host::Swap::TooLate) => {}
            Err(_) => return None,
        }
    }
    None
}

/// The seed of whoever was first. One of our own would find nothing of what others remember.
fn seed() -> Option<[u8; 16]> {
    let key = format!("{PREFIX}seed");
    let own = host::seed();
    for _ in 0..TRIES {
        if let Ok((Some(seed), _)) = host::shared_data(&key)
            && let Ok(seed) = seed.try_into()
        {
            return Some(seed);
        }
        if let Ok(host::Swap::Done) = host::set_shared_data(&key, &own, ABSENT) {
            return Some(own);
        }
    }
    host::log(host::Level::Error, "eventguard: the proxy's shared data cannot be used");
    None
}
