//! The end of a call in the proxy, when its answer is known: whether there is something to record that was not known before.

use super::exchange::Exchange;
use super::host;
use super::reply::Caller;
use super::shared::Shared;
use crate::audit::{Aftermath, Circumstances};
use crate::call::Head;
use crate::policy::Outcomes;
use crate::time::Timestamp;

impl Shared {
    /// Has it recorded that the upstream did not take what was admitted, or that another filter refused the call before this one saw it.
    pub fn ended(&self, exchange: &Exchange) {
        self.unclaim(exchange);
        let audit = &self.policy.audit;
        if audit.cluster.is_none() || audit.outcomes == Outcomes::None {
            return;
        }
        match (exchange.is_new(), exchange.admitted()) {
            (true, _) => self.record_aftermath(&unjudged(), None),
            (false, Some(admitted)) if exchange.went_on() => self.record_aftermath(exchange.caller(), Some(admitted)),
            (false, _) => {}
        }
    }

    fn record_aftermath(&self, caller: &Caller, admitted: Option<(u64, u64)>) {
        let number = |path| host::property(path).ok().flatten().and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
        let status = number("response\0code").and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
        let grpc_status = if caller.is_grpc() { number("response\0grpc_status") } else { None };
        if Aftermath::is_success(status, grpc_status) {
            return;
        }
        let now = host::now();
        let details = host::property("response\0code_details").ok().flatten().and_then(|details| String::from_utf8(details).ok());
        let circumstances = of_caller(caller, &self.policy.digest, now);
        let aftermath = Aftermath { circumstances, admitted, status, grpc_status, details: details.as_deref() };
        self.queue.borrow_mut().push_aftermath(&aftermath, now);
    }
}

/// What a record tells of the call beside its outcome.
pub fn circumstances<'a>(exchange: &'a Exchange, policy: &'a str, now: Timestamp) -> Circumstances<'a> {
    Circumstances { untrue: exchange.untrue(), ..of_caller(exchange.caller(), policy, now) }
}

fn of_caller<'a>(caller: &'a Caller, policy: &'a str, now: Timestamp) -> Circumstances<'a> {
    Circumstances {
        authority: &caller.authority,
        request_id: caller.request_id.as_deref(),
        traceparent: caller.traceparent.as_deref(),
        policy,
        now,
        untrue: None,
    }
}

/// The caller of a call that nobody has shown us: its headers are there still.
fn unjudged() -> Caller {
    let head = host::request_headers().ok().and_then(|map| Head::from_map(map).ok());
    head.as_ref().map(Caller::of).unwrap_or_default()
}
