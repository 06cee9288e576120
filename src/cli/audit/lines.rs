//! OTLP log records into lines: records as they were sent, or a table for the eye. Trusts nothing in them.

use std::borrow::Cow;

use eventguard::audit::form::otlp;
use eventguard::audit::{FILTER_STATE, Text};
use eventguard::time::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::{Map, Value};

use super::shown::Shown;

/// How a record is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON document a line
    #[default]
    Ndjson,
    /// One line of columns
    Table,
}

/// Bytes of one text. The filter cuts earlier; others may not.
const TEXT: usize = 4096;

/// Columns of the table: what they are called, and how wide they are.
const COLUMNS: [(&str, usize); 6] = [("time", 24), ("verdict", 7), ("code", 23), ("publisher", 18), ("topic", 14), ("type", 0)];

/// The line that stands over a table.
pub fn heading() -> String {
    row(&COLUMNS.map(|(name, ..)| name.to_owned()))
}

/// The lines of all records of a request.
pub fn lines(request: &ExportLogsServiceRequest, format: Format) -> String {
    let scopes = request.resource_logs.iter().flat_map(|logs| &logs.scope_logs);
    scopes.flat_map(|scope| &scope.log_records).fold(String::new(), |mut text, record| {
        let lines: Vec<String> = match (format, ours(record)) {
            (Format::Ndjson, Some(ours)) => ours.into_iter().map(Cow::into_owned).collect(),
            (Format::Ndjson, None) => vec![Value::Object(flatten(record)).to_string()],
            (Format::Table, Some(ours)) => ours.iter().map(|json| table_row(json)).collect(),
            (Format::Table, None) => vec![foreign_row(&flatten(record))],
        };
        lines.iter().for_each(|line| text += &format!("{line}\n"));
        text
    })
}

/// The records in the body of a log record, each as one line of JSON: the filter's own, which is written as it came, for whoever verifies
/// the chain; or what an access logger of Envoy's has from the filter, which is an array for a call with more than one event. What would not
/// be one line, or do something to a terminal, is none of ours.
fn ours(record: &LogRecord) -> Option<Vec<Cow<'_, str>>> {
    let json = string(record.body.as_ref()?)?;
    let is_named = event_name(record).starts_with(otlp::EVENTS);
    let lines = if is_named && json.starts_with('[') && json.len() <= FILTER_STATE {
        let records: Vec<Map<String, Value>> = serde_json::from_str(json).ok()?;
        records.into_iter().map(|record| Cow::Owned(Value::Object(record).to_string())).collect()
    } else {
        vec![Cow::Borrowed(json)]
    };
    let is_line = |line: &Cow<'_, str>| line.starts_with('{') && Text::clean(line, line.len()).as_str() == line;
    (is_named && !lines.is_empty() && lines.iter().all(is_line)).then_some(lines)
}

/// The name of an event. Access loggers of Envoy's can only say it in an attribute.
fn event_name(record: &LogRecord) -> &str {
    if !record.event_name.is_empty() {
        return &record.event_name;
    }
    let attribute = record.attributes.iter().find(|attribute| attribute.key == "event.name");
    attribute.and_then(|attribute| string(attribute.value.as_ref()?)).unwrap_or_default()
}

fn string(value: &AnyValue) -> Option<&str> {
    match value.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text),
        any_value::Value::BoolValue(_)
        | any_value::Value::IntValue(_)
        | any_value::Value::DoubleValue(_)
        | any_value::Value::BytesValue(_)
        | any_value::Value::ArrayValue(_)
        | any_value::Value::KvlistValue(_)
        | any_value::Value::StringValueStrindex(_) => None,
    }
}

/// Another log record as a flat document: `time`, its name and body, the attributes by their names.
fn flatten(record: &LogRecord) -> Map<String, Value> {
    let mut flat = Map::new();
    let nanos = [record.time_unix_nano, record.observed_time_unix_nano].into_iter().find(|nanos| *nanos > 0).unwrap_or(0);
    let time = Timestamp::from_unix_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
    flat.insert("time".to_owned(), time.to_string().into());
    flat.insert("event".to_owned(), clean(&record.event_name));
    flat.insert("body".to_owned(), record.body.as_ref().map_or(Value::Null, simple));
    flat.extend(attributes(&record.attributes));
    flat
}

/// Attributes by their names.
pub fn attributes(attributes: &[KeyValue]) -> Map<String, Value> {
    let pair = |KeyValue { key, value, .. }: &KeyValue| {
        (Text::clean(key, TEXT).as_str().to_owned(), value.as_ref().map_or(Value::Null, simple))
    };
    attributes.iter().map(pair).collect()
}

/// A value of one of the simple types, or a list of such. The filter sends no others; of others only the type is told.
fn simple(value: &AnyValue) -> Value {
    let list = |items: &[AnyValue]| items.iter().map(|item| scalar(item).unwrap_or_else(|| "(nested)".into())).collect();
    match &value.value {
        Some(any_value::Value::ArrayValue(array)) => Value::Array(list(&array.values)),
        Some(any_value::Value::KvlistValue(_)) => "(nested)".into(),
        None
        | Some(
            any_value::Value::StringValue(_)
            | any_value::Value::BoolValue(_)
            | any_value::Value::IntValue(_)
            | any_value::Value::DoubleValue(_)
            | any_value::Value::BytesValue(_)
            | any_value::Value::StringValueStrindex(_),
        ) => scalar(value).unwrap_or(Value::Null),
    }
}

fn scalar(value: &AnyValue) -> Option<Value> {
    match value.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(clean(text)),
        any_value::Value::BoolValue(value) => Some((*value).into()),
        any_value::Value::IntValue(number) => Some((*number).into()),
        any_value::Value::DoubleValue(number) => Some((*number).into()),
        any_value::Value::BytesValue(bytes) => Some(format!("({} bytes)", bytes.len()).into()),
        any_value::Value::StringValueStrindex(_) | any_value::Value::ArrayValue(_) | any_value::Value::KvlistValue(_) => None,
    }
}

fn clean(text: &str) -> Value {
    Text::clean(text, TEXT).as_str().into()
}

fn table_row(json: &str) -> String {
    let Shown { time, verdict, code, publisher, topic, event_type, told, .. } = Shown::read(json).unwrap_or_default();
    if verdict.is_empty() {
        return format!("{time}  the log: {told}");
    }
    row(&[time, verdict, code, publisher, topic, event_type].map(|cell| if cell.is_empty() { "-".to_owned() } else { cell }))
}

fn foreign_row(flat: &Map<String, Value>) -> String {
    let [time, event, body] = ["time", "event", "body"].map(|key| match flat.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    });
    format!("{time}  {event}: {body}")
}

fn row(cells: &[String; COLUMNS.len()]) -> String {
    let padded = cells.iter().zip(COLUMNS).map(|(cell, (_, width))| format!("{cell:width$}"));
    padded.collect::<Vec<_>>().join("  ")
}
