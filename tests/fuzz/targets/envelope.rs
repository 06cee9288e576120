//! A JSON document as an event: two lines are the pointers to the type and to the data, the rest is the document. Pointers are those
//! of RFC 6901, and lead where serde_json's lead.
#![no_main]

use eventguard::json::Pointer;
use eventguard::protocol::json::Envelope;
use eventguard::protocol::{Data, Event, Protocol};
use eventguard_fuzz::call::{Call, split_at_first};
use eventguard_fuzz::event::{BUDGET, TOPIC, read};
use eventguard_fuzz::json::read_strictly;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;

/// Where the attributes are that no line says.
const ELSEWHERE: [&str; 4] = ["/meta/id", "/meta/0", "/timestamp", "/subject"];

const HEAD: &[u8] = b"POST bus /bus/carts\ncontent-type: application/json\n\n";

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some((event_type, rest)) = split_at_first(bytes, b"\n") else { return Corpus::Reject };
    let Some((data, document)) = split_at_first(rest, b"\n") else { return Corpus::Reject };
    let (Some(event_type), Some(data)) = (pointer(event_type), pointer(data)) else { return Corpus::Reject };
    let [id, source, time, subject] = ELSEWHERE.map(|text| Pointer::parse(text).ok());
    let protocol = Protocol::Json(Envelope {
        event_type: event_type.1,
        id,
        source,
        time,
        subject,
        data: (!data.0.is_empty()).then_some(data.1),
    });
    let call = Call { body: document, ..Call::read(HEAD).expect("a head") };
    read(&protocol, &call, |_form, content, events| {
        let [event] = events else { panic!("{} events of a document", events.len()) };
        assert_is_of_document(event, &read_strictly(content, BUDGET.depth), event_type.0, data.0);
    });
    Corpus::Keep
});

/// RFC 6901 section 3: it is empty or starts with `/`, and `~` stands before `0` or `1` only.
fn pointer(text: &[u8]) -> Option<(&str, Pointer)> {
    let text = std::str::from_utf8(text).ok()?;
    let expected = (text.is_empty() || text.starts_with('/')) && text.split('~').skip(1).all(|part| part.starts_with(['0', '1']));
    let pointer = Pointer::parse(text);
    assert_eq!(pointer.is_ok(), expected, "`{text}`");
    Some((text, pointer.ok()?))
}

fn assert_is_of_document(event: &Event<'_>, document: &Value, event_type: &str, data: &str) {
    let [id, source, time, subject] = ELSEWHERE;
    let time_text = event.time.as_ref().map(|time| time.text.as_ref());
    for (pointer, found) in [
        (event_type, Some(event.event_type.as_ref())),
        (id, event.id.as_deref()),
        (source, event.source.as_deref()),
        (time, time_text),
        (subject, event.subject.as_deref()),
    ] {
        let value = document.pointer(pointer);
        assert_eq!(found, value.map(|value| value.as_str().expect("an attribute is a string")), "`{pointer}`");
    }
    match (&event.data, document.pointer(data)) {
        (Data::Absent, None) => {}
        (Data::Json(text), Some(value)) => assert_eq!(serde_json::from_str::<Value>(text).ok().as_ref(), Some(value)),
        (data, value) => panic!("{data:?} of {value:?}"),
    }
    assert_eq!(event.topic.as_deref(), Some(TOPIC));
    assert!(event.extensions.is_empty() && event.spec_version.is_none());
}
