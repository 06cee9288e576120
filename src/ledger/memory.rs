//! A table in the memory of one thread: of the command line and of tests.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use super::{Store, Unavailable};

/// A table that nobody else sees.
#[derive(Debug, Default)]
pub struct Memory(RefCell<HashMap<u32, Vec<u8>, BuildHasherDefault<DefaultHasher>>>);

impl Store for Memory {
    fn change(&self, slot: u32, change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Result<(), Unavailable> {
        let mut values = self.0.try_borrow_mut().map_err(|_| Unavailable)?;
        let value = values.entry(slot).or_default();
        if let Some(new) = change(value) {
            *value = new;
        }
        Ok(())
    }

    fn seed(&self) -> Result<[u8; 16], Unavailable> {
        Ok([0; 16])
    }
}
