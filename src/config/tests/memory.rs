//! What is remembered, as a policy writes it.

use std::time::Duration;

use super::*;
use crate::ledger::{Counts, Gaps, Settings, WhenFull};
use crate::policy::OnUnavailable;
use crate::rules::memory::{Counted, NumberAt, RateKey, ReplayKey, Scope};

const MINUTE: Duration = Duration::from_secs(60);

fn rule(key: &str, value: Value) -> crate::rules::Rule {
    compiled(with(&format!("/events/0/{key}"), value)).rules.find("t.A").unwrap().clone()
}

#[test]
fn a_window_is_all_that_replay_needs() {
    let replay = rule("replay", json!({"window": "1m"})).replay.unwrap();
    assert_eq!((replay.window, replay.key, replay.counts), (MINUTE, ReplayKey::Event, Counts::Accept));
    let replay = rule("replay", json!({"window": "1m", "key": "nonce", "on": "forward", "scope": "proxy"})).replay.unwrap();
    assert_eq!((replay.key, replay.counts), (ReplayKey::Nonce, Counts::Forward));
    assert_eq!(rule("topics", json!(["x"])).replay, None);
}

#[test]
fn a_sequence_is_an_attribute_or_in_the_data() {
    let sequence = rule("sequence", json!({})).sequence.unwrap();
    assert_eq!(sequence.number, NumberAt::Attribute("sequence".to_owned()));
    assert_eq!((sequence.gaps, sequence.keep), (Gaps::Record, 1440 * MINUTE));
    let sequence = rule("sequence", json!({"attribute": "/seq", "gap": "refuse", "window": "1m"})).sequence.unwrap();
    assert!(matches!(sequence.number, NumberAt::Data(_)));
    assert_eq!((sequence.gaps, sequence.keep), (Gaps::Refuse, MINUTE));
}

#[test]
fn a_rate_is_one_or_a_list_and_there_may_be_some_for_all_types() {
    let rates = rule("rate", json!({"limit": 10, "per": "1m"})).rates;
    let [rate] = rates.as_slice() else { panic!("one") };
    assert_eq!(
        (rate.rate.limit(), rate.rate.per(), rate.counted, rate.by.as_slice()),
        (10, MINUTE, Counted::Events, [].as_slice())
    );
    let many = json!([{"limit": "64KiB", "per": "1s", "unit": "bytes"}, {"limit": 2, "per": "1s", "burst": 9, "by": ["publisher", "topic"]}]);
    let rates = rule("rate", many.clone()).rates;
    assert_eq!((rates[0].counted, rates[0].rate.limit()), (Counted::Bytes, 65_536));
    assert_eq!(rates[1].by, [RateKey::Publisher, RateKey::Topic]);
    assert_eq!(compiled(with("/rate", many)).rates, rates);
}

