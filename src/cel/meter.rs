//! The bound of one evaluation, in steps: about one for each node that is evaluated, each item that is looked at, and each
//! sixteen bytes that are read or written.

use super::error::Fault;

/// What is left to spend. Once it is spent, every further step fails: no `||` goes on after it.
#[derive(Debug)]
pub(super) struct Meter(u64);

impl Meter {
    pub(super) const fn new(steps: u64) -> Self {
        Self(steps)
    }

    pub(super) fn step(&mut self) -> Result<(), Fault> {
        self.spend(1)
    }

    pub(super) fn steps(&mut self, count: usize) -> Result<(), Fault> {
        self.spend(u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// For reading or writing so many bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Result<(), Fault> {
        self.steps(count / 16)
    }

    fn spend(&mut self, steps: u64) -> Result<(), Fault> {
        match self.0.checked_sub(steps) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => {
                self.0 = 0;
                Err(Fault::TooDear)
            }
        }
    }
}
