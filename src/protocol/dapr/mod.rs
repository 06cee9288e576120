//! Dapr's publish calls, over HTTP and gRPC, one event or many (Dapr API reference, "Pub/sub"), into events. Dapr hands a structured
//! CloudEvent on and wraps everything else in a CloudEvent of its own, whose attributes the call's metadata may set; what Dapr's
//! versions, or readers behind it, would take for different events is refused. Knows nothing of Dapr's components.

mod metadata;

use std::borrow::Cow;

use crate::budget::Budget;
use crate::call::Head;
use crate::json::{self, Document, Kind};

use super::attributes::check_text;
use super::cloudevents::{base64_text, event, event_of_bytes, refuse_attributes};
use super::grpc::{self, Codec};
use super::media::{MediaType, unsupported};
use super::{Data, Event, Form, ProtocolError, collect, malformed, members, repeated, shown};
use crate::protobuf::{Message, known};
use metadata::Metadata;

/// Which of Dapr's components calls may go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Components {
    /// Any: topics of the same name are taken for the same.
    Any,
    /// The pub/sub components of these names.
    Named(Vec<String>),
}

/// What Dapr calls an event that it wraps itself and whose type nobody set.
const WRAPPED: &str = "com.dapr.event.sent";

/// `dapr.proto.runtime.v1.PublishEventRequest` and `BulkPublishRequest`
const PUBSUB: u32 = 1;
const TOPIC: u32 = 2;
const DATA: u32 = 3;
const DATA_CONTENT_TYPE: u32 = 4;
const METADATA: u32 = 5;
const ENTRIES: u32 = 3;
const BULK_METADATA: u32 = 4;
/// `BulkPublishRequestEntry`
const ENTRY_ID: u32 = 1;
const ENTRY_EVENT: u32 = 2;
const ENTRY_CONTENT_TYPE: u32 = 3;
const ENTRY_METADATA: u32 = 4;

/// One event or many; the path says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    One,
    Bulk,
}

/// gRPC by its content type. Over HTTP one event is of any content type, many are a JSON array.
pub(super) fn form(head: &Head) -> Result<Form, ProtocolError> {
    let media = MediaType::of(head)?;
    if let Some((media, _)) = media
        && let Some(codec) = grpc::codec(media)
    {
        method(head)?;
        return Ok(Form::Grpc(codec));
    }
    match (Target::of(head)?.call, media) {
        (Call::One, media) => content(media.map(|(_, text)| text)).map(|_| Form::DaprPublish),
        (Call::Bulk, Some((media, _))) if media.is_application("json") && media.is_utf8() => Ok(Form::DaprBulk),
        (Call::Bulk, media) => Err(unsupported(media.map_or("", |(_, text)| text))),
    }
}

/// What the head of an HTTP call says of all its events: the topic and the metadata.
fn addressed<'a>(components: &Components, head: &'a Head, budget: &Budget) -> Result<(&'a str, Metadata<'a>), ProtocolError> {
    refuse_attributes(head)?;
    let Target { pubsub, topic, query, .. } = Target::of(head)?;
    components.check(pubsub)?;
    Ok((topic, Metadata::of_query(query, budget)?))
}

/// The names of the parameters of an HTTP call that set attributes of its events.
pub(super) fn attribute_parameters(head: &Head) -> Vec<Cow<'_, str>> {
    metadata::attribute_parameters(head.path().split_once('?').map_or("", |(_, query)| query))
}

/// Whether the event of a call that publishes one is Dapr's, and not the publisher's.
pub(super) fn is_wrapped(head: &Head) -> bool {
    !matches!(head.text("content-type").map(content), Ok(Ok(Content::CloudEvent)))
}

/// The event of `POST /v1.0/publish/{pubsub}/{topic}`.
pub(super) fn publish<'a>(
    components: &Components,
    head: &'a Head,
    body: &'a [u8],
    budget: &Budget,
) -> Result<Vec<Event<'a>>, ProtocolError> {
    let (topic, metadata) = addressed(components, head, budget)?;
    let content = content(head.text("content-type")?)?;
    let event = match content {
        Content::CloudEvent => metadata.on_cloud_event(event_of_bytes(Cow::Borrowed(body), budget)?)?,
        Content::Other(content_type) => metadata.wrap(binary(Cow::Borrowed(body)), content_type.map(Cow::Borrowed))?,
    };
    Ok(vec![with_topic(event, Cow::Borrowed(topic))?])
}

