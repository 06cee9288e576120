use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet, MessageOptions, MethodDescriptorProto,
    OneofDescriptorProto, ServiceDescriptorProto,
};

use super::*;
use crate::protobuf::{DescriptorError, Descriptors, UnknownFields};
use crate::protocol::service::{Fields, Layout, Wanted};

fn described(number: i32, name: &str, kind: Type) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        ..FieldDescriptorProto::default()
    }
}

fn inner(number: i32, name: &str, of: &str) -> FieldDescriptorProto {
    FieldDescriptorProto { type_name: Some(of.to_owned()), ..described(number, name, Type::Message) }
}

fn repeated(field: FieldDescriptorProto) -> FieldDescriptorProto {
    FieldDescriptorProto { label: Some(Label::Repeated.into()), ..field }
}

fn message(name: &str, field: Vec<FieldDescriptorProto>) -> DescriptorProto {
    DescriptorProto { name: Some(name.to_owned()), field, ..DescriptorProto::default() }
}

/// As protoc writes it for:
///
/// ```proto
/// package shop.v1;
/// message Publish { string topic = 1; repeated Order orders = 2; Meta meta = 3; }
/// message Order {
///   Meta meta = 1; string kind = 2; bytes body = 3; repeated int32 sizes = 4; map<string, int64> counts = 5;
///   oneof who { string user = 6; string robot = 7; } Order parent = 8; fixed64 stamp = 9; double price = 10;
///   google.protobuf.Timestamp at = 11; google.protobuf.Any extra = 12; google.protobuf.StringValue note = 13; sint32 rank = 14;
///   float weight = 16;
///   message Inner {}
/// }
/// message Meta { int64 event_id = 1; string from_where = 2; }
/// service Orders { rpc Publish (Publish) returns (Meta); rpc Stream (stream Order) returns (Meta); }
/// ```
fn set() -> FileDescriptorSet {
    let in_oneof = |field: FieldDescriptorProto| FieldDescriptorProto { oneof_index: Some(0), ..field };
    let entry = DescriptorProto {
        options: Some(MessageOptions { map_entry: Some(true), ..MessageOptions::default() }),
        ..message("CountsEntry", vec![described(1, "key", Type::String), described(2, "value", Type::Int64)])
    };
    let order = DescriptorProto {
        nested_type: vec![entry, message("Inner", vec![])],
        oneof_decl: vec![OneofDescriptorProto { name: Some("who".to_owned()), options: None }],
        ..message(
            "Order",
            vec![
                inner(1, "meta", ".shop.v1.Meta"),
                described(2, "kind", Type::String),
                described(3, "body", Type::Bytes),
                repeated(described(4, "sizes", Type::Int32)),
                repeated(inner(5, "counts", ".shop.v1.Order.CountsEntry")),
                in_oneof(described(6, "user", Type::String)),
                in_oneof(described(7, "robot", Type::String)),
                inner(8, "parent", ".shop.v1.Order"),
                described(10, "price", Type::Double),
                described(9, "stamp", Type::Fixed64),
                inner(11, "at", ".google.protobuf.Timestamp"),
                inner(12, "extra", ".google.protobuf.Any"),
                inner(13, "note", ".google.protobuf.StringValue"),
                described(14, "rank", Type::Sint32),
                described(16, "weight", Type::Float),
            ],
        )
    };
    let publish = message(
        "Publish",
        vec![
            described(1, "topic", Type::String),
            repeated(inner(2, "orders", ".shop.v1.Order")),
            inner(3, "meta", ".shop.v1.Meta"),
        ],
    );
    let meta = message("Meta", vec![described(1, "event_id", Type::Int64), described(2, "from_where", Type::String)]);
    let method = |name: &str, input: &str, client_streaming| MethodDescriptorProto {
        name: Some(name.to_owned()),
        input_type: Some(input.to_owned()),
        output_type: Some(".shop.v1.Meta".to_owned()),
        client_streaming,
        ..MethodDescriptorProto::default()
    };
    let service = ServiceDescriptorProto {
        name: Some("Orders".to_owned()),
        method: vec![method("Publish", ".shop.v1.Publish", None), method("Stream", ".shop.v1.Order", Some(true))],
        options: None,
    };
    let shop = FileDescriptorProto {
        name: Some("shop.proto".to_owned()),
        package: Some("shop.v1".to_owned()),
        dependency: ["timestamp", "any", "wrappers"].map(|name| format!("google/protobuf/{name}.proto")).to_vec(),
        message_type: vec![publish, order, meta],
        service: vec![service],
        syntax: Some("proto3".to_owned()),
        ..FileDescriptorProto::default()
    };
    let known = DescriptorPool::global();
    let imported = shop.dependency.iter().map(|name| known.get_file_by_name(name).unwrap().file_descriptor_proto().clone());
    FileDescriptorSet { file: imported.chain([shop.clone()]).collect() }
}

