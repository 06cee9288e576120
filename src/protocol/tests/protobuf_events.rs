use std::collections::BTreeMap;

use proptest::prelude::*;
use prost::Message;

use super::*;

/// io.cloudevents.v1, as a decoder in use has it.
#[derive(Clone, PartialEq, Message)]
struct CloudEvent {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    source: String,
    #[prost(string, tag = "3")]
    spec_version: String,
    #[prost(string, tag = "4")]
    r#type: String,
    #[prost(btree_map = "string, message", tag = "5")]
    attributes: BTreeMap<String, AttributeValue>,
    #[prost(oneof = "EventData", tags = "6, 7, 8")]
    data: Option<EventData>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum EventData {
    #[prost(bytes, tag = "6")]
    Binary(Vec<u8>),
    #[prost(string, tag = "7")]
    Text(String),
    #[prost(message, tag = "8")]
    Proto(prost_types::Any),
}

#[derive(Clone, PartialEq, Message)]
struct AttributeValue {
    #[prost(oneof = "Attr", tags = "1, 2, 3, 4, 5, 6, 7")]
    attr: Option<Attr>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Attr {
    #[prost(bool, tag = "1")]
    Boolean(bool),
    #[prost(int32, tag = "2")]
    Integer(i32),
    #[prost(string, tag = "3")]
    String(String),
    #[prost(bytes, tag = "4")]
    Bytes(Vec<u8>),
    #[prost(string, tag = "5")]
    Uri(String),
    #[prost(string, tag = "6")]
    UriRef(String),
    #[prost(message, tag = "7")]
    Timestamp(prost_types::Timestamp),
}

#[derive(Clone, PartialEq, Message)]
struct CloudEventBatch {
    #[prost(message, repeated, tag = "1")]
    events: Vec<CloudEvent>,
}

fn event(attributes: &[(&str, Attr)], data: Option<EventData>) -> CloudEvent {
    CloudEvent {
        id: "1".to_owned(),
        source: "/s".to_owned(),
        spec_version: "1.0".to_owned(),
        r#type: "t".to_owned(),
        attributes: attributes
            .iter()
            .map(|(name, attr)| ((*name).to_owned(), AttributeValue { attr: Some(attr.clone()) }))
            .collect(),
        data,
    }
}

const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+protobuf");
const BATCH: (&str, &str) = ("content-type", "application/cloudevents-batch+protobuf");
const GRPC: (&str, &str) = ("content-type", "application/grpc+proto");

fn one(message: &CloudEvent) -> Result<Event<'static>, ProtocolError> {
    one_of_bytes(&message.encode_to_vec())
}

/// Over HTTP and over gRPC it is the same event.
fn one_of_bytes(message: &[u8]) -> Result<Event<'static>, ProtocolError> {
    let http = read(&Protocol::CloudEvents, &[STRUCTURED], message);
    assert_eq!(read(&Protocol::CloudEvents, &[GRPC], &frame(0, message)), http);
    http.map(|mut events| events.remove(0))
}

#[test]
fn a_cloud_event_in_protobuf_is_the_event_that_it_is_in_json() {
    let time = prost_types::Timestamp { seconds: 1_795_420_800, nanos: 120_000_000 };
    let message = event(
        &[
            ("time", Attr::Timestamp(time)),
            ("subject", Attr::String("cart".to_owned())),
            ("dataschema", Attr::Uri("https://shop/cart".to_owned())),
            ("datacontenttype", Attr::String("application/json".to_owned())),
            ("flag", Attr::Boolean(true)),
            ("count", Attr::Integer(-7)),
            ("raw", Attr::Bytes(vec![0xfb, 0xff])),
            ("link", Attr::UriRef("/x".to_owned())),
        ],
        Some(EventData::Text("{ }".to_owned())),
    );
    let event = one(&message).unwrap();
    for (name, expected) in [
        ("type", "t"),
        ("id", "1"),
        ("source", "/s"),
        ("specversion", "1.0"),
        ("time", "2026-11-23T08:00:00.120Z"),
        ("subject", "cart"),
        ("dataschema", "https://shop/cart"),
        ("datacontenttype", "application/json"),
        ("flag", "true"),
        ("count", "-7"),
        ("raw", "+/8="),
        ("link", "/x"),
    ] {
        assert_eq!(event.attribute(name), Some(expected), "{name}");
    }
    assert_eq!((event.topic.as_deref(), event.data), (Some("carts"), Data::Text("{ }".into())));
}

