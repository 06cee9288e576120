//! What becomes of traces, as it is written.

use serde::Deserialize;

/// What becomes of the traces that calls are part of (W3C Trace Context).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Traces {
    /// Envoy's name of the cluster that spans go to, over OTLP/HTTP; without this key there are none. A call whose caller has sampled its
    /// trace becomes a span.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub cluster: Option<String>,
    /// The path that spans are posted to: `/v1/traces`.
    pub path: Option<String>,
    /// The authority that spans are posted to: the cluster's name.
    pub authority: Option<String>,
    /// One of how many of the other calls becomes a span too; without this key none whose caller has a trace, and every root.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub sample: Option<u32>,
    /// Whether a call that comes without a trace begins one: false.
    pub roots: Option<bool>,
    /// Whether a CloudEvent in binary mode without a `traceparent` gets its call's: false.
    pub add_to_events: Option<bool>,
}
