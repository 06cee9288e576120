//! What an event is, whatever carried it: a struct of texts that are borrowed from the call where they stand in it as they are.

use std::borrow::Cow;

use super::media::MediaType;
use super::{ProtocolError, malformed, shown};
use crate::time::Timestamp;

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
    /// What the call says of the data's schema besides.
    pub declared: Declared<'a>,
    /// What the event carries.
    pub data: Data<'a>,
}

/// What a call says of the schema of an event's data, beside the event's attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declared<'a> {
    /// Nothing.
    Nothing,
    /// The type URL of the `google.protobuf.Any` that the data stands in.
    Message(Cow<'a, str>),
}

impl Declared<'_> {
    fn into_owned(self) -> Declared<'static> {
        match self {
            Self::Nothing => Declared::Nothing,
            Self::Message(url) => Declared::Message(owned(url)),
        }
    }
}

/// How data is written, as the event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As JSON.
    Json,
    /// As a message of Protocol Buffers.
    Protobuf,
    /// In Avro's binary encoding.
    Avro,
    /// Nothing is said.
    Unsaid,
    /// In another way.
    Other,
}

impl Event<'_> {
    /// How the data is written, as the event says.
    #[must_use]
    pub fn coding(&self) -> Coding {
        match (&self.data, &self.declared, self.data_content_type.as_deref()) {
            (Data::Json(_), _, _) | (Data::Text(_), _, None) => Coding::Json,
            (_, Declared::Message(_), _) => Coding::Protobuf,
            (_, Declared::Nothing, Some(text)) => {
                MediaType::parse(text).filter(|media| media.is_utf8()).map_or(Coding::Other, MediaType::coding)
            }
            (_, Declared::Nothing, None) => Coding::Unsaid,
        }
    }

    /// The context attribute or extension of that name, as a CloudEvent has it in its canonical string encoding.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        match name {
            "specversion" => self.spec_version.as_deref(),
            "id" => self.id.as_deref(),
            "source" => self.source.as_deref(),
            "type" => Some(&self.event_type),
            "subject" => self.subject.as_deref(),
            "time" => self.time.as_ref().map(|time| time.text.as_ref()),
            "datacontenttype" => self.data_content_type.as_deref(),
            "dataschema" => self.data_schema.as_deref(),
            _ => self.extensions.iter().find(|extension| extension.name == name).map(|extension| extension.value.as_ref()),
        }
    }

    /// The same event, of its own text.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        Event {
            event_type: owned(self.event_type),
            id: self.id.map(owned),
            source: self.source.map(owned),
            time: self.time.map(|time| EventTime { text: owned(time.text), at: time.at }),
            subject: self.subject.map(owned),
            topic: self.topic.map(owned),
            data_content_type: self.data_content_type.map(owned),
            data_schema: self.data_schema.map(owned),
            spec_version: self.spec_version.map(owned),
            extensions: self.extensions.into_iter().map(Extension::into_owned).collect(),
            declared: self.declared.into_owned(),
            data: self.data.into_owned(),
        }
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
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

impl Extension<'_> {
    fn into_owned(self) -> Extension<'static> {
        Extension { name: owned(self.name), value: owned(self.value) }
    }
}

/// What an event carries. The bytes are those that the producer wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data<'a> {
    /// No data.
    Absent,
    /// A JSON value that stands inside the call's JSON: its text, byte for byte.
    Json(Cow<'a, str>),
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

    fn into_owned(self) -> Data<'static> {
        match self {
            Self::Absent => Data::Absent,
            Self::Json(text) => Data::Json(owned(text)),
            Self::Text(text) => Data::Text(owned(text)),
            Self::Binary(bytes) => Data::Binary(Cow::Owned(bytes.into_owned())),
        }
    }
}

impl EventTime<'_> {
    /// Reads a time of RFC 3339.
    pub(super) fn read(text: Cow<'_, str>) -> Result<EventTime<'_>, ProtocolError> {
        match Timestamp::parse(&text) {
            Ok(at) => Ok(EventTime { text, at }),
            Err(error) => Err(malformed(format!("the time `{}` is {error}", shown(&text)))),
        }
    }
}
