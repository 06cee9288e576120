use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use prost::Message;

use super::content::gzip;
use super::*;
use crate::protocol::pubsub::{Attributes, Names};

/// google.pubsub.v1.PublishRequest, as a decoder in use has it.
#[derive(Clone, PartialEq, Message)]
struct PublishRequest {
    #[prost(string, tag = "1")]
    topic: String,
    #[prost(message, repeated, tag = "2")]
    messages: Vec<PubsubMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct PubsubMessage {
    #[prost(bytes = "vec", tag = "1")]
    data: Vec<u8>,
    #[prost(btree_map = "string, string", tag = "2")]
    attributes: std::collections::BTreeMap<String, String>,
    #[prost(string, tag = "3")]
    message_id: String,
    #[prost(message, optional, tag = "4")]
    publish_time: Option<Time>,
    #[prost(string, tag = "5")]
    ordering_key: String,
}

#[derive(Clone, PartialEq, Message)]
struct Time {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

const TOPIC: &str = "projects/shop/topics/orders";
const CORE: [(&str, &str); 4] = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")];
const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{ "a":1 }}"#;
const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json");

fn message(attributes: &[(&str, &str)], data: &[u8]) -> PubsubMessage {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    PubsubMessage { data: data.to_vec(), attributes, ..PubsubMessage::default() }
}

fn bound(more: &[(&str, &str)], data: &[u8]) -> PubsubMessage {
    message(&CORE.iter().chain(more).copied().collect::<Vec<_>>(), data)
}

fn request(messages: Vec<PubsubMessage>) -> Vec<u8> {
    PublishRequest { topic: TOPIC.to_owned(), messages }.encode_to_vec()
}

fn call(headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<Event<'static>>, ProtocolError> {
    let headers: Vec<_> = [("content-type", "application/grpc")].iter().chain(headers).copied().collect();
    read(&PUBSUB, &headers, body)
}

fn publish(request: &[u8]) -> Result<Vec<Event<'static>>, ProtocolError> {
    call(&[], &frame(0, request))
}

fn one(message: PubsubMessage) -> Result<Event<'static>, ProtocolError> {
    publish(&request(vec![message])).map(|mut events| events.remove(0))
}

#[test]
fn grpc_and_json_are_the_content_types() {
    for (text, expected) in [
        ("application/grpc", Some(Form::Grpc(Codec::Proto))),
        ("Application/gRPC+proto", Some(Form::Grpc(Codec::Proto))),
        ("application/json; charset=utf-8", Some(Form::PubSubRest)),
        ("application/json; charset=utf-16", None),
        ("application/grpc+json", Some(Form::Grpc(Codec::Json))),
        ("application/grpc+json; charset=utf-16", None),
        ("application/grpc-web", Some(Form::Grpc(Codec::Proto))),
        ("application/grpc-web+proto", Some(Form::Grpc(Codec::Proto))),
        ("Application/gRPC-Web-Text", Some(Form::Grpc(Codec::Proto))),
        ("application/grpc-web+json", Some(Form::Grpc(Codec::Json))),
        ("application/grpc-web+thrift", None),
        ("application/grpcx", None),
        ("application/x-protobuf", None),
    ] {
        assert_eq!(PUBSUB.form(&head(&[("content-type", text)])).ok(), expected, "{text}");
    }
}

#[test]
fn the_attributes_of_a_message_make_an_event() {
    let mut message = bound(&[("content-type", "application/json"), ("ce-ext", "Größe%20"), ("other", "x")], b"{ }");
    message.message_id = "7".to_owned();
    message.publish_time = Some(Time { seconds: 1 });
    message.ordering_key = "k".to_owned();
    let event = one(message).unwrap();
    assert_eq!((event.event_type.as_ref(), event.id.as_deref(), event.source.as_deref()), ("t", Some("1"), Some("/s")));
    assert_eq!(event.topic.as_deref(), Some("orders"), "the message's topic, not the route's");
    assert_eq!(event.data_content_type.as_deref(), Some("application/json"));
    assert_eq!(event.extensions, [Extension { name: "ext".into(), value: "Größe%20".into() }]);
    assert_eq!(event.data, Data::Binary(b"{ }".to_vec().into()));
    assert_eq!(one(bound(&[], b"")).unwrap().data, Data::Absent);
    let said = one(bound(&[("ce-datacontenttype", "text/xml")], b"")).unwrap();
    assert_eq!(said.data_content_type.as_deref(), Some("text/xml"), "as the binding's example has it");
}

