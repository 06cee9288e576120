//! What is said of a record beside its JSON: what a log cluster indexes without reading it. Every form takes from it what it has a place for.

use super::aftermath::Aftermath;
use super::note::Note;
use super::record::{Kind, Record};
use super::text::Text;
use super::trace::TraceContext;
use crate::time::Timestamp;

/// Attributes of a verdict, and the bytes of their texts as a rule: what is allocated at first.
const NAMES: usize = 9;
const TEXTS: usize = 192;

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// All is well.
    Info,
    /// An event was refused, or came to nothing.
    Warn,
    /// Records were lost.
    Error,
}

/// What is said of a record beside its JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The record's `metadata.event_code`.
    pub code: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// When it happened.
    pub time: Timestamp,
    /// The trace that the call is part of.
    pub(super) trace: Option<TraceContext>,
    /// Names, and where the text of each ends in `texts`: two allocations instead of one for each text.
    names: Vec<(&'static str, usize)>,
    texts: String,
}

impl Envelope {
    fn new(code: &'static str, severity: Severity, time: Timestamp, traceparent: Option<&str>) -> Self {
        let trace = traceparent.and_then(TraceContext::parse);
        Self { code, severity, time, trace, names: Vec::new(), texts: String::new() }
    }

    /// Of an event's verdict.
    #[must_use]
    pub fn of_record(record: &Record<'_>) -> Self {
        let severity = match record.kind() {
            Kind::Admitted => Severity::Info,
            Kind::Refused => Severity::Warn,
        };
        let mut envelope = Self::new("verdict", severity, record.time(), record.traceparent());
        (envelope.names, envelope.texts) = (Vec::with_capacity(NAMES), String::with_capacity(TEXTS));
        record.attributes(&mut |name, text: Text<'_>| {
            envelope.texts.push_str(text.as_str());
            envelope.names.push((name, envelope.texts.len()));
        });
        envelope
    }

    /// Of how a call ended.
    #[must_use]
    pub fn of_aftermath(aftermath: &Aftermath<'_>) -> Self {
        Self::new(aftermath.code(), Severity::Warn, aftermath.circumstances.now, aftermath.circumstances.traceparent)
    }

    /// Of what the stream tells of itself.
    #[must_use]
    pub fn of_note(note: &Note, now: Timestamp) -> Self {
        Self::new(note.code(), if note.is_loss() { Severity::Error } else { Severity::Info }, now, None)
    }

    /// Names of OpenTelemetry's semantic conventions, each with its text.
    pub fn attributes(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let mut start = 0;
        self.names.iter().map(move |(name, end)| {
            let text = self.texts.get(std::mem::replace(&mut start, *end)..*end);
            (*name, text.unwrap_or_default())
        })
    }

    /// Nanoseconds since 1970. No record is from before; a proxy whose clock says so says nothing.
    pub(super) fn nanos(&self) -> u64 {
        u64::try_from(self.time.unix_nanos()).unwrap_or(0)
    }

    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        self.texts.len() + self.names.len() * size_of::<(&str, usize)>()
    }
}
