//! What a route says of its protocol.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto,
};

use super::*;
use crate::policy::Messages;

fn field(number: i32, name: &str, of: Option<&str>) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(if name.ends_with('s') { Label::Repeated } else { Label::Optional }.into()),
        r#type: Some(of.map_or(Type::String, |_| Type::Message).into()),
        type_name: of.map(str::to_owned),
        ..FieldDescriptorProto::default()
    }
}

fn message(name: &str, field: Vec<FieldDescriptorProto>) -> DescriptorProto {
    DescriptorProto { name: Some(name.to_owned()), field, ..DescriptorProto::default() }
}

fn method(name: &str, client_streaming: bool) -> MethodDescriptorProto {
    MethodDescriptorProto {
        name: Some(name.to_owned()),
        input_type: Some(".shop.Request".to_owned()),
        client_streaming: Some(client_streaming),
        ..MethodDescriptorProto::default()
    }
}

/// `message Request { string topic = 1; repeated Item items = 2; Item one = 3; } message Item { string kind = 1; string id = 2; }
/// service Bus { rpc Publish (Request); rpc Stream (stream Request); }`
fn descriptors() -> String {
    let request = message(
        "Request",
        vec![field(1, "topic", None), field(2, "items", Some(".shop.Item")), field(3, "one", Some(".shop.Item"))],
    );
    let service = ServiceDescriptorProto {
        name: Some("Bus".to_owned()),
        method: vec![method("Publish", false), method("Stream", true)],
        options: None,
    };
    let file = FileDescriptorProto {
        package: Some("shop".to_owned()),
        message_type: vec![request, message("Item", vec![field(1, "kind", None), field(2, "id", None)])],
        service: vec![service],
        ..FileDescriptorProto::default()
    };
    STANDARD.encode(FileDescriptorSet { file: vec![file] }.encode_to_vec())
}

/// A route of a gRPC method with what it says of its messages.
fn route(protocol: &str, method: Option<&str>, grpc: Value) -> Value {
    let matches = method.map_or(json!({"hosts": ["bus"]}), |method| json!({"grpc": method}));
    with("/routes/-", json!({"name": "grpc", "match": matches, "protocol": protocol, "grpc": grpc}))
}

fn shop(more: Value) -> Value {
    let mut grpc = json!({"descriptors": descriptors(), "event": "items", "type": "kind"});
    grpc.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    grpc.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    grpc
}

#[test]
fn a_method_tells_its_message_and_whether_it_streams() {
    for (method, grpc, messages) in [
        (Some("shop.Bus/Publish"), shop(json!({"id": "id", "topic": ".topic"})), Messages::One),
        (Some("shop.Bus/Stream"), shop(json!({})), Messages::Many),
        (Some("shop.Bus/Stream"), shop(json!({"stream": false})), Messages::One),
        (Some("shop.Bus/Publish"), shop(json!({"stream": true})), Messages::Many),
        (Some("shop.Other/Send"), shop(json!({"message": "shop.Request"})), Messages::One),
        (None, shop(json!({"message": "shop.Item", "event": null})), Messages::One),
    ] {
        let policy = compiled(route("grpc", method, grpc));
        let route = policy.routes.get(2).unwrap();
        assert_eq!((route.protocol.name(), route.messages), ("grpc", messages), "{method:?}");
    }
    let broken =
        descriptors().as_bytes().chunks(60).map(|line| String::from_utf8(line.to_vec()).unwrap() + "\n").collect::<String>();
    compiled(route("grpc", Some("shop.Bus/Publish"), shop(json!({"descriptors": broken}))));
}

#[test]
fn cloud_events_need_no_descriptors() {
    for grpc in [
        json!({}),
        json!({"stream": true}),
        json!({"message": "io.cloudevents.v1.CloudEventBatch"}),
        json!({"message": "io.cloudevents.v1.CloudEventBatch", "event": "events"}),
    ] {
        let policy = compiled(route("cloudevents", Some("shop.Bus/Publish"), grpc.clone()));
        assert_eq!(policy.routes.get(2).unwrap().protocol.name(), "cloudevents", "{grpc}");
    }
}

