//! The sets of a policy in one worker of a proxy, as a value: what happened goes in, what is to be done comes out. One worker fetches a
//! set and leaves it on the board for the others.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher as _};
use std::time::Duration;

use super::document::{content, key_location};
use super::status::{Source, Status};
use super::{Board, Content, Failure, Location, SetId, Settings};
use crate::time::Timestamp;

/// How long a key that no set has is not asked for again.
const NEGATIVE: Duration = Duration::from_secs(60);
/// How many of them are remembered.
const NEGATIVES: usize = 256;
/// Places on the board, which are never given back. Sources that meet in one fetch by themselves.
const PLACES: u8 = 64;

/// What a worker knows of each set.
#[derive(Debug)]
pub struct Store {
    sets: Vec<Set>,
    worker: i64,
    /// Keys that no set had, hashed, and until when that is believed.
    negative: VecDeque<(u64, Timestamp)>,
}

#[derive(Debug)]
struct Set {
    settings: Settings,
    source: Source,
    /// The names of its two values on the board.
    places: [String; 2],
    status: Status,
    held: Option<Held>,
    /// The fetch of this status left a document that is none for this policy.
    passed_over: i64,
    flight: Option<Flight>,
    /// Whether a call waits for a key that is not there.
    wanted: bool,
}

#[derive(Debug)]
struct Held {
    content: Content,
    status: Status,
    /// Of the document, to tell whether it changes.
    digest: u64,
    /// Whether it may still be used.
    good: bool,
}

/// A fetch under way.
#[derive(Debug)]
struct Flight {
    begun: Timestamp,
    /// Whether the document under way is the set, or what says where it is.
    is_set: bool,
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
        self.sets.iter().filter_map(|set| Some(set.held.as_ref()?.digest)).fold(0, u64::wrapping_add)
    }

    /// What may be used of a set.
    #[must_use]
    pub fn content(&self, set: SetId) -> Option<&Content> {
        let held = self.sets.get(set.0)?.held.as_ref()?;
        held.good.then_some(&held.content)
    }

    /// Whether a call that came at `since` may wait for what it cannot be judged without. A key that is asked for is fetched soon, but
    /// no more than once in a while, whoever asks.
    pub fn ask(&mut self, want: Want<'_>, since: Timestamp, now: Timestamp) -> Asked {
        let Some(set) = self.sets.get_mut(want.set().0) else { return Asked::Refuse };
        let until = since.after(set.settings.longest_wait());
        let hopeless = set.status.failures > 0
            && !set.status.is_leased(&set.settings, now)
            && Timestamp::from_unix_nanos(set.status.due) > until;
        if hopeless || now >= until {
            return Asked::Refuse;
        }
        if let Want::Key(id, key) = want {
            let hash = hash(self.worker, &[&id.0.to_le_bytes(), key.as_bytes()]);
            if self.negative.iter().any(|(known, until)| *known == hash && now < *until) {
                return Asked::Refuse;
            }
            if set.held.as_ref().is_some_and(|held| held.status.fetched >= since.unix_nanos()) {
                self.negative.truncate(NEGATIVES - 1);
                self.negative.push_front((hash, now.after(NEGATIVE)));
                return Asked::Refuse;
            }
            set.wanted = true;
        }
        Asked::Wait(until)
    }

    /// What is known of each set.
    pub fn states(&self, now: Timestamp) -> impl Iterator<Item = State<'_>> {
        self.sets.iter().map(move |set| State {
            name: &set.settings.name,
            age: set.held.as_ref().map(|held| now.since(Timestamp::from_unix_nanos(held.status.fetched))),
            used: set.held.as_ref().filter(|held| held.good).map_or(0, |held| held.content.len()),
        })
    }

    /// The settings of a set.
    #[must_use]
    pub fn settings(&self, set: SetId) -> Option<&Settings> {
        Some(&self.sets.get(set.0)?.settings)
    }
}

impl Set {
    fn new(settings: Settings) -> Self {
        let source = settings.source();
        let place = source.first().map_or(0, |byte| byte % PLACES);
        let places = ["status", "set"].map(|what| format!("{place}.{what}"));
        Self { settings, source, places, status: Status::default(), held: None, passed_over: 0, flight: None, wanted: false }
    }

    fn tick(&mut self, id: SetId, worker: i64, with: Circumstances<'_>, commands: &mut Vec<Command>) {
        let (own, mut seen, mut mine) = (self.status, self.status, false);
        if !own.is_leased(&self.settings, with.now) {
            // An answer that did not come in all that time does not come any more.
            self.flight = None;
        }
        self.change_status(with.board, |status, settings, wanted| {
            seen = status;
            mine = status.is_due(settings, wanted, with.now);
            mine.then(|| status.leased_by(worker, settings, with.now))
        });
        if (seen.fetched, seen.failures) != (own.fetched, own.failures) {
            self.take_over(seen, with, commands);
            self.end(id, commands);
        }
        self.look_at_age(with.now, commands);
        if mine {
            self.flight = Some(Flight { begun: with.now, is_set: self.settings.discovery.is_none() });
            commands.push(self.fetch(id, &self.settings.cluster, self.settings.location.clone()));
        }
    }

