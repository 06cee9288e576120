//! The README's table of refusals is the table of `src/decision/code.rs`, that of metrics the one of `src/filter/metrics.rs`, and its files exist.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::string_slice, reason = "a test may panic")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use eventguard::decision::Code;
use eventguard::filter::metrics::{METRICS, Metric};

fn readme() -> (std::path::PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&path).unwrap();
    (path, text)
}

/// One at a time: both tables are written into the same file.
static README: Mutex<()> = Mutex::new(());

/// With `EVENTGUARD_UPDATE=1` in the environment the README is written anew.
fn check(what: &str, table: &str) {
    let _alone = README.lock().unwrap();
    let (path, text) = readme();
    let opening = format!("<!-- {what}: held by tests/readme.rs -->\n");
    let start = text.find(&opening).expect("the opening mark") + opening.len();
    let end = text.find(&format!("<!-- /{what} -->")).expect("the closing mark");
    if std::env::var_os("EVENTGUARD_UPDATE").is_some() {
        fs::write(path, format!("{}{table}{}", &text[..start], &text[end..])).unwrap();
        return;
    }
    assert_eq!(&text[start..end], table, "EVENTGUARD_UPDATE=1 cargo test --test readme writes it anew");
}

fn refusals() -> String {
    let mut table = "| code | HTTP | gRPC | when |\n|---|---|---|---|\n".to_owned();
    for code in Code::ALL {
        let (http, grpc) = (code.http_status(), code.grpc_status());
        writeln!(table, "| `{}` | {http} | {grpc} | {} |", code.as_str(), code.when().replace('|', "\\|")).unwrap();
    }
    table
}

fn metrics() -> String {
    let mut table = "| metric | kind | labels | says |\n|---|---|---|---|\n".to_owned();
    for Metric { name, kind, labels, says } in METRICS {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let kind = format!("{kind:?}").to_lowercase();
        writeln!(table, "| `{name}` | {kind} | {} | {says} |", if labels.is_empty() { "-".to_owned() } else { labels.join(" ") })
            .unwrap();
    }
    table
}

#[test]
fn the_table_of_refusals_is_the_one_of_the_code() {
    check("refusals", &refusals());
}

#[test]
fn the_table_of_metrics_is_the_one_of_the_code() {
    check("metrics", &metrics());
}

#[test]
fn codes_are_unique_and_statuses_are_errors() {
    let mut codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), Code::ALL.len());
    assert!(Code::ALL.iter().all(|code| (400..600).contains(&code.http_status()) && (1..=16).contains(&code.grpc_status())));
}

#[test]
fn every_file_that_the_readme_links_exists() {
    let (path, text) = readme();
    for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.contains("://")) {
        assert!(path.with_file_name(link).exists(), "`{link}` does not exist");
    }
}
