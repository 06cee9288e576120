mod condition;

use std::borrow::Cow;

use super::*;
use std::time::Duration;

use crate::json::Pointer;
use crate::ledger::{Counts, Tag};
use crate::protocol::{Data, Declared, EventTime};
use crate::time::Timestamp;

fn rule(types: &str) -> Rule {
    Rule {
        event_type: types.into(),
        topics: None,
        sources: None,
        publishers: vec![subject("shipping")],
        signature: SignatureRule::Optional,
        quorum: None,
        contract: None,
        conditions: Vec::new(),
        replay: None,
        sequence: None,
        rates: Vec::new(),
        mode: None,
        recording: Recording::default(),
    }
}

fn rules(types: &[&str]) -> Rules {
    let mut rules = Rules::default();
    for types in types {
        rules.add(rule(types)).unwrap();
    }
    rules
}

fn subject(subject: &str) -> PublisherRule {
    PublisherRule { subject: Some(subject.to_owned()), ..PublisherRule::default() }
}

fn event<'a>(topic: Option<&'a str>, source: Option<&'a str>) -> Event<'a> {
    Event {
        event_type: Cow::Borrowed("com.shop.order.ItemShipped"),
        id: None,
        source: source.map(Cow::Borrowed),
        time: None,
        subject: None,
        topic: topic.map(Cow::Borrowed),
        data_content_type: None,
        data_schema: None,
        declared: Declared::Nothing,
        spec_version: None,
        extensions: Vec::new(),
        data: Data::Absent,
    }
}

#[test]
fn the_rule_that_names_a_type_wins_and_then_the_longest_name_above_it() {
    let rules = rules(&["com.shop.order.ItemShipped", "com.shop.*", "com.shop.order.*", "com.*", "org.*"]);
    for (event_type, expected) in [
        ("com.shop.order.ItemShipped", Some("com.shop.order.ItemShipped")),
        ("com.shop.order.itemshipped", Some("com.shop.order.*")),
        ("com.shop.order.ItemShipped.v2", Some("com.shop.order.*")),
        ("com.shop.order.", Some("com.shop.*")),
        ("com.shop.order", Some("com.shop.*")),
        ("com.shop.orders.X", Some("com.shop.*")),
        ("com.shop.ünicode", Some("com.shop.*")),
        ("com.shop", Some("com.*")),
        ("com.", None),
        ("com", None),
        ("Com.shop", None),
        ("comx.shop", None),
        ("", None),
        (".", None),
        ("com.shop.*", Some("com.shop.*")),
        ("com.shop.a\0b", None),
        ("com.shop.a\u{202e}b", None),
        ("com.shop.a\nb", None),
        ("com.shop.a\u{feff}", None),
        ("сom.shop.order.ItemShipped", None),
    ] {
        assert_eq!(rules.find(event_type).map(|rule| &*rule.event_type), expected, "{event_type:?}");
    }
}

#[test]
fn unicode_look_alikes_and_other_normal_forms_are_other_types() {
    let rules = rules(&["com.shop.Café"]);
    assert!(rules.find("com.shop.Caf\u{e9}").is_some());
    for event_type in
        ["com.shop.Cafe\u{301}", "\u{441}om.shop.Café", "com.shop.\u{ff23}afé", "com\u{2024}shop.Café", "COM.SHOP.CAFÉ"]
    {
        assert!(rules.find(event_type).is_none(), "{event_type:?}");
    }
}

#[test]
fn a_type_of_dots_costs_no_more_than_a_short_one() {
    let rules = rules(&["com.shop.*", "a.b.c.d.*"]);
    assert!(rules.find(&".".repeat(64 << 10)).is_none());
    assert!(rules.find(&"com.shop.".repeat(64 << 10)).is_some());
}

#[test]
fn of_ten_thousand_rules_every_one_is_found() {
    let mut rules = Rules::default();
    for number in 0..10_000 {
        let types = if number % 2 == 0 { format!("com.shop.t{number}") } else { format!("com.shop.t{number}.*") };
        rules.add(rule(&types)).unwrap();
    }
    assert_eq!(rules.len(), 10_000);
    assert_eq!(rules.find("com.shop.t9998").map(|rule| &*rule.event_type), Some("com.shop.t9998"));
    assert_eq!(rules.find("com.shop.t9999.x").map(|rule| &*rule.event_type), Some("com.shop.t9999.*"));
    assert!(rules.find("com.shop.t9999").is_none());
}

