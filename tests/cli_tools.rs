//! What `keygen`, `token`, `sign` and `render` make is what the filter's code admits and a proxy reads.

#![cfg(feature = "cli")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

const NOW: &str = "2026-11-23T08:00:00Z";
const SECRET: &str = "whsec_Zm9yIHRyeWluZyBldmVudGd1YXJkLCBub3QgYSBzZWNyZXQ=";
const KEY_TYPES: [&str; 4] = ["ed25519", "p256", "p384", "rsa"];

type Done<T = ()> = Result<T, Box<dyn std::error::Error>>;

#[test]
fn a_call_signed_by_any_key_in_any_scheme_is_admitted_and_a_changed_one_is_not() -> Done {
    for key_type in KEY_TYPES {
        let desk = Desk::new(key_type, key_type)?;
        for scheme in ["http-message", "dsse"] {
            desk.signed_calls_are_admitted(scheme, &["--key", "key.json"])?;
        }
    }
    Ok(())
}

#[test]
fn a_call_signed_as_standard_webhooks_is_admitted_and_a_changed_one_is_not() -> Done {
    let desk = Desk::new("webhooks", "ed25519")?;
    desk.signed_calls_are_admitted("standard-webhooks", &["--key", "key.json"])?;
    desk.signed_calls_are_admitted("standard-webhooks", &["--secret", SECRET])?;
    for scheme in ["http-message", "dsse"] {
        desk.signed_calls_are_admitted(scheme, &["--secret", SECRET, "--key-id", "hmac"])?;
    }
    Ok(())
}

#[test]
fn a_p256_key_does_not_sign_standard_webhooks() -> Done {
    let desk = Desk::new("webhooks-p256", "p256")?;
    desk.write("case.json", &desk.structured("{}")?)?;
    let refused = desk.run(&["sign", "standard-webhooks", "--key", "key.json", "case.json"]);
    assert!(refused.is_err_and(|error| error.to_string().contains("Ed25519")));
    Ok(())
}

#[test]
fn what_sign_prints_is_what_it_applies() -> Done {
    let desk = Desk::new("print", "ed25519")?;
    desk.write("case.json", &desk.structured("{}")?)?;
    let sign = ["sign", "http-message", "--key", "key.json", "case.json"];
    let printed: Value = serde_json::from_str(&desk.run(&sign)?)?;
    let applied: Value = serde_json::from_str(&desk.run(&[&sign[..], &["--apply"]].concat())?)?;
    let names: Vec<&Value> = printed.as_array().into_iter().flatten().filter_map(|header| header.get(0)).collect();
    assert_eq!(names, ["content-digest", "signature-input", "signature"]);
    let headers = applied.pointer("/call/headers").and_then(Value::as_array).ok_or("no headers")?;
    assert!(printed.as_array().into_iter().flatten().all(|header| headers.contains(header)));
    // Signed again, the new headers take the place of the old ones.
    desk.write("case.json", &applied)?;
    let again: Value = serde_json::from_str(&desk.run(&[&sign[..], &["--apply"]].concat())?)?;
    assert_eq!(again, applied);
    Ok(())
}

#[test]
fn what_would_not_be_admitted_is_not_signed() -> Done {
    let desk = Desk::new("refuse", "ed25519")?;
    desk.write("case.json", &desk.structured("{}")?)?;
    let sign = ["sign", "dsse", "--key", "key.json"];
    let signed = desk.run(&[&sign[..], &["--apply", "case.json"]].concat())?;
    desk.write("signed.json", &serde_json::from_str(&signed)?)?;
    desk.write("batch.json", &desk.case(&[("content-type", "application/cloudevents-batch+json")], "[]")?)?;
    let refused = |arguments: &[&str], why: &str| desk.run(arguments).is_err_and(|error| error.to_string().contains(why));
    assert!(refused(&[&sign[..], &["signed.json"]].concat(), "signed already"));
    assert!(desk.run(&[&sign[..], &["batch.json"]].concat()).is_err());
    assert!(refused(&["sign", "standard-webhooks", "--secret", SECRET, "--id", "a.b", "case.json"], "full stop"));
    assert!(refused(&["sign", "http-message", "--secret", SECRET, "case.json"], "--key-id"));
    Ok(())
}

#[test]
fn a_call_by_itself_is_signed_too() -> Done {
    let desk = Desk::new("call", "ed25519")?;
    let case = desk.structured("{}")?;
    desk.write("call.json", case.get("call").ok_or("no call")?)?;
    let material = desk.run(&["sign", "dsse", "--key", "key.json", "--now", NOW, "call.json"])?;
    let material: Value = serde_json::from_str(&material)?;
    assert!(material.get("dssematerial").is_some_and(Value::is_string));
    Ok(())
}

