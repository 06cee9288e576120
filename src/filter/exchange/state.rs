//! Where a call stands, and what it waits for.

use super::asking::Asking;
use super::signed::Signed;
use super::wait::Waits;
use crate::decision::Outcome;
use crate::filter::step::Flow;
use crate::filter::stream::Stream;
use crate::inspect::Opened;

#[derive(Debug)]
pub(super) enum State {
    /// Nothing was told yet.
    New,
    /// The head was in order; the body decides.
    Holding(Box<Opened>),
    /// The head was in order; each message is judged as it comes.
    Streaming(Stream),
    /// Somebody else has to say something first.
    Paused(Pause),
    /// The call goes on.
    Passed,
    /// The call was answered.
    Refused,
}

/// What a call waits for.
#[derive(Debug)]
pub(super) enum Pause {
    /// Its head cannot be judged without what may be fetched yet.
    Keys(Box<Waits>),
    /// The same of a call that is there as a whole.
    Signed(Box<Signed>),
    /// It would go on, and the limiter may know more.
    Limiter(Box<Asking>),
    /// It would go on, and its records come first.
    Record(Box<Outcome>),
}

impl State {
    /// Ends a pause, where it is the one that is asked for.
    pub fn end_pause(&mut self, is_it: fn(&Pause) -> bool) -> Option<Pause> {
        if !matches!(self, Self::Paused(pause) if is_it(pause)) {
            return None;
        }
        let Self::Paused(pause) = std::mem::replace(self, Self::Refused) else { return None };
        Some(pause)
    }

    /// The call whose body is whole now.
    pub fn end_hold(&mut self) -> Option<Box<Opened>> {
        if !matches!(self, Self::Holding(_)) {
            return None;
        }
        let Self::Holding(opened) = std::mem::replace(self, Self::Refused) else { return None };
        Some(opened)
    }

    /// What becomes of a part of the body that changes nothing.
    pub const fn flow(&self) -> Flow {
        if matches!(self, Self::Passed) { Flow::Continue } else { Flow::Pause }
    }
}
