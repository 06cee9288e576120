//! Calls without some of their events: read again, they are the other events and nothing else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

const BATCH: (&str, &str) = ("content-type", "application/cloudevents-batch+json");

/// What is left of a call.
fn rest(protocol: &Protocol, headers: &[(&str, &str)], body: &[u8], left_out: &[bool]) -> Option<Vec<u8>> {
    let head = head(headers);
    protocol.without(protocol.form(&head).unwrap(), &head, body, left_out, &BUDGET)
}

fn text(protocol: &Protocol, content_type: &str, body: &str, left_out: &[bool]) -> Option<String> {
    rest(protocol, &[("content-type", content_type)], body.as_bytes(), left_out).map(|rest| String::from_utf8(rest).unwrap())
}

fn event(id: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t","data":{{"],":[1, 2]}}}}"#)
}

#[test]
fn a_batch_goes_on_without_an_event_and_the_others_are_as_they_were_written() {
    let [a, b, c] = ["a", "b", "c"].map(event);
    let body = format!(" [ {a} ,\n {b},{c} ] ");
    let rest = |left_out| text(&Protocol::CloudEvents, BATCH.1, &body, left_out);
    assert_eq!(rest(&[false, true, false]), Some(format!(" [{a},{c}] ")));
    assert_eq!(rest(&[true, true, false]), Some(format!(" [{c}] ")));
}