/// The events of `POST /v1.0/publish/bulk/{pubsub}/{topic}`: `[{"entryId", "event", "contentType", "metadata"}...]`.
pub(super) fn bulk<'a>(
    components: &Components,
    head: &'a Head,
    body: &'a [u8],
    budget: &Budget,
) -> Result<Vec<Event<'a>>, ProtocolError> {
    let (topic, metadata) = addressed(components, head, budget)?;
    let document = Document::parse(body, budget.depth)?;
    let entries = || document.root().items().into_iter().flatten();
    let id = |entry: json::Value<'_, 'a>| entry.get("entryId").and_then(json::Value::as_str).unwrap_or_default();
    check_ids(&mut entries().map(id))?;
    let events = entries().map(|entry| {
        let [_, event, content_type, own] = members(entry, "an entry", ["entryId", "event", "contentType", "metadata"])?;
        let own = own.filter(|own| own.kind() != Kind::Null);
        let metadata = metadata.with_entry(own.map_or(Ok(Metadata::default()), |own| Metadata::of_json(own, budget))?)?;
        let content_type = content_type.and_then(json::Value::as_str).unwrap_or_default();
        let event = bulk_event(&metadata, event.ok_or_else(|| malformed("an entry without `event`"))?, content_type, budget)?;
        with_topic(event, Cow::Borrowed(topic))
    });
    collect(events, budget)
}

/// The content types that Dapr knows how to take out of JSON; others it refuses too.
fn bulk_event<'a>(
    metadata: &Metadata<'a>,
    value: json::Value<'_, 'a>,
    content_type: Cow<'a, str>,
    budget: &Budget,
) -> Result<Event<'a>, ProtocolError> {
    let data = match content(Some(&content_type))? {
        Content::CloudEvent => return metadata.on_cloud_event(event(value, None, budget)?),
        Content::Other(Some(text)) => MediaType::parse(text).and_then(|media| {
            if media.is_application("json") {
                Some(Ok(Data::Json(Cow::Borrowed(value.raw()))))
            } else if media.is_application("octet-stream") {
                Some(base64_text(value, "event").map(|bytes| Data::Binary(Cow::Owned(bytes))))
            } else if media.is_text() || media.is_application("xml") {
                Some(value.as_str().map(Data::Text).ok_or_else(|| malformed("`event` is not a string")))
            } else {
                None
            }
        }),
        Content::Other(None) => None,
    };
    metadata.wrap(data.ok_or_else(|| unsupported(&content_type))??, Some(content_type))
}

/// The events of `PublishEvent`, `BulkPublishEvent` and `BulkPublishEventAlpha1`.
pub(super) fn grpc<'a>(
    components: &Components,
    codec: Codec,
    head: &Head,
    request: &'a [u8],
    budget: &Budget,
) -> Result<Vec<Event<'a>>, ProtocolError> {
    refuse_attributes(head)?;
    let call = method(head)?;
    let (root, list): (usize, &[u32]) = match call {
        Call::One => (known::DAPR_PUBLISH, &[]),
        Call::Bulk => (known::DAPR_BULK_PUBLISH, &[ENTRIES]),
    };
    let request = grpc::decode(codec, request, known::SCHEMA, root, list, budget)?;
    components.check(&request.text(PUBSUB).unwrap_or_default())?;
    let topic = request.text(TOPIC).unwrap_or_default();
    let one = |metadata: &Metadata<'a>, message: &Message<'a>, data, content_type| {
        let event = grpc_event(metadata, message.bytes(data), message.text(content_type), budget)?;
        with_topic(event, topic.clone())
    };
    match call {
        Call::One => {
            let metadata = Metadata::of_entries(&request, METADATA, budget)?;
            Ok(vec![one(&metadata, &request, DATA, DATA_CONTENT_TYPE)?])
        }
        Call::Bulk => {
            let metadata = Metadata::of_entries(&request, BULK_METADATA, budget)?;
            check_ids(&mut request.messages(ENTRIES).map(|entry| entry.text(ENTRY_ID).unwrap_or_default()))?;
            let events = request.messages(ENTRIES).map(|entry| {
                let metadata = metadata.with_entry(Metadata::of_entries(entry, ENTRY_METADATA, budget)?)?;
                one(&metadata, entry, ENTRY_EVENT, ENTRY_CONTENT_TYPE)
            });
            collect(events, budget)
        }
    }
}

