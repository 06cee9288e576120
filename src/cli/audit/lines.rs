//! OTLP log records into lines: NDJSON with the keys of the record's JSON form, or a table for the eye. Trusts nothing in them.

use std::fmt::Write;

use eventguard::audit::{Text, json_key, otlp};
use eventguard::time::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::{Map, Value};

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

/// Columns of the table: keys, and how wide they are.
const COLUMNS: [(&str, usize); 6] = [("time", 24), ("verdict", 7), ("code", 23), ("publisher", 18), ("topic", 14), ("type", 0)];

/// The line that stands over a table.
pub fn heading() -> String {
    row(&COLUMNS.map(|(key, _)| key.to_owned()))
}

/// The lines of all records of a request.
pub fn lines(request: &ExportLogsServiceRequest, format: Format) -> String {
    let scopes = request.resource_logs.iter().flat_map(|logs| &logs.scope_logs);
    scopes.flat_map(|scope| &scope.log_records).fold(String::new(), |mut text, record| {
        // Writing to a `String` does not fail.
        let _ = match format {
            Format::Ndjson => writeln!(text, "{}", Value::Object(flatten(record))),
            Format::Table => writeln!(text, "{}", table_row(&flatten(record))),
        };
        text
    })
}

/// A log record as a flat document: `time`, the attributes by the keys of the JSON form where it has them, and else by their own
/// names. A log record that is not of an event keeps its name and body.
fn flatten(record: &LogRecord) -> Map<String, Value> {
    let mut flat = Map::new();
    let nanos = [record.time_unix_nano, record.observed_time_unix_nano].into_iter().find(|nanos| *nanos > 0).unwrap_or(0);
    let time = Timestamp::from_unix_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
    flat.insert("time".to_owned(), time.to_string().into());
    if record.event_name != otlp::VERDICT_EVENT {
        flat.insert("event".to_owned(), clean(&record.event_name));
        flat.insert("body".to_owned(), record.body.as_ref().map_or(Value::Null, simple));
    }
    flat.extend(record.attributes.iter().map(|KeyValue { key, value, .. }| {
        let key = json_key(key).map_or_else(|| Text::clean(key, TEXT).as_str().to_owned(), str::to_owned);
        (key, value.as_ref().map_or(Value::Null, simple))
    }));
    flat
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

fn table_row(flat: &Map<String, Value>) -> String {
    if let Some(event) = flat.get("event") {
        let [time, event, body] = [flat.get("time"), Some(event), flat.get("body")].map(cell);
        return format!("{time}  {event}: {body}");
    }
    row(&COLUMNS.map(|(key, _)| cell(flat.get(key))))
}

fn cell(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    }
}

fn row(cells: &[String; COLUMNS.len()]) -> String {
    let padded = cells.iter().zip(COLUMNS).map(|(cell, (_, width))| format!("{cell:width$}"));
    padded.collect::<Vec<_>>().join("  ")
}
