//! A call into events. Each protocol has its file; this one says what an event is. Trusts nothing of the call; knows nothing of
//! publishers, rules or the proxy. What comes out was read once, strictly: nobody behind us should read it differently.

use std::borrow::Cow;

use crate::time::Timestamp;

/// How a call carries events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// CloudEvents over HTTP: binary, structured, batched.
    CloudEvents,
    /// One JSON document that is one event, its attributes where pointers say.
    Json(json::Envelope),
    /// Kafka REST, v2 and v3.
    KafkaRest,
    /// Google Pub/Sub, gRPC and REST.
    PubSub,
}

/// One event of a call, as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// What happened, e.g. `com.shop.order.ItemShipped`: what rules are found by.
    pub event_type: Cow<'a, str>,
    /// The producer's id of this event; CloudEvents demands one.
    pub id: Option<Cow<'a, str>>,
    /// The producer's name for where it happened; CloudEvents demands one.
    pub source: Option<Cow<'a, str>>,
    /// When it happened, as written and as read.
    pub time: Option<EventTime<'a>>,
    /// What it is about, within the source.
    pub subject: Option<Cow<'a, str>>,
    /// Where it is published to: from the event itself, else from the route.
    pub topic: Option<Cow<'a, str>>,
    /// The media type of the data.
    pub data_content_type: Option<Cow<'a, str>>,
    /// The schema that the data is said to keep.
    pub data_schema: Option<Cow<'a, str>>,
    /// `1.0` for a CloudEvent, `None` for other events.
    pub spec_version: Option<Cow<'a, str>>,
    /// CloudEvents extension attributes, in their order; names are unique, in lower case.
    pub extensions: Vec<Extension<'a>>,
    /// What the event carries.
    pub data: Data<'a>,
}

/// The time of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTime<'a> {
    /// As the producer wrote it.
    pub text: Cow<'a, str>,
    /// What that says.
    pub at: Timestamp,
}

/// One extension attribute of a CloudEvent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The name: lower-case letters and digits.
    pub name: Cow<'a, str>,
    /// The canonical string encoding of the value (CloudEvents section "Type System").
    pub value: Cow<'a, str>,
}

/// What an event carries. The bytes are those that the producer wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data<'a> {
    /// No data.
    Absent,
    /// A JSON value that stands inside the call's JSON: its text, byte for byte.
    Json(&'a str),
    /// A string inside the call's JSON that is itself the data: the string, unescaped.
    Text(Cow<'a, str>),
    /// Bytes: a body, or decoded base64.
    Binary(Cow<'a, [u8]>),
}

impl Data<'_> {
    /// The bytes that digests are made of; empty where there is no data.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Absent => &[],
            Self::Json(text) => text.as_bytes(),
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

pub mod json {
    //! placeholder
    use crate::json::Pointer;
    /// Where a JSON document keeps the attributes of the event that it is.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Envelope {
        /// Where the event type is.
        pub event_type: Pointer,
        /// Where the id is.
        pub id: Option<Pointer>,
        /// Where the source is.
        pub source: Option<Pointer>,
        /// Where the time is.
        pub time: Option<Pointer>,
        /// Where the subject is.
        pub subject: Option<Pointer>,
        /// Where the data is; the whole document where nothing is said.
        pub data: Option<Pointer>,
    }
}

/// What the head of a call says of its body: which binding of the protocol this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// CloudEvents binary mode: attributes in `ce-` headers, the body is the data.
    Binary,
    /// CloudEvents structured mode: the body is one event.
    Structured,
    /// CloudEvents batched mode: the body is an array of events.
    Batch,
    /// One JSON document.
    Json,
    /// Kafka REST v2, records as JSON (`application/vnd.kafka.json.v2+json`).
    KafkaV2Json,
    /// Kafka REST v2, records as base64 (`application/vnd.kafka.binary.v2+json`).
    KafkaV2Binary,
    /// Kafka REST v3, one record or a stream of them (`application/json`).
    KafkaV3,
    /// Pub/Sub over gRPC.
    PubSubGrpc,
    /// Pub/Sub over HTTP JSON.
    PubSubRest,
}

/// Why a call could not be read as events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A header could not be read.
    #[error(transparent)]
    Header(#[from] crate::call::HeaderError),
    /// The content type, or its charset, is not one of this protocol.
    #[error("the content type `{found}` is not one of this protocol")]
    ContentType {
        /// What the call says, cut.
        found: String,
    },
    /// The content is encoded in a way that is not read here.
    #[error("the encoding `{found}` is not read here: identity and gzip are")]
    Encoding {
        /// What the call says, cut.
        found: String,
    },
    /// The body is longer than allowed, as sent or decompressed.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// The bound in bytes.
        limit: usize,
    },
    /// More events than allowed.
    #[error("more than {limit} events")]
    TooMany {
        /// The bound.
        limit: usize,
    },
    /// The events are not of the protocol's form.
    #[error("{0}")]
    Malformed(String),
    /// A required attribute is absent.
    #[error("the attribute `{0}` is absent")]
    MissingAttribute(&'static str),
    /// A header says something else than the body.
    #[error("the header `{0}` contradicts the body")]
    HeaderMismatch(String),
}
