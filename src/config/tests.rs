mod contract;
mod delivery;
mod fetched;
mod memory;
mod protocols;
mod shadow;
mod sinks;
mod traces;

use prost::Message as _;
use serde_json::{Value, json};

use super::*;
use crate::policy::{Access, Batches, Hold, Integrity, Outcomes, Unmatched, WhenFull};
use crate::rules::{ClaimValue, Level, Mode, Recording, SignatureRule};
use crate::signature::{DsseMode, Scheme};

const ED25519: &str = "RWnRsJlI_IxbUqQJWrtzd-6hU7VdSVkwL1JqhMhOmGI";

/// The public half of the key of RFC 8037, appendix A.
const ED25519_OF_RFC_8037: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// A document with all its parts and nothing wrong.
fn good() -> Value {
    json!({
        "version": 1,
        "issuers": [{
            "name": "shop", "issuer": "https://idp", "audiences": ["bus"], "algorithms": ["EdDSA"],
            "jwks": {"inline": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": ED25519, "kid": "1", "x5t": "not read"}]}},
        }],
        "signers": [{"keyId": "k", "publisher": "a", "secret": {"value": "whsec_c2l4dGVlbiBieXRlcyAhIQ=="}}],
        "routes": [
            {"name": "one", "match": {"path": "/one/{topic}"}, "protocol": "cloudevents"},
            {"name": "two", "match": {"path": "/two/{topic}"}, "protocol": "json", "json": {"type": "/type"}},
        ],
        "events": [
            {"type": "t.A", "topics": ["x"], "publishers": [{"issuer": "shop", "subject": "a"}], "signature": {"required": true}},
            {"type": "t.*", "publishers": [{"subject": "a", "claims": {"/roles": ["x", 1, true]}}]},
        ],
    })
}

/// The good document with one value changed; `null` takes it out.
fn with(pointer: &str, value: Value) -> Value {
    put(good(), pointer, value)
}

fn put(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("{parent}"));
    match (parent, value) {
        (Value::Object(members), Value::Null) => {
            members.remove(key);
        }
        (Value::Object(members), value) => {
            members.insert(key.to_owned(), value);
        }
        (Value::Array(items), value) if key == "-" => items.push(value),
        (Value::Array(items), value) => items[key.parse::<usize>().unwrap()] = value,
        (parent, _) => panic!("{parent}"),
    }
    document
}

fn env(name: &str) -> Option<String> {
    match name {
        "LONG" => Some("sixteen bytes !!".to_owned()),
        "AUDIT_KEY" => Some(format!(
            r#"{{"kty":"OKP","crv":"Ed25519","kid":"audit-1","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"{ED25519_OF_RFC_8037}"}}"#
        )),
        "SHORT" => Some("short".to_owned()),
        "LOGS" => Some("Bearer of-logs".to_owned()),
        "TWO_LINES" => Some("Bearer of-logs\n".to_owned()),
        _ => None,
    }
}

