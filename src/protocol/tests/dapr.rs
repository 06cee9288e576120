use std::collections::BTreeMap;

use prost::Message;

use super::*;
use crate::protocol::dapr::Components;

/// dapr.proto.runtime.v1, as a decoder in use has it.
#[derive(Clone, PartialEq, Message)]
struct PublishEventRequest {
    #[prost(string, tag = "1")]
    pubsub_name: String,
    #[prost(string, tag = "2")]
    topic: String,
    #[prost(bytes = "vec", tag = "3")]
    data: Vec<u8>,
    #[prost(string, tag = "4")]
    data_content_type: String,
    #[prost(btree_map = "string, string", tag = "5")]
    metadata: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct BulkPublishRequest {
    #[prost(string, tag = "1")]
    pubsub_name: String,
    #[prost(string, tag = "2")]
    topic: String,
    #[prost(message, repeated, tag = "3")]
    entries: Vec<Entry>,
    #[prost(btree_map = "string, string", tag = "4")]
    metadata: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    entry_id: String,
    #[prost(bytes = "vec", tag = "2")]
    event: Vec<u8>,
    #[prost(string, tag = "3")]
    content_type: String,
    #[prost(btree_map = "string, string", tag = "4")]
    metadata: BTreeMap<String, String>,
}

const ANY: Protocol = Protocol::Dapr(Components::Any);
const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{ "a":1 }}"#;
const CLOUD_EVENT: &str = "application/cloudevents+json";
const PUBLISH: &str = "/v1.0/publish/bus/orders";
const BULK: &str = "/v1.0/publish/bulk/bus/orders";

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn on(protocol: &Protocol, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<Event<'static>>, ProtocolError> {
    let pseudo = [(":method", "POST"), (":authority", "bus"), (":path", path)];
    let map = pseudo.iter().chain(headers).map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    let head = Head::from_map(map.collect()).unwrap();
    let form = protocol.form(&head)?;
    let events = protocol.events(form, &head, body, None, &BUDGET)?;
    Ok(events.into_iter().map(Event::into_owned).collect())
}

fn http(path: &str, content_type: &str, body: &str) -> Result<Event<'static>, ProtocolError> {
    on(&ANY, path, &[("content-type", content_type)], body.as_bytes()).map(|mut events| events.remove(0))
}

fn grpc(method: &str, message: &[u8]) -> Result<Vec<Event<'static>>, ProtocolError> {
    let path = format!("/dapr.proto.runtime.v1.Dapr/{method}");
    on(&ANY, &path, &[("content-type", "application/grpc")], &frame(0, message))
}

fn publish(content_type: &str, metadata: &[(&str, &str)], data: &str) -> Result<Event<'static>, ProtocolError> {
    let request = PublishEventRequest {
        pubsub_name: "bus".to_owned(),
        topic: "orders".to_owned(),
        data: data.as_bytes().to_vec(),
        data_content_type: content_type.to_owned(),
        metadata: map(metadata),
    };
    grpc("PublishEvent", &request.encode_to_vec()).map(|mut events| events.remove(0))
}

fn attributes<'a>(event: &'a Event<'_>) -> [Option<&'a str>; 5] {
    [
        Some(event.event_type.as_ref()),
        event.id.as_deref(),
        event.source.as_deref(),
        event.subject.as_deref(),
        event.topic.as_deref(),
    ]
}

#[test]
fn a_cloud_event_is_handed_on_as_it_is() {
    for event in [http(PUBLISH, CLOUD_EVENT, EVENT), publish(CLOUD_EVENT, &[], EVENT)] {
        let event = event.unwrap();
        assert_eq!(attributes(&event), [Some("t"), Some("1"), Some("/s"), None, Some("orders")]);
        assert_eq!((event.spec_version.as_deref(), event.data), (Some("1.0"), Data::Json("{ \"a\":1 }".into())));
    }
    assert!(http(PUBLISH, "Application/CloudEvents+JSON; charset=utf-8", EVENT).is_ok());
    for metadata in [("rawPayload", "true"), ("ttlInSeconds", "5"), ("partitionKey", "a")] {
        assert!(publish(CLOUD_EVENT, &[metadata], EVENT).is_ok(), "{metadata:?}");
        assert!(http(&format!("{PUBLISH}?metadata.{}={}", metadata.0, metadata.1), CLOUD_EVENT, EVENT).is_ok(), "{metadata:?}");
    }
    assert!(is_malformed(&publish(CLOUD_EVENT, &[], &EVENT.replace("\"id\"", "\"type\""))), "two types");
    assert_eq!(publish(CLOUD_EVENT, &[], "{\"type\":\"t\"}"), Err(ProtocolError::MissingAttribute("specversion")));
    assert!(is_malformed(&publish(CLOUD_EVENT, &[("cloudevent.type", "u")], EVENT)), "whose type?");
    assert!(is_malformed(&http(&format!("{PUBLISH}?metadata.cloudevent.id=2"), CLOUD_EVENT, EVENT)));
}

