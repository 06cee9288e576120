//! The core under Node: every case of `tests/cases` gets its verdict in V8 too, from the same code, built for a host that gives it
//! neither a clock nor randomness nor I/O. `make test-node`.
#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, unsafe_code, reason = "a test")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventguard::call::{Head, Peer};
use eventguard::config;
use eventguard::crypto::RustCrypto;
use eventguard::decision::{Outcome, Verdict};
use eventguard::identity::TokenCache;
use eventguard::inspect::{self, HeadMeans, Incoming, Means, Opening};
use eventguard::ledger::Memory;
use eventguard::policy::{Hints, Policy};
use eventguard::time::Timestamp;
use serde_json::Value;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_test::wasm_bindgen_test;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");

#[wasm_bindgen(module = "fs")]
extern "C" {
    /// Node's own, for the test: the core has no files.
    #[wasm_bindgen(js_name = readFileSync)]
    fn read_file(path: &str, encoding: &str) -> String;
    #[wasm_bindgen(js_name = readdirSync)]
    fn read_directory(path: &str) -> Vec<String>;
}

fn policy() -> Policy {
    let text = read_file(&format!("{CASES}/policy.json"), "utf8");
    config::from_json(text.as_bytes(), &|_| None).expect("the reference policy")
}

fn judge(policy: &Policy, case: &Value) -> Option<Outcome> {
    let call = &case["call"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut map: Vec<(String, Vec<u8>)> = [(":method", "method"), (":authority", "authority"), (":path", "path")]
        .map(|(pseudo, key)| (pseudo.to_owned(), text(&call[key]).into_bytes()))
        .to_vec();
    let headers = call["headers"].as_array().into_iter().flatten();
    map.extend(headers.map(|header| (text(&header[0]).to_lowercase(), text(&header[1]).into_bytes())));
    let body = match call["bodyBase64"].as_str() {
        Some(encoded) => STANDARD.decode(encoded).expect("base64"),
        None => text(&call["body"]).into_bytes(),
    };
    let now = Timestamp::parse(case["now"].as_str().expect("a time")).expect("a time");
    let peer = Peer::from_uri(text(&call["peer"]));
    let mut tokens = TokenCache::new(8, [7; 16]);
    let head = Head::from_map(map.into_iter().collect()).expect("a head");
    match inspect::head(
        policy,
        Incoming { head, hints: Hints::default(), peer },
        HeadMeans { now, tokens: &mut tokens, crypto: &RustCrypto },
    ) {
        Opening::Unguarded => None,
        Opening::Decided(outcome) => Some(*outcome),
        Opening::Wait(pending) => Some(pending.refuse(policy)),
        Opening::Judge(opened) => {
            Some(inspect::body(policy, &opened, &body, Means { now, crypto: &RustCrypto, store: &Memory::default() }))
        }
    }
}

#[wasm_bindgen_test]
fn every_case_gets_its_verdict_in_v8_too() {
    let policy = policy();
    let names: Vec<String> =
        read_directory(CASES).into_iter().filter(|name| name.ends_with(".json") && name != "policy.json").collect();
    assert!(names.len() > 40, "{} cases", names.len());
    for name in names {
        let case: Value = serde_json::from_str(&read_file(&format!("{CASES}/{name}"), "utf8")).expect("a case");
        let outcome = judge(&policy, &case);
        let verdict = outcome.as_ref().map_or(Verdict::Admit, |outcome| outcome.verdict);
        assert_eq!(Some(verdict.as_str()), case["expect"]["verdict"].as_str(), "{name}");
        let code = outcome.and_then(|outcome| outcome.refusal).map(|refusal| refusal.code().as_str());
        assert_eq!(code, case["expect"]["code"].as_str(), "{name}");
    }
}
