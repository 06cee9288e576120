//! How the calls of a route carry events: pointers, names of fields and descriptors are resolved here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Place, Problem, Problems, raw, required_text, text, texts};
use crate::json::Pointer;
use crate::policy::Messages;
use crate::protobuf::{Descriptors, UnknownFields};
use crate::protocol::dapr::Components;
use crate::protocol::json::Envelope;
use crate::protocol::service::{Fields, Layout, Service, Wanted};
use crate::protocol::{Protocol, pubsub};

/// What a route says of its protocol besides the name.
pub(super) struct Settings<'a> {
    pub json: Option<raw::Envelope>,
    pub grpc: Option<raw::Grpc>,
    pub pubsub: Option<raw::Envelope>,
    pub components: Option<Vec<String>>,
    /// The gRPC method that the route matches.
    pub method: Option<&'a str>,
}

pub(super) fn protocol(
    raw: raw::Protocol,
    settings: Settings<'_>,
    place: &Place,
    problems: &mut Problems,
) -> Option<(Protocol, Messages)> {
    let Settings { json, grpc, pubsub, components, method } = settings;
    let is = |protocol| raw == protocol;
    for (key, is_there, fits, problem) in [
        ("json", json.is_some(), is(raw::Protocol::Json), "it means something only with the protocol `json`"),
        ("pubsub", pubsub.is_some(), is(raw::Protocol::PubSub), "it means something only with the protocol `pubsub`"),
        ("components", components.is_some(), is(raw::Protocol::Dapr), "it means something only with the protocol `dapr`"),
        (
            "grpc",
            grpc.is_some(),
            is(raw::Protocol::Grpc) || is(raw::Protocol::CloudEvents),
            "it means something only with the protocols `grpc` and `cloudevents`",
        ),
    ] {
        if is_there && !fits {
            problems.add(&place.key(key), Problem::Contradiction(problem));
        }
    }
    let protocol = match (raw, grpc) {
        (raw::Protocol::CloudEvents, None) => Protocol::CloudEvents,
        (raw::Protocol::KafkaRest, _) => Protocol::KafkaRest,
        (raw::Protocol::PubSub, _) => Protocol::PubSub(pubsub_attributes(pubsub, &place.key("pubsub"), problems)?),
        (raw::Protocol::Dapr, _) => Protocol::Dapr(match texts(components, &place.key("components"), problems) {
            Some(names) => Components::Named(names),
            None => Components::Any,
        }),
        (raw::Protocol::Json, _) => {
            let raw = problems.required(place, "json", json)?;
            Protocol::Json(envelope(raw, &place.key("json"), problems)?)
        }
        (raw::Protocol::Grpc, None) => return problems.wrong(&place.key("grpc"), Problem::Missing),
        (raw::Protocol::Grpc, Some(raw)) => return service(raw, method, Kind::Fields, &place.key("grpc"), problems),
        (raw::Protocol::CloudEvents, Some(raw)) => {
            return service(raw, method, Kind::CloudEvents, &place.key("grpc"), problems);
        }
    };
    Some((protocol, Messages::One))
}

fn pubsub_attributes(raw: Option<raw::Envelope>, place: &Place, problems: &mut Problems) -> Option<pubsub::Attributes> {
    let Some(raw::Envelope { event_type, id, source, time, subject, data }) = raw else {
        return Some(pubsub::Attributes::CloudEvents);
    };
    if data.is_some() {
        problems.add(&place.key("data"), Problem::UnknownKey);
    }
    let mut name = |name, key: &str| text(name, &place.key(key), problems);
    let (id, source, time, subject) = (name(id, "id"), name(source, "source"), name(time, "time"), name(subject, "subject"));
    let event_type = required_text(event_type, place, "type", problems)?;
    Some(pubsub::Attributes::Named(Box::new(pubsub::Names { event_type, id, source, time, subject })))
}

fn envelope(raw: raw::Envelope, place: &Place, problems: &mut Problems) -> Option<Envelope> {
    let raw::Envelope { event_type, id, source, time, subject, data } = raw;
    let event_type = problems.required(place, "type", event_type);
    let mut pointer = |text: Option<String>, key: &str| text.and_then(|text| problems.ok(&place.key(key), Pointer::parse(&text)));
    let event_type = pointer(event_type, "type");
    let (id, source, time) = (pointer(id, "id"), pointer(source, "source"), pointer(time, "time"));
    let (subject, data) = (pointer(subject, "subject"), pointer(data, "data"));
    Some(Envelope { event_type: event_type?, id, source, time, subject, data })
}

