//! One call in the proxy: its callbacks into steps of the exchange, and what the exchange commands into calls of the host.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::answer;
use super::carry::{action, carry_out, carry_out_later, rates_told};
use super::exchange::{Arrival, Buffered, Exchange, Surroundings, is_ours};
use super::governor;
use super::grpc_web::WebAnswer;
use super::host::{self, Level};
use super::metadata::{MetadataError, RouteSettings};
use super::metrics::Stage;
use super::shared::{Ongoing, Shared, Waiting};
use super::stream::{Part, START, Stream};
use super::watch::Watch;
use crate::call::{Certificate, Peer, read_sha256};
use crate::ledger::{self, Ending};
use crate::policy::{Hints, Hold};
use crate::time::Timestamp;

/// What becomes of calls on a route whose metadata cannot be followed.
const NOT_FOLLOWED: &str = "calls on this route are refused, unless the policy only observes: then they go on unjudged";

/// The context of one call.
pub struct Call {
    own: Ongoing,
    shared: Rc<Shared>,
    /// The answer, where its body says what became of the call's events.
    web_answer: Option<WebAnswer>,
    /// How long the callbacks took that are over.
    spent: Duration,
}

impl Call {
    /// A call that the proxy has just begun.
    #[must_use]
    pub fn new(id: u32, shared: Rc<Shared>) -> Self {
        let exchange = Rc::new(RefCell::new(Exchange::new(Rc::clone(&shared.policy))));
        Self { own: Ongoing { id, exchange }, shared, web_answer: None, spent: Duration::ZERO }
    }

    /// A callback that begins, with that part of judging.
    fn begin(&self, stage: Option<Stage>) -> Watch {
        Watch::start(host::now(), stage, self.spent)
    }

    fn end_of_body(&self) -> Action {
        let watch = self.begin(Some(Stage::Body));
        let end = |call: &mut Exchange, with: &mut Surroundings<'_>| call.body_end(|| buffered(&self.shared), with);
        let step = self.shared.judge(&self.own.exchange, watch.began(), end);
        self.stop_waiting();
        let action = carry_out(&self.shared, &self.own, step, &watch);
        self.await_keys();
        action
    }

    /// Remembers a call that waits for what is fetched.
    fn await_keys(&self) {
        if self.own.exchange.borrow().awaits().is_some() {
            self.shared.fetching.waiting.borrow_mut().insert(self.own.id, self.own.clone());
        }
    }

    /// A borrow of its own: one that lasts through a `match` meets the one that changes the exchange, and that is a panic.
    fn is_stream(&self) -> bool {
        self.own.exchange.borrow().stream().is_some()
    }

    /// A part of a stream, or its end. `size` is what the proxy says that it holds, which it does not say with trailers. What is not
    /// yet a whole message is not read again and again.
    fn stream_part(&self, size: Option<usize>, part: Part) -> Action {
        let watch = self.begin(Some(Stage::Body));
        let start = || host::request_body_start(START).ok().flatten().unwrap_or_default();
        let enough = |stream: &Stream| part == Part::Last || size.is_none_or(|size| stream.is_enough(size, &start()));
        if !self.own.exchange.borrow().stream().is_some_and(enough) {
            return Action::Pause;
        }
        // Fewer bytes than the proxy holds would let the others go on unjudged.
        let is_all = |held: &Vec<u8>| size.is_none_or(|size| held.len() == size);
        let held = host::request_body().ok().map(Option::unwrap_or_default).filter(is_all);
        let judge = |call: &mut Exchange, with: &mut Surroundings<'_>| call.stream_part(held.as_deref(), part, with);
        let step = self.shared.judge(&self.own.exchange, watch.began(), judge);
        carry_out(&self.shared, &self.own, step, &watch)
    }

    /// Tells the caller of the rates, beside what the upstream tells of its own.
    fn tell_rates(&self) {
        let exchange = self.own.exchange.borrow();
        // Our own answer has them already.
        if exchange.is_refused() {
            return;
        }
        let added = rates_told(&self.shared, &exchange);
        let added = added.iter().try_for_each(|(name, value)| host::add_response_header(name, value.as_bytes()));
        if let Err(error) = added {
            host::log(Level::Error, &format!("eventguard: {error} to a header of the answer, which would tell of the rates"));
        }
    }

