//! A verdict into a record, records into batches for a log cluster. [`Record`] is what is told of one event, as one line of
//! canonical JSON; a chain binds each to the one before it; [`otlp`] is the form of the wire; [`Queue`] decides what is sent when, and what
//! is dropped. Nothing here knows the time or sends anything: whoever runs it says what time it is, and carries the batches.

mod aftermath;
mod chain;
mod circuit;
mod claim;
mod drops;
mod json;
mod lanes;
mod note;
pub mod otlp;
mod queue;
mod record;
mod settings;
mod state;
mod text;
mod trace;
mod trail;
pub mod verify;

pub use aftermath::Aftermath;
pub use claim::{Awaited, Claim, Settled};
pub use drops::Counts;
pub use note::{Gap, Note};
pub use queue::Queue;
pub use record::{Circumstances, Kind, Record, Uid, Written};
pub use settings::{Answer, Batch, Checkpoint, Counters, Integrity, Settings, WhenFull};
pub use state::FILTER_STATE;
pub use text::Text;
