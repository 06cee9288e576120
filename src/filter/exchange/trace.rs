//! The trace of a call into its event, where the policy asks for it: CloudEvents' extension attribute `traceparent` (Distributed Tracing
//! extension). The event was judged as it came; what is added is for whoever reads it later.

use super::Exchange;
use crate::audit::is_traceparent;
use crate::filter::step::Command;
use crate::inspect::Opened;
use crate::policy::EventTraces;
use crate::protocol::Form;
use crate::signature::may_cover_attributes;
use crate::time::Timestamp;

/// The attribute in binary mode (CloudEvents HTTP binding section 3.1.3). In the other modes it would be in the body, which is not written anew.
const EXTENSION: &str = "ce-traceparent";

impl Exchange {
    /// When the call's head came, for what is decided first: a stream's later messages have their own time.
    #[must_use]
    pub fn take_arrival(&self) -> Option<Timestamp> {
        self.arrived.take()
    }

    /// Gives the event the call's `traceparent`, where it has none of its own, not even a broken one, and nobody may have signed its
    /// attributes: a signature would not cover this one, and whoever verifies it behind us would refuse the event.
    pub(super) fn add_trace(&self, opened: &Opened) -> Option<Command> {
        let is_wanted = self.policy.traces.events == EventTraces::Add && opened.form() == Form::Binary;
        let head = opened.head();
        if !is_wanted || head.values(EXTENSION).next().is_some() || may_cover_attributes(&self.policy.signatures, head) {
            return None;
        }
        let traceparent = self.caller.traceparent.as_deref().filter(|text| is_traceparent(text))?;
        Some(Command::Set(EXTENSION, traceparent.to_owned()))
    }
}
