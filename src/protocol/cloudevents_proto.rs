//! CloudEvents in the Protobuf format 1.0.2: `io.cloudevents.v1.CloudEvent` and `CloudEventBatch`. Knows nothing of what the message
//! came in.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::budget::Budget;

use super::attributes::{Attributes, is_core};
use super::{Data, Declared, Event, ProtocolError, collect, malformed, shown};
use crate::protobuf::{Message, Source, Value};

/// `io.cloudevents.v1.CloudEvent`: attributes that have a field of their own.
const REQUIRED: [(u32, &str); 4] = [(1, "id"), (2, "source"), (3, "specversion"), (4, "type")];
const ATTRIBUTES: u32 = 5;
const BINARY_DATA: u32 = 6;
const TEXT_DATA: u32 = 7;
const PROTO_DATA: u32 = 8;

/// `CloudEvent.CloudEventAttributeValue`
const BOOLEAN: u32 = 1;
const INTEGER: u32 = 2;
const STRING: u32 = 3;
const BYTES: u32 = 4;
const URI: u32 = 5;
const URI_REFERENCE: u32 = 6;
const TIMESTAMP: u32 = 7;

/// `io.cloudevents.v1.CloudEventBatch`
pub(super) const EVENTS: u32 = 1;

/// `google.protobuf.Any`
const ANY_TYPE: u32 = 1;
const ANY_VALUE: u32 = 2;

/// The events of a batch.
pub(super) fn batch<'a>(batch: &Message<'a>, topic: Option<&'a str>, budget: &Budget) -> Result<Vec<Event<'a>>, ProtocolError> {
    collect(batch.messages(EVENTS).map(|message| event(message, topic, budget)), budget)
}

/// The event that a message is.
pub(super) fn event<'a>(message: &Message<'a>, topic: Option<&'a str>, budget: &Budget) -> Result<Event<'a>, ProtocolError> {
    let mut attributes = Attributes::up_to(budget.attributes);
    for (number, name) in REQUIRED {
        if let Some(value) = message.text(number) {
            attributes.add(Cow::Borrowed(name), Some(value))?;
        }
    }
    for (name, value) in message.entries(ATTRIBUTES) {
        // Some readers would take this one, others the field.
        if REQUIRED.iter().any(|(_, required)| *required == name) {
            return Err(malformed(format!("the attribute `{name}` stands among the optional ones")));
        }
        let value = if let Some(Value::Message(value)) = value { attribute(&name, value)? } else { None };
        let value = value.ok_or_else(|| malformed(format!("the attribute `{}` has no value that it can have", shown(&name))))?;
        attributes.add(name, Some(value))?;
    }
    let (data, declared) = data(message);
    Ok(Event { declared, ..attributes.event(data, topic)? })
}

/// The canonical string encoding of a value (CloudEvents section "Type System"); `None` where there is none, or none that an
/// attribute of this name has.
fn attribute<'a>(name: &str, value: &Message<'a>) -> Result<Option<Cow<'a, str>>, ProtocolError> {
    if let Some(time) = value.messages(TIMESTAMP).next() {
        return if name == "time" || !is_core(name) { Ok(Some(time.time_text()?)) } else { Ok(None) };
    }
    // A `oneof`: one of these is there, or none.
    let text = [STRING, URI, URI_REFERENCE].into_iter().find_map(|number| value.get(number));
    if text.is_some() || is_core(name) {
        return Ok(text.and_then(Value::text));
    }
    let number = [BOOLEAN, INTEGER].into_iter().find_map(|number| value.get(number));
    let bytes = || value.get(BYTES).map(|_| Cow::Owned(STANDARD.encode(value.bytes(BYTES))));
    Ok(number.and_then(Value::text).or_else(bytes))
}

/// The data, and of what message it is where that is said.
fn data<'a>(message: &Message<'a>) -> (Data<'a>, Declared<'a>) {
    if let Some(any) = message.messages(PROTO_DATA).next() {
        // Where the JSON mapping was read it is that, since the bytes are not known.
        let data = match any.source() {
            Source::Wire(_) => Data::Binary(any.bytes(ANY_VALUE)),
            Source::Json(text) => Data::Json(Cow::Borrowed(text)),
        };
        return (data, Declared::Message(any.text(ANY_TYPE).unwrap_or_default()));
    }
    let data = match message.get(TEXT_DATA) {
        Some(Value::Text(text)) => Data::Text(text.clone()),
        _ if message.get(BINARY_DATA).is_some() => Data::Binary(message.bytes(BINARY_DATA)),
        _ => Data::Absent,
    };
    (data, Declared::Nothing)
}
