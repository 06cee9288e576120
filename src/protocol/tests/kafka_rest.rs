use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::protocol::{Declared, kafka_rest};

const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{ "a":1 }}"#;

fn v2(kind: &str, body: &str) -> Result<Vec<Event<'static>>, ProtocolError> {
    read(&Protocol::KafkaRest, &[("content-type", &format!("application/vnd.kafka.{kind}.v2+json"))], body.as_bytes())
}

fn v3(body: &str) -> Result<Vec<Event<'static>>, ProtocolError> {
    read(&Protocol::KafkaRest, &[("content-type", "application/json")], body.as_bytes())
}

/// `headers` of a v3 record.
fn headers(pairs: &[(&str, &str)]) -> String {
    let one = |(name, value): &(&str, &str)| format!(r#"{{"name":"{name}","value":"{}"}}"#, STANDARD.encode(value));
    format!("[{}]", pairs.iter().map(one).collect::<Vec<_>>().join(","))
}

const CORE: [(&str, &str); 4] = [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t")];

/// A v3 record with headers of the required attributes and `more`.
fn bound(more: &[(&str, &str)], value: &str) -> Result<Event<'static>, ProtocolError> {
    let pairs: Vec<_> = CORE.iter().chain(more).copied().collect();
    v3(&format!(r#"{{"headers":{},"value":{value}}}"#, headers(&pairs))).map(|mut events| events.remove(0))
}

#[test]
fn the_values_of_v2_records_are_events() {
    let events =
        v2("json", &format!(r#"{{"records":[{{"key":"k","value":{EVENT},"partition":1}},{{"value":{EVENT}}}]}}"#)).unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!((events[0].event_type.as_ref(), events[0].topic.as_deref()), ("t", Some("carts")));
    assert_eq!(events[0].data, Data::Json("{ \"a\":1 }".into()));

    let encoded = STANDARD.encode(EVENT);
    let binary = v2("binary", &format!(r#"{{"records":[{{"key":"a2V5","value":"{encoded}"}}]}}"#)).unwrap();
    assert_eq!(binary[0], events[0]);
}

#[test]
fn what_is_no_v2_call_is_refused() {
    for body in [
        "",
        "{}",
        "[]",
        r#"{"records":[]}"#,
        r#"{"records":{}}"#,
        r#"{"records":null}"#,
        r#"{"records":[1]}"#,
        r#"{"records":[{}]}"#,
        r#"{"records":[{"key":"k"}]}"#,
        r#"{"records":[{"value":null}]}"#,
        &format!(r#"{{"records":[{{"value":{EVENT},"headers":[]}}]}}"#),
        &format!(r#"{{"records":[{{"value":{EVENT},"Value":{EVENT}}}]}}"#),
        &format!(r#"{{"records":[{{"value":{EVENT}}}],"schema":"x"}}"#),
        &format!(r#"{{"records":[{{"value":{EVENT}}}]}}{{}}"#),
        &format!(r#"{{"records":[{{"value":{EVENT}}}],"records":[]}}"#),
        &format!(r#"{{"records":[{{"value":{EVENT},"value":{EVENT}}}]}}"#),
    ] {
        assert!(is_malformed(&v2("json", body)), "{body}");
    }
    for value in ["1", "null", EVENT, "\"\"", "\"e30\"", "\"bm8=\"", "\"W10=\"", "\"/w==\""] {
        assert!(is_malformed(&v2("binary", &format!(r#"{{"records":[{{"value":{value}}}]}}"#))), "{value}");
    }
    assert_eq!(v2("json", r#"{"records":[{"value":{}}]}"#), Err(ProtocolError::MissingAttribute("specversion")));
    assert_eq!(v2("binary", r#"{"records":[{"value":"e30="}]}"#), Err(ProtocolError::MissingAttribute("specversion")));
}

#[test]
fn records_are_bounded_and_one_bad_one_refuses_all() {
    let records = |count: usize| format!(r#"{{"records":[{}]}}"#, vec![format!("{{\"value\":{EVENT}}}"); count].join(","));
    assert_eq!(v2("json", &records(4)).unwrap().len(), 4);
    assert_eq!(v2("json", &records(5)), Err(ProtocolError::TooMany { limit: 4 }));
    assert!(is_malformed(&v2("json", &format!(r#"{{"records":[{{"value":{EVENT}}},{{"value":7}}]}}"#))));

    let record = format!(r#"{{"value":{{"type":"JSON","data":{EVENT}}}}}"#);
    assert_eq!(v3(&record.repeat(4)).unwrap().len(), 4);
    assert_eq!(v3(&record.repeat(5)), Err(ProtocolError::TooMany { limit: 4 }));
    assert!(is_malformed(&v3(&format!("{record}{{}}"))));
    assert!(is_malformed(&v3(&format!("{record}{{"))));
    assert!(is_malformed(&v3(&format!("{record},{record}"))));
}

#[test]
fn the_values_of_v3_records_are_events_in_any_embedded_format() {
    let escaped = EVENT.replace('"', "\\\"");
    let encoded = STANDARD.encode(EVENT);
    let json = format!(r#"{{"type":"JSON","data":{EVENT}}}"#);
    let string = format!(r#"{{"type":"STRING","data":"{escaped}"}}"#);
    let binary = format!(r#"{{"data":"{encoded}","type":"BINARY"}}"#);
    let body = format!(
        "{{\"partition_id\":1,\"timestamp\":\"2026-11-23T08:00:00Z\",\"key\":{{\"type\":\"STRING\",\"data\":\"k\"}},\"value\":{json}}}\n\
         {{\"headers\":[],\"value\":{string}}} {{\"headers\":null,\"value\":{binary}}}"
    );
    let events = v3(&body).unwrap();
    assert_eq!(events.len(), 3);
    assert_eq!((&events[0], &events[0]), (&events[1], &events[2]));
    assert_eq!(events[0].data, Data::Json("{ \"a\":1 }".into()));
    assert_eq!(events[0].topic.as_deref(), Some("carts"));
}

#[test]
fn what_is_no_v3_record_is_refused() {
    for body in [
        "",
        " ",
        "[]",
        "{}",
        r#"{"value":null}"#,
        r#"{"value":{}}"#,
        r#"{"value":{"data":{}}}"#,
        r#"{"value":{"type":"JSON"}}"#,
        r#"{"value":{"type":"JSON","data":null}}"#,
        r#"{"value":{"type":"JSON","data":7}}"#,
        &format!(r#"{{"value":{{"type":"json","data":{EVENT}}}}}"#),
        &format!(r#"{{"value":{{"type":"AVRO","data":{EVENT}}}}}"#),
        &format!(r#"{{"value":{{"type":"STRING","data":{EVENT}}}}}"#),
        &format!(r#"{{"value":{{"type":"BINARY","data":{EVENT}}}}}"#),
        &format!(r#"{{"value":{{"type":"JSON","data":{EVENT},"schema_version":1}}}}"#),
        &format!(r#"{{"value":{{"type":"JSON","data":{EVENT}}},"topic":"other"}}"#),
        &format!(r#"{{"value":{{"type":"JSON","data":{EVENT}}},"headers":{{}}}}"#),
        &format!(r#"{{"value":{{"type":"JSON","data":{EVENT}}},"headers":[{{"value":"eA=="}}]}}"#),
        &format!(r#"{{"value":{{"type":"JSON","data":{EVENT}}},"headers":[{{"name":"ce_id","value":"1"}}]}}"#),
        &format!(r#"{{"value":{{"type":"JSON","data":{EVENT}}},"headers":[{{"name":"ce_id","value":"/w=="}}]}}"#),
        &format!(r#"{{"value":{{"type":"JSON","data":{EVENT}}},"headers":[{{"name":"ce_id","value":null}}]}}"#),
        &format!(r#"{{"value":{{"type":"JSON","data":{EVENT}}},"headers":[{{"name":"x","value":"","y":1}}]}}"#),
    ] {
        assert!(is_malformed(&v3(body)), "{body}");
    }
    let foreign =
        format!(r#"{{"value":{{"type":"JSON","data":{EVENT}}},"headers":[{{"name":"x","value":null}},{{"name":"y"}}]}}"#);
    assert!(v3(&foreign).is_ok());
}

#[test]
fn kafka_headers_make_an_event_of_a_value() {
    let event = bound(
        &[("content-type", "application/json"), ("ce_ext", "Größe%20"), ("other", "x")],
        r#"{"type":"JSON","data":{ "a" : 1 }}"#,
    )
    .unwrap();
    assert_eq!((event.event_type.as_ref(), event.id.as_deref(), event.source.as_deref()), ("t", Some("1"), Some("/s")));
    assert_eq!(event.attribute("ext"), Some("Größe%20"), "Kafka headers are not percent-encoded");
    assert_eq!(event.data_content_type.as_deref(), Some("application/json"));
    assert_eq!(event.topic.as_deref(), Some("carts"));
    assert_eq!(event.data, Data::Json("{ \"a\" : 1 }".into()));

    assert_eq!(bound(&[], r#"{"type":"BINARY","data":"AP8="}"#).unwrap().data, Data::Binary(vec![0, 255].into()));
    assert_eq!(bound(&[], r#"{"type":"STRING","data":"s"}"#).unwrap().data, Data::Text("s".into()));
    assert_eq!(bound(&[], r#"{"type":"BINARY","data":null}"#).unwrap().data, Data::Absent);
    assert_eq!(bound(&[], "null").unwrap().data, Data::Absent);
}

#[test]
fn kafka_headers_that_could_be_read_in_two_ways_are_refused() {
    let json = r#"{"type":"JSON","data":{}}"#;
    for more in [
        [("ce_type", "u")],
        [("ce_type", "t")],
        [("CE_type", "u")],
        [("ce_Type", "u")],
        [("ce_", "u")],
        [("ce_data", "u")],
        [("ce_time", "now")],
        [("content-type", "nonsense")],
        [("content-type", "application/cloudevents-batch+json")],
        [("content-type", "application/cloudevents+avro")],
        [("content-type", "application/json;charset=ibm037")],
    ] {
        assert!(is_malformed(&bound(&more, json)), "{more:?}");
    }
    assert!(is_malformed(&bound(&[("content-type", "a/b"), ("Content-Type", "a/b")], json)));
    assert_eq!(bound(&[("content-type", "a/b"), ("ce_datacontenttype", "a/c")], json), Err(mismatch("ce_datacontenttype")));
}

#[test]
fn a_structured_value_and_its_headers_must_say_the_same() {
    let structured = ("content-type", "application/cloudevents+json; charset=UTF-8");
    let value = format!(r#"{{"type":"JSON","data":{EVENT}}}"#);
    assert_eq!(bound(&[structured], &value).unwrap().data, Data::Json("{ \"a\":1 }".into()));
    assert_eq!(bound(&[structured, ("ce_ext", "x")], &value), Err(mismatch("ce_ext")));
    assert_eq!(bound(&[structured], &value.replace("\"t\"", "\"u\"")), Err(mismatch("ce_type")));
    assert!(is_malformed(&bound(&[structured], "null")));
}

#[test]
fn a_required_attribute_is_missed_in_kafka_headers_too() {
    for missing in 0..CORE.len() {
        let mut pairs = CORE.to_vec();
        let (name, _) = pairs.remove(missing);
        let body = format!(r#"{{"headers":{},"value":null}}"#, headers(&pairs));
        let Err(ProtocolError::MissingAttribute(found)) = v3(&body) else { panic!("{name}") };
        assert_eq!(format!("ce_{found}"), name);
    }
}

#[test]
fn the_schema_that_values_are_written_by_is_read() {
    let records = r#""records":[{"value":{"specversion":"1.0","id":"1","source":"/s","type":"t"}}]"#;
    for (said, expected) in [
        ("", Ok(Declared::Nothing)),
        (r#""value_schema_id":7,"#, Ok(Declared::Id(7))),
        (r#""value_schema_id":null,"key_schema_id":1,"#, Ok(Declared::Nothing)),
        (r#""value_schema":"\"string\"","#, Ok(Declared::Inline)),
        (r#""value_schema_id":"7","#, Err(())),
        (r#""value_schema_id":7.0,"#, Err(())),
        (r#""value_schema_id":4294967296,"#, Err(())),
        (r#""value_schema_id":7,"value_schema":"x","#, Err(())),
    ] {
        let text = format!("{{{said}{records}}}");
        let events = kafka_rest::v2_json(text.as_bytes(), None, &Budget::DEFAULT);
        assert_eq!(events.map(|events| events[0].declared.clone()).map_err(|_| ()), expected, "{said}");
    }
}
