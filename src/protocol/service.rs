//! gRPC calls of a service that the policy describes, into events: each message of the call is an event, or holds one or a list of
//! them, as a CloudEvent or with its attributes in fields of its own. Names are resolved when the policy is compiled.

use std::borrow::Cow;

use crate::budget::Budget;

use super::attributes::Found;
use super::grpc::{self, Codec};
use super::{Data, Event, ProtocolError, cloudevents_proto, collect, malformed};
use crate::protobuf::{DescriptorError, Descriptors, Field, Kind, Label, Message, Numbers, Source, UnknownFields, Value};

/// How the messages of a service carry events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    descriptors: Descriptors,
    unknown: UnknownFields,
    message: usize,
    /// Where the events are; empty where the message is the event.
    event: Numbers,
    reading: Reading,
}

/// How a message is an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It is a `io.cloudevents.v1.CloudEvent`.
    CloudEvent,
    /// Its fields are the attributes.
    Fields(Box<Fields>),
}

/// Where an event has its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// Where the event type is.
    pub event_type: FieldPath,
    /// Where the id is.
    pub id: Option<FieldPath>,
    /// Where the source is.
    pub source: Option<FieldPath>,
    /// Where the time is.
    pub time: Option<FieldPath>,
    /// Where the subject is.
    pub subject: Option<FieldPath>,
    /// Where the topic is.
    pub topic: Option<FieldPath>,
    /// Where the data is; the whole event where nothing is said.
    pub data: Option<FieldPath>,
}

/// Where a field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath {
    start: Start,
    numbers: Numbers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Event,
    /// The message that the event is in.
    Message,
}

/// What a field is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A string, or an integer.
    Text,
    /// A string or a `google.protobuf.Timestamp`.
    Time,
    /// A string, bytes or a message.
    Data,
}

/// The messages of a service, and where in them the events are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    descriptors: Descriptors,
    message: usize,
    event: Numbers,
    event_message: usize,
}

const CLOUD_EVENT_BATCH: &str = "io.cloudevents.v1.CloudEventBatch";

impl Layout {
    /// Of messages of one type, in which `event` leads to the event or to a list of them; without it the message is the event.
    ///
    /// # Errors
    ///
    /// [`DescriptorError`] where `event` does not lead to a message.
    pub fn new(descriptors: Descriptors, message: usize, event: Option<&str>) -> Result<Self, DescriptorError> {
        let (mut numbers, mut event_message) = (Vec::new(), message);
        if let Some(path) = event {
            let (found, field) = descriptors.field(message, path)?;
            let (Kind::Message(inner), Label::Singular | Label::Repeated) = (field.kind, field.label) else {
                return Err(wrong(field, "a message or a list of messages"));
            };
            (numbers, event_message) = (found, inner);
        }
        Ok(Self { descriptors, message, event: numbers, event_message })
    }

    /// The path to a field: from the event, or with a dot in front from the message that the event is in.
    ///
    /// # Errors
    ///
    /// [`DescriptorError`] where it leads nowhere, or to something else than is wanted.
    pub fn path(&self, path: &str, wanted: Wanted) -> Result<FieldPath, DescriptorError> {
        let (start, message, path) = match path.strip_prefix('.') {
            Some(path) => (Start::Message, self.message, path),
            None => (Start::Event, self.event_message, path),
        };
        let (numbers, field) = self.descriptors.field(message, path)?;
        let fits = field.label == Label::Singular
            && match (wanted, field.kind) {
                (Wanted::Text | Wanted::Time | Wanted::Data, Kind::String) | (Wanted::Data, Kind::Bytes | Kind::Message(_)) => {
                    true
                }
                (Wanted::Time, Kind::Message(inner)) => self.descriptors.name(inner) == "google.protobuf.Timestamp",
                (Wanted::Text, kind) => kind.is_integer(),
                (Wanted::Time | Wanted::Data, _) => false,
            };
        let expected = match wanted {
            Wanted::Text => "a string or an integer that is there once",
            Wanted::Time => "a string or a `google.protobuf.Timestamp` that is there once",
            Wanted::Data => "a string, bytes or a message that is there once",
        };
        if fits { Ok(FieldPath { start, numbers }) } else { Err(wrong(field, expected)) }
    }

    /// The service, where its events are CloudEvents or batches of them.
    ///
    /// # Errors
    ///
    /// [`DescriptorError::Wrong`] where they are not.
    pub fn cloud_events(mut self, unknown: UnknownFields) -> Result<Service, DescriptorError> {
        let name = self.descriptors.name(self.event_message);
        if name == CLOUD_EVENT_BATCH {
            let (events, _) = self.descriptors.field(self.event_message, "events")?;
            self.event.extend(events);
        } else if name != Service::CLOUD_EVENT {
            let expected = "a `io.cloudevents.v1.CloudEvent` or a `CloudEventBatch`";
            return Err(DescriptorError::Wrong { field: name.to_owned(), expected });
        }
        Ok(self.service(Reading::CloudEvent, unknown))
    }