#[test]
fn what_stands_around_the_records_of_kafka_rest_stays() {
    let [a, b] = ["a", "b"].map(|id| format!(r#"{{"key": "k", "value":{}}}"#, event(id)));
    let body = format!("{{\"records\" : [{a}, {b}] }}");
    for content_type in ["application/vnd.kafka.json.v2+json", "application/vnd.kafka.binary.v2+json"] {
        assert_eq!(text(&Protocol::KafkaRest, content_type, &body, &[true, false]), Some(format!("{{\"records\" : [{b}] }}")));
    }
    let body = format!("{a}\n{b} ");
    assert_eq!(text(&Protocol::KafkaRest, "application/json", &body, &[false, true]), Some(a));
}

#[test]
fn messages_of_pubsub_are_left_out_over_rest_and_grpc() {
    let body = r#"{"messages":[{"data":"YQ=="},{"data":"Yg=="}]}"#;
    let left = r#"{"messages":[{"data":"Yg=="}]}"#;
    assert_eq!(text(&PUBSUB, "application/json", body, &[true, false]).as_deref(), Some(left));
    let grpc_json = rest(&PUBSUB, &[("content-type", "application/grpc+json")], &frame(0, body.as_bytes()), &[true, false]);
    assert_eq!(grpc_json, Some(frame(0, left.as_bytes())));

    let (topic, a, b) = (field(1, b"projects/p/topics/t"), field(2, &field(1, b"a")), field(2, &field(1, b"b")));
    let message = [a.as_slice(), &topic, &b].concat();
    let left = frame(0, &[topic, b].concat());
    let whole = |content_type: &str, body: &[u8]| rest(&PUBSUB, &[("content-type", content_type)], body, &[true, false]);
    assert_eq!(whole("application/grpc", &frame(0, &message)), Some(left.clone()));
    let text = STANDARD.encode(frame(0, &message));
    assert_eq!(whole("application/grpc-web-text", text.as_bytes()), Some(STANDARD.encode(&left).into_bytes()));
    let compressed = frame(1, &super::content::gzip(&message));
    let headers = [("content-type", "application/grpc"), ("grpc-encoding", "gzip")];
    assert_eq!(rest(&PUBSUB, &headers, &compressed, &[true, false]), Some(left), "a message need not be compressed");
}

#[test]
fn a_batch_in_protobuf_loses_events_too() {
    let [a, b] = [field(1, b"a"), field(1, b"bb")];
    let headers = [("content-type", "application/cloudevents-batch+protobuf")];
    assert_eq!(rest(&Protocol::CloudEvents, &headers, &[a, b.clone()].concat(), &[true, false]), Some(b));
}

#[test]
fn what_speaks_of_the_body_as_a_whole_keeps_it_whole() {
    let body = format!("[{},{}]", event("a"), event("b"));
    for name in ["content-digest", "repr-digest", "digest", "content-md5", "signature-input", "webhook-signature"] {
        assert_eq!(rest(&Protocol::CloudEvents, &[BATCH, (name, "x")], body.as_bytes(), &[true, false]), None, "{name}");
    }
    let encoded = super::content::gzip(body.as_bytes());
    assert_eq!(rest(&Protocol::CloudEvents, &[BATCH, ("content-encoding", "gzip")], &encoded, &[true, false]), None);
    assert!(rest(&Protocol::CloudEvents, &[BATCH, ("content-encoding", "identity")], body.as_bytes(), &[true, false]).is_some());
}

#[test]
fn nothing_is_left_out_of_what_is_no_batch() {
    let one = event("a");
    assert_eq!(text(&Protocol::CloudEvents, "application/cloudevents+json", &one, &[true]), None);
    assert_eq!(text(&json(), "application/json", &format!("[{one}]"), &[true]), None);
    for (protocol, carries) in [(Protocol::CloudEvents, true), (Protocol::KafkaRest, true), (PUBSUB, true), (json(), false)] {
        assert_eq!(protocol.carries_batches(), carries, "{}", protocol.name());
    }
}

#[test]
fn where_there_are_not_as_many_events_as_were_judged_nothing_goes_on() {
    let body = format!("[{},{}]", event("a"), event("b"));
    for left_out in [[true].as_slice(), &[true, false, false]] {
        assert_eq!(text(&Protocol::CloudEvents, BATCH.1, &body, left_out), None);
    }
}

proptest! {
    #[test]
    fn what_goes_on_reads_as_the_events_that_were_not_left_out(
        events in prop::collection::vec((any::<bool>(), "[^\u{0}-\u{1f}\u{7f}-\u{9f}]{1,8}", 0_usize..3), 1..5),
        form in 0_usize..3,
    ) {
        let space = |count: usize| " ".repeat(count);
        let written = events.iter().map(|(_, id, spaces)| {
            let id = serde_json::to_string(id).unwrap();
            let event = format!(r#"{{"specversion":"1.0","id":{id},{}"source":"/s","type":"t"}}"#, space(*spaces));
            match form {
                0 => event,
                1 => format!(r#"{{"value":{event}}}"#),
                _ => format!(r#"{{"value":{{"type":"JSON","data":{event}}}}}"#),
            }
        });
        let written: Vec<String> = written.collect();
        let (protocol, content_type, body) = match form {
            0 => (Protocol::CloudEvents, BATCH.1, format!("[{}]", written.join(", "))),
            1 => (Protocol::KafkaRest, "application/vnd.kafka.json.v2+json", format!(r#"{{"records":[{}]}}"#, written.join(" ,"))),
            _ => (Protocol::KafkaRest, "application/json", written.join(" ")),
        };
        let headers = [("content-type", content_type)];
        if let Ok(all) = read(&protocol, &headers, body.as_bytes()) {
            let left_out: Vec<bool> = events.iter().map(|(left_out, ..)| *left_out).collect();
            let expected: Vec<_> = all.iter().zip(&left_out).filter(|(_, left_out)| !**left_out).map(|(event, _)| event.id.clone()).collect();
            let rest = rest(&protocol, &headers, body.as_bytes(), &left_out).unwrap();
            let found = read(&protocol, &headers, &rest).map(|events| events.into_iter().map(|event| event.id).collect());
            if expected.is_empty() {
                prop_assert!(is_malformed::<Vec<Option<Cow<'_, str>>>>(&found));
            } else {
                prop_assert_eq!(found, Ok(expected));
            }
        }
    }
}
