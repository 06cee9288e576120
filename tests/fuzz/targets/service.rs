//! Services that a policy describes: an admitted call of the reference policy's service says in another reader of descriptors what its
//! events say, in Protocol Buffers and in their JSON mapping.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventguard::call::Head;
use eventguard::policy::Policy;
use eventguard::protocol::{Codec, Event};
use eventguard_fuzz::event::{BUDGET, TOPIC};
use eventguard_fuzz::policy::{TEXT, with_other_keys};
use libfuzzer_sys::fuzz_target;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::Value;

static POLICY: LazyLock<Policy> = LazyLock::new(with_other_keys);

/// What the method of the policy takes, as another reader has it.
static REQUEST: LazyLock<MessageDescriptor> = LazyLock::new(|| {
    let policy: Value = serde_json::from_str(TEXT).expect("the policy of the cases is JSON");
    let mut routes = policy["routes"].as_array().expect("routes").iter();
    let text = routes.find_map(|route| route["grpc"]["descriptors"].as_str()).expect("a described service");
    let pool = DescriptorPool::decode(STANDARD.decode(text).expect("base64").as_slice()).expect("a descriptor set");
    pool.get_message_by_name("shop.v1.PublishRequest").expect("the message")
});

fuzz_target!(|bytes: &[u8]| {
    let mut protocols = POLICY.routes.iter().map(|route| &route.protocol);
    let protocol = protocols.find(|protocol| protocol.name() == "grpc").expect("a described service");
    let head =
        Head::from_map([(":method", "POST"), (":authority", "bus"), (":path", "/shop.v1.Bus/Publish")].into_iter().collect())
            .expect("a head");
    let read = |codec| protocol.message_events(codec, &head, bytes, Some(TOPIC), &BUDGET);
    let admitted = [Codec::Proto, Codec::Json].map(read);
    if let [Ok(events), _] = &admitted {
        let request = DynamicMessage::decode(REQUEST.clone(), bytes).expect("another reader reads it too");
        assert_are_of_request(events, &request);
    }
    if let [_, Ok(events)] = &admitted {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let request = DynamicMessage::deserialize(REQUEST.clone(), &mut json).expect("another reader reads it too");
        json.end().expect("nothing is behind it");
        assert_are_of_request(events, &request);
    }
});

fn assert_are_of_request(events: &[Event<'_>], request: &DynamicMessage) {
    let items = request.get_field_by_name("items").expect("a list of events");
    let items = items.as_list().expect("a list of events");
    assert_eq!(items.len(), events.len());
    assert!((1..=BUDGET.events).contains(&events.len()));
    let topic = text(request, "topic").unwrap_or_else(|| TOPIC.to_owned());
    for (event, item) in events.iter().zip(items) {
        let item = item.as_message().expect("an event is a message");
        let said = [Some(&*event.event_type), event.id.as_deref(), event.source.as_deref(), event.topic.as_deref()];
        let expected = [text(item, "kind"), text(item, "id"), text(item, "origin"), Some(topic.clone())];
        assert_eq!(said, expected.each_ref().map(Option::as_deref));
        let body = item.get_field_by_name("body").expect("the data");
        assert_eq!(event.data.bytes(), body.as_bytes().expect("bytes").as_ref());
    }
}

/// Empty is as absent.
fn text(message: &DynamicMessage, name: &str) -> Option<String> {
    let value = message.get_field_by_name(name).expect("a field of the definition");
    Some(value.as_str().expect("a string").to_owned()).filter(|text| !text.is_empty())
}
