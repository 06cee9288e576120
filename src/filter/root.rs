//! The plugin in one thread of the proxy: its configuration, what its calls share, and the tick on which records leave.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::announce;
use super::carry::carry_out_later;
use super::host::{self, Level};
use super::http::{Call, answered_by_limiter, received};
use super::keys::judge_waiting;
use super::metrics::names;
use super::shared::{Shared, Timing, Waiting};
use crate::audit::{self, Answer, Batch, Queue, Settled};
use crate::config;
use crate::key::Algorithm;
use crate::policy::{AuditSettings, Checkpoint, Delivery, Hold, Integrity, Policy, WhenFull};
use crate::time::Timestamp;

/// How often the tick comes: what a record waits at most beyond the policy's interval.
const TICK: Duration = Duration::from_millis(250);

/// How soon it comes first, where calls may wait for it.
const FIRST_TICK: Duration = Duration::from_millis(10);

/// How long the log cluster may take nothing at least before it counts as away.
const LEAST_PATIENCE: Duration = Duration::from_secs(10);

/// How long the body of the first held calls may have been received without being shown before the hold counts as missing.
const HOLD_PATIENCE: Duration = Duration::from_secs(1);

/// The same where nothing was received behind the head: the caller may be slow, or its body empty.
const LONG_HOLD_PATIENCE: Duration = Duration::from_secs(60);

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

/// What of the queue's counters was told to the proxy already.
#[derive(Default)]
struct Reported {
    sent: u64,
    dropped: u64,
    queued: i64,
    open: i64,
    cached: i64,
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
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

