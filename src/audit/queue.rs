//! Records on their way to a log cluster, as a value: what is waiting, what is under way, and what was lost. Nothing is lost without
//! being counted, and told in the stream itself. Knows nothing of sockets; the time and a random number are arguments.

use std::collections::VecDeque;
use std::time::Duration;

use super::drops::Drops;
use super::otlp::{self, Sender};
use super::record::{Kind, Record};
use crate::time::Timestamp;

/// When a batch goes, and what may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// A batch goes when so many records wait, and holds at most as many.
    pub batch_records: usize,
    /// A batch also goes when its first record has waited so long.
    pub interval: Duration,
    /// Records that may wait, those under way among them.
    pub queue_records: usize,
    /// Bytes that may wait, those under way among them.
    pub queue_bytes: usize,
    /// Which record is dropped when there is no room.
    pub when_full: WhenFull,
}

/// Which record is dropped when there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// The one of its kind that has waited longest.
    DropOldest,
    /// The one that comes.
    DropNewest,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The log cluster has it.
    Accepted,
    /// The log cluster has it, but for some records; it does not say which.
    PartlyRejected {
        /// How many.
        rejected: usize,
    },
    /// The log cluster asks for it again.
    Retryable {
        /// In how long, where it says so.
        retry_after: Option<Duration>,
    },
    /// The log cluster will not have it.
    Permanent,
    /// Nobody answered: no connection, a timeout, a reset.
    Failed,
}

/// A batch to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// What [`Queue::delivered`] is told.
    pub id: u64,
    /// The body of the request, see [`otlp`].
    pub body: Vec<u8>,
}

/// What became of all records so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records that the log cluster took.
    pub sent: u64,
    /// Records that were lost.
    pub dropped: u64,
    /// Records that wait or are under way.
    pub queued: usize,
    /// How often a record went back to wait for another try.
    pub retried: u64,
}

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
    /// Drops that the stream does not tell of yet.
    untold: Drops,
    counters: Counters,
}

/// The records of one kind.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Waiting>,
    /// Records and bytes, those under way among them.
    records: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    sequence: u64,
    kind: Kind,
    record: Box<[u8]>,
}