#[test]
fn a_second_rule_for_the_same_types_is_an_error() {
    let mut rules = rules(&["com.shop.X", "com.shop.*"]);
    assert_eq!(rules.add(rule("com.shop.*")), Err(RuleError::Duplicate));
    assert_eq!(rules.add(rule("com.shop.X")), Err(RuleError::Duplicate));
    assert_eq!(rules.len(), 2);
}

#[test]
fn what_is_no_type_pattern_is_an_error() {
    for (text, error) in [
        ("", NotAPattern::Empty),
        ("*", NotAPattern::Everything),
        (".*", NotAPattern::Everything),
        ("com.shop*", NotAPattern::Wildcard),
        ("com.*.shop", NotAPattern::Wildcard),
        ("com.*.*", NotAPattern::Wildcard),
        ("*.shop", NotAPattern::Wildcard),
        ("**", NotAPattern::Wildcard),
        ("a\tb", NotAPattern::Control),
        ("a\u{200b}b", NotAPattern::Control),
    ] {
        assert_eq!(rules(&[]).add(rule(text)), Err(RuleError::Pattern(error)), "{text:?}");
    }
}

#[test]
fn topic_and_source_are_what_the_rule_lists() {
    let mut rule = rule("t");
    rule.topics = Some(["orders".to_owned()].into_iter().collect());
    rule.sources = Some(["/shop".to_owned()].into_iter().collect());
    let publisher = Publisher::from_signature("shipping".to_owned());
    let topic = |topic: Option<&str>| Err(Violation::Topic { topic: topic.map(str::to_owned) });
    let source = |source: Option<&str>| Err(Violation::Source { event_source: source.map(str::to_owned) });
    for (event, expected) in [
        (event(Some("orders"), Some("/shop")), Ok(())),
        (event(Some("Orders"), Some("/shop")), topic(Some("Orders"))),
        (event(Some("orders "), Some("/shop")), topic(Some("orders "))),
        (event(Some("carts"), Some("/other")), topic(Some("carts"))),
        (event(None, Some("/shop")), topic(None)),
        (event(Some("orders"), Some("/shop/")), source(Some("/shop/"))),
        (event(Some("orders"), None), source(None)),
    ] {
        assert_eq!(check(&rule, &event, Some(&publisher), None), expected, "{event:?}");
    }
    (rule.topics, rule.sources) = (None, None);
    assert_eq!(check(&rule, &event(None, None), Some(&publisher), None), Ok(()));
}

#[test]
fn who_and_from_where() {
    let peer = |uri: &str| Peer::from_uri(uri.to_owned());
    let from = |peer: &str, rule: PublisherRule| PublisherRule { peer: Some(peer.to_owned()), ..rule };
    let issued = PublisherRule { issuer: Some("shop".to_owned()), ..subject("a") };
    let nobody = Violation::Publisher { subject: None };
    let other = Violation::Publisher { subject: Some("a".to_owned()) };
    for (publishers, publisher, peer, expected) in [
        (vec![subject("a")], Some("a"), None, Ok(())),
        (vec![subject("b"), subject("a")], Some("a"), None, Ok(())),
        (vec![subject("b")], Some("a"), peer("x"), Err(other.clone())),
        (vec![subject("A")], Some("a"), None, Err(other.clone())),
        (vec![subject("a")], None, peer("x"), Err(nobody.clone())),
        (vec![issued], Some("a"), None, Err(other.clone())),
        (vec![from("x", subject("a"))], Some("a"), peer("x"), Ok(())),
        (vec![from("x", subject("a"))], Some("a"), peer("y"), Err(Violation::Peer { peer: Some("y".to_owned()) })),
        (vec![from("x", subject("a"))], Some("a"), None, Err(Violation::Peer { peer: None })),
        (vec![from("x", subject("b"))], Some("a"), peer("x"), Err(other.clone())),
        (vec![from("x", subject("a")), subject("b")], Some("a"), peer("y"), Err(Violation::Peer { peer: Some("y".to_owned()) })),
        (vec![from("x", subject("a")), from("y", subject("a"))], Some("a"), peer("y"), Ok(())),
        (vec![from("x", PublisherRule::default())], None, peer("x"), Ok(())),
        (vec![from("x", PublisherRule::default())], None, peer("y"), Err(Violation::Peer { peer: Some("y".to_owned()) })),
        (vec![PublisherRule::default()], Some("a"), peer("x"), Err(other)),
        (vec![PublisherRule::default()], None, None, Err(nobody.clone())),
        (vec![], None, None, Err(nobody)),
    ] {
        let rule = Rule { publishers, ..rule("t") };
        let publisher = publisher.map(|owner| Publisher::from_signature(owner.to_owned()));
        let found = check(&rule, &event(None, None), publisher.as_ref(), peer.as_ref());
        assert_eq!(found, expected, "{:?} {peer:?}", rule.publishers);
    }
}

