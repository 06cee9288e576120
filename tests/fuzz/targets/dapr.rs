//! Dapr: an admitted call is held against what Dapr makes of it, by other readers of JSON, messages and queries. A structured CloudEvent
//! goes on as it is, all else becomes the data of an event that the metadata describes.
#![no_main]

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventguard::protocol::dapr::Components;
use eventguard::protocol::{Event, Form, Protocol};
use eventguard_fuzz::call::Call;
use eventguard_fuzz::event::{BUDGET, assert_is_of_json, is_structured, names, read};
use eventguard_fuzz::json::read_strictly;
use eventguard_fuzz::messages::{DaprBulkPublish, DaprPublish, framed};
use libfuzzer_sys::{Corpus, fuzz_target};
use prost::Message;
use serde_json::Value;

type Metadata = HashMap<String, String>;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some(call) = Call::read(bytes) else { return Corpus::Reject };
    let in_text =
        call.head.values("content-type").any(|value| value.to_ascii_lowercase().starts_with(b"application/grpc-web-text"));
    read(&Protocol::Dapr(Components::Any), &call, |form, content, events| match form {
        Form::DaprPublish => {
            let content_type = call.head.text("content-type").expect("it was read").unwrap_or_default();
            assert_is_of(only(events), &path_topic(&call), content_type, &of_query(&call), content);
        }
        Form::DaprBulk => assert_are_of_entries(events, &call, content),
        Form::Grpc(_) if in_text => {}
        Form::Grpc(_) => {
            if let Some(message) = framed(form, content) {
                assert_are_of_message(events, &call, message);
            }
        }
        other => panic!("{other:?} is no form of Dapr"),
    });
    Corpus::Keep
});

fn only<'e, 'a>(events: &'e [Event<'a>]) -> &'e Event<'a> {
    let [event] = events else { panic!("{} events of a call of one", events.len()) };
    event
}

fn assert_are_of_message(events: &[Event<'_>], call: &Call<'_>, message: &[u8]) {
    if call.head.path().ends_with("/PublishEvent") {
        let request = DaprPublish::decode(message).expect("a generated decoder reads it too");
        let DaprPublish { topic, data, data_content_type, metadata, .. } = &request;
        return assert_is_of(only(events), topic, data_content_type, metadata, data);
    }
    let request = DaprBulkPublish::decode(message).expect("a generated decoder reads it too");
    assert_eq!(request.entries.len(), events.len());
    for (event, entry) in events.iter().zip(&request.entries) {
        for metadata in of_entry(&request.metadata, &entry.metadata) {
            assert_is_of(event, &request.topic, &entry.content_type, &metadata, &entry.event);
        }
    }
}

fn assert_are_of_entries(events: &[Event<'_>], call: &Call<'_>, content: &[u8]) {
    let entries = read_strictly(content, BUDGET.depth);
    let entries = entries.as_array().expect("many events are an array");
    assert_eq!(entries.len(), events.len());
    let ids: Vec<&str> = entries.iter().map(|entry| entry["entryId"].as_str().expect("an id")).collect();
    assert!(ids.iter().enumerate().all(|(at, id)| !id.is_empty() && !ids[..at].contains(id)), "{ids:?}");
    for (event, entry) in events.iter().zip(entries) {
        let own = entry["metadata"].as_object().into_iter().flatten();
        let own = own.map(|(name, value)| (name.clone(), value.as_str().expect("a string").to_owned())).collect();
        let content_type = entry["contentType"].as_str().expect("every entry says one");
        for metadata in of_entry(&of_query(call), &own) {
            assert_is_of_value(event, &path_topic(call), content_type, &metadata, &entry["event"]);
        }
    }
}

/// In JSON, what an event carries is of its content type: bytes are base64.
fn assert_is_of_value(event: &Event<'_>, topic: &str, content_type: &str, metadata: &Metadata, value: &Value) {
    let essence = content_type.split(';').next().unwrap_or_default().to_ascii_lowercase();
    match value.as_str() {
        _ if is_structured(content_type) => {
            assert_is_of_json(event, value);
            assert_is_of(event, topic, content_type, metadata, value.to_string().as_bytes());
        }
        _ if essence == "application/json" => {
            let found = read_strictly(event.data.bytes(), BUDGET.depth);
            assert_eq!(&found, value);
            assert_is_of(event, topic, content_type, metadata, event.data.bytes());
        }
        Some(text) if essence == "application/octet-stream" => {
            assert_is_of(event, topic, content_type, metadata, &STANDARD.decode(text).expect("base64"));
        }
        Some(text) => assert_is_of(event, topic, content_type, metadata, text.as_bytes()),
        None => panic!("{value} of the content type `{content_type}`"),
    }
}

/// The metadata of an entry as versions of Dapr have it: its own beside the call's, or its own where it has any.
fn of_entry(call: &Metadata, own: &Metadata) -> [Metadata; 2] {
    let both = call.iter().chain(own).map(|(name, value)| (name.clone(), value.clone())).collect();
    [both, if own.is_empty() { call.clone() } else { own.clone() }]
}

fn path_topic(call: &Call<'_>) -> String {
    call.head.path().split('?').next().and_then(|path| path.rsplit('/').next()).expect("a path").to_owned()
}

fn assert_is_of(event: &Event<'_>, topic: &str, content_type: &str, metadata: &Metadata, data: &[u8]) {
    assert_eq!(event.topic.as_deref(), Some(topic));
    let set = |name: &str| {
        let wanted = format!("cloudevent.{name}");
        let mut found = metadata.iter().filter(|(key, _)| key.eq_ignore_ascii_case(&wanted));
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "`{wanted}` is there twice");
        first
    };
    if is_structured(content_type) {
        assert!(["type", "id", "source", "subject"].into_iter().all(|name| set(name).is_none()), "{metadata:?}");
        return assert_is_of_json(event, &read_strictly(data, BUDGET.depth));
    }
    assert_eq!(&event.event_type, set("type").unwrap_or("com.dapr.event.sent"));
    for name in ["id", "source", "subject"] {
        assert_eq!(event.attribute(name), set(name), "`{name}`");
    }
    assert_eq!(event.data_content_type.as_deref().unwrap_or_default(), content_type);
    let ours = ["type", "id", "source", "subject", "datacontenttype"];
    assert!(names(event).all(|name| ours.contains(&name)), "from nowhere: {event:?}");
    assert_eq!(event.data.bytes(), data);
    let raw = metadata.iter().find(|(key, _)| key.eq_ignore_ascii_case("rawpayload"));
    assert!(!raw.is_some_and(|(_, value)| matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True")), "it is raw");
}

/// As Go's `net/url` reads a query: what is not encoded well, or has a semicolon, is passed over; the first of two counts.
fn of_query(call: &Call<'_>) -> Metadata {
    let query = call.head.path().split_once('?').map_or("", |(_, query)| query);
    let mut metadata = Metadata::new();
    for parameter in query.split('&').filter(|parameter| !parameter.contains(';')) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let (Some(name), Some(value)) = (unescape(name), unescape(value)) else { continue };
        if let Some(key) = name.strip_prefix("metadata.") {
            metadata.entry(key.to_owned()).or_insert(value);
        }
    }
    metadata
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut unescaped = Vec::new();
    while let Some(byte) = bytes.next() {
        unescaped.push(match byte {
            b'+' => b' ',
            b'%' => {
                let [high, low] = [(); 2].map(|()| bytes.next().and_then(|digit| char::from(digit).to_digit(16)));
                u8::try_from(high? * 16 + low?).expect("two digits are a byte")
            }
            other => other,
        });
    }
    String::from_utf8(unescaped).ok()
}
