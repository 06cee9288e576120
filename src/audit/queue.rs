//! Records on their way to a log cluster, as a value: what is waiting, what is under way, and what was lost. Nothing is lost without
//! being counted, and told in the stream itself. A record becomes part of the chain when it is sent, and a batch is sent again as it
//! was, byte for byte. Knows nothing of sockets; the time and a random number are arguments.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::aftermath::Aftermath;
use super::chain::Mark;
use super::drops::{Counts, Drops};
use super::envelope::Envelope;
use super::form::otlp::Sender;
use super::form::{Linked, Response};
use super::note::Gap;
use super::progress::{Parts, Progress};
use super::record::{Kind, Record, Written};
use super::settings::{Answer, Batch, Counters, Gauges, Settings, WhenFull};
use super::trail::Trail;
use crate::time::Timestamp;

/// Bytes of one request's records: well below what receivers take (the Collector: 20 MiB).
const BATCH_BYTES: usize = 1 << 20;
/// The first wait after a failure; each further failure doubles it.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait after a failure.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// A batch under way of which nothing is heard counts as failed then. Whoever sends has its own, shorter timeout; this is for an
/// answer that got lost, so that the queue does not stand still for ever.
const LONGEST_FLIGHT: Duration = Duration::from_secs(120);
/// The longest time that may pass between two looks at the clock, which are four a second: what is longer is a clock that was set.
const LONGEST_STEP: Duration = Duration::from_secs(60);
/// What a waiting record takes beside its bytes.
const OVERHEAD: usize = 64;

/// The delivery queue.
#[derive(Debug)]
pub struct Queue {
    settings: Settings,
    sender: Sender,
    trail: Trail,
    clock: Clock,
    admitted: Lane,
    refused: Lane,
    flight: Option<Flight>,
    sequence: u64,
    batches: u64,
    /// Since when something waits to be told.
    waiting_since: Option<Duration>,
    /// No batch goes before this.
    resume_at: Duration,
    /// Failures in a row.
    failures: u32,
    /// Whether what waits goes without waiting to be due.
    draining: bool,
    /// Losses that the stream does not tell of yet.
    untold: Drops,
    counters: Counters,
}

/// The records of one kind.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Waiting>,
    /// Records and bytes, those under way among them.
    held: Held,
}

/// How much of a queue's room is taken.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    records: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    sequence: u64,
    kind: Kind,
    number: u64,
    record: Written,
    envelope: Envelope,
}

/// When a batch goes again: now, what the log cluster asks for, and a random number.
type Retry = (Duration, Option<Duration>, u64);

/// A batch that was sent at least once.
#[derive(Debug)]
struct Flight {
    id: u64,
    body: Rc<Vec<u8>>,
    /// Since when it is under way; `None` while it waits to be sent again.
    since: Option<Duration>,
    admitted: Held,
    refused: Held,
    /// Where the chain stood before it.
    mark: Mark,
    /// What it tells of.
    told: Drops,
    progress: Progress,
}

impl Queue {
    /// An empty queue. The seed makes the chain's id, which must be no other's.
    #[must_use]
    pub fn new(settings: Settings, policy: &str, seed: [u8; 16]) -> Self {
        Self {
            trail: Trail::new(settings.integrity, settings.checkpoint.clone(), policy, seed),
            settings,
            sender: Sender::default(),
            clock: Clock::default(),
            admitted: Lane::default(),
            refused: Lane::default(),
            flight: None,
            sequence: 0,
            batches: 0,
            waiting_since: None,
            resume_at: Duration::ZERO,
            failures: 0,
            draining: false,
            untold: Drops::default(),
            counters: Counters::default(),
        }
    }

    /// Says which proxy the records come from (`service.instance.id`).
    #[must_use]
    pub fn with_instance(self, instance: &str) -> Self {
        Self { sender: Sender::new(instance), ..self }
    }

    /// Writes a record under the next number.
    pub fn write(&mut self, record: &Record<'_>) -> (u64, Written) {
        self.trail.write(record)
    }

    /// Adds a record that was written before, or counts it as dropped where there is no room.
    pub fn push(&mut self, record: &Record<'_>, (number, written): (u64, Written), now: Timestamp) {
        self.add(record.kind(), number, written, Envelope::of_record(record), now);
    }