#[test]
fn data_is_bytes_text_or_a_message() {
    let data = |data| one(&event(&[], data)).unwrap().data;
    assert_eq!(data(None), Data::Absent);
    assert_eq!(data(Some(EventData::Binary(vec![1]))), Data::Binary(vec![1].into()));
    assert_eq!(data(Some(EventData::Text("x".to_owned()))), Data::Text("x".into()));
    let any = prost_types::Any { type_url: "type.googleapis.com/shop.Cart".to_owned(), value: vec![8, 1] };
    assert_eq!(data(Some(EventData::Proto(any))), Data::Binary(vec![8, 1].into()));
}

#[test]
fn a_required_attribute_has_its_field_and_nothing_else_has_it() {
    for missing in ["id", "source", "specversion", "type"] {
        let mut message = event(&[], None);
        match missing {
            "id" => message.id.clear(),
            "source" => message.source.clear(),
            "specversion" => message.spec_version.clear(),
            _ => message.r#type.clear(),
        }
        assert_eq!(one(&message), Err(ProtocolError::MissingAttribute(missing)));
        assert!(is_malformed(&one(&event(&[(missing, Attr::String("1.0".to_owned()))], None))), "{missing}");
    }
}

#[test]
fn an_attribute_has_a_value_of_a_type_that_it_can_have() {
    let text = || Attr::String("x".to_owned());
    let late = |nanos| Attr::Timestamp(prost_types::Timestamp { seconds: 0, nanos });
    for (name, value, admitted) in [
        ("ext", text(), true),
        ("ext", Attr::String(String::new()), true),
        ("Ext", text(), false),
        ("data", text(), false),
        ("", text(), false),
        ("subject", Attr::Boolean(true), false),
        ("subject", Attr::Bytes(vec![1]), false),
        ("subject", late(0), false),
        ("subject", Attr::String(String::new()), false),
        ("time", text(), false),
        ("time", Attr::String("2026-11-23T08:00:00Z".to_owned()), true),
        ("time", late(999_999_999), true),
        ("time", late(1_000_000_000), false),
        ("time", late(-1), false),
        ("time", Attr::Timestamp(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }), false),
    ] {
        assert_eq!(one(&event(&[(name, value.clone())], None)).is_ok(), admitted, "{name} {value:?}");
    }
    let mut unset = event(&[], None);
    unset.attributes.insert("ext".to_owned(), AttributeValue { attr: None });
    assert!(is_malformed(&one(&unset)));
}

#[test]
fn times_are_written_as_the_json_mapping_writes_them() {
    for (nanos, text) in [
        (0, "1970-01-01T00:00:01Z"),
        (500_000_000, "1970-01-01T00:00:01.500Z"),
        (1_000, "1970-01-01T00:00:01.000001Z"),
        (1, "1970-01-01T00:00:01.000000001Z"),
    ] {
        let time = Attr::Timestamp(prost_types::Timestamp { seconds: 1, nanos });
        assert_eq!(one(&event(&[("time", time)], None)).unwrap().time.unwrap().text, text);
    }
}

#[test]
fn grpc_unknown_fields_and_repeated_singular_fields_last_wins_elsewhere() {
    let message = event(&[("ext", Attr::String("x".to_owned()))], None).encode_to_vec();
    let more = |bytes: Vec<u8>| one_of_bytes(&[message.clone(), bytes].concat());
    let entry = |value: Vec<u8>| field(5, &[field(1, b"more"), field(2, &value)].concat());
    assert!(more(entry(field(3, b"y"))).is_ok());
    for (what, bytes) in [
        ("an unknown field", field(9, b"")),
        ("a second type", field(4, b"u")),
        ("the same type again", field(4, b"t")),
        ("a second id", field(1, b"2")),
        ("a type of another wire type", vec![4 << 3, 1]),
        ("a group", vec![9 << 3 | 3, 9 << 3 | 4]),
        ("a key of the map again", field(5, &[field(1, b"ext"), field(2, &field(3, b"y"))].concat())),
        ("two values in an entry", field(5, &[field(1, b"a"), field(2, &field(3, b"y")), field(2, &field(3, b"z"))].concat())),
        ("an unknown field in a value", entry([field(3, b"y"), field(8, b"")].concat())),
        ("text that is not UTF-8", entry(field(3, b"\xff"))),
        ("a truth value that is 2", entry(vec![1 << 3, 2])),
        ("an integer beyond 32 bits", entry(vec![2 << 3, 0xff, 0xff, 0xff, 0xff, 0x7f])),
    ] {
        assert!(is_malformed(&more(bytes)), "{what}");
    }
}

