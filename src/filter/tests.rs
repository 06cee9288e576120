//! The exchange with plain values: what the proxy tells, and what it is told to do.

use std::rc::Rc;

use super::exchange::{Arrival, Buffered, Command, Exchange, Flow, Step, Surroundings};
use crate::call::HeaderMap;
use crate::config;
use crate::crypto::RustCrypto;
use crate::decision::{Code, Verdict};
use crate::identity::TokenCache;
use crate::policy::Hints;
use crate::time::Timestamp;

const BODY: &[u8] = br#"{"specversion":"1.0","id":"1","source":"/cart","type":"com.shop.ItemAdded"}"#;

/// A policy of one anonymous route, whose rule observes or enforces, and of one route that needs a token.
fn exchange(settings: &str) -> Exchange {
    let text = format!(
        r#"{{"version": 1, {settings}
            "issuers": [{{"name": "shop", "issuer": "https://idp", "audiences": ["bus"], "algorithms": ["EdDSA"],
                "jwks": {{"inline": {{"keys": [{{"kty": "OKP", "crv": "Ed25519", "kid": "1",
                    "x": "MhChMiWqdJwoQeZtcrVrFetOMF9QE8fT-poPmItrVfY"}}]}}}}}}],
            "routes": [
                {{"name": "open", "match": {{"path": "/open/{{topic}}"}}, "protocol": "cloudevents", "anonymous": true}},
                {{"name": "events", "match": {{"path": "/events/{{topic}}"}}, "protocol": "cloudevents"}}],
            "events": [{{"type": "com.shop.*", "publishers": [{{"subject": "cart-service"}}]}}],
            "limits": {{"body": 100}}}}"#
    );
    let policy = config::from_json(text.as_bytes(), &|_| None).unwrap_or_else(|errors| panic!("{errors:?}"));
    Exchange::new(Rc::new(policy))
}