    /// Changes the status, here and on the board; what is not of this source there says nothing. Without a board each worker fetches for
    /// itself.
    fn change_status(&mut self, board: &dyn Board, mut change: impl FnMut(Status, &Settings, bool) -> Option<Status>) {
        let Self { settings, source, places: [place, _], status, wanted, .. } = self;
        let own = *status;
        let mut change = |seen: Status| {
            let new = change(seen, settings, *wanted);
            *status = new.unwrap_or(seen);
            new
        };
        let shared = board.change(place, &mut |bytes| {
            let new = change(Status::read(bytes, *source).unwrap_or(own))?;
            Some(new.write(*source))
        });
        if shared.is_err() {
            change(own);
        }
    }

    /// Takes the document that another worker has left.
    fn take_over(&mut self, seen: Status, with: Circumstances<'_>, commands: &mut Vec<Command>) {
        let held = self.held.as_ref().map_or(0, |held| held.status.fetched);
        if seen.fetched == 0 || seen.fetched == held || seen.fetched == self.passed_over {
            return;
        }
        let mut document = Vec::new();
        // Without a board there are no others.
        let _ = with.board.change(&self.places[1], &mut |bytes| {
            let body = bytes.strip_prefix(&self.source).and_then(|rest| rest.strip_prefix(&seen.fetched.to_le_bytes()));
            document = body.unwrap_or_default().to_vec();
            None
        });
        match content(self.settings.kind, &document) {
            Ok(content) => self.hold(content, seen, &document, with.now, commands),
            Err(_) => self.passed_over = seen.fetched,
        }
    }

    fn hold(&mut self, content: Content, status: Status, body: &[u8], now: Timestamp, commands: &mut Vec<Command>) {
        let good = status.is_good(&self.settings, now);
        self.held = Some(Held { content, status, digest: hash(0, &[body]), good });
        commands.push(Command::Changed);
    }

    fn look_at_age(&mut self, now: Timestamp, commands: &mut Vec<Command>) {
        let Some(held) = &mut self.held else { return };
        let good = held.status.is_good(&self.settings, now);
        if good != std::mem::replace(&mut held.good, good) {
            commands.push(Command::Changed);
        }
    }

    fn end(&mut self, id: SetId, commands: &mut Vec<Command>) {
        self.wanted = false;
        commands.push(Command::Ended(id));
    }

    fn fetch(&self, set: SetId, cluster: &str, location: Location) -> Command {
        Command::Fetch(Fetch { set, cluster: cluster.to_owned(), location, timeout: self.settings.timeout })
    }

    fn answered(
        &mut self,
        id: SetId,
        answer: Result<Answer<'_>, Failure>,
        worker: i64,
        with: Circumstances<'_>,
        commands: &mut Vec<Command>,
    ) {
        let Some(flight) = self.flight.take() else { return };
        let discovery = self.settings.discovery.as_ref().filter(|_| !flight.is_set);
        let result = answer.and_then(|answer| match discovery {
            None => Ok(Err((content(self.settings.kind, answer.body)?, answer))),
            Some(discovery) => key_location(discovery, answer.body).map(Ok),
        });
        let result = match result {
            Ok(Ok((cluster, location))) => {
                commands.push(self.fetch(id, cluster, location));
                self.flight = Some(Flight { is_set: true, ..flight });
                return;
            }
            Ok(Err((content, answer))) => {
                self.fetched(content, answer, flight.begun, worker, with, commands);
                Ok(())
            }
            Err(failure) => {
                self.change_own_status(worker, with.board, |seen, _| seen.failed(with.now, with.random));
                Err(failure)
            }
        };
        commands.push(Command::Fetched(id, result));
        self.end(id, commands);
    }

    fn fetched(
        &mut self,
        content: Content,
        answer: Answer<'_>,
        begun: Timestamp,
        worker: i64,
        with: Circumstances<'_>,
        commands: &mut Vec<Command>,
    ) {
        let status = Status::fetched(&self.settings, begun, answer.cache_control.and_then(max_age), with.random);
        // The document first: whoever sees the status finds it.
        let document = [self.source.as_slice(), &status.fetched.to_le_bytes(), answer.body].concat();
        // Without a board there is nobody to leave it to.
        let _ = with.board.change(&self.places[1], &mut |_| Some(document.clone()));
        self.hold(content, status, answer.body, with.now, commands);
        self.change_own_status(worker, with.board, |_, _| status);
    }

    /// Changes the status of a set that this worker has the lease of.
    fn change_own_status(&mut self, worker: i64, board: &dyn Board, change: impl Fn(Status, &Settings) -> Status) {
        self.change_status(board, |seen, settings, _| (seen.holder == worker).then(|| change(seen, settings)));
    }
}

/// The seconds of `max-age` (RFC 9111 section 5.2.2.1). What forbids keeping an answer does not forbid using a key.
fn max_age(cache_control: &str) -> Option<Duration> {
    let seconds = cache_control.split(',').find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        name.trim().eq_ignore_ascii_case("max-age").then(|| value.trim().trim_matches('"'))
    })?;
    seconds.parse().ok().map(Duration::from_secs)
}

fn hash(seed: i64, parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_i64(seed);
    parts.iter().for_each(|part| hasher.write(part));
    hasher.finish()
}
