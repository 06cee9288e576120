//! A value into a raw type, or all that keeps it from being one. Reading stops at the first value of a wrong type; it is then taken
//! out and reading starts again, so that the others are found too.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{Place, Problem, Problems};
use super::tracked::{Failure, Segment, deserialize};
use crate::call::cut;

/// What becomes of keys that mean nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnknownKeys {
    Note,
    Ignore,
}

/// Reads a map. `None` where the value is none; a value inside that is of a wrong type is noted, and left out of what comes back.
pub(super) fn read<T: DeserializeOwned>(
    value: &Value,
    unknown: UnknownKeys,
    place: &Place,
    problems: &mut Problems,
) -> Option<T> {
    if !value.is_object() {
        let expected = "a map".to_owned();
        problems.add_unread(place.clone(), Problem::Type { found: describe(value), expected });
        return None;
    }
    let (raw, ignored) = match deserialize(value) {
        Ok(read) => read,
        Err(failure) => read_around(value.clone(), failure, place, problems)?,
    };
    if unknown == UnknownKeys::Note {
        note_unknown(&ignored, place, problems);
    }
    Some(raw)
}

/// Takes out what fails, again and again. Each round takes one value out of the copy, so there are no more rounds than values.
fn read_around<T: DeserializeOwned>(
    mut value: Value,
    mut failure: Failure,
    place: &Place,
    problems: &mut Problems,
) -> Option<(T, Vec<Vec<Segment>>)> {
    loop {
        let path = note_failure(&value, &failure, place, problems);
        take_out(&mut value, path)?;
        match deserialize(&value) {
            Ok(read) => return Some(read),
            Err(next) => failure = next,
        }
    }
}

fn note_unknown(ignored: &[Vec<Segment>], place: &Place, problems: &mut Problems) {
    for path in ignored {
        problems.add(&locate(place, path), Problem::UnknownKey);
    }
}

fn locate(place: &Place, path: &[Segment]) -> Place {
    path.iter().fold(place.clone(), |place, segment| match segment {
        Segment::Item(index) => place.index(*index),
        Segment::Member(key) => place.key(key),
    })
}

fn child<'v>(value: &'v Value, segment: &Segment) -> Option<&'v Value> {
    match segment {
        Segment::Item(index) => value.get(*index),
        Segment::Member(key) => value.get(key),
    }
}

/// Takes the value of the last key on the path out of its map: an item alone would move those behind it. `None` where there is no
/// such key.
fn take_out(value: &mut Value, path: &[Segment]) -> Option<()> {
    let last = path.iter().rposition(|segment| matches!(segment, Segment::Member(_)))?;
    let (parents, rest) = path.split_at_checked(last)?;
    let mut map = value;
    for segment in parents {
        map = match segment {
            Segment::Item(index) => map.get_mut(*index)?,
            Segment::Member(key) => map.get_mut(key)?,
        };
    }
    match rest.first()? {
        Segment::Member(key) => map.as_object_mut()?.remove(key).map(|_| ()),
        Segment::Item(_) => None,
    }
}

/// In our own words: serde's message quotes the value, which may be a secret that stands where it does not belong. What comes back is
/// the path to what cannot be read.
fn note_failure<'f>(value: &Value, failure: &'f Failure, place: &Place, problems: &mut Problems) -> &'f [Segment] {
    let at = locate(place, &failure.at);
    let Some(found) = failure.at.iter().try_fold(value, child) else {
        problems.add(&at, Problem::Missing);
        return failure.at.split_last().map_or(&[], |(_, container)| container);
    };
    let expected = failure.message.rsplit_once(", expected ").map_or("something else", |(_, expected)| expected);
    let problem = match found.as_str().filter(|_| failure.message.starts_with("unknown variant")) {
        Some(text) => {
            let expected = expected.strip_prefix("one of ").unwrap_or(expected).to_owned();
            Problem::Unknown { found: cut(text, 64).to_owned(), expected }
        }
        None => Problem::Type { found: describe(found), expected: describe_expected(expected).to_owned() },
    };
    problems.add_unread(at, problem);
    &failure.at
}

pub(super) fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "`true` or `false`",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// Serde's names for types in the words of the document.
fn describe_expected(expected: &str) -> &str {
    match expected {
        "a string" => "a text",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "u32" | "u64" => "a whole number from 0 on",
        other => other,
    }
}

/// A part of a policy, as far as it matters to what `null` means there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Policy,
    Schemas,
    Events,
    Contract,
    /// A schema, in which `null` is a value like others.
    Schema,
    Other,
}

impl Part {
    fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Policy, "schemas") => Self::Schemas,
            (Self::Policy, "events") => Self::Events,
            (Self::Policy, "shadow") => Self::Policy,
            (Self::Events, "schema") => Self::Contract,
            (Self::Contract, "json" | "avro") | (Self::Schemas, _) => Self::Schema,
            _ => Self::Other,
        }
    }
}

/// Notes every key without a value. It is a slip: in YAML, `signature:` with its map forgotten would otherwise ask for none.
pub(super) fn note_nulls(value: &Value, part: Part, place: &Place, problems: &mut Problems) {
    match value {
        Value::Null => problems.add_unread(place.clone(), Problem::Null),
        Value::Array(_) | Value::Object(_) if part == Part::Schema => {}
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| note_nulls(item, part, &place.index(index), problems));
        }
        Value::Object(members) => {
            members.iter().for_each(|(key, member)| note_nulls(member, part.below(key), &place.key(key), problems));
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether there is a key without a value: the places are needed only then.
pub(super) fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
