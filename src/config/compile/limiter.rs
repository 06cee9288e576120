//! The limiter: who remembers for all proxies, and what it cannot remember.

use std::time::Duration;

use super::{Place, Problem, Problems, optional, raw, required_text, span, text};
use crate::policy::{LimiterSettings, Messages, OnUnavailable, Route};
use crate::rules::memory::{RateRule, Scope};
use crate::rules::{Rule, Rules};

const DOMAIN: &str = "eventguard";
const TIMEOUT: Duration = Duration::from_millis(200);

const NO_LIMITER: &str = "something has `scope: cluster`, and there is no `limiter`";
const STREAM: &str =
    "the messages of a stream do not wait for the limiter: nothing can have `scope: cluster` beside such a route";

/// The limiter; `None` where it is wrong.
pub(super) fn limiter(
    raw: Option<raw::Limiter>,
    rules: &Rules,
    rates: &[RateRule],
    routes: &[(usize, Route)],
    root: &Place,
    problems: &mut Problems,
) -> Option<Option<LimiterSettings>> {
    check(raw.is_some(), rules, rates, routes, root, problems);
    optional(raw.map(|raw| settings(raw, &root.key("limiter"), problems)))
}

fn settings(raw: raw::Limiter, place: &Place, problems: &mut Problems) -> Option<LimiterSettings> {
    let raw::Limiter { cluster, domain, timeout, on_unavailable } = raw;
    let cluster = required_text(cluster, place, "cluster", problems);
    let domain = text(domain.or_else(|| Some(DOMAIN.to_owned())), &place.key("domain"), problems);
    let timeout = span(timeout, TIMEOUT, &place.key("timeout"), problems);
    let on_unavailable = match on_unavailable {
        None | Some(raw::OnUnavailable::Refuse) => OnUnavailable::Refuse,
        Some(raw::OnUnavailable::Proxy) => OnUnavailable::Proxy,
    };
    Some(LimiterSettings { cluster: cluster?, domain: domain?, timeout: timeout?, on_unavailable })
}

/// Whether what has `scope: cluster` has a limiter, and no streams.
fn check(is_there: bool, rules: &Rules, rates: &[RateRule], routes: &[(usize, Route)], root: &Place, problems: &mut Problems) {
    if !rules.iter().any(asks) && !rates.iter().any(|rate| rate.at_limiter.is_some()) {
        return;
    }
    if !is_there {
        problems.add(&root.key("limiter"), Problem::Contradiction(NO_LIMITER));
    }
    for (index, _) in routes.iter().filter(|(_, route)| route.messages == Messages::Many) {
        problems.add(&root.key("routes").index(*index), Problem::Contradiction(STREAM));
    }
}

fn asks(rule: &Rule) -> bool {
    let replay = rule.replay.as_ref().is_some_and(|replay| replay.scope == Scope::Cluster);
    replay || rule.rates.iter().any(|rate| rate.at_limiter.is_some())
}