#[test]
fn a_call_as_a_client_sends_it_is_read() {
    let body = "AAAAAKcKGnByb2plY3RzL3Nob3AvdG9waWNzL2NhcnRzEogBCgJ7fRIVCg5jZS1zcGVjdmVyc2lvbhIDMS4wEgwKBWNlLWlkEgNwLTESFwoJY2Utc291\
                cmNlEgovc2hvcC9jYXJ0EiIKB2NlLXR5cGUSF2NvbS5zaG9wLmNhcnQuSXRlbUFkZGVkEiAKDGNvbnRlbnQtdHlwZRIQYXBwbGljYXRpb24vanNvbg==";
    let events = call(&[("te", "trailers")], &STANDARD.decode(body).unwrap()).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].event_type.as_ref(), events[0].id.as_deref()), ("com.shop.cart.ItemAdded", Some("p-1")));
    assert_eq!((events[0].topic.as_deref(), events[0].data.bytes()), (Some("carts"), b"{}".as_slice()));
}

#[test]
fn the_data_of_a_message_may_be_the_event() {
    let event = one(message(&[STRUCTURED], EVENT.as_bytes())).unwrap();
    assert_eq!((event.event_type.as_ref(), event.topic.as_deref()), ("t", Some("orders")));
    assert_eq!(event.data, Data::Json("{ \"a\":1 }".into()));
    assert!(one(bound(&[STRUCTURED], EVENT.as_bytes())).is_ok());
    let other = EVENT.replace("\"t\"", "\"u\"");
    assert_eq!(one(bound(&[STRUCTURED], other.as_bytes())), Err(mismatch("ce-type")));
    assert!(is_malformed(&one(message(&[STRUCTURED], b""))));
    assert!(is_malformed(&one(message(&[("content-type", "application/cloudevents+avro")], EVENT.as_bytes()))));
}

#[test]
fn a_message_without_attributes_is_no_event() {
    assert_eq!(one(message(&[], EVENT.as_bytes())), Err(ProtocolError::MissingAttribute("specversion")));
    for missing in 0..CORE.len() {
        let mut attributes = CORE.to_vec();
        let (name, _) = attributes.remove(missing);
        let Err(ProtocolError::MissingAttribute(found)) = one(message(&attributes, b"")) else { panic!("{name}") };
        assert_eq!(format!("ce-{found}"), name);
    }
}

#[test]
fn attributes_that_could_be_read_in_two_ways_are_refused() {
    for more in [
        [("Ce-type", "u")],
        [("CE-TYPE", "u")],
        [("ce-Type", "u")],
        [("ce-", "u")],
        [("ce-data", "u")],
        [("ce-time", "now")],
        [("content-type", "")],
    ] {
        assert!(is_malformed(&one(bound(&more, b""))), "{more:?}");
    }
    assert!(is_malformed(&one(bound(&[("content-type", "a/b"), ("Content-Type", "a/b")], b""))));
    let contradicting = bound(&[("content-type", "a/b"), ("ce-datacontenttype", "a/c")], b"");
    assert_eq!(one(contradicting), Err(mismatch("ce-datacontenttype")));
}

