//! The exchange with plain values: what the proxy tells, and what it is told to do.

mod batches;
mod governor;
mod limiter;
mod recording;
mod signed;
mod trace;
mod wait;

use std::rc::Rc;

use super::exchange::{Arrival, Buffered, Exchange, Surroundings};
use super::metadata::MetadataError;
use super::step::{Command, Flow, Step};
use crate::call::HeaderMap;
use crate::config;
use crate::crypto::RustCrypto;
use crate::decision::{Code, Verdict};
use crate::identity::TokenCache;
use crate::keyset::Store;
use crate::ledger::Memory;
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
    let keys = &mut Store::new(&[], 1);
    act(&mut Surroundings { now, keys, waiting: 0, tokens: &mut tokens, crypto: &RustCrypto, store: &Memory::default() })
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
    let arrival = Arrival { map: Some(map(path, more)), hints: Ok(Hints::default()), peer: None, end_of_stream };
    with(|with| exchange.head(arrival, with))
}

fn body_end(exchange: &mut Exchange, body: &[u8]) -> Step {
    with(|with| exchange.body_end(|| Buffered { bytes: Some(body.to_vec()), upstream_reached: false }, with))
}

fn code(step: &Step) -> Option<Code> {
    Some(step.outcomes.last()?.refusal.as_ref()?.code())
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
fn a_malformed_event_is_answered_with_400_and_not_500() {
    for body in [b"{".as_slice(), b"\xff", b"{}", b"[1]", br#"{"specversion":"1.0","id":1}"#] {
        let mut exchange = exchange("");
        head(&mut exchange, "/open/carts", &[], false);
        let step = body_end(&mut exchange, body);
        let Some(Command::Reply(reply)) = step.commands.last() else { panic!("{:?}", step.commands) };
        assert_eq!(reply.status, 400, "{}", body.escape_ascii());
    }
}

#[test]
fn what_the_proxy_cannot_hand_over_is_refused() {
    // A head that cannot be read cannot be changed either: it does not go on in any mode.
    for mode in ["", r#""mode": "observe","#, r#""unmatched": "pass","#] {
        let arrival = Arrival { map: None, hints: Ok(Hints::default()), peer: None, end_of_stream: false };
        let step = with(|with| exchange(mode).head(arrival, with));
        assert_eq!((step.flow, code(&step), replied(&step)), (Flow::Pause, Some(Code::CALL_MALFORMED), true), "{mode}");
        assert_eq!(step.outcomes.last().map(|outcome| outcome.verdict), Some(Verdict::Refuse));
    }

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
    let step = with(|with| held.broken_off(with.means()));
    assert_eq!((code(&step), replied(&step)), (Some(Code::CALL_MALFORMED), false));
    assert!(with(|with| held.broken_off(with.means())).outcomes.is_empty());
    let mut decided = exchange("");
    head(&mut decided, "/open/carts", &[], false);
    body_end(&mut decided, BODY);
    assert!(with(|with| decided.broken_off(with.means())).outcomes.is_empty());
}

#[test]
fn a_call_whose_head_cannot_be_changed_is_refused_in_every_mode() {
    for settings in ["", r#""mode": "observe","#, r#""unmatched": "pass","#] {
        let mut exchange = exchange(settings);
        let step = head(&mut exchange, if settings.contains("pass") { "/elsewhere" } else { "/open/carts" }, &[], false);
        assert_eq!(step.flow, Flow::Continue);
        let gone = with(|with| exchange.head_is_gone(step.outcomes, with.means()));
        assert_eq!((gone.flow, code(&gone), replied(&gone)), (Flow::Pause, Some(Code::HOLD_MISSING), true), "{settings}");
    }
}

#[test]
fn headers_that_this_filter_sets_are_stripped_first_also_for_unmatched_routes_and_in_observe_mode() {
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

/// What goes on unjudged: a route whose settings cannot be followed, and pseudo-headers that are not text, or there twice.
#[test]
fn a_call_that_is_only_observed_goes_on_without_its_token_and_forged_headers_whatever_could_not_be_read() {
    let errors = [MetadataError::Unreadable, MetadataError::Malformed, MetadataError::UnknownValue("mode")];
    let unfollowed = errors.into_iter().map(|error| (Err(error), "/open/carts", (":other", b"".as_slice())));
    let unreadable = [(":scheme", b"\xff".as_slice()), (":path", b"/events/carts")];
    let unreadable = unreadable.into_iter().map(|header| (Ok(Hints::default()), "/events/carts", header));
    for (hints, path, pseudo) in unfollowed.chain(unreadable) {
        let headers = [("x-eventguard-publisher", b"shop/root".as_slice()), ("authorization", b"Bearer x"), pseudo];
        for (settings, goes_on) in [(r#""mode": "observe","#, true), ("", false), (r#""unmatched": "pass","#, false)] {
            let arrival = Arrival { map: Some(map(path, &headers)), hints: hints.clone(), peer: None, end_of_stream: false };
            let mut exchange = exchange(settings);
            let step = with(|with| exchange.head(arrival, with));
            assert_eq!(code(&step).map(Code::http_status), Some(400), "{pseudo:?} {settings}");
            assert_eq!((replied(&step), exchange.went_on()), (!goes_on, goes_on), "{pseudo:?} {settings}");
            let changes = ["x-eventguard-publisher", "authorization"].map(|name| Command::Remove(name.to_owned()));
            let verdict = Command::Set("x-eventguard-verdict", "observe".to_owned());
            let is_changed = changes.iter().chain([&verdict]).all(|change| step.commands.contains(change));
            assert_eq!(is_changed, goes_on, "{pseudo:?} {settings}: {:?}", step.commands);
        }
    }
}

#[test]
fn a_call_that_is_broken_off_did_not_go_on_also_where_it_is_only_observed() {
    for path in ["/open/carts", "/events/carts"] {
        let mut exchange = exchange(r#""mode": "observe","#);
        head(&mut exchange, path, &[], false);
        let step = with(|with| exchange.broken_off(with.means()));
        let verdict = step.outcomes.last().map(|outcome| outcome.verdict);
        // Of the other its head decided: it went on before it was broken off.
        assert_eq!(verdict, if path == "/open/carts" { Some(Verdict::Refuse) } else { None });
        assert!(!replied(&step));
    }
}

#[test]
fn observe_mode_refuses_nothing_and_says_what_it_would_have_done() {
    let mut exchange = exchange(r#""mode": "observe", "hold": "headers","#);
    head(&mut exchange, "/open/carts", &[], false);
    let step = body_end(&mut exchange, BODY);
    assert_eq!((step.flow, replied(&step), code(&step)), (Flow::Continue, false, Some(Code::RULE_PUBLISHER)));
    assert_eq!(step.outcomes.last().map(|outcome| outcome.verdict), Some(Verdict::Observe));
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
    let problem: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
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
    let arrival = Arrival { map: Some(map), hints: Ok(Hints::default()), peer: None, end_of_stream: false };
    let step = with(|with| exchange.head(arrival, with));
    let Some(Command::Reply(reply)) = step.commands.last() else { panic!("{:?}", step.commands) };
    assert_eq!((reply.status, reply.grpc_status), (200, Some(Code::CALL_CONTENT_TYPE.grpc_status())));
}

#[test]
fn a_grpc_refusal_has_its_code_as_the_reason_of_an_error_info() {
    use base64::Engine as _;
    for (content_type, status) in [
        ("application/grpc", Some(16)),
        ("application/grpc+proto", Some(16)),
        ("application/grpc-web", None),
        ("application/grpc-web-text+proto", None),
    ] {
        let map = map("/events/carts", &[]);
        let map = map.iter().map(|(name, value)| (name, if name == "content-type" { content_type.as_bytes() } else { value }));
        let arrival = Arrival { map: Some(map.collect()), hints: Ok(Hints::default()), peer: None, end_of_stream: false };
        let step = with(|with| exchange("").head(arrival, with));
        let Some(Command::Reply(reply)) = step.commands.last() else { panic!("{:?}", step.commands) };
        assert_eq!((reply.status, reply.grpc_status), (200, status), "{content_type}");
        let header = |wanted| reply.headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str());
        assert_eq!(header("grpc-status"), if status.is_some() { None } else { Some("16") }, "{content_type}");
        let details =
            base64::engine::general_purpose::STANDARD_NO_PAD.decode(header("grpc-status-details-bin").unwrap()).unwrap();
        let text = String::from_utf8_lossy(&details);
        assert!(text.contains("type.googleapis.com/google.rpc.ErrorInfo") && text.contains("token.missing"), "{text}");
    }
}

mod streams {
    use super::*;
    use crate::filter::stream::Part;

    /// A frame around a CloudEvent in JSON, or in protobuf where it is short: `id` 1, `source` 2, `spec_version` 3, `type` 4.
    pub(super) fn frame(event_type: &str) -> Vec<u8> {
        let field = |number: u8, text: &str| [&[number << 3 | 2, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let message = [field(1, "1"), field(2, "/cart"), field(3, "1.0"), field(4, event_type)].concat();
        [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], message.as_slice()].concat()
    }

    /// A stream on a route that anybody may use and whose rule observes or enforces.
    fn stream(settings: &str) -> Exchange {
        let text = format!(
            r#"{{"version": 1, {settings}
                "routes": [{{"name": "stream", "match": {{"grpc": "bus.Bus/Publish"}}, "protocol": "cloudevents", "anonymous": true,
                    "topic": "carts", "grpc": {{"stream": true}}}}],
                "events": [{{"type": "com.shop.*", "topics": ["carts"], "publishers": [{{"peer": "spiffe://shop/cart"}}]}}],
                "limits": {{"body": 200}}}}"#
        );
        let policy = config::from_json(text.as_bytes(), &|_| None).unwrap_or_else(|errors| panic!("{errors:?}"));
        let mut exchange = Exchange::new(Rc::new(policy));
        let map =
            [(":method", "POST"), (":authority", "bus"), (":path", "/bus.Bus/Publish"), ("content-type", "application/grpc")];
        let peer = crate::call::Peer::from_uri("spiffe://shop/cart".to_owned());
        let arrival = Arrival { map: Some(map.into_iter().collect()), hints: Ok(Hints::default()), peer, end_of_stream: false };
        let step = with(|with| exchange.head(arrival, with));
        assert!(exchange.stream().is_some() && step.outcomes.is_empty(), "{step:?}");
        exchange
    }

    fn part(exchange: &mut Exchange, held: &[u8], part: Part) -> (Flow, Vec<Option<Code>>, Option<Vec<u8>>) {
        let step = with(|with| exchange.stream_part(Some(held), part, with));
        let codes = step.outcomes.iter().map(|outcome| outcome.refusal.as_ref().map(crate::decision::Refusal::code)).collect();
        let body = step.commands.iter().find_map(|command| match command {
            Command::Body(bytes) => Some(bytes.clone()),
            Command::Remove(_) | Command::Set(..) | Command::Reply(_) | Command::Ask(_) | Command::Record => None,
        });
        (step.flow, codes, body)
    }

    #[test]
    fn whole_messages_go_on_at_once_and_the_start_of_the_next_waits() {
        let mut exchange = stream("");
        let (one, two) = (frame("com.shop.A"), frame("com.shop.BB"));
        let cut = [one.as_slice(), &two[..9]].concat();
        assert_eq!(part(&mut exchange, &cut, Part::Open), (Flow::Continue, vec![None], Some(one.clone())));
        assert_eq!(part(&mut exchange, &two[9..12], Part::Open), (Flow::Pause, vec![], None), "what the proxy holds, it holds");
        assert_eq!(part(&mut exchange, &two[9..], Part::Open), (Flow::Continue, vec![None], Some(two.clone())));
        assert_eq!(part(&mut exchange, &one, Part::Open), (Flow::Continue, vec![None], None), "as it came");
        assert_eq!(part(&mut exchange, &[], Part::Last), (Flow::Continue, vec![], None));
        assert!(with(|with| exchange.broken_off(with.means())).outcomes.is_empty());
    }

    #[test]
    fn a_message_is_read_once_it_is_whole_or_refused_without_its_rest() {
        let whole = frame("com.shop.A");
        let fresh = stream("");
        let fresh = fresh.stream().unwrap();
        for (held, enough) in [(0, false), (4, false), (5, false), (whole.len() - 1, false), (whole.len(), true)] {
            assert_eq!(fresh.is_enough(held, &whole[..held.min(8)]), enough, "{held}");
        }
        assert!(fresh.is_enough(5, &[0, 0, 0, 0, 201]), "over the limit of 200");
        assert!(!fresh.is_enough(5, &[0, 0, 0, 0, 200]));
        let mut later = stream("");
        part(&mut later, &[whole.as_slice(), &whole[..3]].concat(), Part::Open);
        for (held, enough) in [(1, false), (whole.len() - 4, false), (whole.len() - 3, true)] {
            assert_eq!(later.stream().unwrap().is_enough(held, &whole[3..3 + held.min(8)]), enough, "{held} behind 3");
        }
    }

    #[test]
    fn a_refused_message_ends_the_stream_and_takes_those_along_that_came_with_it() {
        let mut exchange = stream("");
        let bad = [frame("com.shop.A"), frame("com.evil"), frame("com.shop.A")].concat();
        let unknown = Some(Code::RULE_UNKNOWN_TYPE);
        assert_eq!(part(&mut exchange, &bad, Part::Open), (Flow::Pause, vec![unknown, unknown], None));
        assert_eq!(part(&mut exchange, &frame("com.shop.A"), Part::Open), (Flow::Pause, vec![], None), "nothing behind it");
    }

    #[test]
    fn a_stream_that_is_cut_or_has_no_message_is_refused() {
        for (held, code) in [
            (frame("com.shop.A")[..7].to_vec(), Code::EVENT_MALFORMED),
            (Vec::new(), Code::EVENT_MALFORMED),
            ([vec![0, 0, 1, 0, 0], vec![0; 300]].concat(), Code::CALL_TOO_LARGE),
            (vec![1, 0, 0, 0, 1, 0], Code::EVENT_MALFORMED),
        ] {
            assert_eq!(part(&mut stream(""), &held, Part::Last), (Flow::Pause, vec![Some(code)], None), "{held:?}");
        }
        let mut later = stream("");
        part(&mut later, &[frame("com.shop.A").as_slice(), &[0, 0]].concat(), Part::Open);
        assert_eq!(part(&mut later, &[], Part::Last), (Flow::Pause, vec![Some(Code::EVENT_MALFORMED)], None));
    }

    #[test]
    fn a_stream_that_is_only_observed_goes_on_whatever_it_holds() {
        let mut exchange = stream(r#""mode": "observe","#);
        let evil = frame("com.evil");
        assert_eq!(part(&mut exchange, &evil, Part::Open), (Flow::Continue, vec![Some(Code::RULE_UNKNOWN_TYPE)], None));
        let broken = [&evil[..6], &[]].concat();
        assert_eq!(part(&mut exchange, &broken, Part::Open).0, Flow::Pause);
        assert_eq!(part(&mut exchange, &broken, Part::Last), (Flow::Continue, vec![Some(Code::EVENT_MALFORMED)], None));
    }

    proptest::proptest! {
        #[test]
        fn however_a_stream_is_split_the_same_bytes_go_on(cuts in proptest::collection::vec(0_usize..200, 0..12)) {
            let messages: Vec<u8> = ["com.shop.A", "com.shop.BB", "com.shop.C", "com.shop.DDDD"].map(frame).concat();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(messages.len())).chain([messages.len()]).collect();
            cuts.sort_unstable();
            let (mut exchange, mut at, mut held, mut passed, mut judged) = (stream(""), 0, Vec::new(), Vec::new(), 0);
            for cut in cuts {
                // As the proxy does: it shows all that it holds, and hands it on as a whole.
                held.extend_from_slice(&messages[at..cut]);
                at = cut;
                let (flow, codes, body) = part(&mut exchange, &held, Part::Open);
                judged += codes.len();
                if flow == Flow::Continue {
                    passed.extend(body.unwrap_or_else(|| held.clone()));
                    held.clear();
                }
            }
            proptest::prop_assert_eq!((judged, passed), (4, messages));
        }
    }
}
