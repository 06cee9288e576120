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

impl Pause {
    pub fn keys(self) -> Result<Box<Waits>, Self> {
        match self {
            Self::Keys(waits) => Ok(waits),
            other @ (Self::Signed(_) | Self::Limiter(_) | Self::Record(_)) => Err(other),
        }
    }

    pub fn limiter(self) -> Result<Box<Asking>, Self> {
        match self {
            Self::Limiter(asking) => Ok(asking),
            other @ (Self::Keys(_) | Self::Signed(_) | Self::Record(_)) => Err(other),
        }
    }

    pub fn signed(self) -> Result<Box<Signed>, Self> {
        match self {
            Self::Signed(signed) => Ok(signed),
            other @ (Self::Keys(_) | Self::Limiter(_) | Self::Record(_)) => Err(other),
        }
    }

    pub fn record(self) -> Result<Box<Outcome>, Self> {
        match self {
            Self::Record(outcome) => Ok(outcome),
            other @ (Self::Keys(_) | Self::Signed(_) | Self::Limiter(_)) => Err(other),
        }
    }
}

impl State {
    /// Ends a pause, where it is the one that is `wanted`.
    pub fn end_pause<T>(&mut self, wanted: impl FnOnce(Pause) -> Result<T, Pause>) -> Option<T> {
        if !matches!(self, Self::Paused(_)) {
            return None;
        }
        let Self::Paused(pause) = std::mem::replace(self, Self::Refused) else { return None };
        wanted(pause).map_err(|other| *self = Self::Paused(other)).ok()
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