#[test]
fn a_field_that_is_unknown_or_there_twice_is_refused_where_a_decoder_would_pass() {
    let topic = field(1, TOPIC.as_bytes());
    let inner = bound(&[], b"d").encode_to_vec();
    let publish_inner = |inner: Vec<u8>| publish(&[topic.clone(), field(2, &inner)].concat());
    assert!(publish_inner(inner.clone()).is_ok());
    let time_twice = [field(4, b""), field(4, b"")].concat();
    let entry = |entry: Vec<u8>| publish_inner([inner.clone(), field(2, &entry)].concat());
    assert!(entry([field(1, b"a"), field(2, b"b")].concat()).is_ok());
    for result in [
        publish(&[topic.clone(), topic.clone(), field(2, &inner)].concat()),
        publish(&[topic.clone(), field(2, &inner), field(1, b"projects/p/topics/other")].concat()),
        publish(&[topic.clone(), field(2, &inner), field(3, b"")].concat()),
        publish(&[topic.clone(), field(2, &inner), vec![0x18, 1]].concat()),
        publish(&[topic.clone(), field(2, &inner), vec![0x02, 0]].concat()),
        publish(&[topic.clone(), field(2, &inner), vec![0x0b, 0x0c]].concat()),
        publish_inner([inner.clone(), field(1, b"e")].concat()),
        publish_inner([inner.clone(), field(6, b"")].concat()),
        publish_inner([inner.clone(), field(3, b"a"), field(3, b"a")].concat()),
        publish_inner([inner.clone(), time_twice].concat()),
        publish_inner([inner.clone(), field(5, b"a"), field(5, b"a")].concat()),
        entry([field(1, b"ce-type"), field(2, b"t")].concat()),
        entry([field(1, b"a"), field(1, b"a")].concat()),
        entry([field(1, b"a"), field(2, b"a"), field(2, b"a")].concat()),
        entry(field(3, b"")),
        entry(field(1, b"\xff")),
        entry([field(1, b"a"), field(2, b"\xff")].concat()),
    ] {
        assert!(is_malformed(&result), "{result:?}");
    }
}

#[test]
fn a_message_that_is_cut_is_refused() {
    let whole = request(vec![bound(&[], b"data")]);
    for end in 0..whole.len() {
        assert!(publish(&whole[..end]).is_err(), "cut at {end}");
    }
    for number in [[0xff; 10].as_slice(), &[0x80; 10], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]] {
        assert!(is_malformed(&publish(number)));
        assert!(is_malformed(&publish(&[&[0x0a], number].concat())));
    }
    assert!(is_malformed(&publish(b"")));
    assert!(is_malformed(&publish(&request(vec![]))));
}

#[test]
fn messages_are_bounded_and_one_bad_one_refuses_all() {
    assert_eq!(publish(&request(vec![bound(&[], b""); 4])).unwrap().len(), 4);
    assert_eq!(publish(&request(vec![bound(&[], b""); 5])), Err(ProtocolError::TooMany { limit: 4 }));
    // Before they are read: what comes behind them may be anything.
    assert_eq!(publish(&b"\x12\x00".repeat(5)), Err(ProtocolError::TooMany { limit: 4 }));
    let last_bad = vec![bound(&[], b""), message(&[], b"")];
    assert_eq!(publish(&request(last_bad)), Err(ProtocolError::MissingAttribute("specversion")));
}

#[test]
fn the_topic_is_a_resource_of_pub_sub() {
    let topic = |topic: &str| {
        let request = PublishRequest { topic: topic.to_owned(), messages: vec![bound(&[], b"")] }.encode_to_vec();
        publish(&request).map(|mut events| events.remove(0).topic.unwrap().into_owned())
    };
    assert_eq!(topic("projects/shop/topics/carts").unwrap(), "carts");
    assert_eq!(topic("projects/shop.example:p/topics/c-1._~+%41").unwrap(), "c-1._~+%41");
    for name in [
        "",
        "orders",
        "topics/orders",
        "/projects/p/topics/orders",
        "projects/p/topics/",
        "projects//topics/orders",
        "projects/p/topics/orders/",
        "projects/p/topics/carts/orders",
        "projects/p/topics/orders:publish",
        "projects/p/Topics/orders",
        "projects/p/subscriptions/orders",
        "projects/p/topics/ord ers",
        "projects/p/topics/orders\n",
        "projects/p/topics/ördens",
    ] {
        assert!(is_malformed(&topic(name)), "{name}");
    }
}

#[test]
fn a_body_is_exactly_one_frame() {
    let request = request(vec![bound(&[], b"data")]);
    let whole = frame(0, &request);
    assert!(call(&[], &whole).is_ok());
    for end in 0..whole.len() {
        assert!(is_malformed(&call(&[], &whole[..end])), "cut at {end}");
    }
    assert!(is_malformed(&call(&[], &[whole.clone(), vec![0]].concat())), "a surplus byte");
    assert!(is_malformed(&call(&[], &[whole.clone(), whole.clone()].concat())), "a second message");
    assert!(is_malformed(&call(&[], &[whole, frame(0, b"")].concat())), "a second, empty message");
    assert_eq!(call(&[], &[0, 0xff, 0xff, 0xff, 0xff]), Err(ProtocolError::TooLarge { limit: BUDGET.body }));
    for flag in [2, 0x80, 0xff] {
        assert!(is_malformed(&call(&[("grpc-encoding", "gzip")], &frame(flag, &request))));
    }
}

