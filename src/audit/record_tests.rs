use serde_json::{Value as Json, json};

use super::*;
use crate::identity::{Publisher, TokenError};
use crate::protocol::ProtocolError;
use crate::rules::{Mode, Violation};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

pub(crate) fn circumstances() -> Circumstances<'static> {
    Circumstances {
        authority: "bus.shop.example",
        request_id: Some("r-1"),
        traceparent: Some(TRACEPARENT),
        policy: "ab12",
        now: Timestamp::parse("2026-11-23T08:00:00.5Z").unwrap(),
    }
}

pub(crate) fn event(id: &str) -> JudgedEvent {
    JudgedEvent {
        verdict: Verdict::Admit,
        refusal: None,
        publisher: None,
        rule: Some("com.shop.*".into()),
        event_type: "com.shop.cart.ItemAdded".to_owned(),
        id: Some(id.to_owned()),
        source: Some("/shop/cart".to_owned()),
        subject: None,
        time: Timestamp::parse("2026-11-23T07:59:58Z").ok(),
        topic: Some("carts".to_owned()),
        data_sha256: [0xab; 32],
        data_size: 71,
        signatures: Vec::new(),
        deprecated: false,
        missing: 0,
        grants: Vec::new(),
        counters: Vec::new(),
        mode: Mode::Enforce,
        shadow: None,
    }
}

pub(crate) fn outcome(events: Vec<JudgedEvent>) -> Outcome {
    let refused = events.iter().find_map(|event| event.refusal.clone());
    Outcome {
        verdict: refused.as_ref().map_or(Verdict::Admit, |_| Verdict::Refuse),
        refusal: refused,
        mode: crate::rules::Mode::Enforce,
        route: Some("cloudevents".into()),
        path_template: Some("/events/{topic}".into()),
        protocol: Some("cloudevents"),
        publisher: Some(Publisher::from_signature("cart-service".into())),
        peer: Some("spiffe://cluster.local/ns/shop/sa/cart".to_owned()),
        events,
        rest: None,
        shadow: None,
        shadow_grants: Vec::new(),
    }
}

fn refused(id: &str) -> JudgedEvent {
    let refusal = Refusal::Rule(Violation::UnknownType { event_type: "com.evil".to_owned() });
    JudgedEvent { verdict: Verdict::Refuse, refusal: Some(refusal), rule: None, event_type: "com.evil".to_owned(), ..event(id) }
}

fn json(record: &Record<'_>) -> Json {
    serde_json::from_str(&record.to_json()).unwrap()
}

#[test]
fn a_record_tells_who_what_where_and_what_became_of_it() {
    let outcome = outcome(vec![event("c-1")]);
    let records = Record::of_call(&outcome, &circumstances());
    let [record] = records.as_slice() else { panic!("one record") };
    assert_eq!(
        json(record),
        json!({
            "time": "2026-11-23T08:00:00.500Z", "verdict": "admit", "rule": "com.shop.*", "mode": "enforce", "policy": "ab12",
            "type": "com.shop.cart.ItemAdded", "id": "c-1", "source": "/shop/cart", "eventTime": "2026-11-23T07:59:58.000Z",
            "topic": "carts", "dataSha256": "ab".repeat(32), "dataSize": 71, "publisher": "cart-service",
            "peer": "spiffe://cluster.local/ns/shop/sa/cart", "route": "cloudevents", "protocol": "cloudevents",
            "authority": "bus.shop.example", "pathTemplate": "/events/{topic}", "index": 0, "count": 1,
            "requestId": "r-1", "traceparent": TRACEPARENT,
        })
    );
    assert_eq!(record.summary(), "admit com.shop.cart.ItemAdded");
    assert_eq!(record.kind(), Kind::Admitted);
}

