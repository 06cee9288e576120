//! Conditions over what is known of a call: what it does not have, has twice, or has in another form.

use super::*;
use crate::call::Head;
use crate::cel::Condition;
use crate::rules::condition::{Facts, environment};

const NOW: &str = "2026-11-23T08:00:00Z";

/// What becomes of an event whose call has these headers: what the rule says of the condition.
fn held(condition: &str, headers: &[(&str, &[u8])]) -> Result<(), String> {
    of_event(condition, headers, event(None, None))
}

fn of_event(condition: &str, headers: &[(&str, &[u8])], event: Event<'_>) -> Result<(), String> {
    let pseudo: [(&str, &[u8]); 3] = [(":method", b"POST"), (":authority", b"bus"), (":path", b"/e")];
    let head = Head::from_map(pseudo.iter().chain(headers).copied().collect()).unwrap();
    let facts = Facts {
        event: &event,
        publisher: None,
        peer: None,
        signatures: &[],
        route: "events",
        head: &head,
        now: Timestamp::parse(NOW).unwrap(),
        data: &JsonData::of(&event, 8).unwrap(),
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
            let refused = held(condition, headers).unwrap_err();
            assert!(
                refused.contains("is there more than once, for some servers at least, or is not text") || condition.contains("{"),
                "{condition}: {refused}"
            );
        }
    }
    assert_eq!(held(r#"request.headers.other == "1""#, twice), Ok(()), "nobody asks for the other one");
    assert_eq!(held("!has(request.headers.debug)", &[("other", b"1")]), Ok(()));
}

/// CGI and WSGI make one variable of both.
#[test]
fn a_header_that_servers_take_for_the_one_that_is_asked_for_is_no_absence_of_it() {
    for headers in [&[("x_tenant", &b"b"[..])][..], &[("x-tenant", b"a"), ("x_tenant", b"b")]] {
        for condition in
            ["!(\"x-tenant\" in request.headers)", "!(\"X-Tenant\" in request.headers)", "request.headers[\"x-tenant\"] != \"b\""]
        {
            assert!(held(condition, headers).is_err(), "{condition}: {headers:?}");
        }
    }
    assert_eq!(held("!(\"x-tenant\" in request.headers)", &[("x_tenants", b"b")]), Ok(()));
}

#[test]
fn a_header_is_found_whatever_the_case_of_its_name_in_the_policy() {
    assert!(held(r#""X-Debug" in request.headers"#, &[("x-debug", b"1")]).is_ok());
    assert!(held(r#"request.headers["X-DEBUG"] == "1""#, &[("x-debug", b"1")]).is_ok());
}

#[test]
fn data_that_is_no_json_or_is_said_to_be_something_else_is_not_absent() {
    let data = |data, content_type: Option<&'static str>| Event {
        data,
        data_content_type: content_type.map(Cow::Borrowed),
        ..event(None, None)
    };
    let condition = "!has(event.data) || event.data.total < 5";
    let binary = |text: &'static str| Data::Binary(text.as_bytes().into());
    for (event, expected) in [
        (data(Data::Absent, None), Ok(())),
        (data(binary(""), Some("text/plain")), Ok(())),
        (data(binary("{\"total\":1}"), None), Ok(())),
        (data(binary("{\"total\":1}"), Some("application/json; charset=UTF-8")), Ok(())),
        (data(Data::Json("{\"total\":1}".into()), Some("text/plain")), Ok(())),
        (data(binary("{\"total\":1,\"total\":1}"), None), Err(())),
        (data(binary("{\"total\":1}"), Some("text/plain")), Err(())),
        (data(binary("{\"total\":1}"), Some("application/x-www-form-urlencoded")), Err(())),
        (data(binary("{\"total\":1}"), Some("application/json; charset=utf-7")), Err(())),
    ] {
        let found = of_event(condition, &[], event.clone());
        assert!(found.as_ref().err().is_none_or(|refused| refused.contains("the value is no JSON")), "{found:?}");
        assert_eq!(found.map_err(|_| ()), expected, "{event:?}");
    }
}

#[test]
fn a_condition_that_errors_is_not_skipped() {
    for condition in [
        "event.subject == \"a\"",
        "event.data.total < 5",
        "claims.admin == true",
        "event.extensions[\"level\"] != \"1\"",
        "1 / event.size == 1",
        "event.type == \"another\" || event.id == \"1\"",
        "has(request.headers.other) || !has(claims.guest)",
    ] {
        assert!(held(condition, &[]).unwrap_err().contains("cannot be told"), "{condition}");
    }
}