#[test]
fn everything_else_is_an_event_that_dapr_makes() {
    let wrapped = [Some("com.dapr.event.sent"), None, None, None, Some("orders")];
    for content_type in ["application/json", "text/plain", "application/octet-stream", "application/x-protobuf"] {
        for event in [http(PUBLISH, content_type, EVENT), publish(content_type, &[], EVENT)] {
            let event = event.unwrap();
            assert_eq!((attributes(&event), event.data.bytes()), (wrapped, EVENT.as_bytes()), "{content_type}");
            assert_eq!((event.data_content_type.as_deref(), event.spec_version.as_deref()), (Some(content_type), None));
        }
    }
    let bare = on(&ANY, PUBLISH, &[], b"x").unwrap();
    assert_eq!((attributes(&bare[0]), bare[0].data_content_type.as_deref()), (wrapped, None));
    assert_eq!(publish("", &[], "").unwrap().data, Data::Absent);
}

#[test]
fn metadata_sets_the_attributes_of_what_dapr_makes() {
    let set = [("cloudevent.type", "t"), ("cloudevent.id", "1"), ("cloudevent.source", "/a b"), ("cloudevent.subject", "x&y")];
    let over_grpc =
        publish("text/plain", &[set.as_slice(), &[("cloudevent.traceid", "00"), ("key", "k")]].concat(), "x").unwrap();
    let query = "metadata.cloudevent.type=t&metadata.cloudevent.id=1&metadata.cloudevent.source=/a+b&metadata.cloudevent.subject=x%26y&other=1&&x";
    let over_http = http(&format!("{PUBLISH}?{query}"), "text/plain", "x").unwrap();
    assert_eq!(attributes(&over_grpc), [Some("t"), Some("1"), Some("/a b"), Some("x&y"), Some("orders")]);
    assert_eq!(over_http, over_grpc);
}

#[test]
fn metadata_that_readers_would_take_in_different_ways_is_refused() {
    for (key, value) in [
        ("cloudevent.Type", "u"),
        ("CloudEvent.type", "u"),
        ("cloudevent.\u{17f}ource", "u"),
        ("cloudevent.topic", "u"),
        ("cloudevent.datacontenttype", "application/cloudevents+json"),
        ("cloudevent.type", ""),
        ("cloudevent.type", "a\u{202e}b"),
        ("cloudevent.", "u"),
        ("-", "u"),
        ("rawPayload", "true"),
        ("rawPayload", "yes"),
        ("rawpayload", "true"),
        ("RawPayload", "false"),
    ] {
        assert!(is_malformed(&publish("text/plain", &[(key, value)], "x")), "{key}={value}");
    }
    assert!(publish("text/plain", &[("rawPayload", "False")], "x").is_ok());
    assert!(is_malformed(&publish("text/plain", &[("ttlInSeconds", "1"), ("TTLInSeconds", "2")], "x")));
    for query in [
        "metadata.cloudevent.type=t&metadata.cloudevent.type=u",
        "metadata.cloudevent.type=t&metadata.cloudevent.%54ype=u",
        "metadata.cloudevent.type=t%",
        "metadata.cloudevent.type=%ff",
        "metadata.cloudevent.type=t;metadata.cloudevent.id=1",
        "metadata.rawPayload=true",
        "metadata.%72awPayload=1",
        "metadata.-=u",
    ] {
        assert!(is_malformed(&http(&format!("{PUBLISH}?{query}"), "text/plain", "x")), "{query}");
    }
}

