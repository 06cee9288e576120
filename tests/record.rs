//! What is recorded of every case: of the form that `envoy/record.schema.json` says, canonical (RFC 8785), and without a token, a key or
//! data in it.
#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use eventguard::audit::form::Form;
use eventguard::audit::{Aftermath, Answer, Checkpoint, Circumstances, Integrity, Queue, Record, Settings, WhenFull};
use eventguard::decision::Refusal;
use eventguard::inspect;
use eventguard::json::Document;
use eventguard::key::SigningKey;
use eventguard::rules::Mode;
use eventguard::schema::{Compiler, Contract, Limits, UnknownFields};
use eventguard::time::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use prost::Message;
use serde_json::Value;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn schema() -> Contract {
    let text = fs::read_to_string(path("envoy/record.schema.json")).unwrap();
    let document = Document::parse(text.as_bytes(), 64).unwrap();
    let mut compiler = Compiler::new(Limits::DEFAULT);
    let id = compiler.add("record", document.root());
    let schemas = compiler.compile().unwrap_or_else(|errors| panic!("{errors:?}"));
    schemas.contract(id, UnknownFields::Refuse).unwrap()
}

fn check(schema: &Contract, line: &str) -> Result<(), String> {
    let document = Document::parse(line.as_bytes(), 16).unwrap();
    schema.check(document.root()).map_err(|broken| format!("{broken:?}: {line}"))
}

