use proptest::prelude::*;

use super::*;
use crate::call::HeaderError;

const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json");
const BATCH: (&str, &str) = ("content-type", "application/cloudevents-batch+json");
const CORE: [(&str, &str); 4] = [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")];

/// A structured event of the required attributes, then `rest`.
fn event_text(rest: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{rest}}}"#)
}

fn structured(body: &str) -> Result<Event<'static>, ProtocolError> {
    structured_with(&[], body)
}

fn structured_with(headers: &[(&str, &str)], body: &str) -> Result<Event<'static>, ProtocolError> {
    let headers: Vec<_> = [STRUCTURED].iter().chain(headers).copied().collect();
    read(&Protocol::CloudEvents, &headers, body.as_bytes()).map(|mut events| {
        assert_eq!(events.len(), 1);
        events.remove(0)
    })
}

/// A binary event of the required attributes, without those that `headers` has, and `headers`.
fn binary(headers: &[(&str, &str)], body: &[u8]) -> Result<Event<'static>, ProtocolError> {
    let core: Vec<_> = CORE.iter().map(|(name, value)| (format!("ce-{name}"), *value)).collect();
    let others = core.iter().filter(|(name, _)| headers.iter().all(|(given, _)| given != name));
    let all: Vec<_> = others.map(|(name, value)| (name.as_str(), *value)).chain(headers.iter().copied()).collect();
    read(&Protocol::CloudEvents, &all, body).map(|mut events| events.remove(0))
}

