//! Records on their way to a log cluster, as a value: what is waiting, what is under way, and what was lost. Nothing is lost without
//! being counted, and told in the stream itself. A record becomes part of the chain when it is sent, and a batch is sent again as it
//! was, byte for byte. Knows nothing of sockets; the time and a random number are arguments.

mod drain;

use std::rc::Rc;
use std::time::Duration;

use super::aftermath::Aftermath;
use super::circuit::{Circuit, FIRST_BACKOFF};
use super::claim::{Claim, Settled};
use super::clock::Clock;
use super::drops::Drops;
use super::envelope::Envelope;
use super::flight::Flight;
use super::form::otlp::Sender;
use super::form::{Linked, Response};
use super::lanes::{Lanes, Load, Waiting};
use super::note::Gap;
use super::progress::{Parts, Progress};
use super::record::{Kind, Record, Written};
use super::settings::{Answer, Batch, Counters, Gauges, Settings, WhenFull};
use super::trail::Trail;
use crate::decision::Unrecorded;
use crate::time::Timestamp;

/// Bytes of one request's records: well below what receivers take (the Collector: 20 MiB).
const BATCH_BYTES: usize = 1 << 20;
/// A batch under way of which nothing is heard counts as failed then. Whoever sends has its own, shorter timeout; this is for an
/// answer that got lost, so that the queue does not stand still for ever.
const LONGEST_FLIGHT: Duration = Duration::from_secs(120);

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
    /// Since when what waits goes without waiting to be due.
    draining: Option<Duration>,
    /// Losses that the stream does not tell of yet.
    untold: Drops,
    counters: Counters,
}

/// When a batch goes again: now, what the log cluster asks for, and a random number.
type Retry = (Duration, Option<Duration>, u64);

impl Queue {
    /// An empty queue. The seed makes the chain's id, which must be no other's.
    #[must_use]
    pub fn new(settings: Settings, policy: &str, seed: [u8; 16]) -> Self {
        Self {
            circuit: Circuit::new(settings.patience, settings.longest_backoff),
            trail: Trail::new(settings.integrity, settings.checkpoint.clone(), policy, seed),
            lanes: Lanes::new(settings.queue_records, settings.queue_bytes, settings.ends),
            settings,
            sender: Sender::default(),
            clock: Clock::default(),
            flight: None,
            batches: 0,
            waiting_since: None,
            resume_at: Duration::ZERO,
            draining: None,
            untold: Drops::default(),
            counters: Counters::default(),
        }
    }

