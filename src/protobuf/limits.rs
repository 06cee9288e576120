//! What a message may cost to whoever reads it: how deep it is, how many values it has, and how many events.

use std::cell::Cell;

use super::{MessageError, malformed, too_many};

/// What is read of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits<'l> {
    /// Levels of nesting.
    pub depth: usize,
    /// The numbers of the fields that lead to the list of events, and how many of them there may be; it is looked at before they are read.
    pub events: Option<(&'l [u32], usize)>,
}

/// Levels of nesting that a decoder of Protocol Buffers reads, whatever the budget says: they go down level by level, as this one.
const DEPTH: usize = 100;

/// Values that any message may have. Of what has more each is eight bytes long on average: a message takes two bytes, and some sixty where it
/// is kept.
const VALUES: usize = 1 << 16;

impl Limits<'_> {
    /// Of a message without events in it.
    pub(crate) fn depth(depth: usize) -> Self {
        Self { depth, events: None }
    }
}

/// How many values may still be kept of a message, all that is in it included.
pub(super) struct Spent {
    limit: usize,
    left: Cell<usize>,
}

impl Spent {
    /// Nothing of a message of so many bytes.
    pub fn of(bytes: usize) -> Self {
        Self::up_to((bytes / 8).max(VALUES))
    }

    /// Of a message that is trusted.
    pub fn unbounded() -> Self {
        Self::up_to(usize::MAX)
    }

    fn up_to(limit: usize) -> Self {
        Self { limit, left: Cell::new(limit) }
    }
}

/// What is left of the limits for one message.
#[derive(Clone, Copy)]
pub(super) struct Room<'l> {
    limits: Limits<'l>,
    levels: usize,
    /// Events that it has so far.
    events: usize,
    spent: &'l Spent,
}

impl<'l> Room<'l> {
    pub fn new(limits: Limits<'l>, spent: &'l Spent) -> Self {
        let depth = limits.depth.min(DEPTH);
        Self { limits: Limits { depth, ..limits }, levels: depth, events: 0, spent }
    }

    /// The message itself takes a level.
    pub fn below(self) -> Result<Self, MessageError> {
        let too_deep = || malformed(format!("nested deeper than {} levels", self.limits.depth));
        Ok(Self { levels: self.levels.checked_sub(1).ok_or_else(too_deep)?, ..self })
    }

    /// What is left for a value of the field with that number.
    pub fn value(&mut self, number: u32) -> Result<Self, MessageError> {
        let Spent { limit, left } = self.spent;
        let too_dear = || malformed(format!("a message with more than {limit} values"));
        left.set(left.get().checked_sub(1).ok_or_else(too_dear)?);
        let events = match self.limits.events {
            Some(([last], limit)) if *last == number => {
                self.events += 1;
                if self.events > limit {
                    return Err(too_many(limit));
                }
                None
            }
            Some(([first, rest @ ..], limit)) if *first == number => Some((rest, limit)),
            Some(_) | None => None,
        };
        Ok(Self { limits: Limits { events, ..self.limits }, events: 0, ..*self })
    }
}
