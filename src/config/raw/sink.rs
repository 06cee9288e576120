//! What a log cluster speaks, as it is written.

use serde::Deserialize;

/// What a log cluster speaks.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Sink {
    /// OTLP over HTTP, log records as protobuf.
    Otlp,
    /// OTLP over gRPC.
    OtlpGrpc,
    /// Loki's push interface.
    Loki,
    /// The bulk interface of Elasticsearch or OpenSearch.
    Elasticsearch,
    /// Lines of JSON over HTTP.
    Ndjson,
    /// Batches of CloudEvents over HTTP.
    #[serde(rename = "cloudevents")]
    CloudEvents,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Compression {
    /// Not at all.
    None,
    /// As gzip, where the proxy offers to compress.
    Gzip,
}
