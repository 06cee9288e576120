//! Records on their way to a log cluster, as a value: what is waiting, what is under way, and what was lost. Nothing is lost without
//! being counted, and told in the stream itself. A record becomes part of the chain when it is sent, and a batch is sent again as it
//! was, byte for byte. Knows nothing of sockets; the time and a random number are arguments.

use std::rc::Rc;
use std::time::Duration;

use super::aftermath::Aftermath;
use super::chain::Mark;
use super::circuit::{Circuit, FIRST_BACKOFF};
use super::claim::{Claim, Settled};
use super::drops::{Counts, Drops};
use super::lanes::{Lanes, Load, Waiting};
use super::note::Gap;
use super::otlp::{self, Sender};
use super::record::{Kind, Record, Written};
use super::settings::{Answer, Batch, Counters, Settings, WhenFull};
use super::trail::Trail;
use crate::decision::Unrecorded;
use crate::time::Timestamp;

/// Bytes of one request's records: well below what receivers take (the Collector: 20 MiB).
const BATCH_BYTES: usize = 1 << 20;
/// A batch under way of which nothing is heard counts as failed then. Whoever sends has its own, shorter timeout; this is for an
/// answer that got lost, so that the queue does not stand still for ever.
const LONGEST_FLIGHT: Duration = Duration::from_secs(120);
/// The longest time that may pass between two looks at the clock, which are four a second: what is longer is a clock that was set.
const LONGEST_STEP: Duration = Duration::from_secs(60);
/// The delivery queue.
#[derive(Debug)]
pub struct Queue {
    settings: Settings,
    sender: Sender,
    trail: Trail,
    clock: Clock,
    lanes: Lanes,
    flight: Option<Flight>,
    batches: u64,
    /// Since when something waits to be told.
    waiting_since: Option<Duration>,
    /// No batch goes before this.
    resume_at: Duration,
    circuit: Circuit,
    /// Whether what waits goes without waiting to be due.
    draining: bool,
    /// Losses that the stream does not tell of yet.
    untold: Drops,
    counters: Counters,
}

/// A batch that was sent at least once.
#[derive(Debug)]
struct Flight {
    id: u64,
    body: Rc<Vec<u8>>,
    /// Since when it is under way; `None` while it waits to be sent again.
    since: Option<Duration>,
    /// The place of its last record.
    last: u64,
    load: Load,
    /// Where the chain stood before it.
    mark: Mark,
    /// What it tells of.
    told: Drops,
}

