//! Kafka REST, the produce calls of v2 and v3 (Confluent REST Proxy), into events: the value of each record is a CloudEvent, or
//! its headers make one of it (CloudEvents "Kafka Protocol Binding"). The topic is the route's.

use std::borrow::Cow;

use crate::budget::Budget;
use crate::call::Head;
use crate::json::{Document, Kind, Sequence, Value};

use super::binding::{Binding, Mode, Pair};
use super::cloudevents::{base64_text, event, event_of_text};
use super::media::{MediaType, unsupported};
use super::{Data, Declared, Event, Form, ProtocolError, collect, malformed, members, shown};

const PREFIX: &str = "ce_";

/// The version and the embedded format of a call.
pub(super) fn form(head: &Head) -> Result<Form, ProtocolError> {
    let (media, text) = MediaType::of(head)?.ok_or_else(|| unsupported(""))?;
    // What is written by a schema stands in the call in the JSON encoding of Avro or Protocol Buffers.
    let by_schema = ["vnd.kafka.avro.v2+json", "vnd.kafka.jsonschema.v2+json", "vnd.kafka.protobuf.v2+json"];
    let form = if media.is_application("vnd.kafka.json.v2+json") || by_schema.iter().any(|subtype| media.is_application(subtype))
    {
        Form::KafkaV2Json
    } else if media.is_application("vnd.kafka.binary.v2+json") {
        Form::KafkaV2Binary
    } else if media.is_application("json") {
        Form::KafkaV3
    } else {
        return Err(unsupported(text));
    };
    if media.is_utf8() { Ok(form) } else { Err(unsupported(text)) }
}

/// v2 with values that are events.
pub(super) fn v2_json<'a>(content: &'a [u8], topic: Option<&'a str>, budget: &Budget) -> Result<Vec<Event<'a>>, ProtocolError> {
    let document = Document::parse(content, budget.depth)?;
    let said = declared(document.root(), ["value_schema_id", "value_schema"])?;
    let events = v2_values(document.root())?.map(|value| Ok(Event { declared: said.clone(), ..event(value?, topic, budget)? }));
    collect(events, budget)
}

/// v2 with values that are the base64 of an event's text.
pub(super) fn v2_binary<'a>(content: &'a [u8], topic: Option<&'a str>, budget: &Budget) -> Result<Vec<Event<'a>>, ProtocolError> {
    let document = Document::parse(content, budget.depth)?;
    let events = v2_values(document.root())?.map(|value| event_of_text(&base64_text(value?, "value")?, topic, budget));
    collect(events, budget)
}

/// The schema that values are said to be written by: its id, or itself.
fn declared(object: Value<'_, '_>, [id, text]: [&str; 2]) -> Result<Declared<'static>, ProtocolError> {
    let member = |name| object.get(name).filter(|value| value.kind() != Kind::Null);
    match (member(id), member(text)) {
        (None, None) => Ok(Declared::Nothing),
        (Some(found), None) => {
            let found = found.raw().parse().map_err(|_| malformed(format!("`{id}` is not the id of a schema")))?;
            Ok(Declared::Id(found))
        }
        (None, Some(_)) => Ok(Declared::Inline),
        (Some(_), Some(_)) => Err(malformed(format!("both `{id}` and `{text}`"))),
    }
}

/// `{"records": [{"key", "value", "partition"}...], "value_schema_id" or "value_schema", "key_schema_id" or "key_schema"}`
fn v2_values<'d, 'a>(root: Value<'d, 'a>) -> Result<impl Iterator<Item = Result<Value<'d, 'a>, ProtocolError>>, ProtocolError> {
    let names = ["value_schema_id", "value_schema", "key_schema_id", "key_schema", "records"];
    let [_, _, _, _, records] = members(root, "a produce call", names)?;
    let records = records.and_then(Value::items).ok_or_else(|| malformed("`records` is not an array"))?;
    Ok(records.map(|record| {
        let [_, _, value] = members(record, "a record", ["key", "partition", "value"])?;
        value.ok_or_else(|| malformed("a record without `value`"))
    }))
}

/// v3: one record, or several one behind the other.
pub(super) fn v3<'a>(content: &'a [u8], topic: Option<&'a str>, budget: &Budget) -> Result<Vec<Event<'a>>, ProtocolError> {
    let records = Sequence::over(content, budget.depth)?;
    collect(records.map(|record| v3_record(record?.root(), topic, budget)), budget)
}