#[test]
fn a_token_says_what_it_was_asked_to() -> Done {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let desk = Desk::new("token", "p256")?;
    let claim = ["--claim", r#"/realm_access/roles=["publisher"]"#, "--kid", "other", "--audience", "b", "--expires-in", "1h"];
    let token = desk.token(&claim)?;
    let parts: Result<Vec<Value>, Box<dyn std::error::Error>> =
        token.split('.').take(2).map(|part| Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?)).collect();
    let claims = json!({"iss": "https://idp", "aud": ["bus", "b"], "sub": "shop", "iat": 1_795_420_800, "exp": 1_795_424_400,
                        "realm_access": {"roles": ["publisher"]}});
    assert_eq!(parts?, [json!({"alg": "ES256", "kid": "other", "typ": "JWT"}), claims]);
    Ok(())
}

#[test]
fn envoy_is_given_the_policy_and_what_holds_the_call() -> Done {
    let desk = Desk::new("render-envoy", "ed25519")?;
    let filters = desk.render(&["envoy", "--policy", "policy.json", "--wasm", "a \"b\".wasm"])?;
    let [filters] = filters.as_slice() else { return Err("not one document".into()) };
    let at = |pointer: &str| filters.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(at("/0/typed_config/config/failure_policy"), "FAIL_RELOAD");
    assert_eq!(at("/0/typed_config/config/vm_config/code/local/filename"), "a \"b\".wasm");
    assert_eq!(at("/0/typed_config/config/vm_config/environment_variables/host_env_keys"), json!(["NOT_SET_HERE"]));
    assert_eq!(at("/0/typed_config/config/allow_on_headers_stop_iteration"), Value::Null);
    assert_eq!(at("/1/typed_config/max_request_bytes"), 131_072);
    let mut policy: Value = serde_json::from_str(at("/0/typed_config/config/configuration/value").as_str().unwrap_or(""))?;
    assert_eq!(policy.as_object_mut().and_then(|policy| policy.remove("hold")), Some(json!("body")));
    assert_eq!(policy, desk.policy()?);

    let filters = desk.render(&["envoy", "--policy", "policy.json", "--hold", "headers"])?;
    assert_eq!(filters.len(), 1);
    let config = filters.first().and_then(|filters| filters.pointer("/0/typed_config/config")).ok_or("no config")?;
    assert_eq!(config.get("allow_on_headers_stop_iteration"), Some(&json!(true)));
    assert_eq!(filters.first().and_then(|filters| filters.get(1)), None);
    Ok(())
}

#[test]
fn istio_is_given_the_policy_and_what_holds_the_call() -> Done {
    let desk = Desk::new("render-istio", "ed25519")?;
    let resources = desk.render(&["istio", "--policy", "policy.json", "--url", "oci://here/eventguard:1"])?;
    let [buffer, plugin] = resources.as_slice() else { return Err("not two resources".into()) };
    let max = buffer.pointer("/spec/configPatches/0/patch/value/typed_config/max_request_bytes");
    assert_eq!(max, Some(&json!(131_072)));
    assert_eq!(plugin.pointer("/spec/failStrategy"), Some(&json!("FAIL_RELOAD")));
    assert_eq!(plugin.pointer("/spec/url"), Some(&json!("oci://here/eventguard:1")));
    assert_eq!(plugin.pointer("/spec/vmConfig/env"), Some(&json!([{"name": "NOT_SET_HERE", "valueFrom": "HOST"}])));
    assert_eq!(plugin.pointer("/spec/pluginConfig/signers"), desk.policy()?.get("signers"));

    let resources = desk.render(&["istio", "--policy", "policy.json", "--hold", "headers"])?;
    let [filter] = resources.as_slice() else { return Err("not one resource".into()) };
    let config = filter.pointer("/spec/configPatches/0/patch/value/typed_config/config").ok_or("no config")?;
    assert_eq!(config.get("allow_on_headers_stop_iteration"), Some(&json!(true)));
    assert_eq!(filter.pointer("/spec/configPatches/1/patch/operation"), Some(&json!("INSERT_FIRST")));
    let policy: Value = serde_json::from_str(config.pointer("/configuration/value").and_then(Value::as_str).unwrap_or(""))?;
    assert_eq!(policy.get("hold"), Some(&json!("headers")));
    Ok(())
}

#[test]
fn a_policy_with_errors_is_not_rendered() -> Done {
    let desk = Desk::new("render-errors", "ed25519")?;
    desk.write("bad.json", &json!({"version": 1, "nonsense": true}))?;
    for proxy in ["envoy", "istio"] {
        let refused = desk.run(&["render", proxy, "--policy", "bad.json"]);
        assert!(refused.is_err_and(|error| error.to_string().contains("nonsense")), "{proxy}");
    }
    Ok(())
}

/// A directory with a key (`key.json`) and a policy that trusts it (`policy.json`).
struct Desk(PathBuf);

