//! A record as the live views show it: the one place that knows where a record has what they show. The record may be anybody's, so every
//! text is cleaned, also of what JSON had escaped.

use eventguard::audit::Text;
use serde::Serialize;
use serde_json::Value;

/// Bytes of one text.
const TEXT: usize = 512;

/// What is shown of a record. What it does not have is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    pub time: String,
    /// `admit`, `refuse` or `observe`; empty where the stream tells of itself.
    pub verdict: String,
    pub code: String,
    pub detail: String,
    pub publisher: String,
    pub topic: String,
    #[serde(rename = "type")]
    pub event_type: String,
    pub id: String,
    pub route: String,
    pub peer: String,
    pub request_id: String,
    /// What the stream tells of itself, such as records that were lost.
    pub told: String,
}

impl Shown {
    /// Reads a line of NDJSON.
    pub fn read(line: &str) -> Option<Self> {
        let record: Value = serde_json::from_str(line).ok()?;
        let text = |pointer| text(record.pointer(pointer));
        if record.get("event").is_some() {
            return Some(Self { time: text("/time"), told: text("/body"), ..Self::default() });
        }
        Some(Self {
            time: text("/time"),
            verdict: text("/verdict"),
            code: text("/code"),
            detail: text("/detail"),
            publisher: text("/publisher"),
            topic: text("/topic"),
            event_type: text("/type"),
            id: text("/id"),
            route: text("/route"),
            peer: text("/peer"),
            request_id: text("/requestId"),
            told: String::new(),
        })
    }

    /// Whether the event was refused, or would have been.
    pub fn is_refused(&self) -> bool {
        matches!(self.verdict.as_str(), "refuse" | "observe")
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => Text::clean(text, TEXT).as_str().to_owned(),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
    }
}
