//! One call in the proxy: its callbacks into steps of the exchange, and what the exchange commands into calls of the host.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::dispatch::{Action, Protocol, asked};
use super::ending::Failure;
use super::exchange::{Arrival, Buffered, Exchange, Surroundings, is_ours};
use super::host::{self, Level};
use super::metadata::{MetadataError, RouteSettings};
use super::metrics::{Stage, names};
use super::reply::Reply;
use super::root::{Shared, Waiting};
use super::step::{Command, Flow, Step};
use super::stream::{Part, START, Stream};
use crate::call::{Certificate, Peer, read_sha256};
use crate::decision::Refusal;
use crate::ledger::{self, Ending};
use crate::policy::{Hints, Hold};
use crate::time::Timestamp;

/// The context of one call.
pub struct Call {
    id: u32,
    shared: Rc<Shared>,
    exchange: Rc<RefCell<Exchange>>,
    /// How long the callbacks took that are over.
    spent: Duration,
}

/// Where a callback stands in time.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// When it began.
    pub began: Timestamp,
    /// How long the call's callbacks before it took.
    pub spent: Duration,
}

impl Call {
    /// A call that the proxy has just begun.
    #[must_use]
    pub fn new(id: u32, shared: Rc<Shared>) -> Self {
        let exchange = Rc::new(RefCell::new(Exchange::new(Rc::clone(&shared.policy))));
        Self { id, shared, exchange, spent: Duration::ZERO }
    }

    /// A callback that begins.
    fn begin(&self) -> Timing {
        Timing { began: host::now(), spent: self.spent }
    }

    fn end_of_body(&self) -> Action {
        let timing = self.begin();
        let end = |call: &mut Exchange, with: &mut Surroundings<'_>| call.body_end(|| buffered(&self.shared), with);
        let step = self.shared.judge(Stage::Body, &self.exchange, timing.began, end);
        self.stop_waiting();
        carry_out(&self.shared, &self.exchange, step, timing)
    }

    /// A borrow of its own: one that lasts through a `match` meets the one that changes the exchange, and that is a panic.
    fn is_stream(&self) -> bool {
        self.exchange.borrow().stream().is_some()
    }

    /// A part of a stream, or its end. `size` is what the proxy says that it holds, which it does not say with trailers. What is not
    /// yet a whole message is not read again and again.
    fn stream_part(&self, size: Option<usize>, part: Part) -> Action {
        let timing = self.begin();
        let start = || host::request_body_start(START).ok().flatten().unwrap_or_default();
        let enough = |stream: &Stream| part == Part::Last || size.is_none_or(|size| stream.is_enough(size, &start()));
        if !self.exchange.borrow().stream().is_some_and(enough) {
            return Action::Pause;
        }
        // Fewer bytes than the proxy holds would let the others go on unjudged.
        let is_all = |held: &Vec<u8>| size.is_none_or(|size| held.len() == size);
        let held = host::request_body().ok().map(Option::unwrap_or_default).filter(is_all);
        let judge = |call: &mut Exchange, with: &mut Surroundings<'_>| call.stream_part(held.as_deref(), part, with);
        let step = self.shared.judge(Stage::Body, &self.exchange, timing.began, judge);
        carry_out(&self.shared, &self.exchange, step, timing)
    }

    /// Says what became of the events that went on.
    fn settle(&self, ending: Ending) {
        let grants = self.exchange.borrow_mut().answered();
        for grant in grants.iter().filter(|_| ending == Ending::Failed) {
            if let Err(error) = ledger::settle(&self.shared.table, host::now(), grant, ending) {
                host::log(Level::Warn, &format!("eventguard: {error}: an event that failed counts as published"));
            }
        }
    }

    /// A body is shown for a head that is held: the proxy can hold one without the other.
    fn hold_works(&self) {
        if self.shared.policy.hold == Hold::Headers && !self.shared.hold_works.get() && self.exchange.borrow().is_waiting() {
            self.shared.hold_works.set(true);
            self.shared.waiting.borrow_mut().clear();
        }
    }

    fn stop_waiting(&self) {
        if !self.shared.hold_works.get() {
            self.shared.waiting.borrow_mut().remove(&self.id);
        }
    }
}