/// One case a line.
#[rustfmt::skip]
#[test]
fn what_does_not_fit_the_messages_is_an_error_with_its_place() {
    let mut wrong = Vec::new();
    let publish = Some("shop.Bus/Publish");
    for (protocol, method, grpc, expected) in [
        ("grpc", publish, json!({"type": "kind"}), "routes[2].grpc.descriptors: is missing"),
        ("grpc", publish, shop(json!({"descriptors": "?"})), "routes[2].grpc.descriptors: not base64"),
        ("grpc", publish, shop(json!({"descriptors": "YWJj"})), "routes[2].grpc.descriptors: not a `FileDescriptorSet`: a message is cut"),
        ("grpc", publish, shop(json!({"type": null})), "routes[2].grpc.type: is missing"),
        ("grpc", publish, shop(json!({"type": "knd"})), "routes[2].grpc.type: `shop.Item` has no field `knd`"),
        ("grpc", publish, shop(json!({"topic": "topic"})), "routes[2].grpc.topic: `shop.Item` has no field `topic`"),
        ("grpc", publish, shop(json!({"time": ".one"})), "routes[2].grpc.time: the field `one` is not a string or a `google.protobuf.Timestamp` that is there once"),
        ("grpc", publish, shop(json!({"source": ".items.id"})), "routes[2].grpc.source: the field `items` is not a message that is there once"),
        ("grpc", publish, shop(json!({"event": "topic"})), "routes[2].grpc.event: the field `topic` is not a message or a list of messages"),
        ("grpc", publish, shop(json!({"message": "Request"})), "routes[2].grpc.message: no message is named `Request`"),
        ("grpc", Some("shop.Bus/Send"), shop(json!({})), "routes[2].grpc.message: no method is named `shop.Bus/Send`: name its message with `message`"),
        ("grpc", None, shop(json!({})), "routes[2].grpc.message: is missing"),
        ("grpc", publish, shop(json!({"unknownFields": "drop"})), "routes[2].grpc.unknownFields: `drop` is not one of `refuse` or `keep`"),
        ("grpc", publish, shop(json!({"stream": "yes"})), "routes[2].grpc.stream: found a text, expected `true` or `false`"),
        ("grpc", publish, shop(json!({"fields": {}})), "routes[2].grpc.fields: there is no such key"),
        ("kafka-rest", publish, json!({}), "routes[2].grpc: it means something only with the protocols `grpc` and `cloudevents`"),
        ("cloudevents", publish, json!({"type": "type"}), "routes[2].grpc.type: a CloudEvent has its own attributes"),
        ("cloudevents", publish, json!({"message": "shop.Item"}), "routes[2].grpc.message: no message is named `shop.Item`"),
        ("cloudevents", publish, shop(json!({"type": null})), "routes[2].grpc: the field `shop.Item` is not a `io.cloudevents.v1.CloudEvent` or a `CloudEventBatch`"),
        ("cloudevents", publish, json!({"message": "google.protobuf.Any"}), "routes[2].grpc: the field `google.protobuf.Any` is not a `io.cloudevents.v1.CloudEvent` or a `CloudEventBatch`"),
    ] {
        let found = errors(route(protocol, method, grpc.clone()));
        if found != [expected] {
            wrong.push(format!("{protocol} {grpc}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut missing = route("grpc", publish, json!({}));
    missing["routes"][2].as_object_mut().unwrap().remove("grpc");
    assert_eq!(errors(missing), ["routes[2].grpc: is missing"]);
    let many = route("grpc", publish, shop(json!({"type": "a", "id": "b", "source": "c"})));
    assert_eq!(errors(many).len(), 3, "all at once");
}

fn route_with(protocol: &str, key: &str, value: Value) -> Value {
    with("/routes/-", json!({"name": "three", "match": {"hosts": ["bus"]}, "protocol": protocol, key: value}))
}

#[test]
fn pubsub_attributes_and_dapr_components_may_be_named() {
    let names = json!({"type": "eventType", "id": "eventId"});
    assert_eq!(compiled(route_with("pubsub", "pubsub", names)).routes.get(2).unwrap().protocol.name(), "pubsub");
    assert_eq!(compiled(route_with("dapr", "components", json!(["bus"]))).routes.get(2).unwrap().protocol.name(), "dapr");
    for (protocol, key, value, expected) in [
        ("pubsub", "pubsub", json!({"id": "a"}), "routes[2].pubsub.type: is missing"),
        ("pubsub", "pubsub", json!({"type": ""}), "routes[2].pubsub.type: is empty"),
        ("pubsub", "pubsub", json!({"type": "a", "data": "b"}), "routes[2].pubsub.data: there is no such key"),
        ("pubsub", "pubsub", json!({"type": "a", "topic": "b"}), "routes[2].pubsub.topic: there is no such key"),
        ("dapr", "components", json!([]), "routes[2].components: is empty"),
        ("dapr", "components", json!(["a", "a"]), "routes[2].components[1]: `a` is there already, at routes[2].components[0]"),
        ("dapr", "pubsub", json!({"type": "a"}), "routes[2].pubsub: it means something only with the protocol `pubsub`"),
        ("pubsub", "components", json!(["a"]), "routes[2].components: it means something only with the protocol `dapr`"),
    ] {
        assert_eq!(errors(route_with(protocol, key, value)), [expected]);
    }
}

#[test]
fn refused_events_may_be_left_out_where_the_protocol_can_carry_it_and_no_rule_wants_the_whole_body_signed() {
    let route = |protocol: &str, topic: &str| json!({"name": "three", "match": {"hosts": ["bus"]}, "protocol": protocol, "topic": topic, "batch": "drop-refused"});
    let batch = |document: Value| compiled(document).routes.get(2).unwrap().batch;
    assert_eq!(batch(with("/routes/-", route("cloudevents", "y"))), Batches::DropRefused);
    assert_eq!(batch(with("/routes/-", route("kafka-rest", "y"))), Batches::DropRefused);
    assert_eq!(batch(route_with("pubsub", "batch", json!("refuse-all"))), Batches::RefuseAll);
    assert_eq!(batch(route_with("pubsub", "anonymous", json!(true))), Batches::RefuseAll);
    for (mut document, expected) in [
        (with("/routes/-", route("dapr", "y")), "calls of this protocol have no events that can be left out"),
        (
            with("/routes/-", route("cloudevents", "x")),
            "events of the type `t.A` may come here and must be signed with all of the body",
        ),
        (route_with("cloudevents", "batch", json!("drop-refused")), "events of the type `t.A` may come here"),
        (with("/routes/-", route("pubsub", "y")), "events of the type `t.A` may come here"),
        (route_with("cloudevents", "batch", json!("drop-all")), "`drop-all` is not one of"),
    ] {
        document["events"][0]["signature"]["schemes"] = json!(["http-message", "jws", "standard-webhooks"]);
        let found = errors(document);
        assert!(found.len() == 1 && found[0].starts_with("routes[2].batch: ") && found[0].contains(expected), "{found:?}");
    }
}

#[test]
fn events_that_carry_their_own_signatures_may_be_left_out() {
    let mut document = with("/signatures", json!({"dsse": {"mode": "strict"}, "standardWebhooks": {"tolerance": "5m"}}));
    document["routes"][0]["batch"] = json!("drop-refused");
    assert_eq!(compiled(document.clone()).routes.get(0).unwrap().batch, Batches::DropRefused, "DSSE will do");
    document["events"][0]["signature"]["schemes"] = json!(["standard-webhooks"]);
    assert_eq!(errors(document).len(), 1);
}
