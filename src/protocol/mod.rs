//! A call into events. Each protocol has its file, and `event` says what comes out. Trusts nothing of the call; knows nothing of
//! publishers, rules or the proxy. What comes out was read once, strictly: nobody behind us should read it differently.

mod attributes;
mod batch;
mod binding;
mod cloudevents;
mod cloudevents_proto;
mod content;
pub mod dapr;
mod event;
pub mod grpc;
pub mod json;
mod kafka_rest;
mod media;
pub mod pubsub;
pub mod service;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::budget::Budget;
use crate::call::{Head, shown};
use crate::json::{JsonError, Value, repeated};
use crate::protobuf::{MessageError, Problem};

pub use content::{content, declared, readable};
pub use event::{Coding, Data, Declared, Event, EventTime, Extension};
pub use grpc::Codec;
use service::{Reading, Service};

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
    PubSub(pubsub::Attributes),
    /// Dapr's publish calls, HTTP and gRPC.
    Dapr(dapr::Components),
    /// gRPC calls of a service that the policy describes.
    Grpc(Box<Service>),
}

impl Protocol {
    /// The policy's word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::CloudEvents => "cloudevents",
            Self::Json(_) => "json",
            Self::KafkaRest => "kafka-rest",
            Self::PubSub(_) => "pubsub",
            Self::Dapr(_) => "dapr",
            Self::Grpc(service) => match service.reading() {
                Reading::CloudEvent => "cloudevents",
                Reading::Fields(_) => "grpc",
            },
        }
    }

    /// Whether its events can name their topic themselves, whatever the route says.
    #[must_use]
    pub fn names_topics(&self) -> bool {
        match self {
            Self::PubSub(_) | Self::Dapr(_) => true,
            Self::Grpc(service) => service.names_topics(),
            Self::CloudEvents | Self::Json(_) | Self::KafkaRest => false,
        }
    }

    /// Whether a header of this name (lower case) is read where a call is read as one of this protocol.
    #[must_use]
    pub fn reads(&self, name: &[u8]) -> bool {
        match name {
            b"content-type" | b"content-length" | b"content-encoding" => true,
            b"grpc-encoding" => !matches!(self, Self::Json(_) | Self::KafkaRest),
            _ => matches!(self, Self::CloudEvents | Self::Dapr(_)) && cloudevents::is_attribute(name),
        }
    }

    /// How the body is to be read, from the headers alone.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::ContentType`] where the content type, or its charset, is not one of this protocol;
    /// [`ProtocolError::Header`] where it cannot be read.
    pub fn form(&self, head: &Head) -> Result<Form, ProtocolError> {
        match self {
            Self::CloudEvents => cloudevents::form(head),
            Self::Json(_) => json::form(head),
            Self::KafkaRest => kafka_rest::form(head),
            Self::PubSub(_) => pubsub::form(head),
            Self::Dapr(_) => dapr::form(head),
            Self::Grpc(_) => grpc::form(head),
        }
    }

    /// The events of a call, at least one. `form` is what [`Protocol::form`] said of this head, `content` the body as [`content()`]
    /// gave it, `topic` what the route says.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] where one of the events, or what is around them, is not of the protocol's form: all of a call is
    /// refused or none.
    pub fn events<'a>(
        &self,
        form: Form,
        head: &'a Head,
        content: &'a [u8],
        topic: Option<&'a str>,
        budget: &Budget,
    ) -> Result<Vec<Event<'a>>, ProtocolError> {
        match (self, form) {
            (Self::CloudEvents, Form::Binary) => cloudevents::binary(head, content, topic, budget),
            (Self::CloudEvents, Form::Structured) => cloudevents::structured(head, content, topic, budget),
            (Self::CloudEvents, Form::Batch) => cloudevents::batch(head, content, topic, budget),
            (Self::CloudEvents, Form::StructuredProtobuf) => cloudevents::structured_protobuf(head, content, topic, budget),
            (Self::CloudEvents, Form::BatchProtobuf) => cloudevents::batch_protobuf(head, content, topic, budget),
            (Self::Json(envelope), Form::Json) => envelope.events(content, topic, budget),
            (Self::KafkaRest, Form::KafkaV2Json) => kafka_rest::v2_json(content, topic, budget),
            (Self::KafkaRest, Form::KafkaV2Binary) => kafka_rest::v2_binary(content, topic, budget),
            (Self::KafkaRest, Form::KafkaV3) => kafka_rest::v3(content, topic, budget),
            (Self::PubSub(attributes), Form::PubSubRest) => pubsub::rest(attributes, content, topic, budget),
            (Self::Dapr(components), Form::DaprPublish) => dapr::publish(components, head, content, budget),
            (Self::Dapr(components), Form::DaprBulk) => dapr::bulk(components, head, content, budget),
            (_, Form::Grpc(codec)) => match grpc::message(head, content, budget)? {
                Cow::Borrowed(message) => self.message_events(codec, head, message, topic, budget),
                Cow::Owned(message) => {
                    let events = self.message_events(codec, head, &message, topic, budget)?;
                    Ok(events.into_iter().map(Event::into_owned).collect())
                }
            },
            (Self::CloudEvents | Self::Json(_) | Self::KafkaRest | Self::PubSub(_) | Self::Dapr(_) | Self::Grpc(_), _) => {
                Err(malformed("a body of another protocol"))
            }
        }
    }

    /// The events of one message of a gRPC call, at least one: of a stream, message by message, or of a unary call. `codec` is what
    /// [`Protocol::form`] said.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] as [`Protocol::events`].
    pub fn message_events<'a>(
        &self,
        codec: Codec,
        head: &'a Head,
        message: &'a [u8],
        topic: Option<&'a str>,
        budget: &Budget,
    ) -> Result<Vec<Event<'a>>, ProtocolError> {
        match self {
            Self::CloudEvents => cloudevents::grpc(codec, head, message, topic, budget),
            Self::PubSub(attributes) => pubsub::grpc(attributes, codec, message, budget),
            Self::Dapr(components) => dapr::grpc(components, codec, head, message, budget),
            Self::Grpc(service) => service.events(codec, message, topic, budget),
            Self::Json(_) | Self::KafkaRest => Err(malformed("a message of another protocol")),
        }
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
    /// CloudEvents structured mode in the Protobuf format.
    StructuredProtobuf,
    /// CloudEvents batched mode in the Protobuf format.
    BatchProtobuf,
    /// One JSON document.
    Json,
    /// Kafka REST v2, records as JSON (`application/vnd.kafka.json.v2+json`).
    KafkaV2Json,
    /// Kafka REST v2, records as base64 (`application/vnd.kafka.binary.v2+json`).
    KafkaV2Binary,
    /// Kafka REST v3, one record or a stream of them (`application/json`).
    KafkaV3,
    /// Pub/Sub over HTTP JSON.
    PubSubRest,
    /// Dapr over HTTP, one event of any content type.
    DaprPublish,
    /// Dapr over HTTP, a JSON array of events.
    DaprBulk,
    /// Messages of gRPC, in frames.
    Grpc(Codec),
}

