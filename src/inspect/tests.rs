//! A shadow beside a policy: what it would have decided is told where it differs, and nothing else comes of it.

mod costs;
mod data;
mod heads;

use serde_json::{Value, json};

use super::*;
use crate::crypto::RustCrypto;
use crate::decision::Difference;
use crate::identity::Issuer;
use crate::keyset::{Revocations, Revoked, SetId};
use crate::ledger::{self, Ending, Memory, Unavailable};

const PEER: &str = "spiffe://cluster.local/ns/shop/sa/a";

/// A policy whose shadow says this, and that only observes that nobody in particular publishes.
fn policy(shadow: Value) -> Policy {
    policy_of(json!([{"type": "t.*", "publishers": [{"subject": "a"}], "topics": ["x"], "mode": "observe"}]), shadow)
}

/// With an anonymous route and one that needs a token.
fn policy_of(events: Value, shadow: Value) -> Policy {
    let document = json!({
        "version": 1,
        "issuers": [{"name": "shop", "issuer": "https://idp", "audiences": ["bus"], "algorithms": ["EdDSA"],
            "jwks": {"inline": {"keys": [
                {"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "MhChMiWqdJwoQeZtcrVrFetOMF9QE8fT-poPmItrVfY"}]}}}],
        "signers": [{"keyId": "k", "publisher": "a", "secret": {"value": "sixteen bytes !!"}}],
        "routes": routes("/open/{topic}"),
        "events": events,
        "limits": {"body": 200},
        "shadow": shadow,
    });
    crate::config::from_value(document, &|_| None).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn routes(open: &str) -> Value {
    json!([{"name": "open", "match": {"path": open}, "protocol": "cloudevents", "anonymous": true},
           {"name": "closed", "match": {"path": "/closed/{topic}"}, "protocol": "cloudevents"}])
}

fn now() -> Timestamp {
    Timestamp::parse("2026-11-23T08:00:00Z").unwrap()
}

fn opened(policy: &Policy, path: &str, batch: bool) -> Opening {
    let content = if batch { "application/cloudevents-batch+json" } else { "application/cloudevents+json" };
    let map = [(":method", "POST"), (":authority", "bus"), (":path", path), ("content-type", content)];
    let head = Head::from_map(map.into_iter().collect()).unwrap();
    let call = Incoming { head, hints: Hints::default(), peer: Peer::from_uri(PEER.to_owned()) };
    super::head(policy, call, HeadMeans { now: now(), tokens: &mut TokenCache::new(0, [0; 16]), crypto: &RustCrypto })
}

fn outcome(policy: &Policy, path: &str, body: &str, store: &dyn Store) -> Outcome {
    let opening = opened(policy, path, body.starts_with('['));
    let Opening::Judge(opened) = opening else { panic!("{opening:?}") };
    super::body(policy, &opened, body.as_bytes(), Means { now: now(), crypto: &RustCrypto, store })
}

fn event(id: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t.A","time":"2026-11-23T08:00:00Z"}}"#)
}

fn told(difference: Option<&Difference>) -> Option<(&'static str, &'static str)> {
    let difference = difference?;
    Some((difference.verdict(), difference.refusal.as_ref().map_or("", |refusal| refusal.code().as_str())))
}

/// One case a line: what the shadow says, and of a call and its one event, observed for `rule.publisher`, what it says then.
#[rustfmt::skip]
#[test]
fn what_a_shadow_would_have_decided_is_told_where_it_differs() {
    for (shadow, expected) in [
        (json!({"limits": {"body": 200}}), None),
        (json!({"events": [{"type": "t.*", "publishers": [{"subject": "a"}]}]}), Some(("refuse", "rule.publisher"))),
        (json!({"events": [{"type": "u.*", "publishers": [{"subject": "a"}]}], "mode": "observe"}), Some(("observe", "rule.unknown-type"))),
        (json!({"routes": routes("/other/{topic}")}), Some(("refuse", "route.unmatched"))),
        (json!({"routes": routes("/other/{topic}"), "unmatched": "pass"}), Some(("admit", ""))),
        (json!({"limits": {"body": 20}}), Some(("refuse", "call.too-large"))),
        (json!({"limits": {"attributes": 4}}), Some(("refuse", "event.malformed"))),
    ] {
        let outcome = outcome(&policy(shadow.clone()), "/open/x", &event("1"), &Memory::default());
        assert_eq!((outcome.verdict, told(outcome.events[0].shadow.as_deref())), (Verdict::Observe, expected), "{shadow}");
        assert_eq!(outcome.shadow, None, "{shadow}: it is told of the event");
    }
}

#[test]
fn events_are_compared_one_by_one_and_with_the_call_where_they_are_not_as_many() {
    let batch = format!("[{},{}]", event("1"), event("2").replace("t.A", "u.A"));
    let of_events = |shadow| {
        let outcome = outcome(&policy(shadow), "/open/x", &batch, &Memory::default());
        outcome.events.iter().map(|event| told(event.shadow.as_deref())).collect::<Vec<_>>()
    };
    let unlike = json!({"events": [{"type": "u.*", "publishers": [{"subject": "a"}]}]});
    assert_eq!(of_events(unlike), [Some(("refuse", "rule.unknown-type")), Some(("refuse", "rule.publisher"))]);
    assert_eq!(of_events(json!({"limits": {"events": 1}})), [Some(("refuse", "event.too-many")); 2]);
}

#[test]
fn a_call_that_is_refused_by_its_head_is_undecided_where_the_shadow_would_have_read_on() {
    let mut routes = routes("/open/{topic}");
    routes[1]["anonymous"] = true.into();
    for (shadow, expected) in [
        (json!({"routes": routes}), Some(("undecided", ""))),
        (json!({"token": {"header": "x-token"}}), None),
        (json!({"mode": "observe"}), Some(("observe", "token.missing"))),
    ] {
        let Opening::Decided(outcome) = opened(&policy(shadow), "/closed/x", false) else { panic!("no token") };
        assert_eq!((outcome.verdict, told(outcome.shadow.as_deref())), (Verdict::Refuse, expected));
    }
}

#[test]
fn what_ends_a_call_before_its_body_is_whole_ends_it_for_both_but_for_a_larger_limit() {
    let too_large = || Refusal::Protocol(ProtocolError::TooLarge { limit: 200 });
    for (shadow, refusal, expected) in [
        (json!({"limits": {"body": 300}}), too_large(), Some(("undecided", ""))),
        (json!({"limits": {"body": 200}}), too_large(), None),
        (json!({"limits": {"body": 300}}), Refusal::BrokenOff, None),
        (json!({"routes": routes("/other/{topic}")}), Refusal::BrokenOff, Some(("refuse", "route.unmatched"))),
    ] {
        let policy = policy(shadow);
        let Opening::Judge(opened) = opened(&policy, "/open/x", false) else { panic!("the head is in order") };
        assert_eq!(told(opened.refuse(&policy, refusal).shadow.as_deref()), expected);
    }
}

#[test]
fn a_call_that_the_policy_lets_pass_unjudged_has_no_shadow() {
    let mut policy = policy(json!({"unmatched": "refuse"}));
    policy.unmatched = Unmatched::Pass;
    assert!(matches!(opened(&policy, "/elsewhere", false), Opening::Unguarded));
}

#[test]
fn a_shadow_remembers_by_itself_and_takes_nothing_from_the_policy() {
    let remembering = json!([{"type": "t.*", "publishers": [{"peer": PEER}], "replay": {"window": "1m"}}]);
    // The shadow asks for what the policy asks for: were the table one, the first event would be seen already.
    let policy = policy_of(remembering, json!({"limits": {"body": 200}}));
    let store = Memory::default();
    let publish = |id: &str, ending| {
        let mut outcome = outcome(&policy, "/open/x", &event(id), &store);
        let grants = outcome.take_grants();
        assert_eq!(grants.len(), if outcome.refusal.is_some() { 0 } else { 2 }, "one for each");
        for grant in &grants {
            ledger::settle(&store, now(), grant, ending).unwrap();
        }
        (outcome.events[0].refusal.as_ref().map(Refusal::code), told(outcome.events[0].shadow.as_deref()))
    };
    let seen = Some(crate::decision::Code::REPLAY_SEEN);
    assert_eq!(publish("1", Ending::Failed), (None, None));
    assert_eq!(publish("1", Ending::Published), (None, None), "for both it failed");
    assert_eq!(publish("1", Ending::Published), (seen, None), "for both it was published");
}

#[test]
fn a_batch_that_comes_again_whole_waits_for_room_for_all_of_it_or_never_fits() {
    let policy = |batch: &str| {
        let mut open = routes("/open/{topic}")[0].clone();
        open["batch"] = batch.into();
        let document = json!({
            "version": 1,
            "routes": [open],
            "events": [{"type": "t.*", "publishers": [{"peer": PEER}], "rate": {"limit": 1, "per": "1s", "burst": 3}}],
        });
        crate::config::from_value(document, &|_| None).unwrap()
    };
    let (whole, in_part, store) = (policy("refuse-all"), policy("drop-refused"), Memory::default());
    let publish_to = |policy: &Policy, count: usize| {
        let events: Vec<String> = (0..count).map(|id| event(&id.to_string())).collect();
        let outcome = outcome(policy, "/open/x", &format!("[{}]", events.join(",")), &store);
        outcome.refusal.map(|refusal| refusal.limited().unwrap().wait)
    };
    let publish = |count| publish_to(&whole, count);
    let after = |seconds| Some(ledger::Wait::For(std::time::Duration::from_secs(seconds)));
    assert_eq!((publish(4), publish(2)), (Some(ledger::Wait::Never), None), "what was refused has spent nothing");
    assert_eq!((publish(2), publish(3), publish(4)), (after(1), after(2), Some(ledger::Wait::Never)));
    assert_eq!((publish(1), publish(1)), (None, after(1)));
    assert_eq!(publish_to(&in_part, 4), after(1), "one of them would go on then");
}

#[test]
fn a_token_that_is_good_for_one_call_is_good_for_all_messages_of_a_stream_and_for_no_other_call() {
    let document = json!({
        "version": 1,
        "routes": [{"name": "stream", "match": {"grpc": "bus.Bus/Publish"}, "protocol": "cloudevents", "anonymous": true,
            "grpc": {"stream": true}}],
        "events": [{"type": "t.*", "publishers": [{"subject": "a"}], "replay": {"window": "1m", "key": "jti"}}],
    });
    let mut policy = crate::config::from_value(document, &|_| None).unwrap();
    policy.issuers = vec![Issuer::in_test()];
    // Fields 1 to 4 of io.cloudevents.v1.CloudEvent: id, source, specversion, type.
    let frame = |id: &str| [b"\0\0\0\0\x11\x0a\x01", id.as_bytes(), b"\x12\x02/s\x1a\x031.0\x22\x03t.A"].concat();
    let body = [frame("1"), frame("2")].concat();
    let store = Memory::default();
    let call = || {
        let map =
            [(":method", "POST"), (":authority", "bus"), (":path", "/bus.Bus/Publish"), ("content-type", "application/grpc")];
        let head = Head::from_map(map.into_iter().collect()).unwrap();
        let call = Incoming { head, hints: Hints::default(), peer: None };
        let means = HeadMeans { now: now(), tokens: &mut TokenCache::new(0, [0; 16]), crypto: &RustCrypto };
        let opening = super::head(&policy, call, means);
        let Opening::Judge(mut opened) = opening else { panic!("{opening:?}") };
        opened.publisher = Some(Publisher::in_test("shop", "a", &json!({"jti": "j-1"})));
        let outcome = super::body(&policy, &opened, &body, Means { now: now(), crypto: &RustCrypto, store: &store });
        let codes = outcome.events.iter().map(|event| event.refusal.as_ref().map(|refusal| refusal.code().as_str()));
        (codes.collect::<Vec<_>>(), outcome.refusal)
    };
    assert_eq!(call(), (vec![None, None], None));
    assert_eq!(call().0, [Some("replay.seen")]);
}

/// Answers of `envoy.service.ratelimit.v3` for two counters: the code of all, then of each its code and its limit, 1.
const SECOND_WITHIN: &[u8] = b"\x08\x02\x12\x06\x08\x02\x12\x02\x08\x01\x12\x06\x08\x01\x12\x02\x08\x01";
const NONE_WITHIN: &[u8] = b"\x08\x02\x12\x06\x08\x02\x12\x02\x08\x01\x12\x06\x08\x02\x12\x02\x08\x01";

#[test]
fn a_token_for_one_call_is_spent_where_the_limiter_lets_any_event_of_the_call_go_on() {
    for (batch, answer, codes, again) in [
        ("drop-refused", SECOND_WITHIN, [Some("rate.limited"), None], Some("replay.seen")),
        ("drop-refused", NONE_WITHIN, [Some("rate.limited"); 2], None),
        ("refuse-all", SECOND_WITHIN, [Some("rate.limited"), None], None),
    ] {
        let mut open = routes("/open/{topic}")[0].clone();
        open["batch"] = batch.into();
        let document = json!({
            "version": 1,
            "limiter": {"cluster": "limits"},
            "routes": [open],
            "events": [{"type": "t.*", "publishers": [{"subject": "a"}], "replay": {"window": "1m", "key": "jti"},
                "rate": {"name": "r", "limit": 9, "per": "1m", "by": ["source"], "scope": "cluster"}}],
        });
        let mut policy = crate::config::from_value(document, &|_| None).unwrap_or_else(|errors| panic!("{errors:?}"));
        policy.issuers = vec![Issuer::in_test()];
        let body = format!("[{},{}]", event("1"), event("2").replace("/s", "/o"));
        let store = Memory::default();
        let means = Means { now: now(), crypto: &RustCrypto, store: &store };
        let call = || {
            let Opening::Judge(mut opened) = opened(&policy, "/open/x", true) else { panic!("the head is in order") };
            opened.publisher = Some(Publisher::in_test("shop", "a", &json!({"jti": "j-1"})));
            let outcome = super::body(&policy, &opened, body.as_bytes(), means);
            (opened, outcome)
        };
        let (opened, outcome) = call();
        let question = question(&outcome).unwrap();
        let mut limited = limit(&policy, &opened, outcome, &question.read(Some(answer)), body.as_bytes(), means);
        let found = limited.events.iter().map(|event| event.refusal.as_ref().map(|refusal| refusal.code().as_str()));
        assert_eq!(found.collect::<Vec<_>>(), codes, "{batch}");
        let goes_on = limited.verdict != Verdict::Refuse;
        assert_eq!((goes_on, limited.take_grants().is_empty()), (again.is_some(), again.is_none()), "{batch}");
        assert_eq!(call().1.refusal.map(|refusal| refusal.code().as_str()), again, "{batch}");
    }
}

/// Of a proxy whose shared data cannot be used.
struct Away;

impl Store for Away {
    fn change(&self, _: u32, _: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Result<(), Unavailable> {
        Err(Unavailable)
    }

    fn seed(&self) -> Result<[u8; 16], Unavailable> {
        Err(Unavailable)
    }
}

#[test]
fn only_a_rule_that_asks_for_what_was_published_before_needs_to_know_it() {
    let publishers = json!([{"peer": PEER}]);
    let kept = json!({"type": "t.Kept", "publishers": publishers, "replay": {"window": "1m"}});
    let policy = policy_of(json!([{"type": "t.A", "publishers": publishers}, kept]), json!({"unmatched": "pass"}));
    let code = |body: &str| {
        let outcome = outcome(&policy, "/open/x", body, &Away);
        outcome.refusal.as_ref().map(|refusal| refusal.code().as_str())
    };
    assert_eq!(code(&event("1")), None);
    assert_eq!(code(&event("1").replace("t.A", "t.Kept")), Some("limiter.unavailable"));
}

#[test]
fn what_ends_while_a_body_is_on_its_way_is_good_for_it_no_more() {
    let mut policy = policy_of(json!([{"type": "t.*", "publishers": [{"issuer": "shop"}]}]), json!({"unmatched": "pass"}));
    policy.issuers = vec![Issuer::in_test()];
    let Opening::Judge(mut opened) = opened(&policy, "/open/x", false) else { panic!("the head is in order") };
    opened.publisher = Some(Publisher::in_test("shop", "a", &json!({"jti": "j-1"})));
    let code = |policy: &Policy, now| {
        let outcome = super::body(policy, &opened, event("1").as_bytes(), Means { now, crypto: &RustCrypto, store: &Away });
        outcome.refusal.map(|refusal| refusal.code().as_str())
    };
    assert_eq!(code(&policy, now()), None);
    let after = |seconds| now().after(std::time::Duration::from_secs(seconds));
    assert_eq!((code(&policy, after(629)), code(&policy, after(630))), (None, Some("token.expired")), "with 30 s of leeway");
    let revoked = Revoked::new(Vec::new(), Vec::new(), vec!["a".to_owned()]);
    policy.revoked = Revocations::new(revoked, None);
    assert_eq!(code(&policy, now()), Some("token.revoked"));
    policy.revoked = Revocations::new(Revoked::default(), Some(SetId(0)));
    assert_eq!(code(&policy, now()), Some("keys.unavailable"));
    policy.revoked = Revocations::default();
    policy.issuers.clear();
    assert_eq!(code(&policy, now()), Some("token.issuer"));
}