#[derive(Debug)]
struct Flight {
    id: u64,
    since: Duration,
    records: Vec<Waiting>,
    told: Drops,
}

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            sender: Sender::new(None),
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
        Self { sender: Sender::new(Some(instance)), ..self }
    }

    /// Adds a record, or counts one as dropped where there is no room.
    pub fn push(&mut self, record: &Record<'_>, now: Timestamp) {
        self.push_encoded(record.kind(), otlp::log_record(record).into(), now);
    }

    fn push_encoded(&mut self, kind: Kind, record: Box<[u8]>, now: Timestamp) {
        let now = self.clock.advance(now);
        self.waiting_since.get_or_insert(now);
        self.sequence += 1;
        let waiting = Waiting { sequence: self.sequence, kind, record };
        while !self.has_room(kind, waiting.size()) {
            let oldest = match self.settings.when_full {
                WhenFull::DropOldest => self.lane(kind).pop(),
                WhenFull::DropNewest => None,
            };
            self.untold.queue_full.add(kind);
            self.counters.dropped += 1;
            match oldest {
                Some(oldest) => self.lane(kind).forget(&oldest),
                None => return,
            }
        }
        let lane = self.lane(kind);
        lane.records += 1;
        lane.bytes += waiting.size();
        lane.waiting.push_back(waiting);
    }

    /// The next batch, where one is due: enough records wait, or the first has waited long enough, and none is under way.
    pub fn poll(&mut self, now: Timestamp) -> Option<Batch> {
        let elapsed = self.clock.advance(now);
        self.give_up_lost_flight(elapsed);
        let enough = self.admitted.waiting.len() + self.refused.waiting.len() >= self.settings.batch_records;
        let overdue = self.waiting_since.is_some_and(|since| elapsed.saturating_sub(since) >= self.settings.interval);
        (elapsed >= self.resume_at && (enough || overdue)).then(|| self.depart(now, elapsed)).flatten()
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

    /// What became of the batch `id`. `random` spreads the next try, so that many proxies do not come back at once. An answer to
    /// a batch that is not under way, such as a late one, changes nothing.
    pub fn delivered(&mut self, id: u64, answer: Answer, now: Timestamp, random: u64) {
        let now = self.clock.advance(now);
        let Some(flight) = self.flight.take_if(|flight| flight.id == id) else { return };
        match answer {
            Answer::Accepted => self.take_off(flight, 0),
            Answer::PartlyRejected { rejected } => self.take_off(flight, rejected),
            Answer::Permanent => self.reject(flight),
            Answer::Retryable { retry_after } => self.put_back(flight, now, retry_after, random),
            Answer::Failed => self.put_back(flight, now, None, random),
        }
    }

    /// What became of all records so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters { queued: self.admitted.records + self.refused.records, ..self.counters }
    }

    /// Whether nothing waits and nothing is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flight.is_none() && self.admitted.records + self.refused.records == 0 && self.untold.total() == 0
    }

    /// Each kind may use the whole queue but for a quarter that is the other's: a flood of refused calls does not push out the
    /// records of what was admitted, nor the other way round.
    fn has_room(&self, kind: Kind, size: usize) -> bool {
        let Settings { queue_records, queue_bytes, .. } = self.settings;
        let (own, other) = match kind {
            Kind::Admitted => (&self.admitted, &self.refused),
            Kind::Refused => (&self.refused, &self.admitted),
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

    fn depart(&mut self, now: Timestamp, elapsed: Duration) -> Option<Batch> {
        if self.flight.is_some() || self.is_empty() {
            return None;
        }
        let records = self.load();
        let told = std::mem::take(&mut self.untold);
        let gap = (told.total() > 0).then(|| otlp::gap_record(&told, self.counters.dropped, now));
        let body = self.sender.request(gap.as_deref().into_iter().chain(records.iter().map(|waiting| &*waiting.record)));
        self.batches += 1;
        self.flight = Some(Flight { id: self.batches, since: elapsed, records, told });
        let more = !self.admitted.waiting.is_empty() || !self.refused.waiting.is_empty();
        self.waiting_since = more.then_some(elapsed);
        Some(Batch { id: self.batches, body })
    }

    /// The records of the next batch, in the order in which they came.
    fn load(&mut self) -> Vec<Waiting> {
        let mut records = Vec::new();
        let mut bytes = 0;
        while records.len() < self.settings.batch_records.max(1) && bytes < BATCH_BYTES {
            let Some(waiting) = self.first_lane().pop() else { break };
            bytes += waiting.size();
            records.push(waiting);
        }
        records
    }

    /// The lane whose first record has waited longer.
    fn first_lane(&mut self) -> &mut Lane {
        let first = |lane: &Lane| lane.waiting.front().map_or(u64::MAX, |waiting| waiting.sequence);
        if first(&self.admitted) <= first(&self.refused) { &mut self.admitted } else { &mut self.refused }
    }

    fn take_off(&mut self, flight: Flight, rejected: usize) {
        self.failures = 0;
        let records = u64::try_from(flight.records.len()).unwrap_or(u64::MAX);
        let rejected = u64::try_from(rejected).unwrap_or(u64::MAX);
        if rejected > records {
            // Then the record that told of drops is among those that were rejected.
            self.untold.add(&flight.told);
        }
        let rejected = rejected.min(records);
        self.counters.sent += records - rejected;
        self.counters.dropped += rejected;
        self.untold.partly_rejected += rejected;
        self.forget(&flight);
    }

    fn reject(&mut self, flight: Flight) {
        self.failures = 0;
        self.untold.add(&flight.told);
        for waiting in &flight.records {
            self.untold.rejected.add(waiting.kind);
            self.counters.dropped += 1;
        }
        self.forget(&flight);
    }

    fn forget(&mut self, flight: &Flight) {
        for waiting in &flight.records {
            self.lane(waiting.kind).forget(waiting);
        }
        self.wait_to_be_told();
    }

    fn put_back(&mut self, flight: Flight, now: Duration, retry_after: Option<Duration>, random: u64) {
        self.failures = self.failures.saturating_add(1);
        self.resume_at = now + wait(self.failures, retry_after, random);
        self.untold.add(&flight.told);
        for waiting in flight.records.into_iter().rev() {
            self.counters.retried += 1;
            self.lane(waiting.kind).waiting.push_front(waiting);
        }
        // The records have waited for their interval before.
        self.waiting_since = Some(flight.since.saturating_sub(self.settings.interval));
    }

    fn wait_to_be_told(&mut self) {
        if self.untold.total() > 0 {
            let now = self.clock.elapsed;
            self.waiting_since.get_or_insert(now);
        }
    }

    fn give_up_lost_flight(&mut self, now: Duration) {
        if let Some(flight) = self.flight.take_if(|flight| now.saturating_sub(flight.since) >= LONGEST_FLIGHT) {
            self.put_back(flight, now, None, 0);
        }
    }
}

impl Lane {
    /// Takes the first record off the wait; it keeps its room until it is forgotten.
    fn pop(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
    }

    /// Frees the room of a record.
    fn forget(&mut self, waiting: &Waiting) {
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(waiting.size());
    }
}

impl Waiting {
    fn size(&self) -> usize {
        self.record.len() + OVERHEAD
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