/// How the messages of a service are events.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    CloudEvents,
    Fields,
}

fn service(
    raw: raw::Grpc,
    method: Option<&str>,
    kind: Kind,
    place: &Place,
    problems: &mut Problems,
) -> Option<(Protocol, Messages)> {
    let raw::Grpc { descriptors, message, event, event_type, id, source, time, subject, topic, data, unknown_fields, stream } =
        raw;
    let unknown = match unknown_fields {
        None | Some(raw::UnknownFields::Refuse) => UnknownFields::Refuse,
        Some(raw::UnknownFields::Keep) => UnknownFields::Keep,
    };
    let (descriptors, method) = match descriptors {
        Some(text) => (read_descriptors(&text, &place.key("descriptors"), problems)?, method),
        None if kind == Kind::CloudEvents => (Descriptors::known(), None),
        None => return problems.wrong(&place.key("descriptors"), Problem::Missing),
    };
    let streams = method.is_some_and(|method| descriptors.input(method).is_ok_and(|(_, streams)| streams));
    let message = root(&descriptors, message, method, kind, &place.key("message"), problems)?;
    let layout = problems.ok(&place.key("event"), Layout::new(descriptors, message, event.as_deref()))?;
    let attributes = Attributes { event_type, id, source, time, subject, topic, data };
    let service = match kind {
        Kind::Fields => fields(layout, attributes, unknown, place, problems)?,
        Kind::CloudEvents => {
            attributes.refuse(place, problems);
            problems.ok(place, layout.cloud_events(unknown))?
        }
    };
    let messages = if stream.unwrap_or(streams) { Messages::Many } else { Messages::One };
    Some((Protocol::Grpc(Box::new(service)), messages))
}

pub(super) fn read_descriptors(text: &str, place: &Place, problems: &mut Problems) -> Option<Descriptors> {
    // Tools break base64 into lines, and YAML keeps them.
    let text: String = text.split_ascii_whitespace().collect();
    let Ok(set) = STANDARD.decode(text) else {
        return problems.wrong(place, Problem::Value("not base64".to_owned()));
    };
    problems.ok(place, Descriptors::read(&set))
}

/// The message of a call: as the policy names it, or what the method takes.
fn root(
    descriptors: &Descriptors,
    message: Option<String>,
    method: Option<&str>,
    kind: Kind,
    place: &Place,
    problems: &mut Problems,
) -> Option<usize> {
    match (message, method) {
        (Some(name), _) => problems.ok(place, descriptors.message(&name)),
        (None, Some(method)) => problems.ok(place, descriptors.input(method)).map(|(message, _)| message),
        (None, None) if kind == Kind::CloudEvents => problems.ok(place, descriptors.message(Service::CLOUD_EVENT)),
        (None, None) => problems.wrong(place, Problem::Missing),
    }
}

/// Where a policy says that an event has its attributes.
struct Attributes {
    event_type: Option<String>,
    id: Option<String>,
    source: Option<String>,
    time: Option<String>,
    subject: Option<String>,
    topic: Option<String>,
    data: Option<String>,
}

impl Attributes {
    fn refuse(self, place: &Place, problems: &mut Problems) {
        let Self { event_type, id, source, time, subject, topic, data } = self;
        let keys = ["type", "id", "source", "time", "subject", "topic", "data"];
        let values = [event_type, id, source, time, subject, topic, data];
        for (key, _) in keys.into_iter().zip(values).filter(|(_, value)| value.is_some()) {
            problems.add(&place.key(key), Problem::Contradiction("a CloudEvent has its own attributes"));
        }
    }
}

fn fields(
    layout: Layout,
    attributes: Attributes,
    unknown: UnknownFields,
    place: &Place,
    problems: &mut Problems,
) -> Option<Service> {
    let Attributes { event_type, id, source, time, subject, topic, data } = attributes;
    problems.required(place, "type", event_type.as_ref());
    let [event_type, id, source, time, subject, topic, data] = [
        ("type", event_type, Wanted::Text),
        ("id", id, Wanted::Text),
        ("source", source, Wanted::Text),
        ("time", time, Wanted::Time),
        ("subject", subject, Wanted::Text),
        ("topic", topic, Wanted::Text),
        ("data", data, Wanted::Data),
    ]
    .map(|(key, path, wanted)| path.and_then(|path| problems.ok(&place.key(key), layout.path(&path, wanted))));
    let fields = Fields { event_type: event_type?, id, source, time, subject, topic, data };
    Some(layout.fields(fields, unknown))
}
