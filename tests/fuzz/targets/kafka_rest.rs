//! Kafka REST: each record of an admitted call, in serde_json's reading, is the event that was judged.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventguard::protocol::{Event, Form, Protocol};
use eventguard_fuzz::call::Call;
use eventguard_fuzz::event::{BUDGET, TOPIC, assert_is_of_json, assert_is_of_pairs, is_structured, read};
use eventguard_fuzz::json::{Tree, read_strictly};
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some(call) = Call::read(bytes) else { return Corpus::Reject };
    read(&Protocol::KafkaRest, &call, |form, content, events| {
        assert!(events.iter().all(|event| event.topic.as_deref() == Some(TOPIC)));
        let records = if form == Form::KafkaV3 { v3_records(content) } else { v2_records(content) };
        assert_eq!(records.len(), events.len());
        for (event, record) in events.iter().zip(&records) {
            match form {
                Form::KafkaV2Json => assert_is_of_json(event, &record["value"]),
                Form::KafkaV2Binary => {
                    assert_is_of_json(event, &read_strictly(&decode(&record["value"]), BUDGET.depth));
                }
                Form::KafkaV3 => assert_is_of_record(event, record),
                other => panic!("{other:?} is no form of Kafka REST"),
            }
        }
    });
    Corpus::Keep
});

fn v2_records(content: &[u8]) -> Vec<Value> {
    read_strictly(content, BUDGET.depth)["records"].as_array().expect("records").clone()
}

fn v3_records(content: &[u8]) -> Vec<Value> {
    for tree in serde_json::Deserializer::from_slice(content).into_iter::<Tree>() {
        let tree = tree.expect("serde_json reads it too");
        assert!(tree.is_unambiguous() && tree.depth() <= BUDGET.depth);
    }
    let records = serde_json::Deserializer::from_slice(content).into_iter();
    records.collect::<Result<_, _>>().expect("serde_json reads it too")
}

fn decode(text: &Value) -> Vec<u8> {
    STANDARD.decode(text.as_str().expect("base64 is a string")).expect("base64")
}

/// The event is the record's value, or is made of the record's headers.
fn assert_is_of_record(event: &Event<'_>, record: &Value) {
    let headers: Vec<(String, String)> = headers(&record["headers"]);
    let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type")).map(|(_, value)| &**value);
    let attributes: Vec<_> =
        headers.iter().filter_map(|(name, value)| Some((name.strip_prefix("ce_")?, value.as_str()))).collect();
    let data = &record["value"]["data"];
    let (is_json, bytes) = match record["value"]["type"].as_str() {
        Some("JSON") => (true, Vec::new()),
        Some("STRING") => (false, data.as_str().unwrap_or_default().as_bytes().to_vec()),
        Some("BINARY") => (false, if data.is_null() { Vec::new() } else { decode(data) }),
        _ => (false, Vec::new()),
    };
    match (content_type.is_some_and(is_structured) || attributes.is_empty(), is_json) {
        (true, true) => assert_is_of_json(event, data),
        (true, false) => assert_is_of_json(event, &read_strictly(&bytes, BUDGET.depth)),
        (false, true) if !data.is_null() => {
            let found: Value = serde_json::from_slice(event.data.bytes()).expect("serde_json reads it too");
            assert_eq!(&found, data);
            assert_is_of_pairs(event, &attributes, content_type, event.data.bytes());
        }
        (false, _) => assert_is_of_pairs(event, &attributes, content_type, &bytes),
    }
    for (name, value) in &attributes {
        assert_eq!(event.attribute(name), Some(*value), "the header `ce_{name}`");
    }
}

/// The headers that are the binding's; others need not be text.
fn headers(headers: &Value) -> Vec<(String, String)> {
    let headers = headers.as_array().map(Vec::as_slice).unwrap_or_default();
    let ours = headers.iter().filter_map(|header| {
        let name = header["name"].as_str().expect("a header has a name");
        let starts = name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("ce_"));
        assert!(!starts || name.starts_with("ce_"), "`{name}` is not in lower case");
        let value = || header.get("value").map(decode).unwrap_or_default();
        (starts || name.eq_ignore_ascii_case("content-type"))
            .then(|| (name.to_owned(), String::from_utf8(value()).expect("a header of the binding is text")))
    });
    ours.collect()
}
