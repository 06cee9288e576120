use super::*;
use crate::audit::record::tests::{circumstances, event, outcome};

const NOW: i64 = 1_795_420_800;

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOW).unwrap()
}

#[test]
fn a_traceparent_is_read_strictly() {
    let parsed = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    assert_eq!((parsed.trace_id[0], parsed.span_id[7], parsed.flags), (0x4b, 0xb7, 1));
    assert!(TraceContext::parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later").is_some());
    for text in [
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
    ] {
        assert_eq!(TraceContext::parse(text), None, "{text}");
    }
}

#[test]
fn every_status_has_its_answer() {
    let read = |status| Answer::read(status, None, b"", now());
    for status in [200, 202, 204] {
        assert_eq!(read(status), Answer::Accepted);
    }
    for status in [429, 502, 503, 504] {
        assert_eq!(read(status), Answer::Retryable { retry_after: None });
    }
    for status in [0, 100, 301, 400, 401, 403, 404, 408, 413, 415, 500, 501, 505] {
        assert_eq!(read(status), Answer::Permanent);
    }
}

#[test]
fn retry_after_is_read_as_seconds_and_as_a_date_and_bounded() {
    let read = |text| Answer::read(429, Some(text), b"", now());
    for (text, seconds) in [
        ("7", Some(7)),
        ("0", Some(0)),
        ("99999999", Some(300)),
        ("Mon, 23 Nov 2026 08:00:30 GMT", Some(30)),
        ("Mon, 23 Nov 2026 07:00:00 GMT", Some(0)),
        ("-1", None),
        ("soon", None),
        ("Mon, 23 Nov", None),
        ("18446744073709551616", None),
    ] {
        assert_eq!(read(text), Answer::Retryable { retry_after: seconds.map(Duration::from_secs) }, "{text}");
    }
}

#[test]
fn a_partial_success_says_how_many_were_not_taken() {
    let body = |rejected| Response { partial_success: Some(PartialSuccess { rejected_log_records: rejected }) }.encode_to_vec();
    assert_eq!(Answer::read(200, None, &body(3), now()), Answer::PartlyRejected { rejected: 3 });
    for harmless in [body(0), body(-1), b"not protobuf".to_vec()] {
        assert_eq!(Answer::read(200, None, &harmless, now()), Answer::Accepted);
    }
}

#[test]
fn varints_are_written_at_each_border() {
    for (number, bytes) in [
        (0, vec![0]),
        (127, vec![0x7f]),
        (128, vec![0x80, 1]),
        (16_383, vec![0xff, 0x7f]),
        (u64::MAX, vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
    ] {
        let mut writer = Writer(Vec::new());
        writer.varint(number);
        assert_eq!(writer.0, bytes);
    }
}

/// What we write is read with the messages that OpenTelemetry publishes.
#[cfg(feature = "cli")]
mod with_the_published_messages {
    use std::collections::BTreeMap;

    use opentelemetry_proto::tonic::collector::logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
    };
    use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};
    use opentelemetry_proto::tonic::logs::v1::LogRecord;

    use super::*;

    fn text(value: &Option<AnyValue>) -> String {
        let value = value.as_ref().and_then(|value| value.value.clone()).unwrap();
        let list = |array: ArrayValue| array.values.into_iter().map(|value| text(&Some(value))).collect::<Vec<_>>().join(",");
        if let any_value::Value::ArrayValue(array) = value {
            list(array)
        } else if let any_value::Value::IntValue(number) = value {
            number.to_string()
        } else if let any_value::Value::StringValue(text) = value {
            text
        } else {
            panic!("{value:?}")
        }
    }

    fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
        attributes.iter().map(|attribute| (attribute.key.clone(), text(&attribute.value))).collect()
    }

    fn decode(bytes: &[u8]) -> LogRecord {
        LogRecord::decode(bytes).unwrap()
    }

    #[test]
    fn a_record_arrives_whole() {
        let outcome = outcome(vec![event("c-1")]);
        let record = Record::new(&outcome, Some((0, &outcome.events[0])), &circumstances());
        let read = decode(&log_record(&record));
        assert_eq!(read.time_unix_nano, 1_795_420_800_500_000_000);
        assert_eq!(read.observed_time_unix_nano, read.time_unix_nano);
        assert_eq!((read.severity_number, read.severity_text.as_str()), (9, "INFO"));
        assert_eq!(text(&read.body), "admit com.shop.cart.ItemAdded");
        assert_eq!(read.event_name, "eventguard.verdict");
        assert_eq!((read.trace_id.len(), read.span_id.len(), read.flags), (16, 8, 1));
        let mut expected = std::collections::BTreeMap::new();
        record.fields(&mut |field, value| {
            let value = match value {
                Value::Text(text) => text.as_str().to_owned(),
                Value::Number(number) => number.to_string(),
                Value::List(texts) => texts.iter().map(|text| text.as_str()).collect::<Vec<_>>().join(","),
            };
            expected.insert(field.attribute.to_owned(), value);
        });
        assert_eq!(attributes(&read.attributes), expected);
    }

    #[test]
    fn lists_and_long_texts_arrive_whole() {
        let long = "x".repeat(300);
        let clean = |text| crate::audit::Text::clean(text, 1000);
        let texts = ["a", "", long.as_str()].map(clean).to_vec();
        let fields = [
            (field::KEY_IDS, Value::List(texts)),
            (field::DETAIL, Value::Text(clean(&long))),
            (field::COUNT, Value::Number(1 << 40)),
        ];
        let read = decode(&write_log_record("e", WARN, now(), "s", None, |out| {
            fields.iter().for_each(|(field, value)| out.attribute(ATTRIBUTES, field.attribute, value));
        }));
        let read = attributes(&read.attributes);
        assert_eq!(read["eventguard.signature.key_ids"], format!("a,,{long}"));
        assert_eq!((read["eventguard.detail"].as_str(), read["eventguard.count"].as_str()), (long.as_str(), "1099511627776"));
    }

    #[test]
    fn a_request_holds_its_records_in_order_and_says_who_sends() {
        let records = [
            decode(&write_log_record("a", INFO, now(), "1", None, |_| {})),
            decode(&write_log_record("b", INFO, now(), "2", None, |_| {})),
        ];
        let encoded = records.clone().map(|record| record.encode_to_vec());
        let request = Sender::new(Some("worker-1")).request(encoded.iter().map(Vec::as_slice));
        let request = ExportLogsServiceRequest::decode(request.as_slice()).unwrap();
        let [logs] = request.resource_logs.as_slice() else { panic!("one resource") };
        let resource = attributes(&logs.resource.as_ref().unwrap().attributes);
        assert_eq!((resource["service.name"].as_str(), resource["service.instance.id"].as_str()), ("eventguard", "worker-1"));
        let [scope] = logs.scope_logs.as_slice() else { panic!("one scope") };
        assert_eq!(scope.scope.as_ref().unwrap().name, "eventguard");
        assert_eq!(scope.log_records, records);
    }

    #[test]
    fn their_partial_success_is_read() {
        let partial = ExportLogsPartialSuccess { rejected_log_records: 2, error_message: "too old".to_owned() };
        let body = ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        assert_eq!(Answer::read(200, None, &body, now()), Answer::PartlyRejected { rejected: 2 });
    }

    #[test]
    fn a_gap_is_told_with_its_reasons() {
        let queue_full = crate::audit::drops::Counts { admitted: 1, refused: 2 };
        let drops = Drops { queue_full, partly_rejected: 4, ..Drops::default() };
        let read = decode(&gap_record(&drops, 9, now()));
        assert_eq!((read.severity_number, text(&read.body).as_str()), (17, "dropped 7 records"));
        assert_eq!(read.event_name, "eventguard.dropped");
        let read = attributes(&read.attributes);
        assert_eq!((read["eventguard.dropped"].as_str(), read["eventguard.dropped.total"].as_str()), ("7", "9"));
        assert_eq!((read["eventguard.dropped.queue_full"].as_str(), read["eventguard.dropped.rejected"].as_str()), ("3", "4"));
    }
}
