//! What an operator sees of a configuration in the proxy's statistics, without a call: since when it is in force, what of it refuses
//! nothing, and that another was not taken.

use super::host::{self, MetricKind};
use super::metrics::{digest_name, names, plugin_name};
use super::shared::told;
use crate::policy::Policy;
use crate::rules::Mode;
use crate::time::Timestamp;

/// A policy is in force. Every worker says the same, so the values are set: a worker that was lost leaves none behind.
pub fn loaded(policy: &Policy, now: Timestamp) {
    let plugin = plugin();
    let observing = policy.rules.iter().filter(|rule| rule.mode == Some(Mode::Observe)).count();
    set(names::POLICY_LOADED, &plugin, u64::try_from(now.unix_seconds()).unwrap_or(0));
    set(names::POLICY_OBSERVE, &plugin, u64::from(policy.mode == Mode::Observe));
    set(names::RULES_OBSERVE, &plugin, u64::try_from(observing).unwrap_or(u64::MAX));
    if policy.audit.cluster.is_some() {
        set(names::AUDIT_QUEUE_LIMIT, &plugin, u64::try_from(policy.audit.queue.bytes).unwrap_or(u64::MAX));
    }
    count_instance(policy, 1);
}

/// An instance judges by a policy no longer.
pub fn left(policy: &Policy) {
    count_instance(policy, -1);
}

/// Workers do not change their policy at once, and calls that have begun keep theirs.
fn count_instance(policy: &Policy, by: i64) {
    let id = host::define_metric(MetricKind::Gauge, &digest_name(names::POLICY_INSTANCES, &plugin(), &policy.digest));
    told(names::POLICY_INSTANCES, Some(id.and_then(|id| host::increment_metric(id, by))));
}

/// Envoy's name of the plugin.
fn plugin() -> String {
    let name = host::property("plugin_name").ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&name).into_owned()
}

/// A policy was not taken: said once, by the instance on which the proxy tries it out.
pub fn refused() {
    let id = host::define_metric(MetricKind::Counter, names::POLICY_REFUSED);
    told(names::POLICY_REFUSED, Some(id.and_then(|id| host::increment_metric(id, 1))));
}

fn set(name: &str, plugin: &str, value: u64) {
    let id = host::define_metric(MetricKind::Gauge, &plugin_name(name, plugin));
    told(name, Some(id.and_then(|id| host::record_metric(id, value))));
}
