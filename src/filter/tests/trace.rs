//! The call's trace in its event, and when a call began.

use super::*;

const TRACEPARENT: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const BINARY: [(&str, &[u8]); 8] = [
    (":method", b"POST"),
    (":authority", b"bus"),
    (":path", b"/open/carts"),
    ("ce-specversion", b"1.0"),
    ("ce-id", b"1"),
    ("ce-source", b"/cart"),
    ("ce-type", b"com.shop.ItemAdded"),
    ("traceparent", TRACEPARENT),
];

fn added(settings: &str, headers: &[(&str, &[u8])], end_of_stream: bool) -> Option<String> {
    let map = Some(headers.iter().copied().collect());
    let arrival = Arrival { map, hints: Ok(Hints::default()), peer: None, end_of_stream };
    let step = with(|with| exchange(settings).head(arrival, with));
    let mut found = step.commands.iter().filter_map(|command| {
        let Command::Set("ce-traceparent", value) = command else { return None };
        Some(value.clone())
    });
    let first = found.next();
    assert_eq!(found.next(), None);
    first
}

fn with_header(name: &'static str, value: &'static [u8]) -> Vec<(&'static str, &'static [u8])> {
    BINARY.into_iter().filter(|(other, _)| *other != name).chain([(name, value)]).collect()
}

const ADD: &str = r#""traces": {"addToEvents": true},"#;

#[test]
fn an_event_in_headers_without_a_trace_gets_that_of_its_call_where_the_policy_asks_for_it() {
    let expected = std::str::from_utf8(TRACEPARENT).ok().map(str::to_owned);
    assert_eq!(added(ADD, &BINARY, false), expected);
    let held = r#""hold": "headers", "traces": {"addToEvents": true},"#;
    assert_eq!(added(held, &BINARY, false), expected);
    assert_eq!(added("", &BINARY, false), None);
}

#[test]
fn an_event_that_has_one_or_whose_attributes_may_be_signed_goes_on_as_it_came() {
    for (name, value) in [
        ("ce-traceparent", TRACEPARENT),
        ("ce-traceparent", b""),
        ("ce-traceparent", b"\xff"),
        ("ce-dssematerial", b"e30="),
        ("signature-input", b"sig=()"),
        ("signature", b"sig=::"),
    ] {
        assert_eq!(added(ADD, &with_header(name, value), false), None, "{name}");
    }
    let with_jws = r#""traces": {"addToEvents": true}, "signers": [{"keyId": "k", "publisher": "a", "secret": {"value": "whsec_c2l4dGVlbiBieXRlcyAhIQ=="}}],
                      "signatures": {"eventJws": {"attribute": "proof"}},"#;
    assert!(added(with_jws, &BINARY, false).is_some());
    assert_eq!(added(with_jws, &with_header("ce-proof", b"x"), false), None);
}

#[test]
fn what_is_no_trace_or_no_event_in_headers_adds_nothing() {
    for traceparent in [b"".as_slice(), b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", b"\xff", b"x\r\ny"] {
        let headers: Vec<_> =
            BINARY.into_iter().filter(|(name, _)| *name != "traceparent").chain([("traceparent", traceparent)]).collect();
        assert_eq!(added(ADD, &headers, false), None, "{}", traceparent.escape_ascii());
    }
    let twice: Vec<_> = BINARY.into_iter().chain([("traceparent", TRACEPARENT)]).collect();
    assert_eq!(added(ADD, &twice, false), None, "nobody knows which");
    let structured: Vec<_> = BINARY.into_iter().filter(|(name, _)| !name.starts_with("ce-")).collect();
    for content_type in [b"application/cloudevents+json".as_slice(), b"application/cloudevents-batch+json"] {
        let headers: Vec<_> = structured.iter().copied().chain([("content-type", content_type)]).collect();
        assert_eq!(added(ADD, &headers, false), None, "{}", content_type.escape_ascii());
    }
    let refused = with_header(":path", b"/events/carts");
    assert_eq!(added(ADD, &refused, false), None, "without a token nothing goes on");
}

#[test]
fn what_is_decided_first_began_with_the_head() {
    let mut exchange = exchange("");
    assert_eq!(exchange.take_arrival(), None);
    head(&mut exchange, "/open/carts", &[], false);
    body_end(&mut exchange, BODY);
    assert_eq!(exchange.take_arrival(), Timestamp::parse("2026-11-23T08:00:00Z").ok());
    assert_eq!(exchange.take_arrival(), None);
}
