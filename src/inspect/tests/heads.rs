//! What the head of a call is refused for, and in which order.

use serde_json::json;

use super::*;

fn policy() -> Policy {
    let secret = json!({"value": "sixteen bytes !!"});
    let document = json!({
        "version": 1,
        "issuers": [{"name": "shop", "issuer": "https://idp", "audiences": ["bus"], "algorithms": ["EdDSA"],
            "jwks": {"inline": {"keys": [
                {"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "MhChMiWqdJwoQeZtcrVrFetOMF9QE8fT-poPmItrVfY"}]}}}],
        "signers": [{"keyId": "k", "publisher": "a", "secret": secret}, {"keyId": "own", "publisher": "a", "secret": secret}],
        "signatures": {"httpMessage": {"components": ["content-digest", "x-covered"]}, "standardWebhooks": {}, "jws": {"header": "x-jws"},
            "hmac": [{"keyIds": ["own"], "header": "x-own", "timestampHeader": "x-own-time", "message": "{timestamp}.{body}"}]},
        "routes": [
            {"name": "ce", "match": {"path": "/ce/{topic}"}, "protocol": "cloudevents"},
            {"name": "open", "match": {"path": "/open/{topic}"}, "protocol": "cloudevents", "anonymous": true},
            {"name": "json", "match": {"path": "/json/{topic}"}, "protocol": "json", "json": {"type": "/type"}},
            {"name": "stream", "match": {"grpc": "bus.Bus/Publish"}, "protocol": "cloudevents", "grpc": {"stream": true}},
        ],
        "events": [{"type": "t.*", "publishers": [{"subject": "a"}]}],
        "limits": {"body": 200},
    });
    crate::config::from_value(document, &|_| None).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// One without a scheme in use.
fn unsigned() -> Policy {
    let document = json!({
        "version": 1,
        "routes": [{"name": "a", "match": {"path": "/a"}, "protocol": "cloudevents", "anonymous": true}],
        "events": [{"type": "t.*", "publishers": [{"subject": "a"}]}],
    });
    crate::config::from_value(document, &|_| None).unwrap()
}

fn code(policy: &Policy, path: &str, headers: &[(&str, &str)]) -> Option<&'static str> {
    let pseudo = [(":method", "POST"), (":authority", "bus"), (":path", path)];
    let head = Head::from_map(pseudo.into_iter().chain(headers.iter().copied()).collect()).unwrap();
    let call = Incoming { head, hints: Hints::default(), peer: None };
    match super::head(policy, call, HeadMeans { now: now(), tokens: &mut TokenCache::new(0, [0; 16]), crypto: &RustCrypto }) {
        Opening::Decided(outcome) => outcome.refusal.map(|refusal| refusal.code().as_str()),
        Opening::Judge(_) => None,
        other @ (Opening::Unguarded | Opening::Wait(_)) => panic!("{other:?}"),
    }
}

const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json");
const JSON: (&str, &str) = ("content-type", "application/json");
const XML: (&str, &str) = ("content-type", "text/xml");
const GRPC: (&str, &str) = ("content-type", "application/grpc");
const TWICE: Option<&str> = Some("call.duplicate-header");
const NO_TOKEN: Option<&str> = Some("token.missing");

#[test]
fn a_header_that_some_stage_reads_and_that_is_there_twice_is_the_first_thing_that_is_wrong() {
    let policy = policy();
    for name in [
        "authorization",
        "content-type",
        "content-length",
        "content-encoding",
        "grpc-encoding",
        "ce-id",
        "ce-other",
        "signature",
        "signature-input",
        "content-digest",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "x-jws",
        "x-own",
        "x-own-time",
    ] {
        for first in [XML, STRUCTURED, GRPC] {
            assert_eq!(code(&policy, "/ce/x", &[first, (name, "a"), ("x-other", "b"), (name, "a")]), TWICE, "{name}, {first:?}");
        }
        assert_eq!(code(&policy, "/elsewhere", &[(name, "a"), (name, "a")]), Some("route.unmatched"), "{name}");
    }
}

#[test]
fn a_header_that_servers_may_take_for_one_that_is_read_breaks_the_call() {
    let policy = policy();
    for name in [
        "ce_id",
        "ce_other",
        "ce_my-ext",
        "content_type",
        "content_digest",
        "signature_input",
        "webhook_id",
        "x_jws",
        "x-own_time",
    ] {
        assert_eq!(code(&policy, "/ce/x", &[STRUCTURED, (name, "a")]), Some("call.malformed"), "{name}");
    }
    for (path, first, name) in [
        ("/json/x", JSON, "ce_id"),
        ("/ce/x", STRUCTURED, "x_other"),
        ("/ce/x", STRUCTURED, "cex_id"),
        ("/ce/x", STRUCTURED, "ce"),
    ] {
        assert_eq!(code(&policy, path, &[first, (name, "a")]), NO_TOKEN, "{path} {name}");
    }
}

#[test]
fn a_header_that_no_stage_reads_may_be_there_twice() {
    let policy = policy();
    for (path, first, name, expected) in [
        ("/ce/x", STRUCTURED, "x-other", NO_TOKEN),
        ("/ce/x", STRUCTURED, "accept", NO_TOKEN),
        ("/ce/x", STRUCTURED, "x-covered", NO_TOKEN),
        ("/json/x", JSON, "ce-id", NO_TOKEN),
        ("/json/x", JSON, "grpc-encoding", NO_TOKEN),
        ("/open/x", STRUCTURED, "authorization", None),
    ] {
        assert_eq!(code(&policy, path, &[first, (name, "a"), (name, "b")]), expected, "{path} {name}");
    }
    let policy = Policy { signatures: unsigned().signatures, ..policy };
    for name in ["signature", "signature-input", "content-digest", "webhook-id", "x-jws", "x-own", "x-own-time"] {
        assert_eq!(code(&policy, "/ce/x", &[STRUCTURED, (name, "a"), (name, "b")]), NO_TOKEN, "{name}: of no scheme in use");
    }
}

#[test]
fn the_content_type_and_the_declared_size_come_before_the_token_and_the_encoding_behind_it() {
    let policy = policy();
    let (length, coding, messages) = (("content-length", "201"), ("content-encoding", "br"), ("grpc-encoding", "snappy"));
    for (path, headers, expected) in [
        ("/ce/x", vec![XML, length, coding], Some("call.content-type")),
        ("/ce/x", vec![STRUCTURED, length, coding], Some("call.too-large")),
        ("/ce/x", vec![STRUCTURED, ("content-length", "abc"), coding], Some("call.malformed")),
        ("/ce/x", vec![STRUCTURED, coding], NO_TOKEN),
        ("/ce/x", vec![GRPC, messages], NO_TOKEN),
        ("/bus.Bus/Publish", vec![GRPC, messages], NO_TOKEN),
        ("/bus.Bus/Publish", vec![GRPC, ("content-encoding", "gzip")], NO_TOKEN),
        ("/open/x", vec![STRUCTURED, coding], Some("call.encoding")),
        ("/open/x", vec![GRPC, messages], Some("call.encoding")),
        ("/open/x", vec![GRPC, coding], Some("call.encoding")),
        ("/open/x", vec![STRUCTURED, messages], None),
    ] {
        assert_eq!(code(&policy, path, &headers), expected, "{path} {headers:?}");
    }
}
