use super::*;
use crate::audit::record::Circumstances;
use crate::audit::record::tests::{circumstances, event, outcome};
use crate::decision::Outcome;

fn spans() -> Spans {
    Spans::new(Sampling::default(), [7; 16])
}

fn push_into(spans: &mut Spans, outcome: &Outcome, circumstances: &Circumstances<'_>) {
    let began = circumstances.now;
    spans.push(&Span { outcome, circumstances, began, ended: began.after(Duration::from_micros(120)) });
}

fn push(spans: &mut Spans, count: usize) {
    let outcome = outcome(vec![event("c-1")]);
    (0..count).for_each(|_| push_into(spans, &outcome, &circumstances()));
}

/// The batch that comes with one of so many ticks, and with which.
fn next(spans: &mut Spans, ticks: usize) -> Option<(usize, Rc<Vec<u8>>)> {
    (1..=ticks).find_map(|tick| Some((tick, spans.tick()?)))
}

const BUSY: Answer = Answer::Retryable { retry_after: None };

#[test]
fn a_batch_goes_when_its_first_span_has_waited_a_second_or_enough_wait() {
    let mut spans = spans();
    assert_eq!(next(&mut spans, 20), None, "nothing waits");
    push(&mut spans, 1);
    assert_eq!(next(&mut spans, 20).map(|(tick, _)| tick), Some(5));
    spans.delivered(Answer::Accepted);
    push(&mut spans, 511);
    assert_eq!(spans.tick(), None);
    push(&mut spans, 1);
    assert!(spans.tick().is_some());
    spans.delivered(Answer::Accepted);
    assert_eq!(spans.counters(), SpanCounters { sent: 513, dropped: 0 });
    assert!(spans.is_empty());
}

#[test]
fn one_batch_is_under_way_at_a_time_and_what_has_no_room_meanwhile_is_counted() {
    let mut spans = spans();
    push(&mut spans, 600);
    assert!(spans.tick().is_some());
    push(&mut spans, 3000);
    assert_eq!(next(&mut spans, 50), None);
    let dropped = spans.counters().dropped;
    assert!((3000 - 2048..3000).contains(&dropped), "{dropped}");
    spans.delivered(Answer::Accepted);
    let (_, second) = next(&mut spans, 1).unwrap();
    assert!(second.len() <= ROOM_BYTES + (8 << 10));
    spans.delivered(Answer::Accepted);
    assert_eq!(spans.counters(), SpanCounters { sent: 3600 - dropped, dropped });
}

#[test]
fn a_batch_that_was_not_taken_is_sent_once_more_as_it_was() {
    for answer in [BUSY, Answer::Failed] {
        let mut spans = spans();
        push(&mut spans, 3);
        let (_, first) = next(&mut spans, 9).unwrap();
        spans.delivered(answer.clone());
        let (tick, again) = next(&mut spans, 9).unwrap();
        assert_eq!((tick, &again), (4, &first));
        spans.delivered(answer.clone());
        assert_eq!(next(&mut spans, 50), None);
        assert_eq!(spans.counters(), SpanCounters { sent: 0, dropped: 3 });
        push(&mut spans, 1);
        assert!(next(&mut spans, 9).is_some(), "it goes on");
    }
}

#[test]
fn a_batch_that_nobody_will_have_is_lost_at_once_and_one_that_is_partly_taken_in_part() {
    let mut spans = spans();
    for (answer, sent, dropped) in [
        (Answer::Permanent, 0, 3),
        (Answer::PartlyRejected { rejected: 1 }, 2, 4),
        (Answer::PartlyRejected { rejected: usize::MAX }, 2, 7),
        (Answer::Accepted, 5, 7),
    ] {
        push(&mut spans, 3);
        assert!(next(&mut spans, 9).is_some());
        spans.delivered(answer.clone());
        assert_eq!(spans.counters(), SpanCounters { sent, dropped }, "{answer:?}");
        spans.delivered(Answer::Accepted);
        assert_eq!(spans.counters(), SpanCounters { sent, dropped }, "nothing is under way");
    }
}

