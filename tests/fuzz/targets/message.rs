//! Contracts in Protocol Buffers. The text is the name of a message on a line, the base64 of a descriptor set on a line, and data, which is
//! judged on the wire and in the JSON mapping. Nothing panics; another reader takes what is admitted.
#![no_main]

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventguard::protobuf::{Descriptors, UnknownFields};
use eventguard::protocol::{Data, Declared, Event};
use eventguard::rules::JsonData;
use eventguard::rules::contract::{Form, MessageForm, Names, Version, Versions};
use eventguard::time::Timestamp;
use eventguard_fuzz::call::split_at_first;
use eventguard_fuzz::pool::pool;
use libfuzzer_sys::{Corpus, fuzz_target};
use prost_reflect::{DynamicMessage, MessageDescriptor};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some((name, rest)) = split_at_first(bytes, b"\n") else { return Corpus::Reject };
    let Some((set, data)) = split_at_first(rest, b"\n") else { return Corpus::Reject };
    let (Ok(name), Ok(set)) = (std::str::from_utf8(name), STANDARD.decode(set)) else { return Corpus::Reject };
    let Some(versions) = compile(&set, name) else { return Corpus::Keep };
    let wire = judge(&versions, "application/protobuf", data);
    let mapped = judge(&versions, "application/json", data);
    let descriptor = || pool(&set)?.get_message_by_name(name);
    if let Some(descriptor) = (wire || mapped).then(descriptor).flatten() {
        assert_others_read(&descriptor, data, wire, mapped);
    }
    Corpus::Keep
});

fn compile(set: &[u8], name: &str) -> Option<Versions> {
    let descriptors = Descriptors::read(set).ok()?;
    let message = descriptors.message(name).ok()?;
    let form = Form::Protobuf(MessageForm { descriptors: Arc::new(descriptors), message, unknown: UnknownFields::Refuse });
    let names = Names::default();
    Some(Versions::new(vec![Version { form, names, forbidden: Vec::new(), encrypted: None, deprecated: None }]))
}

fn judge(versions: &Versions, content_type: &str, data: &[u8]) -> bool {
    let event = Event {
        event_type: Cow::Borrowed("t"),
        id: None,
        source: None,
        time: None,
        subject: None,
        topic: None,
        data_content_type: Some(Cow::Borrowed(content_type)),
        data_schema: None,
        spec_version: None,
        extensions: Vec::new(),
        declared: Declared::Nothing,
        data: Data::Binary(Cow::Borrowed(data)),
    };
    let now = Timestamp::from_unix_seconds(1_795_420_800).expect("a time");
    // What is said to be JSON and is none breaks no contract: it is no event.
    let judge = || JsonData::of(&event, 32).map(|data| versions.check(&event, &data, now));
    let judged = judge();
    assert_eq!(judged, judge(), "judged twice, it is not the same");
    judged.is_ok_and(|kept| kept.is_ok())
}

fn assert_others_read(descriptor: &MessageDescriptor, data: &[u8], wire: bool, mapped: bool) {
    if wire {
        let read = DynamicMessage::decode(descriptor.clone(), data).expect("another reader reads it too");
        assert_eq!(read.unknown_fields().count(), 0, "another reader does not know a field");
    }
    if mapped {
        let mut text = serde_json::Deserializer::from_slice(data);
        DynamicMessage::deserialize(descriptor.clone(), &mut text).expect("another reader reads its mapping too");
    }
}