#[test]
fn content_types_that_dapr_and_others_compare_differently_are_refused() {
    for content_type in [
        "application/cloudevents+json ; charset=utf-8",
        " application/cloudevents+json",
        "application/cloudevents+json;charset=utf-16",
        "application/cloudevents-batch+json",
        "application/cloudevents+protobuf",
        "application/json; charset=ibm037",
        "json",
    ] {
        let refused = |result: Result<Event<'_>, _>| matches!(result, Err(ProtocolError::ContentType { .. }));
        assert!(refused(publish(content_type, &[], EVENT)), "{content_type}");
        assert!(refused(http(PUBLISH, content_type, EVENT)), "{content_type}");
    }
}

#[test]
fn attributes_in_headers_are_none_of_dapr() {
    for (path, content_type, body) in
        [(PUBLISH, CLOUD_EVENT, EVENT), (PUBLISH, "text/plain", "x"), (BULK, "application/json", "[]")]
    {
        let beside = on(&ANY, path, &[("content-type", content_type), ("ce-type", "t")], body.as_bytes());
        assert_eq!(beside, Err(mismatch("ce-type")), "{path}");
    }
}

#[test]
fn the_path_names_the_topic_and_whether_there_are_many() {
    for (path, expected) in [
        ("/v1.0/publish/bus/orders", Some("orders")),
        ("/v1.0/publish/bus/a.b_c~d-e:f@g?x=%2f", Some("a.b_c~d-e:f@g")),
        ("/v1.0/publish/bulk/orders", None),
        ("/v1.0/publish/bus/", None),
        ("/v1.0/publish/bus", None),
        ("/v1.0/publish//orders", None),
        ("/v1.0/publish/bus/a/b", None),
        ("/v1.0/publish/bus/orders/", None),
        ("/v1.0/publish/bus/..", None),
        ("/v1.0/publish/bus/ord%65rs", None),
        ("/v1.0/publish/%62ulk/bus/orders", None),
        ("/v1.0//publish/bus/orders", None),
        ("/v1.0-alpha1/publish/bus/orders", None),
        ("/v2.0/publish/bus/orders", None),
        ("/x/v1.0/publish/bus/orders", None),
        ("/v1.0/invoke/bus/orders", None),
        ("/v1.0/publish/bus/orders#x", None),
        ("/v1.0/publish/bus/orders;x", None),
    ] {
        assert_eq!(http(path, "text/plain", "x").ok().and_then(|event| event.topic).as_deref(), expected, "{path}");
    }
    for (path, admitted) in [
        ("/v1.0/publish/bulk/bus/orders", true),
        ("/v1.0-alpha1/publish/bulk/bus/orders", true),
        ("/v1.0-alpha2/publish/bulk/bus/orders", false),
        ("/v1.0/publish/bulk/bus/orders/more", false),
    ] {
        let body = r#"[{"entryId":"1","event":"x","contentType":"text/plain"}]"#;
        assert_eq!(http(path, "application/json", body).is_ok(), admitted, "{path}");
    }
    assert!(matches!(http(BULK, "text/plain", "[]"), Err(ProtocolError::ContentType { .. })));
    for (method, admitted) in [
        ("PublishEvent", true),
        ("PublishEvent/", false),
        ("publishEvent", false),
        ("InvokeService", false),
        ("PublishEvent?x", false),
    ] {
        let request = PublishEventRequest { topic: "t".to_owned(), ..PublishEventRequest::default() };
        assert_eq!(grpc(method, &request.encode_to_vec()).is_ok(), admitted, "{method}");
    }
}

#[test]
fn calls_go_to_the_components_of_the_route() {
    let named = Protocol::Dapr(Components::Named(vec!["bus".to_owned()]));
    let call = |path: &str, body: &str| on(&named, path, &[("content-type", "application/json")], body.as_bytes());
    assert!(call(PUBLISH, "{}").is_ok());
    assert!(is_malformed(&call("/v1.0/publish/other/orders", "{}")));
    assert!(is_malformed(&call(
        "/v1.0/publish/bulk/other/orders",
        r#"[{"entryId":"1","event":1,"contentType":"application/json"}]"#
    )));
    for (pubsub, admitted) in [("bus", true), ("other", false), ("", false)] {
        let request =
            PublishEventRequest { pubsub_name: pubsub.to_owned(), topic: "t".to_owned(), ..PublishEventRequest::default() };
        let path = "/dapr.proto.runtime.v1.Dapr/PublishEvent";
        let result = on(&named, path, &[("content-type", "application/grpc")], &frame(0, &request.encode_to_vec()));
        assert_eq!(result.is_ok(), admitted, "{pubsub}");
    }
    let no_topic = PublishEventRequest { pubsub_name: "bus".to_owned(), ..PublishEventRequest::default() };
    assert!(is_malformed(&grpc("PublishEvent", &no_topic.encode_to_vec())));
}

