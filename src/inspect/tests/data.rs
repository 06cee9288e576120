//! Data that is said to be JSON has one reading, whether or not a rule looks into it.

use serde_json::json;

use super::*;

fn policy(rule: &Value) -> Policy {
    let mut rule = rule.clone();
    rule["type"] = json!("t.A");
    rule["publishers"] = json!([{"peer": PEER}]);
    let document = json!({
        "version": 1,
        "routes": [
            {"name": "ce", "match": {"path": "/ce/{topic}"}, "protocol": "cloudevents", "anonymous": true},
            {"name": "dapr", "match": {"path": "/v1.0/publish/{pubsub}/{topic}"}, "protocol": "dapr", "anonymous": true},
        ],
        "events": [rule],
        "limits": {"depth": 4},
    });
    crate::config::from_value(document, &|_| None).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn code(policy: &Policy, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<&'static str> {
    let pseudo = [(":method", "POST"), (":authority", "bus"), (":path", path)];
    let head = Head::from_map(pseudo.into_iter().chain(headers.iter().copied()).collect()).unwrap();
    let call = Incoming { head, hints: Hints::default(), peer: Peer::from_uri(PEER.to_owned()) };
    let means = HeadMeans { now: now(), tokens: &mut TokenCache::new(0, [0; 16]), crypto: &RustCrypto };
    let opening = super::head(policy, call, means);
    let Opening::Judge(opened) = opening else { panic!("{opening:?}") };
    let outcome = super::body(policy, &opened, body, Means { now: now(), crypto: &RustCrypto, store: &Memory::default() });
    outcome.refusal.map(|refusal| refusal.code().as_str())
}

const BINARY: [(&str, &str); 4] = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t.A")];
const WRONG: [&str; 7] =
    ["{nope", "[1]x", r#"{"a":1,"a":2}"#, r#"{"b":{"a":1,"\u0061":2}}"#, "\u{feff}{}", "[[[[[]]]]]", r#""\ud800""#];

#[test]
fn data_that_is_said_to_be_json_has_one_reading_whatever_looks_into_it() {
    let rules = [json!({}), json!({"schema": {"json": true}}), json!({"conditions": ["event.size > 0"]})];
    for policy in rules.iter().map(policy) {
        for (content_type, is_json) in [
            ("application/json", true),
            ("application/vnd.shop+json", true),
            ("text/json; charset=utf-8", true),
            ("text/plain", false),
        ] {
            let binary = [&BINARY[..], &[("content-type", content_type)]].concat();
            let dapr = "/v1.0/publish/bus/x?metadata.cloudevent.type=t.A";
            for wrong in WRONG {
                let expected = is_json.then_some("event.malformed");
                let found = [
                    code(&policy, "/ce/x", &binary, wrong.as_bytes()),
                    code(&policy, dapr, &[("content-type", content_type)], wrong.as_bytes()),
                ];
                // A schema refuses what is no JSON, whatever it is said to be.
                let found = found.map(|code| code.filter(|code| is_json || *code != "rule.schema"));
                assert_eq!(found, [expected; 2], "{content_type}: {wrong}");
            }
            assert_eq!(code(&policy, "/ce/x", &binary, b" {\"a\": [[1]]} ").filter(|_| is_json), None, "{content_type}");
        }
    }
    let policy = policy(&json!({}));
    assert_eq!(code(&policy, "/ce/x", &[&BINARY[..], &[("content-type", "application/json")]].concat(), b""), None, "no data");
    for wrong in WRONG {
        assert_eq!(code(&policy, "/ce/x", &BINARY, wrong.as_bytes()), None, "nothing is said of {wrong}");
    }
}

#[test]
fn base64_that_is_said_to_be_json_has_one_reading_too() {
    let policy = policy(&json!({}));
    let code = |content_type: &str, data: &str| {
        let body = format!(
            r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t.A","datacontenttype":"{content_type}","data_base64":"{data}"}}"#
        );
        code(&policy, "/ce/x", &[("content-type", "application/cloudevents+json")], body.as_bytes())
    };
    // `{"a":1,"a":2}` and `{"a":1}`
    assert_eq!(code("application/json", "eyJhIjoxLCJhIjoyfQ=="), Some("event.malformed"));
    assert_eq!(code("application/json", "eyJhIjoxfQ=="), None);
    assert_eq!(code("application/octet-stream", "eyJhIjoxLCJhIjoyfQ=="), None);
}
