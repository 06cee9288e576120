//! What the alert rules, the dashboard and the README name is there: metrics, their labels, codes and verdicts. That the rules fire when
//! they should is for promtool (`make test-alerts`), that Envoy shows the metrics so for `tests/envoy/test_stats.py`.
#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use eventguard::decision::Code;
use eventguard::filter::metrics::{Kind, METRICS, Metric};

const EVERY: [&str; 4] = [
    "envoy/monitoring/alerts.yaml",
    "envoy/monitoring/grafana-dashboard.json",
    "tests/monitoring/alerts.yaml",
    "tests/monitoring/alerts_of_days.yaml",
];

/// Labels that Prometheus and histograms have besides.
const THEIRS: [&str; 4] = ["instance", "job", "le", "__name__"];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The names of metrics in a text, each with what stands behind it.
fn named(text: &str) -> Vec<(&str, &str)> {
    let starts = text.match_indices("eventguard_").map(|(at, _)| at);
    let words = starts.map(|at| text[at..].split_at(text[at..].find(|character| !is_word(character)).unwrap_or(text.len() - at)));
    words.collect()
}

fn metric(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| {
        let rest = name.strip_prefix(metric.name);
        rest == Some("") || metric.kind == Kind::Histogram && matches!(rest, Some("_bucket" | "_sum" | "_count"))
    })
}

/// The matchers between the braces that follow a name: label and values.
fn matchers(behind: &str) -> Vec<(String, Vec<String>)> {
    // In JSON the quotes are escaped.
    let plain = behind.replace("\\\"", "\"");
    let Some(inside) = plain.strip_prefix('{').and_then(|rest| rest.split_once('}')) else { return Vec::new() };
    let mut pieces = inside.0.split('"');
    let mut found = Vec::new();
    while let (Some(label), Some(values)) = (pieces.next(), pieces.next()) {
        let label = label.trim_matches(|character: char| !is_word(character));
        found.push((label.to_owned(), values.split('|').map(str::to_owned).collect()));
    }
    found
}

#[test]
fn every_metric_and_label_that_is_named_exists() {
    for path in EVERY.iter().chain(&["README.md"]) {
        let text = read(path);
        let found = named(&text);
        assert!(found.len() > 3, "{path}");
        for (name, behind) in found {
            let metric = metric(name).unwrap_or_else(|| panic!("{path}: there is no metric `{name}`"));
            for (label, values) in matchers(behind) {
                assert!(metric.labels.contains(&&*label) || THEIRS.contains(&&*label), "{path}: `{name}` has no label `{label}`");
                check_values(path, &label, &values);
            }
        }
    }
}

fn check_values(path: &str, label: &str, values: &[String]) {
    let exists = |value: &String| match label {
        "verdict" => ["admit", "refuse", "observe"].contains(&&**value),
        "code" => value == "none" || Code::ALL.iter().any(|code| code.as_str() == value),
        _ => true,
    };
    let missing: Vec<_> = values.iter().filter(|value| !exists(value)).collect();
    assert!(missing.is_empty(), "{path}: there is no {label} {missing:?}");
}

#[test]
fn what_is_grouped_by_are_labels() {
    let labels: Vec<_> = METRICS.iter().flat_map(|metric| metric.labels).chain(&THEIRS).collect();
    for path in EVERY {
        let text = read(path);
        for group in text.split(" by (").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            for label in group.split(", ") {
                assert!(labels.contains(&&label), "{path}: no metric has the label `{label}`");
            }
        }
    }
}

#[test]
fn the_dashboard_shows_every_metric() {
    let text = read("envoy/monitoring/grafana-dashboard.json");
    let shown: Vec<_> = named(&text).into_iter().filter_map(|(name, _)| metric(name)).map(|metric| metric.name).collect();
    for metric in METRICS {
        assert!(shown.contains(&metric.name), "the dashboard does not show `{}`", metric.name);
    }
}

#[test]
fn panels_have_ids_and_places_of_their_own() {
    let dashboard: serde_json::Value = serde_json::from_str(&read("envoy/monitoring/grafana-dashboard.json")).unwrap();
    let (mut ids, mut cells) = (HashSet::new(), HashSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}: its id is another's", panel["title"]);
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|name| panel["gridPos"][name].as_u64().unwrap());
        let own = (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y)));
        for cell in own {
            assert!(cell.0 < 24 && cells.insert(cell), "{}: something else stands there", panel["title"]);
        }
    }
}

#[test]
fn every_alert_is_seen_to_fire_and_not_to_fire() {
    let rules = read("envoy/monitoring/alerts.yaml");
    let tests = read("tests/monitoring/alerts.yaml") + &read("tests/monitoring/alerts_of_days.yaml");
    let alerts: Vec<_> = rules.split("- alert: ").skip(1).map(|rest| rest.lines().next().unwrap()).collect();
    assert!(alerts.len() > 10);
    for alert in alerts {
        assert!(tests.contains(&format!("- {{alertname: {alert}, eval_time: ")), "no test sees `{alert}` not fire");
        assert!(tests.contains(&format!("- alertname: {alert}\n")), "no test sees `{alert}` fire");
    }
}

#[test]
fn every_manifest_makes_labels_of_all_tags() {
    let mut labels = Vec::new();
    for label in METRICS.iter().flat_map(|metric| metric.labels) {
        if !labels.contains(label) {
            labels.push(*label);
        }
    }
    for path in ["envoy/envoy.yaml", "envoy/envoy-hold-headers.yaml"] {
        let text = read(path);
        for label in &labels {
            let tag = format!(r"- {{tag_name: {label}, regex: '({label}=\.=(.*?);\.;)'}}");
            assert!(text.contains(&tag), "{path}: {tag}");
        }
    }
    let annotation = format!("sidecar.istio.io/extraStatTags: {}", labels.join(","));
    for path in ["envoy/istio-wasmplugin.yaml", "envoy/istio-hold-headers.yaml", "envoy/monitoring/istio-podmonitor.yaml"] {
        assert!(read(path).contains(&annotation), "{path}: {annotation}");
    }
}
