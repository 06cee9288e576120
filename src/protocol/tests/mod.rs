//! Calls as they come over the wire, and what is read of them.

mod batch;
mod cloudevents;
mod content;
mod dapr;
mod envelope;
mod grpc;
mod kafka_rest;
mod protobuf_events;
mod pubsub;
mod service;

use super::*;
use crate::json::Pointer;

const BUDGET: Budget = Budget { body: 1 << 16, events: 4, depth: 8, attributes: 12, checks: 8, failed_checks: None };

const PUBSUB: Protocol = Protocol::PubSub(crate::protocol::pubsub::Attributes::CloudEvents);

fn head(headers: &[(&str, &str)]) -> Head {
    let pseudo = [(":method", "POST"), (":authority", "bus"), (":path", "/e")];
    Head::from_map(pseudo.iter().chain(headers).copied().collect()).unwrap()
}

fn json() -> Protocol {
    let pointer = |text| Pointer::parse(text).unwrap();
    Protocol::Json(json::Envelope {
        event_type: pointer("/eventType"),
        id: Some(pointer("/meta/id")),
        source: None,
        time: Some(pointer("/timestamp")),
        subject: Some(pointer("/subject")),
        data: Some(pointer("/payload")),
    })
}

/// Everything that the protocol does with a call.
fn read(protocol: &Protocol, headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<Event<'static>>, ProtocolError> {
    let head = head(headers);
    let form = protocol.form(&head)?;
    let content = content(&head, body, &BUDGET)?;
    let events = protocol.events(form, &head, &content, Some("carts"), &BUDGET)?;
    Ok(events.into_iter().map(Event::into_owned).collect())
}

/// A length-prefixed message of gRPC.
fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], length.as_slice(), message].concat()
}

/// A field of a message that is length-delimited.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut encoded = vec![number << 3 | 2];
    prost::encode_length_delimiter(content.len(), &mut encoded).unwrap();
    encoded.extend_from_slice(content);
    encoded
}

fn is_malformed<T>(result: &Result<T, ProtocolError>) -> bool {
    matches!(result, Err(ProtocolError::Malformed(_)))
}

fn mismatch(header: &str) -> ProtocolError {
    ProtocolError::HeaderMismatch(header.to_owned())
}

