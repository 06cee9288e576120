//! Names of what is counted, in the form that Istio's and this project's `stats_tags` read: `tag=.=value;.;` in front of the name
//! (HTTP filter statistics of Istio, `extraStatTags`). The number of names is bounded by the policy, never by callers.

use std::collections::HashMap;
use std::hash::BuildHasher;

use crate::decision::{Difference, Outcome, Refusal, Verdict};

/// What is counted of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventCount<'o> {
    /// What became of it.
    pub counted: Counted,
    code: &'static str,
    route: &'o str,
    event_type: &'o str,
}

/// What became of an event, or what a shadow says would have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Every event.
    Event(Verdict),
    /// One of which the shadow says something else; `None` where it cannot tell.
    Shadow(Option<Verdict>),
}

impl Counted {
    /// The counter without its tags.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Event(_) => names::EVENTS,
            Self::Shadow(_) => names::SHADOW,
        }
    }

    fn verdict(self) -> &'static str {
        match self {
            Self::Event(verdict) | Self::Shadow(Some(verdict)) => verdict.as_str(),
            Self::Shadow(None) => Difference::UNDECIDED,
        }
    }
}

impl<'o> EventCount<'o> {
    /// One count for each event of a call, as its record has it; one of type `none` where the call was refused before its events were read.
    /// Another one where the shadow differs, with the code that it adds or takes away.
    pub fn of(outcome: &'o Outcome, mut count: impl FnMut(Self)) {
        let route = outcome.route.as_deref().unwrap_or("none");
        let code = |refusal: Option<&Refusal>| refusal.map_or("none", |refusal| refusal.code().as_str());
        let mut both = |event, refusal: Option<&'o Refusal>, shadow: Option<&'o Difference>, event_type| {
            let counted = Counted::Event(outcome.verdict_of(event));
            count(Self { counted, code: code(outcome.reason_of(event)), route, event_type });
            if let Some(shadow) = shadow {
                let refusal = shadow.refusal.as_ref().or(refusal);
                count(Self { counted: Counted::Shadow(shadow.verdict), code: code(refusal), route, event_type });
            }
        };
        if outcome.events.is_empty() {
            both(None, outcome.refusal.as_ref(), outcome.shadow.as_deref(), "none");
        }
        for event in &outcome.events {
            // The rule's own pattern, so that callers cannot make names: types outside the policy are all one.
            let event_type = event.rule.as_deref().unwrap_or("other");
            both(Some(event), event.refusal.as_ref(), event.shadow.as_deref(), event_type);
        }
    }

    /// The name of the counter.
    #[must_use]
    pub fn name(&self) -> String {
        let Self { counted, code, .. } = self;
        let (verdict, name) = (counted.verdict(), counted.name());
        let (route, event_type) = (tag_value(self.route), tag_value(self.event_type));
        format!("verdict=.={verdict};.;code=.={code};.;route=.={route};.;type=.={event_type};.;{name}")
    }
}