impl Form {
    /// The names of the query parameters that set attributes of the call's events.
    #[must_use]
    pub fn attribute_parameters(self, head: &Head) -> Vec<Cow<'_, str>> {
        if self.is_dapr() { dapr::attribute_parameters(head) } else { Vec::new() }
    }

    /// Whether the events are made behind us, of data and a content type.
    #[must_use]
    pub fn is_wrapped(self, head: &Head) -> bool {
        self == Self::DaprPublish && dapr::is_wrapped(head)
    }

    fn is_dapr(self) -> bool {
        matches!(self, Self::DaprPublish | Self::DaprBulk)
    }
}

/// Why a call could not be read as events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A header could not be read.
    #[error(transparent)]
    Header(#[from] crate::call::HeaderError),
    /// What the headers say of the body is not true, or says nothing.
    #[error("{0}")]
    Broken(String),
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

impl From<MessageError> for ProtocolError {
    fn from(error: MessageError) -> Self {
        match error.problem {
            Problem::TooMany { limit } => Self::TooMany { limit },
            Problem::Malformed(problem) => Self::Malformed(problem),
        }
    }
}

impl From<JsonError> for ProtocolError {
    fn from(error: JsonError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// A text without its first bytes, whole characters.
fn without_start(text: Cow<'_, str>, start: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(start..).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(start..).unwrap_or_default().to_owned()),
    }
}

fn malformed(message: impl Into<String>) -> ProtocolError {
    ProtocolError::Malformed(message.into())
}

/// Collects events, as many as a call may have, at least one. One event more is read, and no further.
fn collect<'a>(
    mut events: impl Iterator<Item = Result<Event<'a>, ProtocolError>>,
    budget: &Budget,
) -> Result<Vec<Event<'a>>, ProtocolError> {
    collect_from(&mut events, budget)
}

/// Compiled once, whatever the events come from.
fn collect_from<'a>(
    events: &mut dyn Iterator<Item = Result<Event<'a>, ProtocolError>>,
    budget: &Budget,
) -> Result<Vec<Event<'a>>, ProtocolError> {
    let mut all = Vec::new();
    for event in events {
        if all.len() == budget.events {
            return Err(ProtocolError::TooMany { limit: budget.events });
        }
        all.push(event?);
    }
    if all.is_empty() { Err(malformed("a call without an event")) } else { Ok(all) }
}

/// The members of those names; any other one is refused, since who knows what it would do.
fn members<'d, 'a, const N: usize>(
    value: Value<'d, 'a>,
    what: &str,
    names: [&str; N],
) -> Result<[Option<Value<'d, 'a>>; N], ProtocolError> {
    let members = value.members().ok_or_else(|| malformed(format!("{what} is not a JSON object")))?;
    let mut found = [None; N];
    for (name, value) in members {
        match names.iter().zip(&mut found).find(|(known, _)| **known == name) {
            Some((_, slot)) => *slot = Some(value),
            None => return Err(malformed(format!("{what} has an unknown member `{}`", shown(&name)))),
        }
    }
    Ok(found)
}