    /// Says what became of the events that went on.
    fn settle(&self, ending: Ending) {
        let grants = self.own.exchange.borrow_mut().answered();
        for grant in grants.iter().filter(|_| ending == Ending::Failed) {
            if let Err(error) = ledger::settle(&self.shared.table, host::now(), grant, ending) {
                host::log(Level::Warn, &format!("eventguard: {error}: an event that failed counts as published"));
            }
        }
    }

    /// A body is shown for a head that is held: the proxy can hold one without the other.
    fn hold_works(&self) {
        if self.shared.policy.hold == Hold::Headers && !self.shared.hold_works.get() && self.own.exchange.borrow().is_waiting() {
            self.shared.hold_works.set(true);
            self.shared.waiting.borrow_mut().clear();
        }
    }

    fn stop_waiting(&self) {
        if !self.shared.hold_works.get() {
            self.shared.waiting.borrow_mut().remove(&self.own.id);
        }
    }
}

fn wait(shared: &Shared, call: &Ongoing, since: Timestamp) {
    if shared.policy.hold == Hold::Headers && !shared.hold_works.get() {
        let waiting = Waiting { call: call.clone(), since, received: received() };
        shared.waiting.borrow_mut().insert(call.id, waiting);
    }
}

/// Judges a call that has waited for keys, from another context than its own.
pub fn judge_again(shared: &Rc<Shared>, call: &Ongoing) {
    // Others were judged since the callback began: their time is not this call's.
    let began = host::now();
    let step = shared.judge(&call.exchange, began, |exchange, with| exchange.judge_again(|| buffered(shared), with));
    if let Some(cache) = step.cache {
        shared.tally.token(cache);
    }
    carry_out_later(shared, call, step, &Watch::start(began, Some(Stage::Head), Duration::ZERO));
    if call.exchange.borrow().is_waiting() {
        wait(shared, call, began);
    }
    // The SDK brings the answer to the context that is called now, which is not the call's.
    let question = call.exchange.borrow().question().filter(|_| call.exchange.borrow().is_asking());
    if let Some(token) = question {
        shared.asking.borrow_mut().insert(token, call.clone());
    }
}

impl Context for Call {
    /// The proxy is done with the call. One that is not decided by now was broken off: by its caller, or by the proxy itself, whose
    /// buffers may be smaller than the policy's limit.
    fn on_done(&mut self) -> bool {
        let is_decided = self.own.exchange.borrow().is_decided();
        if !is_decided {
            let watch = self.begin(None);
            let step = self.own.exchange.borrow_mut().broken_off(self.shared.means(watch.began()));
            self.shared.tell(&step, &self.own.exchange.borrow(), &watch);
        }
        // Nobody knows what the upstream did with a call that has no answer. It counts as published: a caller who hangs up could replay
        // it otherwise.
        self.settle(Ending::Published);
        true
    }

    /// The limiter has answered, or will not: `status` is gRPC's.
    fn on_grpc_call_response(&mut self, _token: u32, status: u32, _size: usize) {
        answered_by_limiter(&self.shared, &self.own, status, &self.begin(None));
    }
}

/// What the limiter has answered to a question of this call, whose context is the effective one.
pub fn answered_by_limiter(shared: &Shared, call: &Ongoing, status: u32, watch: &Watch) {
    let answer = if status == 0 { host::grpc_call_response().ok().map(Option::unwrap_or_default) } else { None };
    let step = call.exchange.borrow_mut().answered_by_limiter(answer.as_deref(), shared.means(watch.began()));
    carry_out_later(shared, call, step, watch);
}