fn with<T>(act: impl FnOnce(&mut Surroundings<'_>) -> T) -> T {
    let mut tokens = TokenCache::new(TokenCache::DEFAULT_CAPACITY, [7; 16]);
    let now = Timestamp::parse("2026-11-23T08:00:00Z").unwrap();
    act(&mut Surroundings { now, tokens: &mut tokens, crypto: &RustCrypto })
}

fn map(path: &str, more: &[(&str, &[u8])]) -> HeaderMap {
    let base: [(&str, &[u8]); 4] = [
        (":method", b"POST"),
        (":authority", b"bus"),
        (":path", path.as_bytes()),
        ("content-type", b"application/cloudevents+json"),
    ];
    base.iter().chain(more).copied().collect()
}

fn head(exchange: &mut Exchange, path: &str, more: &[(&str, &[u8])], end_of_stream: bool) -> Step {
    let arrival = Arrival { map: Some(map(path, more)), hints: Hints::default(), peer: None, end_of_stream };
    with(|with| exchange.head(arrival, with))
}

fn body_end(exchange: &mut Exchange, body: &[u8]) -> Step {
    with(|with| exchange.body_end(|| Buffered { bytes: Some(body.to_vec()), upstream_reached: false }, with))
}

fn code(step: &Step) -> Option<Code> {
    Some(step.outcome.as_ref()?.refusal.as_ref()?.code())
}

fn replied(step: &Step) -> bool {
    step.commands.iter().any(|command| matches!(command, Command::Reply(_)))
}

#[test]
fn a_head_goes_on_with_hold_body_and_waits_with_hold_headers() {
    assert_eq!(head(&mut exchange(""), "/open/carts", &[], false).flow, Flow::Continue);
    assert_eq!(head(&mut exchange(r#""hold": "headers","#), "/open/carts", &[], false).flow, Flow::Pause);
}

#[test]
fn a_refused_head_is_answered_at_once_and_its_body_is_never_read() {
    let mut exchange = exchange("");
    let step = head(&mut exchange, "/events/carts", &[], false);
    assert_eq!((step.flow, code(&step), replied(&step)), (Flow::Pause, Some(Code::TOKEN_MISSING), true));
    let again = with(|with| exchange.body_end(|| panic!("the body of a refused call is not read"), with));
    assert_eq!((again.flow, replied(&again)), (Flow::Pause, false), "a second answer has crashed proxies");
}

#[test]
fn the_parts_of_a_body_are_held_and_its_end_decides() {
    let mut exchange = exchange("");
    head(&mut exchange, "/open/carts", &[], false);
    assert_eq!(exchange.body_part(10).flow, Flow::Pause);
    let step = body_end(&mut exchange, BODY);
    assert_eq!((code(&step), replied(&step), step.flow), (Some(Code::RULE_PUBLISHER), true, Flow::Pause));
}

#[test]
fn trailers_end_a_body_that_never_said_that_it_ends() {
    let mut exchange = exchange("");
    head(&mut exchange, "/open/carts", &[], false);
    assert_eq!(exchange.body_part(BODY.len()).flow, Flow::Pause);
    assert!(replied(&body_end(&mut exchange, BODY)));
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_whole() {
    let mut exchange = exchange("");
    head(&mut exchange, "/open/carts", &[], false);
    assert_eq!(exchange.body_part(100).flow, Flow::Pause);
    let step = exchange.body_part(101);
    assert_eq!((code(&step), replied(&step)), (Some(Code::CALL_TOO_LARGE), true));
}

#[test]
fn no_body_at_all_is_judged_with_the_head() {
    let step = head(&mut exchange(""), "/open/carts", &[], true);
    assert_eq!((code(&step), replied(&step)), (Some(Code::EVENT_MALFORMED), true));
}

#[test]
fn what_the_proxy_cannot_hand_over_is_refused() {
    let arrival = Arrival { map: None, hints: Hints::default(), peer: None, end_of_stream: false };
    let step = with(|with| exchange("").head(arrival, with));
    assert_eq!((code(&step), replied(&step)), (Some(Code::CALL_MALFORMED), true));

    let mut exchange = exchange("");
    head(&mut exchange, "/open/carts", &[], false);
    let step = with(|with| exchange.body_end(|| Buffered { bytes: None, upstream_reached: false }, with));
    assert_eq!((code(&step), replied(&step)), (Some(Code::CALL_MALFORMED), true));
}

#[test]
fn a_missing_hold_is_refused() {
    let mut first = exchange("");
    head(&mut first, "/open/carts", &[], false);
    let step = with(|with| first.body_end(|| Buffered { bytes: Some(BODY.to_vec()), upstream_reached: true }, with));
    assert_eq!((code(&step), replied(&step)), (Some(Code::HOLD_MISSING), true));

    let mut second = exchange(r#""hold": "headers","#);
    head(&mut second, "/open/carts", &[], false);
    assert!(second.is_waiting());
    assert_eq!(code(&second.hold_failed()), Some(Code::HOLD_MISSING));
    assert!(!replied(&second.hold_failed()), "only one answer");
}

#[test]
fn a_call_that_is_broken_off_is_told_once_and_answered_never() {
    let mut held = exchange("");
    head(&mut held, "/open/carts", &[], false);
    let step = held.broken_off();
    assert_eq!((code(&step), replied(&step)), (Some(Code::CALL_MALFORMED), false));
    assert!(held.broken_off().outcome.is_none());
    let mut decided = exchange("");
    head(&mut decided, "/open/carts", &[], false);
    body_end(&mut decided, BODY);
    assert!(decided.broken_off().outcome.is_none());
}

#[test]
fn a_call_whose_head_cannot_be_changed_is_refused_in_every_mode() {
    for settings in ["", r#""mode": "observe","#, r#""unmatched": "pass","#] {
        let mut exchange = exchange(settings);
        let step = head(&mut exchange, if settings.contains("pass") { "/elsewhere" } else { "/open/carts" }, &[], false);
        assert_eq!(step.flow, Flow::Continue);
        let gone = exchange.head_is_gone(step.outcome);
        assert_eq!((gone.flow, code(&gone), replied(&gone)), (Flow::Pause, Some(Code::HOLD_MISSING), true), "{settings}");
    }
}

#[test]
fn headers_under_our_names_are_removed_on_every_path() {
    let names = ["x-eventguard-publisher", "x-eventguard-verdict", "x_eventguard_publisher", "x-eventguard_verdict"];
    let forged = names.map(|name| (name, b"shop/root".as_slice()));
    let removals = names.map(|name| Command::Remove(name.to_owned()));
    let paths = [(r#""unmatched": "pass","#, "/elsewhere"), ("", "/open/carts"), (r#""mode": "observe","#, "/events/carts")];
    for (settings, path) in paths {
        let step = head(&mut exchange(settings), path, &forged, false);
        assert_eq!(step.flow, Flow::Continue, "{path}");
        assert!(removals.iter().all(|removal| step.commands.contains(removal)), "{path}: {:?}", step.commands);
    }
    let step = head(&mut exchange(""), "/open/carts", &[("x-eventguar", b"1"), ("eventguard", b"1")], false);
    assert!(!step.commands.iter().any(|command| matches!(command, Command::Remove(name) if name.contains("eventguar"))));
}

#[test]
fn observe_mode_refuses_nothing_and_says_what_it_would_have_done() {
    let mut exchange = exchange(r#""mode": "observe", "hold": "headers","#);
    head(&mut exchange, "/open/carts", &[], false);
    let step = body_end(&mut exchange, BODY);
    assert_eq!((step.flow, replied(&step), code(&step)), (Flow::Continue, false, Some(Code::RULE_PUBLISHER)));
    assert_eq!(step.outcome.as_ref().map(|outcome| outcome.verdict), Some(Verdict::Observe));
    assert!(step.commands.contains(&Command::Set("x-eventguard-verdict", "observe".to_owned())));
}

#[test]
fn the_verdict_of_a_head_is_told_in_both_ways_of_holding() {
    for hold in ["body", "headers"] {
        let settings = format!(r#""mode": "observe", "hold": "{hold}","#);
        let step = head(&mut exchange(&settings), "/events/carts", &[], false);
        assert_eq!((step.flow, code(&step)), (Flow::Continue, Some(Code::TOKEN_MISSING)));
        assert!(step.commands.contains(&Command::Set("x-eventguard-verdict", "observe".to_owned())), "{hold}");
    }
}

#[test]
fn a_header_that_is_not_utf_8_is_refused_where_it_is_read_and_passes_where_it_is_not() {
    let step = head(&mut exchange(""), "/events/carts", &[("authorization", b"Bearer \xff")], false);
    assert_eq!(code(&step), Some(Code::CALL_MALFORMED));
    assert_eq!(head(&mut exchange(""), "/open/carts", &[("x-other", b"\xff")], false).flow, Flow::Continue);
}

#[test]
fn the_answer_is_a_problem_with_the_code_and_a_challenge() {
    let step = head(&mut exchange(""), "/events/carts", &[("x-request-id", b"r-1")], false);
    let Some(Command::Reply(reply)) = step.commands.last() else { panic!("{:?}", step.commands) };
    let problem: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((problem["code"].as_str(), problem["status"].as_u64()), (Some("token.missing"), Some(401)));
    assert_eq!(problem["requestId"], "r-1");
    assert!(reply.headers.contains(&("content-type", "application/problem+json".to_owned())));
    assert!(reply.headers.contains(&("www-authenticate", "Bearer realm=\"eventguard\"".to_owned())));
}

#[test]
fn a_grpc_caller_is_answered_in_its_own_way() {
    let mut exchange = exchange("");
    let map = map("/events/carts", &[]);
    let other = map.iter().map(|(name, value)| (name, if name == "content-type" { b"application/grpc+thrift" } else { value }));
    let map = other.collect();
    let arrival = Arrival { map: Some(map), hints: Hints::default(), peer: None, end_of_stream: false };
    let step = with(|with| exchange.head(arrival, with));
    let Some(Command::Reply(reply)) = step.commands.last() else { panic!("{:?}", step.commands) };
    assert_eq!((reply.status, reply.grpc_status), (200, Some(Code::CALL_CONTENT_TYPE.grpc_status())));
}
