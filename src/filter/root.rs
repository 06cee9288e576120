//! The plugin in one thread of the proxy: its configuration, what its calls share, and the tick on which records leave.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use super::aftermath::circumstances;
use super::announce;
use super::delivery;
use super::exchange::{Exchange, Surroundings};
use super::host::{self, Level, MetricKind};
use super::http::{Call, Timing, answered_by_limiter, carry_out_later, received};
use super::keys::{Fetching, judge_waiting};
use super::metrics::{Defined, EventCount, Stage, names};
use super::native::HostCrypto;
use super::report::Reported;
use super::step::Step;
use super::table::SharedTable;
use crate::audit::{Answer, Queue, Record};
use crate::config;
use crate::decision::{Outcome, Verdict};
use crate::identity::{CacheUse, TokenCache};
use crate::inspect::Means;
use crate::key::Algorithm;
use crate::policy::{Hold, Policy};
use crate::time::Timestamp;

/// How often the tick comes: what a record waits at most beyond the policy's interval.
const TICK: Duration = Duration::from_millis(250);

/// How soon it comes first, where calls may wait for it.
const FIRST_TICK: Duration = Duration::from_millis(10);

/// How long the body of the first held calls may have been received without being shown before the hold counts as missing.
const HOLD_PATIENCE: Duration = Duration::from_secs(1);

/// The same where nothing was received behind the head: the caller may be slow, or its body empty.
const LONG_HOLD_PATIENCE: Duration = Duration::from_secs(60);

/// What the calls of one configuration share.
pub struct Shared {
    /// The policy as it was configured. What is fetched is in that of `fetching`, which calls are judged by.
    pub policy: Rc<Policy>,
    pub fetching: Fetching,
    pub crypto: HostCrypto,
    pub table: SharedTable,
    pub tokens: RefCell<TokenCache>,
    pub waiting: RefCell<HashMap<u32, Waiting>>,
    /// Calls whose question to the limiter was asked from the root context, by its number.
    pub asking: RefCell<HashMap<u32, Asker>>,
    /// Whether a body has come for a head that was held back: then the hold works.
    pub hold_works: Cell<bool>,
    /// Whether the policy asks for the name of Envoy's route: a property that costs a microsecond.
    pub ask_for_route_name: bool,
    pub(super) queue: RefCell<Queue>,
    metrics: RefCell<Defined>,
    /// Tokens since the last report that were verified before, and others: the proxy is told once for all of them.
    pub(super) cache_hits: Cell<u64>,
    pub(super) cache_misses: Cell<u64>,
}

/// A call by the proxy's number of it, and what is known of it.
type Asker = (u32, Rc<RefCell<Exchange>>);

/// A call whose head is held back until its body has come.
pub struct Waiting {
    pub exchange: Rc<RefCell<Exchange>>,
    pub since: Timestamp,
    /// What the proxy had received when its head was held.
    pub received: Option<u64>,
}

impl Shared {
    fn new(policy: Rc<Policy>) -> Self {
        Self {
            fetching: Fetching::new(&policy),
            crypto: HostCrypto::probe(),
            table: SharedTable::new(policy.memory.slots),
            tokens: RefCell::new(TokenCache::new(TokenCache::DEFAULT_CAPACITY, host::seed())),
            waiting: RefCell::default(),
            asking: RefCell::default(),
            hold_works: Cell::new(false),
            ask_for_route_name: policy.ask_for_route_name(),
            queue: RefCell::new(Queue::new(delivery::settings(&policy.audit), &policy.digest, host::seed())),
            metrics: RefCell::default(),
            cache_hits: Cell::default(),
            cache_misses: Cell::default(),
            policy,
        }
    }