#[test]
fn what_a_shadow_says_is_told_where_it_differs_of_the_event_or_of_the_call() {
    let shadow = |refusal| Some(Box::new(crate::decision::Difference { verdict: Some(Verdict::Refuse), refusal }));
    let told = |outcome: &Outcome| {
        let record = json(&Record::of_call(outcome, &circumstances())[0]);
        ["shadowVerdict", "shadowCode", "shadowDetail"].map(|key| record.get(key).and_then(Json::as_str).map(str::to_owned))
    };
    let unlike = JudgedEvent { shadow: shadow(Some(Refusal::Token(TokenError::Missing))), ..event("c-1") };
    let [verdict, code, detail] = told(&outcome(vec![unlike]));
    assert_eq!((verdict.as_deref(), code.as_deref(), detail.is_some()), (Some("refuse"), Some("token.missing"), true));
    let unread =
        Outcome { shadow: Some(Box::new(crate::decision::Difference { verdict: None, refusal: None })), ..outcome(vec![]) };
    assert_eq!(told(&unread), [Some("undecided".to_owned()), None, None]);
    assert_eq!(told(&outcome(vec![event("c-1")])), [None, None, None]);
}

#[test]
fn every_event_of_a_refused_call_is_refused_and_says_whose_fault_it_was() {
    let outcome = outcome(vec![event("c-1"), refused("c-2")]);
    let records = Record::of_call(&outcome, &circumstances());
    let told: Vec<_> =
        records.iter().map(json).map(|json| (json["verdict"].clone(), json["code"].clone(), json["cause"].clone())).collect();
    let code = json!("rule.unknown-type");
    assert_eq!(told, [(json!("refuse"), code.clone(), json!("call")), (json!("refuse"), code, json!("event"))]);
    assert!(records.iter().all(|record| record.kind() == Kind::Refused));
    assert_eq!(records[1].summary(), "refuse rule.unknown-type com.evil");
}

#[test]
fn a_call_that_was_refused_before_its_events_were_read_has_one_record() {
    let outcome = Outcome { verdict: Verdict::Refuse, refusal: Some(Refusal::Token(TokenError::Missing)), ..outcome(Vec::new()) };
    let records = Record::of_call(&outcome, &circumstances());
    let [record] = records.as_slice() else { panic!("one record") };
    let json = json(record);
    assert_eq!((&json["code"], &json["cause"], &json["count"]), (&json!("token.missing"), &json!("call"), &json!(0)));
    assert_eq!((json.get("index"), json.get("type")), (None, None));
    assert_eq!(record.summary(), "refuse token.missing");
}

#[test]
fn what_was_only_observed_is_kept_apart_from_what_was_admitted() {
    let observed = JudgedEvent { verdict: Verdict::Observe, ..refused("c-2") };
    let outcome = Outcome { verdict: Verdict::Observe, ..outcome(vec![event("c-1"), observed]) };
    let records = Record::of_call(&outcome, &circumstances());
    assert!(records.iter().all(|record| record.verdict() == Verdict::Observe && record.kind() == Kind::Refused));
}

#[test]
fn what_a_signature_of_an_event_covers_is_told() {
    use crate::signature::{Coverage, VerifiedSignature};

    for (coverage, told) in [
        (Coverage::Core, "core"),
        (Coverage::CoreAndExtensions, "core+extensions"),
        (Coverage::ExtensionsSkipped, "extensions-skipped"),
    ] {
        let signed = JudgedEvent { signatures: vec![VerifiedSignature::with_coverage(coverage)], ..event("c-1") };
        let outcome = outcome(vec![signed]);
        let json = json(&Record::of_call(&outcome, &circumstances())[0]);
        assert_eq!((&json["coverage"], &json["schemes"]), (&json!([told]), &json!(["dsse"])));
    }
}

