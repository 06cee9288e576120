//! What a policy says of traces.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::*;
use crate::policy::{EventTraces, SpanSettings, TraceSettings};

fn traces(says: Value) -> Arc<TraceSettings> {
    compiled(put(good(), "/traces", says)).traces
}

fn spans(unsampled: Option<u32>, roots: Option<u32>) -> Option<SpanSettings> {
    let [unsampled, roots] = [unsampled, roots].map(|one_in| one_in.and_then(NonZeroU32::new));
    Some(SpanSettings { cluster: "c".to_owned(), path: "/v1/traces".to_owned(), authority: "c".to_owned(), unsampled, roots })
}

#[test]
fn nothing_is_traced_where_nothing_is_said() {
    assert_eq!(*compiled(good()).traces, TraceSettings::default());
    assert_eq!(traces(json!({"cluster": "c"})).spans, spans(None, None));
}

#[test]
fn a_share_is_that_of_calls_whose_caller_has_not_sampled_and_of_roots() {
    assert_eq!(traces(json!({"cluster": "c", "sample": 10})).spans, spans(Some(10), None));
    assert_eq!(traces(json!({"cluster": "c", "sample": 10, "roots": true})).spans, spans(Some(10), Some(10)));
    assert_eq!(traces(json!({"cluster": "c", "roots": true})).spans, spans(None, Some(1)));
    assert_eq!(traces(json!({"cluster": "c", "roots": false})).spans, spans(None, None));
}

#[test]
fn where_spans_go_and_whether_events_are_told_is_what_the_document_says() {
    let said = traces(json!({"cluster": "c", "path": "/otlp", "authority": "collector", "addToEvents": true}));
    let spans = said.spans.as_ref().unwrap();
    assert_eq!((spans.path.as_str(), spans.authority.as_str(), said.events), ("/otlp", "collector", EventTraces::Add));
    assert_eq!(*traces(json!({"addToEvents": true})), TraceSettings { spans: None, events: EventTraces::Add });
}

#[test]
fn what_means_nothing_is_an_error_with_its_place() {
    let nothing = "traces: without `cluster` there are no spans: nothing but `addToEvents: true` means something";
    for (says, error) in [
        (json!({}), nothing),
        (json!({"addToEvents": false}), nothing),
        (json!({"addToEvents": true, "sample": 5}), nothing),
        (json!({"roots": true}), nothing),
        (json!({"cluster": "c", "sample": 0}), "traces.sample: at least 1: one of how many becomes a span"),
        (json!({"cluster": "c", "path": "v1"}), "traces.path: a path starts with `/` and has no white space"),
        (json!({"cluster": "c", "authority": ""}), "traces.authority: is empty"),
        (json!({"cluster": ""}), "traces.cluster: is empty"),
        (json!({"cluster": "c", "sampling": 1}), "traces.sampling: there is no such key"),
    ] {
        let found = errors(put(good(), "/traces", says.clone()));
        assert_eq!(found, [error], "{says}");
    }
    let shadow = errors(put(good(), "/shadow", json!({"traces": {"cluster": "c"}})));
    assert_eq!(shadow, ["shadow.traces: a shadow has no such key: it may say what a policy judges by"]);
}
