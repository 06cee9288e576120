//! Pub/Sub: the messages of an admitted call, as a generated decoder and serde_json read them, are the events that were judged.
#![no_main]

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use eventguard::protocol::pubsub::Attributes;
use eventguard::protocol::{Event, Form, Protocol};
use eventguard_fuzz::call::Call;
use eventguard_fuzz::event::{BUDGET, TOPIC, assert_is_of_pairs, read};
use eventguard_fuzz::json::read_strictly;
use eventguard_fuzz::messages::{PublishRequest, framed};
use libfuzzer_sys::{Corpus, fuzz_target};
use prost::Message;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some(call) = Call::read(bytes) else { return Corpus::Reject };
    let in_text =
        call.head.values("content-type").any(|value| value.to_ascii_lowercase().starts_with(b"application/grpc-web-text"));
    read(&Protocol::PubSub(Attributes::CloudEvents), &call, |form, content, events| match form {
        // Those in text have a target of their own.
        Form::Grpc(_) if in_text => {}
        Form::Grpc(_) => {
            if let Some(message) = framed(form, content) {
                assert_are_of_request(events, message);
            }
        }
        Form::PubSubRest => assert_are_of_json(events, content),
        other => panic!("{other:?} is no form of Pub/Sub"),
    });
    Corpus::Keep
});

fn assert_are_of_request(events: &[Event<'_>], message: &[u8]) {
    let request = PublishRequest::decode(message).expect("a generated decoder reads it too");
    assert_eq!(request.messages.len(), events.len());
    for (event, message) in events.iter().zip(&request.messages) {
        assert_eq!(event.topic.as_deref(), request.topic.rsplit('/').next());
        let attributes: Vec<_> = message.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_is_of_message(event, &attributes, &message.data);
    }
}

fn assert_are_of_json(events: &[Event<'_>], content: &[u8]) {
    let call = read_strictly(content, BUDGET.depth);
    let messages = call["messages"].as_array().expect("messages");
    assert_eq!(messages.len(), events.len());
    for (event, message) in events.iter().zip(messages) {
        assert_eq!(event.topic.as_deref(), Some(TOPIC));
        let attributes = message["attributes"].as_object().into_iter().flatten();
        let attributes: Vec<_> = attributes.map(|(name, value)| (name.as_str(), value.as_str().expect("a string"))).collect();
        assert_is_of_message(event, &attributes, &decode(&message["data"]));
    }
}

fn decode(text: &Value) -> Vec<u8> {
    const EITHER: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text = if text.is_null() { "" } else { text.as_str().expect("base64 is a string") };
    let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    GeneralPurpose::new(&alphabet, EITHER).decode(text).expect("base64")
}

fn assert_is_of_message(event: &Event<'_>, attributes: &[(&str, &str)], data: &[u8]) {
    let mut content_types = attributes.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let content_type = content_types.next().map(|(_, value)| *value);
    assert!(content_types.next().is_none(), "the content type is there twice");
    let ours = attributes.iter().filter(|(name, _)| name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("ce-")));
    let ours: Vec<_> = ours.map(|(name, value)| (name.strip_prefix("ce-").expect("in lower case"), *value)).collect();
    assert_is_of_pairs(event, &ours, content_type, data);
}
