//! Spans on their way to whoever collects them, as a value: bounded, sent in batches, and each batch once more where it was not taken.
//! What has no room, or is not taken then either, is lost and counted: a trace is no evidence. Knows no time: it is told of each tick, of
//! which there are four a second.

use std::rc::Rc;
use std::time::Duration;

use super::form::otlp::Sender;
use super::form::wire::Writer;
use super::form::{Form, Response};
use super::sampling::{Ids, Sampling};
use super::settings::Answer;
use super::span::Span;
use crate::time::Timestamp;

/// Spans that may wait.
const ROOM: u64 = 2048;
/// Bytes that they may take.
const ROOM_BYTES: usize = 1 << 20;
/// So many go at once.
const ENOUGH: u64 = 512;
/// Ticks that a span waits for others.
const INTERVAL: u32 = 4;
/// Ticks before a batch is sent again, where its receiver does not say.
const PAUSE: u32 = 4;
/// Bytes of a request beside its spans.
const AROUND: usize = 256;
/// The longest time that a receiver may put us off, in ticks: a minute.
const LONGEST_PAUSE: u32 = 240;

/// The spans of one worker.
#[derive(Debug)]
pub struct Spans {
    sampling: Sampling,
    ids: Ids,
    sender: Sender,
    /// One behind the other, as they stand in a request.
    waiting: Vec<u8>,
    count: u64,
    /// Ticks since the first of them.
    waited: u32,
    flight: Option<Flight>,
    counters: SpanCounters,
}

/// A batch that was sent.
#[derive(Debug)]
struct Flight {
    body: Rc<Vec<u8>>,
    spans: u64,
    state: FlightState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlightState {
    /// It is under way for the first time.
    First,
    /// It was not taken, and waits for so many ticks.
    Waiting(u32),
    /// It is under way for the second time.
    Again,
}

/// What became of all spans so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpanCounters {
    /// Spans that were taken.
    pub sent: u64,
    /// Spans that were lost.
    pub dropped: u64,
}

impl Spans {
    /// Without any. The seed makes the ids, which must be no other worker's.
    #[must_use]
    pub fn new(sampling: Sampling, seed: [u8; 16]) -> Self {
        Self {
            sampling,
            ids: Ids::new(seed),
            sender: Sender::default(),
            waiting: Vec::new(),
            count: 0,
            waited: 0,
            flight: None,
            counters: SpanCounters::default(),
        }
    }

    /// Says which proxy the spans come from (`service.instance.id`).
    #[must_use]
    pub fn with_instance(self, instance: Option<&str>) -> Self {
        Self { sender: Sender::new(instance), ..self }
    }

    /// Adds the span of a call, where it becomes one, or counts it as lost where there is no room.
    pub fn push(&mut self, span: &Span<'_>) {
        let Some(place) = self.sampling.place(span.circumstances.traceparent, &mut self.ids) else { return };
        if self.count >= ROOM || self.waiting.len() >= ROOM_BYTES {
            self.counters.dropped += 1;
            return;
        }
        let id = self.ids.span();
        let mut out = Writer(std::mem::take(&mut self.waiting));
        out.message(2, |out| span.write(out, &place, id));
        self.waiting = out.0;
        self.count += 1;
    }

    /// A tick: the batch that is to be sent now, where one is.
    pub fn tick(&mut self) -> Option<Rc<Vec<u8>>> {
        self.waited = if self.count == 0 { 0 } else { self.waited.saturating_add(1) };
        if let Some(flight) = &mut self.flight {
            let FlightState::Waiting(ticks) = &mut flight.state else { return None };
            *ticks = ticks.saturating_sub(1);
            if *ticks > 0 {
                return None;
            }
            flight.state = FlightState::Again;
            return Some(Rc::clone(&flight.body));
        }
        (self.count >= ENOUGH || self.waited > INTERVAL).then(|| self.depart()).flatten()
    }

    /// What waits, whether or not it is time: there will be no later. A batch that was not taken is given up for it.
    pub fn drain(&mut self) -> Option<Rc<Vec<u8>>> {
        if let Some(flight) = self.flight.take_if(|flight| matches!(flight.state, FlightState::Waiting(_))) {
            self.count_off(&flight, usize::MAX);
        }
        if self.flight.is_some() { None } else { self.depart() }
    }

    /// The receiver has answered.
    pub fn answered(&mut self, response: &Response<'_>, now: Timestamp) {
        let spans = self.flight.as_ref().map_or(0, |flight| usize::try_from(flight.spans).unwrap_or(usize::MAX));
        self.delivered(Form::Otlp.read(response, spans, now));
    }

    /// What became of the batch that is under way.
    pub fn delivered(&mut self, answer: Answer) {
        let Some(mut flight) = self.flight.take_if(|flight| !matches!(flight.state, FlightState::Waiting(_))) else { return };
        let pause = match answer {
            Answer::Accepted => return self.count_off(&flight, 0),
            Answer::PartlyRejected { rejected } => return self.count_off(&flight, rejected),
            // OTLP says this of no answer.
            Answer::Each { .. } | Answer::Permanent => return self.count_off(&flight, usize::MAX),
            Answer::Retryable { retry_after } => retry_after.map_or(PAUSE, ticks),
            Answer::Failed => PAUSE,
        };
        if flight.state == FlightState::Again {
            return self.count_off(&flight, usize::MAX);
        }
        flight.state = FlightState::Waiting(pause);
        self.flight = Some(flight);
    }

    /// A batch is done with.
    fn count_off(&mut self, flight: &Flight, rejected: usize) {
        let rejected = u64::try_from(rejected).unwrap_or(u64::MAX).min(flight.spans);
        self.counters.dropped += rejected;
        self.counters.sent += flight.spans - rejected;
    }

    /// What became of all spans so far.
    #[must_use]
    pub fn counters(&self) -> SpanCounters {
        self.counters
    }

    /// Whether nothing waits and nothing is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.flight.is_none()
    }

    fn depart(&mut self) -> Option<Rc<Vec<u8>>> {
        if self.count == 0 {
            return None;
        }
        let spans = std::mem::take(&mut self.count);
        let waiting = std::mem::take(&mut self.waiting);
        let body = Rc::new(self.sender.export(waiting.len() + AROUND, &mut |scope| scope.0.extend_from_slice(&waiting)));
        self.waited = 0;
        self.flight = Some(Flight { body: Rc::clone(&body), spans, state: FlightState::First });
        Some(body)
    }
}

/// Ticks of a quarter of a second, one at least.
fn ticks(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(250)).unwrap_or(u32::MAX).clamp(1, LONGEST_PAUSE)
}

#[cfg(test)]
#[path = "spans_tests.rs"]
mod tests;