fn descriptors() -> Descriptors {
    Descriptors::read(&set().encode_to_vec()).unwrap()
}

fn layout(message: &str, event: Option<&str>) -> Layout {
    let descriptors = descriptors();
    let message = descriptors.message(message).unwrap();
    Layout::new(descriptors, message, event).unwrap()
}

fn fields(layout: &Layout, topic: Option<&str>) -> Fields {
    let path = |path, wanted| layout.path(path, wanted).unwrap();
    Fields {
        event_type: path("kind", Wanted::Text),
        id: Some(path("meta.event_id", Wanted::Text)),
        source: Some(path("meta.from_where", Wanted::Text)),
        time: Some(path("at", Wanted::Time)),
        subject: Some(path("user", Wanted::Text)),
        topic: topic.map(|topic| path(topic, Wanted::Text)),
        data: None,
    }
}

/// Of one order.
fn single(unknown: UnknownFields) -> Protocol {
    let layout = layout("shop.v1.Order", None);
    let fields = fields(&layout, None);
    Protocol::Grpc(Box::new(layout.fields(fields, unknown)))
}

/// Of a list of orders, and the topic beside it.
fn listed() -> Protocol {
    let layout = layout("shop.v1.Publish", Some("orders"));
    let fields = fields(&layout, Some(".topic"));
    Protocol::Grpc(Box::new(layout.fields(fields, UnknownFields::Refuse)))
}

fn call(protocol: &Protocol, message: &[u8]) -> Result<Vec<Event<'static>>, ProtocolError> {
    read(protocol, &[("content-type", "application/grpc")], &frame(0, message))
}

fn call_json(protocol: &Protocol, message: &str) -> Result<Vec<Event<'static>>, ProtocolError> {
    read(protocol, &[("content-type", "application/grpc+json")], &frame(0, message.as_bytes()))
}

/// A message from its JSON mapping, as another reader has it.
fn encode(name: &str, json: &str) -> Vec<u8> {
    let pool = DescriptorPool::from_file_descriptor_set(set()).unwrap();
    let mut reader = serde_json::Deserializer::from_str(json);
    DynamicMessage::deserialize(pool.get_message_by_name(name).unwrap(), &mut reader).unwrap().encode_to_vec()
}

const ORDER: &str = r#"{"meta":{"eventId":"7","fromWhere":"/shop"},"kind":"t","body":"AQI=","sizes":[1,-2],"counts":{"a":"1","b":"2"},
    "user":"u","parent":{"kind":"p"},"stamp":"18446744073709551615","price":1.5,"at":"2026-11-23T08:00:00Z",
    "extra":{"@type":"type.googleapis.com/google.protobuf.StringValue","value":"x"},"note":"n","rank":-3}"#;

