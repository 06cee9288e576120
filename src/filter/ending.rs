//! What a failed answer says of the events of its call: whether they may have been published all the same.

use crate::ledger::Ending;

/// What the proxy says of an answer that is an error.
#[derive(Debug, Clone, Copy, Default)]
pub struct Failure<'a> {
    /// Where the answer came from, in Envoy's words (`%RESPONSE_CODE_DETAILS%`).
    pub details: Option<&'a str>,
    /// Whether an upstream was chosen.
    pub upstream_chosen: bool,
    /// How often the call was sent, or was to be.
    pub attempts: u64,
}

/// What an answer of the upstream's own is called.
const UPSTREAM: &str = "via_upstream";

/// Reasons for which a call never left the proxy: there was no connection, or no room for one.
const NEVER_SENT: [&str; 4] = ["remote_connection_failure", "local_connection_failure", "connection_timeout", "overflow"];

impl Failure<'_> {
    /// Only an upstream that says so, or that was never sent the call, has not published it. After a timeout, which callers may choose
    /// themselves (`x-envoy-upstream-rq-timeout-ms`), or a connection that ended, nobody knows: the events count as published.
    #[must_use]
    pub fn ending(&self) -> Ending {
        let by_upstream = self.details == Some(UPSTREAM);
        let never_sent = !self.upstream_chosen || (self.attempts <= 1 && self.details.is_some_and(was_not_sent));
        if by_upstream || never_sent { Ending::Failed } else { Ending::Published }
    }
}

fn was_not_sent(details: &str) -> bool {
    let reason = details.strip_prefix("upstream_reset_before_response_started{");
    reason.is_some_and(|reason| NEVER_SENT.iter().any(|never| reason.starts_with(never)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_certainly_not_published_may_come_again() {
        let refused =
            "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}";
        let ended = "upstream_reset_before_response_started{connection_termination}";
        for (details, upstream_chosen, attempts, expected) in [
            (Some("via_upstream"), true, 1, Ending::Failed),
            (Some("via_upstream"), true, 3, Ending::Failed),
            (Some(refused), true, 1, Ending::Failed),
            (Some(refused), true, 2, Ending::Published),
            (Some("upstream_reset_before_response_started{overflow}"), true, 1, Ending::Failed),
            (Some(ended), true, 1, Ending::Published),
            (Some("upstream_reset_before_response_started{protocol_error}"), true, 1, Ending::Published),
            (Some("response_timeout"), true, 1, Ending::Published),
            (Some("upstream_per_try_timeout"), true, 1, Ending::Published),
            (Some("route_not_found"), false, 0, Ending::Failed),
            (Some("rbac_access_denied_matched_policy[none]"), false, 0, Ending::Failed),
            (None, false, 0, Ending::Failed),
            (None, true, 1, Ending::Published),
        ] {
            let failure = Failure { details, upstream_chosen, attempts };
            assert_eq!(failure.ending(), expected, "{failure:?}");
        }
    }
}
