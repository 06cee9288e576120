//! What one call may cost: the bounds that every parser keeps, whatever the caller sends, and how many signatures are looked at
//! for a call and for whoever sends calls that come to nothing.

mod checks;
mod sources;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

pub use checks::{Bounded, Checks};
pub use sources::{Governed, Sources};

/// The bounds of one call, and of who sends it. A call beyond a bound is refused, never cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of the body, as received and again after decompression.
    pub body: usize,
    /// Events in one call.
    pub events: usize,
    /// Levels of nesting in JSON.
    pub depth: usize,
    /// Attributes and extensions of one event.
    pub attributes: usize,
    /// Signature checks, the token's among them; of a stream, those of each message.
    pub checks: usize,
    /// Signature checks of one source that may fail in a second, in each worker; `None` for any number.
    pub failed_checks: Option<NonZeroU32>,
}

impl Budget {
    /// What holds where the policy says nothing: 1 MiB, 100 events, 32 levels, 64 attributes, 232 checks.
    pub const DEFAULT: Self =
        Self { body: 1 << 20, events: 100, depth: 32, attributes: 64, checks: Self::checks_for(100), failed_checks: None };

    /// Checks enough for two signatures on each event, the token, and a call's own signatures with the keys that are tried for them.
    #[must_use]
    pub const fn checks_for(events: usize) -> usize {
        events.saturating_mul(2).saturating_add(32)
    }
}
