//! How long a callback takes. The clock is read where one part of judging ends and the next one begins, once for both: a reading is a call
//! of the host, and a call is judged in several parts.

use std::cell::Cell;
use std::time::Duration;

use super::host;
use super::metrics::Stage;
use super::shared::Shared;
use crate::time::Timestamp;

/// A callback's time, and the part of judging that is under way in it.
pub struct Watch {
    began: Timestamp,
    /// When the last part ended.
    read: Cell<Timestamp>,
    stage: Cell<Option<Stage>>,
    /// How long the call's callbacks before it took.
    before: Duration,
}

impl Watch {
    /// Of a callback that began then, on behalf of a call of which nothing else is known.
    pub const fn at(began: Timestamp) -> Self {
        Self::start(began, None, Duration::ZERO)
    }

    /// Of a callback that began then, with that part of judging, when the call's callbacks before it had taken so long.
    pub const fn start(began: Timestamp, stage: Option<Stage>, before: Duration) -> Self {
        Self { began, read: Cell::new(began), stage: Cell::new(stage), before }
    }

    /// When the callback began.
    pub const fn began(&self) -> Timestamp {
        self.began
    }

    /// When the last part ended.
    pub const fn read(&self) -> Timestamp {
        self.read.get()
    }

    /// How long the call's callbacks took until then.
    pub fn spent(&self) -> Duration {
        self.before + self.read().since(self.began)
    }

    /// What follows is that part.
    pub fn enter(&self, stage: Stage) {
        self.stage.set(Some(stage));
    }

    /// The part that was under way is over; tells how long it took.
    pub fn lap(&self, shared: &Shared) {
        let began = self.read.replace(host::now());
        if let Some(stage) = self.stage.take() {
            shared.time(stage, self.read().since(began));
        }
    }
}