/// Go and .NET match names without regard to case: what would be another member to them is unknown to us, and refused.
#[test]
fn names_of_envelopes_that_differ_by_case_alone_are_refused() {
    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1}"#;
    const BASE64: &str = "eyJzcGVjdmVyc2lvbiI6IjEuMCIsImlkIjoiMSIsInNvdXJjZSI6Ii9zIiwidHlwZSI6InQifQ==";
    let v2 = format!(r#"{{"records":[{{"value":{EVENT}}}]}}"#);
    let v3 = format!(r#"{{"headers":[{{"name":"x","value":"eA=="}}],"value":{{"type":"JSON","data":{EVENT}}}}}"#);
    let pubsub = format!(
        r#"{{"messages":[{{"data":"{BASE64}","attributes":{{"content-type":"application/cloudevents+json"}},"orderingKey":"k"}}]}}"#
    );
    for (protocol, content_type, body, names) in [
        (Protocol::CloudEvents, "application/cloudevents+json", EVENT, &["specversion", "id", "source", "type", "data"][..]),
        (Protocol::KafkaRest, "application/vnd.kafka.json.v2+json", v2.as_str(), &["records", "value", "id", "type", "data"]),
        (Protocol::KafkaRest, "application/json", v3.as_str(), &["headers", "name", "value", "type", "data", "id"]),
        (
            Protocol::PubSub(crate::protocol::pubsub::Attributes::CloudEvents),
            "application/json",
            pubsub.as_str(),
            &["messages", "data", "attributes", "content-type", "orderingKey"],
        ),
    ] {
        let read = |body: &str| {
            let head = head(&[("content-type", content_type)]);
            let form = protocol.form(&head)?;
            protocol.events(form, &head, body.as_bytes(), Some("carts"), &BUDGET).map(|events| events.len())
        };
        assert_eq!(read(body), Ok(1), "{body}");
        for name in names {
            let member = format!("\"{name}\":");
            let upper = member.to_ascii_uppercase();
            for instead in [format!("{upper}1,{member}"), format!("{upper}\"1\",{member}")] {
                let changed = body.replacen(&member, &instead, 1);
                assert!(read(&changed).is_err(), "{changed}");
            }
        }
    }
}

#[test]
fn a_form_of_another_protocol_is_no_form() {
    let head = head(&[]);
    for protocol in
        [Protocol::CloudEvents, json(), Protocol::KafkaRest, PUBSUB, Protocol::Dapr(crate::protocol::dapr::Components::Any)]
    {
        let forms = [
            Form::Binary,
            Form::Structured,
            Form::Batch,
            Form::Json,
            Form::KafkaV2Json,
            Form::KafkaV2Binary,
            Form::KafkaV3,
            Form::StructuredProtobuf,
            Form::BatchProtobuf,
            Form::PubSubRest,
            Form::DaprPublish,
            Form::DaprBulk,
            Form::Grpc(Codec::Proto),
            Form::Grpc(Codec::Json),
        ];
        for form in forms {
            assert!(protocol.events(form, &head, b"", None, &BUDGET).is_err(), "{} {form:?}", protocol.name());
        }
    }
}

#[test]
fn each_protocol_has_its_content_types() {
    let forms = |text: &str| {
        let head = head(&[("content-type", text)]);
        [Protocol::CloudEvents, json(), Protocol::KafkaRest].map(|protocol| protocol.form(&head).ok())
    };
    for (text, expected) in [
        ("application/json", [None, Some(Form::Json), Some(Form::KafkaV3)]),
        ("Application/Json; charset=UTF-8", [None, Some(Form::Json), Some(Form::KafkaV3)]),
        ("application/json; charset=ibm037", [None, None, None]),
        ("application/vnd.shop.v1+json", [None, Some(Form::Json), None]),
        ("text/json", [None, None, None]),
        ("application/cloudevents+json", [Some(Form::Structured), Some(Form::Json), None]),
        ("APPLICATION/CLOUDEVENTS+JSON;charset=\"utf-8\"", [Some(Form::Structured), Some(Form::Json), None]),
        ("application/cloudevents+json;charset=utf-16", [None, None, None]),
        ("application/cloudevents-batch+json", [Some(Form::Batch), Some(Form::Json), None]),
        ("application/cloudevents-Batch+JSON", [Some(Form::Batch), Some(Form::Json), None]),
        ("application/cloudevents-batch+json;charset=utf-7", [None, None, None]),
        ("application/cloudevents-batch", [None, None, None]),
        ("application/cloudevents", [None, None, None]),
        ("application/cloudevents+avro", [None, None, None]),
        ("application/cloudevents+xml", [None, None, None]),
        ("application/vnd.kafka.json.v2+json", [None, Some(Form::Json), Some(Form::KafkaV2Json)]),
        ("application/vnd.kafka.binary.v2+json", [None, Some(Form::Json), Some(Form::KafkaV2Binary)]),
        ("application/vnd.kafka.json.v2+json; charset=latin1", [None, None, None]),
        ("application/vnd.kafka.avro.v2+json", [None, Some(Form::Json), Some(Form::KafkaV2Json)]),
        ("text/xml", [None, None, None]),
        ("", [None, None, None]),
    ] {
        assert_eq!(forms(text), expected, "{text}");
    }
}

#[test]
fn one_bad_event_in_a_batch_of_a_thousand_refuses_all() {
    let head = head(&[("content-type", "application/cloudevents-batch+json")]);
    let budget = Budget { body: 1 << 20, events: 1000, ..BUDGET };
    let read = |bad: Option<usize>| {
        let event = |id| {
            let type_of_it = if bad == Some(id) { r#""type":"t","t\u0079pe":"u""# } else { r#""type":"t""# };
            format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s",{type_of_it}}}"#)
        };
        let body = format!("[{}]", (0..1000).map(event).collect::<Vec<_>>().join(","));
        Protocol::CloudEvents.events(Form::Batch, &head, body.as_bytes(), None, &budget).map(|events| events.len())
    };
    assert_eq!(read(None), Ok(1000));
    for bad in [0, 500, 999] {
        assert!(is_malformed(&read(Some(bad))), "event {bad}");
    }
}

#[test]
fn without_a_content_type_only_headers_make_an_event() {
    for protocol in [Protocol::CloudEvents, json(), Protocol::KafkaRest, PUBSUB] {
        assert_eq!(protocol.form(&head(&[])), Err(ProtocolError::ContentType { found: String::new() }));
    }
    assert_eq!(Protocol::CloudEvents.form(&head(&[("ce-type", "t")])), Ok(Form::Binary));
}

#[test]
fn a_content_type_that_is_there_twice_is_refused() {
    let head = head(&[("content-type", "application/json"), ("content-type", "application/json")]);
    for protocol in [Protocol::CloudEvents, json(), Protocol::KafkaRest] {
        assert!(matches!(protocol.form(&head), Err(ProtocolError::Header(_))), "{}", protocol.name());
    }
}

#[test]
fn what_a_message_shows_of_the_call_is_short_and_moves_no_cursor() {
    let error = Protocol::CloudEvents.form(&head(&[("content-type", &format!("\u{1b}[2J{}", "x".repeat(100)))])).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("\\u{1b}[2J") && message.len() < 140, "{message}");
}