#[test]
fn a_structured_event_is_read_whole() {
    let rest = r#","time":"2026-11-23T08:00:00+01:00","subject":"sub","datacontenttype":"application/json",
        "dataschema":"https://x/y","partitionkey":"p","count":-7,"sampled":true,"unset":null,"data": {"a" : "\u0041"} "#;
    let event = structured(&event_text(rest)).unwrap();
    assert_eq!(event.event_type, "t");
    assert_eq!(event.id.as_deref(), Some("1"));
    assert_eq!(event.source.as_deref(), Some("/s"));
    assert_eq!(event.time.as_ref().unwrap().text, "2026-11-23T08:00:00+01:00");
    assert_eq!(event.subject.as_deref(), Some("sub"));
    assert_eq!(event.topic.as_deref(), Some("carts"));
    assert_eq!(event.data_content_type.as_deref(), Some("application/json"));
    assert_eq!(event.data_schema.as_deref(), Some("https://x/y"));
    assert_eq!(event.spec_version.as_deref(), Some("1.0"));
    let extensions: Vec<_> = event.extensions.iter().map(|it| (it.name.as_ref(), it.value.as_ref())).collect();
    assert_eq!(extensions, [("partitionkey", "p"), ("count", "-7"), ("sampled", "true")]);
    assert_eq!(event.data, Data::Json(r#"{"a" : "\u0041"}"#.into()));
}

#[test]
fn every_required_attribute_is_needed_and_null_is_absent() {
    for missing in ["specversion", "id", "source", "type"] {
        let others: Vec<_> = CORE.iter().filter(|(name, _)| *name != missing).collect();
        let body = others.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect::<Vec<_>>().join(",");
        assert_eq!(structured(&format!("{{{body}}}")), Err(ProtocolError::MissingAttribute(missing)));
        assert_eq!(structured(&format!("{{\"{missing}\":null,{body}}}")), Err(ProtocolError::MissingAttribute(missing)));
        let empty = structured(&format!("{{\"{missing}\":\"\",{body}}}"));
        assert!(is_malformed(&empty), "{missing}");
        let number = structured(&format!("{{\"{missing}\":1,{body}}}"));
        assert!(is_malformed(&number), "{missing}");

        let headers: Vec<_> = others.iter().map(|(name, value)| (format!("ce-{name}"), *value)).collect();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(read(&Protocol::CloudEvents, &headers, b""), Err(ProtocolError::MissingAttribute(missing)));
        let empty = binary(&[(&format!("ce-{missing}"), "")], b"");
        assert!(is_malformed(&empty), "{missing}");
    }
}

#[test]
fn type_in_another_case_nul_bidirectional_marks_and_whatever_else_has_two_readings_is_refused() {
    for rest in [
        r#","Type":"u""#,
        r#","TYPE":null"#,
        r#","Data":1"#,
        r#","data_base":1"#,
        r#","data-base64":"""#,
        r#","my_ext":"x""#,
        r#","my-ext":"x""#,
        r#","é":"x""#,
        r#","":"x""#,
        r#","type":"u""#,
        r#","t\u0079pe":"u""#,
        r#","ext":1.0"#,
        r#","ext":1e2"#,
        r#","ext":-0"#,
        r#","ext":2147483648"#,
        r#","ext":-2147483649"#,
        r#","ext":{}"#,
        r#","ext":[]"#,
        r#","subject":"""#,
        r#","subject":true"#,
        r#","dataschema":"""#,
        r#","datacontenttype":"json""#,
        r#","datacontenttype":"""#,
        r#","time":"""#,
        r#","time":"2026-11-23""#,
        r#","time":"2026-02-30T00:00:00Z""#,
        r#","time":1"#,
        r#","subject":"a\u0000""#,
        r#","subject":"a\n""#,
        r#","subject":"a\u007f""#,
        r#","subject":"a\u0085""#,
        r#","subject":"a\u202eb""#,
        r#","subject":"a\u200fb""#,
        r#","subject":"\u2066a\u2069""#,
        r#","subject":"\ufffe""#,
        r#","ext":"\u001b[2J""#,
    ] {
        assert!(is_malformed(&structured(&event_text(rest))), "{rest}");
    }
    for rest in [
        r#","ext":2147483647"#,
        r#","ext":-2147483648"#,
        r#","ext":0"#,
        r#","ext":"""#,
        r#","ext":"\u202e""#,
        r#","subject":"Größe""#,
        r#","subject":null,"time":null,"datacontenttype":null,"dataschema":null"#,
    ] {
        assert!(structured(&event_text(rest)).is_ok(), "{rest}");
    }
}

#[test]
fn only_version_1_0_is_read() {
    for version in ["1", "1.0.2", "0.3", "1.1", "2.0", " 1.0"] {
        assert!(is_malformed(&structured(&event_text("").replace("1.0", version))), "{version}");
        assert!(is_malformed(&binary(&[("ce-specversion", version)], b"")), "{version}");
    }
}

#[test]
fn data_is_the_bytes_that_were_written() {
    for (rest, expected) in [
        ("", Data::Absent),
        (r#","data":null"#, Data::Json("null".into())),
        (r#","data":"a\u0062""#, Data::Json(r#""a\u0062""#.into())),
        (r#","data":[ 1 ]"#, Data::Json("[ 1 ]".into())),
        (r#","datacontenttype":"text/json;x=y","data":"s""#, Data::Json("\"s\"".into())),
        (r#","data":"s","datacontenttype":"application/vnd.x+JSON""#, Data::Json("\"s\"".into())),
        (r#","data":"<a\u0062/>","datacontenttype":"text/xml""#, Data::Text("<ab/>".into())),
        (r#","data":{"a":1},"datacontenttype":"text/xml""#, Data::Json("{\"a\":1}".into())),
        (r#","data_base64":"AP8=""#, Data::Binary(vec![0, 255].into())),
        (r#","data_base64":"""#, Data::Binary(vec![].into())),
    ] {
        assert_eq!(structured(&event_text(rest)).unwrap().data, expected, "{rest}");
    }
    for rest in [
        r#","data":1,"data_base64":"AA==""#,
        r#","data":null,"data_base64":"AA==""#,
        r#","data":1,"data_base64":null"#,
        r#","data_base64":1"#,
        r#","data_base64":null"#,
        r#","data_base64":"AP8""#,
        r#","data_base64":"AP9=""#,
        r#","data_base64":"AP8= ""#,
        r#","data_base64":"A\nP8=""#,
        r#","data_base64":"_-8=""#,
    ] {
        assert!(is_malformed(&structured(&event_text(rest))), "{rest}");
    }
}

#[test]
fn a_body_that_is_no_event_is_refused() {
    for body in ["", "null", "1", "[]", "\"{}\"", &format!("[{}]", event_text("")), &(event_text("") + &event_text(""))] {
        assert!(is_malformed(&structured(body)), "{body}");
    }
    assert_eq!(structured("{}"), Err(ProtocolError::MissingAttribute("specversion")));
}

#[test]
fn attributes_are_bounded_and_data_is_none_of_them() {
    let extensions = |count: usize| (0..count).map(|index| format!(",\"e{index}\":null")).collect::<String>();
    assert!(structured(&event_text(&(extensions(8) + ",\"data\":1"))).is_ok());
    assert!(is_malformed(&structured(&event_text(&extensions(9)))));

    let names: Vec<_> = (0..9).map(|index| format!("ce-e{index}")).collect();
    let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
    assert!(binary(&headers[..8], b"").is_ok());
    assert!(is_malformed(&binary(&headers, b"")));
}

#[test]
fn a_structured_body_and_ce_headers_that_disagree_are_refused() {
    let body = event_text(r#","subject":"Größe","count":7,"time":"2026-11-23T08:00:00Z","datacontenttype":"text/xml""#);
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("ce-type", "%74"),
        ("ce-type", "\"t\""),
        ("ce-subject", "Gr%C3%B6%c3%9fe"),
        ("ce-count", "7"),
        ("ce-time", "2026-11-23T08:00:00Z"),
        ("ce-datacontenttype", "text/xml"),
    ] {
        assert!(structured_with(&[(name, value)], &body).is_ok(), "{name}: {value}");
    }
    for (name, value) in [
        ("ce-id", "2"),
        ("ce-type", "u"),
        ("ce-type", ""),
        ("ce-type", "T"),
        ("ce-subject", "Gr%25C3%25B6%25c3%259fe"),
        ("ce-time", "2026-11-23T09:00:00Z"),
        ("ce-datacontenttype", "application/cloudevents+json"),
        ("ce-absent", "x"),
        ("ce-data", "x"),
        ("ce-", "x"),
        ("ce-my-ext", "x"),
    ] {
        assert_eq!(structured_with(&[(name, value)], &body), Err(mismatch(name)), "{name}: {value}");
    }
    assert!(is_malformed(&structured_with(&[("ce-subject", "Größe")], &body)));
    let twice = structured_with(&[("ce-id", "1"), ("ce-id", "1")], &body);
    assert_eq!(twice, Err(HeaderError::Duplicate("ce-id".to_owned()).into()));
}

#[test]
fn a_binary_event_is_read_from_its_headers() {
    let headers = [
        ("content-type", "text/xml; charset=ibm037"),
        ("ce-time", "2026-11-23T08:00:00Z"),
        ("ce-subject", "Euro%20%E2%82%AC%20%f0%9F%98%80"),
        ("ce-dataschema", "https://x/y"),
        ("ce-partitionkey", "p"),
        ("x-other", "o"),
        ("cex", "o"),
    ];
    let event = binary(&headers, b"<x/>\xff").unwrap();
    assert_eq!((event.event_type.as_ref(), event.id.as_deref(), event.source.as_deref()), ("t", Some("1"), Some("/s")));
    assert_eq!(event.subject.as_deref(), Some("Euro € 😀"));
    assert_eq!(event.data_content_type.as_deref(), Some("text/xml; charset=ibm037"));
    assert_eq!(event.data_schema.as_deref(), Some("https://x/y"));
    assert_eq!(event.topic.as_deref(), Some("carts"));
    assert_eq!(event.extensions, [Extension { name: "partitionkey".into(), value: "p".into() }]);
    assert_eq!(event.data, Data::Binary(b"<x/>\xff".to_vec().into()));
}

#[test]
fn a_binary_event_needs_neither_content_type_nor_body() {
    let event = binary(&[], b"").unwrap();
    assert_eq!((event.data, event.data_content_type), (Data::Absent, None));
    assert_eq!(binary(&[], b"\0").unwrap().data, Data::Binary(vec![0].into()));
}

#[test]
fn json_data_in_another_charset_is_refused() {
    for text in ["application/json; charset=utf-16", "application/x+json;charset=ibm037"] {
        assert!(matches!(binary(&[("content-type", text)], b"{}"), Err(ProtocolError::ContentType { .. })), "{text}");
    }
    assert!(binary(&[("content-type", "application/json; charset=utf-8")], b"{}").is_ok());
}

#[test]
fn ce_datacontenttype_does_not_override_the_content_type() {
    let with = |value| binary(&[("content-type", "application/json"), ("ce-datacontenttype", value)], b"{}");
    assert_eq!(with("application/json").unwrap().data_content_type.as_deref(), Some("application/json"));
    for value in ["text/xml", "application/JSON", "application/cloudevents+json"] {
        assert_eq!(with(value), Err(mismatch("ce-datacontenttype")), "{value}");
    }
    assert_eq!(binary(&[("ce-datacontenttype", "text/xml")], b"{}"), Err(mismatch("ce-datacontenttype")));
}

#[test]
fn ce_values_are_unquoted_first_then_percent_decoded_once_and_overlong_utf_8_is_refused() {
    for (value, expected) in [
        ("plain", Some("plain")),
        ("a b", Some("a b")),
        ("a%20b", Some("a b")),
        ("a%2520b", Some("a%20b")),
        ("%e2%82%AC", Some("€")),
        ("\"a b\"", Some("a b")),
        (r#""a \"b\" \\""#, Some(r#"a "b" \"#)),
        ("\"%22\"", Some("\"")),
        ("\"a\\%20\"", Some("a ")),
        ("%22a%22", Some("\"a\"")),
        ("a\\b", Some("a\\b")),
        ("%C0%A0", None),
        ("%ED%A0%80", None),
        ("%E2%82", None),
        ("%FF", None),
        ("%", None),
        ("%4", None),
        ("%zz", None),
        ("%+1", None),
        ("%€", None),
        ("100%", None),
        ("\"a", None),
        ("a\"", None),
        ("a\"b\"c", None),
        ("\"a\"b", None),
        ("\"a\\", None),
        ("\"a\\\"", None),
        ("€", None),
        ("%00", None),
        ("%0a", None),
        ("\t", None),
        ("%E2%80%AE", None),
    ] {
        let event = binary(&[("ce-subject", value)], b"");
        match expected {
            Some(expected) => assert_eq!(event.unwrap().subject.as_deref(), Some(expected), "{value}"),
            None => assert!(is_malformed(&event), "{value}"),
        }
    }
}

#[test]
fn a_header_that_is_not_text_or_there_twice_is_the_fault_of_the_call() {
    let mut entries: Vec<(String, Vec<u8>)> =
        [(":method", "POST"), (":authority", "bus"), (":path", "/e")].map(|(name, value)| (name.into(), value.into())).to_vec();
    entries.extend(CORE.iter().map(|(name, value)| (format!("ce-{name}"), value.as_bytes().to_vec())));
    let judge = |extra: (&str, &[u8])| {
        let mut entries = entries.clone();
        entries.push((extra.0.to_owned(), extra.1.to_vec()));
        let head = Head::from_map(entries.into_iter().collect()).unwrap();
        Protocol::CloudEvents.events(Form::Binary, &head, b"", None, &BUDGET).map(|_| ())
    };
    assert_eq!(judge(("ce-x", b"y")), Ok(()));
    assert_eq!(judge(("ce-x", b"\xff")), Err(HeaderError::NotText("ce-x".to_owned()).into()));
    assert_eq!(judge(("x-other", b"\xff")), Ok(()));
    assert_eq!(judge(("ce-type", b"t")), Err(HeaderError::Duplicate("ce-type".to_owned()).into()));
}

#[test]
fn a_binary_attribute_has_the_name_of_one() {
    for name in ["ce-", "ce-my-ext", "ce-my_ext", "ce-data", "ce-data_base64"] {
        assert!(is_malformed(&binary(&[(name, "x")], b"")), "{name}");
    }
}

#[test]
fn a_batch_is_all_its_events() {
    let batch = |body: &str| read(&Protocol::CloudEvents, &[BATCH], body.as_bytes());
    let event = |id: usize| event_text("").replace("\"id\":\"1\"", &format!("\"id\":\"{id}\""));
    let text = |count: usize| format!("[{}]", (0..count).map(event).collect::<Vec<_>>().join(","));
    let ids = |count: usize| {
        batch(&text(count)).map(|events| events.iter().map(|event| event.id.clone().unwrap().into_owned()).collect::<Vec<_>>())
    };
    assert_eq!(ids(1).unwrap(), ["0"]);
    assert_eq!(ids(4).unwrap(), ["0", "1", "2", "3"]);
    assert_eq!(ids(5), Err(ProtocolError::TooMany { limit: 4 }));
    assert!(is_malformed(&batch("[]")));
    assert!(is_malformed(&batch(&event(1))));
    assert!(is_malformed(&batch(&format!("[{},[{}]]", event(1), event(2)))));
    assert!(is_malformed(&batch(&format!("[{},1]", event(1)))));
    assert_eq!(batch(&format!("[{},{{}}]", event(1))), Err(ProtocolError::MissingAttribute("specversion")));
}

#[test]
fn no_header_can_speak_for_a_batch() {
    let body = format!("[{}]", event_text(""));
    for name in ["ce-type", "ce-id", "ce-unknown"] {
        assert_eq!(read(&Protocol::CloudEvents, &[BATCH, (name, "t")], body.as_bytes()), Err(mismatch(name)));
    }
}

#[test]
fn the_attributes_of_an_event_are_found_by_their_names() {
    let event = structured(&event_text(r#","subject":"s","time":"2026-11-23T08:00:00Z","ext":true"#)).unwrap();
    for (name, expected) in [
        ("specversion", Some("1.0")),
        ("id", Some("1")),
        ("source", Some("/s")),
        ("type", Some("t")),
        ("subject", Some("s")),
        ("time", Some("2026-11-23T08:00:00Z")),
        ("ext", Some("true")),
        ("datacontenttype", None),
        ("dataschema", None),
        ("data", None),
        ("Type", None),
    ] {
        assert_eq!(event.attribute(name), expected, "{name}");
    }
}

/// The encoding that a sender makes (HTTP binding section 3.1.3.2).
fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| matches!(byte, 0x21..=0x7e) && byte != b'"' && byte != b'%';
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_value_comes_out_as_it_was_encoded(value in "[ -~¡-퟿😀]{1,20}") {
        let encoded = percent_encoded(&value);
        let event = binary(&[("ce-ext", &encoded)], b"");
        let noncharacter = |char: char| (0xFDD0..=0xFDEF).contains(&u32::from(char));
        if !value.chars().any(|char| char.is_control() || noncharacter(char)) {
            let event = event.unwrap();
            prop_assert_eq!(event.attribute("ext"), Some(value.as_str()));
        }
    }

    #[test]
    fn arbitrary_headers_and_bodies_never_panic(
        value in prop::collection::vec(any::<u8>(), 0..16),
        body in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut entries: Vec<(String, Vec<u8>)> =
            [(":method", "POST"), (":authority", "bus"), (":path", "/e")].map(|(name, value)| (name.into(), value.into())).to_vec();
        entries.push(("ce-type".into(), value.clone()));
        entries.push(("content-type".into(), value));
        let head = Head::from_map(entries.into_iter().collect()).unwrap();
        let _judged = Protocol::CloudEvents.form(&head);
        for form in [Form::Binary, Form::Structured, Form::Batch] {
            prop_assert!(Protocol::CloudEvents.events(form, &head, &body, None, &BUDGET).is_err());
        }
    }
}