#[test]
fn callers_are_told_of_a_rate_that_says_so() {
    let told = |value: Value| rule("rate", value).rates[0].told.as_ref().map(|policy| policy.item().to_owned());
    assert_eq!(told(json!({"limit": 10, "per": "1m"})), None);
    let named = json!({"limit": 10, "per": "1m", "name": "orders", "headers": true, "unit": "bytes"});
    assert_eq!(told(named).as_deref(), Some(r#""orders";q=10;qu="content-bytes";w=60"#));
    let shared = json!({"limit": 10, "per": "1m", "name": "orders", "headers": false, "scope": "cluster"});
    let rates = compiled(with_limiter("/rate", shared)).rates;
    assert_eq!((rates[0].at_limiter.as_deref(), &rates[0].told), (Some("orders"), &None));
}

#[test]
fn how_much_is_remembered_is_bounded() {
    assert_eq!(compiled(good()).memory, Settings::for_entries(100_000, WhenFull::Refuse));
    let memory = compiled(with("/memory", json!({"entries": 16, "whenFull": "admit"}))).memory;
    assert_eq!(memory, Settings { slots: 1, before: 0, when_full: WhenFull::Admit });
}

#[test]
fn what_could_not_be_kept_is_an_error_with_its_place() {
    for (pointer, value, expected) in [
        ("/events/0/replay", json!({}), "events[0].replay.window: is missing"),
        ("/events/0/replay", json!({"window": "0s"}), "events[0].replay.window: nothing could keep it: it must be longer than 0"),
        (
            "/events/0/replay",
            json!({"window": "1m", "key": "id"}),
            "events[0].replay.key: `id` is not one of `event`, `nonce`, `jti`, `data`",
        ),
        (
            "/events/0/replay",
            json!({"window": "1m", "scope": "fleet"}),
            "events[0].replay.scope: `fleet` is not one of `proxy` or `cluster`",
        ),
        ("/events/0/replay", json!({"window": "1m", "scope": "cluster"}), "limiter: something has `scope: cluster`"),
        ("/events/0/rate", json!({"limit": 1, "per": "1s", "name": "x"}), "events[0].rate.name: it means something only with"),
        ("/events/0/rate", json!({"limit": 1, "per": "1s", "headers": true}), "events[0].rate.name: is missing"),
        (
            "/events/0/rate",
            json!({"limit": 1, "per": "1s", "headers": true, "name": "é"}),
            "events[0].rate.name: callers are told of a rate by a name of printable ASCII",
        ),
        ("/events/0/sequence", json!({"scope": "cluster"}), "events[0].sequence.scope: `cluster` is not one of `proxy`"),
        ("/limiter", json!({}), "limiter.cluster: is missing"),
        ("/limiter", json!({"cluster": ""}), "limiter.cluster: is empty"),
        ("/limiter", json!({"cluster": "l", "domain": ""}), "limiter.domain: is empty"),
        ("/limiter", json!({"cluster": "l", "timeout": "0s"}), "limiter.timeout: nothing could keep it"),
        ("/events/0/sequence", json!({"attribute": "/~"}), "events[0].sequence.attribute: not a JSON Pointer"),
        ("/events/0/sequence", json!({"attribute": ""}), "events[0].sequence.attribute: is empty"),
        ("/events/0/rate", json!({"per": "1s"}), "events[0].rate.limit: is missing"),
        ("/events/0/rate", json!({"limit": 1}), "events[0].rate.per: is missing"),
        ("/events/0/rate", json!({"limit": 0, "per": "1s"}), "events[0].rate.limit: nothing could keep it: it must be 1 or more"),
        ("/events/0/rate", json!([]), "events[0].rate: is empty"),
        ("/events/0/rate", json!(7), "events[0].rate: "),
        ("/rate", json!([{"limit": 1, "per": "1s", "by": []}]), "rate[0].by: is empty"),
        ("/rate", json!({"limit": 1, "per": "1s", "by": ["type", "type"]}), "rate.by[1]: this is there already"),
        ("/rate", json!({"limit": 1, "per": "3650d", "burst": 2}), "rate: a burst that takes more than ten years"),
        ("/memory", json!({"entries": 0}), "memory.entries: nothing could keep it: it must be 1 or more"),
    ] {
        let found = errors(with(pointer, value.clone()));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{pointer} {value}: {found:?}");
    }
}

fn with_limiter(pointer: &str, value: Value) -> Value {
    put(with(pointer, value), "/limiter", json!({"cluster": "limits"}))
}

#[test]
fn what_all_proxies_remember_together_has_a_limiter() {
    let policy = compiled(with_limiter("/events/0/replay", json!({"window": "1m", "scope": "cluster"})));
    let limiter = policy.limiter.unwrap();
    let expected = ("limits", "eventguard", Duration::from_millis(200), OnUnavailable::Refuse);
    assert_eq!((limiter.cluster.as_str(), limiter.domain.as_str(), limiter.timeout, limiter.on_unavailable), expected);
    let replay = policy.rules.find("t.A").unwrap().replay.clone().unwrap();
    assert_eq!((replay.scope, replay.counts), (Scope::Cluster, Counts::Forward), "the limiter takes nothing back");

    let all = json!({"cluster": "l", "domain": "d", "timeout": "1s", "onUnavailable": "proxy"});
    let limiter = compiled(with("/limiter", all)).limiter.unwrap();
    assert_eq!((limiter.domain.as_str(), limiter.on_unavailable), ("d", OnUnavailable::Proxy));
    assert_eq!(compiled(good()).limiter, None);

    let rate = json!({"limit": 1, "per": "1s", "scope": "cluster", "name": "all"});
    assert_eq!(compiled(with_limiter("/rate", rate)).rates[0].at_limiter.as_deref(), Some("all"));
}

#[test]
fn what_the_limiter_cannot_do_is_an_error() {
    for (pointer, value, expected) in [
        (
            "/events/0/replay",
            json!({"window": "1m", "scope": "cluster", "on": "accept"}),
            "events[0].replay.on: the limiter takes nothing back",
        ),
        ("/rate", json!({"limit": 1, "per": "1s", "scope": "cluster"}), "rate.name: is missing"),
        ("/rate", json!({"limit": 1, "per": "1s", "scope": "cluster", "name": ""}), "rate.name: is empty"),
    ] {
        let found = errors(with_limiter(pointer, value.clone()));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{pointer} {value}: {found:?}");
    }
}

#[test]
fn a_stream_does_not_wait_for_the_limiter() {
    let stream = json!({"name": "s", "match": {"grpc": "shop.Bus/Stream"}, "protocol": "cloudevents", "grpc": {"stream": true}});
    let document = with_limiter("/rate", json!({"limit": 1, "per": "1s", "scope": "cluster", "name": "all"}));
    let found = errors(put(document, "/routes/-", stream.clone()));
    assert!(found.len() == 1 && found[0].starts_with("routes[2]: the messages of a stream do not wait"), "{found:?}");
    let alone = with_limiter("/rate", json!({"limit": 1, "per": "1s"}));
    compiled(put(alone, "/routes/-", stream));
}

#[test]
fn a_token_is_remembered_for_as_long_as_its_issuer_would_take_it() {
    for (window, expected) in [("1s", 30), ("29s", 30), ("31s", 31)] {
        let replay = rule("replay", json!({"window": window, "key": "jti"})).replay.unwrap();
        assert_eq!(replay.window, Duration::from_secs(expected), "the leeway is 30s: {window}");
    }
    assert_eq!(rule("replay", json!({"window": "1s"})).replay.unwrap().window, Duration::from_secs(1));
}