impl Queue {
    /// An empty queue. The seed makes the chain's id, which must be no other's.
    #[must_use]
    pub fn new(settings: Settings, policy: &str, seed: [u8; 16]) -> Self {
        Self {
            circuit: Circuit::new(settings.patience, settings.longest_backoff),
            trail: Trail::new(settings.integrity, settings.checkpoint.clone(), policy, seed),
            lanes: Lanes::new(settings.queue_records, settings.queue_bytes),
            settings,
            sender: Sender::new(None),
            clock: Clock::default(),
            flight: None,
            batches: 0,
            waiting_since: None,
            resume_at: Duration::ZERO,
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

    /// Writes a record under the next number.
    pub fn write(&mut self, record: &Record<'_>) -> (u64, Written) {
        self.trail.write(record)
    }

    /// Adds a record that was written before, or counts it as dropped where there is no room.
    pub fn push(&mut self, record: &Record<'_>, (number, written): (u64, Written), now: Timestamp) {
        self.add(record.kind(), number, written, otlp::envelope(record).into(), now);
    }

    /// Adds what is known of a call when it has ended. It is told of what went on, or else it is one of the refused.
    pub fn push_aftermath(&mut self, aftermath: &Aftermath<'_>, now: Timestamp) {
        let kind = if aftermath.admitted.is_some() { Kind::Admitted } else { Kind::Refused };
        let (number, written) = self.trail.write_aftermath(aftermath);
        self.add(kind, number, written, otlp::aftermath_envelope(aftermath).into(), now);
    }

    /// Adds the records of a call that goes on only with them, which were written before: all of them or none. Keeps room for what is
    /// known of the call when it has ended, until that is [released](Self::release).
    ///
    /// # Errors
    ///
    /// [`Unrecorded::NoRoom`].
    pub fn secure<'r>(
        &mut self,
        records: impl IntoIterator<Item = (&'r Record<'r>, (u64, Written))>,
        now: Timestamp,
    ) -> Result<Claim, Unrecorded> {
        let since = self.clock.advance(now);
        let waiting = records
            .into_iter()
            .map(|(record, (number, written))| Waiting::new(record.kind(), number, written, otlp::envelope(record).into()));
        let waiting: Vec<Waiting> = waiting.collect();
        if !self.lanes.have_room(waiting.iter().fold(Load::of_aftermath(), Load::and)) {
            return Err(Unrecorded::NoRoom);
        }
        self.lanes.keep();
        self.waiting_since.get_or_insert(since);
        let first = self.lanes.last() + 1;
        waiting.into_iter().for_each(|waiting| self.lanes.push(waiting));
        Ok(Claim { first, last: self.lanes.last(), since })
    }

    /// The call has ended: what is known of it now has the room that was kept.
    pub fn release(&mut self) {
        self.lanes.release();
    }

    fn add(&mut self, kind: Kind, number: u64, record: Written, envelope: Box<[u8]>, now: Timestamp) {
        let now = self.clock.advance(now);
        let waiting = Waiting::new(kind, number, record, envelope);
        self.waiting_since.get_or_insert(now);
        while !self.lanes.have_room(Load::default().and(&waiting)) {
            self.untold.queue_full.add(kind);
            self.counters.dropped += 1;
            let makes_room = match self.settings.when_full {
                WhenFull::DropOldest => self.lanes.drop_oldest(kind),
                WhenFull::DropNewest | WhenFull::Refuse => false,
            };
            if !makes_room {
                return;
            }
        }
        self.lanes.push(waiting);
    }

    /// The next batch, where one is due: enough records wait, or the first has waited long enough, and none is under way.
    pub fn poll(&mut self, now: Timestamp) -> Option<Batch> {
        let elapsed = self.clock.advance(now);
        self.give_up_lost_flight(elapsed);
        self.circuit.look(elapsed);
        let enough = self.lanes.waiting() >= self.settings.batch_records;
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

    /// What became of the batch `id`, and so of its records. `random` spreads the next try, so that many proxies do not come back at
    /// once. An answer to a batch that is not under way, such as a late one, changes nothing.
    pub fn delivered(&mut self, id: u64, answer: Answer, now: Timestamp, random: u64) -> Settled {
        let now = self.clock.advance(now);
        let Some(flight) = self.flight.take_if(|flight| flight.id == id && flight.since.is_some()) else {
            return Settled::Nothing;
        };
        let last = flight.last;
        match answer {
            Answer::Accepted => self.take_off(flight, 0),
            Answer::PartlyRejected { rejected } => self.take_off(flight, rejected),
            Answer::Permanent => self.reject(flight, random),
            Answer::Retryable { retry_after } => self.put_back(flight, now, retry_after, random),
            Answer::Failed => self.put_back(flight, now, None, random),
        }
        match answer {
            Answer::Accepted | Answer::PartlyRejected { rejected: 0 } => Settled::Taken(last),
            Answer::PartlyRejected { .. } | Answer::Permanent => Settled::Lost(last),
            Answer::Retryable { .. } | Answer::Failed => Settled::Nothing,
        }
    }

    /// Whether the log cluster takes nothing, so that only one batch after another tries.
    #[must_use]
    pub fn is_circuit_open(&self) -> bool {
        self.circuit.is_open()
    }

    /// Whether a record that comes now is sent next, or at all with what is under way.
    ///
    /// # Errors
    ///
    /// [`Unrecorded::CircuitOpen`] where something else has to be tried first.
    pub fn check_circuit(&mut self, now: Timestamp) -> Result<(), Unrecorded> {
        let elapsed = self.clock.advance(now);
        let is_next = self.is_empty() && elapsed >= self.resume_at;
        if self.circuit.is_open() && !is_next { Err(Unrecorded::CircuitOpen) } else { Ok(()) }
    }

    /// Whether a batch that is due could go now.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.flight.is_none() && self.clock.elapsed >= self.resume_at
    }

    /// How long the queue has been there.
    pub(super) fn elapsed(&mut self, now: Timestamp) -> Duration {
        self.clock.advance(now)
    }

    /// What became of all records so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters { queued: self.lanes.held(), ..self.counters }
    }

