//! One set in one worker: when it is fetched, what is held of it, and for how long. Of all workers one fetches it, and leaves it on the board
//! for the others.

use std::time::Duration;

use super::{Answer, Circumstances, Command, Fetch, State, hash};
use crate::keyset::document::{content, key_location};
use crate::keyset::status::{Source, Status};
use crate::keyset::{Board, Content, Failure, Location, SetId, Settings};
use crate::time::Timestamp;

/// Places on the board, which are never given back. Sources that meet in one fetch by themselves.
const PLACES: u8 = 64;

/// What a worker knows of a set.
#[derive(Debug)]
pub(super) struct Set {
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

impl Set {
    pub fn new(settings: Settings) -> Self {
        let source = settings.source();
        let place = source.first().map_or(0, |byte| byte % PLACES);
        let places = ["status", "set"].map(|what| format!("{place}.{what}"));
        Self { settings, source, places, status: Status::default(), held: None, passed_over: 0, flight: None, wanted: false }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What may be used of it.
    pub fn content(&self) -> Option<&Content> {
        self.held.as_ref().filter(|held| held.good).map(|held| &held.content)
    }

    /// Of the document that is held.
    pub fn digest(&self) -> Option<u64> {
        Some(self.held.as_ref()?.digest)
    }

    pub fn state(&self, now: Timestamp) -> State<'_> {
        State {
            name: &self.settings.name,
            age: self.held.as_ref().map(|held| now.since(Timestamp::from_unix_nanos(held.status.fetched))),
            used: self.content().map_or(0, Content::len),
        }
    }

    /// Until when a call that came at `since` may wait for it; `None` where that is over, or no fetch is due in time.
    pub fn may_come_until(&self, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let until = since.after(self.settings.longest_wait());
        let hopeless = self.status.failures > 0
            && !self.status.is_leased(&self.settings, now)
            && Timestamp::from_unix_nanos(self.status.due) > until;
        (!hopeless && now < until).then_some(until)
    }

    /// Whether what is held was asked for no earlier.
    pub fn was_fetched_since(&self, since: Timestamp) -> bool {
        self.held.as_ref().is_some_and(|held| held.status.fetched >= since.unix_nanos())
    }

    /// A key is missing: it is fetched as soon as may be.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// Some time went by.
    pub fn tick(&mut self, id: SetId, worker: i64, with: Circumstances<'_>, commands: &mut Vec<Command>) {
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

    /// A fetch has ended.
    pub fn answered(
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
