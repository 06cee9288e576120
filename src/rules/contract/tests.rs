use std::borrow::Cow;
use std::sync::Arc;

use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorProto};
use prost_types::{FileDescriptorSet, MessageOptions};

use super::*;
use crate::avro;
use crate::json::Owned;
use crate::protobuf::{Descriptors, MessageError, UnknownFields};
use crate::protocol::Data;
use crate::rules::ClaimValue;
use crate::schema::{self, Compiler, Limits};

const NOW: &str = "2026-11-23T08:00:00Z";

fn field(number: i32, name: &str, kind: Type, of: Option<&str>, label: Label) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        r#type: Some(kind.into()),
        type_name: of.map(str::to_owned),
        label: Some(label.into()),
        ..FieldDescriptorProto::default()
    }
}

/// ```text
/// syntax = "proto2"; package shop.v1;
/// enum State { OPEN = 0; PAID = 2; }
/// message Line { required string sku = 1; optional int32 count = 2; }
/// message Order {
///   optional string id = 1; repeated Line lines = 2; optional State state = 3; map<int32, Line> by_rank = 4;
///   optional google.protobuf.Timestamp paid_at = 5; optional google.protobuf.Duration took = 6; repeated State states = 7;
/// }
/// ```
fn set() -> FileDescriptorSet {
    let line = DescriptorProto {
        name: Some("Line".to_owned()),
        field: vec![field(1, "sku", Type::String, None, Label::Required), field(2, "count", Type::Int32, None, Label::Optional)],
        ..DescriptorProto::default()
    };
    let entry = DescriptorProto {
        name: Some("ByRankEntry".to_owned()),
        field: vec![
            field(1, "key", Type::Int32, None, Label::Optional),
            field(2, "value", Type::Message, Some(".shop.v1.Line"), Label::Optional),
        ],
        options: Some(MessageOptions { map_entry: Some(true), ..MessageOptions::default() }),
        ..DescriptorProto::default()
    };
    let order = DescriptorProto {
        name: Some("Order".to_owned()),
        nested_type: vec![entry],
        field: vec![
            field(1, "id", Type::String, None, Label::Optional),
            field(2, "lines", Type::Message, Some(".shop.v1.Line"), Label::Repeated),
            field(3, "state", Type::Enum, Some(".shop.v1.State"), Label::Optional),
            field(4, "by_rank", Type::Message, Some(".shop.v1.Order.ByRankEntry"), Label::Repeated),
            field(5, "paid_at", Type::Message, Some(".google.protobuf.Timestamp"), Label::Optional),
            field(6, "took", Type::Message, Some(".google.protobuf.Duration"), Label::Optional),
            field(7, "states", Type::Enum, Some(".shop.v1.State"), Label::Repeated),
        ],
        ..DescriptorProto::default()
    };
    let value = |name: &str, number| EnumValueDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        ..EnumValueDescriptorProto::default()
    };
    let state = EnumDescriptorProto {
        name: Some("State".to_owned()),
        value: vec![value("OPEN", 0), value("PAID", 2)],
        ..EnumDescriptorProto::default()
    };
    let imports = ["google/protobuf/timestamp.proto", "google/protobuf/duration.proto"];
    let shop = FileDescriptorProto {
        name: Some("shop.proto".to_owned()),
        package: Some("shop.v1".to_owned()),
        dependency: imports.map(str::to_owned).to_vec(),
        message_type: vec![line, order],
        enum_type: vec![state],
        ..FileDescriptorProto::default()
    };
    let known = DescriptorPool::global();
    let imported = imports.map(|name| known.get_file_by_name(name).unwrap().file_descriptor_proto().clone());
    FileDescriptorSet { file: imported.into_iter().chain([shop]).collect() }
}

fn message(unknown: UnknownFields) -> Form {
    let descriptors = Descriptors::read(&set().encode_to_vec()).unwrap();
    let message = descriptors.message("shop.v1.Order").unwrap();
    Form::Protobuf(MessageForm { descriptors: Arc::new(descriptors), message, unknown })
}

fn json(schema: &str) -> Form {
    let document = Owned::parse(schema.as_bytes().to_vec(), 16).unwrap();
    let mut compiler = Compiler::new(Limits::DEFAULT);
    let id = compiler.add("", document.root());
    Form::Json(compiler.compile().unwrap().contract(id, schema::UnknownFields::Allow).unwrap())
}

fn version(form: Form, names: Names) -> Version {
    Version { form, names, forbidden: Vec::new(), encrypted: None, deprecated: None }
}

fn of(form: Form) -> Versions {
    Versions::new(vec![version(form, Names::default())])
}

