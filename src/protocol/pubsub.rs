//! Google Pub/Sub `Publish` calls, over gRPC and over REST, into events (google-cloudevents, "Google Cloud Pub/Sub Protocol
//! Binding for CloudEvents"). Over gRPC the message names the topic, over REST the route does; there the body is the JSON mapping
//! of the same message.

use std::borrow::Cow;

use crate::budget::Budget;
use crate::call::Head;
use crate::json::Document;

use super::binding::{Binding, Mode};
use super::cloudevents::{event, event_of_text};
use super::grpc::{self, Codec};
use super::media::{MediaType, unsupported};
use super::protobuf::{Message, Value, known};
use super::{Data, Event, Form, ProtocolError, collect, malformed, shown, without_start};

const PREFIX: &str = "ce-";

/// gRPC or REST.
pub(super) fn form(head: &Head) -> Result<Form, ProtocolError> {
    let (media, text) = MediaType::of(head)?.ok_or_else(|| unsupported(""))?;
    if let Some(codec) = grpc::codec(media, head)? {
        Ok(Form::Grpc(codec))
    } else if media.is_application("json") && media.is_utf8() {
        Ok(Form::PubSubRest)
    } else {
        Err(unsupported(text))
    }
}

/// The events of a `google.pubsub.v1.PublishRequest`.
pub(super) fn grpc<'a>(codec: Codec, request: &'a [u8], budget: &Budget) -> Result<Vec<Event<'a>>, ProtocolError> {
    let request = grpc::decode(codec, request, known::SCHEMA, known::PUBLISH_REQUEST, budget)?;
    let topic = topic_name(request.text(TOPIC).unwrap_or_default())?;
    events(&request, &topic, budget)
}

/// The events of a REST call: the same message, but for the topic, which stands in the path.
pub(super) fn rest<'a>(content: &'a [u8], topic: Option<&'a str>, budget: &Budget) -> Result<Vec<Event<'a>>, ProtocolError> {
    let topic = rest_topic(topic)?;
    let request = grpc::decode(Codec::Json, content, known::SCHEMA, known::PUBLISH_REQUEST, budget)?;
    match request.get(TOPIC) {
        None => events(&request, &Cow::Borrowed(topic), budget),
        Some(_) => Err(malformed("the path and the body name a topic")),
    }
}

/// `google.pubsub.v1.PublishRequest`
const TOPIC: u32 = 1;
const MESSAGES: u32 = 2;
/// `google.pubsub.v1.PubsubMessage`
const DATA: u32 = 1;
const ATTRIBUTES: u32 = 2;

fn events<'a>(request: &Message<'a>, topic: &Cow<'a, str>, budget: &Budget) -> Result<Vec<Event<'a>>, ProtocolError> {
    let events = request.messages(MESSAGES).map(|message| {
        let event = message_event(message, budget)?;
        Ok(Event { topic: Some(topic.clone()), ..event })
    });
    collect(events, budget)
}

fn message_event<'a>(message: &Message<'a>, budget: &Budget) -> Result<Event<'a>, ProtocolError> {
    let data = message.bytes(DATA);
    let pairs = message.entries(ATTRIBUTES);
    let pairs = pairs.map(|(name, value)| Ok((name, value.and_then(Value::text).unwrap_or_default())));
    let binding = Binding::from_pairs(PREFIX, pairs, budget)?;
    if binding.mode()? == Mode::Structured {
        let event = match data {
            Cow::Borrowed(data) => event(Document::parse(data, budget.depth)?.root(), None, budget)?,
            Cow::Owned(data) => event_of_text(&data, None, budget)?,
        };
        binding.agree_with(&event)?;
        return Ok(event);
    }
    let data = if data.is_empty() { Data::Absent } else { Data::Binary(data) };
    binding.event(data, None, budget)
}

/// `projects/PROJECT/topics/TOPIC`, of the characters that the names of resources have.
fn topic_name(resource: Cow<'_, str>) -> Result<Cow<'_, str>, ProtocolError> {
    let named = |part: &str, others: &[u8]| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
    };
    let name = |resource: &str| {
        let mut parts = resource.split('/');
        match [(); 5].map(|()| parts.next()) {
            [Some("projects"), Some(project), Some("topics"), Some(topic), None]
                if named(project, b"-._~+%:") && named(topic, b"-._~+%") =>
            {
                Some(resource.len() - topic.len())
            }
            _ => None,
        }
    };
    match name(&resource) {
        Some(start) => Ok(without_start(resource, start)),
        None => Err(malformed(format!("the topic `{}` is not of the form `projects/P/topics/T`", shown(&resource)))),
    }
}

/// The last segment of `/v1/projects/{project}/topics/{topic}`, behind which the method stands (`:publish`).
fn rest_topic(topic: Option<&str>) -> Result<&str, ProtocolError> {
    let topic = topic.ok_or_else(|| malformed("the path names no topic"))?;
    let name = topic.strip_suffix(":publish").unwrap_or(topic);
    if name.contains(':') { Err(malformed("the path names a method that is not `publish`")) } else { Ok(name) }
}
