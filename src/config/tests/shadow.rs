//! A second policy beside the first, as it is written.

use super::*;

#[test]
fn a_shadow_says_what_differs_and_has_the_rest_of_the_policy() {
    let shadow = json!({"mode": "observe", "memory": {"entries": 16}});
    let policy = compiled(with("/shadow", shadow.clone()));
    let second = policy.shadow.as_deref().unwrap();
    assert_eq!((policy.mode, second.mode), (Mode::Enforce, Mode::Observe));
    assert_eq!((second.rules.len(), second.routes.iter().count(), second.issuers.len()), (2, 2, 1));
    assert!(second.shadow.is_none());
    // Its digest is the one that it has as a policy of its own, and the first one's covers both.
    let mut alone = good();
    alone.as_object_mut().unwrap().extend(shadow.as_object().unwrap().clone());
    assert_eq!(second.digest, compiled(alone).digest);
    assert_ne!(policy.digest, compiled(good()).digest);
}

#[test]
fn a_shadow_remembers_behind_what_the_policy_remembers() {
    let policy = compiled(with("/shadow", json!({"memory": {"entries": 16}})));
    let second = policy.shadow.as_deref().unwrap();
    assert_eq!((policy.memory.before, second.memory.before, second.memory.slots), (0, policy.memory.slots, 1));
}

/// One case a line.
#[rustfmt::skip]
#[test]
fn errors_of_a_shadow_are_errors_with_their_place() {
    for (shadow, expected) in [
        (json!({}), "shadow: is empty"),
        (json!("observe"), "shadow: found a text, expected a map"),
        (json!({"hold": "headers"}), "shadow.hold: a shadow has no such key: it may say what a policy judges by"),
        (json!({"audit": {"cluster": "logs"}}), "shadow.audit: a shadow has no such key: it may say what a policy judges by"),
        (json!({"shadow": {"mode": "observe"}}), "shadow.shadow: a shadow has no such key: it may say what a policy judges by"),
        (json!({"version": 1}), "shadow.version: a shadow has no such key: it may say what a policy judges by"),
        (json!({"mode": "watch"}), "shadow.mode: `watch` is not one of `enforce` or `observe`"),
        (json!({"events": []}), "shadow.events: is empty"),
        (json!({"events": [{"type": "t.A", "publishers": [{"issuer": "shp"}]}]}), "shadow.events[0].publishers[0].issuer: no issuer is named \"shp\""),
        (json!({"routes": [{"name": "a", "match": {"path": "/a"}, "protocol": "cloudevents"}, {"name": "b", "match": {"path": "/a"}, "protocol": "cloudevents"}]}), "shadow.routes[1]: no call takes this route: shadow.routes[0] takes them all"),
    ] {
        assert_eq!(errors(with("/shadow", shadow)), [expected]);
    }
}

#[test]
fn what_is_wrong_with_both_is_told_once() {
    let mut document = with("/events/0/publishers/0/issuer", json!("shp"));
    document["shadow"] = json!({"mode": "observe", "rate": null});
    let found = errors(document);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("shadow.rate: no value") && found[1].starts_with("events[0].publishers[0].issuer: "),
        "{found:?}"
    );
}
