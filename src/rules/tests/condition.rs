//! Conditions over what is known of a call: what it does not have, has twice, or has in another form.

use super::*;
use crate::call::Head;
use crate::cel::Condition;
use crate::rules::condition::{Facts, environment};

const NOW: &str = "2026-11-23T08:00:00Z";

/// What becomes of an event with this data whose call has these headers: what the rule says of the condition.
fn held(condition: &str, headers: &[(&str, &[u8])], data: &'static str) -> Result<(), String> {
    let pseudo: [(&str, &[u8]); 3] = [(":method", b"POST"), (":authority", b"bus"), (":path", b"/e")];
    let head = Head::from_map(pseudo.iter().chain(headers).copied().collect()).unwrap();
    let event = Event { data: Data::Json(data.into()), ..event(None, None) };
    let facts = Facts {
        event: &event,
        publisher: None,
        peer: None,
        signatures: &[],
        route: "events",
        head: &head,
        now: Timestamp::parse(NOW).unwrap(),
        data: &JsonData::of(&event, 8),
    };
    let rule = Rule { conditions: vec![Condition::compile(condition, &environment()).unwrap()], ..rule("com.shop.*") };
    check_content(&rule, &facts).map_err(|violation| violation.to_string())
}

#[test]
fn a_header_that_is_there_twice_or_is_no_text_is_neither_absent_nor_its_first_or_last_value() {
    let twice: &[(&str, &[u8])] = &[("debug", b"0"), ("debug", b"1"), ("other", b"1")];
    let no_text: &[(&str, &[u8])] = &[("debug", b"\xff"), ("other", b"1")];
    for condition in [
        "!has(request.headers.debug)",
        "!has(request.headers.Debug)",
        r#"!("debug" in request.headers)"#,
        r#"request.headers.debug != "1""#,
        r#"request.headers["debug"] != "0""#,
        r#"!request.headers.exists(name, name == "debug")"#,
        r#"!request.headers.exists(name, value, name == "debug" && value == "1")"#,
        r#"!request.headers.transformList(name, value, value).exists(value, value == "0")"#,
        r#"request.headers == {"debug": "1", "other": "1"}"#,
    ] {
        for headers in [twice, no_text] {
            let refused = held(condition, headers, "{}").unwrap_err();
            assert!(
                refused.contains("is there more than once, or is not text") || condition.contains("{"),
                "{condition}: {refused}"
            );
        }
    }
    assert_eq!(held(r#"request.headers.other == "1""#, twice, "{}"), Ok(()), "nobody asks for the other one");
    assert_eq!(held("!has(request.headers.debug)", &[("other", b"1")], "{}"), Ok(()));
}

#[test]
fn a_header_is_found_whatever_the_case_of_its_name_in_the_policy() {
    assert!(held(r#""X-Debug" in request.headers"#, &[("x-debug", b"1")], "{}").is_ok());
    assert!(held(r#"request.headers["X-DEBUG"] == "1""#, &[("x-debug", b"1")], "{}").is_ok());
}