impl HttpContext for Call {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let watch = self.begin(Some(Stage::Head));
        let route_name = if self.shared.ask_for_route_name { text_property("xds\0route_name") } else { None };
        let settings = route_settings();
        if let Err(error) = &settings {
            host::log(Level::Error, &format!("eventguard: {error}; {NOT_FOLLOWED}"));
        }
        let hints = settings.as_ref().map_err(Clone::clone).map(|settings| Hints {
            route_name: route_name.as_deref(),
            route: settings.route.as_deref(),
            mode: settings.mode,
        });
        let arrival = Arrival { map: host::request_headers().ok(), hints, peer: Some(peer()), end_of_stream };
        let step = self.shared.judge(&self.own.exchange, watch.began(), |call, with| call.head(arrival, with));
        if let Some(cache) = step.cache {
            self.shared.tally.token(cache);
        }
        let action = carry_out(&self.shared, &self.own, step, &watch);
        self.await_keys();
        if self.own.exchange.borrow().is_waiting() {
            wait(&self.shared, &self.own, watch.began());
            self.spent = watch.spent();
        }
        action
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.hold_works();
        if self.is_stream() {
            return self.stream_part(Some(size), if end_of_stream { Part::Last } else { Part::Open });
        }
        let limit = self.own.exchange.borrow().body_limit();
        if end_of_stream && size <= limit {
            return self.end_of_body();
        }
        let step = self.own.exchange.borrow_mut().body_part(size);
        if step.outcomes.is_empty() {
            return action(step.flow);
        }
        carry_out(&self.shared, &self.own, step, &self.begin(None))
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        let action = if self.is_stream() { self.stream_part(None, Part::Last) } else { self.end_of_body() };
        // Some servers take trailers for headers (CVE-2013-5704). A call that waits goes on without this callback.
        let goes_on = action == Action::Continue || self.own.exchange.borrow().is_paused();
        if goes_on && let Err(error) = host::remove_request_trailers(is_ours) {
            host::log(Level::Error, &format!("eventguard: {error} to a change of the trailers; the call is refused"));
            let watch = self.begin(None);
            let refusal = self.own.exchange.borrow_mut().head_is_gone(Vec::new(), self.shared.means(watch.began()));
            return carry_out(&self.shared, &self.own, refusal, &watch);
        }
        action
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        if let Some((name, value)) = self.own.exchange.borrow().answer_header()
            && let Err(error) = host::set_response_header(name, value.as_bytes())
        {
            host::log(
                Level::Error,
                &format!("eventguard: {error} to a header of the answer, which would name the refused events"),
            );
        }
        self.tell_rates();
        if self.own.exchange.borrow().awaits_an_answer() {
            let is_grpc = self.own.exchange.borrow().is_grpc();
            match answer::head(is_grpc) {
                answer::Head::Ending(ending) => self.settle(ending),
                answer::Head::Trailers => {}
                answer::Head::Body(answer) => self.web_answer = Some(answer),
            }
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, _end_of_stream: bool) -> Action {
        if let Some(ending) = self.web_answer.as_mut().and_then(|answer| answer::part(answer, size)) {
            self.web_answer = None;
            self.settle(ending);
        }
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        if self.own.exchange.borrow().awaits_an_answer()
            && let Some(ending) = answer::trailers()
        {
            self.settle(ending);
        }
        Action::Continue
    }

    fn on_log(&mut self) {
        self.shared.ended(&self.own.exchange.borrow());
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.stop_waiting();
        self.shared.fetching.waiting.borrow_mut().remove(&self.own.id);
        self.shared.unclaim(&self.own.exchange.borrow());
        if let Some(token) = self.own.exchange.borrow().question() {
            self.shared.asking.borrow_mut().remove(&token);
        }
    }
}

/// Bytes that the proxy has received of the call so far, its body among them; `None` where it does not say.
pub fn received() -> Option<u64> {
    let bytes = host::property("request\0total_size").ok().flatten()?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

fn buffered(shared: &Shared) -> Buffered {
    // Envoy's buffer filter, behind us, keeps the call from the router until its body is whole. An upstream that was reached
    // by now says that nobody held it.
    let upstream_reached = shared.policy.hold == Hold::Body
        && host::property("upstream\0address").ok().flatten().is_some_and(|address| !address.is_empty());
    let bytes = host::request_body().ok().map(Option::unwrap_or_default);
    Buffered { bytes, upstream_reached }
}

/// A property that is text, and says something.
pub fn text_property(path: &str) -> Option<String> {
    String::from_utf8(host::property(path).ok().flatten()?).ok().filter(|text| !text.is_empty())
}

const PEER_URI: &str = "connection\0uri_san_peer_certificate";

fn peer() -> Peer {
    Peer::new(text_property(PEER_URI), Certificate::Ask(certificate))
}

/// Who sends the call whose context is the effective one.
pub fn source() -> String {
    governor::source(text_property(PEER_URI), text_property("source\0address"))
}

fn certificate() -> Option<[u8; 32]> {
    read_sha256(&host::property("connection\0sha256_peer_certificate_digest").ok().flatten()?)
}

/// What Envoy's route says to the filter. Metadata that cannot be had is not the same as none: it may have been meant to be stricter.
fn route_settings() -> Result<RouteSettings, MetadataError> {
    match host::property("xds\0route_metadata").map_err(|_| MetadataError::Unreadable)? {
        Some(metadata) => RouteSettings::parse(&metadata),
        None => Ok(RouteSettings::default()),
    }
}
