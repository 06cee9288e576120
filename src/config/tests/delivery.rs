//! What a call waits for that goes on, as a policy writes it.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::policy::{AuditSettings, Delivery};

fn audit(value: Value) -> Arc<AuditSettings> {
    compiled(with("/audit", value)).audit
}

#[test]
fn a_call_waits_for_its_records_where_the_policy_says_so_and_then_no_record_is_dropped_for_another() {
    let usual = audit(json!({"cluster": "logs"}));
    assert_eq!((usual.delivery, usual.queue.when_full, usual.comes_first()), (Delivery::Async, WhenFull::DropOldest, false));
    let refuse = audit(json!({"cluster": "logs", "delivery": "async", "whenFull": "refuse"}));
    assert_eq!((refuse.delivery, refuse.queue.when_full, refuse.comes_first()), (Delivery::Async, WhenFull::Refuse, true));
    assert_eq!((refuse.batch.records, refuse.batch.interval), (256, Duration::from_secs(1)));
    for value in [
        json!({"cluster": "logs", "delivery": "before-forward"}),
        json!({"cluster": "logs", "delivery": "before-forward", "whenFull": "refuse"}),
    ] {
        let first = audit(value);
        assert_eq!(
            (first.delivery, first.queue.when_full, first.comes_first()),
            (Delivery::BeforeForward, WhenFull::Refuse, true)
        );
        assert_eq!(first.batch.records, 1000);
    }
    assert!(!compiled(good()).audit.comes_first());
    let small = with("/audit", json!({"cluster": "logs", "delivery": "before-forward", "queue": {"records": 40}}));
    let small = compiled(put(small, "/limits", json!({"events": 29}))).audit;
    assert_eq!((small.queue.records, small.batch.records), (40, 40), "a batch need not be full");
}

#[test]
fn what_a_call_cannot_wait_for_is_an_error_with_its_place() {
    let first = |more: Value| {
        let mut audit = json!({"cluster": "logs", "delivery": "before-forward"});
        audit.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with("/audit", audit)
    };
    let stream = json!([{"name": "s", "match": {"grpc": "a.B/C"}, "protocol": "cloudevents", "grpc": {"stream": true}}]);
    let stream_error = "routes[0]: the messages of a stream do not wait for their records: neither `delivery: before-forward` nor \
        `whenFull: refuse` can stand beside such a route";
    let refusing = with("/audit", json!({"cluster": "logs", "whenFull": "refuse"}));
    for (document, expected) in [
        (first(json!({"delivery": "before"})), "audit.delivery: `before` is not one of `async` or `before-forward`"),
        (
            first(json!({"whenFull": "drop-newest"})),
            "audit.whenFull: no record is dropped for which a call waits: with `delivery: before-forward` it can only be `refuse`",
        ),
        (first(json!({"batch": {"interval": "1s"}})), "audit.batch.interval: batches go at once with `delivery: before-forward`"),
        (
            put(first(json!({"queue": {"records": 40}})), "/limits", json!({"events": 30})),
            "audit.queue.records: a call of as many events as `limits.events` allows could never go on: three quarters of the queue must have room for their records, and for one more",
        ),
        (put(first(json!({})), "/routes", stream.clone()), stream_error),
        (put(refusing, "/routes", stream.clone()), stream_error),
    ] {
        let errors = errors(document);
        assert_eq!(errors, [expected], "{errors:?}");
    }
    compiled(with("/routes", stream));
}
