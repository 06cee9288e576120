//! What every event keeps, however it came, and what one read of JSON has to do with that JSON.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventguard::budget::Budget;
use eventguard::protocol::{Data, Event, Form, Protocol, content};
use eventguard::time::Timestamp;
use serde_json::Value;

use crate::call::Call;
use crate::json::read_strictly;

/// Small, so that a fuzzer reaches every bound.
pub const BUDGET: Budget = Budget { body: 4096, events: 4, depth: 8, attributes: 12, checks: 8, failed_checks: None };

/// What the route says.
pub const TOPIC: &str = "carts";

/// The attributes that the specification of CloudEvents names.
const CORE: [&str; 8] = ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"];

/// Reads a call as [`eventguard::inspect`] does, and has what was admitted checked: its form, its content, its events.
pub fn read(protocol: &Protocol, call: &Call<'_>, check: impl FnOnce(Form, &[u8], &[Event<'_>])) {
    let Ok(form) = protocol.form(&call.head) else { return };
    let Ok(content) = content(&call.head, call.body, &BUDGET) else { return };
    assert!(call.body.len() <= BUDGET.body && content.len() <= BUDGET.body, "the body is over its bound");
    let events = || protocol.events(form, &call.head, &content, Some(TOPIC), &BUDGET);
    let (first, second) = (events(), events());
    assert_eq!(first, second, "read twice, it is not the same");
    let Ok(events) = first else { return };
    assert!((1..=BUDGET.events).contains(&events.len()), "{} events", events.len());
    events.iter().for_each(assert_is_sound);
    check(form, &content, &events);
}

fn assert_is_sound(event: &Event<'_>) {
    assert_eq!(&event.clone().into_owned(), event, "of its own text it is not the same");
    let names: Vec<&str> = names(event).collect();
    assert!(names.len() <= BUDGET.attributes, "{} attributes", names.len());
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a name is there twice: {names:?}");
    for name in names {
        let value = event.attribute(name).expect("it was named");
        assert!(!value.chars().any(char::is_control), "a control character in `{name}`");
        assert!(!value.is_empty() || !CORE.contains(&name), "`{name}` is empty");
    }
    for extension in &event.extensions {
        let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        assert!(is_name(&extension.name) && !extension.name.is_empty() && !CORE.contains(&&*extension.name));
    }
    if event.spec_version.is_some() {
        assert_eq!(event.spec_version.as_deref(), Some("1.0"));
        assert!(event.id.is_some() && event.source.is_some(), "a CloudEvent without an id or a source");
    }
    if let Some(time) = &event.time {
        let milliseconds = Timestamp::from_unix_nanos(time.at.unix_nanos().div_euclid(1_000_000) * 1_000_000);
        assert_eq!(Timestamp::parse(&time.at.to_string()), Ok(milliseconds), "`{}`", time.text);
    }
}

/// The attributes that an event has.
pub fn names<'e>(event: &'e Event<'_>) -> impl Iterator<Item = &'e str> {
    let core = CORE.into_iter().filter(|name| event.attribute(name).is_some());
    core.chain(event.extensions.iter().map(|extension| &*extension.name))
}

/// An event in the JSON format of CloudEvents says what its JSON says, and nothing else.
pub fn assert_is_of_json(event: &Event<'_>, json: &Value) {
    let members = json.as_object().expect("an event is an object");
    for (name, value) in members.iter().filter(|(name, _)| !matches!(name.as_str(), "data" | "data_base64")) {
        assert_eq!(event.attribute(name), canonical(value).as_deref(), "`{name}`");
    }
    for name in names(event) {
        assert!(members.contains_key(name), "`{name}` is from nowhere");
    }
    let binary = members.get("data_base64").map(|text| STANDARD.decode(text.as_str().expect("base64")).expect("base64"));
    match (&event.data, members.get("data"), binary) {
        (Data::Absent, None, None) => {}
        (Data::Json(text), Some(value), None) => assert_eq!(&parse(text), value),
        (Data::Text(text), Some(value), None) => assert_eq!(Some(text.as_ref()), value.as_str()),
        (Data::Binary(bytes), None, Some(binary)) => assert_eq!(bytes.as_ref(), binary),
        (data, ..) => panic!("{data:?} of {json}"),
    }
}

/// The canonical string encoding of an attribute's value.
fn canonical(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => {
            let integer = number.as_i64().and_then(|integer| i32::try_from(integer).ok()).expect("an Integer has 32 bits");
            Some(integer.to_string())
        }
        Value::Array(_) | Value::Object(_) => panic!("no attribute has the value {value}"),
    }
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("serde_json reads it too")
}

/// Names and values beside the data: an event that is the data says the same, and one that is made of them says nothing else.
/// `pairs` are names without their prefix, and whether the event is the data is for the content type to say.
pub fn assert_is_of_pairs(event: &Event<'_>, pairs: &[(&str, &str)], content_type: Option<&str>, data: &[u8]) {
    for (name, value) in pairs {
        assert_eq!(event.attribute(name), Some(*value), "`{name}`");
    }
    if content_type.is_some_and(is_structured) {
        return assert_is_of_json(event, &read_strictly(data, BUDGET.depth));
    }
    for name in names(event) {
        let is_content_type = name == "datacontenttype" && event.attribute(name) == content_type;
        assert!(is_content_type || pairs.iter().any(|(pair, _)| *pair == name), "`{name}` is from nowhere");
    }
    if content_type.is_some() {
        assert_eq!(event.data_content_type.as_deref(), content_type);
    }
    assert_eq!(event.data.bytes(), data);
}

/// Whether a content type says that the data is the event.
#[must_use]
pub fn is_structured(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim_matches([' ', '\t']).eq_ignore_ascii_case("application/cloudevents+json")
}
