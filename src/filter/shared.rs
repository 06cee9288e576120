//! What the calls of one configuration share in one thread of the proxy, and what is counted of them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use super::delivery;
use super::exchange::{Exchange, Surroundings};
use super::governor::Governor;
use super::host::{self, Level, MetricKind};
use super::http::source;
use super::keys::Fetching;
use super::metrics::{Counted, Defined, EventCount, Stage, names};
use super::native::HostCrypto;
use super::step::Step;
use super::table::SharedTable;
use super::tally::Tally;
use super::traces::Traces;
use super::watch::Watch;
use crate::audit::{Awaited, Queue};
use crate::budget::Sources;
use crate::decision::Outcome;
use crate::identity::TokenCache;
use crate::inspect::Means;
use crate::policy::Policy;
use crate::time::Timestamp;

/// What the calls of one configuration share.
pub struct Shared {
    /// The policy as it was configured. What is fetched is in that of `fetching`, which calls are judged by.
    pub policy: Rc<Policy>,
    pub fetching: Fetching,
    pub crypto: HostCrypto,
    governor: Governor,
    pub table: SharedTable,
    pub tokens: RefCell<TokenCache>,
    pub waiting: RefCell<HashMap<u32, Waiting>>,
    /// Calls whose question to the limiter was asked from the root context, by its number.
    pub asking: RefCell<HashMap<u32, Ongoing>>,
    /// Whether a body has come for a head that was held back: then the hold works.
    pub hold_works: Cell<bool>,
    /// Whether the policy asks for the name of Envoy's route: a property that costs a microsecond.
    pub ask_for_route_name: bool,
    pub queue: RefCell<Queue>,
    /// Calls that wait until the log cluster has their records.
    pub unrecorded: RefCell<Awaited<Ongoing>>,
    /// Whether the next tick was asked to come at once.
    pub hurried: Cell<bool>,
    /// Spans of calls, where there are any.
    pub traces: Option<Traces>,
    metrics: RefCell<Defined>,
    pub tally: Tally,
}

/// A call by the proxy's number of it, and what is known of it.
#[derive(Clone)]
pub struct Ongoing {
    pub id: u32,
    pub exchange: Rc<RefCell<Exchange>>,
}

/// A call whose head is held back until its body has come.
pub struct Waiting {
    pub call: Ongoing,
    pub since: Timestamp,
    /// What the proxy had received when its head was held.
    pub received: Option<u64>,
}

impl Shared {
    /// What a policy begins with, on the proxy of that name.
    pub fn new(policy: Rc<Policy>, instance: Option<&str>) -> Self {
        let queue = Queue::new(delivery::settings(&policy.audit), &policy.digest, host::seed()).with_instance(instance);
        Self {
            fetching: Fetching::new(&policy),
            crypto: HostCrypto::probe(),
            governor: Governor::new(policy.budget.failed_checks.map(|limit| Sources::new(limit, host::seed()))),
            table: SharedTable::new(policy.memory.slots),
            tokens: RefCell::new(TokenCache::new(TokenCache::DEFAULT_CAPACITY, host::seed())),
            waiting: RefCell::default(),
            asking: RefCell::default(),
            hold_works: Cell::new(false),
            ask_for_route_name: policy.ask_for_route_name(),
            queue: RefCell::new(queue),
            unrecorded: RefCell::new(Awaited::new(policy.audit.timeout)),
            hurried: Cell::new(false),
            traces: Traces::new(&policy, instance),
            metrics: RefCell::default(),
            tally: Tally::default(),
            policy,
        }
    }

    /// Has a part of a call judged, by what was fetched until now.
    pub fn judge(
        &self,
        exchange: &RefCell<Exchange>,
        now: Timestamp,
        act: impl FnOnce(&mut Exchange, &mut Surroundings<'_>) -> Step,
    ) -> Step {
        let mut exchange = exchange.borrow_mut();
        exchange.judged_by(&self.fetching.policy());
        let waiting = self.fetching.waiting.borrow().len();
        self.governor.govern(&self.crypto, &source, now, |crypto| {
            let mut with = Surroundings {
                now,
                keys: &mut self.fetching.store.borrow_mut(),
                waiting,
                tokens: &mut self.tokens.borrow_mut(),
                crypto,
                store: &self.table,
            };
            act(&mut exchange, &mut with)
        })
    }

    /// Tells how long a part of judging took.
    pub fn time(&self, stage: Stage, took: Duration) {
        let id = self.metrics.borrow_mut().stage_id(stage, |name| host::define_metric(MetricKind::Histogram, name).ok());
        told(names::STAGES, id.map(|id| host::record_metric(id, micros(took))));
    }

    /// Tells what was decided in a step: in records, unless they were written before, in the statistics and in spans.
    pub fn tell(&self, step: &Step, exchange: &Exchange, watch: &Watch) {
        watch.lap(self);
        for outcome in &step.outcomes {
            if !step.is_recorded {
                watch.enter(Stage::Record);
                self.record(outcome, exchange, watch.began());
                watch.lap(self);
            }
            self.count_outcome(outcome, watch.spent());
            self.trace(outcome, exchange, watch);
        }
    }

    /// Counts what was decided of a call, which took so long.
    fn count_outcome(&self, outcome: &Outcome, spent: Duration) {
        EventCount::of(outcome, |count| {
            let id = self.metrics.borrow_mut().event_id(&count, |name| host::define_metric(MetricKind::Counter, name).ok());
            told(count.counted.name(), id.map(|id| host::increment_metric(id, 1)));
            if let Counted::Event(verdict) = count.counted {
                self.tally.event(verdict);
            }
        });
        self.with_metric(MetricKind::Histogram, names::TIME, |id| host::record_metric(id, micros(spent)));
    }

    /// What judging needs besides the call and the policy.
    pub fn means(&self, now: Timestamp) -> Means<'_> {
        Means { now, crypto: &self.crypto, store: &self.table }
    }

    /// Counts what has no tags.
    pub fn count(&self, name: &'static str, by: u64) {
        if let Ok(by @ 1..) = i64::try_from(by) {
            self.with_metric(MetricKind::Counter, name, |id| host::increment_metric(id, by));
        }
    }

    /// Counters are there from the start, and what is 0 as a rule.
    pub fn define_counters(&self) {
        self.with_metric(MetricKind::Gauge, names::AUDIT_CIRCUIT_OPEN, |_| Ok(()));
        for name in names::COUNTERS {
            self.metrics.borrow_mut().id(name, |name| host::define_metric(MetricKind::Counter, name).ok());
        }
        if self.policy.audit.checkpoint.is_some() {
            // 0 while nothing was signed: the alert takes that for very long ago.
            self.with_metric(MetricKind::Gauge, names::AUDIT_SIGNED, |_| Ok(()));
        }
    }

    pub fn with_metric(&self, kind: MetricKind, name: &'static str, act: impl FnOnce(u32) -> Result<(), host::HostError>) {
        let id = self.metrics.borrow_mut().id(name, |name| host::define_metric(kind, name).ok());
        told(name, id.map(act));
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A proxy that does not count must not keep calls from being judged.
pub(super) fn told(name: &str, done: Option<Result<(), host::HostError>>) {
    if let Some(Err(error)) = done {
        host::log(Level::Warn, &format!("eventguard: the metric `{name}` could not be set: {error}"));
    }
}
