//! What was decided of a call into its records: as filter state, and on their way to the log cluster, which a call may have to wait for.

use std::time::Duration;

use super::aftermath::circumstances;
use super::carry::carry_out_later;
use super::exchange::Exchange;
use super::host::{self, Level};
use super::shared::{Ongoing, Shared};
use super::watch::Watch;
use crate::audit::{Queue, Record, Settled, Written};
use crate::decision::{Outcome, Unrecorded, Verdict};
use crate::policy::Delivery;
use crate::time::Timestamp;

/// How soon the tick comes that a call waits for: records leave from the root context, and what comes meanwhile leaves with them.
const HURRY: Duration = Duration::from_millis(1);

/// Records that are kept, each with its number.
type Kept<'r, 'o> = Vec<(&'r Record<'o>, (u64, Written))>;

impl Shared {
    /// Sets the records of what was decided as filter state, and has them sent.
    pub fn record(&self, outcome: &Outcome, exchange: &Exchange, now: Timestamp) {
        let records = Record::of_call(outcome, &circumstances(exchange, &self.policy.digest, now));
        let mut queue = self.queue.borrow_mut();
        for (record, written) in self.written(&records, &mut queue) {
            if record.verdict() != Verdict::Refuse {
                exchange.record_admitted(written.0);
            }
            queue.push(record, written, now);
        }
        self.hurry_full_batch(&queue);
    }

    /// The same for a call that goes on only with them; `None` where it has to wait until they are delivered.
    pub fn secure(&self, call: &Ongoing, now: Timestamp) -> Option<Result<(), Unrecorded>> {
        let waits = self.policy.audit.delivery == Delivery::BeforeForward;
        let exchange = call.exchange.borrow();
        let mut queue = self.queue.borrow_mut();
        if waits && let Err(reason) = queue.check_circuit(now) {
            return Some(Err(reason));
        }
        let records =
            exchange.unrecorded().map(|outcome| Record::of_call(outcome, &circumstances(&exchange, &self.policy.digest, now)));
        let records = records.unwrap_or_default();
        let kept = self.written(&records, &mut queue);
        if kept.is_empty() {
            return Some(Ok(()));
        }
        let admitted = kept.iter().filter(|(record, _)| record.verdict() != Verdict::Refuse);
        let admitted: Vec<u64> = admitted.map(|(_, (number, _))| *number).collect();
        let claim = match queue.secure(kept, now) {
            Ok(claim) => claim,
            Err(reason) => return Some(Err(reason)),
        };
        admitted.into_iter().for_each(|number| exchange.record_admitted(number));
        exchange.claims(claim);
        if !waits {
            self.hurry_full_batch(&queue);
            return Some(Ok(()));
        }
        self.unrecorded.borrow_mut().add(claim, call.clone());
        if queue.is_free() {
            self.hurry();
        }
        None
    }

    fn hurry_full_batch(&self, queue: &Queue) {
        if queue.is_batch_full() {
            self.hurry();
        }
    }

    /// Has the tick come soon.
    fn hurry(&self) {
        if !self.hurried.replace(true) && host::set_tick_period(HURRY).is_err() {
            host::log(Level::Warn, "eventguard: records wait for the next tick: it cannot be had sooner");
        }
    }

    /// Writes the records that are kept, and sets them as filter state. Those that nobody is to be sent are none.
    fn written<'r, 'o>(&self, records: &'r [Record<'o>], queue: &mut Queue) -> Kept<'r, 'o> {
        let kept = records.iter().filter(|record| record.is_kept(host::random));
        let written: Kept<'r, 'o> = kept.map(|record| (record, queue.write(record))).collect();
        if written.is_empty() {
            return written;
        }
        let states: Vec<_> = written.iter().map(|(record, (_, written))| (record.is_to_blame(), written)).collect();
        if let Err(error) = host::set_filter_state("eventguard", Record::filter_state(&states).as_bytes()) {
            host::log(Level::Warn, &format!("eventguard: the record could not be set as filter state: {error}"));
        }
        if self.policy.audit.cluster.is_some() { written } else { Vec::new() }
    }

    /// Calls that have waited for their records go on, or not. It acts for other contexts: nothing may follow it in a callback.
    pub fn release(&self, settled: Settled, now: Timestamp) {
        let due = self.unrecorded.borrow_mut().settle(settled, &mut self.queue.borrow_mut(), now);
        for (call, result) in due {
            if host::set_effective_context(call.id).is_ok() {
                let step = call.exchange.borrow_mut().recorded(result, self.means(now));
                carry_out_later(self, &call, step, &Watch::at(now));
            }
        }
    }

    /// The records of a call that has ended need no room any more, and nobody waits for them.
    pub fn unclaim(&self, exchange: &Exchange) {
        if let Some(claim) = exchange.take_claim() {
            self.unrecorded.borrow_mut().remove(&claim);
            self.queue.borrow_mut().release();
        }
    }
}
