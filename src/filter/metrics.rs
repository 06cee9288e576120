//! Names of what is counted, in the form that Istio's and this project's `stats_tags` read: `tag=.=value;.;` in front of the name
//! (HTTP filter statistics of Istio, `extraStatTags`). The number of names is bounded by the policy, never by callers.

use std::collections::HashMap;

use crate::decision::{JudgedEvent, Outcome, Verdict};

/// What is counted of one event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventCount {
    verdict: Verdict,
    code: &'static str,
    route: String,
    event_type: String,
}

impl EventCount {
    /// One count for each event of a call; one of type `none` where the call was refused before its events were read.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Vec<Self> {
        let route = tag_value(outcome.route.as_deref().unwrap_or("none"));
        let code = |refusal: Option<&crate::decision::Refusal>| refusal.map_or("none", |refusal| refusal.code().as_str());
        if outcome.events.is_empty() {
            let code = code(outcome.refusal.as_ref());
            return vec![Self { verdict: outcome.verdict, code, route, event_type: "none".to_owned() }];
        }
        let count = |event: &JudgedEvent| Self {
            verdict: event.verdict,
            code: code(event.refusal.as_ref()),
            route: route.clone(),
            // The rule's own pattern, so that callers cannot make names: types outside the policy are all one.
            event_type: tag_value(event.rule.as_deref().unwrap_or("other")),
        };
        outcome.events.iter().map(count).collect()
    }

    /// The name of the counter.
    #[must_use]
    pub fn name(&self) -> String {
        let Self { verdict, code, route, event_type } = self;
        let verdict = verdict.as_str();
        format!("verdict=.={verdict};.;code=.={code};.;route=.={route};.;type=.={event_type};.;eventguard_events_total")
    }
}

/// What is counted without tags.
pub mod names {
    /// Calls judged, by time spent in the filter, in microseconds.
    pub const TIME: &str = "eventguard_call_microseconds";
    /// Tokens that were verified before.
    pub const CACHE_HITS: &str = "eventguard_token_cache_hits_total";
    /// Tokens that had to be verified.
    pub const CACHE_MISSES: &str = "eventguard_token_cache_misses_total";
    /// Records that the log cluster took.
    pub const AUDIT_SENT: &str = "eventguard_audit_sent_total";
    /// Records that were lost.
    pub const AUDIT_DROPPED: &str = "eventguard_audit_dropped_total";
    /// Records that wait, over all workers.
    pub const AUDIT_QUEUED: &str = "eventguard_audit_queued";
}

/// Keeps the ids of metrics that were defined, since every definition makes a new one.
#[derive(Debug, Default)]
pub struct Defined(HashMap<String, Option<u32>>);

impl Defined {
    /// The id of a metric; `define` is asked once for each name. `None` where the proxy did not define it.
    pub fn id(&mut self, name: &str, define: impl FnOnce() -> Option<u32>) -> Option<u32> {
        if let Some(id) = self.0.get(name) {
            return *id;
        }
        let id = define();
        self.0.insert(name.to_owned(), id);
        id
    }
}

/// A tag's value ends at `;.;`, and dots part names: neither may come out of a name of the policy.
fn tag_value(text: &str) -> String {
    text.replace([';', '='], "_")
}
