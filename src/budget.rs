//! What one call may cost: the bounds that every parser keeps, whatever the caller sends.

/// The bounds of one call. A call beyond a bound is refused, never cut.
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
}

impl Budget {
    /// What holds where the policy says nothing: 1 MiB, 100 events, 32 levels, 64 attributes.
    pub const DEFAULT: Self = Self { body: 1 << 20, events: 100, depth: 32, attributes: 64 };
}
