//! Protocol Buffers messages by their descriptors, strictly: what decoders in use would pass over, or take the last of, is refused.
//! One decoder for the messages that are known here and for those that a policy describes; the wire's form and the JSON mapping
//! become the same value. Trusts nothing of the bytes; knows nothing of what the fields mean.

mod descriptor;
mod error;
mod json;
pub(crate) mod known;
mod limits;
mod schema;
#[cfg(test)]
mod tests;
mod wire;

use std::borrow::Cow;

use crate::json::repeated;
use crate::time::Timestamp;

pub(crate) use descriptor::Numbers;
pub use descriptor::{DescriptorError, Descriptors};
pub use error::{MessageError, Problem};
use error::{malformed, too_many, wrong_type};
pub(crate) use limits::Limits;
use limits::{Room, Spent};
pub use schema::UnknownFields;
pub(crate) use schema::{Any, Field, Kind, Label, Schema};
use schema::{EnumType, JsonForm, MessageType};
pub(crate) use wire::raw_fields;

/// A message as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Message<'a> {
    source: Source<'a>,
    /// Numbers and values, each of the kind that the descriptor says, in the order in which they stood. Repeated numbers are left
    /// out: nobody asks for them.
    fields: Vec<(u32, Value<'a>)>,
}

/// The bytes that a message was written as.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    Wire(&'a [u8]),
    Json(&'a str),
}

/// The value of a field, or of one item of a repeated field.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    /// A `float` or `double`, which nobody asks for.
    Fraction,
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Message(Message<'a>),
}

impl<'a> Message<'a> {
    /// The value of a field, the first where it is repeated.
    pub(crate) fn get(&self, number: u32) -> Option<&Value<'a>> {
        self.fields.iter().find(|(found, _)| *found == number).map(|(_, value)| value)
    }

    /// A `string` or what is written like one. Empty is as absent: without `optional` both are the same on the wire.
    pub(crate) fn text(&self, number: u32) -> Option<Cow<'a, str>> {
        self.get(number).and_then(Value::text).filter(|text| !text.is_empty())
    }

    /// `bytes`, empty where they are absent.
    pub(crate) fn bytes(&self, number: u32) -> Cow<'a, [u8]> {
        if let Some(Value::Bytes(bytes)) = self.get(number) { bytes.clone() } else { Cow::Borrowed(&[]) }
    }

    /// A truth value, false where it is absent.
    pub(crate) fn is(&self, number: u32) -> bool {
        matches!(self.get(number), Some(Value::Bool(true)))
    }

    /// An integer with a sign.
    pub(crate) fn integer(&self, number: u32) -> Option<i64> {
        if let Some(Value::Signed(value)) = self.get(number) { Some(*value) } else { None }
    }

    /// The messages of a field, which may be repeated.
    pub(crate) fn messages(&self, number: u32) -> impl Iterator<Item = &Message<'a>> {
        let values = self.fields.iter().filter(move |(found, _)| *found == number);
        values.filter_map(|(_, value)| if let Value::Message(message) = value { Some(message) } else { None })
    }

    /// The keys and values of a map.
    pub(crate) fn entries(&self, number: u32) -> impl Iterator<Item = (Cow<'a, str>, Option<&Value<'a>>)> {
        self.messages(number).map(|entry| (entry.text(1).unwrap_or_default(), entry.get(2)))
    }

    /// The bytes that it was written as.
    pub(crate) fn source(&self) -> Source<'a> {
        self.source
    }

    /// A `google.protobuf.Timestamp` in RFC 3339, as its JSON mapping has it.
    pub(crate) fn time_text(&self) -> Result<Cow<'a, str>, MessageError> {
        if let Some(Value::Text(text)) = self.get(JSON_TEXT) {
            return Ok(text.clone());
        }
        let [seconds, nanos] = [1, 2].map(|number| self.integer(number).unwrap_or(0));
        let time = Timestamp::from_unix_seconds(seconds).filter(|_| (0..1_000_000_000).contains(&nanos));
        let mut text = time.ok_or_else(|| malformed("a time of a message is out of range"))?.to_seconds_text();
        if nanos == 0 {
            return Ok(Cow::Owned(text));
        }
        text.pop();
        Ok(Cow::Owned(match (nanos % 1_000_000, nanos % 1_000) {
            (0, _) => format!("{text}.{:03}Z", nanos / 1_000_000),
            (_, 0) => format!("{text}.{:06}Z", nanos / 1_000),
            (_, _) => format!("{text}.{nanos:09}Z"),
        }))
    }
}

/// What keeps the text of a message whose JSON mapping is a string: a number that no field has.
const JSON_TEXT: u32 = 0;

impl<'a> Value<'a> {
    /// A string, or a number or truth value as the JSON mapping of a map's key writes it.
    pub(crate) fn text(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Signed(number) => Some(Cow::Owned(number.to_string())),
            Self::Unsigned(number) => Some(Cow::Owned(number.to_string())),
            Self::Bool(value) => Some(Cow::Borrowed(if *value { "true" } else { "false" })),
            Self::Fraction | Self::Bytes(_) | Self::Message(_) => None,
        }
    }
}

/// Refuses a message that lacks a required field, or has the same key of a map twice, of which others take the last.
fn check_whole<'a>(fields: &[(u32, Value<'a>)], message: &MessageType) -> Result<(), MessageError> {
    let is_there = |number| fields.iter().any(|(found, _)| *found == number);
    if let Some(lacking) = message.fields.iter().find(|field| field.required && !is_there(field.number)) {
        return Err(malformed(format!("`{}` lacks the field `{}`", message.name, lacking.name)));
    }
    for map in message.fields.iter().filter(|field| field.label == Label::Map) {
        let entries = fields.iter().filter(|(number, _)| *number == map.number).map(|(_, entry)| entry);
        let key = |entry: &Value<'a>| if let Value::Message(entry) = entry { entry.text(1) } else { None };
        let keys: Vec<Cow<'_, str>> = entries.map(|entry| key(entry).unwrap_or_default()).collect();
        if repeated(&mut keys.iter().map(AsRef::as_ref)).is_some() {
            return Err(malformed(format!("a key of `{}` is there twice", map.name)));
        }
    }
    Ok(())
}

/// Notes that a field is there, or the `oneof` that it is of.
fn see(field: &Field, slot: u32, seen: &mut Vec<u32>) -> Result<(), MessageError> {
    if seen.contains(&slot) {
        return Err(malformed(format!("the field `{}` is there twice, or another of its `oneof` is", field.name)));
    }
    seen.push(slot);
    Ok(())
}
