//! What is known of a call only when it has ended into a record: that the upstream did not take what was admitted, or that the proxy
//! refused the call before it was judged.

use super::json::Writer;
use super::record::{Circumstances, PRODUCT, TEXT, Uid, VERSION, Written, filled, millis, write_uid};
use super::trace::TraceContext;

/// How a call ended.
#[derive(Debug, Clone, Copy)]
pub struct Aftermath<'a> {
    /// What is told of the call.
    pub circumstances: Circumstances<'a>,
    /// The number of the first record of what went on, and how many there are; `None` where the proxy refused the call before it was
    /// judged.
    pub admitted: Option<(u64, u64)>,
    /// The status of the answer; 0 where there was none.
    pub status: u16,
    /// The gRPC status, where there is one.
    pub grpc_status: Option<u64>,
    /// What the proxy says of the answer (`response.code_details`).
    pub details: Option<&'a str>,
}

impl Aftermath<'_> {
    /// Whether an answer with these statuses tells the caller that the call was done: then there is nothing to record.
    #[must_use]
    pub fn is_success(status: u16, grpc_status: Option<u64>) -> bool {
        (200..300).contains(&status) && grpc_status.unwrap_or(0) == 0
    }

    /// What tells it from others: `metadata.event_code`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        if self.admitted.is_some() { "outcome" } else { "refused-before" }
    }

    /// The record.
    pub(super) fn write(&self, uid: Uid<'_>) -> Written {
        let (action, code) = (if self.admitted.is_some() { "1" } else { "2" }, self.code());
        let Circumstances { authority, request_id, traceparent, policy, now, untrue: _ } = self.circumstances;
        let mut json = Writer(String::with_capacity(1024));
        json.raw("{\"action_id\":");
        json.raw(action);
        // The publisher of what went on is in the records that this one refers to; before that nobody has looked.
        json.raw(
            ",\"activity_id\":1,\"actor\":{\"user\":{\"name\":\"unknown\",\"type_id\":0}},\"api\":{\"operation\":\"publish\"",
        );
        json.text(",\"request\":{\"uid\":", request_id, TEXT, "}");
        json.raw("},");
        let gap = json.0.len();
        json.raw("\"category_uid\":6,\"class_uid\":6003,\"disposition_id\":");
        json.raw(action);
        json.text(",\"dst_endpoint\":{\"hostname\":", filled(Some(authority)), TEXT, "}");
        json.number(",\"http_response\":{\"code\":", self.status.into(), "}");
        json.raw(",\"message\":\"");
        json.raw(code);
        json.raw("\",\"metadata\":{");
        let first = self.admitted.map(|(number, _)| Uid { number, ..uid });
        write_uid(&mut json, "\"correlation_uid\":\"", first);
        json.raw(if first.is_some() { ",\"event_code\":\"" } else { "\"event_code\":\"" });
        json.raw(code);
        json.raw("\"");
        json.raw(PRODUCT);
        write_uid(&mut json, ",\"uid\":\"", Some(uid));
        json.raw(VERSION);
        json.text(",\"policy\":{\"uid\":", filled(Some(policy)), TEXT, "}");
        json.raw(",\"severity_id\":3,\"src_endpoint\":{\"name\":\"unknown\"}");
        json.text(",\"status_detail\":", self.details, TEXT, "");
        json.number(",\"status_id\":2,\"time\":", millis(now), "");
        if let Some(trace) = traceparent.and_then(TraceContext::parse) {
            json.hex(",\"trace\":{\"uid\":\"", &trace.trace_id, "\"}");
        }
        json.number(",\"type_uid\":600301,\"unmapped\":{\"count\":", self.admitted.map_or(0, |(_, count)| count), "");
        if let Some(status) = self.grpc_status {
            json.number(",\"grpc_status\":", status, "");
        }
        json.text(",\"traceparent\":", traceparent, TEXT, "");
        json.raw("}}");
        Written { json: json.0, gap }
    }
}
