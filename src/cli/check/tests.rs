//! From a policy without a warning change one thing, and expect exactly that warning; and none for what this project ships.

use eventguard::config;
use serde_json::{Value, json};

use super::*;

const KEY: &str = "RWnRsJlI_IxbUqQJWrtzd-6hU7VdSVkwL1JqhMhOmGI";

fn policy() -> Value {
    json!({
        "version": 1,
        "issuers": [{"name": "shop", "issuer": "https://idp", "audiences": ["bus"], "algorithms": ["EdDSA"],
            "jwks": {"inline": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": KEY, "kid": "1"}]}}}],
        "signers": [{"keyId": "k", "publisher": "a", "secret": {"value": "sixteen bytes !!"}}],
        "routes": [
            {"name": "fixed", "match": {"path": "/fixed"}, "protocol": "cloudevents", "topic": "carts"},
            {"name": "parts", "match": {"path": "/parts/{name}"}, "protocol": "kafka-rest", "topic": "part-{name}"},
            {"name": "open", "match": {"path": "/open"}, "protocol": "cloudevents", "topic": "open", "anonymous": true}],
        "events": [
            {"type": "t.Signed", "topics": ["carts"], "publishers": [{"issuer": "shop", "subject": "a"}], "signature": {"required": true},
             "replay": {"window": "1m", "key": "nonce"}},
            {"type": "t.Claims", "topics": ["part-1"], "publishers": [{"subject": "b", "claims": {"/sub": ["a", "b"], "/iss": "https://idp",
             "/roles": "x", "/roles/0": "x"}}, {"peer": "spiffe://shop/b"}]},
            {"type": "t.Open", "topics": ["open"], "publishers": [{"subject": "a"}]}],
    })
}

fn found(document: Value) -> Vec<String> {
    let policy = config::from_value(document, &|_| None).unwrap_or_else(|errors| panic!("{errors:?}"));
    warnings(&policy).iter().map(ToString::to_string).collect()
}

/// The policy with one more value, or another one.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = policy();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent.as_array_mut() {
        Some(items) if key == "-" => items.push(value),
        Some(_) | None => parent[key.replace("~1", "/")] = value,
    }
    document
}

/// One case a line.
#[rustfmt::skip]
#[test]
fn each_thing_that_can_hardly_be_meant_has_its_warning_and_its_place() {
    assert_eq!(found(policy()), <[&str; 0]>::default());
    let signatures = json!({"jws": {}});
    let jti = json!({"window": "1m", "key": "jti"});
    for (pointer, value, expected) in [
        ("/mode", json!("observe"), "mode: the policy only observes: it refuses nothing"),
        ("/unmatched", json!("pass"), "unmatched: calls that match no route pass and are not judged"),
        ("/events/1/mode", json!("observe"), "events[1].mode: the rule `t.Claims` only observes: it refuses nothing"),
        ("/events/0/topics/-", json!("cart"), "events[0].topics: no route gives the topic `cart`"),
        ("/events/1/topics", json!(["part-"]), "events[1].topics: no route gives the topic `part-`: all of these events are refused"),
        ("/events/0/publishers/-", json!({"subject": "b"}), "events[0].publishers[1].subject: nobody: these events must be signed, and no signer's `publisher` is `b`"),
        ("/events/2/publishers/0/issuer", json!("shop"), "events[2].publishers[0]: nobody: it asks for a token, and all routes on which these events can come are anonymous"),
        ("/events/2/publishers/0/claims", json!({"/roles": "x"}), "events[2].publishers[0]: nobody: it asks for a token, and all routes on which these events can come are anonymous"),
        ("/events/2/publishers/0/subject", json!("b"), "events[2].publishers[0].subject: nobody: on anonymous routes the publisher is the signer's, and no signer's `publisher` is `b`"),
        ("/events/1/publishers/0/subject", json!("c"), "events[1].publishers[0].claims[\"/sub\"]: no token says so: `subject` says something else"),
        ("/events/1/publishers/0/claims/~1iss", json!("https://other"), "events[1].publishers[0].claims[\"/iss\"]: no token says so: it is the `issuer` of none of the issuers that may be meant"),
        ("/events/1/publishers/0/claims/~1roles~1a", json!("x"), "events[1].publishers[0].claims[\"/roles\"]: no token says so: it would have to be a value, and a map with `/roles/a`"),
        ("/events/1/publishers/-", json!({"subject": "b", "peer": "spiffe://shop/b"}), "events[1].publishers[2]: publishers[1] allows everything that this one does"),
        ("/events/0/publishers/-", json!({"issuer": "shop", "subject": "a"}), "events[0].publishers[1]: publishers[0] allows everything that this one does"),
        ("/events/2/replay", jti, "events[2].replay.key: nobody has a token on the routes on which these events can come: all of these events are refused"),
        ("/signatures", signatures, "events[0].replay.key: no scheme of `signatures` has a nonce: all of these events are refused"),
    ] {
        assert_eq!(found(with(pointer, value)), [expected]);
    }
}

#[test]
fn a_shadow_has_the_warnings_that_the_policy_does_not_have_too() {
    let mut document = with("/events/0/topics/-", json!("cart"));
    let mut events = document["events"].clone();
    events[1]["topics"] = json!(["none"]);
    document["shadow"] = json!({"events": events});
    let expected = [
        "events[0].topics: no route gives the topic `cart`",
        "shadow.events[1].topics: no route gives the topic `none`: all of these events are refused",
    ];
    assert_eq!(found(document), expected);
}

#[test]
fn what_could_be_on_some_route_is_no_warning() {
    for route in [
        json!({"match": {"path": "/other/{topic}"}, "protocol": "cloudevents"}),
        json!({"match": {"path": "/v1.0/publish/{pubsub}/{topic}"}, "protocol": "dapr"}),
        json!({"match": {"grpc": "google.pubsub.v1.Publisher/Publish"}, "protocol": "pubsub"}),
    ] {
        let mut document = with("/events/0/topics", json!(["elsewhere"]));
        let mut named = route;
        named["name"] = "more".into();
        document["routes"].as_array_mut().unwrap().push(named);
        assert_eq!(found(document), <[&str; 0]>::default());
    }
}