fn wait(shared: &Shared, id: u32, exchange: &Rc<RefCell<Exchange>>, since: Timestamp) {
    if shared.policy.hold == Hold::Headers && !shared.hold_works.get() {
        let waiting = Waiting { exchange: Rc::clone(exchange), since, received: received() };
        shared.waiting.borrow_mut().insert(id, waiting);
    }
}

/// Judges a call that has waited for keys, from another context than its own.
pub fn judge_again(shared: &Rc<Shared>, id: u32, exchange: &Rc<RefCell<Exchange>>) {
    // Others were judged since `now`: their time is not this call's.
    let began = host::now();
    let step = shared.judge(Stage::Head, exchange, began, |call, with| call.judge_again(|| buffered(shared), with));
    if let Some(cache) = step.cache {
        shared.count_token(cache);
    }
    carry_out_later(shared, exchange, step, Timing { began, spent: Duration::ZERO });
    if exchange.borrow().is_waiting() {
        wait(shared, id, exchange, began);
    }
    // The answer goes to the context that is called now, which is not the call's.
    let question = exchange.borrow().question().filter(|_| exchange.borrow().is_asking());
    if let Some(token) = question {
        shared.asking.borrow_mut().insert(token, (id, Rc::clone(exchange)));
    }
}

const GRPC_STATUS: &str = "grpc-status";

/// What the head of the answer says of the call's events; `None` where more must come. Of gRPC it is the whole only where the call failed
/// at once.
fn ending_of_headers(is_grpc: bool) -> Option<Ending> {
    match (host::response_header(":status").ok().flatten()?.as_slice(), is_grpc) {
        ([b'2', _, _], false) => Some(Ending::Published),
        ([b'2', _, _], true) => match host::response_header(GRPC_STATUS) {
            Ok(None) => None,
            status => ending_of_grpc(status),
        },
        _ => Some(ending_of_failure()),
    }
}

/// Asked only of answers that are errors.
fn ending_of_failure() -> Ending {
    let upstream_chosen = text_property("upstream\0address").is_some();
    let attempts = host::property("upstream\0request_attempt_count").ok().flatten();
    let attempts = attempts.and_then(|count| count.try_into().ok()).map_or(1, u64::from_le_bytes);
    Failure { details: text_property("response\0code_details").as_deref(), upstream_chosen, attempts }.ending()
}

fn ending_of_grpc(status: Result<Option<Vec<u8>>, host::HostError>) -> Option<Ending> {
    let status = status.ok().flatten()?;
    Some(if status == b"0" { Ending::Published } else { ending_of_failure() })
}

impl Call {
    /// The proxy is done with the call. One that is not decided by now was broken off: by its caller, or by the proxy itself, whose
    /// buffers may be smaller than the policy's limit.
    pub fn on_done(&mut self) -> bool {
        let is_decided = self.exchange.borrow().is_decided();
        if !is_decided {
            let step = self.exchange.borrow_mut().broken_off(self.shared.means(host::now()));
            for outcome in &step.outcomes {
                self.shared.record(outcome, &self.exchange.borrow(), self.begin());
            }
        }
        // Nobody knows what the upstream did with a call that has no answer. It counts as published: a caller who hangs up could replay
        // it otherwise.
        self.settle(Ending::Published);
        true
    }

    /// The limiter has answered, or will not: `status` is gRPC's.
    pub fn on_grpc_call_response(&mut self, status: u32) {
        answered_by_limiter(&self.shared, &self.exchange, status, self.begin());
    }
}

/// What the limiter has answered to a question of this call, whose context is the effective one.
pub fn answered_by_limiter(shared: &Shared, exchange: &RefCell<Exchange>, status: u32, timing: Timing) {
    let answer = if status == 0 { host::grpc_call_response().ok().map(Option::unwrap_or_default) } else { None };
    let step = exchange.borrow_mut().answered_by_limiter(answer.as_deref(), shared.means(timing.began));
    carry_out_later(shared, exchange, step, timing);
}

