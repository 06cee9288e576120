//! What a log cluster speaks: linked records into the body of one request, and what it answers into what became of them. In each form a
//! record is the very JSON that its chain binds, so that the chain can be verified wherever it went.

mod ndjson;
pub mod otlp;
mod response;
mod wire;

use super::envelope::Envelope;
use super::settings::Answer;
use crate::time::Timestamp;
use otlp::Sender;
pub use response::Response;

/// What a log cluster speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// OTLP over HTTP, protobuf.
    Otlp,
    /// A line of JSON for each record, over HTTP.
    Ndjson,
}

/// A record with its place in the chain, as it goes.
#[derive(Debug)]
pub(super) struct Linked {
    /// What is said of it beside the JSON.
    pub envelope: Envelope,
    /// The JSON.
    pub json: String,
}

impl Form {
    /// The content type of a request.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Otlp => otlp::CONTENT_TYPE,
            Self::Ndjson => ndjson::CONTENT_TYPE,
        }
    }

    /// Bytes of an answer that are worth reading.
    #[must_use]
    pub const fn longest_answer(self) -> usize {
        match self {
            Self::Otlp => 4 << 10,
            Self::Ndjson => 0,
        }
    }

    /// The body of a request with these records.
    pub(super) fn body(self, sender: &Sender, records: &[Linked]) -> Vec<u8> {
        match self {
            Self::Otlp => sender.request(records),
            Self::Ndjson => ndjson::body(records),
        }
    }

    /// What became of a batch. The answer is another's, and may be cut or make no sense.
    pub(super) fn read(self, response: &Response<'_>, now: Timestamp) -> Answer {
        match self {
            Self::Otlp => otlp::read(response, now),
            Self::Ndjson => response.read(now),
        }
    }
}
