//! How much is recorded of events of a rule: settings alone.

/// How much is recorded of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recording {
    /// What is recorded.
    pub level: Level,
    /// One of how many admitted events is recorded: at least one.
    pub one_in: u32,
}

/// What is recorded of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Nothing where it is admitted; a refused one as with `Metadata`.
    None,
    /// All but the digest of its data.
    Metadata,
    /// The digest of its data too.
    Digest,
}

impl Default for Recording {
    /// Everything of every event.
    fn default() -> Self {
        Self { level: Level::Digest, one_in: 1 }
    }
}
