//! What the proxy's statistics are told on each tick: what has changed in the queue, the chain and the cache since they were told last.

use super::host::{self, Level, MetricKind};
use super::metrics::names;
use super::shared::Shared;
use super::traces::Traces;
use crate::audit::SpanCounters;
use crate::time::Timestamp;

/// What of this instance's part was told already.
#[derive(Default)]
pub struct Reported {
    sent: u64,
    dropped: u64,
    chained: u64,
    signed: Option<Timestamp>,
    queued: i64,
    bytes: i64,
    cached: i64,
    open: i64,
    spans: SpanCounters,
}

impl Reported {
    /// Tells what has changed.
    pub fn tell(&mut self, shared: &Shared, draining: bool) {
        let (counters, gauges) = {
            let queue = shared.queue.borrow();
            (queue.counters(), queue.gauges())
        };
        shared.count(names::AUDIT_SENT, counters.sent - self.sent);
        shared.count(names::TABLE_FULL, shared.table.take_full());
        shared.tally.take().into_iter().for_each(|(name, by)| shared.count(name, by));
        shared.count(names::AUDIT_DROPPED, counters.dropped - self.dropped);
        shared.count(names::AUDIT_CHAINED, gauges.chained - self.chained);
        if let Some(signed) = gauges.signed.filter(|_| gauges.signed != self.signed) {
            // Not the sum over all workers, but what the last one says.
            let seconds = u64::try_from(signed.unix_seconds()).unwrap_or(0);
            shared.with_metric(MetricKind::Gauge, names::AUDIT_SIGNED, |id| host::record_metric(id, seconds));
        }
        let spans = shared.traces.as_ref().map(Traces::counters).unwrap_or_default();
        shared.count(names::SPANS_SENT, spans.sent - self.spans.sent);
        shared.count(names::SPANS_DROPPED, spans.dropped - self.spans.dropped);
        // What an instance remembers that is about to end is no longer of use.
        let cached = if draining { 0 } else { shared.tokens.borrow().len() };
        *self = Self {
            sent: counters.sent,
            dropped: counters.dropped,
            chained: gauges.chained,
            signed: gauges.signed,
            spans,
            queued: shared.move_gauge(names::AUDIT_QUEUED, self.queued, counters.queued),
            bytes: shared.move_gauge(names::AUDIT_QUEUE_BYTES, self.bytes, gauges.bytes),
            cached: shared.move_gauge(names::CACHE_ENTRIES, self.cached, cached),
            open: self.tell_circuit(shared, draining),
        };
    }

    /// Whether the log cluster takes nothing; an operator is told when that has changed.
    fn tell_circuit(&self, shared: &Shared, draining: bool) -> i64 {
        let is_open = shared.queue.borrow().is_circuit_open() && !draining;
        let open = shared.move_gauge(names::AUDIT_CIRCUIT_OPEN, self.open, usize::from(is_open));
        let cluster = shared.policy.audit.cluster.as_deref().unwrap_or_default();
        if open > self.open {
            let what = "takes no records: one batch after another tries, until one is taken";
            host::log(Level::Warn, &["eventguard: the log cluster `", cluster, "` ", what].concat());
        } else if open < self.open && !draining {
            host::log(Level::Info, &["eventguard: the log cluster `", cluster, "` takes records again"].concat());
        }
        open
    }
}

impl Shared {
    /// Moves a gauge, which is the sum over all workers, by what this one's part has changed.
    fn move_gauge(&self, name: &'static str, before: i64, now: usize) -> i64 {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        if now != before {
            self.with_metric(MetricKind::Gauge, name, |id| host::increment_metric(id, now - before));
        }
        now
    }
}