#[test]
fn the_attributes_of_an_event_are_in_the_fields_that_the_policy_names() {
    let bytes = encode("shop.v1.Order", ORDER);
    let events = call(&single(UnknownFields::Refuse), &bytes).unwrap();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.event_type.as_ref(), event.id.as_deref(), event.source.as_deref()), ("t", Some("7"), Some("/shop")));
    assert_eq!((event.subject.as_deref(), event.topic.as_deref()), (Some("u"), Some("carts")), "the route's topic");
    assert_eq!(event.time.as_ref().unwrap().text, "2026-11-23T08:00:00Z");
    assert_eq!((event.spec_version.as_deref(), event.data.bytes()), (None, bytes.as_slice()), "the whole message is the data");
    let [json] = <[_; 1]>::try_from(call_json(&single(UnknownFields::Refuse), ORDER).unwrap()).unwrap();
    assert_eq!(json, Event { data: Data::Json(ORDER.into()), ..event.clone() });
}

#[test]
fn a_repeated_field_is_the_list_of_events() {
    let json = format!(r#"{{"topic":"orders","orders":[{ORDER},{{"kind":"u"}}]}}"#);
    let bytes = encode("shop.v1.Publish", &json);
    for events in [call(&listed(), &bytes).unwrap(), call_json(&listed(), &json).unwrap()] {
        let found: Vec<_> =
            events.iter().map(|event| (event.event_type.as_ref(), event.id.as_deref(), event.topic.as_deref())).collect();
        assert_eq!(found, [("t", Some("7"), Some("orders")), ("u", None, Some("orders"))]);
    }
    let many = |count: usize| format!(r#"{{"orders":[{}]}}"#, vec![r#"{"kind":"t"}"#; count].join(","));
    let four = call(&listed(), &encode("shop.v1.Publish", &many(4))).unwrap();
    assert_eq!((four.len(), four[0].topic.as_deref()), (4, Some("carts")), "an empty topic is none: the route's");
    assert_eq!(call(&listed(), &encode("shop.v1.Publish", &many(5))), Err(ProtocolError::TooMany { limit: 4 }));
    let nothing = format!(r#"{{"orders":[{}]}}"#, ["{}"; 5].join(","));
    assert_eq!(call_json(&listed(), &nothing), Err(ProtocolError::TooMany { limit: 4 }), "before they are read");
    assert!(is_malformed(&call(&listed(), &[])));
    assert_eq!(call_json(&listed(), r#"{"orders":[{"kind":"t"},{}]}"#), Err(ProtocolError::MissingAttribute("type")));
}

#[test]
fn data_may_be_a_field() {
    let bytes = encode("shop.v1.Order", ORDER);
    for (path, expected) in [
        ("body", Data::Binary(vec![1, 2].into())),
        ("kind", Data::Text("t".into())),
        ("parent", Data::Binary(field(2, b"p").into())),
    ] {
        let layout = layout("shop.v1.Order", None);
        let data = Some(layout.path(path, Wanted::Data).unwrap());
        let fields = Fields { data, ..fields(&layout, None) };
        let protocol = Protocol::Grpc(Box::new(layout.fields(fields, UnknownFields::Refuse)));
        assert_eq!(call(&protocol, &bytes).unwrap()[0].data, expected, "{path}");
        assert_eq!(call(&protocol, &field(2, b"t")).unwrap()[0].data.bytes(), if path == "kind" { b"t".as_slice() } else { b"" });
    }
}

#[test]
fn what_other_readers_pass_over_or_take_the_last_of_is_refused() {
    let order = encode("shop.v1.Order", ORDER);
    let more = |bytes: &[u8]| call(&single(UnknownFields::Refuse), &[order.as_slice(), bytes].concat());
    assert!(more(&[4 << 3, 1]).is_ok(), "one more of a repeated field, not packed");
    assert!(more(&field(4, &[1, 2, 3])).is_ok(), "packed again");
    for (what, bytes) in [
        ("an unknown field", vec![15 << 3, 1]),
        ("an unknown field with a key of 36 bits", vec![0x92, 0x80, 0x80, 0x80, 0x80, 0x08, 1, b'u']),
        ("a field without a number", vec![0x02, 0]),
        ("a second kind", field(2, b"u")),
        ("another member of the oneof", field(7, b"r")),
        ("a second meta, which others merge", field(1, &[])),
        ("a map's key again", field(5, &[field(1, b"a"), vec![2 << 3, 9]].concat())),
        ("a string that is a number", vec![2 << 3, 1]),
        ("a number that is text", field(9, b"12345678")),
        ("a packed number that is cut", field(4, &[0x80])),
        ("a number beyond its type", vec![4 << 3, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        ("an enum beyond its type, zigzag", vec![14 << 3, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        ("a group", vec![15 << 3 | 3, 15 << 3 | 4]),
        ("an end of a group", vec![15 << 3 | 4]),
        ("a wire type that there is not", vec![15 << 3 | 6]),
    ] {
        assert!(is_malformed(&more(&bytes)), "{what}");
    }
    let absent_key = field(5, &[2 << 3, 9]);
    assert!(more(&absent_key).is_ok());
    assert!(is_malformed(&more(&absent_key.repeat(2))), "an absent key is the empty one");
}

#[test]
fn unknown_fields_go_on_only_where_the_policy_says_so() {
    let order = encode("shop.v1.Order", ORDER);
    let keep = |bytes: &[u8]| call(&single(UnknownFields::Keep), &[order.as_slice(), bytes].concat());
    for unknown in [vec![15 << 3, 1], field(15, b"x"), vec![15 << 3 | 5, 1, 2, 3, 4], vec![15 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8]] {
        assert!(keep(&unknown).is_ok(), "{unknown:?}");
    }
    assert!(call_json(&single(UnknownFields::Keep), r#"{"kind":"t","other":1}"#).is_ok());
    assert!(is_malformed(&call_json(&single(UnknownFields::Refuse), r#"{"kind":"t","other":1}"#)));
    // Some readers keep 32 bits of a key, so that this would be a second `kind`.
    assert!(is_malformed(&keep(&[0x92, 0x80, 0x80, 0x80, 0x80, 0x08, 1, b'u'])));
    assert!(is_malformed(&keep(&field(2, b"u"))));
    assert!(is_malformed(&keep(&[15 << 3 | 3, 15 << 3 | 4])));
}

#[test]
fn messages_in_messages_have_an_end() {
    let nested = |levels: usize| (1..levels).fold(field(2, b"t"), |inner, _| [field(8, &inner), field(2, b"t")].concat());
    assert!(call(&single(UnknownFields::Refuse), &nested(BUDGET.depth)).is_ok());
    assert!(is_malformed(&call(&single(UnknownFields::Refuse), &nested(BUDGET.depth + 1))));
    let deep = Budget { depth: usize::MAX, body: usize::MAX, ..BUDGET };
    let Protocol::Grpc(service) = single(UnknownFields::Refuse) else { panic!() };
    assert!(service.events(Codec::Proto, &nested(100), None, &deep).is_ok());
    assert!(service.events(Codec::Proto, &nested(101), None, &deep).is_err());
    let json =
        |levels: usize| (1..levels).fold(r#"{"kind":"t"}"#.to_owned(), |inner, _| format!(r#"{{"kind":"t","parent":{inner}}}"#));
    assert!(service.events(Codec::Json, json(100).as_bytes(), None, &deep).is_ok());
    assert!(service.events(Codec::Json, json(101).as_bytes(), None, &deep).is_err());
}

#[test]
fn the_json_mapping_has_one_reading() {
    let with = |more: &str| call_json(&single(UnknownFields::Refuse), &format!(r#"{{"kind":"t",{more}}}"#));
    for more in [
        r#""note":"n""#,
        r#""note":null"#,
        r#""user":"u","robot":null"#,
        r#""meta":{"event_id":7}"#,
        r#""meta":{"eventId":"-7"}"#,
        r#""price":"NaN""#,
        r#""price":1e3"#,
        r#""price":-1e300"#,
        r#""weight":3.4028234e38"#,
        r#""weight":3.4028235e38"#,
        r#""weight":"-Infinity""#,
        r#""counts":{}"#,
        r#""sizes":["1",2]"#,
    ] {
        assert!(with(more).is_ok(), "{more}");
    }
    for more in [
        r#""note":{"value":"n"}"#,
        r#""meta":{"eventId":7,"event_id":7}"#,
        r#""meta":{"eventId":7,"event_id":null}"#,
        r#""meta":{"eventId":7.0}"#,
        r#""meta":{"eventId":"07"}"#,
        r#""meta":{"eventId":"-0"}"#,
        r#""meta":{"eventId":9223372036854775808}"#,
        r#""meta":[]"#,
        r#""user":"u","robot":"r""#,
        r#""price":"fast""#,
        &format!(r#""price":"{}""#, "9".repeat(400)),
        r#""weight":-3.4028236e38"#,
        &format!(r#""weight":"{}""#, "9".repeat(40)),
        r#""counts":{"a":"x"}"#,
        r#""counts":{"a":null}"#,
        r#""sizes":[null]"#,
        r#""sizes":1"#,
        r#""at":1"#,
        r#""at":"now""#,
        r#""EventId":1"#,
    ] {
        assert!(is_malformed(&with(more)), "{more}");
    }
}

#[test]
fn a_cloud_event_may_be_a_field() {
    let mut set = set();
    let event = message(
        "CloudEvent",
        vec![
            described(1, "id", Type::String),
            described(2, "source", Type::String),
            described(3, "spec_version", Type::String),
            described(4, "type", Type::String),
        ],
    );
    let wrapper = message(
        "Wrapper",
        vec![
            described(1, "bus", Type::String),
            inner(2, "event", ".io.cloudevents.v1.CloudEvent"),
            repeated(inner(3, "more", ".io.cloudevents.v1.CloudEvent")),
        ],
    );
    set.file.push(FileDescriptorProto {
        package: Some("io.cloudevents.v1".to_owned()),
        message_type: vec![event],
        ..FileDescriptorProto::default()
    });
    set.file.push(FileDescriptorProto { message_type: vec![wrapper], ..FileDescriptorProto::default() });
    let descriptors = Descriptors::read(&set.encode_to_vec()).unwrap();
    let wrapper = descriptors.message("Wrapper").unwrap();
    let protocol = |event| Layout::new(descriptors.clone(), wrapper, event).unwrap().cloud_events(UnknownFields::Refuse);
    let event = |kind: &[u8]| [field(1, b"1"), field(2, b"/s"), field(3, b"1.0"), field(4, kind)].concat();
    let single = Protocol::Grpc(Box::new(protocol(Some("event")).unwrap()));
    let events = call(&single, &[field(1, b"bus"), field(2, &event(b"t"))].concat()).unwrap();
    assert_eq!(
        (events[0].attribute("type"), events[0].attribute("specversion"), single.name()),
        (Some("t"), Some("1.0"), "cloudevents")
    );
    assert!(is_malformed(&call(&single, &[field(2, &event(b"t")), field(2, &event(b"u"))].concat())));
    assert!(is_malformed(&call(&single, &field(1, b"bus"))));
    let many = Protocol::Grpc(Box::new(protocol(Some("more")).unwrap()));
    assert_eq!(call(&many, &[field(3, &event(b"t")), field(3, &event(b"u"))].concat()).unwrap().len(), 2);
    assert!(protocol(None).is_err());
}

#[test]
fn a_batch_may_be_the_message() {
    let batch =
        Layout::new(Descriptors::known(), Descriptors::known().message("io.cloudevents.v1.CloudEventBatch").unwrap(), None);
    let protocol = Protocol::Grpc(Box::new(batch.unwrap().cloud_events(UnknownFields::Refuse).unwrap()));
    let event = [field(1, b"1"), field(2, b"/s"), field(3, b"1.0"), field(4, b"t")].concat();
    assert_eq!(call(&protocol, &field(1, &event).repeat(2)).unwrap().len(), 2);
    assert!(is_malformed(&call(&protocol, &event)));
}

/// One case a line.
#[rustfmt::skip]
#[test]
fn names_that_lead_nowhere_are_errors() {
    let order = layout("shop.v1.Order", None);
    for (path, wanted, expected) in [
        ("knd", Wanted::Text, "`shop.v1.Order` has no field `knd`"),
        ("", Wanted::Text, "`shop.v1.Order` has no field ``"),
        ("fromWhere", Wanted::Text, "`shop.v1.Order` has no field `fromWhere`"),
        ("meta.x", Wanted::Text, "`shop.v1.Meta` has no field `x`"),
        ("meta", Wanted::Text, "the field `meta` is not a string or an integer that is there once"),
        ("body", Wanted::Text, "the field `body` is not a string or an integer that is there once"),
        ("price", Wanted::Text, "the field `price` is not a string or an integer that is there once"),
        ("sizes", Wanted::Text, "the field `sizes` is not a string or an integer that is there once"),
        ("kind.x", Wanted::Text, "the field `kind` is not a message that is there once"),
        ("counts.key", Wanted::Text, "the field `counts` is not a message that is there once"),
        ("at.seconds", Wanted::Text, "the field `at` is not a message that is looked into"),
        ("extra.value", Wanted::Data, "the field `extra` is not a message that is looked into"),
        ("meta", Wanted::Time, "the field `meta` is not a string or a `google.protobuf.Timestamp` that is there once"),
        ("stamp", Wanted::Time, "the field `stamp` is not a string or a `google.protobuf.Timestamp` that is there once"),
        ("sizes", Wanted::Data, "the field `sizes` is not a string, bytes or a message that is there once"),
    ] {
        assert_eq!(order.path(path, wanted).unwrap_err().to_string(), expected, "{path}");
    }
    assert!(order.path("note.value", Wanted::Text).is_ok());
    let publish = descriptors().message("shop.v1.Publish").unwrap();
    for (event, expected) in [
        ("topic", "the field `topic` is not a message or a list of messages"),
        ("orders.parent", "the field `orders` is not a message that is there once"),
        ("order", "`shop.v1.Publish` has no field `order`"),
    ] {
        assert_eq!(Layout::new(descriptors(), publish, Some(event)).unwrap_err().to_string(), expected);
    }
    assert_eq!(descriptors().message("Order").unwrap_err().to_string(), "no message is named `Order`");
    assert_eq!(descriptors().message(".shop.v1.Order"), descriptors().message("shop.v1.Order"));
}

#[test]
fn methods_tell_their_message_and_whether_they_stream() {
    let descriptors = descriptors();
    assert_eq!(descriptors.input("shop.v1.Orders/Publish"), Ok((descriptors.message("shop.v1.Publish").unwrap(), false)));
    assert_eq!(descriptors.input("shop.v1.Orders/Stream"), Ok((descriptors.message("shop.v1.Order").unwrap(), true)));
    assert!(descriptors.input("shop.v1.Orders/Other").is_err());
}

#[test]
fn a_descriptor_set_is_whole() {
    let mut lacking = set();
    lacking.file.remove(0);
    let error = Descriptors::read(&lacking.encode_to_vec()).unwrap_err();
    assert!(error.to_string().starts_with("the descriptor set lacks `google.protobuf.Timestamp`"), "{error}");
    for bytes in [b"text".as_slice(), &[0x0a, 0x7f], &[0x0a, 2, 0x22, 0x7f]] {
        assert!(matches!(Descriptors::read(bytes), Err(DescriptorError::NotASet(_))), "{bytes:?}");
    }
    assert_eq!(Descriptors::read(b"").unwrap().message("x"), Err(DescriptorError::NoMessage("x".to_owned())));
}

#[test]
fn a_number_with_the_name_of_a_type_is_no_field() {
    let mut contradictory = set();
    let field = contradictory.file.iter_mut().flat_map(|file| &mut file.message_type).flat_map(|message| &mut message.field);
    let mut kinds = field.filter(|field| field.name() == "sizes");
    kinds.next().unwrap().type_name = Some(".shop.v1.Order.CountsEntry".to_owned());
    let descriptors = Descriptors::read(&contradictory.encode_to_vec()).unwrap();
    let order = descriptors.message("shop.v1.Order").unwrap();
    let layout = Layout::new(descriptors, order, None).unwrap();
    let fields = fields(&layout, None);
    let protocol = Protocol::Grpc(Box::new(layout.fields(fields, UnknownFields::Refuse)));
    let with = |json: &str| encode("shop.v1.Order", json);
    let whole = r#""kind":"t","meta":{"eventId":"1","fromWhere":"/s"}"#;
    assert!(call(&protocol, &with(&format!("{{{whole}}}"))).is_ok());
    assert!(is_malformed(&call(&protocol, &with(&format!(r#"{{{whole},"sizes":[1]}}"#)))));
}

fn order_json() -> impl Strategy<Value = String> {
    let text = "[a-zA-Z/é]{0,12}";
    (text, text, any::<i64>(), any::<u64>(), prop::collection::vec(any::<i32>(), 0..4), any::<bool>()).prop_map(
        |(kind, source, id, stamp, sizes, parent)| {
            let parent = if parent { r#""parent":{"kind":"other"},"# } else { "" };
            format!(r#"{{{parent}"kind":"t{kind}","meta":{{"eventId":"{id}","fromWhere":"{source}"}},"stamp":"{stamp}","sizes":{sizes:?}}}"#)
        },
    )
}

/// What another reader finds.
fn theirs(message: &DynamicMessage) -> (String, String, String) {
    let text = |message: &DynamicMessage, name: &str| message.get_field_by_name(name).unwrap().as_str().unwrap().to_owned();
    let meta = message.get_field_by_name("meta").unwrap();
    let meta = meta.as_message().unwrap();
    (text(message, "kind"), meta.get_field_by_name("event_id").unwrap().as_i64().unwrap().to_string(), text(meta, "from_where"))
}

fn ours(event: &Event<'_>) -> (String, String, String) {
    let text = |text: &Option<Cow<'_, str>>, default: &str| text.as_deref().unwrap_or(default).to_owned();
    (event.event_type.clone().into_owned(), text(&event.id, "0"), text(&event.source, ""))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_admitted_prost_reflect_reads_alike(json in order_json(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let pool = DescriptorPool::from_file_descriptor_set(set()).unwrap();
        let order = pool.get_message_by_name("shop.v1.Order").unwrap();
        let whole = encode("shop.v1.Order", &json);
        let protocol = single(UnknownFields::Refuse);
        let event = call(&protocol, &whole).unwrap().remove(0);
        prop_assert_eq!(ours(&event), theirs(&DynamicMessage::decode(order.clone(), whole.as_slice()).unwrap()));
        prop_assert_eq!(ours(&call_json(&protocol, &json).unwrap()[0]), ours(&event));
        let mut changed = whole;
        let at = at.index(changed.len());
        changed[at] = byte;
        if let Ok(events) = call(&protocol, &changed) {
            let read = DynamicMessage::decode(order, changed.as_slice()).unwrap();
            prop_assert_eq!(ours(&events[0]), theirs(&read));
            prop_assert_eq!(read.unknown_fields().count(), 0);
        }
    }

    #[test]
    fn no_descriptor_set_makes_it_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = set().encode_to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let order = |descriptors: Descriptors| {
            let message = descriptors.message("shop.v1.Order")?;
            Layout::new(descriptors, message, None)?.path("meta.event_id", Wanted::Text)
        };
        let _path = Descriptors::read(&bytes).and_then(order);
    }
}