impl Call {
    /// The headers of the request.
    pub fn on_http_request_headers(&mut self, end_of_stream: bool) -> Action {
        let timing = self.begin();
        let route_name = if self.shared.ask_for_route_name { text_property("xds\0route_name") } else { None };
        let settings = route_settings();
        let map = match &settings {
            Ok(_) => host::request_headers().ok(),
            Err(error) => {
                host::log(Level::Error, &format!("eventguard: {error}; calls on this route are refused"));
                None
            }
        };
        let settings = settings.unwrap_or_default();
        let hints = Hints { route_name: route_name.as_deref(), route: settings.route.as_deref(), mode: settings.mode };
        let arrival = Arrival { map, hints, peer: Some(peer()), end_of_stream };
        let step = self.shared.judge(Stage::Head, &self.exchange, timing.began, |call, with| call.head(arrival, with));
        if let Some(cache) = step.cache {
            self.shared.count_token(cache);
        }
        let action = carry_out(&self.shared, &self.exchange, step, timing);
        if self.exchange.borrow().awaits().is_some() {
            self.shared.fetching.waiting.borrow_mut().insert(self.id, Rc::clone(&self.exchange));
        }
        if self.exchange.borrow().is_waiting() {
            wait(&self.shared, self.id, &self.exchange, timing.began);
            self.spent = host::now().since(timing.began);
        }
        action
    }

    /// A part of its body, or the end; `size` is what the proxy holds.
    pub fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.hold_works();
        if self.is_stream() {
            return self.stream_part(Some(size), if end_of_stream { Part::Last } else { Part::Open });
        }
        let limit = self.exchange.borrow().body_limit();
        if end_of_stream && size <= limit {
            return self.end_of_body();
        }
        let step = self.exchange.borrow_mut().body_part(size);
        if step.outcomes.is_empty() {
            return action(step.flow);
        }
        carry_out(&self.shared, &self.exchange, step, self.begin())
    }

    /// Its trailers.
    pub fn on_http_request_trailers(&mut self) -> Action {
        let action = if self.is_stream() { self.stream_part(None, Part::Last) } else { self.end_of_body() };
        // Some servers take trailers for headers (CVE-2013-5704). A call that waits goes on without this callback.
        let goes_on =
            action == Action::Continue || self.exchange.borrow().awaits().is_some() || self.exchange.borrow().is_asking();
        if goes_on && let Err(error) = host::remove_request_trailers(is_ours) {
            host::log(Level::Error, &format!("eventguard: {error} to a change of the trailers; the call is refused"));
            let refusal = self.exchange.borrow_mut().head_is_gone(Vec::new());
            return carry_out(&self.shared, &self.exchange, refusal, self.begin());
        }
        action
    }

    /// The headers of the answer.
    pub fn on_http_response_headers(&mut self) -> Action {
        if let Some((name, value)) = self.exchange.borrow().answer_header()
            && let Err(error) = host::set_response_header(name, value.as_bytes())
        {
            host::log(
                Level::Error,
                &format!("eventguard: {error} to a header of the answer, which would name the refused events"),
            );
        }
        if self.exchange.borrow().awaits_an_answer() {
            let is_grpc = self.exchange.borrow().is_grpc();
            if let Some(ending) = ending_of_headers(is_grpc) {
                self.settle(ending);
            }
        }
        Action::Continue
    }

    /// Its trailers.
    pub fn on_http_response_trailers(&mut self) -> Action {
        if self.exchange.borrow().awaits_an_answer()
            && let Some(ending) = ending_of_grpc(host::response_trailer(GRPC_STATUS))
        {
            self.settle(ending);
        }
        Action::Continue
    }

    /// The call is told to the proxy's own logs.
    pub fn on_log(&self) {
        self.shared.ended(&self.exchange.borrow());
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.stop_waiting();
        self.shared.fetching.waiting.borrow_mut().remove(&self.id);
        if let Some(token) = self.exchange.borrow().question() {
            self.shared.asking.borrow_mut().remove(&token);
        }
    }
}

