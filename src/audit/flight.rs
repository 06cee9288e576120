//! A batch of records on its way.

use std::rc::Rc;
use std::time::Duration;

use super::chain::Mark;
use super::drops::{Counts, Drops};
use super::lanes::Load;
use super::progress::Progress;

/// A batch that was sent at least once.
#[derive(Debug)]
pub(super) struct Flight {
    pub id: u64,
    pub body: Rc<Vec<u8>>,
    /// Since when it is under way; `None` while it waits to be sent again.
    pub since: Option<Duration>,
    /// The place of its last record.
    pub last: u64,
    pub load: Load,
    /// Where the chain stood before it.
    pub mark: Mark,
    /// What it tells of.
    pub told: Drops,
    pub progress: Progress,
}

impl Flight {
    /// Its records, by kind.
    pub fn counts(&self) -> Counts {
        let count = |records| u64::try_from(records).unwrap_or(u64::MAX);
        let (admitted, refused) = self.load.records();
        Counts { admitted: count(admitted), refused: count(refused) }
    }
}