#[test]
fn many_events_in_json_are_taken_out_as_dapr_takes_them_out() {
    let bulk = |body: &str| on(&ANY, BULK, &[("content-type", "application/json")], body.as_bytes());
    let body = format!(
        r#"[{{"entryId":"1","event":{EVENT},"contentType":"{CLOUD_EVENT}"}},
            {{"entryId":"2","event":{{ "a":1 }},"contentType":"application/json","metadata":{{"cloudevent.type":"u","key":"k"}}}},
            {{"entryId":"3","event":"te\u0078t","contentType":"text/plain","metadata":null}},
            {{"entryId":"4","event":"AQI=","contentType":"application/octet-stream"}}]"#
    );
    let events = bulk(&body).unwrap();
    let found: Vec<_> =
        events.iter().map(|event| (event.event_type.as_ref(), event.topic.as_deref(), event.data.clone())).collect();
    assert_eq!(
        found,
        [
            ("t", Some("orders"), Data::Json("{ \"a\":1 }".into())),
            ("u", Some("orders"), Data::Json("{ \"a\":1 }".into())),
            ("com.dapr.event.sent", Some("orders"), Data::Text("text".into())),
            ("com.dapr.event.sent", Some("orders"), Data::Binary(vec![1, 2].into())),
        ]
    );
    let one = |entry: &str| bulk(&format!("[{entry}]"));
    assert!(one(r#"{"entryId":"1","event":"x","contentType":"text/plain"}"#).is_ok());
    for entry in [
        r#"{"event":"x","contentType":"text/plain"}"#,
        r#"{"entryId":"","event":"x","contentType":"text/plain"}"#,
        r#"{"entryId":1,"event":"x","contentType":"text/plain"}"#,
        r#"{"entryId":"1","Event":"x","contentType":"text/plain"}"#,
        r#"{"entryId":"1","event":"x","EVENT":"y","contentType":"text/plain"}"#,
        r#"{"entryId":"1","contentType":"text/plain"}"#,
        r#"{"entryId":"1","event":1,"contentType":"text/plain"}"#,
        r#"{"entryId":"1","event":"?","contentType":"application/octet-stream"}"#,
        r#"{"entryId":"1","event":"x","contentType":"application/cloudevents+json"}"#,
        r#"{"entryId":"1","event":"x","contentType":"text/plain","metadata":{"a":1}}"#,
        r#"{"entryId":"1","event":"x","contentType":"text/plain","metadata":[]}"#,
        r#"{"entryId":"1","event":"x","contentType":"text/plain","metadata":{"rawPayload":"true"}}"#,
        r#"{"entryId":"1","event":"x","contentType":"text/plain"},{"entryId":"1","event":"x","contentType":"text/plain"}"#,
        "1",
        "",
    ] {
        assert!(is_malformed(&one(entry)), "{entry}");
    }
    for entry in [r#"{"entryId":"1","event":"x"}"#, r#"{"entryId":"1","event":{},"contentType":"application/vnd.x+json"}"#] {
        assert!(matches!(one(entry), Err(ProtocolError::ContentType { .. })), "{entry}");
    }
    assert!(is_malformed(&bulk("{}")));
    let many: Vec<String> = (0..5).map(|id| format!(r#"{{"entryId":"{id}","event":"x","contentType":"text/plain"}}"#)).collect();
    assert_eq!(bulk(&format!("[{}]", many.join(","))), Err(ProtocolError::TooMany { limit: 4 }));
}

fn entry(id: &str, metadata: &[(&str, &str)]) -> Entry {
    Entry { entry_id: id.to_owned(), event: b"x".to_vec(), content_type: "text/plain".to_owned(), metadata: map(metadata) }
}

fn bulk(metadata: &[(&str, &str)], entries: Vec<Entry>) -> Result<Vec<Event<'static>>, ProtocolError> {
    let request =
        BulkPublishRequest { pubsub_name: "bus".to_owned(), topic: "orders".to_owned(), entries, metadata: map(metadata) };
    let events = grpc("BulkPublishEvent", &request.encode_to_vec());
    assert_eq!(grpc("BulkPublishEventAlpha1", &request.encode_to_vec()), events);
    events
}

#[test]
fn many_events_in_a_message_have_metadata_each() {
    let set = [("cloudevent.type", "t")];
    let events = bulk(&[("key", "k")], vec![entry("1", &set), entry("2", &[])]).unwrap();
    assert_eq!(attributes(&events[0]), [Some("t"), None, None, None, Some("orders")]);
    assert_eq!(attributes(&events[1]), [Some("com.dapr.event.sent"), None, None, None, Some("orders")]);
    assert!(is_malformed(&bulk(&[], vec![])));
    assert_eq!(grpc("BulkPublishEvent", &b"\x1a\x00".repeat(5)), Err(ProtocolError::TooMany { limit: 4 }));
    assert!(is_malformed(&bulk(&[], vec![entry("1", &[]), entry("1", &[])])));
    assert!(is_malformed(&bulk(&[], vec![entry("", &[])])));
    let event = Entry { content_type: CLOUD_EVENT.to_owned(), event: EVENT.as_bytes().to_vec(), ..entry("1", &[]) };
    assert_eq!(bulk(&[("rawPayload", "true")], vec![event]).unwrap()[0].event_type, "t");
}

/// Dapr gives an entry what the call's metadata says only where the entry has metadata of its own.
#[test]
fn metadata_of_the_call_and_of_an_entry_say_the_same() {
    let (t, u) = ([("cloudevent.type", "t")], [("cloudevent.type", "u")]);
    let kind = |call: &[(&str, &str)], own: &[(&str, &str)]| {
        bulk(call, vec![entry("1", own)]).map(|mut events| events.remove(0).event_type)
    };
    assert_eq!(kind(&t, &t).unwrap(), "t");
    assert_eq!(kind(&t, &u).unwrap(), "u", "the entry's goes before");
    assert!(is_malformed(&kind(&t, &[])));
    assert!(is_malformed(&kind(&t, &[("key", "k")])));
    assert!(is_malformed(&kind(&[], &[("rawPayload", "true")])));
    assert!(kind(&[("rawPayload", "false")], &[("rawPayload", "0")]).is_ok());
    assert!(is_malformed(&kind(&[("rawPayload", "true")], &[("rawPayload", "true")])), "raw, and no CloudEvent");
}

#[test]
fn a_request_is_read_strictly() {
    let request =
        PublishEventRequest { pubsub_name: "bus".to_owned(), topic: "orders".to_owned(), ..PublishEventRequest::default() };
    let with = |more: Vec<u8>| grpc("PublishEvent", &[request.encode_to_vec(), more].concat());
    assert!(with(field(4, b"text/plain")).is_ok());
    for more in [field(2, b"other"), field(6, b""), field(4, b"text/plain").repeat(2), field(5, &field(1, b"a")).repeat(2)] {
        assert!(is_malformed(&with(more)));
    }
    let json = r#"{"pubsubName":"bus","topic":"orders","data":"eA==","dataContentType":"text/plain","metadata":{"cloudevent.type":"t"}}"#;
    let path = "/dapr.proto.runtime.v1.Dapr/PublishEvent";
    let event = on(&ANY, path, &[("content-type", "application/grpc+json")], &frame(0, json.as_bytes())).unwrap().remove(0);
    assert_eq!(event, publish("text/plain", &[("cloudevent.type", "t")], "x").unwrap());
}

#[test]
fn a_control_character_in_the_content_type_of_what_dapr_wraps_is_refused() {
    for content_type in ["text/plain;\tx=y", "text/plain;x=\"\u{7}\""] {
        assert!(publish(content_type, &[], "data").is_err(), "{content_type:?}");
    }
    assert!(publish("text/plain; x=\"y\"", &[], "data").is_ok());
}