    /// Has a part of a call judged, by what was fetched until now, and tells how long that took.
    pub fn judge(
        &self,
        stage: Stage,
        exchange: &RefCell<Exchange>,
        now: Timestamp,
        act: impl FnOnce(&mut Exchange, &mut Surroundings<'_>) -> Step,
    ) -> Step {
        let mut exchange = exchange.borrow_mut();
        exchange.judged_by(&self.fetching.policy());
        let waiting = self.fetching.waiting.borrow().len();
        let mut with = Surroundings {
            now,
            keys: &mut self.fetching.store.borrow_mut(),
            waiting,
            tokens: &mut self.tokens.borrow_mut(),
            crypto: &self.crypto,
            store: &self.table,
        };
        let step = act(&mut exchange, &mut with);
        self.time(stage, now, host::now());
        step
    }

    /// Tells how long a part of judging took.
    fn time(&self, stage: Stage, began: Timestamp, ended: Timestamp) {
        let id = self.metrics.borrow_mut().stage_id(stage, |name| host::define_metric(MetricKind::Histogram, name).ok());
        told(names::STAGES, id.map(|id| host::record_metric(id, micros(ended.since(began)))));
    }

    /// Counts and records what was decided of a call.
    pub fn record(&self, outcome: &Outcome, exchange: &Exchange, Timing { began: now, spent }: Timing) {
        let decided = host::now();
        EventCount::of(outcome, |count| {
            let id = self.metrics.borrow_mut().event_id(&count, |name| host::define_metric(MetricKind::Counter, name).ok());
            told(count.counted.name(), id.map(|id| host::increment_metric(id, 1)));
        });
        let circumstances = circumstances(exchange.caller(), &self.policy.digest, now);
        self.keep(&Record::of_call(outcome, &circumstances), exchange, now);
        let ended = host::now();
        self.time(Stage::Record, decided, ended);
        let whole = micros(spent + ended.since(now));
        self.with_metric(MetricKind::Histogram, names::TIME, |id| host::record_metric(id, whole));
    }

    /// Sets the records that are kept as filter state, and has them sent.
    fn keep(&self, records: &[Record<'_>], exchange: &Exchange, now: Timestamp) {
        let mut queue = self.queue.borrow_mut();
        let kept = || records.iter().filter(|record| record.is_kept(host::random()));
        let written: Vec<_> = kept().map(|record| (record, queue.write(record))).collect();
        if written.is_empty() {
            return;
        }
        let states: Vec<_> = written.iter().map(|(record, (_, written))| (record.is_to_blame(), written)).collect();
        if let Err(error) = host::set_filter_state("eventguard", Record::filter_state(&states).as_bytes()) {
            host::log(Level::Warn, &format!("eventguard: the record could not be set as filter state: {error}"));
        }
        if self.policy.audit.cluster.is_some() {
            for (record, written) in written {
                if record.verdict() != Verdict::Refuse {
                    exchange.record_admitted(written.0);
                }
                queue.push(record, written, now);
            }
        }
    }

    /// What judging needs besides the call and the policy.
    pub fn means(&self, now: Timestamp) -> Means<'_> {
        Means { now, crypto: &self.crypto, store: &self.table }
    }

    /// Counts how a token was verified; the proxy is told with the next report.
    pub fn count_token(&self, cache: CacheUse) {
        let counter = if cache == CacheUse::Hit { &self.cache_hits } else { &self.cache_misses };
        counter.set(counter.get() + 1);
    }

    /// Counts what has no tags.
    pub fn count(&self, name: &'static str, by: u64) {
        if let Ok(by @ 1..) = i64::try_from(by) {
            self.with_metric(MetricKind::Counter, name, |id| host::increment_metric(id, by));
        }
    }

    /// Counters are there from the start, and when a chain was signed.
    fn define_counters(&self) {
        for name in names::COUNTERS {
            self.metrics.borrow_mut().id(name, |name| host::define_metric(MetricKind::Counter, name).ok());
        }
        if self.policy.audit.checkpoint.is_some() {
            // 0 while nothing was signed: the alert takes that for very long ago.
            self.with_metric(MetricKind::Gauge, names::AUDIT_SIGNED, |_| Ok(()));
        }
    }

    pub(super) fn with_metric(&self, kind: MetricKind, name: &'static str, act: impl FnOnce(u32) -> Result<(), host::HostError>) {
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

/// The plugin's root context.
#[derive(Default)]
pub struct Root {
    shared: Option<Rc<Shared>>,
    in_flight: HashMap<u32, u64>,
    reported: Reported,
    draining: bool,
    /// Whether the first tick has come.
    ticks: bool,
}

impl Root {
    /// Reads the policy. A plugin that says no is not put into use.
    pub fn on_configure(&mut self) -> bool {
        match configured() {
            Ok(shared) => {
                describe(&shared);
                // What calls wait for is looked for as soon as may be.
                let first = if shared.policy.fetched.is_empty() { TICK } else { FIRST_TICK };
                self.shared = Some(Rc::new(shared));
                host::set_tick_period(first).is_ok()
            }
            Err(reasons) => {
                for reason in reasons {
                    host::log(Level::Error, &format!("eventguard: the policy is refused: {reason}"));
                }
                announce::refused();
                false
            }
        }
    }

    /// A quarter of a second has passed.
    pub fn on_tick(&mut self) {
        if let Some(shared) = self.shared.clone() {
            let now = host::now();
            if !std::mem::replace(&mut self.ticks, true) {
                // Not when it is configured, which is tried out on an instance that never serves.
                shared.define_counters();
                announce::loaded(&shared.policy, now);
                if !shared.policy.fetched.is_empty() {
                    // The period was accepted before.
                    let _ = host::set_tick_period(TICK);
                }
            }
            self.send(&shared, now);
            self.reported.tell(&shared, self.draining);
            let ended = shared.fetching.tick(now);
            // Last: they act for other contexts.
            judge_waiting(&shared, &ended, now);
            refuse_unheld(&shared, now);
        }
    }

    /// A call that the proxy has begun; `None` without a policy.
    pub fn call(&self, id: u32) -> Option<Call> {
        Some(Call::new(id, self.shared.clone()?))
    }

    /// Somebody has answered; without headers nobody has.
    pub fn on_http_call_response(&mut self, token: u32, headers: usize, size: usize) {
        let Some(shared) = self.shared.clone() else { return };
        let now = host::now();
        if let Some(ended) = shared.fetching.answered(token, headers, size, now) {
            judge_waiting(&shared, &ended, now);
            return;
        }
        let Some(batch) = self.in_flight.remove(&token) else { return };
        delivery::answered(&mut shared.queue.borrow_mut(), &shared.policy.audit, batch, headers, now);
        self.send(&shared, now);
        self.reported.tell(&shared, self.draining);
        self.end_drain(&shared);
    }

    /// The answer to a question that was asked from here for a call that had waited for keys.
    pub fn on_grpc_call_response(&mut self, token: u32, status: u32) {
        let Some(shared) = self.shared.clone() else { return };
        let asking = shared.asking.borrow_mut().remove(&token);
        if let Some((id, exchange)) = asking
            && host::set_effective_context(id).is_ok()
        {
            answered_by_limiter(&shared, &exchange, status, Timing { began: host::now(), spent: Duration::ZERO });
        }
    }

    /// Asks for time while records wait: the proxy grants it where only the configuration changes.
    pub fn on_done(&mut self) -> bool {
        let Some(shared) = self.shared.clone() else { return true };
        self.draining = true;
        self.send(&shared, host::now());
        self.reported.tell(&shared, self.draining);
        if self.ticks {
            announce::left(&shared.policy);
        }
        self.in_flight.is_empty()
    }
}

impl Root {
    fn send(&mut self, shared: &Shared, now: Timestamp) {
        let batch = if self.draining { shared.queue.borrow_mut().drain(now) } else { shared.queue.borrow_mut().poll(now) };
        let (Some(batch), Some(cluster)) = (batch, shared.policy.audit.cluster.as_deref()) else { return };
        match delivery::send(cluster, &shared.policy.audit, &batch) {
            Ok(token) => {
                self.in_flight.insert(token, batch.id);
            }
            Err(_) => shared.queue.borrow_mut().delivered(batch.id, Answer::Failed, now, host::random()),
        }
    }

    fn end_drain(&self, shared: &Shared) {
        if self.draining && self.in_flight.is_empty() && shared.queue.borrow().is_empty() {
            // There is nobody left to tell of a failure.
            let _ = host::context_done();
        }
    }
}

/// What the configuration makes of the plugin, or every reason why its policy is refused.
fn configured() -> Result<Shared, Vec<String>> {
    let configuration = host::plugin_configuration().ok().flatten().unwrap_or_default();
    let policy = config::from_plugin_configuration(&configuration, &|name| std::env::var(name).ok())
        .map_err(|errors| errors.into_iter().map(|error| error.to_string()).collect::<Vec<_>>())?;
    let shared = Shared::new(Rc::new(policy));
    if shared.policy.uses(Algorithm::Es384) && !shared.crypto.verifies_p384() {
        let reason = "it uses ES384, which this proxy does not verify: take other keys, or Envoy 1.30 or later";
        return Err(vec![reason.to_owned()]);
    }
    Ok(shared)
}

/// Says once for each configuration what an operator should see in the log.
fn describe(shared: &Shared) {
    let crypto = if shared.crypto.is_available() { "the proxy" } else { "the module" };
    let Policy { mode, digest, .. } = shared.policy.as_ref();
    let mode = mode.as_str();
    host::log(Level::Info, &format!("eventguard: policy {digest} loaded, mode {mode}; {crypto} verifies RSA and ECDSA"));
}

/// With `hold: headers`, a proxy that does not know `allow_on_headers_stop_iteration` never shows the body, and calls would hang.
fn refuse_unheld(shared: &Shared, now: Timestamp) {
    if shared.policy.hold != Hold::Headers || shared.hold_works.get() {
        return;
    }
    let waiting: Vec<(u32, Duration, Option<u64>)> = {
        let waiting = shared.waiting.borrow();
        waiting.iter().map(|(id, call)| (*id, now.since(call.since), call.received)).collect()
    };
    for (id, waited, before) in waiting {
        if waited < HOLD_PATIENCE || host::set_effective_context(id).is_err() {
            continue;
        }
        if waited < LONG_HOLD_PATIENCE && received() <= before {
            continue;
        }
        let removed = shared.waiting.borrow_mut().remove(&id);
        if let Some(call) = removed {
            let step = call.exchange.borrow_mut().hold_failed();
            let timing = Timing { began: now, spent: Duration::ZERO };
            carry_out_later(shared, &call.exchange, step, timing);
        }
    }
}