#[test]
fn grpc_a_oneof_set_twice() {
    let message = event(&[], None).encode_to_vec();
    let data = |fields: &[Vec<u8>]| one_of_bytes(&[message.clone(), fields.concat()].concat());
    assert!(data(&[field(6, b"x")]).is_ok());
    assert!(is_malformed(&data(&[field(6, b"x"), field(7, b"x")])));
    assert!(is_malformed(&data(&[field(7, b"x"), field(7, b"x")])));
    assert!(is_malformed(&data(&[field(8, b""), field(6, b"x")])));
    let value = |value: &[Vec<u8>]| data(&[field(5, &[field(1, b"ext"), field(2, &value.concat())].concat())]);
    assert!(value(&[field(3, b"x")]).is_ok());
    assert!(is_malformed(&value(&[field(3, b"x"), vec![1 << 3, 1]])));
    assert!(is_malformed(&value(&[vec![1 << 3, 1], field(3, b"x")])));
}

#[test]
fn a_batch_has_its_own_content_type() {
    let batch = |events: Vec<CloudEvent>| read(&Protocol::CloudEvents, &[BATCH], &CloudEventBatch { events }.encode_to_vec());
    assert_eq!(batch(vec![event(&[], None); 4]).unwrap().len(), 4);
    assert_eq!(batch(vec![event(&[], None); 5]), Err(ProtocolError::TooMany { limit: 4 }));
    assert_eq!(read(&Protocol::CloudEvents, &[BATCH], &b"\x0a\x00".repeat(5)), Err(ProtocolError::TooMany { limit: 4 }));
    assert!(is_malformed(&batch(vec![])));
    assert_eq!(batch(vec![event(&[], None), CloudEvent::default()]), Err(ProtocolError::MissingAttribute("specversion")));
    let single = event(&[], None).encode_to_vec();
    assert!(read(&Protocol::CloudEvents, &[BATCH], &single).is_err(), "an event is no batch");
    let wrapped = CloudEventBatch { events: vec![event(&[], None)] }.encode_to_vec();
    assert!(read(&Protocol::CloudEvents, &[STRUCTURED], &wrapped).is_err(), "a batch is no event");
}

#[test]
fn headers_beside_a_message_may_only_say_the_same() {
    let message = event(&[], None).encode_to_vec();
    let framed = frame(0, &message);
    for (content_type, body) in [(STRUCTURED, &message), (GRPC, &framed)] {
        let beside = |name, value| read(&Protocol::CloudEvents, &[content_type, (name, value)], body);
        assert!(beside("ce-type", "t").is_ok());
        assert_eq!(beside("ce-type", "u"), Err(mismatch("ce-type")));
        assert_eq!(beside("ce-ext", "u"), Err(mismatch("ce-ext")));
    }
    let batch = CloudEventBatch { events: vec![event(&[], None)] }.encode_to_vec();
    assert_eq!(read(&Protocol::CloudEvents, &[BATCH, ("ce-type", "t")], &batch), Err(mismatch("ce-type")));
}

fn json(text: &str) -> Result<Event<'static>, ProtocolError> {
    let headers = [("content-type", "application/grpc+json")];
    read(&Protocol::CloudEvents, &headers, &frame(0, text.as_bytes())).map(|mut events| events.remove(0))
}