fn grpc_event<'a>(
    metadata: &Metadata<'a>,
    data: Cow<'a, [u8]>,
    content_type: Option<Cow<'a, str>>,
    budget: &Budget,
) -> Result<Event<'a>, ProtocolError> {
    match content(content_type.as_deref())? {
        Content::CloudEvent => metadata.on_cloud_event(event_of_bytes(data, budget)?),
        Content::Other(_) => metadata.wrap(binary(data), content_type),
    }
}

fn method(head: &Head) -> Result<Call, ProtocolError> {
    match head.path().strip_prefix("/dapr.proto.runtime.v1.Dapr/") {
        Some("PublishEvent") => Ok(Call::One),
        Some("BulkPublishEvent" | "BulkPublishEventAlpha1") => Ok(Call::Bulk),
        Some(_) | None => Err(malformed("not a method of Dapr that publishes")),
    }
}

fn binary(data: Cow<'_, [u8]>) -> Data<'_> {
    if data.is_empty() { Data::Absent } else { Data::Binary(data) }
}

fn with_topic<'a>(event: Event<'a>, topic: Cow<'a, str>) -> Result<Event<'a>, ProtocolError> {
    if topic.is_empty() {
        return Err(malformed("the call names no topic"));
    }
    check_text("topic", &topic)?;
    Ok(Event { topic: Some(topic), ..event })
}

/// Dapr refuses a call whose entries have no id, or the same.
fn check_ids<'a>(ids: &mut dyn Iterator<Item = Cow<'a, str>>) -> Result<(), ProtocolError> {
    let mut all: Vec<Cow<'a, str>> = Vec::new();
    for id in ids {
        all.push(id);
    }
    let once = repeated(&mut all.iter().map(AsRef::as_ref)).is_none();
    if once && all.iter().all(|id| !id.is_empty()) { Ok(()) } else { Err(malformed("an entry without an id of its own")) }
}

impl Components {
    fn check(&self, name: &str) -> Result<(), ProtocolError> {
        match self {
            Self::Named(names) if !names.iter().any(|known| known == name) => {
                Err(malformed(format!("the pub/sub component `{}` is not one of this route", shown(name))))
            }
            Self::Any | Self::Named(_) => Ok(()),
        }
    }
}

/// What a content type makes of the data.
enum Content<'a> {
    /// A structured CloudEvent.
    CloudEvent,
    /// Something that Dapr wraps.
    Other(Option<&'a str>),
}

/// Dapr compares what stands before the semicolon as it is, so white space there makes it wrap what others take for an event. Other
/// formats of CloudEvents would become an event within an event.
fn content(text: Option<&str>) -> Result<Content<'_>, ProtocolError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Content::Other(None)) };
    let exact = text.split(';').next().is_some_and(|essence| essence.trim() == essence);
    match MediaType::parse(text).filter(|_| exact) {
        Some(media) if media.is_application("cloudevents+json") && media.is_utf8() => Ok(Content::CloudEvent),
        Some(media) if !media.is_cloudevents() && (media.is_utf8() || !media.is_json()) => Ok(Content::Other(Some(text))),
        Some(_) | None => Err(unsupported(text)),
    }
}

/// What the path of an HTTP call names.
struct Target<'a> {
    call: Call,
    pubsub: &'a str,
    topic: &'a str,
    query: &'a str,
}

impl<'a> Target<'a> {
    /// `/v1.0/publish/{pubsub}/{topic}` and `/v1.0/publish/bulk/{pubsub}/{topic}`, also of `v1.0-alpha1`. Percent-encoding and topics
    /// with slashes are refused: routers differ in them. So is a component that is called `bulk`.
    fn of(head: &'a Head) -> Result<Self, ProtocolError> {
        let (path, query) = head.path().split_once('?').unwrap_or((head.path(), ""));
        let mut segments = path.split('/');
        let (call, pubsub, topic) = match [(); 7].map(|()| segments.next()) {
            [Some(""), Some("v1.0"), Some("publish"), Some(pubsub), Some(topic), None, None] if pubsub != "bulk" => {
                (Call::One, pubsub, topic)
            }
            [Some(""), Some("v1.0" | "v1.0-alpha1"), Some("publish"), Some("bulk"), Some(pubsub), Some(topic), None] => {
                (Call::Bulk, pubsub, topic)
            }
            _ => return Err(malformed("the path is not one that Dapr publishes under")),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte);
        let is_name = |name: &str| !matches!(name, "" | "." | "..") && name.bytes().all(plain);
        if is_name(pubsub) && is_name(topic) {
            Ok(Self { call, pubsub, topic, query })
        } else {
            Err(malformed("the path names no component and topic of Dapr"))
        }
    }
}
