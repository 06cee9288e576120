//! A verdict into a record, records into batches for a log cluster. [`Record`] is what is told of one event, as one line of
//! canonical JSON; a chain binds each to the one before it; [`form`] is what log clusters speak; [`Queue`] decides what is sent when, and what
//! is dropped. [`Spans`] are the same of traces, which are no evidence. Nothing here knows the time or sends anything: whoever runs it says what time it is, and carries the batches.

mod aftermath;
mod chain;
mod circuit;
mod claim;
mod clock;
mod drops;
mod envelope;
mod flight;
pub mod form;
mod json;
mod lanes;
mod note;
mod progress;
mod queue;
mod record;
mod sampling;
mod settings;
mod span;
mod spans;
mod state;
mod text;
mod trace;
mod trail;
pub mod verify;

pub use aftermath::Aftermath;
pub use claim::{Awaited, Claim, Settled};
pub use drops::Counts;
pub use envelope::{Envelope, Severity};
pub use note::{Gap, Note};
pub use queue::Queue;
pub use record::{Circumstances, Kind, Record, Uid, Written};
pub use sampling::Sampling;
pub use settings::{Answer, Batch, Checkpoint, Counters, Ends, Gauges, Integrity, Settings, WhenFull};
pub use span::Span;
pub use spans::{SpanCounters, Spans};
pub use state::FILTER_STATE;
pub use text::Text;
pub use trace::is_traceparent;