    /// Adds what is known of a call when it has ended. It is told of what went on, or else it is one of the refused.
    pub fn push_aftermath(&mut self, aftermath: &Aftermath<'_>, now: Timestamp) {
        let kind = if aftermath.admitted.is_some() { Kind::Admitted } else { Kind::Refused };
        let (number, written) = self.trail.write_aftermath(aftermath);
        self.add(kind, number, written, Envelope::of_aftermath(aftermath), now);
    }

    fn add(&mut self, kind: Kind, number: u64, record: Written, envelope: Envelope, now: Timestamp) {
        let now = self.clock.advance(now);
        self.waiting_since.get_or_insert(now);
        self.sequence += 1;
        let waiting = Waiting { sequence: self.sequence, kind, number, record, envelope };
        while !self.has_room(kind, waiting.size()) {
            let oldest = match self.settings.when_full {
                WhenFull::DropOldest => self.lane(kind).waiting.pop_front(),
                WhenFull::DropNewest => None,
            };
            self.untold.queue_full.add(kind);
            self.counters.dropped += 1;
            match oldest {
                Some(oldest) => self.lane(kind).held.free(Held { records: 1, bytes: oldest.size() }),
                None => return,
            }
        }
        let lane = self.lane(kind);
        lane.held.take(waiting.size());
        lane.waiting.push_back(waiting);
    }

    /// The next batch, where one is due: enough records wait, or the first has waited long enough, and none is under way.
    pub fn poll(&mut self, now: Timestamp) -> Option<Batch> {
        let elapsed = self.clock.advance(now);
        self.give_up_lost_flight(elapsed);
        let enough = self.admitted.waiting.len() + self.refused.waiting.len() >= self.settings.batch_records;
        let overdue = self.waiting_since.is_some_and(|since| elapsed.saturating_sub(since) >= self.settings.interval);
        let is_due = self.flight.is_some() || enough || overdue || self.trail.is_checkpoint_due(elapsed, 0);
        (elapsed >= self.resume_at && is_due).then(|| self.depart(now, elapsed)).flatten()
    }

    /// The next batch whether or not it is due, for when there will be no later. Ends a wait that is on when it is asked first; what
    /// fails after that waits again, so that a log cluster that is away is not asked without a pause.
    pub fn drain(&mut self, now: Timestamp) -> Option<Batch> {
        let elapsed = self.clock.advance(now);
        self.give_up_lost_flight(elapsed);
        if !std::mem::replace(&mut self.draining, true) {
            self.resume_at = elapsed;
        }
        (elapsed >= self.resume_at).then(|| self.depart(now, elapsed)).flatten()
    }

    /// The log cluster has answered to the batch `id`; as [`delivered`](Self::delivered).
    pub fn answered(&mut self, id: u64, response: &Response<'_>, now: Timestamp, random: u64) {
        let sent = self.flight.as_ref().map_or(0, |flight| flight.progress.left().total());
        self.delivered(id, self.settings.form.read(response, sent, now), now, random);
    }

    /// What became of the batch `id`. `random` spreads the next try, so that many proxies do not come back at once. An answer to
    /// a batch that is not under way, such as a late one, changes nothing.
    pub fn delivered(&mut self, id: u64, answer: Answer, now: Timestamp, random: u64) {
        let now = self.clock.advance(now);
        let Some(flight) = self.flight.take_if(|flight| flight.id == id && flight.since.is_some()) else { return };
        match answer {
            Answer::Accepted => self.take_off(flight, 0),
            Answer::PartlyRejected { rejected } => self.take_off(flight, rejected),
            Answer::Each { again, rejected, retry_after } => self.settle(flight, &again, &rejected, (now, retry_after, random)),
            Answer::Permanent if flight.progress.is_part() => {
                let rest: Vec<usize> = (0..flight.progress.left().total()).collect();
                self.settle(flight, &[], &rest, (now, None, random));
            }
            Answer::Permanent => self.reject(flight),
            Answer::Retryable { retry_after } => self.put_back(flight, now, retry_after, random),
            Answer::Failed => self.put_back(flight, now, None, random),
        }
    }