#[test]
fn a_compressed_message_is_judged_where_its_encoding_is_named() {
    let request = request(vec![bound(&[], b"data"), message(&[STRUCTURED], EVENT.as_bytes())]);
    let compressed = frame(1, &gzip(&request));
    let gzipped = [("grpc-encoding", "gzip")];
    assert_eq!(call(&gzipped, &compressed), publish(&request));
    assert_eq!(call(&gzipped, &frame(0, &request)), publish(&request), "a call may hold plain messages too");
    assert!(is_malformed(&call(&[], &compressed)));
    assert!(is_malformed(&call(&[("grpc-encoding", "identity")], &compressed)));
    assert!(is_malformed(&call(&gzipped, &frame(1, &request))));
    assert!(is_malformed(&call(&gzipped, &frame(1, &[gzip(&request), vec![0]].concat()))));
    let bomb = frame(1, &gzip(&vec![0; BUDGET.body + 1]));
    assert_eq!(call(&gzipped, &bomb), Err(ProtocolError::TooLarge { limit: BUDGET.body }));
    for name in ["deflate", "snappy", "GZIP", "x-gzip", "gzip,gzip", ""] {
        let head = head(&[("content-type", "application/grpc"), ("grpc-encoding", name)]);
        assert!(matches!(readable(&head, PUBSUB.form(&head).unwrap()), Err(ProtocolError::Encoding { .. })), "{name}");
    }
}

#[test]
fn grpc_web_is_read_as_grpc_is() {
    let body = frame(0, &request(vec![bound(&[], b"data")]));
    let web = |content_type, body: &[u8]| read(&PUBSUB, &[("content-type", content_type)], body);
    let expected = call(&[], &body);
    for content_type in ["application/grpc-web", "application/grpc-web+proto"] {
        assert_eq!(web(content_type, &body), expected, "{content_type}");
        let trailers = [body.clone(), frame(0x80, b"grpc-status:0\r\n")].concat();
        assert!(is_malformed(&web(content_type, &trailers)), "trailers behind the message");
        assert!(is_malformed(&web(content_type, &frame(0x80, b""))));
    }
    let text = |text: &str| web("application/grpc-web-text", text.as_bytes());
    let whole = STANDARD.encode(&body);
    assert_eq!(text(&whole), expected);
    for middle in 1..body.len() {
        // Each part is written out by itself, so padding stands in the middle.
        let parts = [STANDARD.encode(&body[..middle]), STANDARD.encode(&body[middle..])].concat();
        assert_eq!(text(&parts), expected, "{middle}");
    }
    for broken in ["=", "A===", "AA=A", "AAA", "????", &format!("{whole}AA"), &format!("{whole}\n"), "AB=="] {
        assert!(is_malformed(&text(broken)), "{broken}");
    }
    assert!(is_malformed(&text(&STANDARD.encode([body.clone(), frame(0x80, b"")].concat()))), "trailers in base64");
    assert!(is_malformed(&web("application/grpc-web", whole.as_bytes())), "text that is said to be binary");
    let json = frame(0, br#"{"topic":"projects/shop/topics/orders","messages":[{"attributes":{"ce-specversion":"1.0","ce-id":"1","ce-source":"/s","ce-type":"t"},"data":"ZGF0YQ=="}]}"#);
    assert_eq!(web("application/grpc-web+json", &json), expected);
}

#[test]
fn the_json_mapping_over_grpc_is_read_alike() {
    let json = |topic: &str| format!(r#"{{"topic":"{topic}","messages":[{{"data":"ZGF0YQ==",{ATTRIBUTES}}}]}}"#);
    let call = |text: &str| read(&PUBSUB, &[("content-type", "application/grpc+json")], &frame(0, text.as_bytes()));
    assert_eq!(call(&json(TOPIC)), publish(&request(vec![bound(&[], b"data")])));
    assert_eq!(call(&json("projects\\/shop/topics/orders")), publish(&request(vec![bound(&[], b"data")])), "escaped");
    assert!(is_malformed(&call(&json("orders"))));
}

fn rest_on(topic: Option<&str>, body: &str) -> Result<Vec<Event<'static>>, ProtocolError> {
    let head = head(&[("content-type", "application/json")]);
    assert_eq!(PUBSUB.form(&head), Ok(Form::PubSubRest));
    let events = PUBSUB.events(Form::PubSubRest, &head, body.as_bytes(), topic, &BUDGET)?;
    Ok(events.into_iter().map(Event::into_owned).collect())
}

fn rest(body: &str) -> Result<Vec<Event<'static>>, ProtocolError> {
    rest_on(Some("orders"), body)
}