/// Bytes that the proxy has received of the call so far, its body among them; `None` where it does not say.
pub fn received() -> Option<u64> {
    let bytes = host::property("request\0total_size").ok().flatten()?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// Does what a step commands. A call that cannot be changed does not go on.
pub fn carry_out(shared: &Shared, exchange: &RefCell<Exchange>, step: Step, timing: Timing) -> Action {
    if let Some(error) = step.commands.iter().find_map(|command| change(command).err()) {
        host::log(Level::Error, &format!("eventguard: {error} to a change of the call; it is refused"));
        let refusal = exchange.borrow_mut().head_is_gone(step.outcomes);
        return carry_out(shared, exchange, refusal, timing);
    }
    for outcome in &step.outcomes {
        if outcome.refusal == Some(Refusal::HoldMissing) {
            host::log(Level::Error, missing_hold(shared.policy.hold));
        }
        shared.record(outcome, &exchange.borrow(), timing);
    }
    if step.limiter_failed {
        shared.count(names::LIMITER_FAILED, 1);
    }
    let asked = step.commands.iter().find_map(Command::question).map(|question| ask(shared, question));
    if let Some(Ok(token)) = asked {
        exchange.borrow_mut().asked_as(token);
    }
    if let Some(Err(error)) = asked {
        host::log(Level::Error, &format!("eventguard: {error} to a question to the limiter"));
        let step = exchange.borrow_mut().answered_by_limiter(None, shared.means(timing.began));
        return carry_out(shared, exchange, step, timing);
    }
    if let Some(Err(error)) = step.commands.iter().find_map(Command::reply).map(send) {
        host::log(Level::Error, &format!("eventguard: {error} to an answer; the call does not go on"));
    }
    action(step.flow)
}

const fn action(flow: Flow) -> Action {
    match flow {
        Flow::Continue => Action::Continue,
        Flow::Pause => Action::Pause,
    }
}

/// The same for a call that was paused: outside of its own callbacks the proxy has to be told that it goes on.
pub fn carry_out_later(shared: &Shared, exchange: &RefCell<Exchange>, step: Step, timing: Timing) {
    if carry_out(shared, exchange, step, timing) == Action::Continue
        && let Err(error) = host::resume_request()
    {
        host::log(Level::Error, &format!("eventguard: {error} to a paused call that goes on"));
    }
}

fn change(command: &Command) -> Result<(), host::HostError> {
    match command {
        Command::Remove(name) => host::remove_request_header(name),
        Command::Set(name, value) => host::set_request_header(name, value.as_bytes()),
        Command::Body(bytes) => host::replace_request_body(bytes),
        Command::Reply(_) | Command::Ask(_) => Ok(()),
    }
}

/// Envoy's rate limit protocol.
const LIMITER: &str = "envoy.service.ratelimit.v3.RateLimitService";

fn ask(shared: &Shared, question: &[u8]) -> Result<u32, host::HostError> {
    // Only a policy with a limiter asks.
    let Some(limiter) = &shared.policy.limiter else { return Err(host::HostError(u32::MAX)) };
    let number = host::grpc_call(&limiter.cluster, LIMITER, "ShouldRateLimit", question, limiter.timeout)?;
    Ok(asked(Protocol::Grpc, number))
}

/// What an operator must mend.
fn missing_hold(hold: Hold) -> &'static str {
    match hold {
        Hold::Body => {
            "eventguard: `hold: body` needs Envoy's buffer filter behind this one: the upstream was reached before the verdict"
        }
        Hold::Headers => {
            "eventguard: `hold: headers` needs `allow_on_headers_stop_iteration: true`: the body of a held call never came"
        }
    }
}

fn send(reply: &Reply) -> Result<(), host::HostError> {
    let headers: Vec<(&str, &str)> = reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    host::reply(reply.status, reply.code.as_str(), &headers, &reply.body, reply.grpc_status)
}

fn buffered(shared: &Shared) -> Buffered {
    // Envoy's buffer filter, behind us, keeps the call from the router until its body is whole. An upstream that was reached
    // by now says that nobody held it.
    let upstream_reached = shared.policy.hold == Hold::Body
        && host::property("upstream\0address").ok().flatten().is_some_and(|address| !address.is_empty());
    let bytes = host::request_body().ok().map(Option::unwrap_or_default);
    Buffered { bytes, upstream_reached }
}

fn text_property(path: &str) -> Option<String> {
    String::from_utf8(host::property(path).ok().flatten()?).ok().filter(|text| !text.is_empty())
}

fn peer() -> Peer {
    Peer::new(text_property("connection\0uri_san_peer_certificate"), Certificate::Ask(certificate))
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
