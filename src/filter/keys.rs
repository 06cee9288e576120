//! Key sets in the proxy: the commands of [`keyset::Store`] into calls of the root context, what comes back into events, and the calls
//! that wait for it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::host::{self, Level, MetricKind};
use super::metrics::{Defined, key_set_name};
use super::shared::{Ongoing, Shared};
use super::table::change_value;
use crate::keyset::{self, Answer, Board, Circumstances, Command, Event, Failure, Fetch, MAX_BYTES, NoBoard, SetId, Store};
use crate::policy::Policy;
use crate::time::Timestamp;

/// What is fetched for one configuration, and who waits for it.
pub struct Fetching {
    pub store: RefCell<Store>,
    /// What calls are judged by: the policy with what was fetched.
    policy: RefCell<Rc<Policy>>,
    pub waiting: RefCell<HashMap<u32, Ongoing>>,
    /// Fetches under way, by the proxy's numbers of the calls. There are few.
    in_flight: RefCell<Vec<(u32, SetId)>>,
    metrics: RefCell<Defined>,
}

/// The proxy's shared data.
struct SharedBoard;

impl Board for SharedBoard {
    fn change(&self, name: &str, change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Result<(), NoBoard> {
        change_value(&format!("eventguard.keyset.{name}"), change).ok_or(NoBoard)
    }
}

impl Fetching {
    pub fn new(policy: &Rc<Policy>) -> Self {
        Self {
            store: RefCell::new(Store::new(&policy.fetched, host::random())),
            policy: RefCell::new(Rc::clone(policy)),
            waiting: RefCell::default(),
            in_flight: RefCell::default(),
            metrics: RefCell::default(),
        }
    }

    pub fn policy(&self) -> Rc<Policy> {
        Rc::clone(&self.policy.borrow())
    }

    /// Some time went by: sets that are to be fetched are.
    pub fn tick(&self, now: Timestamp) -> Vec<SetId> {
        let ended = self.update(&Event::Tick, now);
        for state in self.store.borrow().states(now) {
            let gauge = |what, value| self.metric(MetricKind::Gauge, what, state.name, None, |id| host::record_metric(id, value));
            if let Some(age) = state.age {
                gauge("age_seconds", age.as_secs());
            }
            gauge("used", u64::try_from(state.used).unwrap_or(u64::MAX));
        }
        ended
    }

    /// The answer to a call of this token, where it was one for a set: those sets whose fetch has ended.
    pub fn answered(&self, token: u32, headers: usize, size: usize, now: Timestamp) -> Option<Vec<SetId>> {
        let (_, set) = self.in_flight.borrow_mut().extract_if(.., |(call, _)| *call == token).next()?;
        let body = host::call_response_body(MAX_BYTES).ok().flatten().unwrap_or_default();
        let cache_control = host::call_response_header("cache-control").ok().flatten();
        let answer = match host::call_response_header(":status") {
            // No headers: the call was reset, or could not be made. Envoy itself says 503 and 504 where nobody has answered.
            Ok(Some(status)) if headers > 0 && status != b"503" && status != b"504" => match status.as_slice() {
                b"200" if size > MAX_BYTES => Err(Failure::TooLarge),
                b"200" => Ok(Answer {
                    body: &body,
                    cache_control: cache_control.as_deref().and_then(|value| std::str::from_utf8(value).ok()),
                }),
                _ => Err(Failure::Status),
            },
            Ok(_) | Err(_) => Err(Failure::NoAnswer),
        };
        Some(self.update(&Event::Answer(set, answer), now))
    }

    fn update(&self, event: &Event<'_>, now: Timestamp) -> Vec<SetId> {
        let with = Circumstances { now, random: host::random(), board: &SharedBoard };
        let commands = self.store.borrow_mut().update(event, with);
        let mut ended = Vec::new();
        for command in commands {
            match command {
                Command::Fetch(fetch) => ended.extend(self.fetch(&fetch, now)),
                Command::Changed => {
                    let store = self.store.borrow();
                    let policy = self.policy.borrow().with_fetched(&|set| store.content(set));
                    self.policy.replace(Rc::new(policy));
                }
                Command::Ended(set) => ended.push(set),
                Command::Fetched(set, result) => self.tell(set, result),
            }
        }
        ended
    }

    fn fetch(&self, fetch: &Fetch, now: Timestamp) -> Vec<SetId> {
        let keyset::Location { authority, path } = &fetch.location;
        let headers =
            [(":method", "GET"), (":path", path.as_str()), (":authority", authority.as_str()), ("accept", "application/json")];
        match host::http_call(&fetch.cluster, &headers, &[], fetch.timeout) {
            Ok(token) => {
                self.in_flight.borrow_mut().push((token, fetch.set));
                Vec::new()
            }
            Err(_) => self.update(&Event::Answer(fetch.set, Err(Failure::NoAnswer)), now),
        }
    }

    /// Counts what came of a fetch, and says what an operator should look at.
    fn tell(&self, set: SetId, result: Result<(), Failure>) {
        let store = self.store.borrow();
        let Some(settings) = store.settings(set) else { return };
        let (name, label) = (&settings.name, result.map_or_else(|failure| failure.to_string(), |()| "ok".to_owned()));
        self.metric(MetricKind::Counter, "fetches_total", name, Some(&label), |id| host::increment_metric(id, 1));
        if result.is_err() {
            host::log(Level::Warn, &["eventguard: the set `", name, "` could not be fetched: ", &label].concat());
        }
        for why in store.content(set).iter().flat_map(|content| content.unfit()) {
            host::log(Level::Warn, &["eventguard: the set `", name, "` has a key that is not used: ", why].concat());
        }
    }

    fn metric(
        &self,
        kind: MetricKind,
        what: &str,
        set: &str,
        result: Option<&str>,
        act: impl FnOnce(u32) -> Result<(), host::HostError>,
    ) {
        let name = key_set_name(what, set, result);
        let id = self.metrics.borrow_mut().id(&name, |name| host::define_metric(kind, name).ok());
        // A proxy that does not count must not keep keys from being fetched.
        let _ = id.map(act);
    }

    /// The calls that may be judged by now: those that wait for one of these sets, or have waited long enough.
    pub fn due(&self, ended: &[SetId], now: Timestamp) -> Vec<Ongoing> {
        let mut due = Vec::new();
        self.waiting.borrow_mut().retain(|_, call| match call.exchange.borrow().awaits() {
            Some((sets, until)) => {
                if sets.iter().any(|set| ended.contains(set)) || until <= now {
                    due.push(call.clone());
                }
                true
            }
            None => false,
        });
        due
    }
}

/// Judges the calls that waited for what was fetched. It acts for other contexts: nothing may follow it in a callback.
pub fn judge_waiting(shared: &Rc<Shared>, ended: &[SetId], now: Timestamp) {
    for call in shared.fetching.due(ended, now) {
        if host::set_effective_context(call.id).is_ok() {
            super::http::judge_again(shared, &call);
        }
    }
}
