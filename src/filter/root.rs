//! The plugin in one thread of the proxy: its configuration, what its calls share, and the tick on which records leave.

use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use super::announce;
use super::carry::carry_out_later;
use super::delivery;
use super::host::{self, Level};
use super::http::{Call, answered_by_limiter, received, text_property};
use super::keys::judge_waiting;
use super::report::Reported;
use super::shared::{Shared, Waiting};
use super::traces::Traces;
use super::watch::Watch;
use crate::audit::{Answer, Settled};
use crate::config;
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

/// The plugin's root context.
#[derive(Default)]
pub struct Root {
    shared: Option<Rc<Shared>>,
    /// Batches under way, by the proxy's numbers of the calls. There are few.
    in_flight: Vec<(u32, u64)>,
    reported: Reported,
    draining: bool,
    /// Whether the first tick has come.
    ticks: bool,
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        match configured() {
            Ok(shared) => {
                describe(&shared);
                // What calls wait for is looked for as soon as may be.
                let is_hurried = !shared.policy.fetched.is_empty();
                let first = if is_hurried { FIRST_TICK } else { TICK };
                shared.hurried.set(is_hurried);
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
            }
            if shared.hurried.take() {
                // The period was accepted before.
                let _ = host::set_tick_period(TICK);
            }
            self.send(&shared, now);
            if let Some(traces) = &shared.traces {
                traces.tick(now);
            }
            self.reported.tell(&shared, self.draining);
            self.end_drain(&shared, now);
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
        if shared.traces.as_ref().is_some_and(|traces| traces.answered(token, headers, now)) {
            self.end_drain(&shared, now);
            return;
        }
        let Some((_, batch)) = self.in_flight.extract_if(.., |(call, _)| *call == token).next() else { return };
        let settled = delivery::answered(&mut shared.queue.borrow_mut(), &shared.policy.audit, batch, headers, now);
        self.send(&shared, now);
        self.reported.tell(&shared, self.draining);
        self.end_drain(&shared, now);
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
            answered_by_limiter(&shared, &call, status, &Watch::at(host::now()));
        }
    }

    /// Asks for time while records wait: the proxy grants it where only the configuration changes.
    fn on_done(&mut self) -> bool {
        let Some(shared) = self.shared.clone() else { return true };
        self.draining = true;
        self.send(&shared, host::now());
        let traces_wait = shared.traces.as_ref().is_some_and(Traces::drain);
        self.reported.tell(&shared, self.draining);
        if self.ticks {
            announce::left(&shared.policy);
        }
        let is_drained = shared.queue.borrow().is_empty();
        is_drained && !traces_wait
    }
}

impl Root {
    fn send(&mut self, shared: &Shared, now: Timestamp) {
        let batch = if self.draining { shared.queue.borrow_mut().drain(now) } else { shared.queue.borrow_mut().poll(now) };
        let (Some(batch), Some(cluster)) = (batch, shared.policy.audit.cluster.as_deref()) else { return };
        match delivery::send(cluster, &shared.policy.audit, &batch) {
            Ok(token) => self.in_flight.push((token, batch.id)),
            Err(_) => {
                shared.queue.borrow_mut().delivered(batch.id, Answer::Failed, now, host::random());
            }
        }
    }

    fn end_drain(&mut self, shared: &Shared, now: Timestamp) {
        if !self.draining || !shared.traces.as_ref().is_none_or(Traces::is_idle) {
            return;
        }
        let Some(given_up) = shared.queue.borrow_mut().end_drain(now) else { return };
        if given_up > 0 {
            let why = "records of a policy that is gone were given up: the log cluster has not taken them for a minute";
            host::log(Level::Error, &format!("eventguard: {given_up} {why}"));
            self.reported.tell(shared, self.draining);
        }
        // There is nobody left to tell of a failure.
        let _ = host::context_done();
    }
}

/// What the configuration makes of the plugin, or every reason why its policy is refused.
fn configured() -> Result<Shared, Vec<String>> {
    let configuration = host::plugin_configuration().ok().flatten().unwrap_or_default();
    let policy = config::from_plugin_configuration(&configuration, &|name| std::env::var(name).ok())
        .map_err(|errors| errors.into_iter().map(|error| error.to_string()).collect::<Vec<_>>())?;
    // What the proxy is called in its mesh (`--service-node`; in Istio its pod). Records and spans say which one they come from.
    let instance = text_property("xds\0node\0id");
    let shared = Shared::new(Rc::new(policy), instance.as_deref());
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
        if let Some(Waiting { call, .. }) = removed {
            let step = call.exchange.borrow_mut().hold_failed();
            carry_out_later(shared, &call, step, &Watch::at(now));
        }
    }
}
