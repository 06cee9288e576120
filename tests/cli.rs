//! `check`, `explain` and `test` as a user runs them, on the cases of `tests/cases`.
#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output};
use std::{env, fs};

use eventguard::decision::Code;
use serde_json::{Value, json};

const POLICY: &str = "tests/cases/policy.yaml";
const ADMITTED: &str = "tests/cases/01-a-signed-structured-cloudevent-is-admitted.json";
const BATCH: &str = "tests/cases/42-one-event-of-a-batch-is-of-a-type-nobody-may-publish-here.json";

fn eventguard(arguments: &[&str]) -> Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    Command::new(env!("CARGO_BIN_EXE_eventguard")).args(arguments).current_dir(folder).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn explained(arguments: &[&str]) -> Value {
    let output = eventguard(&[&["explain", "--policy", POLICY, "--json"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A file that is gone when the test is over.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, text: &str) -> Self {
        let path = env::temp_dir().join(format!("eventguard-cli-{}-{name}", process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_policy_in_order_is_summed_up() {
    let [yaml, json] = [POLICY, "tests/cases/policy.json"].map(|policy| eventguard(&["check", policy]));
    assert_eq!((yaml.status.code(), json.status.code()), (Some(0), Some(0)));
    assert!(stdout(&yaml).contains("1 issuer, 4 signers, 11 routes, 8 event rules"), "{}", stdout(&yaml));
    let digest = |output| stdout(output).lines().find(|line| line.starts_with("digest ")).map(str::to_owned);
    assert!(digest(&yaml).is_some());
    assert_eq!(digest(&yaml), digest(&json));
}

#[test]
fn every_error_of_a_policy_is_told_with_its_place() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(POLICY)).unwrap();
    let broken = Temporary::new(
        "broken.yaml",
        &text.replace("issuer: shop, subject: cart", "issuer: shp, subject: cart").replace("depth: 16", "deep: 16"),
    );
    let output = eventguard(&["check", broken.path()]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    for place in ["events[1].publishers[0].issuer: ", "limits.deep: "] {
        assert!(told.contains(place), "{told}");
    }
}

#[test]
fn a_shadow_changes_no_verdict_and_says_what_it_would_have_decided() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(POLICY)).unwrap();
    let shadow = "\nshadow: {mode: observe, limits: {events: 2}, token: {header: x-token}}\n";
    let shadowed = Temporary::new("shadowed.yaml", &(text + shadow));
    let told = |command: &[&str]| eventguard(&[command, &["--policy", shadowed.path()]].concat());
    let tested = told(&["test", "tests/cases"]);
    assert!(tested.status.success(), "{}", stdout(&tested));
    let explained: Value = serde_json::from_slice(&told(&["explain", "--json", ADMITTED]).stdout).unwrap();
    assert_eq!(explained["events"][0]["shadow"], json!({"verdict": "observe", "code": "token.missing"}));
    assert!(stdout(&told(&["explain", ADMITTED])).contains("shadow   observe: token.missing: "));
    assert!(stdout(&eventguard(&["check", shadowed.path()])).contains("shadow in order, mode observe, "));
}

#[test]
fn a_command_that_is_not_one_is_told_apart_from_one_that_fails() {
    for arguments in [&["check"][..], &["chek", POLICY], &["explain", ADMITTED], &["test", "--policy", POLICY]] {
        assert_eq!(eventguard(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(eventguard(&["check", "no such file"]).status.code(), Some(1));
}

#[test]
fn explain_prints_what_a_program_reads() {
    let event = |id: &str, code: Option<&str>, event_type: &str| {
        let verdict = if code.is_some() { "refuse" } else { "admit" };
        json!({"type": event_type, "id": id, "topic": "carts", "verdict": verdict, "code": code})
    };
    let (added, unknown) = ("com.shop.cart.ItemAdded", "rule.unknown-type");
    assert_eq!(
        explained(&[BATCH]),
        json!({
            "verdict": "refuse", "code": unknown, "httpStatus": 403, "grpcStatus": 7, "route": "cloudevents",
            "publisher": "shop/cart-service",
            "events": [event("c-1", None, added), event("c-2", Some(unknown), "com.shop.unknown"), event("c-3", None, added)],
        })
    );
    let admitted = explained(&[ADMITTED]);
    assert_eq!((&admitted["verdict"], &admitted["code"]), (&json!("admit"), &Value::Null));
}

#[test]
fn explain_judges_at_the_time_it_is_given() {
    assert_eq!(explained(&["--now", "2026-11-24T08:00:00Z", ADMITTED])["code"], "token.expired");
    assert_eq!(explained(&["--now", "2025-11-23T08:00:00Z", ADMITTED])["verdict"], "refuse");
}

#[test]
fn explain_tells_a_reader_why() {
    let text = stdout(&eventguard(&["explain", "--policy", POLICY, "--records", BATCH]));
    for word in ["rule.unknown-type", "shop/cart-service", "com.shop.unknown"] {
        assert!(text.contains(word), "{text}");
    }
    let records: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let told: Vec<_> = records
        .iter()
        .map(|record| {
            ["/resources/0/uid", "/unmapped/verdict", "/unmapped/cause", "/actor/idp/name"].map(|at| record.pointer(at))
        })
        .collect();
    assert_eq!(
        json!(told),
        json!([["c-1", "refuse", "call", "shop"], ["c-2", "refuse", "event", "shop"], ["c-3", "refuse", "call", "shop"]])
    );
}

#[test]
fn every_case_gets_the_verdict_that_it_must_get() {
    let output = eventguard(&["test", "--policy", POLICY, "tests/cases"]);
    let text = stdout(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.ends_with(" passed, 0 failed\n"), "{text}");
}

#[test]
fn tokens_of_kubernetes_keycloak_and_rfc_9068_get_the_verdicts_that_they_must_get() {
    let output = eventguard(&["test", "--policy", "tests/cases/tokens/policy.yaml", "tests/cases/tokens"]);
    assert!(output.status.success(), "{}", stdout(&output));
}

#[test]
fn data_of_every_form_gets_the_verdict_that_it_must_get() {
    let output = eventguard(&["test", "--policy", "tests/cases/contracts/policy.yaml", "tests/cases/contracts"]);
    assert!(output.status.success(), "{}", stdout(&output));
}

#[test]
fn calls_one_after_the_other_get_the_verdicts_that_they_must_get() {
    let output = eventguard(&["test", "--policy", "tests/sequences/policy.yaml", "tests/sequences"]);
    assert!(output.status.success(), "{}", stdout(&output));
}

#[test]
fn diff_tells_what_another_policy_would_change() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(POLICY)).unwrap();
    let stricter = Temporary::new("stricter.yaml", &text.replace("topics: [orders]", "topics: [returns]"));
    let same = eventguard(&["diff", POLICY, POLICY, "tests/cases"]);
    assert_eq!(same.status.code(), Some(0));
    assert!(stdout(&same).starts_with("0 of "), "{}", stdout(&same));
    let changed = eventguard(&["diff", POLICY, stricter.path(), ADMITTED]);
    assert_eq!(changed.status.code(), Some(1));
    for line in [
        "admit -> refuse rule.topic",
        "code: null -> \"rule.topic\"",
        "event 0: admit -> refuse rule.topic",
        "1 of 1 calls change",
    ] {
        assert!(stdout(&changed).contains(line), "{}", stdout(&changed));
    }
    let line: Value = serde_json::from_str(&stdout(&eventguard(&["diff", "--json", POLICY, stricter.path(), ADMITTED]))).unwrap();
    assert_eq!((&line["call"], &line["new"]["code"]), (&json!(0), &json!("rule.topic")));
}

#[test]
fn check_warns_of_what_refuses_nothing() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(POLICY)).unwrap();
    let lax = text.replace("mode: enforce", "mode: observe").replace("limits:", "unmatched: pass\nlimits:");
    let lax = Temporary::new("lax.yaml", &lax);
    let told = stdout(&eventguard(&["check", lax.path()]));
    assert!(
        told.contains("warning: mode: the policy only observes")
            && told.contains("warning: unmatched: calls that match no route pass"),
        "{told}"
    );
    let one = text.replace("- type: com.shop.cart.*\n", "- type: com.shop.cart.*\n  mode: observe\n");
    let one = Temporary::new("one.yaml", &one);
    let told = stdout(&eventguard(&["check", one.path()]));
    assert!(told.contains("warning: events[1].mode: the rule `com.shop.cart.*` only observes"), "{told}");
    for (shipped, code, count) in [(POLICY, 0, 0), ("examples/policy.yaml", 1, 1), ("tests/sequences/policy.yaml", 1, 1)] {
        let output = eventguard(&["check", "--strict", shipped]);
        let warnings = stdout(&output).lines().filter(|line| line.starts_with("warning")).count();
        assert_eq!((output.status.code(), warnings), (Some(code), count), "{}", stdout(&output));
    }
}

#[test]
fn what_a_policy_fetches_is_given_as_files_and_never_fetched() {
    let policy = "tests/keysets/policy.yaml";
    let sets: Vec<String> =
        ["shop", "partners", "revoked"].iter().map(|name| format!("--jwks={name}=tests/keysets/sets/{name}.json")).collect();
    let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
    let output = eventguard(&[&["test", "--policy", policy, "tests/keysets"], sets.as_slice()].concat());
    assert!(stdout(&output).ends_with("10 passed, 0 failed\n"), "{}", stdout(&output));

    let one = "tests/keysets/01-a-token-by-a-key-that-is-fetched.json";
    let output = eventguard(&["explain", "--policy", policy, "--json", one]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("nothing is fetched here: `shop` is missing; give it with --jwks shop=FILE"), "{told}");
    assert!(stdout(&output).contains("keys.unavailable"), "{}", stdout(&output));

    let told = stdout(&eventguard(&["check", policy]));
    assert!(told.contains("fetches partners from partners.example/keys through the cluster partners"), "{told}");
    for wrong in ["--jwks=shop", "--jwks=other=tests/keysets/sets/shop.json", "--jwks=shop=tests/keysets/sets/revoked.json"] {
        assert_eq!(eventguard(&["check", policy, wrong]).status.code(), Some(1), "{wrong}");
    }
}

#[test]
fn a_case_file_that_is_none_fails_alone() {
    let good: Value = serde_json::from_slice(&fs::read(ADMITTED).unwrap()).unwrap();
    let changed = |pointer: &str, value: Value| {
        let mut case = good.clone();
        *case.pointer_mut(pointer).unwrap() = value;
        case.to_string()
    };
    for (name, text, expected) in [
        ("text.json", "{nope".to_owned(), "is not a case"),
        ("key.json", json!({"name": "x", "cal": {}}).to_string(), "unknown field `cal`"),
        ("none.json", json!({"name": "x"}).to_string(), "a case has one `call`"),
        ("now.json", changed("/now", json!("today")), "`today`"),
        ("expect.json", changed("/expect", Value::Null), "nothing is expected"),
    ] {
        let wrong = Temporary::new(name, &text);
        let output = eventguard(&["test", "--policy", POLICY, wrong.path(), ADMITTED]);
        let told = stdout(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        let failed: Vec<&str> = told.lines().filter(|line| line.starts_with("FAILED") && line.contains(wrong.path())).collect();
        assert_eq!(failed.len(), 1, "{told}");
        assert!(told.contains(expected) && told.ends_with("1 passed, 1 failed\n"), "{told}");
    }
    let told = stdout(&eventguard(&["test", "--policy", POLICY, "no-such-file.json", ADMITTED]));
    assert!(told.contains("FAILED") && told.contains("cannot be read") && told.ends_with("1 passed, 1 failed\n"), "{told}");
}

#[test]
fn a_case_that_gets_another_verdict_fails_the_test() {
    let case = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(ADMITTED)).unwrap();
    let mut case: Value = serde_json::from_str(&case).unwrap();
    case["expect"] = json!({"verdict": "refuse", "code": "token.expired"});
    let wrong = Temporary::new("wrong.json", &case.to_string());
    let output = eventguard(&["test", "--policy", POLICY, ADMITTED, wrong.path()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).ends_with("1 passed, 1 failed\n"), "{}", stdout(&output));
}

/// What a case cannot say, since it is the proxy's doing, and the tests that reach it: of the exchange, and of the proxy.
const NOT_A_CASE: [(&str, [(&str, &str); 2]); 5] = [
    (
        "source.limited",
        [
            ("src/filter/tests/governor.rs", "fn a_source_over_its_bound_is_refused_without_a_check_until_it_has_waited()"),
            ("tests/envoy/test_costs.py", "def test_a_flood_of_bad_tokens_costs_no_more_checks_than_its_source_may_have("),
        ],
    ),
    (
        "limiter.unavailable",
        [
            ("src/ledger/tests.rs", "fn a_store_that_is_away_grants_nothing()"),
            ("tests/envoy/test_memory.py", "def test_a_table_without_room_is_a_decision_of_the_policy("),
        ],
    ),
    (
        "keys.unavailable",
        [
            ("src/filter/tests/wait.rs", "fn a_call_that_waited_in_vain_is_refused_once()"),
            ("tests/envoy/test_keysets.py", "def test_keys_are_stale_for_so_long_and_no_longer("),
        ],
    ),
    (
        "audit.unavailable",
        [
            ("src/filter/tests/recording.rs", "fn without_its_records_a_call_is_refused_and_recorded_so_and_may_come_again()"),
            ("tests/envoy/test_delivery.py", "def test_without_the_log_cluster_nothing_goes_on_and_it_comes_back("),
        ],
    ),
    (
        "hold.missing",
        [
            ("src/filter/tests.rs", "fn a_missing_hold_is_refused()"),
            ("tests/envoy/test_modes.py", "def test_a_buffer_filter_that_is_missing_is_noticed_and_the_body_does_not_pass("),
        ],
    ),
];

#[test]
fn every_refusal_is_reached_by_a_case_or_by_a_test_that_is_named() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["tests/cases", "tests/cases/tokens", "tests/sequences", "tests/keysets"]
        .map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let files = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    let documents = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let cases = documents.map(|path| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap());
    let steps = cases.flat_map(|case| case["calls"].as_array().cloned().unwrap_or_else(|| vec![case]));
    let reached: BTreeSet<String> = steps.filter_map(|step| step["expect"]["code"].as_str().map(str::to_owned)).collect();
    let missing: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).filter(|code| !reached.contains(*code)).collect();
    assert_eq!(missing, NOT_A_CASE.map(|(code, _)| code));
    for (code, tests) in NOT_A_CASE {
        for (file, test) in tests {
            assert!(fs::read_to_string(root.join(file)).unwrap().contains(test), "{code}: {file} has no `{test}`");
        }
    }
}