const ATTRIBUTES: &str = r#""attributes":{"ce-specversion":"1.0","ce-id":"1","ce-source":"/s","ce-type":"t"}"#;

#[test]
fn a_rest_call_is_read_as_the_grpc_call_is() {
    let bytes = b"\xfb\xff\xfe{}";
    for data in [STANDARD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)] {
        let body = format!(r#"{{"messages":[{{"data":"{data}",{ATTRIBUTES},"messageId":"7","orderingKey":"k"}}]}}"#);
        assert_eq!(rest(&body).unwrap(), [one(bound(&[], bytes)).unwrap()]);
    }
    let data = STANDARD.encode(EVENT);
    let body = format!(r#"{{"messages":[{{"data":"{data}","attributes":{{"content-type":"{}"}}}}]}}"#, STRUCTURED.1);
    assert_eq!(rest(&body).unwrap(), [one(message(&[STRUCTURED], EVENT.as_bytes())).unwrap()]);
    let body = format!(r#"{{"messages":[{{"data":null,{ATTRIBUTES},"ordering_key":"k"}}]}}"#);
    assert_eq!(rest(&body).unwrap()[0].data, Data::Absent);
}

#[test]
fn what_is_no_rest_call_is_refused() {
    for body in [
        "",
        "{}",
        "[]",
        r#"{"messages":[]}"#,
        r#"{"messages":{}}"#,
        r#"{"messages":[1]}"#,
        &format!(r#"{{"messages":[{{{ATTRIBUTES}}}],"topic":"projects/p/topics/t"}}"#),
        &format!(r#"{{"messages":[{{{ATTRIBUTES},"Data":""}}]}}"#),
        &format!(r#"{{"messages":[{{{ATTRIBUTES},"data":1}}]}}"#),
        &format!(r#"{{"messages":[{{{ATTRIBUTES},"data":"?"}}]}}"#),
        &format!(r#"{{"messages":[{{{ATTRIBUTES},"data":"+_8="}}]}}"#),
        r#"{"messages":[{"attributes":[]}]}"#,
        r#"{"messages":[{"attributes":{"ce-id":1}}]}"#,
        &format!(r#"{{"messages":[{{{ATTRIBUTES}}}]}}"#).replace("ce-id", "Ce-id"),
    ] {
        assert!(is_malformed(&rest(body)), "{body}");
    }
    assert_eq!(rest(r#"{"messages":[{"attributes":null}]}"#), Err(ProtocolError::MissingAttribute("specversion")));
    let many = |count: usize| format!(r#"{{"messages":[{}]}}"#, vec![format!("{{{ATTRIBUTES}}}"); count].join(","));
    assert_eq!(rest(&many(4)).unwrap().len(), 4);
    assert_eq!(rest(&many(5)), Err(ProtocolError::TooMany { limit: 4 }));
}

#[test]
fn the_topic_of_a_rest_call_is_the_routes() {
    let body = format!(r#"{{"messages":[{{{ATTRIBUTES}}}]}}"#);
    let topic = |topic| rest_on(topic, &body).map(|mut events| events.remove(0).topic.unwrap().into_owned());
    assert_eq!(topic(Some("orders")).unwrap(), "orders");
    assert_eq!(topic(Some("orders:publish")).unwrap(), "orders");
    assert!(is_malformed(&topic(Some("orders:setIamPolicy"))));
    assert!(is_malformed(&topic(Some("orders:publish:publish"))));
    assert!(is_malformed(&topic(None)));
}

/// Which attributes say what an event is, where the policy says it.
fn named() -> Protocol {
    let name = |name: &str| Some(name.to_owned());
    Protocol::PubSub(Attributes::Named(Box::new(Names {
        event_type: "eventType".to_owned(),
        id: name("eventId"),
        source: name("origin"),
        time: name("at"),
        subject: name("about"),
    })))
}

#[test]
fn attributes_that_the_policy_names_make_an_event() {
    let all =
        [("eventType", "t"), ("eventId", "1"), ("origin", "/s"), ("at", "2026-11-23T08:00:00Z"), ("about", "x"), ("other", "y")];
    let call =
        |message: PubsubMessage| read(&named(), &[("content-type", "application/grpc")], &frame(0, &request(vec![message])));
    let event = call(message(&all, b"data")).unwrap().remove(0);
    for (name, expected) in [("type", "t"), ("id", "1"), ("source", "/s"), ("time", "2026-11-23T08:00:00Z"), ("subject", "x")] {
        assert_eq!(event.attribute(name), Some(expected), "{name}");
    }
    assert_eq!((event.topic.as_deref(), event.data.bytes()), (Some("orders"), b"data".as_slice()));
    assert_eq!(event.spec_version, None);
    let least = call(message(&[("eventType", "t"), ("eventId", "")], b"")).unwrap().remove(0);
    assert_eq!((least.id, least.source, least.data), (None, None, Data::Absent), "empty is as absent");
    for absent in [message(&all[1..], b""), message(&[("eventType", "")], b"")] {
        assert_eq!(call(absent), Err(ProtocolError::MissingAttribute("type")));
    }
    assert!(call(message(&[all[0], ("content-type", "application/json")], b"{}")).is_ok());
    for (name, value) in [
        ("ce-type", "u"),
        ("CE-Type", "u"),
        ("EVENTTYPE", "u"),
        ("eventtype", "t"),
        ("Origin", "/s"),
        ("content-type", "application/cloudevents+json"),
        ("Content-Type", "application/cloudevents+avro"),
        ("content-type", "?"),
        ("at", "now"),
        ("about", "a\nb"),
    ] {
        assert!(is_malformed(&call(message(&[all[0], (name, value)], b"{}"))), "{name}: {value}");
    }
}

#[test]
fn attributes_that_the_policy_names_are_read_over_rest() {
    let head = head(&[("content-type", "application/json")]);
    let body = br#"{"messages":[{"attributes":{"eventType":"t","\u0065ventId":"1"},"data":"e30="}]}"#;
    let events = named().events(Form::PubSubRest, &head, body, Some("orders:publish"), &BUDGET).unwrap();
    assert_eq!((events[0].attribute("type"), events[0].attribute("id")), (Some("t"), Some("1")));
    assert_eq!((events[0].topic.as_deref(), events[0].data.bytes()), (Some("orders"), b"{}".as_slice()));
}

fn messages() -> impl Strategy<Value = Vec<PubsubMessage>> {
    let attributes = prop::collection::btree_map("[a-z]{1,8}", "[ -~é]{0,12}", 0..4);
    let message = (prop::collection::vec(any::<u8>(), 0..200), attributes, any::<bool>()).prop_map(|(data, others, timed)| {
        let mut message = bound(&[], &data);
        message.attributes.extend(others.into_iter().map(|(name, value)| (format!("ce-x{name}"), value)));
        message.publish_time = timed.then_some(Time { seconds: -1 });
        message
    });
    prop::collection::vec(message, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_prost_encodes_is_read_alike(messages in messages()) {
        let events = publish(&request(messages.clone())).unwrap();
        prop_assert_eq!(events.len(), messages.len());
        for (event, message) in events.iter().zip(&messages) {
            prop_assert_eq!(event.data.bytes(), &message.data);
            for (name, value) in &message.attributes {
                prop_assert_eq!(event.attribute(name.strip_prefix("ce-").unwrap()), Some(value.as_str()));
            }
        }
    }

    #[test]
    fn one_changed_byte_never_panics_and_is_read_as_prost_reads_it(
        messages in messages(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut request = request(messages);
        let at = at.index(request.len());
        request[at] = byte;
        // What we do not look into (the id, the time, the key) another decoder may refuse: then it reads nothing else either.
        if let (Ok(events), Ok(theirs)) = (publish(&request), PublishRequest::decode(request.as_slice())) {
            let topic = theirs.topic.rsplit('/').next().unwrap();
            prop_assert_eq!(events.len(), theirs.messages.len());
            for (event, message) in events.iter().zip(&theirs.messages) {
                prop_assert_eq!(event.topic.as_deref(), Some(topic));
                prop_assert_eq!(event.attribute("type"), message.attributes.get("ce-type").map(String::as_str));
            }
        }
    }
}
