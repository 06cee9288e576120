use serde_json::{Value as Json, json};

use super::*;
use crate::audit::state::FILTER_STATE;
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
        untrue: None,
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
        data_sha256: Some([0xab; 32]),
        data_size: 71,
        signatures: Vec::new(),
        deprecated: false,
        missing: 0,
        recording: crate::rules::Recording::default(),
        grants: Vec::new(),
        counters: Vec::new(),
        quotas: Vec::new(),
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
    serde_json::from_str(&record.write(None).json).unwrap()
}

fn filter_state(records: &[Record<'_>]) -> String {
    let written: Vec<_> = records.iter().map(|record| (record.is_to_blame(), record.write(None))).collect();
    Record::filter_state(&written.iter().map(|(to_blame, written)| (*to_blame, written)).collect::<Vec<_>>()).into_owned()
}

#[test]
fn a_record_tells_who_what_where_and_what_became_of_it() {
    let outcome = outcome(vec![event("c-1")]);
    let records = Record::of_call(&outcome, &circumstances());
    let [record] = records.as_slice() else { panic!("one record") };
    let written = record.write(Some(Uid { chain: "0a", number: 7 })).json;
    let read: Json = serde_json::from_str(&written).unwrap();
    assert_eq!(
        read,
        json!({
            "action_id": 1, "activity_id": 1, "actor": {"user": {"uid": "cart-service"}},
            "api": {"operation": "publish", "request": {"uid": "r-1"}, "service": {"name": "cloudevents"}},
            "category_uid": 6, "class_uid": 6003, "disposition_id": 1, "dst_endpoint": {"hostname": "bus.shop.example"},
            "firewall_rule": {"name": "com.shop.*"}, "message": "admit com.shop.cart.ItemAdded",
            "metadata": {
                "event_code": "verdict", "log_version": "1",
                "product": {"name": "eventguard", "vendor_name": "eventguard", "version": env!("CARGO_PKG_VERSION")},
                "profiles": ["record_integrity", "security_control", "trace"], "uid": "0a-7", "version": "1.9.0",
            },
            "policy": {"uid": "ab12"},
            "resources": [
                {"name": "com.shop.cart.ItemAdded", "namespace": "/shop/cart", "type": "event", "uid": "c-1"},
                {"name": "carts", "type": "topic"},
            ],
            "severity_id": 1, "src_endpoint": {"uid": "spiffe://cluster.local/ns/shop/sa/cart"}, "status_id": 1,
            "time": 1_795_420_800_500_u64, "trace": {"uid": "4bf92f3577b34da6a3ce929d0e0e4736"}, "type_uid": 600_301,
            "unmapped": {
                "count": 1, "data_sha256": "ab".repeat(32), "data_size": 71, "event_time": "2026-11-23T07:59:58.000Z", "index": 0,
                "mode": "enforce", "path_template": "/events/{topic}", "route": "cloudevents", "traceparent": TRACEPARENT,
                "verdict": "admit",
            },
        })
    );
    // Canonical form: names in order, no white space; this is how serde_json writes a map.
    assert_eq!(read.to_string(), written);
    assert_eq!(record.kind(), Kind::Admitted);
}

#[test]
fn what_a_shadow_says_is_told_where_it_differs_of_the_event_or_of_the_call() {
    let shadow = |refusal| Some(Box::new(crate::decision::Difference { verdict: Some(Verdict::Refuse), refusal }));
    let told = |outcome: &Outcome| {
        let record = json(&Record::of_call(outcome, &circumstances())[0])["unmapped"].clone();
        ["shadow_verdict", "shadow_code", "shadow_detail"].map(|key| record.get(key).and_then(Json::as_str).map(str::to_owned))
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
    let told: Vec<_> = records
        .iter()
        .map(json)
        .map(|json| (json["unmapped"]["verdict"].clone(), json["status_code"].clone(), json["unmapped"]["cause"].clone()))
        .collect();
    let code = json!("rule.unknown-type");
    assert_eq!(told, [(json!("refuse"), code.clone(), json!("call")), (json!("refuse"), code, json!("event"))]);
    assert!(records.iter().all(|record| record.kind() == Kind::Refused));
    assert_eq!(json(&records[1])["message"], "refuse rule.unknown-type com.evil");
    let outcomes = ["action_id", "disposition_id", "severity_id", "status_id"].map(|key| json(&records[1])[key].clone());
    assert_eq!(outcomes, [2, 2, 3, 2].map(Json::from));
}

#[test]
fn a_call_that_was_refused_before_its_events_were_read_has_one_record() {
    let outcome = Outcome { verdict: Verdict::Refuse, refusal: Some(Refusal::Token(TokenError::Missing)), ..outcome(Vec::new()) };
    let records = Record::of_call(&outcome, &circumstances());
    let [record] = records.as_slice() else { panic!("one record") };
    let json = json(record);
    let unmapped = &json["unmapped"];
    assert_eq!(
        (&json["status_code"], &unmapped["cause"], &unmapped["count"]),
        (&json!("token.missing"), &json!("call"), &json!(0))
    );
    assert_eq!((unmapped.get("index"), json.get("resources")), (None, None));
    assert_eq!(json["message"], "refuse token.missing");
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
        let unmapped = &json["unmapped"];
        assert_eq!((&unmapped["coverage"], &unmapped["schemes"]), (&json!([told]), &json!(["dsse"])));
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
    let line = records[0].write(None).json;
    assert!(line.len() < 7000, "{}", line.len());
    assert!(!line.contains(['\n', '\u{1b}']));
    records[0].attributes(&mut |name, text| {
        assert!(text.as_str().len() <= NAME + 3 && !text.as_str().contains(char::is_control), "{name}");
    });
}

#[test]
fn filter_state_is_an_object_for_one_event_and_an_array_for_more() {
    let one = outcome(vec![event("c-1")]);
    let records = Record::of_call(&one, &circumstances());
    assert_eq!(filter_state(&records), records[0].write(None).json);
    let three = outcome(vec![event("c-1"), event("c-2"), event("c-3")]);
    let records = Record::of_call(&three, &circumstances());
    let array: Vec<Json> = serde_json::from_str(&filter_state(&records)).unwrap();
    assert_eq!(array.iter().map(|json| json["resources"][0]["uid"].clone()).collect::<Vec<_>>(), ["c-1", "c-2", "c-3"]);
}

#[test]
fn the_event_that_is_to_blame_is_in_the_filter_state_however_many_there_are() {
    let mut events: Vec<_> = (0..1000).map(|index| event(&format!("c-{index}"))).collect();
    events.push(refused("bad"));
    let outcome = outcome(events);
    let text = filter_state(&Record::of_call(&outcome, &circumstances()));
    assert!(text.len() <= FILTER_STATE);
    let array: Vec<Json> = serde_json::from_str(&text).unwrap();
    assert_eq!((&array[0]["resources"][0]["uid"], &array[0]["unmapped"]["count"]), (&json!("bad"), &json!(1001)));
    assert!(array.len() > 10);
}

#[test]
fn a_record_names_the_publisher_of_its_own_event() {
    let by = |subject: &str| Some(Publisher::from_signature(subject.to_owned()));
    let outcome = outcome(vec![JudgedEvent { publisher: by("order-service"), ..event("c-1") }, event("c-2")]);
    let publishers: Vec<Json> =
        Record::of_call(&outcome, &circumstances()).iter().map(|record| json(record)["actor"]["user"]["uid"].clone()).collect();
    assert_eq!(publishers, [json!("order-service"), json!("cart-service")]);
}

#[test]
fn an_event_that_was_left_out_is_refused_and_the_others_are_admitted() {
    let outcome = Outcome { verdict: Verdict::Admit, refusal: None, ..outcome(vec![event("c-1"), refused("c-2")]) };
    let records = Record::of_call(&outcome, &circumstances());
    assert_eq!(records.iter().map(Record::verdict).collect::<Vec<_>>(), [Verdict::Admit, Verdict::Refuse]);
    assert_eq!((json(&records[0]).get("status_code"), &json(&records[1])["unmapped"]["cause"]), (None, &json!("event")));
}

#[test]
fn a_record_tells_what_is_missing_of_a_sequence_and_that_a_contract_is_old() {
    let outcome = outcome(vec![JudgedEvent { deprecated: true, missing: 3, ..event("c-1") }, event("c-2")]);
    let records = Record::of_call(&outcome, &circumstances());
    let unmapped = |index: usize| json(&records[index])["unmapped"].clone();
    assert_eq!((&unmapped(0)["deprecated"], &unmapped(0)["missing"]), (&json!(true), &json!(3)));
    assert_eq!((unmapped(1).get("deprecated"), unmapped(1).get("missing")), (None, None));
}

#[test]
fn a_publisher_or_a_place_that_nobody_knows_is_said_to_be_unknown() {
    let outcome = Outcome { publisher: None, peer: None, ..outcome(Vec::new()) };
    let records = Record::of_call(&outcome, &Circumstances { authority: "", policy: "", ..circumstances() });
    let json = json(&records[0]);
    assert_eq!((&json["actor"]["user"]["name"], &json["src_endpoint"]["name"]), (&json!("unknown"), &json!("unknown")));
    assert_eq!((json.get("dst_endpoint"), json.get("policy")), (None, None));
}

#[test]
fn what_is_refused_is_kept_and_of_what_is_admitted_as_much_as_the_rule_says() {
    let recorded = |level, one_in| JudgedEvent { recording: Recording { level, one_in }, ..event("c-1") };
    let kept = |event: JudgedEvent, random| Record::of_call(&outcome(vec![event]), &circumstances())[0].is_kept(|| random);
    assert!(kept(recorded(Level::Metadata, 1), 7) && kept(recorded(Level::Digest, 7), 14));
    assert!(!kept(recorded(Level::None, 1), 0) && !kept(recorded(Level::Digest, 7), 15));
    for one_in in [0, 1, 7] {
        assert!(kept(JudgedEvent { recording: Recording { level: Level::None, one_in }, ..refused("c-2") }, 3));
    }
    let shadow = Some(Box::new(crate::decision::Difference { verdict: Some(Verdict::Refuse), refusal: None }));
    assert!(kept(JudgedEvent { shadow, ..recorded(Level::None, 1) }, 3));
    let sampled = outcome(vec![recorded(Level::Digest, 7), JudgedEvent { data_sha256: None, ..event("c-2") }]);
    let records = Record::of_call(&sampled, &circumstances());
    assert_eq!((&json(&records[0])["unmapped"]["sample"], json(&records[1])["unmapped"].get("sample")), (&json!(7), None));
    assert_eq!(json(&records[1])["unmapped"].get("data_sha256"), None);
}
