//! What is remembered, as a policy writes it.

use std::time::Duration;

use super::*;
use crate::ledger::{Counts, Gaps, Settings, WhenFull};
use crate::rules::memory::{Counted, NumberAt, RateKey, ReplayKey};

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
            json!({"window": "1m", "scope": "cluster"}),
            "events[0].replay.scope: `cluster` is not one of `proxy`",
        ),
        ("/events/0/sequence", json!({"attribute": "/~"}), "events[0].sequence.attribute: not a JSON Pointer"),
        ("/events/0/sequence", json!({"attribute": ""}), "events[0].sequence.attribute: is empty"),
        ("/events/0/rate", json!({"per": "1s"}), "events[0].rate.limit: is missing"),
        ("/events/0/rate", json!({"limit": 1}), "events[0].rate.per: is missing"),
        ("/events/0/rate", json!({"limit": 0, "per": "1s"}), "events[0].rate.limit: nothing could keep it: it must be 1 or more"),
        ("/events/0/rate", json!([]), "events[0].rate: is empty"),
        ("/events/0/rate", json!(7), "events[0].rate: "),
        ("/rate", json!([{"limit": 1, "per": "1s", "by": []}]), "rate[0].by: is empty"),
        ("/rate", json!({"limit": 1, "per": "1s", "by": ["type", "type"]}), "rate.by[1]: this is there already"),
        ("/rate", json!({"limit": 1, "per": "3650d", "burst": 2}), "rate: one of them every"),
        ("/memory", json!({"entries": 0}), "memory.entries: nothing could keep it: it must be 1 or more"),
    ] {
        let found = errors(with(pointer, value.clone()));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{pointer} {value}: {found:?}");
    }
}