    /// Whether nothing waits and nothing is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flight.is_none() && self.counters().queued == 0 && self.untold.is_empty() && !(self.draining && self.trail.is_open())
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
        self.circuit.sent(elapsed);
        Some(Batch { id: flight.id, body: Rc::clone(&flight.body) })
    }

    /// A batch of what waits: what the stream has to tell of itself, and records in the order in which they came.
    fn load(&mut self, now: Timestamp, elapsed: Duration) -> Option<Flight> {
        if self.is_empty() && !self.trail.is_checkpoint_due(elapsed, 0) {
            return None;
        }
        let mark = self.trail.mark();
        let mut records = otlp::Records::default();
        self.trail.start(&mut records, now);
        let told = std::mem::take(&mut self.untold);
        for note in told.notes(self.counters.dropped) {
            self.trail.tell(&note, &mut records, now);
        }
        let (load, last) = self.load_records(&mut records);
        let is_all = self.lanes.waiting() == 0;
        self.trail.close(&mark, is_all && self.draining, &mut records, now, elapsed);
        self.waiting_since = (!is_all).then_some(elapsed);
        let body = Rc::new(self.sender.request(&records));
        Some(Flight { id: 0, body, since: None, last, load, mark, told })
    }

    /// What they take, and the place of the last.
    fn load_records(&mut self, records: &mut otlp::Records) -> (Load, u64) {
        let (mut load, mut last, mut count) = (Load::default(), 0, 0);
        let room = self.settings.batch_records.max(1);
        while count < room && load.bytes() < BATCH_BYTES {
            let Some(waiting) = self.lanes.pop() else { break };
            (load, last, count) = (load.and(&waiting), waiting.place, count + 1);
            let linked = self.trail.link(waiting.number, waiting.record, None);
            records.add(&waiting.envelope, &linked);
        }
        (load, last)
    }

    fn take_off(&mut self, flight: Flight, rejected: usize) {
        self.circuit.taken();
        let records = flight.counts().total();
        let rejected = u64::try_from(rejected).unwrap_or(u64::MAX);
        let partly = rejected.min(records);
        self.counters.sent += records - partly;
        self.counters.dropped += partly;
        if rejected > records {
            // Then what the batch told of the stream is among what was not taken.
            self.untold.add(&flight.told);
        }
        if rejected > 0 {
            let gap = self.trail.lose(&flight.mark, self.clock.elapsed);
            self.untold.add_gap(Gap { partly, ..gap });
        }
        self.free(&flight);
    }

    fn reject(&mut self, flight: Flight, random: u64) {
        self.circuit.failed(self.clock.elapsed);
        self.counters.dropped += flight.counts().total();
        self.untold.add(&flight.told);
        let gap = self.trail.lose(&flight.mark, self.clock.elapsed);
        self.untold.add_gap(Gap { counts: flight.counts(), ..gap });
        if self.circuit.is_open() {
            self.resume_at = self.clock.elapsed + self.circuit.wait(None, random);
        } else if self.draining {
            self.resume_at = self.clock.elapsed + FIRST_BACKOFF;
        }
        self.free(&flight);
    }

    fn free(&mut self, flight: &Flight) {
        self.lanes.free(flight.load);
        if !self.untold.is_empty() {
            let now = self.clock.elapsed;
            self.waiting_since.get_or_insert(now);
        }
    }

    fn put_back(&mut self, flight: Flight, now: Duration, retry_after: Option<Duration>, random: u64) {
        self.circuit.failed(now);
        self.resume_at = now + self.circuit.wait(retry_after, random);
        self.counters.retried += flight.counts().total();
        self.flight = Some(Flight { since: None, ..flight });
    }

    fn give_up_lost_flight(&mut self, now: Duration) {
        let is_lost = |since| now.saturating_sub(since) >= LONGEST_FLIGHT;
        if let Some(flight) = self.flight.take_if(|flight| flight.since.is_some_and(is_lost)) {
            self.put_back(flight, now, None, 0);
        }
    }
}

impl Flight {
    fn counts(&self) -> Counts {
        let count = |records| u64::try_from(records).unwrap_or(u64::MAX);
        let (admitted, refused) = self.load.records();
        Counts { admitted: count(admitted), refused: count(refused) }
    }
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
pub(super) mod tests;
