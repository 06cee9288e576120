//! A verdict into a record, records into batches for a log cluster. [`Record`] is what is told of one event, in two forms from the
//! same values; [`otlp`] is the form of the wire; [`Queue`] decides what is sent when, and what is dropped. Nothing here knows the
//! time or sends anything: whoever runs it says what time it is, and carries the batches.

mod drops;
mod field;
pub mod otlp;
mod queue;
mod record;
mod text;

pub use drops::{Counts, Drops};
pub use field::{FIELDS, Field, Value, json_key};
pub use queue::{Answer, Batch, Counters, Queue, Settings, WhenFull};
pub use record::{Circumstances, FILTER_STATE, Kind, Record};
pub use text::Text;
