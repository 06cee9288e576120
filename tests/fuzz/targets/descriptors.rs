//! The definition of a service in a policy. The text is a line with the names of a message, the field that is the event and the field that
//! is its type, the base64 of a descriptor set on a line, and a message. No set and no message panics; where another reader takes the set
//! too, it finds in an admitted message the types that were judged.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventguard::call::Head;
use eventguard::protobuf::{Descriptors, UnknownFields};
use eventguard::protocol::service::{Fields, Layout, Wanted};
use eventguard::protocol::{Codec, Event, Protocol};
use eventguard_fuzz::call::split_at_first;
use eventguard_fuzz::event::{BUDGET, TOPIC};
use libfuzzer_sys::{Corpus, fuzz_target};
use prost_reflect::prost::Message;
use prost_reflect::prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use prost_reflect::{DescriptorPool, DynamicMessage, Value};

struct Named<'a> {
    message: &'a str,
    event: Option<&'a str>,
    event_type: &'a str,
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some((line, rest)) = split_at_first(bytes, b"\n") else { return Corpus::Reject };
    let Some((set, message)) = split_at_first(rest, b"\n") else { return Corpus::Reject };
    let (Ok(line), Ok(set)) = (std::str::from_utf8(line), STANDARD.decode(set)) else { return Corpus::Reject };
    let names: Vec<&str> = line.split(' ').collect();
    let [name, event, event_type] = names[..] else { return Corpus::Reject };
    let named = Named { message: name, event: Some(event).filter(|event| !event.is_empty()), event_type };
    let Some(protocol) = compile(&set, &named) else { return Corpus::Keep };
    let map = [(":method", "POST"), (":authority", "bus"), (":path", "/a.B/C")];
    let head = Head::from_map(map.into_iter().collect()).expect("a head");
    let read = |codec| protocol.message_events(codec, &head, message, Some(TOPIC), &BUDGET);
    let [proto, json] = [Codec::Proto, Codec::Json].map(read);
    assert_eq!(proto, read(Codec::Proto), "read twice, it is not the same");
    assert!(json.is_err() || std::str::from_utf8(message).is_ok());
    if let (Ok(events), Some(pool)) = (proto, pool(&set)) {
        assert_are_of_message(&events, &pool, &named, message);
    }
    Corpus::Keep
});

/// The set in another reader, which panics where it does not know the syntax, and where the entry of a map lacks its key or value.
fn pool(set: &[u8]) -> Option<DescriptorPool> {
    let files = FileDescriptorSet::decode(set).ok()?.file;
    let is_known = |file: &FileDescriptorProto| matches!(file.syntax(), "" | "proto2" | "proto3");
    fn has_whole_maps(message: &DescriptorProto) -> bool {
        let is_entry = message.options.as_ref().is_some_and(|options| options.map_entry());
        let has = |number| message.field.iter().any(|field| field.number() == number);
        (!is_entry || (has(1) && has(2))) && message.nested_type.iter().all(has_whole_maps)
    }
    let is_read = |file: &FileDescriptorProto| is_known(file) && file.message_type.iter().all(has_whole_maps);
    files.iter().all(is_read).then(|| DescriptorPool::decode(set).ok())?
}

fn compile(set: &[u8], named: &Named<'_>) -> Option<Protocol> {
    let descriptors = Descriptors::read(set).ok()?;
    let message = descriptors.message(named.message).ok()?;
    let layout = Layout::new(descriptors, message, named.event).ok()?;
    let event_type = layout.path(named.event_type, Wanted::Text).ok()?;
    let fields = Fields { event_type, id: None, source: None, time: None, subject: None, topic: None, data: None };
    Some(Protocol::Grpc(Box::new(layout.fields(fields, UnknownFields::Refuse))))
}

fn assert_are_of_message(events: &[Event<'_>], pool: &DescriptorPool, named: &Named<'_>, message: &[u8]) {
    let descriptor = pool.get_message_by_name(named.message.trim_start_matches('.')).expect("the message is there too");
    let message = DynamicMessage::decode(descriptor, message).expect("another reader reads it too");
    let found: Vec<Value> = match named.event.map(|path| follow(&message, path)) {
        None => vec![Value::Message(message.clone())],
        Some(Value::List(items)) => items,
        Some(one) => vec![one],
    };
    assert_eq!(found.len(), events.len());
    for (event, found) in events.iter().zip(&found) {
        let found = found.as_message().expect("an event is a message");
        let value = match named.event_type.strip_prefix('.') {
            Some(path) => follow(&message, path),
            None => follow(found, named.event_type),
        };
        assert_eq!(&event.event_type, &text(&value));
    }
}

fn follow(message: &DynamicMessage, path: &str) -> Value {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let value = message.get_field_by_name(name).expect("the field is there too").into_owned();
    match rest {
        Some(rest) => follow(value.as_message().expect("a message"), rest),
        None => value,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::I32(number) => number.to_string(),
        Value::I64(number) => number.to_string(),
        Value::U32(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        other => panic!("{other:?} is no event type"),
    }
}