    /// What became of all records so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters { queued: self.admitted.held.records + self.refused.held.records, ..self.counters }
    }

    /// What can be seen of it now.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        Gauges {
            bytes: self.admitted.held.bytes + self.refused.held.bytes,
            chained: self.trail.chained(),
            signed: self.trail.signed(),
        }
    }

    /// Whether nothing waits and nothing is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flight.is_none() && self.counters().queued == 0 && self.untold.is_empty() && !(self.draining && self.trail.is_open())
    }

    /// Each kind may use the whole queue but for a quarter that is the other's: a flood of refused calls does not push out the
    /// records of what was admitted, nor the other way round.
    fn has_room(&self, kind: Kind, size: usize) -> bool {
        let Settings { queue_records, queue_bytes, .. } = self.settings;
        let (own, other) = match kind {
            Kind::Admitted => (&self.admitted.held, &self.refused.held),
            Kind::Refused => (&self.refused.held, &self.admitted.held),
        };
        own.records + 1 + other.records.max(queue_records / 4) <= queue_records
            && own.bytes + size + other.bytes.max(queue_bytes / 4) <= queue_bytes
    }

    fn lane(&mut self, kind: Kind) -> &mut Lane {
        match kind {
            Kind::Admitted => &mut self.admitted,
            Kind::Refused => &mut self.refused,
        }
    }

    /// The batch that waits to be sent again, or else a new one.
    fn depart(&mut self, now: Timestamp, elapsed: Duration) -> Option<Batch> {
        if self.flight.is_none() {
            self.flight = self.load(now, elapsed);
        }
        let flight = self.flight.as_mut().filter(|flight| flight.since.is_none())?;
        self.batches += 1;
        flight.id = self.batches;
        flight.since = Some(elapsed);
        Some(Batch { id: flight.id, body: Rc::clone(&flight.body) })
    }

    /// A batch of what waits: what the stream has to tell of itself, and records in the order in which they came.
    fn load(&mut self, now: Timestamp, elapsed: Duration) -> Option<Flight> {
        if self.is_empty() && !self.trail.is_checkpoint_due(elapsed, 0) {
            return None;
        }
        let mark = self.trail.mark();
        let mut records = Vec::new();
        self.trail.start(&mut records, now);
        let told = std::mem::take(&mut self.untold);
        for note in told.notes(self.counters.dropped) {
            self.trail.tell(&note, &mut records, now);
        }
        let losses = records.len();
        let (admitted, refused) = self.load_records(&mut records);
        let events = admitted.records + refused.records;
        let is_all = self.admitted.waiting.is_empty() && self.refused.waiting.is_empty();
        self.trail.close(&mark, is_all && self.draining, &mut records, now, elapsed);
        self.waiting_since = (!is_all).then_some(elapsed);
        let body = Rc::new(self.settings.form.body(&self.sender, self.trail.chain(), &records));
        let progress = Progress::new(Parts { losses, events, end: records.len() - losses - events });
        Some(Flight { id: 0, body, since: None, admitted, refused, mark, told, progress })
    }

    fn load_records(&mut self, records: &mut Vec<Linked>) -> (Held, Held) {
        let (mut admitted, mut refused) = (Held::default(), Held::default());
        let room = self.settings.batch_records.max(1);
        while admitted.records + refused.records < room && admitted.bytes + refused.bytes < BATCH_BYTES {
            let Some(waiting) = self.first_lane().waiting.pop_front() else { break };
            match waiting.kind {
                Kind::Admitted => admitted.take(waiting.size()),
                Kind::Refused => refused.take(waiting.size()),
            }
            let Waiting { number, record, envelope, .. } = waiting;
            records.push(Linked { number, envelope, json: self.trail.link(number, record, None) });
        }
        (admitted, refused)
    }

    /// The lane whose first record has waited longer.
    fn first_lane(&mut self) -> &mut Lane {
        let first = |lane: &Lane| lane.waiting.front().map_or(u64::MAX, |waiting| waiting.sequence);
        if first(&self.admitted) <= first(&self.refused) { &mut self.admitted } else { &mut self.refused }
    }

    /// The log cluster has some records of a batch: what it asks for goes again, alone.
    fn settle(&mut self, mut flight: Flight, again: &[usize], rejected: &[usize], (now, retry_after, random): Retry) {
        if again.len() < flight.progress.left().total() {
            self.failures = 0;
        }
        flight.progress.narrow(again, rejected);
        if again.is_empty() {
            return self.take_off(flight, 0);
        }
        flight.body = Rc::new(self.settings.form.narrowed(&flight.body, again));
        self.put_back(flight, now, retry_after, random);
    }

    fn take_off(&mut self, flight: Flight, rejected: usize) {
        self.failures = 0;
        let lost = flight.progress.lost();
        let records = flight.counts().total();
        let rejected = u64::try_from(rejected + lost.events).unwrap_or(u64::MAX);
        let partly = rejected.min(records);
        self.counters.sent += records - partly;
        self.counters.dropped += partly;
        if rejected > records || lost.losses > 0 {
            // Then what the batch told of the stream is among what was not taken.
            self.untold.add(&flight.told);
        }
        if rejected > 0 || lost.total() > 0 {
            let gap = self.trail.lose(&flight.mark, self.clock.elapsed);
            self.untold.add_gap(Gap { partly, ..gap });
            self.pause_drain();
        }
        self.free(&flight);
    }

    fn reject(&mut self, flight: Flight) {
        self.failures = 0;
        self.counters.dropped += flight.counts().total();
        self.untold.add(&flight.told);
        let gap = self.trail.lose(&flight.mark, self.clock.elapsed);
        self.untold.add_gap(Gap { counts: flight.counts(), ..gap });
        self.pause_drain();
        self.free(&flight);
    }

    /// What was not taken is told next: without a pause a log cluster that takes nothing would be asked without an end.
    fn pause_drain(&mut self) {
        if self.draining {
            self.resume_at = self.clock.elapsed + FIRST_BACKOFF;
        }
    }

    fn free(&mut self, flight: &Flight) {
        self.admitted.held.free(flight.admitted);
        self.refused.held.free(flight.refused);
        if !self.untold.is_empty() {
            let now = self.clock.elapsed;
            self.waiting_since.get_or_insert(now);
        }
    }

    fn put_back(&mut self, flight: Flight, now: Duration, retry_after: Option<Duration>, random: u64) {
        self.failures = self.failures.saturating_add(1);
        self.resume_at = now + wait(self.failures, retry_after, random);
        self.counters.retried += u64::try_from(flight.progress.left().events).unwrap_or(u64::MAX);
        self.flight = Some(Flight { since: None, ..flight });
    }

    fn give_up_lost_flight(&mut self, now: Duration) {
        let is_lost = |since| now.saturating_sub(since) >= LONGEST_FLIGHT;
        if let Some(flight) = self.flight.take_if(|flight| flight.since.is_some_and(is_lost)) {
            self.put_back(flight, now, None, 0);
        }
    }
}

