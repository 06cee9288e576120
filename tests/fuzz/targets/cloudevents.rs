//! CloudEvents over HTTP: an admitted call says in serde_json's reading what its events say, in the body and in its headers.
#![no_main]

use eventguard::call::Head;
use eventguard::protocol::{Event, Form, Protocol};
use eventguard_fuzz::call::Call;
use eventguard_fuzz::event::{BUDGET, TOPIC, assert_is_of_json, names, read};
use eventguard_fuzz::json::read_strictly;
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some(call) = Call::read(bytes) else { return Corpus::Reject };
    read(&Protocol::CloudEvents, &call, |form, content, events| {
        assert!(events.iter().all(|event| event.topic.as_deref() == Some(TOPIC)));
        match (form, events) {
            (Form::Structured, [event]) => {
                assert_is_of_json(event, &read_strictly(content, BUDGET.depth));
                assert_headers_agree(&call.head, event);
            }
            (Form::Binary, [event]) => assert_is_of_head(event, &call.head, content),
            (Form::Batch, events) => {
                let items = read_strictly(content, BUDGET.depth);
                let items = items.as_array().expect("a batch is an array");
                assert_eq!(items.len(), events.len());
                events.iter().zip(items).for_each(|(event, item)| assert_is_of_json(event, item));
                assert_eq!(attributes(&call.head).count(), 0, "attributes beside a batch");
            }
            // Their messages are held against a generated decoder in `src/protocol/tests`.
            (Form::StructuredProtobuf, [event]) => assert_headers_agree(&call.head, event),
            (Form::BatchProtobuf | Form::Grpc(_), _) => {}
            (form, events) => panic!("{} events of {form:?}", events.len()),
        }
    });
    Corpus::Keep
});

/// The headers that are attributes.
fn attributes(head: &Head) -> impl Iterator<Item = (&str, &[u8])> {
    head.headers().filter_map(|(name, value)| Some((name.strip_prefix("ce-")?, value)))
}

/// An attribute in a header is there once, and in the event too.
fn assert_headers_agree(head: &Head, event: &Event<'_>) {
    for (name, value) in attributes(head) {
        assert_eq!(attributes(head).filter(|(other, _)| *other == name).count(), 1, "`{name}` is there twice");
        let found = event.attribute(name).unwrap_or_else(|| panic!("`{name}` is a header alone"));
        if !value.iter().any(|byte| matches!(byte, b'%' | b'"')) {
            assert_eq!(found.as_bytes(), value, "`{name}`");
        }
    }
}

fn assert_is_of_head(event: &Event<'_>, head: &Head, content: &[u8]) {
    assert_headers_agree(head, event);
    let content_type = head.text("content-type").expect("it was read");
    assert_eq!(event.data_content_type.as_deref(), content_type);
    for name in names(event).filter(|name| *name != "datacontenttype") {
        assert!(attributes(head).any(|(other, _)| other == name), "`{name}` is from nowhere");
    }
    assert_eq!(event.data.bytes(), content);
}
