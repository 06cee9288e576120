//! Google Pub/Sub `Publish` calls, over gRPC and over REST, into events (google-cloudevents, "Google Cloud Pub/Sub Protocol
//! Binding for CloudEvents"). Over gRPC the message names the topic, over REST the route does.
//!
//! The gRPC message is read field by field here and not by a generated decoder, so that what is judged is what was looked at.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::budget::Budget;
use crate::call::Head;
use crate::json::{Document, Kind, Value};

use super::binding::{Binding, Mode, Pair};
use super::cloudevents::{event, event_of_text};
use super::media::{MediaType, unsupported};
use super::protobuf::{Fields, once, string, unknown};
use super::{Data, Event, Form, ProtocolError, collect, grpc, malformed, members, shown};

const PREFIX: &str = "ce-";

/// gRPC or REST.
pub(super) fn form(head: &Head) -> Result<Form, ProtocolError> {
    let (media, text) = MediaType::of(head)?.ok_or_else(|| unsupported(""))?;
    if media.is_application("grpc") || media.is_application("grpc+proto") {
        grpc::encoding(head)?;
        Ok(Form::PubSubGrpc)
    } else if media.is_application("json") && media.is_utf8() {
        Ok(Form::PubSubRest)
    } else {
        Err(unsupported(text))
    }
}

/// The events of a gRPC call.
pub(super) fn grpc<'a>(head: &Head, content: &'a [u8], budget: &Budget) -> Result<Vec<Event<'a>>, ProtocolError> {
    match grpc::message(head, content, budget)? {
        Cow::Borrowed(request) => publish_request(request, budget),
        Cow::Owned(request) => Ok(publish_request(&request, budget)?.into_iter().map(Event::into_owned).collect()),
    }
}

/// `google.pubsub.v1.PublishRequest`: `topic = 1`, `repeated messages = 2`.
fn publish_request<'a>(request: &'a [u8], budget: &Budget) -> Result<Vec<Event<'a>>, ProtocolError> {
    let mut topic = None;
    for field in Fields::of(request) {
        match field? {
            (1, content) => once(&mut topic, content)?,
            (2, _) => {}
            (number, _) => return Err(unknown(number)),
        }
    }
    let topic = topic_name(string(topic)?)?;
    let messages = Fields::of(request).filter(|field| matches!(field, Ok((2, _)) | Err(_)));
    collect(messages.map(|message| pubsub_message(message?.1, topic, budget)), budget)
}

/// `google.pubsub.v1.PubsubMessage`: `data = 1`, `map attributes = 2`, `message_id = 3`, `publish_time = 4`, `ordering_key = 5`.
fn pubsub_message<'a>(message: &'a [u8], topic: &'a str, budget: &Budget) -> Result<Event<'a>, ProtocolError> {
    let [mut data, mut id, mut time, mut key] = [None; 4];
    let mut attributes = Vec::new();
    for field in Fields::of(message) {
        match field? {
            (1, content) => once(&mut data, content)?,
            (2, entry) => attributes.push(attribute(entry)?),
            (3, content) => once(&mut id, content)?,
            (4, content) => once(&mut time, content)?,
            (5, content) => once(&mut key, content)?,
            (number, _) => return Err(unknown(number)),
        }
    }
    let data = data.unwrap_or_default();
    let binding = Binding::from_pairs(PREFIX, attributes.into_iter().map(Ok), budget)?;
    if binding.mode()? == Mode::Structured {
        let document = Document::parse(data, budget.depth)?;
        let event = event(document.root(), Some(topic), budget)?;
        binding.agree_with(&event)?;
        return Ok(event);
    }
    let data = if data.is_empty() { Data::Absent } else { Data::Binary(Cow::Borrowed(data)) };
    binding.event(data, Some(topic), budget)
}

/// An entry of a map: `key = 1`, `value = 2`.
fn attribute(entry: &[u8]) -> Result<Pair<'_>, ProtocolError> {
    let (mut key, mut value) = (None, None);
    for field in Fields::of(entry) {
        match field? {
            (1, content) => once(&mut key, content)?,
            (2, content) => once(&mut value, content)?,
            (number, _) => return Err(unknown(number)),
        }
    }
    Ok((Cow::Borrowed(string(key)?), Cow::Borrowed(string(value)?)))
}