    /// Says which proxy the records come from (`service.instance.id`).
    #[must_use]
    pub fn with_instance(self, instance: Option<&str>) -> Self {
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
            .map(|(record, (number, written))| Waiting::new(record.kind(), number, written, Envelope::of_record(record)));
        let waiting: Vec<Waiting> = waiting.collect();
        if !self.lanes.have_room(waiting.iter().fold(self.lanes.of_end(), Load::and)) {
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

    fn add(&mut self, kind: Kind, number: u64, record: Written, envelope: Envelope, now: Timestamp) {
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
        let overdue = self.waiting_since.is_some_and(|since| elapsed.saturating_sub(since) >= self.settings.interval);
        let is_due = self.flight.is_some() || self.is_full() || overdue || self.trail.is_checkpoint_due(elapsed, 0);
        (elapsed >= self.resume_at && is_due).then(|| self.depart(now, elapsed)).flatten()
    }

    /// The log cluster has answered to the batch `id`; as [`delivered`](Self::delivered).
    pub fn answered(&mut self, id: u64, response: &Response<'_>, now: Timestamp, random: u64) -> Settled {
        let sent = self.flight.as_ref().map_or(0, |flight| flight.progress.left().total());
        self.delivered(id, self.settings.form.read(response, sent, now), now, random)
    }

    /// What became of the batch `id`, and so of its records. `random` spreads the next try, so that many proxies do not come back at
    /// once. An answer to a batch that is not under way, such as a late one, changes nothing.
    pub fn delivered(&mut self, id: u64, answer: Answer, now: Timestamp, random: u64) -> Settled {
        let now = self.clock.advance(now);
        let Some(flight) = self.flight.take_if(|flight| flight.id == id && flight.since.is_some()) else {
            return Settled::Nothing;
        };
        match answer {
            Answer::Accepted => self.take_off(flight, 0),
            Answer::PartlyRejected { rejected } => self.take_off(flight, rejected),
            Answer::Each { again, rejected, retry_after } => self.settle(flight, &again, &rejected, (now, retry_after, random)),
            Answer::Permanent if flight.progress.is_part() => {
                let rest: Vec<usize> = (0..flight.progress.left().total()).collect();
                self.settle(flight, &[], &rest, (now, None, random))
            }
            Answer::Permanent => self.reject(flight),
            Answer::Retryable { retry_after } => self.put_back(flight, (now, retry_after, random)),
            Answer::Failed => self.put_back(flight, (now, None, random)),
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

    /// Whether a batch is full and could go now.
    #[must_use]
    pub fn is_batch_full(&self) -> bool {
        self.is_free() && self.is_full()
    }

    fn is_full(&self) -> bool {
        self.lanes.waiting() >= self.settings.batch_records || self.lanes.bytes() >= BATCH_BYTES
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

    /// What can be seen of it now.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        Gauges { bytes: self.lanes.bytes(), chained: self.trail.chained(), signed: self.trail.signed() }
    }

    /// Whether nothing waits and nothing is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flight.is_none()
            && self.counters().queued == 0
            && self.untold.is_empty()
            && !(self.draining.is_some() && self.trail.is_open())
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
        let mut records = Vec::new();
        self.trail.start(&mut records, now);
        let told = std::mem::take(&mut self.untold);
        for note in told.notes(self.counters.dropped) {
            self.trail.tell(&note, &mut records, now);
        }
        let losses = records.len();
        let (load, last) = self.load_records(&mut records);
        let events = records.len() - losses;
        let is_all = self.lanes.waiting() == 0;
        self.trail.close(&mark, is_all && self.draining.is_some(), &mut records, now, elapsed);
        self.waiting_since = (!is_all).then_some(elapsed);
        let body = Rc::new(self.settings.form.body(&self.sender, self.trail.chain(), &records));
        let progress = Progress::new(Parts { losses, events, end: records.len() - losses - events });
        Some(Flight { id: 0, body, since: None, last, load, mark, told, progress })
    }

    /// What they take, and the place of the last.
    fn load_records(&mut self, records: &mut Vec<Linked>) -> (Load, u64) {
        let (mut load, mut last, mut count) = (Load::default(), 0, 0);
        let room = self.settings.batch_records.max(1);
        while count < room && load.bytes() < BATCH_BYTES {
            let Some(waiting) = self.lanes.pop() else { break };
            (load, last, count) = (load.and(&waiting), waiting.place, count + 1);
            let Waiting { number, record, envelope, .. } = waiting;
            records.push(Linked { number, envelope, json: self.trail.link(number, record, None) });
        }
        (load, last)
    }

    /// The log cluster has some records of a batch: what it asks for goes again, alone.
    fn settle(&mut self, mut flight: Flight, again: &[usize], rejected: &[usize], retry: Retry) -> Settled {
        if again.len() + rejected.len() < flight.progress.left().total() {
            self.circuit.taken();
        }
        flight.progress.narrow(again, rejected);
        if again.is_empty() {
            return self.take_off(flight, 0);
        }
        flight.body = Rc::new(self.settings.form.narrowed(&flight.body, again));
        self.put_back(flight, retry)
    }

    fn take_off(&mut self, flight: Flight, rejected: usize) -> Settled {
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
        if partly > 0 && partly == records {
            self.strike()
        } else {
            self.circuit.taken()
        }
        self.free(&flight);
        if partly > 0 { Settled::Lost(flight.last) } else { Settled::Taken(flight.last) }
    }

    fn reject(&mut self, flight: Flight) -> Settled {
        self.counters.dropped += flight.counts().total();
        self.untold.add(&flight.told);
        let gap = self.trail.lose(&flight.mark, self.clock.elapsed);
        self.untold.add_gap(Gap { counts: flight.counts(), ..gap });
        self.pause_drain();
        self.strike();
        self.free(&flight);
        Settled::Lost(flight.last)
    }

    /// The log cluster took nothing of what it was sent, and will not.
    fn strike(&mut self) {
        self.circuit.failed(self.clock.elapsed);
        if self.circuit.is_open() {
            self.resume_at = self.clock.elapsed + self.circuit.wait(None, 0);
        }
    }

    fn free(&mut self, flight: &Flight) {
        self.lanes.free(flight.load);
        if !self.untold.is_empty() {
            let now = self.clock.elapsed;
            self.waiting_since.get_or_insert(now);
        }
    }

    fn put_back(&mut self, flight: Flight, (now, retry_after, random): Retry) -> Settled {
        self.circuit.failed(now);
        self.resume_at = now + self.circuit.wait(retry_after, random);
        self.counters.retried += u64::try_from(flight.progress.left().events).unwrap_or(u64::MAX);
        self.flight = Some(Flight { since: None, ..flight });
        Settled::Nothing
    }

    fn give_up_lost_flight(&mut self, now: Duration) {
        let is_lost = |since| now.saturating_sub(since) >= LONGEST_FLIGHT;
        if let Some(flight) = self.flight.take_if(|flight| flight.since.is_some_and(is_lost)) {
            self.put_back(flight, (now, None, 0));
        }
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
pub(super) mod tests;
