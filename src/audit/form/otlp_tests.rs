use super::super::response::tests::{answered, now};
use super::*;

#[test]
fn every_status_has_its_answer() {
    let read = |status| answered(status, &[], b"", |response| read(response, now()));
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
fn a_partial_success_says_how_many_were_not_taken() {
    let read = |body: &[u8]| answered(200, &[], body, |response| read(response, now()));
    let body = |rejected| {
        let mut body = Writer(Vec::new());
        body.message(1, |partial_success| {
            partial_success.number(1, rejected);
            partial_success.bytes(2, "too old ".repeat(2000).as_bytes());
        });
        body.0
    };
    assert_eq!(read(&body(3)), Answer::PartlyRejected { rejected: 3 });
    assert_eq!(read(&body(3)[..4096]), Answer::PartlyRejected { rejected: 3 }, "a long message is cut");
    for harmless in [body(0), body(u64::MAX), b"not protobuf".to_vec(), Vec::new()] {
        assert_eq!(read(&harmless), Answer::Accepted);
    }
}

/// What we write is read with the messages that OpenTelemetry publishes.
#[cfg(feature = "cli")]
mod with_the_published_messages {
    use std::collections::BTreeMap;

    use opentelemetry_proto::tonic::collector::logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
    };
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
    use opentelemetry_proto::tonic::logs::v1::LogRecord;
    use prost::Message;

    use super::*;
    use crate::audit::note::Note;
    use crate::audit::record::Record;
    use crate::audit::record::tests::{circumstances, event, outcome};

    fn text(value: &Option<AnyValue>) -> String {
        let Some(any_value::Value::StringValue(text)) = value.as_ref().and_then(|value| value.value.clone()) else {
            panic!("{value:?}")
        };
        text
    }

    fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
        attributes.iter().map(|attribute| (attribute.key.clone(), text(&attribute.value))).collect()
    }

    /// The log records of a request with these, and who sends.
    fn sent(records: &[Linked]) -> (Vec<LogRecord>, BTreeMap<String, String>) {
        let request = Sender::new(Some("worker-1")).request(records);
        let request = ExportLogsServiceRequest::decode(request.as_slice()).unwrap();
        let [logs] = request.resource_logs.as_slice() else { panic!("one resource") };
        let [scope] = logs.scope_logs.as_slice() else { panic!("one scope") };
        assert_eq!(scope.scope.as_ref().unwrap().name, "eventguard");
        (scope.log_records.clone(), attributes(&logs.resource.as_ref().unwrap().attributes))
    }

    #[test]
    fn a_record_is_the_body_and_what_it_is_found_by_stands_beside_it() {
        let outcome = outcome(vec![event("c-1")]);
        let record = Record::new(&outcome, Some((0, &outcome.events[0])), &circumstances());
        let json = record.write(None).json;
        let (read, resource) = sent(&[Linked { number: 1, envelope: Envelope::of_record(&record), json: json.clone() }]);
        let [read] = read.as_slice() else { panic!("one record") };
        assert_eq!(read.time_unix_nano, 1_795_420_800_500_000_000);
        assert_eq!(read.observed_time_unix_nano, read.time_unix_nano);
        assert_eq!((read.severity_number, read.severity_text.as_str()), (9, "INFO"));
        assert_eq!(text(&read.body), json);
        assert_eq!(read.event_name, "eventguard.verdict");
        assert_eq!((read.trace_id.len(), read.span_id.len(), read.flags), (16, 8, 1));
        let expected = [
            ("eventguard.verdict", "admit"),
            ("cloudevents.event_type", "com.shop.cart.ItemAdded"),
            ("cloudevents.event_id", "c-1"),
            ("cloudevents.event_source", "/shop/cart"),
            ("messaging.destination.name", "carts"),
            ("user.id", "cart-service"),
            ("http.route", "/events/{topic}"),
        ];
        assert_eq!(attributes(&read.attributes), expected.map(|(name, text)| (name.to_owned(), text.to_owned())).into());
        assert_eq!((resource["service.name"].as_str(), resource["service.instance.id"].as_str()), ("eventguard", "worker-1"));
    }

    #[test]
    fn records_of_any_length_stand_in_a_request_in_their_order() {
        let bodies = [0, 100, 127, 128, 16_500].map(|length| "x".repeat(length));
        let linked =
            |json: &String| Linked { number: 1, envelope: Envelope::of_note(&Note::Checkpoint, now()), json: json.clone() };
        let (read, _) = sent(&bodies.each_ref().map(linked));
        assert_eq!(read.iter().map(|record| text(&record.body)).collect::<Vec<_>>(), bodies);
        assert!(read.iter().all(|record| record.event_name == "eventguard.checkpoint" && record.severity_number == 9));
    }

    #[test]
    fn their_partial_success_is_read() {
        let partial = ExportLogsPartialSuccess { rejected_log_records: 2, error_message: "too old".to_owned() };
        let body = ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        assert_eq!(accepted(&body), Answer::PartlyRejected { rejected: 2 });
    }

    #[test]
    fn what_tells_of_a_loss_is_an_error() {
        let counts = crate::audit::drops::Counts { admitted: 1, refused: 2 };
        let envelope = Envelope::of_note(&Note::Drop { counts, total: 9 }, now());
        let (read, _) = sent(&[Linked { number: 1, envelope, json: String::new() }]);
        assert_eq!((read[0].severity_number, read[0].event_name.as_str()), (17, "eventguard.drop"));
    }
}