impl Held {
    fn take(&mut self, bytes: usize) {
        self.records += 1;
        self.bytes += bytes;
    }

    fn free(&mut self, other: Self) {
        self.records = self.records.saturating_sub(other.records);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

impl Waiting {
    fn size(&self) -> usize {
        self.record.json.len() + self.envelope.size() + OVERHEAD
    }
}

impl Flight {
    fn counts(&self) -> Counts {
        let count = |held: Held| u64::try_from(held.records).unwrap_or(u64::MAX);
        Counts { admitted: count(self.admitted), refused: count(self.refused) }
    }
}

/// How long to wait after so many failures in a row: what the log cluster asks for, or between half and the whole of a time that
/// doubles.
fn wait(failures: u32, retry_after: Option<Duration>, random: u64) -> Duration {
    let doubled = FIRST_BACKOFF.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let half = doubled.min(LONGEST_BACKOFF) / 2;
    let spread = half.mul_f64(f64::from(u32::try_from(random % 1024).unwrap_or(0)) / 1024.0);
    retry_after.map_or(half, |asked| asked.max(FIRST_BACKOFF / 2)) + spread
}

/// Time that only goes on. A wall clock that is set back stands still here for a moment, so that no batch waits for the lost hour;
/// one that is set forward goes on by little, so that no batch under way counts as lost and is sent twice.
#[derive(Debug, Default)]
struct Clock {
    last: Option<Timestamp>,
    elapsed: Duration,
}

impl Clock {
    fn advance(&mut self, now: Timestamp) -> Duration {
        let last = self.last.replace(now).unwrap_or(now);
        self.elapsed = self.elapsed.saturating_add(now.since(last).min(LONGEST_STEP));
        self.elapsed
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