fn event<'a>(content_type: Option<&'a str>, data: Data<'a>) -> Event<'a> {
    Event {
        event_type: Cow::Borrowed("t"),
        id: None,
        source: None,
        time: None,
        subject: None,
        topic: None,
        data_content_type: content_type.map(Cow::Borrowed),
        data_schema: None,
        spec_version: None,
        extensions: Vec::new(),
        declared: Declared::Nothing,
        data,
    }
}

fn judge(versions: &Versions, event: &Event<'_>) -> Result<(), Violation> {
    versions.check(event, &JsonData::of(event, 16).map_err(|_| Violation::NotJson)?, Timestamp::parse(NOW).unwrap())
}

fn binary(bytes: &[u8]) -> Event<'_> {
    event(Some("application/protobuf"), Data::Binary(Cow::Borrowed(bytes)))
}

fn mapped(text: &str) -> Event<'_> {
    event(None, Data::Json(Cow::Borrowed(text)))
}

/// The place and the problem of a message.
fn problem(versions: &Versions, event: &Event<'_>) -> (String, String) {
    match judge(versions, event) {
        Err(Violation::Message(MessageError { place, problem })) => (place, problem.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_is_read_from_the_wire_and_from_its_json_mapping() {
    let versions = of(message(UnknownFields::Refuse));
    let text = r#"{"id": "1", "lines": [{"sku": "a"}, {"sku": "b", "count": 2}], "state": "PAID", "byRank": {"-7": {"sku": "c"}},
        "paid_at": "2026-11-23T08:00:00.5Z", "took": "-0.25s", "states": ["OPEN", 2]}"#;
    assert_eq!(judge(&versions, &mapped(text)), Ok(()));
    let pool = DescriptorPool::from_file_descriptor_set(set()).unwrap();
    let order = pool.get_message_by_name("shop.v1.Order").unwrap();
    let bytes = DynamicMessage::deserialize(order, &mut serde_json::Deserializer::from_str(text)).unwrap().encode_to_vec();
    for content_type in ["application/protobuf", "Application/X-Protobuf; v=1", "application/octet-stream"] {
        let data = Data::Binary(Cow::Borrowed(bytes.as_slice()));
        assert_eq!(judge(&versions, &event(Some(content_type), data)), Ok(()), "{content_type}");
    }
    assert_eq!(judge(&versions, &event(None, Data::Binary(Cow::Borrowed(&bytes)))), Ok(()));
    for content_type in ["application/json", "application/protobuf+json"] {
        let data = Data::Binary(Cow::Borrowed(text.as_bytes()));
        assert_eq!(judge(&versions, &event(Some(content_type), data)), Ok(()), "{content_type}");
    }
    // All fields have their defaults.
    assert_eq!(judge(&versions, &event(Some("application/protobuf"), Data::Absent)), Ok(()));
}

#[test]
fn data_of_another_kind_is_refused() {
    let versions = of(message(UnknownFields::Refuse));
    for (content_type, data) in [
        (None, Data::Absent),
        (Some("text/plain"), Data::Binary(Cow::Borrowed(b""))),
        (Some("application/avro"), Data::Binary(Cow::Borrowed(b""))),
        (Some("application/xml"), Data::Text(Cow::Borrowed(""))),
    ] {
        assert_eq!(judge(&versions, &event(content_type, data)), Err(Violation::Coding { expected: "Protobuf" }));
    }
    assert_eq!(judge(&versions, &event(Some("application/json"), Data::Absent)), Err(Violation::NotJson));
    // JSON that is said to be a message would be read as something that was not judged.
    let data = Data::Binary(Cow::Borrowed(b"{}"));
    assert_eq!(judge(&of(json("true")), &event(Some("application/protobuf"), data)), Err(Violation::NotJson));
}

#[test]
fn what_breaks_a_message_is_named_by_its_place_and_never_by_its_value() {
    let versions = of(message(UnknownFields::Refuse));
    for (bytes, place, says) in [
        (&b"\x40\x01"[..], "", "`shop.v1.Order` has no field 8"),
        (b"\x12\x03\x0a\x01a\x12\x02\x10\x01", "/lines/1", "`shop.v1.Line` lacks the field `sku`"),
        (b"\x12\x03\x0a\x01\xff", "/lines/0/sku", "the field `sku` is not of its type"),
        (b"\x18\x01", "/state", "the field `state` is not of its type"),
        (b"\x3a\x02\x00\x01", "/states", "the field `states` is not of its type"),
        (b"\x0a\x00\x0a\x00", "", "the field `id` is there twice, or another of its `oneof` is"),
        (b"\x0a\x01", "", "a message is cut"),
    ] {
        assert_eq!(problem(&versions, &binary(bytes)), (place.to_owned(), says.to_owned()), "{bytes:?}");
    }
    for (text, place, says) in [
        (r#"{"ID": "x"}"#, "", "`shop.v1.Order` has no field `ID`"),
        (r#"{"@type": "type.googleapis.com/shop.v1.Order"}"#, "", "`shop.v1.Order` has no field `@type`"),
        (r#"{"lines": [{"sku": "a"}, {}]}"#, "/lines/1", "`shop.v1.Line` lacks the field `sku`"),
        (r#"{"lines": [{"sku": "a", "count": 2147483648}]}"#, "/lines/0/count", "the field `count` is not of its type"),
        (r#"{"byRank": {"x": {"sku": "a"}}}"#, "/by_rank", "the field `by_rank` is not of its type"),
        (r#"{"byRank": {"1": {"sku": 1}}}"#, "/by_rank/sku", "the field `sku` is not of its type"),
        (r#"{"state": "paid"}"#, "/state", "the field `state` is not of its type"),
        (r#"{"state": 1}"#, "/state", "the field `state` is not of its type"),
        (r#"{"paidAt": "yesterday"}"#, "/paid_at", "`google.protobuf.Timestamp` is not written as its JSON mapping has it"),
        (r#"{"took": "1.s"}"#, "/took", "`google.protobuf.Duration` is not written as its JSON mapping has it"),
        ("[]", "", "`shop.v1.Order` is not written as its JSON mapping has it"),
    ] {
        assert_eq!(problem(&versions, &mapped(text)), (place.to_owned(), says.to_owned()), "{text}");
    }
}

#[test]
fn fields_that_a_message_type_does_not_have_pass_where_the_policy_says_so() {
    let versions = of(message(UnknownFields::Keep));
    for bytes in [&b"\x40\x01"[..], b"\x18\x01"] {
        assert_eq!(judge(&versions, &binary(bytes)), Ok(()));
    }
    assert_eq!(judge(&versions, &mapped(r#"{"ID": "x", "state": "NEW"}"#)), Ok(()));
}

#[test]
fn the_type_of_an_any_must_be_the_message() {
    let versions = of(message(UnknownFields::Refuse));
    for (url, expected) in [
        ("type.googleapis.com/shop.v1.Order", true),
        ("shop.v1.Order", true),
        ("type.googleapis.com/shop.v1.Line", false),
        ("type.googleapis.com/shop.v1.Order/", false),
        ("", false),
    ] {
        let declared = Declared::Message(Cow::Borrowed(url));
        // The content type is the producer's word only; the type of the message goes before it.
        let wire =
            Event { declared: declared.clone(), ..event(Some("application/json"), Data::Binary(Cow::Borrowed(b"\x0a\x01a"))) };
        assert_eq!(judge(&versions, &wire).is_ok(), expected, "{url}");
        let text = format!(r#"{{"@type": "{url}", "id": "a"}}"#);
        assert_eq!(judge(&versions, &Event { declared, ..mapped(&text) }).is_ok(), expected, "{url}");
    }
    let event = Event { declared: Declared::Message(Cow::Borrowed("x/y")), ..binary(b"") };
    assert_eq!(judge(&versions, &event), Err(Violation::DataSchema { found: Some("x/y".to_owned()) }));
    assert!(matches!(judge(&of(json("true")), &event), Err(Violation::DataSchema { .. })));
}

fn when(pointer: &str, value: i64) -> Names {
    let claim = Claim { at: Pointer::parse(pointer).unwrap(), values: vec![ClaimValue::Integer(value)] };
    Names { when: vec![claim], ..Names::default() }
}

#[test]
fn a_field_of_the_data_says_which_version_an_event_is_of() {
    let versions = Versions::new(vec![
        version(json(r#"{"required": ["a"]}"#), when("/meta/v", 1)),
        version(json(r#"{"required": ["b"]}"#), when("/meta/v", 2)),
    ]);
    let unnamed = |text: &str| matches!(judge(&versions, &mapped(text)), Err(Violation::DataSchema { .. }));
    assert_eq!(judge(&versions, &mapped(r#"{"meta": {"v": 1}, "a": 0}"#)), Ok(()));
    assert_eq!(judge(&versions, &mapped(r#"{"meta": {"v": 2}, "b": 0}"#)), Ok(()));
    assert!(matches!(judge(&versions, &mapped(r#"{"meta": {"v": 2}, "a": 0}"#)), Err(Violation::Schema(_))));
    for text in [r#"{"meta": {"v": 3}}"#, r#"{"meta": {"v": "1"}, "a": 0}"#, r#"{"a": 0}"#, "[]", "no JSON"] {
        assert!(unnamed(text), "{text}");
    }
}

#[test]
fn what_an_event_says_of_its_version_must_not_contradict_itself() {
    let named = |name: &str, field| Names { data_schema: Some(name.to_owned()), ..when("/v", field) };
    let versions = Versions::new(vec![version(json("true"), named("urn:1", 1)), version(json("true"), when("/v", 2))]);
    for (data_schema, text, expected) in [
        (Some("urn:1"), r#"{"v": 1}"#, true),
        (None, r#"{"v": 1}"#, true),
        (None, r#"{"v": 2}"#, true),
        (Some("urn:1"), r#"{"v": 2}"#, false),
        (Some("urn:2"), r#"{"v": 2}"#, false),
        (Some("urn:2"), r#"{"v": 1}"#, false),
    ] {
        let event = Event { data_schema: data_schema.map(Cow::Borrowed), ..mapped(text) };
        assert_eq!(judge(&versions, &event).is_ok(), expected, "{data_schema:?} {text}");
    }
}

#[test]
fn a_version_of_every_form_ends() {
    let ended = Some(Deprecated {
        after: Timestamp::parse("2026-01-01T00:00:00Z").unwrap(),
        refuse_after: Some(Timestamp::parse(NOW).unwrap()),
    });
    let old = Version { deprecated: ended, ..version(message(UnknownFields::Refuse), Names::default()) };
    let (versions, event) = (Versions::new(vec![old]), binary(b""));
    assert!(matches!(judge(&versions, &event), Err(Violation::Deprecated { .. })));
    let before = Timestamp::parse("2026-11-23T07:59:59Z").unwrap();
    let data = JsonData::of(&event, 16).unwrap();
    assert_eq!(versions.check(&event, &data, before), Ok(()));
    assert!(versions.is_deprecated(&event, &data, before));
    let other = Event { declared: Declared::Message(Cow::Borrowed("x")), ..binary(b"") };
    assert!(!versions.is_deprecated(&other, &JsonData::of(&other, 16).unwrap(), before));
}

fn avro(framing: Framing) -> Form {
    let schema =
        Owned::parse(br#"{"type": "record", "name": "A", "fields": [{"name": "a", "type": "string"}]}"#.to_vec(), 8).unwrap();
    Form::Avro(AvroForm { schema: Arc::new(avro::Schema::compile(schema.root()).unwrap()), framing })
}

fn bytes(bytes: &[u8]) -> Event<'_> {
    event(Some("application/avro"), Data::Binary(Cow::Borrowed(bytes)))
}

#[test]
fn avro_stands_behind_the_frame_that_the_policy_says_and_behind_no_other() {
    let Form::Avro(AvroForm { schema, .. }) = avro(Framing::Bare) else { panic!("Avro") };
    let single = [&[0xc3, 1][..], &schema.fingerprint().to_le_bytes(), b"\x02a"].concat();
    let confluent = b"\x00\x00\x00\x00\x07\x02a";
    let versions =
        |framing, ids: &[u32]| Versions::new(vec![version(avro(framing), Names { ids: ids.to_vec(), ..Names::default() })]);
    for (framing, taken) in [
        (Framing::Bare, [true, false, false]),
        (Framing::SingleObject, [false, true, false]),
        (Framing::Confluent, [false, false, true]),
    ] {
        let versions = versions(framing, &[7]);
        let judged = [&b"\x02a"[..], &single, confluent].map(|data| judge(&versions, &bytes(data)).is_ok());
        assert_eq!(judged, taken, "{framing:?}");
        assert_eq!(judge(&versions, &mapped(r#"{"a": "b"}"#)), Ok(()), "JSON has no frame");
        assert!(matches!(judge(&versions, &mapped(r#"{"a": 1}"#)), Err(Violation::Avro(_))));
    }
    assert!(matches!(judge(&versions(Framing::Confluent, &[8]), &bytes(confluent)), Err(Violation::DataSchema { .. })));
    assert_eq!(judge(&of(avro(Framing::Bare)), &binary(b"\x02a")), Err(Violation::Coding { expected: "Avro" }));
    assert_eq!(judge(&of(json("true")), &bytes(b"1")), Err(Violation::NotJson));
}

#[test]
fn the_id_in_the_frame_says_which_version_an_event_is_of() {
    let with_id = |id| version(avro(Framing::Confluent), Names { ids: vec![id], ..Names::default() });
    let ended = Deprecated { after: Timestamp::parse(NOW).unwrap(), refuse_after: Some(Timestamp::parse(NOW).unwrap()) };
    let versions = Versions::new(vec![with_id(1), Version { deprecated: Some(ended), ..with_id(2) }]);
    let framed = |id| [&[0, 0, 0, 0, id][..], b"\x02a"].concat();
    assert_eq!(judge(&versions, &bytes(&framed(1))), Ok(()));
    assert!(matches!(judge(&versions, &bytes(&framed(2))), Err(Violation::Deprecated { .. })));
    for data in [&framed(3)[..], b"\x02a", b"", b"\x00\x00\x00\x00"] {
        assert!(matches!(judge(&versions, &bytes(data)), Err(Violation::DataSchema { .. })), "{data:?}");
    }
}
