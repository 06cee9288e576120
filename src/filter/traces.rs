//! Spans of judged calls on their way to the cluster that the policy names: what the proxy says becomes values, and a batch a request.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::aftermath::circumstances;
use super::delivery::with_answer;
use super::exchange::Exchange;
use super::host;
use super::shared::Shared;
use super::watch::Watch;
use crate::audit::form::Form;
use crate::audit::{Answer, Sampling, Span, SpanCounters, Spans};
use crate::decision::Outcome;
use crate::policy::{Policy, SpanSettings};
use crate::time::Timestamp;

/// What is shorter is none of the four ticks a second.
const SHORTEST_TICK: Duration = Duration::from_millis(200);
/// How long a batch may be under way.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The spans of one worker, and the call that is under way with some of them.
pub struct Traces {
    settings: SpanSettings,
    spans: RefCell<Spans>,
    in_flight: Cell<Option<u32>>,
    ticked: Cell<Timestamp>,
}

impl Traces {
    /// `None` where no call becomes a span.
    pub fn new(policy: &Policy, instance: Option<&str>) -> Option<Self> {
        let settings = policy.traces.spans.clone()?;
        let sampling = Sampling { unsampled: settings.unsampled, roots: settings.roots };
        Some(Self {
            settings,
            spans: RefCell::new(Spans::new(sampling, host::seed()).with_instance(instance)),
            in_flight: Cell::new(None),
            ticked: Cell::new(Timestamp::from_unix_nanos(0)),
        })
    }

    /// A tick: sends what is to be sent. Ticks also come sooner, for others; and a clock may be set back.
    pub fn tick(&self, now: Timestamp) {
        if now >= self.ticked.get() && now.since(self.ticked.get()) < SHORTEST_TICK {
            return;
        }
        self.ticked.set(now);
        let batch = self.spans.borrow_mut().tick();
        self.send(batch.as_deref());
    }

    /// The end: sends what waits. Whether an answer is waited for.
    pub fn drain(&self) -> bool {
        let batch = self.spans.borrow_mut().drain();
        self.send(batch.as_deref());
        self.in_flight.get().is_some()
    }

    fn send(&self, batch: Option<&Vec<u8>>) {
        let Some(batch) = batch else { return };
        let headers = [
            (":method", "POST"),
            (":path", self.settings.path.as_str()),
            (":authority", self.settings.authority.as_str()),
            ("content-type", Form::Otlp.content_type()),
        ];
        match host::http_call(&self.settings.cluster, &headers, batch, TIMEOUT) {
            Ok(token) => self.in_flight.set(Some(token)),
            Err(_) => self.spans.borrow_mut().delivered(Answer::Failed),
        }
    }

    /// Whether this was an answer to the batch that is under way.
    pub fn answered(&self, token: u32, headers: usize, now: Timestamp) -> bool {
        let ours = self.in_flight.get() == Some(token);
        if ours {
            self.in_flight.set(None);
            with_answer(headers, Form::Otlp.longest_answer(), |response| match response {
                Some(response) => self.spans.borrow_mut().answered(response, now),
                None => self.spans.borrow_mut().delivered(Answer::Failed),
            });
        }
        ours
    }

    /// Whether no answer is waited for.
    pub fn is_idle(&self) -> bool {
        self.in_flight.get().is_none()
    }

    /// What became of all spans so far.
    pub fn counters(&self) -> SpanCounters {
        self.spans.borrow().counters()
    }
}

impl Shared {
    /// What became of a call, or of one message of it, was decided in that callback. What is decided first began with the head.
    pub fn trace(&self, outcome: &Outcome, exchange: &Exchange, watch: &Watch) {
        let Some(traces) = &self.traces else { return };
        let ended = watch.read();
        let circumstances = circumstances(exchange, &self.policy.digest, ended);
        let began = exchange.take_arrival().unwrap_or(watch.began());
        traces.spans.borrow_mut().push(&Span { outcome, circumstances: &circumstances, began, ended });
    }
}
