//! The plugin configuration. A document is the same policy again, or has the same errors, as JSON and as the `google.protobuf.Struct`
//! that Envoy makes of it. No secret is told, by errors or by the policy.
#![no_main]

use eventguard::config::protostruct::{self, value::Kind};
use eventguard::config::{ConfigError, from_plugin_configuration};
use eventguard::policy::Policy;
use eventguard_fuzz::json::Tree;
use libfuzzer_sys::fuzz_target;
use prost::Message;
use serde_json::Value;

/// Levels of nesting that a policy may have.
const DEPTH: usize = 32;

fuzz_target!(|bytes: &[u8]| {
    let compiled = compile(bytes);
    let secrets = secrets(bytes);
    let tells = |text: &str| secrets.iter().any(|secret| text.contains(secret.as_str()));
    match &compiled {
        Ok(policy) => {
            assert_can_judge(policy);
            assert!(!tells(&format!("{policy:?}")), "the policy tells a secret");
            assert_eq!(compile(bytes).map(|again| again.digest).ok().as_ref(), Some(&policy.digest));
        }
        Err(errors) => {
            assert!(!errors.is_empty(), "refused for nothing");
            errors.iter().for_each(|error| assert!(!tells(&error.to_string()), "an error tells a secret"));
        }
    }
    if let Some(message) = message(bytes) {
        let digest = |compiled: Result<Policy, Vec<ConfigError>>| compiled.map(|policy| policy.digest);
        assert_eq!(digest(compile(&message)), digest(compiled), "as a message and as JSON");
    }
});

fn compile(bytes: &[u8]) -> Result<Policy, Vec<ConfigError>> {
    from_plugin_configuration(bytes, &|name| (name == "SECRET").then(|| "a secret of the environment".to_owned()))
}

/// What calls are judged by asks for something.
fn assert_can_judge(policy: &Policy) {
    assert!(!policy.rules.is_empty() && policy.routes.iter().next().is_some());
    let budget = policy.budget;
    assert!(budget.body > 0 && budget.events > 0 && budget.depth > 0 && budget.attributes > 0, "{budget:?}");
    assert!(policy.issuers.iter().all(|issuer| !issuer.audiences.is_empty() && !issuer.algorithms.is_empty()));
    assert!(policy.issuers.iter().all(|issuer| !issuer.keys.is_empty()));
    assert_eq!(policy.digest.len(), 64);
}

/// The shared secrets of a document that stand nowhere else in it.
fn secrets(bytes: &[u8]) -> Vec<String> {
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return Vec::new() };
    let signers = document["signers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let secrets = signers.iter().filter_map(|signer| signer["secret"]["value"].as_str()).filter(|secret| secret.len() >= 16);
    let text = document.to_string();
    let once = |secret: &&str| text.matches(Value::from(*secret).to_string().trim_matches('"')).count() == 1;
    secrets.filter(once).map(str::to_owned).collect()
}

/// A document in JSON as Envoy hands it on, its members in some order. `None` where the text is refused as such, and where a number is
/// not one that a double holds.
fn message(bytes: &[u8]) -> Option<Vec<u8>> {
    let tree = Tree::parse(bytes).ok()?;
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let members = document.as_object().filter(|_| tree.is_unambiguous() && tree.depth() <= DEPTH)?;
    let mut message = Vec::new();
    for (key, value) in members.iter().cycle().skip(bytes.len() % members.len().max(1)).take(members.len()) {
        let entry = protostruct::Struct { fields: vec![field(key, value)?] };
        entry.encode(&mut message).expect("a vector has room");
    }
    (!message.is_empty()).then_some(message)
}

fn field(name: &str, value: &Value) -> Option<protostruct::Field> {
    Some(protostruct::Field { name: name.to_owned(), value: Some(value_of(value)?) })
}

fn value_of(value: &Value) -> Option<protostruct::Value> {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(number) => {
            const EXACT: f64 = 9_007_199_254_740_992.0;
            Kind::NumberValue(number.as_f64().filter(|double| double.abs() < EXACT)?)
        }
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => {
            Kind::ListValue(protostruct::ListValue { values: items.iter().map(value_of).collect::<Option<_>>()? })
        }
        Value::Object(members) => {
            let fields = members.iter().map(|(key, value)| field(key, value)).collect::<Option<_>>()?;
            Kind::StructValue(protostruct::Struct { fields })
        }
    };
    Some(protostruct::Value { kind: Some(kind) })
}