/// `{"partition_id", "timestamp", "headers": [{"name", "value"}...], "key", "value": {"type", "data"}}`
fn v3_record<'a>(record: Value<'_, 'a>, topic: Option<&'a str>, budget: &Budget) -> Result<Event<'a>, ProtocolError> {
    let [_, _, _, headers, value] = members(record, "a record", ["partition_id", "timestamp", "key", "headers", "value"])?;
    let binding = match headers.filter(|headers| headers.kind() != Kind::Null) {
        Some(headers) => v3_headers(headers, budget)?,
        None => Binding::new(PREFIX, None),
    };
    let data = value.map_or(Ok(Data::Absent), v3_data)?;
    let declared = value.map_or(Ok(Declared::Nothing), |value| declared(value, ["schema_id", "schema"]))?;
    let event = match binding.mode()? {
        Mode::Binary => binding.event(data, topic, budget)?,
        Mode::Structured | Mode::Unsaid => {
            let event = v3_event(value, &data, topic, budget)?;
            binding.agree_with(&event)?;
            event
        }
    };
    Ok(Event { declared, ..event })
}

/// Kafka headers are bytes, so their values are in base64; the binding's are UTF-8 without further encoding (section 3.2.3).
fn v3_headers<'a>(headers: Value<'_, 'a>, budget: &Budget) -> Result<Binding<'a>, ProtocolError> {
    let headers = headers.items().ok_or_else(|| malformed("`headers` is not an array"))?;
    Binding::from_pairs(PREFIX, headers.filter_map(|header| v3_header(header).transpose()), budget)
}

/// The name and the value of a header, `None` for one that is not the binding's.
fn v3_header<'a>(header: Value<'_, 'a>) -> Result<Option<Pair<'a>>, ProtocolError> {
    let [name, value] = members(header, "a header", ["name", "value"])?;
    let name = name.and_then(Value::as_str).ok_or_else(|| malformed("the `name` of a header is not a string"))?;
    if !is_ours(&name) {
        return Ok(None);
    }
    let value = value.map_or(Ok(Vec::new()), |value| base64_text(value, "value"))?;
    let value = String::from_utf8(value).map_err(|_| malformed(format!("the header `{}` is not text", shown(&name))))?;
    Ok(Some((name, Cow::Owned(value))))
}

/// Whether a header may be one of the binding's, whatever its case: only those must be text.
fn is_ours(name: &str) -> bool {
    let starts = name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
    starts || name.eq_ignore_ascii_case("content-type")
}

/// `{"type": "JSON" | "STRING" | "BINARY", "data"}`, or `{"type": "AVRO" | "JSONSCHEMA" | "PROTOBUF", "data", "schema_id" or "schema"}`; no
/// data is a record without a value. A schema that is named by its version in a subject is refused, since the policy cannot know it.
fn v3_data<'a>(value: Value<'_, 'a>) -> Result<Data<'a>, ProtocolError> {
    if value.kind() == Kind::Null {
        return Ok(Data::Absent);
    }
    let [format, data, _, _] = members(value, "`value`", ["type", "data", "schema_id", "schema"])?;
    let format = format.and_then(Value::as_str).ok_or_else(|| malformed("the `type` of a value is not a string"))?;
    let data = data.filter(|data| data.kind() != Kind::Null);
    let by_schema = matches!(format.as_ref(), "AVRO" | "JSONSCHEMA" | "PROTOBUF");
    if by_schema && declared(value, ["schema_id", "schema"])? == Declared::Nothing {
        return Err(malformed("a value that is written by a schema does not say which"));
    }
    match (format.as_ref(), data) {
        ("JSON" | "STRING" | "BINARY" | "AVRO" | "JSONSCHEMA" | "PROTOBUF", None) => Ok(Data::Absent),
        ("JSON" | "AVRO" | "JSONSCHEMA" | "PROTOBUF", Some(data)) => Ok(Data::Json(Cow::Borrowed(data.raw()))),
        ("STRING", Some(data)) => data.as_str().map(Data::Text).ok_or_else(|| malformed("`data` is not a string")),
        ("BINARY", Some(data)) => Ok(Data::Binary(Cow::Owned(base64_text(data, "data")?))),
        (format, _) => Err(malformed(format!("values of the type `{}` are not read here", shown(format)))),
    }
}

/// The event that a value is: a JSON value where it stands, a string or bytes after being read as JSON.
fn v3_event<'a>(
    value: Option<Value<'_, 'a>>,
    data: &Data<'a>,
    topic: Option<&'a str>,
    budget: &Budget,
) -> Result<Event<'a>, ProtocolError> {
    match (data, value.and_then(|value| value.get("data"))) {
        (Data::Json(_), Some(value)) => event(value, topic, budget),
        (Data::Json(_) | Data::Text(_) | Data::Binary(_), _) => event_of_text(data.bytes(), topic, budget),
        (Data::Absent, _) => Err(malformed("a record without a value")),
    }
}
