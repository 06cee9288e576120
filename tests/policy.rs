//! The policy document: the reference policy compiles, YAML and JSON that say the same are the same, many rules compile, and the
//! JSON Schema in `envoy/` is the one that the raw types give.
#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fs;
use std::path::Path;

use eventguard::config::{ConfigError, from_json, from_plugin_configuration, from_yaml, json_schema};
use eventguard::policy::{Hold, Policy, Unmatched};
use eventguard::rules::{Mode, SignatureRule};
use serde_json::Value;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn no_env(_: &str) -> Option<String> {
    None
}

fn compiled(policy: Result<Policy, Vec<ConfigError>>) -> Policy {
    policy.unwrap_or_else(|errors| panic!("{}", errors.iter().map(|error| format!("{error}\n")).collect::<String>()))
}

#[test]
fn the_reference_policy_compiles_and_is_the_same_in_yaml_and_json() {
    let yaml = compiled(from_yaml(&read("tests/cases/policy.yaml"), &no_env));
    let json = compiled(from_json(read("tests/cases/policy.json").as_bytes(), &no_env));
    assert_eq!(yaml.digest, json.digest);
    assert_eq!(yaml.digest.len(), 64);
    assert_eq!((yaml.mode, yaml.hold, yaml.unmatched), (Mode::Enforce, Hold::Body, Unmatched::Refuse));
    assert_eq!((yaml.budget.body, yaml.budget.events, yaml.budget.depth), (65_536, 20, 16));
    assert_eq!(yaml.rules.len(), 8);
    assert_eq!(yaml.rules.find("com.shop.cart.X").map(|rule| &*rule.event_type), Some("com.shop.cart.*"));
    let signed = yaml.rules.find("com.shop.order.ItemShipped").map(|rule| &rule.signature);
    assert_eq!(signed, Some(&SignatureRule::Required { schemes: None }));
    assert_eq!(
        yaml.routes.iter().map(|route| &*route.name).collect::<Vec<_>>(),
        [
            "cloudevents",
            "envelope",
            "kafka-rest",
            "pubsub",
            "events-grpc",
            "bus-grpc",
            "dapr",
            "dapr-bulk",
            "dapr-grpc",
            "dapr-grpc-bulk",
            "pubsub-rest"
        ]
    );
    assert!(yaml.signers.find("shipping-hmac").is_some());
    assert_eq!(yaml.audit.cluster, None);
}

#[test]
fn ten_thousand_rules_compile_from_yaml_and_json() {
    let rules: Vec<_> = (0..10_000)
        .map(|number| serde_json::json!({"type": format!("com.shop.t{number}"), "topics": ["t"], "publishers": [{"subject": "a"}]}))
        .collect();
    let document = serde_json::json!({
        "version": 1,
        "routes": [{"name": "all", "match": {"methods": ["POST"]}, "protocol": "cloudevents", "anonymous": true}],
        "events": rules,
    });
    let text = document.to_string();
    let json = compiled(from_json(text.as_bytes(), &no_env));
    assert_eq!(json.rules.len(), 10_000);
    assert_eq!(json.rules.find("com.shop.t9999").map(|rule| &*rule.event_type), Some("com.shop.t9999"));
    assert_eq!(compiled(from_yaml(&text, &no_env)).digest, json.digest);
}

/// The policies in a document of Envoy's or Istio's: maps, or texts, that have what every policy has.
fn policies(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) if ["version", "routes", "events"].iter().all(|key| members.contains_key(*key)) => {
            found.push(value.to_string());
        }
        Value::Object(members) => members.values().for_each(|member| policies(member, found)),
        Value::Array(items) => items.iter().for_each(|item| policies(item, found)),
        Value::String(text) if text.trim_start().starts_with('{') && text.contains("\"routes\"") => found.push(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_policy_that_is_shipped_compiles() {
    compiled(from_yaml(&read("examples/policy.yaml"), &no_env));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy");
    let mut count = 0;
    for path in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        let mut found = Vec::new();
        documents.iter().for_each(|document| policies(document, &mut found));
        // Whoever loads the module says how it fails.
        assert_eq!(!found.is_empty(), text.contains("FAIL_RELOAD"), "{}", path.display());
        for text in &found {
            if let Err(errors) = from_plugin_configuration(text.as_bytes(), &no_env) {
                panic!("{}: {errors:?}", path.display());
            }
        }
        count += found.len();
    }
    assert!(count >= 5, "{count}");
}

/// `EVENTGUARD_UPDATE=1 cargo test --test policy` writes the schema anew.
#[test]
fn the_json_schema_is_the_one_of_the_raw_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy/policy.schema.json");
    let generated = format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap());
    if std::env::var_os("EVENTGUARD_UPDATE").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), generated, "run again with EVENTGUARD_UPDATE=1");
}
