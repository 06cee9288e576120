//! What the log cluster speaks, and where batches are posted to.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Environment, Place, Problem, Problems, describe, header_name, raw, variable};
use crate::policy::{Header, HeaderValue, Sink};

/// What eventguard says of every batch itself, or what is of a connection and not of a message (RFC 9110 section 7.6.1).
const OWN: [&str; 10] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "grpc-encoding",
    "host",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// What is to be in an answer of Elasticsearch: without it each record would take some hundred bytes there.
const SHORT_ANSWER: &str = "filter_path=errors,items.*.status";

pub(super) const fn sink(raw: Option<raw::Sink>) -> Sink {
    match raw {
        None | Some(raw::Sink::Otlp) => Sink::Otlp,
        Some(raw::Sink::OtlpGrpc) => Sink::OtlpGrpc,
        Some(raw::Sink::Loki) => Sink::Loki,
        Some(raw::Sink::Elasticsearch) => Sink::Elasticsearch,
        Some(raw::Sink::Ndjson) => Sink::Ndjson,
        Some(raw::Sink::CloudEvents) => Sink::CloudEvents,
    }
}

/// The path that batches are posted to.
pub(super) fn path(
    sink: Sink,
    path: Option<String>,
    index: Option<String>,
    place: &Place,
    problems: &mut Problems,
) -> Option<String> {
    let path = path.map(|path| checked_path(path, &place.key("path"), problems));
    let place_of_index = place.key("index");
    match (sink, index, path) {
        (Sink::Elasticsearch, Some(index), None) => {
            checked_index(&index, &place_of_index, problems)?;
            Some(with_short_answer(format!("/{index}{}", sink.path())))
        }
        (Sink::Elasticsearch, None, Some(path)) => path.map(with_short_answer),
        (Sink::Elasticsearch, _, _) => problems.wrong(place, Problem::ExactlyOne("`index` and `path`")),
        (_, Some(_), _) => {
            problems.wrong(&place_of_index, Problem::Contradiction("it means something only with `sink: elasticsearch`"))
        }
        (_, None, path) => path.unwrap_or_else(|| Some(sink.path().to_owned())),
    }
}

fn checked_path(path: String, place: &Place, problems: &mut Problems) -> Option<String> {
    if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(path);
    }
    problems.wrong(place, Problem::Value("a path starts with `/` and has no white space".to_owned()))
}

fn checked_index(index: &str, place: &Place, problems: &mut Problems) -> Option<()> {
    let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if index.bytes().all(is_fit)
        && index.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '.')
        && index.len() <= 255
    {
        return Some(());
    }
    let problem = "the name of an index has lower-case letters, digits, `-`, `_` and `.`, and does not start with `-` or `_`";
    problems.wrong(place, Problem::Value(problem.to_owned()))
}

fn with_short_answer(path: String) -> String {
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}{SHORT_ANSWER}")
}

/// What goes with every batch.
pub(super) fn headers(
    raw: Option<BTreeMap<String, Value>>,
    env: Environment<'_>,
    place: &Place,
    problems: &mut Problems,
) -> Option<Vec<Header>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    if raw.is_empty() {
        problems.add(place, Problem::Empty);
    }
    let mut headers: Vec<Option<Header>> = Vec::new();
    for (name, value) in &raw {
        let here = place.key(name);
        let header = header(name, value, env, &here, problems);
        if headers.iter().flatten().any(|other| header.as_ref().is_some_and(|header| header.name == other.name)) {
            problems.add(&here, Problem::Contradiction("another key names the same header"));
        }
        headers.push(header);
    }
    headers.into_iter().collect()
}

fn header(name: &str, value: &Value, env: Environment<'_>, place: &Place, problems: &mut Problems) -> Option<Header> {
    let value = header_value(value, env, place, problems);
    let name = header_name(Some(name.to_owned()), "", place, problems)?;
    if OWN.contains(&name.as_str()) {
        return problems.wrong(place, Problem::Contradiction("this header is not to be chosen"));
    }
    Some(Header { name, value: value? })
}

fn header_value(value: &Value, env: Environment<'_>, place: &Place, problems: &mut Problems) -> Option<HeaderValue> {
    let expected = || "a text, or a map with `env` alone".to_owned();
    let from_environment =
        value.as_object().filter(|members| members.len() == 1).and_then(|members| members.get("env")?.as_str());
    let (text, place) = match (value.as_str(), from_environment) {
        (Some(text), _) => (text.to_owned(), place.clone()),
        (None, Some(name)) => {
            let place = place.key("env");
            (variable(name, env, &place, problems)?, place)
        }
        (None, None) => return problems.wrong(place, Problem::Type { found: describe(value), expected: expected() }),
    };
    // Which text it is may be a secret.
    let unfit = || Problem::Value("not the value of a header: visible characters of ASCII, and blanks between them".to_owned());
    HeaderValue::new(text).or_else(|| problems.wrong(&place, unfit()))
}