#[test]
fn the_json_mapping_of_the_message_is_read_alike() {
    let message = event(
        &[("time", Attr::Timestamp(prost_types::Timestamp { seconds: 1, nanos: 0 }))],
        Some(EventData::Binary(vec![0xff, 0xfe])),
    );
    for text in [
        r#"{"id":"1","source":"/s","specVersion":"1.0","type":"t","attributes":{"time":{"ceTimestamp":"1970-01-01T00:00:01Z"}},"binaryData":"//4="}"#,
        r#"{"id":"1","source":"/s","spec_version":"1.0","type":"\u0074","attributes":{"time":{"ce_timestamp":"1970-01-01T00:00:01Z"}},"binary_data":"__4","textData":null}"#,
    ] {
        assert_eq!(json(text).unwrap(), one(&message).unwrap(), "{text}");
    }
    let with = |more: &str| json(&format!(r#"{{"id":"1","source":"/s","specVersion":"1.0","type":"t",{more}}}"#));
    assert!(with(r#""attributes":{"n":{"ceInteger":-7},"m":{"ceInteger":"7"},"b":{"ceBoolean":true}}"#).is_ok());
    assert_eq!(with(r#""protoData":{"@type":"x/y","a":1}"#).unwrap().data, Data::Json(r#"{"@type":"x/y","a":1}"#.into()));
    for more in [
        r#""Type":"u""#,
        r#""spec_version":"1.0""#,
        r#""unknown":1"#,
        r#""type":"u""#,
        r#""textData":"x","binaryData":"""#,
        r#""textData":1"#,
        r#""binaryData":"?""#,
        r#""attributes":[]"#,
        r#""attributes":{"n":{"ceInteger":1.0}}"#,
        r#""attributes":{"n":{"ceInteger":"007"}}"#,
        r#""attributes":{"n":{"ceInteger":2147483648}}"#,
        r#""attributes":{"n":{"ceBoolean":"true"}}"#,
        r#""attributes":{"n":{"ceBoolean":true,"ceString":"x"}}"#,
        r#""attributes":{"n":null}"#,
        r#""attributes":{"n":{}}"#,
        r#""attributes":{"time":{"ceTimestamp":1}}"#,
    ] {
        assert!(is_malformed(&with(more)), "{more}");
    }
}

fn attributes() -> impl Strategy<Value = Vec<(String, Attr)>> {
    let value = prop_oneof![
        any::<bool>().prop_map(Attr::Boolean),
        any::<i32>().prop_map(Attr::Integer),
        "[ -~é]{0,12}".prop_map(Attr::String),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(Attr::Bytes),
        (0..4_000_000_000_i64).prop_map(|seconds| Attr::Timestamp(prost_types::Timestamp { seconds, nanos: 5 })),
    ];
    prop::collection::vec(("x[a-z]{1,8}", value), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_prost_encodes_is_read_alike(attributes in attributes(), data in prop::collection::vec(any::<u8>(), 0..100)) {
        let attributes: Vec<_> = attributes.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let message = event(&attributes, Some(EventData::Binary(data.clone())));
        let read = one(&message).unwrap();
        prop_assert_eq!(read.data.bytes(), &data);
        prop_assert_eq!(read.extensions.len(), message.attributes.len());
        for (name, value) in &message.attributes {
            let expected = match value.attr.clone().unwrap() {
                Attr::Boolean(value) => value.to_string(),
                Attr::Integer(value) => value.to_string(),
                Attr::String(value) => value,
                Attr::Bytes(_) | Attr::Uri(_) | Attr::UriRef(_) | Attr::Timestamp(_) => continue,
            };
            prop_assert_eq!(read.attribute(name), Some(expected.as_str()));
        }
    }

    #[test]
    fn one_changed_byte_never_panics_and_is_read_as_prost_reads_it(
        attributes in attributes(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let attributes: Vec<_> = attributes.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let mut bytes = event(&attributes, Some(EventData::Text("text".to_owned()))).encode_to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(read) = one_of_bytes(&bytes) {
            let theirs = CloudEvent::decode(bytes.as_slice()).unwrap();
            prop_assert_eq!(read.event_type.as_ref(), &theirs.r#type);
            prop_assert_eq!(read.id.as_deref(), Some(theirs.id.as_str()));
            prop_assert_eq!(read.source.as_deref(), Some(theirs.source.as_str()));
            prop_assert_eq!(read.attribute("specversion"), Some(theirs.spec_version.as_str()));
        }
    }
}
