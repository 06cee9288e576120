//! Policy text into a compiled policy, or every error with its place. JSON, a serialized `google.protobuf.Struct` and (on the command
//! line) YAML become one and the same document first. Trusts whoever writes policies, but for slips; knows nothing of calls.

mod compile;
mod error;
pub mod protostruct;
mod raw;
mod read;
#[cfg(feature = "cli")]
mod schema;
#[cfg(test)]
mod tests;
mod tracked;
mod units;

use std::borrow::Cow;

use prost::Message as _;
use serde_json::{Number, Value};

pub use error::{ConfigError, Place, Problem};
#[cfg(feature = "cli")]
pub use schema::json_schema;

use crate::crypto::sha256;
use crate::json::{Document, sort};
use crate::policy::Policy;

/// Levels of nesting in a policy document; the deepest that means something is 7.
const DEPTH: usize = 32;

/// Compiles a document written as JSON. `env` looks up the environment variables that secrets may come from.
///
/// # Errors
///
/// Everything that is wrong with it.
pub fn from_json(text: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Result<Policy, Vec<ConfigError>> {
    let strict = Document::parse(text, DEPTH);
    strict.map_err(|error| no_document(error.to_string()))?;
    let value = serde_json::from_slice(text).map_err(|error| no_document(error.to_string()))?;
    from_value(value, env)
}

/// Compiles a document written as YAML 1.2.
///
/// # Errors
///
/// Everything that is wrong with it.
#[cfg(feature = "cli")]
pub fn from_yaml(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Policy, Vec<ConfigError>> {
    let options = serde_saphyr::options! {
        // `no` and `on` are texts, as they are in JSON.
        strict_booleans: true,
        // A key that another one brings along is not seen by who reads the policy.
        merge_keys: serde_saphyr::MergeKeyPolicy::Error,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
    };
    let value = serde_saphyr::from_str_with_options(text, options).map_err(|error| no_document(error.to_string()))?;
    from_value(value, env)
}

/// Compiles the configuration that a proxy hands to its plugin: JSON, or a serialized `google.protobuf.Struct`.
///
/// # Errors
///
/// Everything that is wrong with it.
pub fn from_plugin_configuration(bytes: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Result<Policy, Vec<ConfigError>> {
    let text = bytes.trim_ascii_start();
    match text.first() {
        None => Err(vec![ConfigError { place: Place::default(), problem: Problem::NoDocument }]),
        Some(b'{') if !bytes.contains(&protostruct::VALUE_TAG) => from_json(text, env),
        Some(_) => {
            let message = protostruct::Struct::decode(bytes)
                .map_err(|_| no_document("neither JSON nor a google.protobuf.Struct".to_owned()))?;
            from_value(message.into_json(), env)
        }
    }
}

/// Compiles a document.
///
/// # Errors
///
/// Everything that is wrong with it.
pub fn from_value(mut document: Value, env: &dyn Fn(&str) -> Option<String>) -> Result<Policy, Vec<ConfigError>> {
    if !is_within(&document, DEPTH) {
        return Err(no_document(format!("nested deeper than {DEPTH} levels")));
    }
    make_canonical(&mut document);
    compile::compile(&document, env)
}

fn no_document(problem: String) -> Vec<ConfigError> {
    vec![ConfigError { place: Place::default(), problem: Problem::NotADocument(problem) }]
}

/// Whether a value has so many levels of nesting at most; what follows goes down level by level.
fn is_within(value: &Value, depth: usize) -> bool {
    let Some(inside) = depth.checked_sub(1) else { return !(value.is_array() || value.is_object()) };
    match value {
        Value::Array(items) => items.iter().all(|item| is_within(item, inside)),
        Value::Object(members) => members.values().all(|member| is_within(member, inside)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// In a `google.protobuf.Struct`, and in the JSON that is made from one, every number is a double: `20` and `20.0` are the same.
fn make_canonical(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(integer) = number.as_f64().filter(|_| number.is_f64()).and_then(to_integer) {
                *number = integer;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_canonical),
        Value::Object(members) => members.values_mut().for_each(make_canonical),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The integer that a double is, below 2^53, where doubles are still exact. Its significand (IEEE 754 binary64) is that integer,
/// shifted, so that neither `as` nor the formatting of floating point, 25 KB of the module, is needed.
fn to_integer(double: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    const SIGNIFICAND: u64 = (1 << 52) - 1;
    if double.fract() != 0.0 || double.abs() >= EXACT {
        return None;
    }
    let bits = double.abs().to_bits();
    let integer = match (bits >> 52).checked_sub(1023) {
        Some(exponent) => ((bits & SIGNIFICAND) | (SIGNIFICAND + 1)) >> 52_u64.saturating_sub(exponent),
        None => 0,
    };
    let integer = i64::try_from(integer).ok()?;
    Some(Number::from(if double < 0.0 { -integer } else { integer }))
}

/// As JSON text with the keys of each map in order.
fn write_in_order(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let keys = sort(members.keys().map(|key| (Cow::Borrowed(key.as_str()), 0)));
            write_list(
                text,
                '{',
                '}',
                keys.iter().filter_map(|(key, _)| members.get_key_value(key.as_ref())),
                |(key, value), text| {
                    *text += &Value::from(key.as_str()).to_string();
                    text.push(':');
                    write_in_order(value, text);
                },
            );
        }
        Value::Array(items) => write_list(text, '[', ']', items.iter(), write_in_order),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => *text += &scalar.to_string(),
    }
}

fn write_list<T>(text: &mut String, open: char, close: char, items: impl Iterator<Item = T>, write: impl Fn(T, &mut String)) {
    text.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(item, text);
    }
    text.push(close);
}

/// Of the document's JSON text with the keys of each map in order, so that how it was written does not matter.
fn digest(document: &Value) -> String {
    let mut text = String::new();
    write_in_order(document, &mut text);
    sha256(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
