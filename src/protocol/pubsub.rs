//! Google Pub/Sub `Publish` calls, over gRPC and over REST, into events (google-cloudevents, "Google Cloud Pub/Sub Protocol
//! Binding for CloudEvents"). Over gRPC the message names the topic, over REST the route does; there the body is the JSON mapping
//! of the same message.

use std::borrow::Cow;

use crate::budget::Budget;
use crate::call::Head;

use super::attributes::Found;
use super::binding::{Binding, Mode, Pair};
use super::cloudevents::event_of_bytes;
use super::grpc::{self, Codec};
use super::media::{MediaType, unsupported};
use super::{Data, Event, Form, ProtocolError, collect, malformed, shown, without_start};
use crate::protobuf::{Message, Value, known};

const PREFIX: &str = "ce-";

/// Where a message keeps the attributes of its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attributes {
    /// As the CloudEvents binding has it: in `ce-` attributes, or in the data.
    CloudEvents,
    /// In attributes that the policy names; the data is the event's.
    Named(Box<Names>),
}

/// The names of the Pub/Sub attributes that say what an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Which one is the event type.
    pub event_type: String,
    /// Which one is the id.
    pub id: Option<String>,
    /// Which one is the source.
    pub source: Option<String>,
    /// Which one is the time.
    pub time: Option<String>,
    /// Which one is the subject.
    pub subject: Option<String>,
}

/// gRPC or REST.
pub(super) fn form(head: &Head) -> Result<Form, ProtocolError> {
    let (media, text) = MediaType::of(head)?.ok_or_else(|| unsupported(""))?;
    if let Some(codec) = grpc::codec(media) {
        Ok(Form::Grpc(codec))
    } else if media.is_application("json") && media.is_utf8() {
        Ok(Form::PubSubRest)
    } else {
        Err(unsupported(text))
    }
}

/// The events of a `google.pubsub.v1.PublishRequest`.
pub(super) fn grpc<'a>(
    attributes: &Attributes,
    codec: Codec,
    request: &'a [u8],
    budget: &Budget,
) -> Result<Vec<Event<'a>>, ProtocolError> {
    let request = grpc::decode(codec, request, known::SCHEMA, known::PUBLISH_REQUEST, &[MESSAGES], budget)?;
    let topic = topic_name(request.text(TOPIC).unwrap_or_default())?;
    events(attributes, &request, &topic, budget)
}

/// The events of a REST call: the same message, but for the topic, which stands in the path.
pub(super) fn rest<'a>(
    attributes: &Attributes,
    content: &'a [u8],
    topic: Option<&'a str>,
    budget: &Budget,
) -> Result<Vec<Event<'a>>, ProtocolError> {
    let topic = rest_topic(topic)?;
    let request = grpc::decode(Codec::Json, content, known::SCHEMA, known::PUBLISH_REQUEST, &[MESSAGES], budget)?;
    match request.get(TOPIC) {
        None => events(attributes, &request, &Cow::Borrowed(topic), budget),
        Some(_) => Err(malformed("the path and the body name a topic")),
    }
}

/// `google.pubsub.v1.PublishRequest`
const TOPIC: u32 = 1;
pub(super) const MESSAGES: u32 = 2;
/// `google.pubsub.v1.PubsubMessage`
const DATA: u32 = 1;
const ATTRIBUTES: u32 = 2;

fn events<'a>(
    attributes: &Attributes,
    request: &Message<'a>,
    topic: &Cow<'a, str>,
    budget: &Budget,
) -> Result<Vec<Event<'a>>, ProtocolError> {
    let events = request.messages(MESSAGES).map(|message| {
        let event = match attributes {
            Attributes::CloudEvents => cloud_event(message, budget)?,
            Attributes::Named(names) => names.event(message)?,
        };
        Ok(Event { topic: Some(topic.clone()), ..event })
    });
    collect(events, budget)
}

fn pairs<'a>(message: &Message<'a>) -> impl Iterator<Item = Pair<'a>> {
    message.entries(ATTRIBUTES).map(|(name, value)| (name, value.and_then(Value::text).unwrap_or_default()))
}

fn cloud_event<'a>(message: &Message<'a>, budget: &Budget) -> Result<Event<'a>, ProtocolError> {
    let binding = Binding::from_pairs(PREFIX, pairs(message).map(Ok), budget)?;
    if binding.mode()? == Mode::Structured {
        let event = event_of_bytes(message.bytes(DATA), budget)?;
        binding.agree_with(&event)?;
        return Ok(event);
    }
    binding.event(data(message), None, budget)
}

fn data<'a>(message: &Message<'a>) -> Data<'a> {
    let data = message.bytes(DATA);
    if data.is_empty() { Data::Absent } else { Data::Binary(data) }
}

impl Names {
    /// A message that is a CloudEvent besides, or whose attributes differ from ours by case only, could be read as another event.
    fn event<'a>(&self, message: &Message<'a>) -> Result<Event<'a>, ProtocolError> {
        let Self { event_type, id, source, time, subject } = self;
        let ours = [Some(event_type), id.as_ref(), source.as_ref(), time.as_ref(), subject.as_ref()];
        let mut values = [const { None }; 5];
        for (name, value) in pairs(message) {
            if let Some((_, slot)) = ours.iter().zip(&mut values).find(|(ours, _)| ours.is_some_and(|ours| *ours == name)) {
                *slot = Some(value).filter(|value| !value.is_empty());
                continue;
            }
            let starts = |start: &str| name.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start));
            let of_a_cloud_event =
                starts(PREFIX) || (starts("content-type") && MediaType::parse(&value).is_none_or(MediaType::is_cloudevents));
            if of_a_cloud_event || ours.iter().flatten().any(|ours| ours.eq_ignore_ascii_case(&name)) {
                return Err(malformed(format!("the attribute `{}` beside those that the policy names", shown(&name))));
            }
        }
        let [event_type, id, source, time, subject] = values;
        Found { event_type, id, source, time, subject, topic: None }.event(data(message))
    }
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