/// The names of metrics, as Prometheus shows them.
pub mod names {
    /// Events judged.
    pub const EVENTS: &str = "eventguard_events_total";
    /// Events that were admitted.
    pub const ADMITTED: &str = "eventguard_admitted_total";
    /// Events that would have been refused.
    pub const OBSERVED: &str = "eventguard_observed_total";
    /// Events that were refused.
    pub const REFUSED: &str = "eventguard_refused_total";
    /// Events of which the shadow says something else.
    pub const SHADOW: &str = "eventguard_shadow_differences_total";
    /// Calls judged, by time spent in the filter, in microseconds.
    pub const TIME: &str = "eventguard_call_microseconds";
    /// The parts of judging a call, by the time that each took, in microseconds.
    pub const STAGES: &str = "eventguard_stage_microseconds";
    /// Tokens that were verified before.
    pub const CACHE_HITS: &str = "eventguard_token_cache_hits_total";
    /// Tokens that had to be verified.
    pub const CACHE_MISSES: &str = "eventguard_token_cache_misses_total";
    /// Calls for which the limiter did not say all that it was asked.
    pub const LIMITER_FAILED: &str = "eventguard_limiter_failed_total";
    /// Events for which the table of what is remembered had no room.
    pub const TABLE_FULL: &str = "eventguard_table_full_total";
    /// Tokens that are remembered, over all workers.
    pub const CACHE_ENTRIES: &str = "eventguard_token_cache_entries";
    /// Records that the log cluster took.
    pub const AUDIT_SENT: &str = "eventguard_audit_sent_total";
    /// Records that were lost.
    pub const AUDIT_DROPPED: &str = "eventguard_audit_dropped_total";
    /// Records that wait, over all workers.
    pub const AUDIT_QUEUED: &str = "eventguard_audit_queued";
    /// Workers that count the log cluster as away.
    pub const AUDIT_CIRCUIT_OPEN: &str = "eventguard_audit_circuit_open";
    /// Bytes of the records that wait, over all workers.
    pub const AUDIT_QUEUE_BYTES: &str = "eventguard_audit_queue_bytes";
    /// Bytes of records that may wait in a worker.
    pub const AUDIT_QUEUE_LIMIT: &str = "eventguard_audit_queue_limit_bytes";
    /// Records that were given their place in a chain.
    pub const AUDIT_CHAINED: &str = "eventguard_audit_chained_total";
    /// When a chain was signed last.
    pub const AUDIT_SIGNED: &str = "eventguard_audit_signed_timestamp_seconds";
    /// Spans that were taken.
    pub const SPANS_SENT: &str = "eventguard_spans_sent_total";
    /// Spans that were lost.
    pub const SPANS_DROPPED: &str = "eventguard_spans_dropped_total";
    /// Policies that were not taken.
    pub const POLICY_REFUSED: &str = "eventguard_policy_refused_total";
    /// When the policy was loaded.
    pub const POLICY_LOADED: &str = "eventguard_policy_loaded_timestamp_seconds";
    /// Whether the policy refuses nothing.
    pub const POLICY_OBSERVE: &str = "eventguard_policy_observe";
    /// Rules that refuse nothing.
    pub const RULES_OBSERVE: &str = "eventguard_rules_observe";
    /// Instances of the filter that judge by a policy.
    pub const POLICY_INSTANCES: &str = "eventguard_policy_instances";

    /// Counters without tags. They are there from the start: what first appears with its first count has no increase.
    pub const COUNTERS: [&str; 13] = [
        ADMITTED,
        OBSERVED,
        REFUSED,
        CACHE_HITS,
        CACHE_MISSES,
        LIMITER_FAILED,
        TABLE_FULL,
        AUDIT_SENT,
        AUDIT_DROPPED,
        AUDIT_CHAINED,
        SPANS_SENT,
        SPANS_DROPPED,
        POLICY_REFUSED,
    ];
}

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// A part of judging a call whose time is told by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its route and its token.
    Head,
    /// Its events, their signatures and the rules.
    Body,
    /// Its record.
    Record,
}

impl Stage {
    /// The name of its histogram.
    #[must_use]
    pub fn name(self) -> String {
        let stage = match self {
            Self::Head => "head",
            Self::Body => "body",
            Self::Record => "record",
        };
        ["stage=.=", stage, ";.;", names::STAGES].concat()
    }
}

/// What is told of a metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// By what it is told apart.
    pub labels: &'static [&'static str],
    /// What it says, for the README.
    pub says: &'static str,
}