#[test]
fn a_claim_is_compared_whole_and_with_its_type() {
    let text = |value: &str| ClaimValue::Text(value.to_owned());
    for (claims, at, values, expected) in [
        (r#"{"role":"publisher"}"#, "/role", vec![text("publisher")], true),
        (r#"{"role":"publisher"}"#, "/role", vec![text("x"), text("publisher")], true),
        (r#"{"role":"publisher admin"}"#, "/role", vec![text("publisher")], false),
        (r#"{"role":["a","publisher"]}"#, "/role", vec![text("publisher")], true),
        (r#"{"role":[["publisher"]]}"#, "/role", vec![text("publisher")], false),
        (r#"{"role":["publisher"]}"#, "/role/0", vec![text("publisher")], true),
        (r#"{"role":[]}"#, "/role", vec![text("publisher")], false),
        (r#"{"role":{"publisher":"publisher"}}"#, "/role", vec![text("publisher")], false),
        (r#"{"role":null}"#, "/role", vec![text("null"), text("")], false),
        (r#"{"Role":"publisher"}"#, "/role", vec![text("publisher")], false),
        (r#"{}"#, "/role", vec![text("publisher")], false),
        (r#"{"a/b":{"~":"x"}}"#, "/a~1b/~0", vec![text("x")], true),
        (r#"{"level":3}"#, "/level", vec![ClaimValue::Integer(3)], true),
        (r#"{"level":"3"}"#, "/level", vec![ClaimValue::Integer(3)], false),
        (r#"{"level":3}"#, "/level", vec![text("3")], false),
        (r#"{"level":3.5}"#, "/level", vec![ClaimValue::Integer(3)], false),
        (r#"{"ok":true}"#, "/ok", vec![ClaimValue::Bool(true)], true),
        (r#"{"ok":"true"}"#, "/ok", vec![ClaimValue::Bool(true)], false),
        (r#"{"ok":false}"#, "/ok", vec![ClaimValue::Bool(true)], false),
    ] {
        let publisher = Publisher::in_test("shop", "a", &serde_json::from_str(claims).unwrap());
        let claims = vec![Claim { at: Pointer::parse(at).unwrap(), values }];
        let rule = Rule { publishers: vec![PublisherRule { claims, ..subject("a") }], ..rule("t") };
        let found = check(&rule, &event(None, None), Some(&publisher), None);
        assert_eq!(found.is_ok(), expected, "{:?} {:?}", publisher.token().map(|token| token.claims().raw()), rule.publishers);
    }
}

#[test]
fn client_actor_and_scope_are_those_of_the_token() {
    let client = |name: &str| PublisherRule { client: Some(name.to_owned()), ..PublisherRule::default() };
    let actor = |name: &str| PublisherRule { actor: Some(name.to_owned()), ..PublisherRule::default() };
    let scopes = |words: &[&str]| PublisherRule {
        scopes: words.iter().map(|word| (*word).to_owned()).collect(),
        ..PublisherRule::default()
    };
    for (claims, asked, expected) in [
        (r#"{"azp":"app"}"#, client("app"), true),
        (r#"{"client_id":"app"}"#, client("app"), true),
        (r#"{"azp":"app","client_id":"app"}"#, client("app"), true),
        (r#"{"azp":"app","client_id":"other"}"#, client("app"), false),
        (r#"{"azp":"other","client_id":"app"}"#, client("app"), false),
        (r#"{"azp":"App"}"#, client("app"), false),
        (r#"{}"#, client("app"), false),
        (r#"{"act":{"sub":"gateway"}}"#, actor("gateway"), true),
        (r#"{"act":{"sub":"gateway","act":{"sub":"first"}}}"#, actor("gateway"), true),
        (r#"{"act":{"sub":"gateway","act":{"sub":"first"}}}"#, actor("first"), false),
        (r#"{"act":{"act":{"sub":"first"}}}"#, actor("first"), false),
        (r#"{"sub":"gateway"}"#, actor("gateway"), false),
        (r#"{"scope":"a b c"}"#, scopes(&["b"]), true),
        (r#"{"scope":"a b c"}"#, scopes(&["c", "a"]), true),
        (r#"{"scope":"a b c"}"#, scopes(&["a", "d"]), false),
        (r#"{"scope":"ab"}"#, scopes(&["a"]), false),
        (r#"{"scope":"A"}"#, scopes(&["a"]), false),
        (r#"{"scope":"a\tb"}"#, scopes(&["a"]), false),
        (r#"{"scope":["a","b"]}"#, scopes(&["b"]), true),
        (r#"{"scope":["a b"]}"#, scopes(&["b"]), false),
        (r#"{"scope":{"a":"a"}}"#, scopes(&["a"]), false),
        (r#"{"scope":7}"#, scopes(&["7"]), false),
        (r#"{"scp":"a b"}"#, scopes(&["b"]), true),
        (r#"{"scp":["a","b"]}"#, scopes(&["b"]), true),
        (r#"{"scope":"a","scp":"b"}"#, scopes(&["b"]), false),
        (r#"{}"#, scopes(&["a"]), false),
    ] {
        let publisher = Publisher::in_test("shop", "a", &serde_json::from_str(claims).unwrap());
        let rule = Rule { publishers: vec![asked], ..rule("t") };
        let by_token = check(&rule, &event(None, None), Some(&publisher), None);
        assert_eq!(by_token.is_ok(), expected, "{claims} {:?}", rule.publishers);
        let signed = Publisher::from_signature("a".to_owned());
        assert!(check(&rule, &event(None, None), Some(&signed), None).is_err(), "without a token");
        assert!(check(&rule, &event(None, None), None, None).is_err(), "nobody");
    }
}

#[test]
fn the_issuer_is_the_one_that_the_policy_names() {
    let issued = PublisherRule { issuer: Some("shop".to_owned()), ..subject("a") };
    let rule = Rule { publishers: vec![issued], ..rule("t") };
    for (issuer, subject, expected) in [("shop", "a", true), ("other", "a", false), ("shop", "b", false)] {
        let publisher = Publisher::in_test(issuer, subject, &serde_json::json!({}));
        assert_eq!(check(&rule, &event(None, None), Some(&publisher), None).is_ok(), expected, "{issuer} {subject}");
    }
}

#[test]
fn a_required_signature_is_missing_whatever_the_call_says() {
    let required = |schemes: Option<&[Scheme]>| SignatureRule::Required { schemes: schemes.map(<[Scheme]>::to_vec) };
    let (webhooks, jws) = (Scheme::StandardWebhooks, Scheme::Jws);
    for (signature, evidence, expected) in [
        (SignatureRule::Optional, &[][..], Ok(())),
        (SignatureRule::Optional, &[jws], Ok(())),
        (required(None), &[], Err(SignatureError::Missing)),
        (required(None), &[jws], Ok(())),
        (required(Some(&[jws])), &[], Err(SignatureError::Missing)),
        (required(Some(&[jws])), &[webhooks], Err(SignatureError::Missing)),
        (required(Some(&[jws])), &[webhooks, jws], Ok(())),
        (required(Some(&[webhooks, jws])), &[jws], Ok(())),
        (required(Some(&[])), &[jws], Err(SignatureError::Missing)),
    ] {
        let evidence: Vec<_> = evidence.iter().map(|scheme| VerifiedSignature::in_test(*scheme, "a")).collect();
        let rule = Rule { signature, ..rule("t") };
        assert_eq!(check_signature(&rule, &evidence), expected, "{:?} {evidence:?}", rule.signature);
    }
}

#[test]
fn signers_beside_the_publisher_are_those_that_the_rule_asks_for_and_enough_of_them_must_sign() {
    let quorum = |at_least: usize| {
        let signers = ["ship", "audit", "release"].map(str::to_owned).to_vec();
        Rule { quorum: Some(Quorum { at_least, signers }), ..rule("t") }
    };
    let judge = |rule: Option<&Rule>, owners: &[&str]| {
        let evidence: Vec<_> = owners.iter().map(|owner| VerifiedSignature::in_test(Scheme::Dsse, owner)).collect();
        check_signers(rule, "ship", &evidence)
    };
    let other = |owner: &str| Err(SignatureError::Signer { owner: owner.to_owned() });
    let too_few = |found, wanted| Err(SignatureError::Quorum { found, wanted });
    for (rule, owners, expected) in [
        (None, &["ship", "ship"][..], Ok(())),
        (None, &["ship", "audit"], other("audit")),
        (Some(rule("t")), &["ship"], Ok(())),
        (Some(rule("t")), &["audit"], other("audit")),
        (Some(quorum(2)), &["ship", "audit"], Ok(())),
        (Some(quorum(2)), &["audit", "release"], Ok(())),
        (Some(quorum(2)), &["ship", "ship"], too_few(1, 2)),
        (Some(quorum(2)), &["release"], too_few(1, 2)),
        (Some(quorum(2)), &[], too_few(0, 2)),
        (Some(quorum(2)), &["ship", "audit", "stranger"], other("stranger")),
        (Some(quorum(3)), &["ship", "audit"], too_few(2, 3)),
        (Some(quorum(3)), &["release", "ship", "audit"], Ok(())),
    ] {
        assert_eq!(judge(rule.as_ref(), owners), expected, "{rule:?} {owners:?}");
    }
}

#[test]
fn what_is_said_of_outside_input_is_cut() {
    let long = "x".repeat(100);
    assert_eq!(Violation::unknown_type(&long), Violation::UnknownType { event_type: "x".repeat(64) });
    assert_eq!(Violation::Topic { topic: None }.to_string(), "events of this type may not go to a topic without a name");
}

#[test]
fn every_nonce_of_a_call_is_remembered_whichever_of_its_signatures_come_again() {
    let now = Timestamp::parse("2026-11-23T08:00:00Z").unwrap();
    let rule = Rule { replay: Some(replay_of(memory::ReplayKey::Nonce)), ..rule("com.shop.*") };
    let event = event(None, None);
    let tags = |signatures: &[VerifiedSignature]| -> Vec<Tag> {
        let facts = memory::Facts { event: &event, publisher: None, signatures, depth: 8, now, seed: [0; 16] };
        memory::demands(&rule, &[], &facts).unwrap().into_iter().map(|asked| asked.demand.tag).collect()
    };
    let signed = |nonce| VerifiedSignature::with_nonce("shipping", now, nonce);
    let both = tags(&[signed("a"), signed("b")]);
    assert_eq!(both.len(), 2);
    assert_eq!(tags(&[signed("b")]), both[1..]);
    assert_eq!(tags(&[signed("a"), signed("a")]), both[..1], "two signatures over one id");
}

#[test]
fn a_nonce_is_as_old_as_its_signature_whatever_time_the_event_says() {
    let at = |text| Timestamp::parse(text).unwrap();
    let (early, now) = (at("2026-11-23T07:58:59Z"), at("2026-11-23T08:00:00Z"));
    let rule = Rule { replay: Some(replay_of(memory::ReplayKey::Nonce)), ..rule("com.shop.*") };
    let ask = |said: Option<Timestamp>, signed: Timestamp| {
        let time = said.map(|at| EventTime { at, text: Cow::Borrowed("") });
        let event = Event { time, ..event(None, None) };
        let signatures = [VerifiedSignature::with_nonce("shipping", signed, "a")];
        let facts = memory::Facts { event: &event, publisher: None, signatures: &signatures, depth: 8, now, seed: [0; 16] };
        memory::demands(&rule, &[], &facts).map(|asked| asked.len())
    };
    for said in [None, Some(now), Some(early)] {
        assert_eq!(ask(said, now), Ok(1));
        assert_eq!(ask(said, early), Err(Violation::Stale { at: early }), "what nobody signed cannot make it younger");
    }
}

fn replay_of(key: memory::ReplayKey) -> memory::Replay {
    memory::Replay { window: Duration::from_secs(60), key, counts: Counts::Forward, scope: memory::Scope::Proxy }
}

#[test]
fn what_an_event_would_be_numbered_by_is_named_where_it_is_absent() {
    let event = event(None, None);
    let absent = |number| {
        let sequence = memory::Sequence { number, gaps: crate::ledger::Gaps::Allow, keep: Duration::from_secs(60) };
        let rule = Rule { sequence: Some(sequence), ..rule("com.shop.*") };
        let now = Timestamp::parse("2026-11-23T08:00:00Z").unwrap();
        let facts = memory::Facts { event: &event, publisher: None, signatures: &[], depth: 8, now, seed: [0; 16] };
        memory::demands(&rule, &[], &facts).unwrap_err().to_string()
    };
    let attribute = absent(memory::NumberAt::Attribute("shopseq".to_owned()));
    assert_eq!(attribute, "the event has no `shopseq`, by which it would be remembered");
    let pointer = absent(memory::NumberAt::Data(Pointer::parse("/meta/seq").unwrap()));
    assert_eq!(pointer, "the event has no `/meta/seq`, by which it would be remembered");
}

#[test]
fn a_publisher_that_names_nothing_is_nobody_and_not_everybody() {
    let rule = Rule { publishers: vec![PublisherRule::default()], ..rule("t") };
    let publisher = Publisher::in_test("shop", "a", &serde_json::json!({}));
    let peer = Peer::from_uri("spiffe://a".to_owned());
    for publisher in [None, Some(&publisher)] {
        assert!(matches!(check(&rule, &event(None, None), publisher, peer.as_ref()), Err(Violation::Publisher { .. })));
    }
    let rule = Rule { publishers: Vec::new(), ..rule };
    assert!(check(&rule, &event(None, None), Some(&publisher), peer.as_ref()).is_err());
}
