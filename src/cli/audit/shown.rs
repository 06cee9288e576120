//! A record as the live views show it: the one place that knows where a record has what they show. The record may be anybody's, so every
//! text is cleaned, also of what JSON had escaped.

use eventguard::audit::Text;
use eventguard::time::Timestamp;
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
        let (time, verdict) = (time(record.get("time")), text("/unmapped/verdict"));
        if verdict.is_empty() {
            // A record of the chain itself, or the log record of somebody else.
            let told = [text("/message"), text("/body")].into_iter().find(|told| !told.is_empty()).unwrap_or_default();
            return Some(Self { time, told, ..Self::default() });
        }
        Some(Self {
            time,
            verdict,
            code: text("/status_code"),
            detail: text("/status_detail"),
            publisher: text("/actor/user/uid"),
            topic: text("/resources/1/name"),
            event_type: text("/resources/0/name"),
            id: text("/resources/0/uid"),
            route: text("/unmapped/route"),
            peer: text("/src_endpoint/uid"),
            request_id: text("/api/request/uid"),
            told: String::new(),
        })
    }

    /// Whether the event was refused, or would have been.
    pub fn is_refused(&self) -> bool {
        matches!(self.verdict.as_str(), "refuse" | "observe")
    }
}

/// Milliseconds since 1970 in OCSF, text elsewhere.
fn time(value: Option<&Value>) -> String {
    let nanos = value.and_then(Value::as_i64).map(|millis| millis.saturating_mul(1_000_000));
    nanos.map_or_else(|| text(value), |nanos| Timestamp::from_unix_nanos(nanos).to_string())
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => Text::clean(text, TEXT).as_str().to_owned(),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => String::new(),
    }
}