#[test]
fn a_receiver_may_put_us_off_for_a_minute_at_most() {
    for (seconds, ticks) in [(0, 1), (3, 12), (3600, 240)] {
        let mut spans = spans();
        push(&mut spans, 1);
        assert!(next(&mut spans, 9).is_some());
        spans.delivered(Answer::Retryable { retry_after: Some(Duration::from_secs(seconds)) });
        assert_eq!(next(&mut spans, 500).map(|(tick, _)| tick), Some(ticks));
    }
}

#[test]
fn what_waits_goes_at_the_end_and_what_was_not_taken_is_given_up() {
    let mut spans = spans();
    assert_eq!(spans.drain(), None);
    push(&mut spans, 2);
    assert!(spans.drain().is_some());
    push(&mut spans, 1);
    assert_eq!(spans.drain(), None, "one is under way");
    spans.delivered(BUSY);
    assert!(spans.drain().is_some());
    spans.delivered(Answer::Accepted);
    assert_eq!(spans.counters(), SpanCounters { sent: 1, dropped: 2 });
    assert!(spans.is_empty());
}

#[test]
fn a_call_that_becomes_no_span_takes_no_room() {
    let mut spans = spans();
    let outcome = outcome(vec![event("c-1")]);
    push_into(&mut spans, &outcome, &Circumstances { traceparent: None, ..circumstances() });
    assert!(spans.is_empty());
}

#[test]
fn the_receiver_is_read_as_otlp_says() {
    let mut spans = spans();
    push(&mut spans, 3);
    spans.drain();
    // `ExportTraceServiceResponse` with `rejected_spans: 2`.
    spans.answered(&Response { status: 200, header: &|_| None, body: &[0x0a, 2, 8, 2] }, circumstances().now);
    assert_eq!(spans.counters(), SpanCounters { sent: 1, dropped: 2 });
}

/// With the published messages: see `Cargo.toml`.
#[cfg(feature = "cli")]
mod with_the_published_messages {
    use std::num::NonZeroU32;

    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
    use opentelemetry_proto::tonic::trace::v1::Span as Published;
    use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
    use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
    use prost::Message;

    use super::*;
    use crate::decision::{JudgedEvent, Verdict};
    use crate::rules::Violation;

    /// The text of an attribute, or a number in decimal.
    fn read(attribute: &KeyValue) -> String {
        let value = attribute.value.clone().unwrap().value.unwrap();
        if let any_value::Value::IntValue(number) = value {
            return number.to_string();
        }
        let any_value::Value::StringValue(text) = value else { panic!("{value:?}") };
        text
    }

    fn attribute(span: &Published, name: &str) -> Option<String> {
        let mut found = span.attributes.iter().filter(|attribute| attribute.key == name);
        let first = found.next().map(read);
        assert!(found.next().is_none(), "{name} is there twice");
        first
    }

    fn sent(sampling: Sampling, outcome: &Outcome, circumstances: &Circumstances<'_>) -> Published {
        let mut spans = Spans::new(sampling, [7; 16]).with_instance(Some("proxy-1"));
        push_into(&mut spans, outcome, circumstances);
        let request = ExportTraceServiceRequest::decode(spans.drain().unwrap().as_slice()).unwrap();
        let [resource] = request.resource_spans.as_slice() else { panic!("{request:?}") };
        let said = &resource.resource.as_ref().unwrap().attributes;
        assert_eq!((said[0].key.as_str(), read(&said[0]).as_str()), ("service.name", "eventguard"));
        let instance = said.iter().find(|attribute| attribute.key == "service.instance.id").map(read);
        assert_eq!(instance.as_deref(), Some("proxy-1"));
        let [scope] = resource.scope_spans.as_slice() else { panic!("{request:?}") };
        let [span] = scope.spans.as_slice() else { panic!("{request:?}") };
        span.clone()
    }