/// Every case that is one call, with the records that are made of it.
fn cases() -> Vec<(Value, Vec<String>)> {
    let mut names: Vec<_> = fs::read_dir(path("tests/cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|name| name.extension().is_some_and(|extension| extension == "json") && !name.ends_with("policy.json"));
    names.sort();
    names.iter().map(|name| (serde_json::from_slice(&fs::read(name).unwrap()).unwrap(), records(name))).collect()
}

fn records(case: &Path) -> Vec<String> {
    let explain = Command::new(env!("CARGO_BIN_EXE_eventguard"))
        .args(["explain", "--records", "--policy"])
        .arg(path("tests/cases/policy.yaml"))
        .arg(case)
        .output()
        .unwrap();
    assert!(explain.status.success(), "{}: {}", case.display(), String::from_utf8_lossy(&explain.stderr));
    String::from_utf8(explain.stdout).unwrap().lines().filter(|line| line.starts_with('{')).map(str::to_owned).collect()
}

#[test]
fn what_is_recorded_of_every_case_is_of_the_form_that_the_schema_says() {
    let (schema, cases) = (schema(), cases());
    let lines: Vec<_> = cases.iter().flat_map(|(_, lines)| lines).collect();
    assert!(cases.len() > 90 && lines.len() > cases.len(), "{} records of {} cases", lines.len(), cases.len());
    let broken: Vec<_> = lines.iter().filter_map(|line| check(&schema, line).err()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    for line in lines {
        // serde_json writes names in order and without white space; a record has whole numbers only.
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(&value.to_string(), line);
    }
}

/// The private half of the key that signs the stream.
const PRIVATE: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

/// Lines of a stream that tells of everything that it can: it starts, drops, loses a batch, is signed and stops.
fn stream() -> Vec<String> {
    let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"k","d":"{PRIVATE}"}}"#);
    let key = SigningKey::from_jwk(&jwk).unwrap().into();
    let settings = Settings {
        form: Form::Otlp,
        batch_records: 2,
        interval: Duration::from_secs(1),
        queue_records: 4,
        queue_bytes: 1 << 20,
        when_full: WhenFull::DropNewest,
        ends: eventguard::audit::Ends::Recorded,
        patience: Duration::from_secs(10),
        longest_backoff: Duration::from_secs(30),
        integrity: Integrity::Chain,
        checkpoint: Some(Checkpoint { records: 3, interval: Duration::from_secs(60), key }),
    };
    let now = Timestamp::parse("2026-11-23T08:00:00Z").unwrap();
    let policy = "0a".repeat(32);
    let mut queue = Queue::new(settings, &policy, [7; 16]);
    let outcome = inspect::refuse(Mode::Enforce, None, Refusal::UnmatchedRoute);
    let circumstances =
        Circumstances { authority: "bus", request_id: None, traceparent: None, policy: &policy, now, untrue: None };
    for (admitted, grpc_status) in [(Some((7, 2)), Some(14)), (None, None)] {
        let aftermath = Aftermath { circumstances, admitted, status: 503, grpc_status, details: Some("upstream_reset") };
        queue.push_aftermath(&aftermath, now);
    }
    let later = Circumstances { untrue: Some(7), ..circumstances };
    for record in (0..9).flat_map(|_| Record::of_call(&outcome, &later)) {
        let written = queue.write(&record);
        queue.push(&record, written, now);
    }
    let mut lines = Vec::new();
    for answer in [Answer::Permanent, Answer::Accepted, Answer::Accepted, Answer::Accepted] {
        let batch = queue.drain(now.after(Duration::from_secs(2))).or_else(|| queue.drain(now.after(Duration::from_secs(4))));
        let Some(batch) = batch else { break };
        let request = ExportLogsServiceRequest::decode(batch.body.as_slice()).unwrap();
        let records = request.resource_logs.into_iter().flat_map(|logs| logs.scope_logs).flat_map(|scope| scope.log_records);
        lines.extend(records.map(|record| {
            let Some(any_value::Value::StringValue(line)) = record.body.unwrap().value else { panic!("no text") };
            line
        }));
        queue.delivered(batch.id, answer, now, 0);
    }
    lines
}

#[test]
fn what_the_stream_tells_of_itself_is_of_the_form_that_the_schema_says() {
    let (schema, lines) = (schema(), stream());
    let broken: Vec<_> = lines.iter().filter_map(|line| check(&schema, line).err()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    for code in ["start", "stop", "checkpoint", "drop", "gap", "verdict", "outcome", "refused-before"] {
        assert!(lines.iter().any(|line| line.contains(&format!("\"event_code\":\"{code}\""))), "{code}: {lines:#?}");
    }
    let later = format!("\"correlation_uid\":\"{}-7\",\"event_code\":\"verdict\"", "07".repeat(12));
    assert!(lines.iter().any(|line| line.contains(&later)), "{lines:#?}");
}

#[test]
fn what_is_not_of_the_form_breaks_the_schema() {
    let (schema, cases) = (schema(), cases());
    let line = cases.iter().flat_map(|(_, lines)| lines).find(|line| line.contains("\"refuse\"")).unwrap();
    check(&schema, line).unwrap();
    for (old, new) in [
        ("\"action_id\":2", "\"action_id\":7"),
        ("\"log_version\":\"1\"", "\"log_version\":\"2\""),
        ("\"class_uid\":6003", "\"class_uid\":1008"),
        ("\"unmapped\":{", "\"unmapped\":{\"token\":\"x\","),
        ("\"status_id\":2,", ""),
        ("{\"action_id\"", "{\"data\":{},\"action_id\""),
    ] {
        assert!(line.contains(old), "{old}");
        assert!(check(&schema, &line.replace(old, new)).is_err(), "{old}");
    }
}

/// What must not leave of a call: the parts of tokens and signatures, and the texts in an event's data.
fn secrets(case: &Value) -> Vec<String> {
    let call = &case["call"];
    let header = |header: &Value| (header[0].as_str().unwrap().to_lowercase(), header[1].as_str().unwrap_or_default().to_owned());
    let headers = call["headers"].as_array().into_iter().flatten().map(header);
    let secret = headers.filter(|(name, _)| name == "authorization" || name.contains("signature"));
    let mut found: Vec<String> =
        secret.flat_map(|(_, value)| value.split(['.', ' ', ':']).map(str::to_owned).collect::<Vec<_>>()).collect();
    let body: Value = serde_json::from_str(call["body"].as_str().unwrap_or_default()).unwrap_or_default();
    texts(&body["data"], &mut found);
    texts(&body["payload"], &mut found);
    found.retain(|text| text.len() >= 16);
    found
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What must not leave of a policy, and of a key: it as it is written, and as bytes in the forms in which bytes are written.
fn forms(written: &str, bytes: &[u8]) -> Vec<String> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let padded = [STANDARD.encode(bytes), URL_SAFE.encode(bytes)];
    let mut forms = vec![written.to_owned(), hex, String::from_utf8_lossy(bytes).into_owned()];
    forms.extend(padded.iter().map(|text| text.trim_end_matches('=').to_owned()));
    forms
}

/// The secrets of the signers in the policy of the cases.
fn keys() -> Vec<String> {
    let policy: Value = serde_json::from_slice(&fs::read(path("tests/cases/policy.json")).unwrap()).unwrap();
    let secrets = policy["signers"].as_array().unwrap().iter().filter_map(|signer| signer["secret"]["value"].as_str());
    secrets.flat_map(|secret| forms(secret, &STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap())).collect()
}

/// Asserts that none of the lines has the secret, nor what a message that cuts it to 64 bytes would leave of it.
fn assert_hidden(secret: &str, lines: &[String], name: &str) {
    let pieces: Vec<String> =
        secret.as_bytes().chunks_exact(16).map(|piece| String::from_utf8_lossy(piece).into_owned()).collect();
    for piece in pieces.iter().map(String::as_str).chain([secret]) {
        assert!(lines.iter().all(|line| !line.contains(piece)), "`{piece}` of `{secret}` of {name} in {lines:?}");
    }
}

#[test]
fn no_record_holds_a_token_a_signature_a_key_or_data() {
    let (mut looked_for, keys) = (0, keys());
    assert_eq!(keys.len(), 5, "one signer of the policy has a secret: {keys:?}");
    for (case, lines) in cases() {
        let secrets = secrets(&case);
        looked_for += secrets.len();
        secrets.iter().chain(&keys).for_each(|secret| assert_hidden(secret, &lines, &case["name"].to_string()));
    }
    assert!(looked_for > 200, "{looked_for}");
}

#[test]
fn nothing_of_a_stream_holds_the_key_that_signs_its_checkpoints() {
    let lines = stream();
    assert!(lines.iter().any(|line| line.contains("\"event_code\":\"checkpoint\"")), "{lines:#?}");
    for secret in forms(PRIVATE, &URL_SAFE_NO_PAD.decode(PRIVATE).unwrap()) {
        assert_hidden(&secret, &lines, "the stream");
    }
}
