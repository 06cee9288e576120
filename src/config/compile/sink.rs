//! What the log cluster speaks, and where batches are posted to. What is wrong is noted, and no policy comes out then.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Environment, Place, Problem, Problems, check_path, describe, header_name, variable};
use crate::call::cut;
use crate::policy::{Compression, Header, HeaderValue, Sink};

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

pub(super) fn sink(name: Option<String>, place: &Place, problems: &mut Problems) -> Sink {
    let Some(name) = name else { return Sink::Otlp };
    Sink::parse(&name).unwrap_or_else(|| {
        unknown(&name, "`otlp`, `otlp-grpc`, `loki`, `elasticsearch`, `ndjson`, `cloudevents`", place, problems);
        Sink::Otlp
    })
}

pub(super) fn compression(name: Option<String>, place: &Place, problems: &mut Problems) -> Compression {
    match name.as_deref() {
        None | Some("none") => Compression::None,
        Some("gzip") => Compression::Gzip,
        Some(name) => {
            unknown(name, "`none` or `gzip`", place, problems);
            Compression::None
        }
    }
}

fn unknown(name: &str, expected: &str, place: &Place, problems: &mut Problems) {
    problems.add(place, Problem::Unknown { found: cut(name, 64).to_owned(), expected: expected.to_owned() });
}

/// The path that batches are posted to.
pub(super) fn path(sink: Sink, path: Option<String>, index: Option<String>, place: &Place, problems: &mut Problems) -> String {
    let is_bulk = sink == Sink::Elasticsearch;
    if index.is_some() != (is_bulk && path.is_none()) {
        let problem = "`sink: elasticsearch` has it, or else a `path`, and no other sink does";
        problems.add(&place.key("index"), Problem::Contradiction(problem));
    }
    let mut path = match (path, index) {
        (Some(path), _) => path,
        (None, Some(index)) => {
            check_index(&index, &place.key("index"), problems);
            format!("/{index}/_bulk")
        }
        (None, None) => sink.path().to_owned(),
    };
    check_path(&path, &place.key("path"), problems);
    if is_bulk {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(SHORT_ANSWER);
    }
    path
}

fn check_index(index: &str, place: &Place, problems: &mut Problems) {
    let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if index.is_empty() || index.starts_with(['-', '_']) || !index.bytes().all(is_fit) {
        let problem = "an index has lower-case letters, digits, `-`, `_` and `.`, and does not start with `-` or `_`";
        problems.add(place, Problem::Contradiction(problem));
    }
}

/// What goes with every batch.
pub(super) fn headers(
    raw: Option<BTreeMap<String, Value>>,
    env: Environment<'_>,
    place: &Place,
    problems: &mut Problems,
) -> Vec<Header> {
    if raw.as_ref().is_some_and(BTreeMap::is_empty) {
        problems.add(place, Problem::Empty);
    }
    let mut headers: Vec<Header> = Vec::new();
    for (name, value) in raw.unwrap_or_default() {
        let place = place.key(&name);
        let Some(text) = text(&value, env, &place, problems) else { continue };
        let Some(name) = header_name(Some(name), "", &place, problems) else { continue };
        // Which text it is may be a secret.
        match HeaderValue::new(text) {
            None => problems.add(&place, Problem::Contradiction("the value is not visible ASCII with blanks between it")),
            Some(_) if OWN.contains(&name.as_str()) || headers.iter().any(|other| other.name == name) => {
                problems.add(&place, Problem::Contradiction("this header is there already, or is not to be chosen"));
            }
            Some(value) => headers.push(Header { name, value }),
        }
    }
    headers
}

/// A text as it is, or the one that a variable of the environment holds.
fn text(value: &Value, env: Environment<'_>, place: &Place, problems: &mut Problems) -> Option<String> {
    let from_environment =
        value.as_object().filter(|members| members.len() == 1).and_then(|members| members.get("env")?.as_str());
    match (value.as_str(), from_environment) {
        (Some(text), _) => Some(text.to_owned()),
        (None, Some(name)) => variable(name, env, &place.key("env"), problems),
        (None, None) => {
            let expected = "a text, or a map with `env` alone".to_owned();
            problems.add(place, Problem::Type { found: describe(value), expected });
            None
        }
    }
}