    #[test]
    fn a_span_says_what_its_call_was_and_what_became_of_it() {
        let circumstances = circumstances();
        let span = sent(Sampling::default(), &outcome(vec![event("c-1")]), &circumstances);
        assert_eq!((span.name.as_str(), span.kind()), ("publish carts", SpanKind::Producer));
        assert_eq!((span.trace_id[0], span.parent_span_id[7], span.span_id.len()), (0x4b, 0xb7, 8));
        assert_eq!(span.flags, 0x301, "sampled, and its parent is elsewhere");
        let began = u64::try_from(circumstances.now.unix_nanos()).unwrap();
        assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (began, began + 120_000));
        assert_eq!(span.status, None);
        for (name, text) in [
            ("messaging.operation.name", "publish"),
            ("messaging.operation.type", "send"),
            ("messaging.destination.name", "carts"),
            ("messaging.system", "cloudevents"),
            ("cloudevents.event_type", "com.shop.cart.ItemAdded"),
            ("cloudevents.event_id", "c-1"),
            ("cloudevents.event_source", "/shop/cart"),
            ("eventguard.verdict", "admit"),
            ("eventguard.route", "cloudevents"),
            ("eventguard.rule", "com.shop.*"),
            ("user.id", "cart-service"),
            ("http.route", "/events/{topic}"),
        ] {
            assert_eq!(attribute(&span, name).as_deref(), Some(text), "{name}");
        }
        for name in ["error.type", "eventguard.code", "messaging.batch.message_count"] {
            assert_eq!(attribute(&span, name), None);
        }
    }

    fn refused() -> JudgedEvent {
        let refusal = Some(Violation::Topic { topic: Some("\u{1b}[31mtopic".repeat(100)) }.into());
        let topic = Some("\u{1b}[31mtopic".repeat(100));
        JudgedEvent { verdict: Verdict::Refuse, refusal, topic, ..event("c-2") }
    }

    #[test]
    fn a_refusal_is_an_error_and_what_a_caller_made_up_does_not_become_a_name() {
        let span = sent(Sampling::default(), &outcome(vec![refused()]), &circumstances());
        assert_eq!(span.name, "publish");
        assert_eq!(span.status.as_ref().unwrap().code(), StatusCode::Error);
        assert_eq!(span.status.as_ref().unwrap().message, "");
        assert_eq!(attribute(&span, "error.type").as_deref(), Some("rule.topic"));
        assert_eq!(attribute(&span, "eventguard.code").as_deref(), Some("rule.topic"));
        let topic = attribute(&span, "messaging.destination.name").unwrap();
        assert!(topic.len() <= 260 && topic.ends_with('…') && !topic.contains('\u{1b}'), "{topic}");
    }

    #[test]
    fn what_is_only_observed_is_no_error() {
        let observed = Outcome { verdict: Verdict::Observe, ..outcome(vec![refused()]) };
        let span = sent(Sampling::default(), &observed, &circumstances());
        assert_eq!((span.status, span.name.as_str()), (None, "publish"));
        let told = ["eventguard.code", "error.type"]
            .map(|name| attribute(&sent(Sampling::default(), &observed, &circumstances()), name));
        assert_eq!(told, [Some("rule.topic".to_owned()), None]);
    }

    #[test]
    fn a_batch_is_one_span_with_what_its_events_have_in_common() {
        let span = sent(Sampling::default(), &outcome(vec![event("c-1"), event("c-2")]), &circumstances());
        assert_eq!(span.name, "publish carts");
        assert_eq!(attribute(&span, "messaging.batch.message_count").as_deref(), Some("2"));
        assert_eq!(attribute(&span, "messaging.destination.name").as_deref(), Some("carts"));
        assert_eq!(attribute(&span, "cloudevents.event_id"), None);
        let other = JudgedEvent { topic: Some("orders".to_owned()), ..event("c-2") };
        let span = sent(Sampling::default(), &outcome(vec![event("c-1"), other]), &circumstances());
        assert_eq!((span.name.as_str(), attribute(&span, "messaging.destination.name")), ("publish", None));
    }

    #[test]
    fn a_root_has_no_parent_and_its_own_trace() {
        let roots = Sampling { unsampled: None, roots: Some(NonZeroU32::MIN) };
        let without = Circumstances { traceparent: None, ..circumstances() };
        let span = sent(roots, &outcome(Vec::new()), &without);
        assert_eq!((span.parent_span_id.len(), span.flags, span.trace_id.len(), span.name.as_str()), (0, 1, 16, "publish"));
    }
}