/// Every metric there is: the README's table, and what dashboards and alert rules may name.
pub const METRICS: &[Metric] = {
    use Kind::{Counter, Gauge, Histogram};
    const fn metric(name: &'static str, kind: Kind, labels: &'static [&'static str], says: &'static str) -> Metric {
        Metric { name, kind, labels, says }
    }
    &[
        metric(
            names::EVENTS,
            Counter,
            &["verdict", "code", "route", "type"],
            "events judged, as their records have them: one that does not go on since its call is refused counts as refused; `type` is the rule's, `other` outside the policy, `none` for a call whose events were not read",
        ),
        metric(names::ADMITTED, Counter, &[], "events admitted, whatever the labels that `eventguard_events_total` has"),
        metric(names::OBSERVED, Counter, &[], "events that went on in observe mode and would have been refused"),
        metric(names::REFUSED, Counter, &[], "events refused, and calls whose events were not read"),
        metric(
            names::SHADOW,
            Counter,
            &["verdict", "code", "route", "type"],
            "events of which the `shadow` says something else: its verdict (`undecided` where it cannot tell), and the code that it adds or takes away",
        ),
        metric(names::TIME, Histogram, &[], "time that a call spent in the filter"),
        metric(
            names::STAGES,
            Histogram,
            &["stage"],
            "time that a part of judging took: `head` (route and token), `body` (events, signatures and rules), `record`",
        ),
        metric(names::CACHE_HITS, Counter, &[], "tokens that were verified before"),
        metric(names::CACHE_MISSES, Counter, &[], "tokens that had to be verified"),
        metric(names::CACHE_ENTRIES, Gauge, &[], "tokens that are remembered, over all workers"),
        metric(names::LIMITER_FAILED, Counter, &[], "calls for which the limiter did not say all that it was asked"),
        metric(names::TABLE_FULL, Counter, &[], "events for which the table of what is remembered had no room"),
        metric(names::AUDIT_SENT, Counter, &[], "records that the log cluster took"),
        metric(names::AUDIT_DROPPED, Counter, &[], "records that were lost"),
        metric(names::AUDIT_QUEUED, Gauge, &[], "records that wait, over all workers"),
        metric(
            names::AUDIT_CIRCUIT_OPEN,
            Gauge,
            &[],
            "workers for which the log cluster takes no records: only one batch after another tries",
        ),
        metric(names::AUDIT_QUEUE_BYTES, Gauge, &[], "bytes of the records that wait, over all workers"),
        metric(names::AUDIT_QUEUE_LIMIT, Gauge, &["plugin"], "bytes of records that may wait in each worker"),
        metric(
            names::AUDIT_CHAINED,
            Counter,
            &[],
            "records that were given their place in a chain, among them what the stream tells of itself",
        ),
        metric(names::AUDIT_SIGNED, Gauge, &[], "when a chain was signed last (Unix time), with `checkpoint`"),
        metric(names::SPANS_SENT, Counter, &[], "spans that the cluster of `traces` took"),
        metric(names::SPANS_DROPPED, Counter, &[], "spans that were lost"),
        metric(names::POLICY_REFUSED, Counter, &[], "policies that were not taken: the one before stays in force"),
        metric(names::POLICY_LOADED, Gauge, &["plugin"], "when the policy was loaded (Unix time)"),
        metric(names::POLICY_OBSERVE, Gauge, &["plugin"], "1 where the whole policy has `mode: observe`"),
        metric(names::RULES_OBSERVE, Gauge, &["plugin"], "rules with `mode: observe`"),
        metric(
            names::POLICY_INSTANCES,
            Gauge,
            &["plugin", "digest"],
            "instances that judge by the policy of this digest: one in each worker, and one in the main thread",
        ),
        metric("eventguard_key_set_fetches_total", Counter, &["set", "result"], "fetches of a set, by what came of them"),
        metric("eventguard_key_set_age_seconds", Gauge, &["set"], "how long ago a set was fetched"),
        metric("eventguard_key_set_used", Gauge, &["set"], "keys, or names, of a set that are in use: 0 where it is not held"),
    ]
};

/// The name of what is told of a policy, by Envoy's name of the plugin that it configures.
#[must_use]
pub fn plugin_name(name: &str, plugin: &str) -> String {
    ["plugin=.=", &tag_value(plugin), ";.;", name].concat()
}

/// The name of what is told of one version of a policy.
#[must_use]
pub fn digest_name(name: &str, plugin: &str, digest: &str) -> String {
    ["digest=.=", digest, ";.;", &plugin_name(name, plugin)].concat()
}

/// The name of what is counted of a key set; its own name is the policy's.
#[must_use]
pub fn key_set_name(what: &str, set: &str, result: Option<&str>) -> String {
    let result = result.map(|result| ["result=.=", result, ";.;"].concat()).unwrap_or_default();
    ["set=.=", &tag_value(set), ";.;", &result, "eventguard_key_set_", what].concat()
}

/// The id of a metric; `None` where the proxy did not define it.
type Id = Option<u32>;

/// Keeps the ids of metrics that were defined, since every definition makes a new one.
#[derive(Debug, Default)]
pub struct Defined {
    /// By the hash of what makes the name: found without putting a name together for each event. The hash is keyed and has 64 bits, so
    /// that two names would have to be among billions to meet.
    ids: HashMap<u64, Id>,
    /// Those of the head, of the body and of the record: `None` while they are not defined.
    stages: [Option<Id>; 3],
}

impl Defined {
    /// The id of a metric by its name; `define` is asked once for each.
    pub fn id(&mut self, name: &str, define: impl FnOnce(&str) -> Id) -> Id {
        let hash = self.ids.hasher().hash_one(name);
        *self.ids.entry(hash).or_insert_with(|| define(name))
    }

    /// The id of a stage's histogram; `define` is asked once for each. Every call asks three times.
    pub fn stage_id(&mut self, stage: Stage, define: impl FnOnce(&str) -> Id) -> Id {
        let [head, body, record] = &mut self.stages;
        let id = match stage {
            Stage::Head => head,
            Stage::Body => body,
            Stage::Record => record,
        };
        *id.get_or_insert_with(|| define(&stage.name()))
    }

    /// The id of an event's counter; `define` is asked once for each.
    pub fn event_id(&mut self, count: &EventCount<'_>, define: impl FnOnce(&str) -> Id) -> Id {
        let hash = self.ids.hasher().hash_one(count);
        *self.ids.entry(hash).or_insert_with(|| define(&count.name()))
    }
}

/// A tag's value ends at `;.;`, and dots part names: neither may come out of a name of the policy.
fn tag_value(text: &str) -> String {
    text.replace([';', '='], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_told_of_and_every_counter_without_labels_is_there_from_the_start() {
        let (source, _) = include_str!("metrics.rs").split_once("#[cfg(test)]").unwrap();
        let named = source.split('"').filter(|text| text.starts_with("eventguard_"));
        for name in named {
            let told = METRICS.iter().any(|metric| metric.name.starts_with(name));
            assert!(told, "`{name}` needs a row in METRICS, which the README and the dashboard are held to");
        }
        let plain = METRICS.iter().filter(|metric| metric.kind == Kind::Counter && metric.labels.is_empty());
        assert_eq!(plain.map(|metric| metric.name).collect::<Vec<_>>(), names::COUNTERS);
        assert_eq!(plugin_name(names::POLICY_OBSERVE, "a;b"), "plugin=.=a_b;.;eventguard_policy_observe");
    }

    #[test]
    fn a_counter_is_defined_once_and_tags_cannot_be_broken_out_of() {
        let count =
            EventCount { counted: Counted::Event(Verdict::Admit), code: "none", route: "a;.;b=c", event_type: "com.shop.*" };
        let mut names = Vec::new();
        let mut defined = Defined::default();
        for _ in 0..2 {
            let mut define = |name: &str| {
                names.push(name.to_owned());
                Some(7)
            };
            assert_eq!(defined.event_id(&count, &mut define), Some(7));
            assert_eq!(defined.id(names::TIME, &mut define), Some(7));
        }
        let name = "verdict=.=admit;.;code=.=none;.;route=.=a_._b_c;.;type=.=com.shop.*;.;eventguard_events_total";
        assert_eq!(names, [name, names::TIME]);
        let other = |_: &str| Some(8);
        assert_eq!(defined.event_id(&EventCount { event_type: "other", ..count }, other), Some(8));
        assert_eq!(defined.event_id(&EventCount { route: "b", ..count }, other), Some(8));
        assert_eq!(defined.event_id(&EventCount { counted: Counted::Event(Verdict::Observe), ..count }, other), Some(8));
        let shadow = EventCount { counted: Counted::Shadow(Some(Verdict::Admit)), ..count };
        assert_eq!(defined.event_id(&shadow, other), Some(8));
        assert!(shadow.name().ends_with(";.;eventguard_shadow_differences_total"), "{}", shadow.name());
    }

    #[test]
    fn each_stage_has_its_own_histogram() {
        let mut defined = Defined::default();
        let mut names = Vec::new();
        for stage in [Stage::Head, Stage::Body, Stage::Record, Stage::Head] {
            let id = u32::try_from(names.len()).unwrap();
            let id = defined.stage_id(stage, |name| {
                names.push(name.to_owned());
                Some(id)
            });
            assert_eq!(id.map(|id| names[usize::try_from(id).unwrap()].clone()), Some(stage.name()));
        }
        assert_eq!(names.len(), 3);
        assert_eq!(names[1], "stage=.=body;.;eventguard_stage_microseconds");
    }
}