    fn on_tick(&mut self) {
        if let Some(shared) = self.shared.clone() {
            let now = host::now();
            if !std::mem::replace(&mut self.ticks, true) {
                // Not when it is configured, which is tried out on an instance that never serves.
                shared.define_counters();
                announce::loaded(&shared.policy, now);
                shared.hurried.set(!shared.policy.fetched.is_empty());
            }
            if shared.hurried.take() {
                // The period was accepted before.
                let _ = host::set_tick_period(TICK);
            }
            self.send(&shared, now);
            self.report(&shared);
            let ended = shared.fetching.tick(now);
            // Last: they act for other contexts.
            judge_waiting(&shared, &ended, now);
            refuse_unheld(&shared, now);
            shared.release(Settled::Nothing, now);
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        let shared = self.shared.clone()?;
        Some(Box::new(Call::new(context_id, shared)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, size: usize, _trailers: usize) {
        let Some(shared) = self.shared.clone() else { return };
        let now = host::now();
        if let Some(ended) = shared.fetching.answered(token, headers, size, now) {
            judge_waiting(&shared, &ended, now);
            return;
        }
        let Some(batch) = self.in_flight.remove(&token) else { return };
        // No headers: the call was reset, or could not be made.
        let answer = if headers == 0 { Answer::Failed } else { answer(now) };
        let settled = shared.queue.borrow_mut().delivered(batch, answer, now, host::random());
        self.send(&shared, now);
        self.report(&shared);
        self.end_drain(&shared);
        // Last: it acts for other contexts.
        shared.release(settled, now);
    }

    /// The answer to a question that was asked from here for a call that had waited for keys.
    fn on_grpc_call_response(&mut self, token: u32, status: u32, _size: usize) {
        let Some(shared) = self.shared.clone() else { return };
        let asking = shared.asking.borrow_mut().remove(&token);
        if let Some(call) = asking
            && host::set_effective_context(call.id).is_ok()
        {
            answered_by_limiter(&shared, &call, status, Timing { began: host::now(), spent: Duration::ZERO });
        }
    }

    /// Asks for time while records wait: the proxy grants it where only the configuration changes.
    fn on_done(&mut self) -> bool {
        let Some(shared) = self.shared.clone() else { return true };
        self.draining = true;
        self.send(&shared, host::now());
        self.report(&shared);
        self.in_flight.is_empty()
    }
}

impl Root {
    fn send(&mut self, shared: &Shared, now: Timestamp) {
        let batch = if self.draining { shared.queue.borrow_mut().drain(now) } else { shared.queue.borrow_mut().poll(now) };
        let Some(Batch { id, body }) = batch else { return };
        let settings = &shared.policy.audit;
        let Some(cluster) = settings.cluster.as_deref() else { return };
        let headers = [
            (":method", "POST"),
            (":path", settings.path.as_str()),
            (":authority", settings.authority.as_str()),
            ("content-type", "application/x-protobuf"),
        ];
        match host::http_call(cluster, &headers, &body, settings.timeout) {
            Ok(token) => {
                self.in_flight.insert(token, id);
            }
            Err(_) => {
                shared.queue.borrow_mut().delivered(id, Answer::Failed, now, host::random());
            }
        }
    }

    /// Tells the proxy what has changed since it was told last.
    fn report(&mut self, shared: &Shared) {
        let counters = shared.queue.borrow().counters();
        shared.count(names::AUDIT_SENT, counters.sent - self.reported.sent);
        shared.count(names::TABLE_FULL, shared.table.take_full());
        shared.count(names::AUDIT_DROPPED, counters.dropped - self.reported.dropped);
        // What an instance remembers that is about to end is no longer of use.
        let cached = if self.draining { 0 } else { shared.tokens.borrow().len() };
        self.reported = Reported {
            sent: counters.sent,
            dropped: counters.dropped,
            queued: shared.move_gauge(names::AUDIT_QUEUED, self.reported.queued, counters.queued),
            open: self.report_circuit(shared),
            cached: shared.move_gauge(names::CACHE_ENTRIES, self.reported.cached, cached),
        };
    }

    /// Tells the proxy whether the log cluster takes nothing, and an operator when that has changed.
    fn report_circuit(&self, shared: &Shared) -> i64 {
        let is_open = shared.queue.borrow().is_circuit_open();
        // What an instance knows that is about to end is no longer of use.
        let open = shared.move_gauge(names::AUDIT_CIRCUIT_OPEN, self.reported.open, usize::from(is_open && !self.draining));
        let cluster = shared.policy.audit.cluster.as_deref().unwrap_or_default();
        if self.draining {
            return open;
        }
        if open > self.reported.open {
            let what = "takes no records: one batch after another tries, until one is taken";
            host::log(Level::Warn, &format!("eventguard: the log cluster `{cluster}` {what}"));
        } else if open < self.reported.open {
            host::log(Level::Info, &format!("eventguard: the log cluster `{cluster}` takes records again"));
        }
        open
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
    let queue = Queue::new(queue_settings(&policy.audit), &policy.digest, host::seed());
    let shared = Shared::new(Rc::new(policy), queue);
    if shared.policy.uses(Algorithm::Es384) && !shared.crypto.verifies_p384() {
        let reason = "it uses ES384, which this proxy does not verify: take other keys, or Envoy 1.30 or later";
        return Err(vec![reason.to_owned()]);
    }
    Ok(shared)
}

/// What the log cluster said.
fn answer(now: Timestamp) -> Answer {
    let header = |name| host::call_response_header(name).ok().flatten().and_then(|value| String::from_utf8(value).ok());
    let Some(status) = header(":status").and_then(|status| status.parse().ok()) else { return Answer::Failed };
    let body = host::call_response_body(host::ALL).ok().flatten().unwrap_or_default();
    Answer::read(status, header("retry-after").as_deref(), &body, now)
}

fn queue_settings(audit: &AuditSettings) -> audit::Settings {
    let waits = audit.delivery == Delivery::BeforeForward;
    audit::Settings {
        batch_records: audit.batch.records,
        interval: if waits { Duration::ZERO } else { audit.batch.interval },
        queue_records: audit.queue.records,
        queue_bytes: audit.queue.bytes,
        when_full: match audit.queue.when_full {
            WhenFull::DropOldest => audit::WhenFull::DropOldest,
            WhenFull::DropNewest => audit::WhenFull::DropNewest,
            WhenFull::Refuse => audit::WhenFull::Refuse,
        },
        patience: LEAST_PATIENCE.max(audit.timeout * 2),
        // Calls that wait are refused meanwhile.
        longest_backoff: Duration::from_secs(if waits { 5 } else { 30 }),
        integrity: match audit.integrity {
            Integrity::None => audit::Integrity::None,
            Integrity::Chain => audit::Integrity::Chain,
        },
        checkpoint: audit.checkpoint.as_ref().map(|Checkpoint { records, interval, key }| audit::Checkpoint {
            records: u64::try_from(*records).unwrap_or(u64::MAX),
            interval: *interval,
            key: Arc::clone(key),
        }),
    }
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
        if let Some(Waiting { call, .. }) = removed {
            let step = call.exchange.borrow_mut().hold_failed();
            let timing = Timing { began: now, spent: Duration::ZERO };
            carry_out_later(shared, &call, step, timing);
        }
    }
}
