use super::*;
use crate::time::Timestamp;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

fn one(body: &str) -> Result<Event<'static>, ProtocolError> {
    read(&json(), &JSON, body.as_bytes()).map(|mut events| {
        assert_eq!(events.len(), 1);
        events.remove(0)
    })
}

#[test]
fn the_attributes_stand_where_the_pointers_say() {
    let body =
        r#"{"eventType":"ItemAdded","timestamp":"2026-11-23T07:59:58Z","payload":{ "a" : 1.0 },"meta":{"id":"7"},"subject":"s"}"#;
    let event = one(body).unwrap();
    assert_eq!(event.event_type, "ItemAdded");
    assert_eq!(event.id.as_deref(), Some("7"));
    assert_eq!(event.source, None);
    assert_eq!(event.time.as_ref().unwrap().at, Timestamp::parse("2026-11-23T07:59:58Z").unwrap());
    assert_eq!(event.subject.as_deref(), Some("s"));
    assert_eq!(event.topic.as_deref(), Some("carts"));
    assert_eq!(event.spec_version, None);
    assert_eq!(event.data.bytes(), b"{ \"a\" : 1.0 }");
}

#[test]
fn what_the_pointers_miss_is_absent_but_for_the_type() {
    let event = one(r#"{"eventType":"t"}"#).unwrap();
    assert_eq!((event.id, event.time, event.subject, event.data), (None, None, None, Data::Absent));
    for body in ["{}", "[]", "null", r#"{"type":"t"}"#, r#"{"eventtype":"t"}"#, r#"{"data":{"eventType":"t"}}"#] {
        assert_eq!(one(body), Err(ProtocolError::MissingAttribute("type")), "{body}");
    }
}

#[test]
fn an_attribute_of_the_wrong_type_is_not_absent() {
    for body in [
        r#"{"eventType":1}"#,
        r#"{"eventType":null}"#,
        r#"{"eventType":["t"]}"#,
        r#"{"eventType":""}"#,
        r#"{"eventType":"t\n"}"#,
        r#"{"eventType":"t\u202e"}"#,
        r#"{"eventType":"t","meta":{"id":7}}"#,
        r#"{"eventType":"t","meta":{"id":null}}"#,
        r#"{"eventType":"t","meta":{"id":""}}"#,
        r#"{"eventType":"t","subject":{}}"#,
        r#"{"eventType":"t","timestamp":1700000000}"#,
        r#"{"eventType":"t","timestamp":"yesterday"}"#,
    ] {
        assert!(is_malformed(&one(body)), "{body}");
    }
}

#[test]
fn what_has_two_readings_is_refused() {
    for body in [
        "",
        "{nope",
        r#"{"eventType":"a","eventType":"b"}"#,
        r#"{"eventType":"a","event\u0054ype":"b"}"#,
        r#"{"eventType":"a","payload":{"x":[{"y":1,"y":2}]}}"#,
        r#"{"eventType":"a"}{"eventType":"b"}"#,
        "\u{feff}{\"eventType\":\"a\"}",
        r#"{"eventType":"\ud800"}"#,
        r#"{"eventType":"a","payload":NaN}"#,
        r#"{"eventType":"a","payload":1e400}"#,
        r#"{"eventType":"a","payload":[[[[[[[[]]]]]]]]}"#,
    ] {
        assert!(is_malformed(&one(body)), "{body}");
    }
}

/// Go and .NET match names without regard to case, and of two take the last.
#[test]
fn a_name_that_differs_by_case_alone_from_one_that_a_pointer_leads_through_is_refused() {
    for body in [
        r#"{"eventType":"t","EventType":"u"}"#,
        r#"{"EVENTTYPE":"u","eventType":"t"}"#,
        r#"{"eventType":"t","Timestamp":"2026-11-23T07:59:58Z"}"#,
        r#"{"eventType":"t","timestamp":"2026-11-23T07:59:58Z","TimeStamp":"2026-11-23T07:59:58Z"}"#,
        r#"{"eventType":"t","payload":1,"Payload":2}"#,
        r#"{"eventType":"t","meta":{"id":"1"},"Meta":{"id":"2"}}"#,
        r#"{"eventType":"t","meta":{"id":"1","ID":"2"}}"#,
        r#"{"eventType":"t","\u0053ubject":"s"}"#,
        "{\"eventType\":\"t\",\"\u{17f}ubject\":\"s\"}",
    ] {
        assert!(is_malformed(&one(body)), "{body}");
    }
    for body in [
        r#"{"eventType":"t","event_type":"u","eventTypes":"v","other":1,"Other":2}"#,
        r#"{"eventType":"t","meta":{"id":"1","x":{"ID":"2"}},"payload":{"a":1,"A":2,"eventtype":"u"}}"#,
    ] {
        assert_eq!(one(body).unwrap().event_type, "t", "{body}");
    }
}

#[test]
fn without_a_pointer_the_whole_document_is_the_data() {
    let Protocol::Json(mut envelope) = json() else { panic!() };
    envelope.data = None;
    let body = r#" {"eventType": "t"} "#;
    let events = read(&Protocol::Json(envelope), &JSON, body.as_bytes()).unwrap();
    assert_eq!(events[0].data.bytes(), body.trim().as_bytes());
}
