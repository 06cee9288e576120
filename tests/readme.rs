//! The README's table of refusals is the table of `src/decision.rs`, and its files and commands exist.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::string_slice, reason = "a test may panic")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use eventguard::decision::Code;

const OPENING: &str = "<!-- refusals: held by tests/readme.rs -->\n";
const CLOSING: &str = "<!-- /refusals -->";

fn readme() -> (std::path::PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&path).unwrap();
    (path, text)
}

fn table() -> String {
    let mut table = "| code | HTTP | gRPC | when |\n|---|---|---|---|\n".to_owned();
    for code in Code::ALL {
        let (http, grpc) = (code.http_status(), code.grpc_status());
        writeln!(table, "| `{}` | {http} | {grpc} | {} |", code.as_str(), code.when().replace('|', "\\|")).unwrap();
    }
    table
}

/// With `EVENTGUARD_UPDATE=1` in the environment the README is written anew.
#[test]
fn the_table_of_refusals_is_the_one_of_the_code() {
    let (path, text) = readme();
    let start = text.find(OPENING).expect("the opening mark") + OPENING.len();
    let end = text.find(CLOSING).expect("the closing mark");
    if std::env::var_os("EVENTGUARD_UPDATE").is_some() {
        fs::write(path, format!("{}{}{}", &text[..start], table(), &text[end..])).unwrap();
        return;
    }
    assert_eq!(&text[start..end], table(), "EVENTGUARD_UPDATE=1 cargo test --test readme writes it anew");
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
