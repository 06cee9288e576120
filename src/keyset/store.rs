//! The sets of a policy in one worker of a proxy, as a value: what happened goes in, what is to be done comes out.

mod set;

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher as _};
use std::time::Duration;

use super::{Board, Content, Failure, Location, SetId, Settings};
use crate::time::Timestamp;
use set::Set;

/// How long a key that no set has is not asked for again.
const NEGATIVE: Duration = Duration::from_secs(60);
/// How many of them are remembered.
const NEGATIVES: usize = 256;

/// What a worker knows of each set.
#[derive(Debug)]
pub struct Store {
    sets: Vec<Set>,
    worker: i64,
    /// Keys that no set had, hashed, and until when that is believed.
    negative: VecDeque<(u64, Timestamp)>,
}

/// What a worker judges its sets by.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// What time it is.
    pub now: Timestamp,
    /// Spreads fetches, so that many proxies do not come at once.
    pub random: u64,
    /// What the workers share.
    pub board: &'a dyn Board,
}

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// Some time went by: a fraction of a second.
    Tick,
    /// A fetch has ended.
    Answer(SetId, Result<Answer<'a>, Failure>),
}

/// What a server answered with status 200.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The document.
    pub body: &'a [u8],
    /// The header `cache-control`.
    pub cache_control: Option<&'a str>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Ask for a document; [`Event::Answer`] says what came of it.
    Fetch(Fetch),
    /// What may be used is not what it was.
    Changed,
    /// A fetch of the set has ended, here or in another worker: calls that wait for it are to be judged again.
    Ended(SetId),
    /// A fetch has ended here, so.
    Fetched(SetId, Result<(), Failure>),
}

/// A request for a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The set that it is for.
    pub set: SetId,
    /// The proxy's cluster.
    pub cluster: String,
    /// What to ask for.
    pub location: Location,
    /// How long it may take.
    pub timeout: Duration,
}

/// What a call cannot be judged without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want<'a> {
    /// A set that is not held.
    Set(SetId),
    /// A key that the set does not have.
    Key(SetId, &'a str),
}

/// Whether waiting may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It may, until then.
    Wait(Timestamp),
    /// It will not.
    Refuse,
}

/// What is known of a set, for those who look after the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State<'a> {
    /// The set's name.
    pub name: &'a str,
    /// How long ago it was fetched; `None` where it never was.
    pub age: Option<Duration>,
    /// How many of its keys, or names, are in use.
    pub used: usize,
}

impl Want<'_> {
    /// The set.
    #[must_use]
    pub fn set(self) -> SetId {
        match self {
            Self::Set(set) | Self::Key(set, _) => set,
        }
    }
}

impl Store {
    /// Of the sets of a policy, nothing of which is held. `worker` is a number that no other worker has.
    #[must_use]
    pub fn new(settings: &[Settings], worker: u64) -> Self {
        let worker = i64::from_le_bytes(worker.to_le_bytes()) | 1;
        Self { sets: settings.iter().cloned().map(Set::new).collect(), worker, negative: VecDeque::new() }
    }

    /// Takes in what happened, and says what is to be done.
    pub fn update(&mut self, event: &Event<'_>, with: Circumstances<'_>) -> Vec<Command> {
        let mut commands = Vec::new();
        let changes = self.changes();
        match *event {
            Event::Tick => {
                for (index, set) in self.sets.iter_mut().enumerate() {
                    set.tick(SetId(index), self.worker, with, &mut commands);
                }
            }
            Event::Answer(id, answer) => {
                if let Some(set) = self.sets.get_mut(id.0) {
                    set.answered(id, answer, self.worker, with, &mut commands);
                }
            }
        }
        if changes != self.changes() {
            self.negative.clear();
        }
        commands
    }

    /// What the documents say that are held, in a few bits.
    fn changes(&self) -> u64 {
        self.sets.iter().filter_map(Set::digest).fold(0, u64::wrapping_add)
    }

    /// What may be used of a set.
    #[must_use]
    pub fn content(&self, set: SetId) -> Option<&Content> {
        self.sets.get(set.0)?.content()
    }

    /// Whether a call that came at `since` may wait for what it cannot be judged without. A key that is asked for is fetched soon, but
    /// no more than once in a while, whoever asks.
    pub fn ask(&mut self, want: Want<'_>, since: Timestamp, now: Timestamp) -> Asked {
        let Some(set) = self.sets.get_mut(want.set().0) else { return Asked::Refuse };
        let Some(until) = set.may_come_until(since, now) else { return Asked::Refuse };
        if let Want::Key(id, key) = want {
            let hash = hash(self.worker, &[&id.0.to_le_bytes(), key.as_bytes()]);
            if self.negative.iter().any(|(known, until)| *known == hash && now < *until) {
                return Asked::Refuse;
            }
            if set.was_fetched_since(since) {
                self.remember(hash, now);
                return Asked::Refuse;
            }
            set.want();
        }
        Asked::Wait(until)
    }

    /// A key is missing, and nobody waits for it: it is fetched for the next who comes, and not asked for again for a while.
    pub fn miss(&mut self, set: SetId, key: &str, now: Timestamp) {
        let Some(missed) = self.sets.get_mut(set.0) else { return };
        let hash = hash(self.worker, &[&set.0.to_le_bytes(), key.as_bytes()]);
        if !self.negative.iter().any(|(known, until)| *known == hash && now < *until) {
            missed.want();
            self.remember(hash, now);
        }
    }

    fn remember(&mut self, hash: u64, now: Timestamp) {
        self.negative.truncate(NEGATIVES - 1);
        self.negative.push_front((hash, now.after(NEGATIVE)));
    }

    /// What is known of each set.
    pub fn states(&self, now: Timestamp) -> impl Iterator<Item = State<'_>> {
        self.sets.iter().map(move |set| set.state(now))
    }

    /// The settings of a set.
    #[must_use]
    pub fn settings(&self, set: SetId) -> Option<&Settings> {
        Some(self.sets.get(set.0)?.settings())
    }
}

fn hash(seed: i64, parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_i64(seed);
    parts.iter().for_each(|part| hasher.write(part));
    hasher.finish()
}
