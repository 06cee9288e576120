//! Records into a request of Loki's push interface: streams of lines, each line a record. What a stream is known by is bounded by this file,
//! whatever callers send; all else that records are found by is structured metadata.

use super::Linked;
use crate::audit::envelope::{Envelope, Severity};
use crate::audit::json::Writer;
use crate::audit::text::push_string;

pub(super) const CONTENT_TYPE: &str = "application/json";

/// The attribute that is a label; no other is.
const VERDICT: &str = "eventguard.verdict";

/// Bytes that a record takes beside its JSON.
const USUAL: usize = 512;

/// Records of one stream that follow each other stand together.
pub(super) fn body(records: &[Linked]) -> Vec<u8> {
    let mut body = Writer(String::with_capacity(records.iter().map(|record| record.json.len() * 5 / 4 + USUAL).sum()));
    let mut last = None;
    body.raw("{\"streams\":[");
    for Linked { envelope, json, .. } in records {
        let labels = labels(envelope);
        if last.as_ref() == Some(&labels) {
            body.raw(",");
        } else {
            body.raw(if last.is_some() { "]}," } else { "" });
            write_labels(&mut body, labels);
            last = Some(labels);
        }
        write_value(&mut body, envelope, json);
    }
    body.raw(if last.is_some() { "]}]}" } else { "]}" });
    body.0.into_bytes()
}

/// The code of what is told, its level, and the verdict where it tells of one.
type Labels<'e> = (&'static str, &'static str, Option<&'e str>);

fn labels(envelope: &Envelope) -> Labels<'_> {
    let level = match envelope.severity {
        Severity::Info => "info",
        Severity::Warn => "warn",
        Severity::Error => "error",
    };
    let verdict = envelope.attributes().find(|(name, _)| *name == VERDICT).map(|(_, verdict)| verdict);
    (envelope.code, level, verdict)
}

fn write_labels(body: &mut Writer, (code, level, verdict): Labels<'_>) {
    body.raw("{\"stream\":{\"event\":\"");
    body.raw(code);
    body.raw("\",\"level\":\"");
    body.raw(level);
    body.raw("\",\"service_name\":\"eventguard\"");
    if let Some(verdict) = verdict {
        body.raw(",\"verdict\":");
        push_string(&mut body.0, verdict);
    }
    body.raw("},\"values\":[");
}

/// The time, the line, and its structured metadata, whose names have no dots.
fn write_value(body: &mut Writer, envelope: &Envelope, json: &str) {
    body.number("[\"", envelope.nanos(), "\",");
    push_string(&mut body.0, json);
    body.raw(",{");
    if let Some(trace) = &envelope.trace {
        body.hex("\"trace_id\":\"", &trace.trace_id, "\"");
    }
    for (name, text) in envelope.attributes().filter(|(name, _)| *name != VERDICT) {
        body.raw(if body.0.ends_with('{') { "\"" } else { ",\"" });
        name.split('.').enumerate().for_each(|(index, part)| {
            body.raw(if index == 0 { "" } else { "_" });
            body.raw(part);
        });
        body.raw("\":");
        push_string(&mut body.0, text);
    }
    body.raw("}]");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{linked, of_event};
    use super::*;

    fn read(records: &[Linked]) -> Value {
        serde_json::from_slice(&body(records)).unwrap()
    }

    #[test]
    fn a_line_is_the_record_and_what_it_is_found_by_stands_beside_it() {
        let record = of_event("admit \"one\" \\ ");
        let json = record.json.clone();
        let expected = json!({"streams": [{
            "stream": {"service_name": "eventguard", "event": "verdict", "level": "info", "verdict": "admit"},
            "values": [["1795420800500000000", json, {
                "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                "cloudevents_event_type": "com.shop.cart.ItemAdded", "cloudevents_event_id": "admit \"one\" \\ ",
                "cloudevents_event_source": "/shop/cart", "messaging_destination_name": "carts", "user_id": "cart-service",
                "http_route": "/events/{topic}"}]]}]});
        assert_eq!(read(&[record]), expected);
    }

    #[test]
    fn records_that_follow_each_other_in_a_stream_stand_together() {
        let streams = read(&[linked(1, "{}"), linked(2, "{}"), of_event("1"), of_event("2"), linked(3, "{}")]);
        let of = |stream: &Value| (stream["stream"]["event"].clone(), stream["values"].as_array().unwrap().len());
        let found: Vec<_> = streams["streams"].as_array().unwrap().iter().map(of).collect();
        assert_eq!(found, [(json!("checkpoint"), 2), (json!("verdict"), 2), (json!("checkpoint"), 1)]);
        assert_eq!(read(&[]), json!({"streams": []}));
    }

    #[test]
    fn no_text_of_a_caller_is_a_label() {
        let streams = read(&[of_event("an-id-of-a-caller")]);
        let labels = streams["streams"][0]["stream"].as_object().unwrap();
        assert_eq!(labels.keys().collect::<Vec<_>>(), ["event", "level", "service_name", "verdict"]);
        assert!(!labels.values().any(|label| label.as_str().unwrap().contains("caller")));
    }
}
