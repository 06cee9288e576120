//! A call whose head waits for a key, or a set of them, that is being fetched. What the proxy tells of it meanwhile is kept in mind, and
//! judged with the head.

use super::{Buffered, Exchange, Pause, State, Surroundings};
use crate::filter::step::{Command, Flow, Step};
use crate::filter::stream::Part;
use crate::inspect::{Opening, Pending};
use crate::keyset::{Asked, SetId, Want};
use crate::time::Timestamp;

/// How many calls may wait for a set that is not held.
const ROOM: usize = 256;
/// How many may wait for a key of a set that is: anybody can name one that does not exist.
const ROOM_FOR_KEYS: usize = 128;

/// What the proxy has told of a call with its head, and since.
#[derive(Debug)]
pub(super) struct Came {
    pub commands: Vec<Command>,
    pub end_of_stream: bool,
    pub since: Timestamp,
    pub body: Shown,
}

/// How much of the body the proxy has shown while the head waited: with `allow_on_headers_stop_iteration` it does, and shows it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Nothing,
    Part,
    Whole,
}

/// A call that waits.
#[derive(Debug)]
pub(super) struct Waits {
    pub pending: Pending,
    pub came: Came,
    pub set: SetId,
    pub until: Timestamp,
}

impl Came {
    pub fn new(commands: Vec<Command>, end_of_stream: bool, since: Timestamp) -> Self {
        Self { commands, end_of_stream, since, body: Shown::Nothing }
    }
}

impl Surroundings<'_> {
    /// Until when a call that came at `since` may wait for that, where there is room for another and it may help.
    pub(super) fn may_wait(&mut self, want: Want<'_>, since: Timestamp) -> Option<Timestamp> {
        let room = if matches!(want, Want::Set(_)) { ROOM } else { ROOM_FOR_KEYS };
        if self.waiting >= room {
            return None;
        }
        match self.keys.ask(want, since, self.now) {
            Asked::Wait(until) => Some(until),
            Asked::Refuse => None,
        }
    }
}

impl Exchange {
    /// What the call waits for, any of these, and until when, where it does.
    #[must_use]
    pub fn awaits(&self) -> Option<(&[SetId], Timestamp)> {
        match &self.state {
            State::Paused(Pause::Keys(waits)) => Some((std::slice::from_ref(&waits.set), waits.until)),
            State::Paused(Pause::Signed(signed)) => Some((&signed.sets, signed.until)),
            State::Paused(Pause::Limiter(_) | Pause::Record(_)) => None,
            State::New | State::Holding(_) | State::Streaming(_) | State::Passed | State::Refused => None,
        }
    }

    /// Waits, where that may help; otherwise the call is refused for want of what it would wait for.
    pub(super) fn wait(&mut self, pending: Pending, came: Came, with: &mut Surroundings<'_>) -> Step {
        match pending.wants().and_then(|want| Some((want.set(), with.may_wait(want, came.since)?))) {
            Some((set, until)) => {
                self.state = State::Paused(Pause::Keys(Box::new(Waits { pending, came, set, until })));
                Step::quiet(Flow::Pause)
            }
            None => {
                let outcome = pending.refuse(&self.policy);
                self.decide_of_head(outcome, came)
            }
        }
    }

    /// Something was fetched, or the time is over: a call that waits is judged again, and with its head what has come since.
    pub fn judge_again(&mut self, buffered: impl FnOnce() -> Buffered, with: &mut Surroundings<'_>) -> Step {
        if let Some(Pause::Signed(signed)) = self.state.end_pause(|pause| matches!(pause, Pause::Signed(_))) {
            return self.judge_whole_again(signed.whole, buffered, with);
        }
        let Some(Pause::Keys(waits)) = self.state.end_pause(|pause| matches!(pause, Pause::Keys(_))) else {
            return Step::quiet(Flow::Pause);
        };
        let Waits { pending, came, .. } = *waits;
        let shown = came.body;
        let head = match pending.judge(&self.policy, with.head_means()) {
            Opening::Wait(pending) => return self.wait(*pending, came, with),
            opening @ (Opening::Unguarded | Opening::Judge(_) | Opening::Decided(_)) => self.opened(opening, came, with),
        };
        let body = match (&self.state, shown) {
            (State::Holding(_), Shown::Part) => Step::quiet(Flow::Pause),
            (State::Holding(_), Shown::Whole) => self.body_end(buffered, with),
            (State::Streaming(_), Shown::Part) => self.stream_part(buffered().bytes.as_deref(), Part::Open, with),
            (State::Streaming(_), Shown::Whole) => self.stream_part(buffered().bytes.as_deref(), Part::Last, with),
            (_, Shown::Nothing) | (State::New | State::Paused(_) | State::Passed | State::Refused, _) => {
                return head;
            }
        };
        head.followed_by(body)
    }
}