impl Desk {
    fn new(name: &str, key_type: &str) -> Done<Self> {
        let desk = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-tools-{name}")));
        fs::create_dir_all(&desk.0)?;
        let pair: Value = serde_json::from_str(&desk.run(&["keygen", "--type", key_type, "--kid", "k1"])?)?;
        let public = pair.get("public").ok_or("no public key")?;
        desk.write("key.json", &pair)?;
        desk.write("policy.json", &json!({
            "version": 1,
            "issuers": [{"name": "idp", "issuer": "https://idp", "audiences": ["bus"], "algorithms": ["RS256", "ES256", "ES384", "EdDSA"],
                         "jwks": {"inline": {"keys": [public]}}}],
            "signers": [{"keyId": "k1", "publisher": "shop", "publicKey": public},
                        {"keyId": "hmac", "publisher": "shop", "secret": {"value": SECRET}},
                        {"keyId": "env", "publisher": "nobody", "secret": {"env": "NOT_SET_HERE"}}],
            "signatures": {"httpMessage": {"components": ["@method", "@authority", "@path", "content-digest"], "maxAge": "5m"},
                           "standardWebhooks": {"tolerance": "5m"}, "dsse": {"mode": "strict"}},
            "routes": [{"name": "events", "match": {"methods": ["POST"], "path": "/events/{topic}"}, "protocol": "cloudevents"}],
            "events": [{"type": "com.shop.*", "topics": ["orders"], "publishers": [{"subject": "shop"}], "signature": {"required": true}}],
            "limits": {"body": "64KiB"},
        }))?;
        Ok(desk)
    }

    fn write(&self, name: &str, value: &Value) -> Done {
        Ok(fs::write(self.0.join(name), value.to_string())?)
    }

    fn policy(&self) -> Done<Value> {
        Ok(serde_json::from_slice(&fs::read(self.0.join("policy.json"))?)?)
    }

    /// What the command prints; its error output, where it fails.
    fn run(&self, arguments: &[&str]) -> Done<String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eventguard"));
        let output = command.args(arguments).current_dir(&self.0).output()?;
        if !output.status.success() {
            return Err(format!("{arguments:?}: {}", String::from_utf8(output.stderr)?).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    fn render(&self, arguments: &[&str]) -> Done<Vec<Value>> {
        let text = self.run(&[&["render"], arguments].concat())?;
        text.split("---\n").map(|document| Ok(serde_saphyr::from_str(document)?)).collect()
    }

    fn token(&self, more: &[&str]) -> Done<String> {
        let given =
            ["token", "--key", "key.json", "--issuer", "https://idp", "--audience", "bus", "--subject", "shop", "--now", NOW];
        Ok(self.run(&[&given[..], more].concat())?.trim().to_owned())
    }

    fn case(&self, headers: &[(&str, &str)], body: &str) -> Done<Value> {
        let authorization = format!("Bearer {}", self.token(&[])?);
        let headers = [&[("authorization", authorization.as_str())], headers].concat();
        let call = json!({"method": "POST", "authority": "bus", "path": "/events/orders", "headers": headers, "body": body});
        Ok(json!({"name": "a call", "now": NOW, "call": call}))
    }

    fn structured(&self, data: &str) -> Done<Value> {
        let event = format!(
            r#" {{"specversion":"1.0","id":"1","source":"/shop","type":"com.shop.Paid","time":"{NOW}","tenant":"a", "data": {data} }}"#
        );
        self.case(&[("Content-Type", "application/cloudevents+json")], &event)
    }

    fn binary(&self, data: &str) -> Done<Value> {
        let attributes = [("specversion", "1.0"), ("id", "1"), ("source", "/shop"), ("type", "com.shop.Paid"), ("tenant", "a")];
        let names = attributes.map(|(name, _)| format!("ce-{name}"));
        let mut headers: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(attributes.map(|(_, value)| value)).collect();
        headers.push(("content-type", "application/json"));
        self.case(&headers, data)
    }

    fn verdict(&self, case: &Value) -> Done<Value> {
        self.write("signed.json", case)?;
        let mut policy = self.policy()?;
        policy.pointer_mut("/signers").and_then(Value::as_array_mut).and_then(Vec::pop);
        self.write("judged-by.json", &policy)?;
        Ok(serde_json::from_str(&self.run(&["explain", "--policy", "judged-by.json", "--json", "signed.json"])?)?)
    }

    fn signed_calls_are_admitted(&self, scheme: &str, with: &[&str]) -> Done {
        let data = r#"{"amount": 1.0,  "to":"x"}"#;
        for case in [self.structured(data)?, self.binary(data)?] {
            // The scheme covers the body alone, and so no event whose attributes are headers.
            let only_body = scheme == "standard-webhooks" && case.to_string().contains("ce-id");
            assert_eq!(self.verdict(&case)?.get("code"), Some(&json!("signature.missing")), "{scheme} {with:?}");
            self.write("case.json", &case)?;
            let signed = self.run(&[&["sign", scheme], with, &["--apply", "case.json"]].concat())?;
            let mut signed: Value = serde_json::from_str(&signed)?;
            let verdict = self.verdict(&signed)?;
            let expected = if only_body { json!("signature.uncovered") } else { Value::Null };
            assert_eq!(verdict.get("code"), Some(&expected), "{scheme} {with:?} {verdict}");
            let body = signed.pointer_mut("/call/body").ok_or("no body")?;
            *body = body.as_str().unwrap_or("").replace("1.0,  ", "1.5,  ").into();
            let verdict = self.verdict(&signed)?;
            assert_eq!(verdict.get("verdict"), Some(&json!("refuse")), "{scheme} {with:?} {verdict}");
        }
        Ok(())
    }
}
