//! Which calls become spans, where these go, and which events are told their trace: settings alone.

use std::num::NonZeroU32;

/// What becomes of the traces that calls are part of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceSettings {
    /// How spans are made of calls; `None` where they are not.
    pub spans: Option<SpanSettings>,
    /// Whether events are told the trace of their call.
    pub events: EventTraces,
}

/// Which calls become spans beside those whose caller has sampled its trace, and where spans go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanSettings {
    /// Envoy's name of the cluster of an OTLP/HTTP receiver.
    pub cluster: String,
    /// The path that spans are posted to.
    pub path: String,
    /// The authority that spans are posted to.
    pub authority: String,
    /// One of how many calls whose caller has a trace and has not sampled it; `None` for none of them.
    pub unsampled: Option<NonZeroU32>,
    /// One of how many calls that come without a trace; `None` for none of them.
    pub roots: Option<NonZeroU32>,
}

/// Whether events are told the trace of their call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EventTraces {
    /// They go on as they came.
    #[default]
    Keep,
    /// An event that carries its attributes in headers gets the call's `traceparent` as its own, where it has none and nobody has signed
    /// its attributes.
    Add,
}