    /// The service, where its events have their attributes in fields.
    #[must_use]
    pub fn fields(self, fields: Fields, unknown: UnknownFields) -> Service {
        self.service(Reading::Fields(Box::new(fields)), unknown)
    }

    fn service(self, reading: Reading, unknown: UnknownFields) -> Service {
        let Self { descriptors, message, event, .. } = self;
        Service { descriptors, unknown, message, event, reading }
    }
}

fn wrong(field: &Field, expected: &'static str) -> DescriptorError {
    DescriptorError::Wrong { field: field.name.clone().into_owned(), expected }
}

impl Service {
    /// What the message of a call is where nothing else is said of CloudEvents.
    pub const CLOUD_EVENT: &str = "io.cloudevents.v1.CloudEvent";

    /// How a message is an event.
    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Whether its events can name their topic themselves.
    pub(super) fn names_topics(&self) -> bool {
        matches!(&self.reading, Reading::Fields(fields) if fields.topic.is_some())
    }

    /// The events of one message of a call.
    pub(super) fn events<'a>(
        &self,
        codec: Codec,
        message: &'a [u8],
        topic: Option<&'a str>,
        budget: &Budget,
    ) -> Result<Vec<Event<'a>>, ProtocolError> {
        let message = grpc::decode(codec, message, self.descriptors.schema(self.unknown), self.message, &self.event, budget)?;
        let Some((last, parents)) = self.event.split_last() else {
            return Ok(vec![self.event(&message, &message, topic, budget)?]);
        };
        let parent = inside(&message, parents).ok_or_else(|| malformed("a call without an event"))?;
        collect(parent.messages(*last).map(|event| self.event(&message, event, topic, budget)), budget)
    }

    fn event<'a>(
        &self,
        message: &Message<'a>,
        event: &Message<'a>,
        topic: Option<&'a str>,
        budget: &Budget,
    ) -> Result<Event<'a>, ProtocolError> {
        match &self.reading {
            Reading::CloudEvent => cloudevents_proto::event(event, topic, budget),
            Reading::Fields(fields) => fields.event(message, event, topic),
        }
    }
}

impl Fields {
    fn event<'a>(&self, message: &Message<'a>, event: &Message<'a>, topic: Option<&'a str>) -> Result<Event<'a>, ProtocolError> {
        let value = |path: Option<&FieldPath>| path.and_then(|path| path.value(message, event));
        // Empty is as absent: without `optional` both are the same on the wire.
        let text = |path| value(path).and_then(Value::text).filter(|text| !text.is_empty());
        let found = Found {
            event_type: text(Some(&self.event_type)),
            id: text(self.id.as_ref()),
            source: text(self.source.as_ref()),
            time: match value(self.time.as_ref()) {
                Some(Value::Message(time)) => Some(time.time_text()?),
                _ => text(self.time.as_ref()),
            },
            subject: text(self.subject.as_ref()),
            topic: text(self.topic.as_ref()).or(topic.map(Cow::Borrowed)),
        };
        found.event(match &self.data {
            None => data_of_message(event),
            Some(path) => value(Some(path)).map_or(Data::Absent, data_of_value),
        })
    }
}

impl FieldPath {
    fn value<'m, 'a>(&self, message: &'m Message<'a>, event: &'m Message<'a>) -> Option<&'m Value<'a>> {
        let start = match self.start {
            Start::Event => event,
            Start::Message => message,
        };
        let (last, parents) = self.numbers.split_last()?;
        inside(start, parents)?.get(*last)
    }
}

fn data_of_message<'a>(message: &Message<'a>) -> Data<'a> {
    match message.source() {
        Source::Wire(bytes) => Data::Binary(Cow::Borrowed(bytes)),
        Source::Json(text) => Data::Json(Cow::Borrowed(text)),
    }
}

fn data_of_value<'a>(value: &Value<'a>) -> Data<'a> {
    match value {
        Value::Text(text) => Data::Text(text.clone()),
        Value::Bytes(bytes) => Data::Binary(bytes.clone()),
        Value::Message(message) => data_of_message(message),
        Value::Bool(_) | Value::Signed(_) | Value::Unsigned(_) | Value::Fraction => Data::Absent,
    }
}

/// The message that the numbers lead to.
fn inside<'m, 'a>(message: &'m Message<'a>, numbers: &[u32]) -> Option<&'m Message<'a>> {
    numbers.iter().try_fold(message, |message, number| message.messages(*number).next())
}