fn errors(document: Value) -> Vec<String> {
    from_value(document, &env).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[track_caller]
fn compiled(document: Value) -> Policy {
    from_value(document, &env).unwrap_or_else(|errors| panic!("{errors:?}"))
}

#[test]
fn a_good_document_compiles_with_the_defaults() {
    let policy = compiled(good());
    assert_eq!((policy.mode, policy.hold, policy.unmatched), (Mode::Enforce, Hold::Body, Unmatched::Refuse));
    assert_eq!(policy.budget, crate::budget::Budget::DEFAULT);
    assert_eq!((policy.issuers[0].leeway.as_secs(), policy.issuers[0].max_age), (30, None));
    assert_eq!((policy.token.header.as_str(), policy.token.scheme.as_deref()), ("authorization", Some("Bearer")));
    assert_eq!(policy.token.forward, crate::identity::Forward::Remove);
    let message = policy.signatures.http_message.as_ref().unwrap();
    assert_eq!(message.components, ["@method", "@authority", "@path", "content-digest"]);
    assert_eq!((message.max_age.as_secs(), message.tag.as_deref()), (300, None));
    assert_eq!(policy.signatures.standard_webhooks.as_ref().unwrap().tolerance.as_secs(), 300);
    assert_eq!(policy.signatures.jws.as_ref().unwrap().header, "x-jws-signature");
    assert_eq!(policy.signatures.dsse.as_ref().unwrap().mode, DsseMode::Strict);
    assert_eq!((policy.audit.cluster.as_deref(), policy.audit.path.as_str()), (None, "/v1/logs"));
    assert!(policy.routes.iter().all(|route| route.access == Access::Token && route.topic.is_some()));
    assert_eq!(policy.rules.find("t.A").unwrap().signature, SignatureRule::Required { schemes: None });
    let claims = &policy.rules.find("t.B").unwrap().publishers[0].claims;
    assert_eq!(claims[0].values, [ClaimValue::Text("x".to_owned()), ClaimValue::Integer(1), ClaimValue::Bool(true)]);
    assert!(policy.rules.find("t.B").unwrap().topics.is_none());
}

#[test]
fn what_a_document_says_is_what_the_policy_holds() {
    let mut document = with("/events/1/audit", json!({"level": "none"}));
    document["signatures"] = json!({"dsse": {"mode": "passthrough"}, "jws": {"header": "X-Sig"}});
    let more = json!({
        "mode": "observe", "hold": "headers", "unmatched": "pass",
        "token": {"header": "X-Token", "scheme": "", "forward": true},
        "limits": {"body": "64KiB", "events": 20, "depth": 16, "attributes": 8, "failedChecks": 10},
        "audit": {"cluster": "logs", "path": "/v2", "timeout": "1s", "batch": {"records": 5, "interval": "250ms"},
                  "queue": {"records": 50, "bytes": 4096}, "whenFull": "drop-newest", "outcomes": "none", "level": "metadata", "sample": 10,
                  "checkpoint": {"interval": "5s", "key": {"env": "AUDIT_KEY"}}},
    });
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let policy = compiled(document);
    assert_eq!((policy.mode, policy.hold, policy.unmatched), (Mode::Observe, Hold::Headers, Unmatched::Pass));
    assert_eq!((policy.token.header.as_str(), policy.token.scheme.as_deref()), ("x-token", None));
    assert_eq!(policy.token.forward, crate::identity::Forward::Keep);
    assert!(policy.signatures.http_message.is_none() && policy.signatures.standard_webhooks.is_none());
    assert_eq!(policy.signatures.jws.as_ref().unwrap().header, "x-sig");
    assert_eq!(policy.signatures.dsse.as_ref().unwrap().mode, DsseMode::Passthrough);
    let budget = crate::budget::Budget {
        body: 65_536,
        events: 20,
        depth: 16,
        attributes: 8,
        checks: 72,
        failed_checks: std::num::NonZeroU32::new(10),
    };
    assert_eq!(policy.budget, budget);
    let audit = policy.audit;
    assert_eq!((audit.cluster.as_deref(), audit.authority.as_str(), audit.path.as_str()), (Some("logs"), "logs", "/v2"));
    assert_eq!((audit.timeout.as_millis(), audit.batch.records, audit.batch.interval.as_millis()), (1000, 5, 250));
    assert_eq!((audit.queue.records, audit.queue.bytes, audit.queue.when_full), (50, 4096, WhenFull::DropNewest));
    let checkpoint = audit.checkpoint.as_ref().unwrap();
    assert_eq!(audit.outcomes, Outcomes::None);
    assert_eq!((audit.integrity, checkpoint.records, checkpoint.interval.as_secs()), (Integrity::Chain, 1000, 5));
    assert_eq!(checkpoint.key.id(), "audit-1");
    let recording = |name| policy.rules.find(name).unwrap().recording;
    assert_eq!(recording("t.A"), Recording { level: Level::Metadata, one_in: 10 });
    assert_eq!(recording("t.B"), Recording { level: Level::None, one_in: 10 });
}

#[test]
fn without_signers_no_scheme_is_in_use() {
    let mut document = with("/signers", Value::Null);
    document["events"][0].as_object_mut().unwrap().remove("signature");
    let settings = compiled(document).signatures;
    assert!(settings.http_message.is_none() && settings.standard_webhooks.is_none() && settings.jws.is_none());
    assert!(settings.hmac.is_empty() && settings.dsse.is_none());
}

#[test]
fn the_secret_of_a_producer_signs_in_its_own_form_alone() {
    let stripe = json!({"keyIds": ["k"], "header": "Stripe-Signature", "parameter": "v1", "timestampParameter": "t",
                        "message": "{timestamp}.{body}", "tolerance": "1m"});
    let mut document = with("/signatures", json!({"hmac": [stripe], "standardWebhooks": {}}));
    document["signers"][0]["secret"] = json!({"value": "whsec_c2l4dGVlbiBieXRlcyAhIQ==", "encoding": "text"});
    let policy = compiled(document);
    let profile = &policy.signatures.hmac[0];
    assert_eq!((profile.header.as_str(), profile.parameter.as_deref()), ("stripe-signature", Some("v1")));
    assert_eq!((profile.message.len(), profile.timestamp.as_ref().unwrap().1.as_secs()), (3, 60));
    let crate::signature::SignerKey::Secret(secret) = &profile.signers[0].key else { panic!() };
    assert_eq!(secret.bytes(), b"whsec_c2l4dGVlbiBieXRlcyAhIQ==", "Stripe's secret is all of the text");
    assert!(policy.signers.find("k").is_none());
    let twice = json!([{"keyIds": ["k"], "header": "a"}, {"keyIds": ["k"], "header": "A"}]);
    let expected = "signatures.hmac[1].keyIds[0]: no signer has the key id `k`, or another profile has taken it";
    assert_eq!(errors(with("/signatures", json!({"hmac": twice}))), [expected]);
}

#[test]
fn a_secret_is_standard_webhooks_base64_or_the_text_itself() {
    for secret in [
        json!({"value": "whsec_c2l4dGVlbiBieXRlcyAhIQ=="}),
        json!({"value": "whsec_c2l4dGVlbiBieXRlcyAhIQ"}),
        json!({"value": "sixteen bytes !!"}),
        json!({"env": "LONG"}),
        json!({"env": "LONG", "encoding": "text"}),
        json!({"value": "7369787465656e206279746573202121", "encoding": "hex"}),
        json!({"value": "c2l4dGVlbiBieXRlcyAhIQ", "encoding": "base64"}),
    ] {
        let policy = compiled(with("/signers/0/secret", secret));
        let crate::signature::SignerKey::Secret(secret) = &policy.signers.find("k").unwrap().key else { panic!() };
        assert_eq!(secret.bytes(), b"sixteen bytes !!");
    }
}

/// One case a line.
#[rustfmt::skip]
#[test]
fn every_error_names_its_place() {
    let mut wrong = Vec::new();
    let empty = json!([]);
    let hmac = |more: Value| {
        let mut profile = json!({"keyIds": ["k"]});
        profile.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"httpMessage": {}, "hmac": [profile]})
    };
    let key = |key: Value| json!([{"kty": "OKP", "crv": "Ed25519", "x": ED25519, "kid": "1"}, key]);
    for (pointer, value, expected) in [
        // The document.
        ("/version", Value::Null, "version: is missing"),
        ("/version", json!(2), "version: version 2 is not known here: 1 is"),
        ("/version", json!("1"), "version: found a text, expected a whole number from 0 on"),
        ("/bogus", json!(1), "bogus: there is no such key"),
        ("/a.b c", json!(1), "[\"a.b c\"]: there is no such key"),
        ("/mode", json!("observer"), "mode: `observer` is not one of `enforce` or `observe`"),
        ("/mode", json!(true), "mode: found `true` or `false`, expected a text"),
        ("/hold", json!("both"), "hold: `both` is not one of `body` or `headers`"),
        ("/unmatched", json!("allow"), "unmatched: `allow` is not one of `refuse` or `pass`"),
        ("/routes", Value::Null, "routes: is missing"),
        ("/routes", empty.clone(), "routes: is empty"),
        ("/routes", json!({}), "routes: found a map, expected a list"),
        ("/events", Value::Null, "events: is missing"),
        ("/events", empty.clone(), "events: is empty"),
        // Issuers.
        ("/issuers/0/issuer", Value::Null, "issuers[0].issuer: is missing"),
        ("/issuers/0/audiences", Value::Null, "issuers[0].audiences: is missing"),
        ("/issuers/0/audiences", empty.clone(), "issuers[0].audiences: is empty"),
        ("/issuers/0/audiences", json!(["a", "b", "a"]), "issuers[0].audiences[2]: `a` is there already, at issuers[0].audiences[0]"),
        ("/issuers/0/audiences", json!([""]), "issuers[0].audiences[0]: is empty"),
        ("/issuers/0/audiences", json!(["a", 5]), "issuers[0].audiences[1]: found a number, expected a text"),
        ("/issuers/0/algorithms", json!(["none"]), "issuers[0].algorithms[0]: `none` is not one of `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`"),
        ("/issuers/0/algorithms", json!(["HS256"]), "issuers[0].algorithms[0]: `HS256` is not one of `RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`"),
        ("/issuers/0/leeway", json!("30"), "issuers[0].leeway: not a duration: a whole number and `ms`, `s`, `m`, `h` or `d`, as in `30s`"),
        ("/issuers/0/leeway", json!(30), "issuers[0].leeway: found a number, expected a text"),
        ("/issuers/0/maxAge", json!("0s"), "issuers[0].maxAge: nothing could keep it: it must be longer than 0"),
        ("/issuers/0/maxage", json!("1s"), "issuers[0].maxage: there is no such key"),
        ("/issuers/0/typ", json!(""), "issuers[0].typ: is empty"),
        ("/issuers/0/binding", json!("dpop"), "issuers[0].binding: `dpop` is not one of `verify`, `require`, `ignore`"),
        ("/issuers/0/jwks", Value::Null, "issuers[0].jwks: is missing"),
        ("/issuers/0/jwks/inline/keys", empty.clone(), "issuers[0].jwks.inline.keys: is empty"),
        ("/issuers/0/jwks/inline/keys", key(json!({"kty": "oct", "kid": "2"})), "issuers[0].jwks.inline.keys[1]: the key type `oct` is not read here: `RSA`, `EC` and `OKP` are"),
        ("/issuers/0/jwks/inline/keys", key(json!({"kid": "2"})), "issuers[0].jwks.inline.keys[1].kty: is missing"),
        ("/issuers/0/jwks/inline/keys", key(json!({"kty": 5, "kid": "2"})), "issuers[0].jwks.inline.keys[1].kty: found a number, expected a text"),
        ("/issuers/0/jwks/inline/keys", key(json!({"kty": "OKP", "crv": "Ed25519", "x": ED25519, "kid": "1"})), "issuers[0].jwks.inline.keys[1].kid: another key has the id `1`"),
        ("/issuers/0/jwks/inline/keys", key(json!({"kty": "OKP", "crv": "Ed25519", "x": ED25519})), "issuers[0].jwks.inline.keys[1]: a key without an id (`kid`) can only stand alone"),
        ("/issuers/0/jwks/inline/keys", key(json!({"kty": "OKP", "crv": "Ed25519", "x": ED25519, "kid": "2", "d": "secret"})), "issuers[0].jwks.inline.keys[1].d: this is the private part of a key: it does not belong into a policy, and is to be replaced now that it was here"),
        // The token.
        ("/token", json!({"header": ":path"}), "token.header: `:path` is not the name of a header"),
        ("/token", json!({"scheme": "a b"}), "token.scheme: `a b` is not the name of a scheme"),
        ("/token", json!({"forward": "no"}), "token.forward: found a text, expected `true` or `false`"),
        ("/token", json!("Bearer"), "token: found a text, expected a map"),
        // Signers.
        ("/signers", empty.clone(), "signers: is empty"),
        ("/signers/0/keyId", Value::Null, "signers[0].keyId: is missing"),
        ("/signers/0/publisher", json!(""), "signers[0].publisher: is empty"),
        ("/signers/0/secret", Value::Null, "signers[0]: exactly one of `publicKey` and `secret` must be there"),
        ("/signers/0/publicKey", json!({"kty": "OKP"}), "signers[0]: exactly one of `publicKey` and `secret` must be there"),
        ("/signers/0/secret", json!({}), "signers[0].secret: exactly one of `value` and `env` must be there"),
        ("/signers/0/secret", json!({"value": "a", "env": "b"}), "signers[0].secret: exactly one of `value` and `env` must be there"),
        ("/signers/0/secret", json!({"env": "NOT_SET"}), "signers[0].secret.env: the environment variable `NOT_SET` is not set"),
        ("/signers/0/secret", json!({"env": "SHORT"}), "signers[0].secret.env: a secret of 5 bytes, expected 16 or more"),
        ("/signers/0/secret", json!({"value": "whsec_%"}), "signers[0].secret.value: `whsec_` and then no base64"),
        ("/signers/0/secret", json!("whsec_very-secret"), "signers[0].secret: found a text, expected a map with `value` or `env`"),
        ("/signers/0/notBefore", json!("today"), "signers[0].notBefore: not a date and time of RFC 3339"),
        ("/signers/-", json!({"keyId": "k", "publisher": "b", "secret": {"env": "LONG"}}), "signers[1].keyId: `k` is there already, at signers[0]"),
        ("/signers/-", json!({"keyId": "l", "publisher": "b", "publicKey": {"kty": "EC"}}), "signers[1].publicKey: `crv` is absent"),
        ("/signers/-", json!({"keyId": "l", "publisher": "b", "secret": {"env": "LONG"}, "notBefore": "2026-01-02T00:00:00Z", "notAfter": "2026-01-01T00:00:00Z"}), "signers[1]: the key is trusted at no time: `notAfter` is before `notBefore`"),
        // Signatures.
        ("/signatures", json!({}), "signatures: is empty"),
        ("/signatures", json!({"hmac": {}, "jws": {}}), "signatures.hmac: found a map, expected a list"),
        ("/signatures", hmac(json!({})), "signatures.hmac[0].header: is missing"),
        ("/signatures", hmac(json!({"header": "a", "keyIds": ["z"]})), "signatures.hmac[0].keyIds[0]: no signer has the key id `z`, or another profile has taken it"),
        ("/signatures", hmac(json!({"header": "a", "encoding": "hexadecimal"})), "signatures.hmac[0].encoding: `hexadecimal` is not one of `text`, `hex`, `base64`"),
        ("/signatures", hmac(json!({"header": "a", "encoding": "text"})), "signatures.hmac[0].encoding: a signature is no text: `hex` or `base64`"),
        ("/signatures", hmac(json!({"header": "a", "message": "{body}{body}"})), "signatures.hmac[0].message: `{body}` must be in it once: without it nobody signed the events"),
        ("/signatures", hmac(json!({"header": "a", "message": "x"})), "signatures.hmac[0].message: `{body}` must be in it once: without it nobody signed the events"),
        ("/signatures", hmac(json!({"header": "a", "message": "{url}{body}"})), "signatures.hmac[0].message: `{url}` is neither `{body}` nor `{timestamp}`"),
        ("/signatures", hmac(json!({"header": "a", "message": "{timestamp}.{body}"})), "signatures.hmac[0].message: `{timestamp}` means something only with `timestampHeader` or `timestampParameter`"),
        ("/signatures", hmac(json!({"header": "a", "timestampHeader": "b"})), "signatures.hmac[0].message: `{timestamp}` must be in it once: a time that is not signed says nothing"),
        ("/signatures", hmac(json!({"header": "a", "timestampHeader": "b", "message": "{timestamp}{body}"})), "signatures.hmac[0].message: something must stand between `{timestamp}` and `{body}`"),
        ("/signatures", hmac(json!({"header": "a", "timestampHeader": "b", "timestampParameter": "t", "message": "{timestamp}.{body}"})), "signatures.hmac[0]: exactly one of `timestampHeader` and `timestampParameter` must be there"),
        ("/signatures", hmac(json!({"header": "a", "timestampParameter": "t", "message": "{timestamp}.{body}"})), "signatures.hmac[0].timestampParameter: the header is no list: that needs `parameter`"),
        ("/signatures", hmac(json!({"header": "a", "tolerance": "1m"})), "signatures.hmac[0].tolerance: it means something only with `timestampHeader` or `timestampParameter`"),
        ("/signatures", json!({"httpMessage": {"components": []}}), "signatures.httpMessage.components: is empty"),
        ("/signatures", json!({"httpMessage": {"components": ["@method"]}}), "signatures.httpMessage.components: `content-digest` must be among them: without it nobody signed the events"),
        ("/signatures", json!({"httpMessage": {"components": ["@status", "content-digest"]}}), "signatures.httpMessage.components[0]: `@status` is neither the name of a header in lower case nor a component of a request"),
        ("/signatures", json!({"httpMessage": {"components": ["Date", "content-digest"]}}), "signatures.httpMessage.components[0]: `Date` is neither the name of a header in lower case nor a component of a request"),
        ("/signatures", json!({"httpMessage": {"tag": ""}}), "signatures.httpMessage.tag: is empty"),
        ("/signatures", json!({"httpMessage": {"structuredFields": {}}}), "signatures.httpMessage.structuredFields: is empty"),
        ("/signatures", json!({"httpMessage": {"structuredFields": {"a b": "list"}}}), "signatures.httpMessage.structuredFields[\"a b\"]: `a b` is not the name of a header"),
        ("/signatures", json!({"httpMessage": {"structuredFields": {"a": "date"}}}), "signatures.httpMessage.structuredFields.a: `date` is not one of `dictionary`, `list`, `item`"),
        ("/signatures", json!({"standardWebhooks": {"tolerance": "5 m"}}), "signatures.standardWebhooks.tolerance: not a duration: a whole number and `ms`, `s`, `m`, `h` or `d`, as in `30s`"),
        ("/signatures", json!({"jws": {"header": ""}}), "signatures.jws.header: `` is not the name of a header"),
        ("/signatures", json!({"dsse": {"mode": "lax"}}), "signatures.dsse.mode: `lax` is not one of `strict`, `passthrough`, `core-only`"),
        ("/signatures", json!({"dsse": {"allowUnsigned": ["a-b"]}}), "signatures.dsse.allowUnsigned[0]: `a-b` is not the name of an extension attribute: lower-case letters and digits"),
        ("/signatures", json!({"dsse": {"mode": "passthrough", "allowUnsigned": ["a"]}}), "signatures.dsse.allowUnsigned: it means something only in `strict` mode: the others allow all"),
        ("/signatures", json!({"jws": {}, "eventJws": {}}), "signatures.eventJws.attribute: is missing"),
        ("/signatures", json!({"jws": {}, "eventJws": {"attribute": "a-b"}}), "signatures.eventJws.attribute: `a-b` is not the name of an extension attribute: lower-case letters and digits"),
        // Routes.
        ("/routes/0", json!("one"), "routes[0]: found a text, expected a map"),
        ("/routes/0/name", Value::Null, "routes[0].name: is missing"),
        ("/routes/1/name", json!("one"), "routes[1].name: `one` is there already, at routes[0]"),
        ("/routes/0/match", Value::Null, "routes[0].match: is missing"),
        ("/routes/0/match", json!({}), "routes[0].match: is empty"),
        ("/routes/0/match/methods", empty.clone(), "routes[0].match.methods: is empty"),
        ("/routes/0/match/methods", json!(["PO ST"]), "routes[0].match.methods[0]: `PO ST` is not a method"),
        ("/routes/0/match/hosts", json!(["bus", "*"]), "routes[0].match.hosts[1]: a host is a name or an address, or `*.` and a name, with or without a port"),
        ("/routes/0/match/path", json!("one/{topic}"), "routes[0].match.path: a path starts with `/`"),
        ("/routes/0/match/path", json!("/one/v{n}"), "routes[0].match.path: `v{n}` is no variable: a variable is a whole segment, `{name}`"),
        ("/routes/0/match/grpc", json!("a.B/C"), "routes[0].match: `grpc` is a path: only one of `path` and `grpc` can be there"),
        ("/routes/0/match/routeName", json!(""), "routes[0].match.routeName: is empty"),
        ("/routes/0/protocol", json!("nats"), "routes[0].protocol: `nats` is not one of `cloudevents`, `json`, `kafka-rest`, `pubsub`, `dapr`, `grpc`"),
        ("/routes/0/protocol", Value::Null, "routes[0].protocol: is missing"),
        ("/routes/0/topic", json!("{tenant}"), "routes[0].topic: the path has no variable `tenant`"),
        ("/routes/0/topic", json!(""), "routes[0].topic: a topic is not empty"),
        ("/routes/0/json", json!({"type": "/type"}), "routes[0].json: it means something only with the protocol `json`"),
        ("/routes/1/json", Value::Null, "routes[1].json: is missing"),
        ("/routes/1/json", json!({"data": "/data"}), "routes[1].json.type: is missing"),
        ("/routes/1/json/type", json!("type"), "routes[1].json.type: not a JSON Pointer (RFC 6901): it starts with `/`, and `~` stands only in `~0` and `~1`"),
        ("/routes/1/json/data", json!("/a~2"), "routes[1].json.data: not a JSON Pointer (RFC 6901): it starts with `/`, and `~` stands only in `~0` and `~1`"),
        ("/routes/1/json/topic", json!("/topic"), "routes[1].json.topic: there is no such key"),
        ("/routes/-", json!({"name": "three", "match": {"path": "/one/x", "methods": ["PUT"]}, "protocol": "cloudevents"}), "routes[2]: no call takes this route: routes[0] takes them all"),
        // Rules.
        ("/events/0/type", Value::Null, "events[0].type: is missing"),
        ("/events/0/type", json!(""), "events[0].type: is empty"),
        ("/events/0/type", json!("*"), "events[0].type: `*` alone would be a rule for every type: name the types, or `name.*`"),
        ("/events/0/type", json!("t*"), "events[0].type: `*` stands only at the end and behind a dot, as in `com.shop.order.*`"),
        ("/events/0/type", json!("t.*.x"), "events[0].type: `*` stands only at the end and behind a dot, as in `com.shop.order.*`"),
        ("/events/0/type", json!("t\u{0}"), "events[0].type: an event type has no control characters, and none that change the direction of text"),
        ("/events/-", json!({"type": "t.A", "publishers": [{"subject": "a"}]}), "events[2].type: `t.A` is there already, at events[0]"),
        ("/events/-", json!({"type": "t.*", "publishers": [{"subject": "a"}]}), "events[2].type: `t.*` is there already, at events[1]"),
        ("/events/0/topics", empty.clone(), "events[0].topics: is empty"),
        ("/events/0/topics", json!("x"), "events[0].topics: found a text, expected a list"),
        ("/events/0/sources", json!(["a", "a"]), "events[0].sources[1]: `a` is there already, at events[0].sources[0]"),
        ("/events/0/publishers", Value::Null, "events[0].publishers: is missing"),
        ("/events/0/publishers", empty.clone(), "events[0].publishers: is empty"),
        ("/events/0/publishers/0", json!({}), "events[0].publishers[0]: is empty"),
        ("/events/0/publishers/0/issuer", json!("shp"), "events[0].publishers[0].issuer: no issuer is named \"shp\""),
        ("/events/0/publishers/0/subject", json!(""), "events[0].publishers[0].subject: is empty"),
        ("/events/0/publishers/0/peer", json!("crm"), "events[0].publishers[0].peer: not a URI such as `spiffe://cluster.local/ns/shop/sa/crm`"),
        ("/events/0/publishers/0/claims", json!({}), "events[0].publishers[0].claims: is empty"),
        ("/events/0/publishers/0/claims", json!({"role": "x"}), "events[0].publishers[0].claims.role: not a JSON Pointer (RFC 6901): it starts with `/`, and `~` stands only in `~0` and `~1`"),
        ("/events/0/publishers/0/claims", json!({"": "x"}), "events[0].publishers[0].claims[\"\"]: this points to all claims: name one, as in `/sub`"),
        ("/events/0/publishers/0/claims", json!({"/role": []}), "events[0].publishers[0].claims[\"/role\"]: is empty"),
        ("/events/0/publishers/0/claims", json!({"/role": ["a", {}]}), "events[0].publishers[0].claims[\"/role\"][1]: found a map, expected a text, a whole number, `true` or `false`"),
        ("/events/0/publishers/0/claims", json!({"/role": 1.5}), "events[0].publishers[0].claims[\"/role\"]: found a number with a fraction, expected a text, a whole number, `true` or `false`"),
        ("/events/0/publishers/0/client", json!(""), "events[0].publishers[0].client: is empty"),
        ("/events/0/publishers/0/actor", json!(["a"]), "events[0].publishers[0].actor: found a list, expected a text"),
        ("/events/0/publishers/0/scopes", json!([]), "events[0].publishers[0].scopes: is empty"),
        ("/events/0/publishers/0/scopes", json!(["a b"]), "events[0].publishers[0].scopes[0]: `a b` has a space: name each word by itself"),
        ("/events/0/signature", json!({}), "events[0].signature.required: is missing"),
        ("/events/0/signature", json!({"required": "yes"}), "events[0].signature.required: found a text, expected `true` or `false`"),
        ("/events/0/signature", json!({"required": true, "schemes": []}), "events[0].signature.schemes: is empty"),
        ("/events/0/signature", json!({"required": true, "schemes": ["pgp"]}), "events[0].signature.schemes[0]: `pgp` is not one of `http-message`, `standard-webhooks`, `jws`, `hmac`, `dsse`, `event-jws`"),
        ("/events/0/signature", json!({"required": false, "schemes": ["jws"]}), "events[0].signature.schemes: it means something only with `required: true`"),
        ("/events/0/signature", json!({"required": true, "signers": []}), "events[0].signature.signers: is empty"),
        ("/events/0/signature", json!({"required": true, "signers": ["z"]}), "events[0].signature.signers[0]: no publisher of a signer is named \"z\""),
        ("/events/0/signature", json!({"required": true, "signers": ["a"], "atLeast": 2}), "events[0].signature.atLeast: more than there are in `signers`"),
        ("/events/0/signature", json!({"required": true, "signers": ["a"], "atLeast": 0}), "events[0].signature.atLeast: nothing could keep it: it must be 1 or more"),
        ("/events/0/signature", json!({"required": true, "atLeast": 1}), "events[0].signature.atLeast: it means something only with `signers`"),
        ("/events/0/signature", json!({"required": false, "signers": ["a"]}), "events[0].signature.signers: it means something only with `required: true`"),
        ("/events/0/mode", json!("off"), "events[0].mode: `off` is not one of `enforce` or `observe`"),
        // Limits.
        ("/limits", json!({"body": "64KB"}), "limits.body: not a size: a whole number of bytes, or a text as in `64KiB` or `1MiB`"),
        ("/limits", json!({"body": 0}), "limits.body: nothing could keep it: it must be 1 or more"),
        ("/limits", json!({"events": 0}), "limits.events: nothing could keep it: it must be 1 or more"),
        ("/limits", json!({"events": -1}), "limits.events: found a number, expected a whole number from 0 on"),
        ("/limits", json!({"depth": 1.5}), "limits.depth: found a number with a fraction, expected a whole number from 0 on"),
        ("/limits", json!({"checks": 0}), "limits.checks: nothing could keep it: it must be 1 or more"),
        ("/limits", json!({"failedChecks": 0}), "limits.failedChecks: nothing could keep it: it must be 1 or more"),
        ("/limits", json!({"attributes": "64"}), "limits.attributes: found a text, expected a whole number from 0 on"),
        // Audit.
        ("/audit", json!({}), "audit.cluster: is missing"),
        ("/audit", json!({"cluster": ""}), "audit.cluster: is empty"),
        ("/audit", json!({"cluster": "logs", "sink": "kafka"}), "audit.sink: `kafka` is not one of `otlp`, `otlp-grpc`, `loki`, `elasticsearch`, `ndjson`, `cloudevents`"),
        ("/audit", json!({"cluster": "logs", "path": "v1/logs"}), "audit.path: a path starts with `/` and has no white space"),
        ("/audit", json!({"cluster": "logs", "timeout": "0s"}), "audit.timeout: nothing could keep it: it must be longer than 0"),
        ("/audit", json!({"cluster": "logs", "batch": {"records": 0}}), "audit.batch.records: nothing could keep it: it must be 1 or more"),
        ("/audit", json!({"cluster": "logs", "queue": {"records": 99}}), "audit: no batch could be full: `batch.records` is more than `queue.records`"),
        ("/audit", json!({"cluster": "logs", "whenFull": "drop"}), "audit.whenFull: `drop` is not one of `drop-oldest`, `drop-newest`, `refuse`"),
        ("/audit", json!({"cluster": "logs", "integrity": "signed"}), "audit.integrity: `signed` is not one of `none` or `chain`"),
        ("/audit", json!({"cluster": "logs", "outcomes": "all"}), "audit.outcomes: `all` is not one of `failed` or `none`"),
        ("/audit", json!({"cluster": "logs", "sample": 0}), "audit.sample: at least 1: one of how many is recorded"),
        ("/audit", json!({"cluster": "logs", "level": "all"}), "audit.level: `all` is not one of `none`, `metadata`, `digest`"),
        ("/audit", json!({"cluster": "logs", "checkpoint": {}}), "audit.checkpoint.key: is missing"),
        ("/audit", json!({"cluster": "logs", "checkpoint": {"key": {}}}), "audit.checkpoint.key.env: is missing"),
        ("/audit", json!({"cluster": "logs", "checkpoint": {"key": {"env": "NONE"}}}), "audit.checkpoint.key.env: the environment variable `NONE` is not set"),
        ("/audit", json!({"cluster": "logs", "checkpoint": {"records": 0, "key": {"env": "AUDIT_KEY"}}}), "audit.checkpoint.records: nothing could keep it: it must be 1 or more"),
        ("/audit", json!({"cluster": "logs", "integrity": "none", "checkpoint": {"key": {"env": "AUDIT_KEY"}}}), "audit.checkpoint: only a chain can be signed: `integrity` is `none`"),
        ("/events/0/audit", json!({"sample": 0}), "events[0].audit.sample: at least 1: one of how many is recorded"),
        ("/events/0/audit", json!({"level": "some"}), "events[0].audit.level: `some` is not one of `none`, `metadata`, `digest`"),
    ] {
        let found = errors(with(pointer, value.clone()));
        if found != [expected] {
            wrong.push(format!("{pointer} {value}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_issuer_has_a_name_of_its_own() {
    let taken = "issuers[0].name: `signer` is what publishers without a token are told by: take another name";
    for (name, expected) in
        [(json!(""), "issuers[0].name: is empty"), (json!("signer"), taken), (Value::Null, "issuers[0].name: is missing")]
    {
        assert_eq!(errors(with("/issuers/0/name", name))[0], expected);
    }
    let mut second = good()["issuers"][0].clone();
    second["name"] = json!("other");
    assert_eq!(errors(with("/issuers/-", second.clone())), ["issuers[1].issuer: `https://idp` is there already, at issuers[0]"]);
    (second["name"], second["issuer"]) = (json!("shop"), json!("https://other"));
    assert_eq!(errors(with("/issuers/-", second)), ["issuers[1].name: `shop` is there already, at issuers[0]"]);
}

#[test]
fn a_route_without_a_token_is_said_to_be_one() {
    let mut document = with("/issuers", Value::Null);
    document["events"][0]["publishers"] = json!([{"subject": "a"}]);
    document["routes"][0]["anonymous"] = json!(true);
    let expected = ["routes[1]: its calls need a token and there are no `issuers`: name one, or say `anonymous: true`"];
    assert_eq!(errors(document.clone()), expected);
    document["routes"][1]["anonymous"] = json!(true);
    assert!(compiled(document).routes.iter().all(|route| route.access == Access::Anonymous));
}

#[test]
fn a_rule_asks_only_for_schemes_in_use() {
    let mut document = with("/signatures", json!({"jws": {}}));
    document["events"][0]["signature"]["schemes"] = json!(["jws", "dsse"]);
    assert_eq!(
        errors(document.clone()),
        ["events[0].signature.schemes[1]: the scheme is not in use: `signatures` does not name it"]
    );
    document["events"][0]["signature"]["schemes"] = json!(["jws"]);
    let signature = compiled(document).rules.find("t.A").unwrap().signature.clone();
    assert_eq!(signature, SignatureRule::Required { schemes: Some(vec![Scheme::Jws]) });
    let expected = ["events[0].signature: a signature is required and there are no `signers`"];
    assert_eq!(errors(with("/signers", Value::Null)), expected);
}

/// The errors in the order of their texts.
fn sorted(document: Value) -> Vec<String> {
    let mut found = errors(document);
    found.sort();
    found
}

#[test]
fn an_entry_with_an_error_of_its_own_is_still_compared_with_the_others() {
    let mut document = good();
    document = put(document, "/issuers/-", good()["issuers"][0].clone());
    document["issuers"][0]["leeway"] = json!("x");
    document = put(document, "/signers/-", good()["signers"][0].clone());
    document["signers"][0]["publisher"] = json!("");
    document["routes"][0]["protocol"] = json!("zz");
    document["routes"][1] = json!({"name": "one", "match": {"path": "/one/x"}, "protocol": "cloudevents"});
    document = put(document, "/events/-", good()["events"][0].clone());
    document["events"][0]["replay"] = json!({});
    document["events"][1] = json!({"type": "t.*.x", "publishers": [{"subject": "a"}], "replay": {}});
    let expected = [
        "events[0].replay.window: is missing",
        "events[1].replay.window: is missing",
        "events[1].type: `*` stands only at the end and behind a dot, as in `com.shop.order.*`",
        "events[2].type: `t.A` is there already, at events[0]",
        "issuers[0].leeway: not a duration: a whole number and `ms`, `s`, `m`, `h` or `d`, as in `30s`",
        "issuers[1].issuer: `https://idp` is there already, at issuers[0]",
        "issuers[1].name: `shop` is there already, at issuers[0]",
        "routes[0].protocol: `zz` is not one of `cloudevents`, `json`, `kafka-rest`, `pubsub`, `dapr`, `grpc`",
        "routes[1].name: `one` is there already, at routes[0]",
        "routes[1]: no call takes this route: routes[0] takes them all",
        "signers[0].publisher: is empty",
        "signers[1].keyId: `k` is there already, at signers[0]",
    ];
    assert_eq!(sorted(document), expected);
}

#[test]
fn what_is_meant_to_be_narrower_and_is_wrong_does_not_take_the_calls_of_others() {
    for (key, wrong, expected) in [
        ("methods", json!("POST"), "routes[0].match.methods: found a text, expected a list"),
        ("hosts", json!([""]), "routes[0].match.hosts[0]: is empty"),
        ("metods", json!(["POST"]), "routes[0].match.metods: there is no such key"),
    ] {
        let mut document = with(&format!("/routes/0/match/{key}"), wrong);
        document["routes"][1]["match"] = json!({"path": "/one/x"});
        assert_eq!(errors(document)[0], expected);
    }
}

#[test]
fn a_reference_to_what_has_an_error_of_its_own_is_no_second_error() {
    let hmac = json!([{"keyIds": ["k"], "header": "x-sig"}]);
    for (pointer, wrong, expected) in [
        (
            "/issuers/0/leeway",
            json!("x"),
            "issuers[0].leeway: not a duration: a whole number and `ms`, `s`, `m`, `h` or `d`, as in `30s`",
        ),
        ("/issuers/0/name", json!(5), "issuers[0].name: found a number, expected a text"),
        ("/issuers/0/name", Value::Null, "issuers[0].name: is missing"),
        ("/issuers", json!({"a": 1}), "issuers: found a map, expected a list"),
        ("/signers/0/publisher", json!(5), "signers[0].publisher: found a number, expected a text"),
        ("/signers/0/notBefore", json!("x"), "signers[0].notBefore: not a date and time of RFC 3339"),
        ("/signers/0/keyId", json!(5), "signers[0].keyId: found a number, expected a text"),
        ("/signatures/jws/header", json!("a b"), "signatures.jws.header: `a b` is not the name of a header"),
    ] {
        let mut document = with("/signatures", json!({"jws": {}, "hmac": hmac}));
        document["events"][0]["signature"] = json!({"required": true, "schemes": ["jws", "hmac"], "signers": ["a"]});
        assert_eq!(errors(put(document, pointer, wrong)), [expected]);
    }
}

#[test]
fn all_errors_come_at_once_and_none_twice() {
    let mut document = good();
    document["version"] = json!(null);
    document["mode"] = json!("x");
    document["bogus"] = json!(null);
    document["issuers"][0]["audiences"] = json!(7);
    document["issuers"][0]["leeway"] = json!([]);
    document["issuers"][0]["extra"] = json!(1);
    document["signers"][0]["secret"] = json!(5);
    document["routes"][0] = json!([]);
    document["routes"][1]["json"]["id"] = json!("id");
    document["events"][0]["publishers"] = json!([{"issuer": 5}, {"issuer": "shp"}, {}, 7]);
    document["events"][1]["topics"] = json!([]);
    let mut found = errors(document);
    found.sort();
    let expected = [
        "bogus: no value: leave the key out, or write `{}` for the defaults of a map",
        "bogus: there is no such key",
        "events[0].publishers[0].issuer: found a number, expected a text",
        "events[0].publishers[1].issuer: no issuer is named \"shp\"",
        "events[0].publishers[2]: is empty",
        "events[0].publishers[3]: found a number, expected a map",
        "events[1].topics: is empty",
        "issuers[0].audiences: found a number, expected a list",
        "issuers[0].extra: there is no such key",
        "issuers[0].leeway: found a list, expected a text",
        "mode: `x` is not one of `enforce` or `observe`",
        "routes[0]: found a list, expected a map",
        "routes[1].json.id: not a JSON Pointer (RFC 6901): it starts with `/`, and `~` stands only in `~0` and `~1`",
        "signers[0].secret: found a number, expected a map with `value` or `env`",
        "version: no value: leave the key out, or write `{}` for the defaults of a map",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_key_without_a_value_is_not_taken_for_an_absent_one() {
    let mut document = good();
    document["events"][0]["signature"] = Value::Null;
    document["events"][1]["publishers"][0]["claims"]["/roles"] = Value::Null;
    let no_value = "no value: leave the key out, or write `{}` for the defaults of a map";
    let expected =
        ["events[0].signature", "events[1].publishers[0].claims[\"/roles\"]"].map(|place| format!("{place}: {no_value}"));
    assert_eq!(errors(document), expected);
}

#[test]
fn no_error_tells_a_secret() {
    for document in [
        with("/signers/0/secret", json!("whsec_very-secret")),
        with("/signers/0/secret", json!({"value": "very-secret"})),
        with("/signers/0/secret", json!({"value": ["very-secret"]})),
        with("/signers/0/secret", json!({"value": "whsec_very-secret!"})),
        with("/signers/0/publicKey", json!({"kty": "OKP", "d": "very-secret"})),
        with("/signers", json!("very-secret")),
    ] {
        let errors = errors(document);
        assert!(!errors.is_empty() && !errors.concat().contains("very-secret"), "{errors:?}");
    }
}

#[test]
fn json_of_two_readings_is_no_document() {
    for text in [
        r#"{"version": 1, "version": 1}"#,
        r#"{"version": 1, "versi\u006fn": 2}"#,
        r#"{"a": {"b": 1, "b": 2}}"#,
        "{",
        "{} x",
        "\u{feff}{}",
    ] {
        let errors = from_json(text.as_bytes(), &env).unwrap_err();
        assert!(matches!(errors.as_slice(), [ConfigError { problem: Problem::NotADocument(_), .. }]), "{text}: {errors:?}");
    }
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    assert_eq!(from_json(deep.as_bytes(), &env).unwrap_err()[0].to_string(), "nested deeper than 32 levels");
    assert_eq!(from_json(b"[]", &env).unwrap_err()[0].to_string(), "found a list, expected a map");
}

#[cfg(feature = "cli")]
#[test]
fn yaml_of_two_readings_is_no_document() {
    for text in ["version: 1\nversion: 1\n", "a: {b: 1, b: 2}\n", "a: &a {b: 1}\nc: {<<: *a}\n", "a: [\n", "a: .nan\n"] {
        let errors = from_yaml(text, &env).unwrap_err();
        assert!(matches!(errors.as_slice(), [ConfigError { problem: Problem::NotADocument(_), .. }]), "{text}: {errors:?}");
    }
    // A boolean of YAML 1.1 is a text in YAML 1.2.
    let errors: Vec<_> = from_yaml("token: {forward: no}\n", &env).unwrap_err().iter().map(ToString::to_string).collect();
    assert!(errors.contains(&"token.forward: found a text, expected `true` or `false`".to_owned()), "{errors:?}");
    let yaml = serde_json::to_string(&good()).unwrap();
    assert_eq!(from_yaml(&yaml, &env).unwrap().digest, compiled(good()).digest);
}

fn to_struct(value: &Value) -> protostruct::Value {
    use protostruct::value::Kind;
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => Kind::ListValue(protostruct::ListValue { values: items.iter().map(to_struct).collect() }),
        Value::Object(members) => {
            let field = |(name, value): (&String, _)| protostruct::Field { name: name.clone(), value: Some(to_struct(value)) };
            let fields = members.iter().map(field).collect();
            Kind::StructValue(protostruct::Struct { fields })
        }
    };
    protostruct::Value { kind: Some(kind) }
}

fn encode(value: &Value) -> Vec<u8> {
    match to_struct(value).kind {
        Some(protostruct::value::Kind::StructValue(message)) => message.encode_to_vec(),
        _ => panic!("{value}"),
    }
}

#[test]
fn a_plugin_configuration_is_json_or_a_protobuf_struct() {
    let document = with("/limits", json!({"events": 20, "body": 4096}));
    let expected = compiled(document.clone()).digest;
    let json = format!(" \n{document}");
    let doubles = json.replace(":20", ":20.0");
    assert_ne!(json, doubles);
    for bytes in [json.into_bytes(), doubles.into_bytes(), encode(&document)] {
        let policy = from_plugin_configuration(&bytes, &env).unwrap_or_else(|errors| panic!("{errors:?}"));
        assert_eq!((policy.digest, policy.budget.events), (expected.clone(), 20));
    }
    assert_eq!(from_plugin_configuration(b"", &env).unwrap_err()[0].problem, Problem::NoDocument);
    assert_eq!(from_plugin_configuration(b" \n", &env).unwrap_err()[0].problem, Problem::NoDocument);
    for bytes in [b"version: 1".as_slice(), b"\xff\xff", b"[]", b"\x0a\x7f"] {
        let errors = from_plugin_configuration(bytes, &env).unwrap_err();
        assert_eq!(errors[0].problem, Problem::NotADocument("neither JSON nor a google.protobuf.Struct".to_owned()), "{bytes:?}");
    }
    let nothing = encode(&json!({"version": null}));
    assert!(from_plugin_configuration(&nothing, &env).unwrap_err().iter().any(|error| error.problem == Problem::Null));
}

#[test]
fn a_double_without_a_fraction_is_an_integer() {
    for integer in [0, 1, 2, 3, 20, 4096, 65_535, 1_i64 << 31, 1 << 52, (1 << 53) - 1, 1_795_420_800] {
        let double: f64 = format!("{integer}").parse().unwrap();
        assert_eq!(to_integer(double), Some(Number::from(integer)), "{integer}");
        assert_eq!(to_integer(-double), Some(Number::from(-integer)), "-{integer}");
    }
    for double in [0.5, -0.1, 1.5, 9_007_199_254_740_992.0, -9_007_199_254_740_992.0, 1e300, f64::INFINITY, f64::NAN, 5e-324] {
        assert_eq!(to_integer(double), None, "{double}");
    }
}

#[test]
fn a_message_that_starts_like_json_is_a_message() {
    // The entry that comes first is of every length around 123, which is `{`; the rest of the message stands behind it.
    for length in 0..128 {
        let audit = json!({"cluster": "c".repeat(length + 1)});
        let first = encode(&json!({"audit": audit}));
        let policy = from_plugin_configuration(&[first, encode(&good())].concat(), &env);
        let policy = policy.unwrap_or_else(|errors| panic!("{length}: {errors:?}"));
        assert_eq!(policy.digest, compiled(with("/audit", audit)).digest, "{length}");
    }
}

#[test]
fn nesting_without_end_is_refused_in_every_form() {
    let nested = |levels: usize| (1..levels).fold(json!([]), |inner, _| json!([inner]));
    let too_deep = "nested deeper than 32 levels";
    for levels in [33, 60, 200] {
        let document = json!({"a": nested(levels - 1)});
        assert_eq!(errors(document.clone()), [too_deep]);
        assert_eq!(from_json(document.to_string().as_bytes(), &env).unwrap_err()[0].to_string(), too_deep);
        assert!(from_plugin_configuration(&encode(&document), &env).is_err());
    }
    assert!(errors(json!({"a": nested(31)})).contains(&"a: there is no such key".to_owned()));
}

#[cfg(feature = "cli")]
#[test]
fn yaml_without_end_is_refused() {
    for text in
        ["[".repeat(100_000), "- ".repeat(100_000), "a: &a [x, x]\nb: &b [*a, *a]\n".to_owned() + &"c: [*b, *b]\n".repeat(50_000)]
    {
        assert!(from_yaml(&text, &env).is_err());
    }
}

#[test]
fn the_digest_is_of_what_the_document_says() {
    let digest = compiled(good()).digest;
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
    assert_eq!(from_json(serde_json::to_string_pretty(&good()).unwrap().as_bytes(), &env).unwrap().digest, digest);
    assert_ne!(compiled(with("/events/0/topics", json!(["y"]))).digest, digest);
}

#[test]
fn the_debug_form_of_a_document_shows_no_secret() {
    let secret: raw::Secret = serde_json::from_value(json!({"value": "very-secret"})).unwrap();
    assert!(!format!("{secret:?}").contains("very-secret"));
    assert!(!format!("{:?}", compiled(good())).contains("sixteen"));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
        proptest::prop_assert!(from_plugin_configuration(&bytes, &env).is_err());
    }

    #[test]
    fn no_change_of_a_good_document_makes_it_panic(at in 0_usize..1500, byte: u8) {
        let mut text = good().to_string().into_bytes();
        let at = at % text.len();
        text[at] = byte;
        let _ = from_json(&text, &env);
    }
}
