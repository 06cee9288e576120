//! Records into a batch of CloudEvents 1.0 in structured mode (JSON event format, section 4), each the data of an event.

use super::Linked;
use super::otlp::EVENTS;
use crate::audit::json::Writer;
use crate::audit::record::{Uid, write_uid};

pub(super) const CONTENT_TYPE: &str = "application/cloudevents-batch+json";

/// Bytes that an event takes beside its data.
const USUAL: usize = 256;

/// An event for each record: its id is the record's own, so that a receiver knows one that comes twice.
pub(super) fn body(chain: &str, records: &[Linked]) -> Vec<u8> {
    let mut body = Writer(String::with_capacity(records.iter().map(|record| record.json.len() + USUAL).sum()));
    for Linked { number, envelope, json } in records {
        body.raw(if body.0.is_empty() { "[{\"data\":" } else { ",{\"data\":" });
        body.raw(json);
        write_uid(&mut body, ",\"datacontenttype\":\"application/json\",\"id\":\"", Some(Uid { chain, number: *number }));
        body.raw(",\"source\":\"/eventguard\",\"specversion\":\"1.0\",\"time\":\"");
        envelope.time.write_to(&mut body.0);
        body.raw("\",\"type\":\"");
        body.raw(EVENTS);
        body.raw(envelope.code);
        body.raw("\"}");
    }
    body.raw(if body.0.is_empty() { "[]" } else { "]" });
    body.0.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::tests::linked;
    use super::*;

    #[test]
    fn a_record_is_the_data_of_an_event_byte_for_byte() {
        let body = body("ab12", &[linked(7, "{\"a\":1}"), linked(8, "{\"b\":\"é\"}")]);
        let event = |number: u8, data: &str| {
            format!(
                "{{\"data\":{data},\"datacontenttype\":\"application/json\",\"id\":\"ab12-{number}\",\"source\":\"/eventguard\",\
                 \"specversion\":\"1.0\",\"time\":\"2026-11-23T08:00:00.000Z\",\"type\":\"eventguard.checkpoint\"}}"
            )
        };
        let expected = format!("[{},{}]", event(7, "{\"a\":1}"), event(8, "{\"b\":\"é\"}"));
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn the_batch_is_one_that_eventguard_itself_reads() {
        assert_eq!(super::body("ab12", &[]), b"[]");
        let body = body("ab12", &[linked(7, "{\"a\":1}")]);
        crate::json::Document::parse(&body, 3).unwrap();
    }
}
