//! What the log cluster speaks, and what goes with every batch: settings alone.

use std::fmt;

/// What a log cluster speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    CloudEvents,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// As gzip, where the proxy offers to compress.
    Gzip,
}

/// A header that goes with every batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name, in lower case.
    pub name: String,
    /// Its value.
    pub value: HeaderValue,
}

/// The value of a header, which may be a secret: its `Debug` shows a length only.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderValue(String);

impl Sink {
    /// The sink that a policy calls so.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "otlp" => Self::Otlp,
            "otlp-grpc" => Self::OtlpGrpc,
            "loki" => Self::Loki,
            "elasticsearch" => Self::Elasticsearch,
            "ndjson" => Self::Ndjson,
            "cloudevents" => Self::CloudEvents,
            _ => return None,
        })
    }

    /// The path that batches are posted to, where the policy does not say it.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Otlp => "/v1/logs",
            Self::OtlpGrpc => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            Self::Loki => "/loki/api/v1/push",
            Self::Elasticsearch => "/_bulk",
            Self::Ndjson | Self::CloudEvents => "/",
        }
    }
}

impl HeaderValue {
    /// Takes what may be the value of a header (RFC 9110 section 5.5): visible characters of ASCII, and blanks between them.
    #[must_use]
    pub fn new(value: String) -> Option<Self> {
        let is_fit = value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t');
        (is_fit && !value.is_empty() && value.trim_ascii() == value).then_some(Self(value))
    }

    /// The value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderValue({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_line_and_is_not_shown() {
        let value = HeaderValue::new("Bearer secret".to_owned()).unwrap();
        assert_eq!((value.as_str(), format!("{value:?}").as_str()), ("Bearer secret", "HeaderValue(13 bytes)"));
        for text in ["", " a", "a ", "a\r\nx: b", "a\n", "a\0", "é", "\u{7f}"] {
            assert_eq!(HeaderValue::new(text.to_owned()), None, "{text:?}");
        }
    }
}