/// `projects/PROJECT/topics/TOPIC`, of the characters that the names of resources have.
fn topic_name(resource: &str) -> Result<&str, ProtocolError> {
    let named = |part: &str, others: &[u8]| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
    };
    let mut parts = resource.split('/');
    match [(); 5].map(|()| parts.next()) {
        [Some("projects"), Some(project), Some("topics"), Some(topic), None]
            if named(project, b"-._~+%:") && named(topic, b"-._~+%") =>
        {
            Ok(topic)
        }
        _ => Err(malformed(format!("the topic `{}` is not of the form `projects/P/topics/T`", shown(resource)))),
    }
}

/// The events of a REST call: `{"messages": [...]}`.
pub(super) fn rest<'a>(content: &'a [u8], topic: Option<&'a str>, budget: &Budget) -> Result<Vec<Event<'a>>, ProtocolError> {
    let topic = rest_topic(topic)?;
    let document = Document::parse(content, budget.depth)?;
    let [messages] = members(document.root(), "a publish call", ["messages"])?;
    let messages = messages.and_then(Value::items).ok_or_else(|| malformed("`messages` is not an array"))?;
    collect(messages.map(|message| rest_message(message, topic, budget)), budget)
}

/// The last segment of `/v1/projects/{project}/topics/{topic}`, behind which the method stands (`:publish`).
fn rest_topic(topic: Option<&str>) -> Result<&str, ProtocolError> {
    let topic = topic.ok_or_else(|| malformed("the path names no topic"))?;
    let name = topic.strip_suffix(":publish").unwrap_or(topic);
    if name.contains(':') { Err(malformed("the path names a method that is not `publish`")) } else { Ok(name) }
}

/// `{"data", "attributes": {...}, "messageId", "publishTime", "orderingKey"}`; the JSON mapping of Protocol Buffers also reads
/// the names as they are in the message's definition.
fn rest_message<'a>(message: Value<'_, 'a>, topic: &'a str, budget: &Budget) -> Result<Event<'a>, ProtocolError> {
    let names = ["data", "attributes", "messageId", "publishTime", "orderingKey", "message_id", "publish_time", "ordering_key"];
    let [data, attributes, ..] = members(message, "a message", names)?;
    let data = data.filter(|data| data.kind() != Kind::Null).map_or(Ok(Vec::new()), rest_bytes)?;
    let binding = match attributes.filter(|attributes| attributes.kind() != Kind::Null) {
        Some(attributes) => rest_attributes(attributes, budget)?,
        None => Binding::new(PREFIX, None),
    };
    if binding.mode()? == Mode::Structured {
        let event = event_of_text(&data, Some(topic), budget)?;
        binding.agree_with(&event)?;
        return Ok(event);
    }
    let data = if data.is_empty() { Data::Absent } else { Data::Binary(Cow::Owned(data)) };
    binding.event(data, Some(topic), budget)
}

fn rest_attributes<'a>(attributes: Value<'_, 'a>, budget: &Budget) -> Result<Binding<'a>, ProtocolError> {
    let attributes = attributes.members().ok_or_else(|| malformed("`attributes` is not a JSON object"))?;
    let pairs = attributes.map(|(name, value)| match value.as_str() {
        Some(value) => Ok((name, value)),
        None => Err(malformed(format!("the attribute `{}` is not a string", shown(&name)))),
    });
    Binding::from_pairs(PREFIX, pairs, budget)
}

/// The JSON mapping of `bytes`: base64 in either alphabet (RFC 4648 sections 4 and 5), padded or not.
fn rest_bytes(value: Value<'_, '_>) -> Result<Vec<u8>, ProtocolError> {
    const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);
    let text = value.as_str().ok_or_else(|| malformed("`data` is not a string"))?;
    let decoded = STANDARD.decode(text.as_bytes()).or_else(|_| URL_SAFE.decode(text.as_bytes()));
    decoded.map_err(|_| malformed("`data` is not base64"))
}