#[test]
fn what_the_caller_wrote_is_bounded_and_cleaned() {
    let long = "\u{1b}[2J\n".repeat(1000);
    let event = JudgedEvent {
        event_type: long.clone(),
        id: Some(long.clone()),
        source: Some(long.clone()),
        subject: Some(long.clone()),
        topic: Some(long.clone()),
        ..event("c-1")
    };
    let refusal = Some(Refusal::Protocol(ProtocolError::Malformed(long.clone())));
    let outcome = Outcome { peer: Some(long.clone()), refusal, ..outcome(vec![event]) };
    let circumstances = Circumstances { authority: &long, request_id: Some(&long), traceparent: Some(&long), ..circumstances() };
    let records = Record::of_call(&outcome, &circumstances);
    let line = records[0].to_json();
    assert!(line.len() < 6000, "{}", line.len());
    assert!(!line.contains(['\n', '\u{1b}']));
    records[0].fields(&mut |field, value| {
        if let Value::Text(text) = value {
            let text = text.as_str();
            assert!(text.len() <= NAME + 3 && !text.contains(char::is_control), "{field:?}");
        }
    });
}

#[test]
fn filter_state_is_an_object_for_one_event_and_an_array_for_more() {
    let one = outcome(vec![event("c-1")]);
    let records = Record::of_call(&one, &circumstances());
    assert_eq!(Record::filter_state(&records), records[0].to_json());
    let three = outcome(vec![event("c-1"), event("c-2"), event("c-3")]);
    let records = Record::of_call(&three, &circumstances());
    let array: Vec<Json> = serde_json::from_str(&Record::filter_state(&records)).unwrap();
    assert_eq!(array.iter().map(|json| json["id"].clone()).collect::<Vec<_>>(), ["c-1", "c-2", "c-3"]);
}

#[test]
fn the_event_that_is_to_blame_is_in_the_filter_state_however_many_there_are() {
    let mut events: Vec<_> = (0..1000).map(|index| event(&format!("c-{index}"))).collect();
    events.push(refused("bad"));
    let outcome = outcome(events);
    let text = Record::filter_state(&Record::of_call(&outcome, &circumstances()));
    assert!(text.len() <= FILTER_STATE);
    let array: Vec<Json> = serde_json::from_str(&text).unwrap();
    assert_eq!((&array[0]["id"], &array[0]["count"]), (&json!("bad"), &json!(1001)));
    assert!(array.len() > 10);
}

#[test]
fn a_record_names_the_publisher_of_its_own_event() {
    let by = |subject: &str| Some(Publisher::from_signature(subject.to_owned()));
    let outcome = outcome(vec![JudgedEvent { publisher: by("order-service"), ..event("c-1") }, event("c-2")]);
    let publishers: Vec<Json> =
        Record::of_call(&outcome, &circumstances()).iter().map(|record| json(record)["publisher"].clone()).collect();
    assert_eq!(publishers, [json!("order-service"), json!("cart-service")]);
}

#[test]
fn an_event_that_was_left_out_is_refused_and_the_others_are_admitted() {
    let outcome = Outcome { verdict: Verdict::Admit, refusal: None, ..outcome(vec![event("c-1"), refused("c-2")]) };
    let records = Record::of_call(&outcome, &circumstances());
    assert_eq!(records.iter().map(Record::verdict).collect::<Vec<_>>(), [Verdict::Admit, Verdict::Refuse]);
    assert_eq!((json(&records[0]).get("code"), &json(&records[1])["cause"]), (None, &json!("event")));
}

#[test]
fn a_record_tells_what_is_missing_of_a_sequence_and_that_a_contract_is_old() {
    let outcome = outcome(vec![JudgedEvent { deprecated: true, missing: 3, ..event("c-1") }, event("c-2")]);
    let records = Record::of_call(&outcome, &circumstances());
    assert_eq!((&json(&records[0])["deprecated"], &json(&records[0])["missing"]), (&json!("true"), &json!(3)));
    assert_eq!((json(&records[1]).get("deprecated"), json(&records[1]).get("missing")), (None, None));
}
