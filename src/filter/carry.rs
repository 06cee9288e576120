//! What a step of a call commands into calls of the host.

use super::exchange::Exchange;
use super::host::{self, Level};
use super::metrics::{Stage, names};
use super::reply::Reply;
use super::shared::{Ongoing, Shared};
use super::step::{Command, Flow, Step};
use super::watch::Watch;
use crate::decision::Refusal;
use crate::policy::Hold;
use proxy_wasm::types::Action;

/// Does what a step commands. A call that cannot be changed does not go on.
pub fn carry_out(shared: &Shared, call: &Ongoing, step: Step, watch: &Watch) -> Action {
    if let Some(error) = step.commands.iter().find_map(|command| change(command).err()) {
        host::log(Level::Error, &format!("eventguard: {error} to a change of the call; it is refused"));
        let refusal = call.exchange.borrow_mut().head_is_gone(step.outcomes, shared.means(watch.began()));
        return carry_out(shared, call, refusal, watch);
    }
    for outcome in &step.outcomes {
        if let Some(Refusal::HoldMissing) = outcome.refusal {
            host::log(Level::Error, missing_hold(shared.policy.hold));
        }
    }
    shared.tell(&step, &call.exchange.borrow(), watch);
    if step.limiter_failed {
        shared.count(names::LIMITER_FAILED, 1);
    }
    if let Some(next) = step.commands.iter().find_map(|command| ask(shared, call, command, watch)) {
        return carry_out(shared, call, next, watch);
    }
    let told = |reply| (reply, rates_told(shared, &call.exchange.borrow()));
    if let Some(Err(error)) = step.commands.iter().find_map(Command::reply).map(told).map(send) {
        host::log(Level::Error, &format!("eventguard: {error} to an answer; the call does not go on"));
    }
    action(step.flow)
}

/// What the proxy does with a part of the call.
pub const fn action(flow: Flow) -> Action {
    match flow {
        Flow::Continue => Action::Continue,
        Flow::Pause => Action::Pause,
    }
}

/// The same for a call that was paused: outside of its own callbacks the proxy has to be told that it goes on.
pub fn carry_out_later(shared: &Shared, call: &Ongoing, step: Step, watch: &Watch) {
    if carry_out(shared, call, step, watch) == Action::Continue
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
        Command::Reply(_) | Command::Ask(_) | Command::Record => Ok(()),
    }
}

/// Asks somebody else, where the command is to do so: the next step, where that is known at once.
fn ask(shared: &Shared, call: &Ongoing, command: &Command, watch: &Watch) -> Option<Step> {
    match command {
        Command::Ask(question) => match ask_limiter(shared, question) {
            Ok(token) => {
                call.exchange.borrow_mut().asked_as(token);
                None
            }
            Err(error) => {
                host::log(Level::Error, &format!("eventguard: {error} to a question to the limiter"));
                Some(call.exchange.borrow_mut().answered_by_limiter(None, shared.means(watch.began())))
            }
        },
        Command::Record => {
            let result = shared.secure(call, watch.began());
            // Where there is no room for it, the record of the refusal that follows is the call's.
            if !matches!(result, Some(Err(_))) {
                watch.enter(Stage::Record);
            }
            watch.lap(shared);
            let result = result?;
            Some(call.exchange.borrow_mut().recorded(result, shared.means(watch.began())))
        }
        Command::Remove(_) | Command::Set(..) | Command::Body(_) | Command::Reply(_) => None,
    }
}

/// Envoy's rate limit protocol.
const LIMITER: &str = "envoy.service.ratelimit.v3.RateLimitService";

fn ask_limiter(shared: &Shared, question: &[u8]) -> Result<u32, host::HostError> {
    // Only a policy with a limiter asks.
    let Some(limiter) = &shared.policy.limiter else { return Err(host::HostError(u32::MAX)) };
    host::grpc_call(&limiter.cluster, LIMITER, "ShouldRateLimit", question, limiter.timeout)
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

/// What the caller is told of the rates that its call has spent of.
pub fn rates_told(shared: &Shared, exchange: &Exchange) -> Vec<(&'static str, String)> {
    let quotas = exchange.quotas();
    if quotas.is_empty() { Vec::new() } else { quotas.headers(&shared.table, &shared.policy.memory, host::now()) }
}

fn send((reply, rates): (&Reply, Vec<(&'static str, String)>)) -> Result<(), host::HostError> {
    let headers: Vec<(&str, &str)> = reply.headers.iter().chain(&rates).map(|(name, value)| (*name, value.as_str())).collect();
    host::reply(reply.status, reply.code.as_str(), &headers, &reply.body, reply.grpc_status)
}
