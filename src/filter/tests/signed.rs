//! Calls that are there as a whole and wait for a key of their signature.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::wait::{Nowhere, is_quiet, key_pair};
use super::*;
use crate::keyset::{self, Circumstances, Event, SetId};
use crate::policy::Policy;

const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/cart","type":"com.shop.A","time":"2026-11-23T08:00:00Z"}"#;

/// A detached JWS (RFC 7515 appendix F).
fn signature(kid: &str) -> String {
    let encode = |part: &str| URL_SAFE_NO_PAD.encode(part);
    let head = encode(&json!({"alg": "EdDSA", "kid": kid}).to_string());
    let made = key_pair().sk.sign([&head, ".", &encode(EVENT)].concat(), None);
    format!("{head}..{}", URL_SAFE_NO_PAD.encode(made))
}

/// A proxy whose policy has two sets of signers, and a call in it.
struct Trial {
    policy: Rc<Policy>,
    keys: Store,
    memory: Memory,
    now: Timestamp,
    exchange: Exchange,
    waiting: usize,
}

impl Trial {
    fn new(settings: &str) -> Self {
        let text = format!(
            r#"{{"version": 1, {settings}
                "signers": [{{"name": "one", "publisher": "cart-service", "remote": {{"cluster": "a", "uri": "https://a/keys"}}}},
                    {{"name": "two", "publisher": "cart-service", "remote": {{"cluster": "b", "uri": "https://b/keys"}}}}],
                "signatures": {{"jws": {{}}}},
                "routes": [{{"name": "open", "match": {{"path": "/events/{{topic}}"}}, "protocol": "cloudevents", "anonymous": true}}],
                "events": [{{"type": "com.shop.*", "publishers": [{{"subject": "cart-service"}}], "replay": {{"window": "1h"}}}}]}}"#
        );
        let policy = Rc::new(config::from_json(text.as_bytes(), &|_| None).unwrap_or_else(|errors| panic!("{errors:?}")));
        Self {
            keys: Store::new(&policy.fetched, 1),
            memory: Memory::default(),
            now: Timestamp::parse("2026-11-23T08:00:00Z").unwrap(),
            exchange: Exchange::new(Rc::clone(&policy)),
            waiting: 0,
            policy,
        }
    }

    /// With both sets held, which have the key `a`, and neither fetched just now.
    fn with_keys(settings: &str) -> Self {
        let mut trial = Self::new(settings);
        (0..2).for_each(|set| trial.fetch(set, &["a"]));
        trial.now = trial.now.after(Duration::from_secs(6));
        trial
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Exchange, &mut Surroundings<'_>) -> T) -> T {
        self.exchange.judged_by(&self.policy);
        let Self { keys, memory, now, exchange, waiting, .. } = self;
        let tokens = &mut TokenCache::new(0, [7; 16]);
        act(exchange, &mut Surroundings { now: *now, keys, waiting: *waiting, tokens, crypto: &RustCrypto, store: memory })
    }

    /// Another call, signed by that key, until its body is whole.
    fn call(&mut self, kid: &str) -> Step {
        self.exchange = Exchange::new(Rc::clone(&self.policy));
        let signature = signature(kid);
        let map = map("/events/carts", &[("x-jws-signature", signature.as_bytes())]);
        let arrival = Arrival { map: Some(map), hints: Ok(Hints::default()), peer: None, end_of_stream: false };
        self.with(|exchange, with| {
            assert!(exchange.head(arrival, with).outcomes.is_empty());
            exchange.body_end(whole, with)
        })
    }

    fn fetch(&mut self, set: usize, ids: &[&str]) {
        self.now = self.now.after(Duration::from_secs(1));
        let key = |id: &&str| json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": URL_SAFE_NO_PAD.encode(*key_pair().pk)});
        let body = json!({"keys": ids.iter().map(key).collect::<Vec<_>>()}).to_string();
        let with = Circumstances { now: self.now, random: 0, board: &Nowhere };
        self.keys.update(&Event::Tick, with);
        let answer = keyset::Answer { body: body.as_bytes(), cache_control: None };
        self.keys.update(&Event::Answer(SetId(set), Ok(answer)), with);
        self.policy = Rc::new(self.policy.with_fetched(&|set| self.keys.content(set)));
    }

    fn again(&mut self) -> Step {
        self.with(|exchange, with| exchange.judge_again(whole, with))
    }

    fn awaits(&self) -> Option<(Vec<usize>, Duration)> {
        let (sets, until) = self.exchange.awaits()?;
        Some((sets.iter().map(|set| set.0).collect(), until.since(self.now)))
    }
}

fn whole() -> Buffered {
    Buffered { bytes: Some(EVENT.as_bytes().to_vec()), upstream_reached: false }
}

#[test]
fn a_call_that_comes_before_the_signers_waits_for_each_set() {
    let mut trial = Trial::new("");
    assert!(is_quiet(&trial.call("a")));
    assert_eq!(trial.awaits(), Some((vec![0], Duration::from_secs(10))));
    trial.fetch(0, &["b"]);
    assert!(is_quiet(&trial.again()));
    assert_eq!(trial.awaits(), Some((vec![1], Duration::from_secs(9))));
    trial.fetch(1, &["a"]);
    let step = trial.again();
    assert_eq!((step.flow, code(&step), trial.awaits()), (Flow::Continue, None, None));
    assert_eq!(step.outcomes[0].publisher.as_ref().map(|publisher| publisher.label()), Some("signer/cart-service"));
}

#[test]
fn the_first_call_by_a_new_key_waits_for_it_and_nothing_is_remembered_meanwhile() {
    let mut trial = Trial::with_keys("");
    assert!(is_quiet(&trial.call("new")));
    assert_eq!(trial.awaits(), Some((vec![0, 1], Duration::from_secs(10))));
    assert!(is_quiet(&trial.again()), "it is judged again, and waits on");
    trial.fetch(1, &["a", "new"]);
    let step = trial.again();
    assert_eq!((step.flow, code(&step)), (Flow::Continue, None));
    assert_eq!(trial.exchange.answered().len(), 1, "it is remembered now");
    assert_eq!(code(&trial.call("new")), Some(Code::REPLAY_SEEN));
}

#[test]
fn a_key_that_no_fetch_brings_is_refused_and_not_waited_for_again() {
    let mut trial = Trial::with_keys("");
    assert!(is_quiet(&trial.call("none")));
    trial.fetch(0, &["a"]);
    assert!(is_quiet(&trial.again()), "the other set may have it");
    trial.fetch(1, &["a"]);
    let step = trial.again();
    assert_eq!((step.flow, code(&step), replied(&step)), (Flow::Pause, Some(Code::SIGNATURE_UNKNOWN_KEY), true));
    assert!(is_quiet(&trial.again()), "it was answered");
    assert_eq!(code(&trial.call("none")), Some(Code::SIGNATURE_UNKNOWN_KEY));
    assert_eq!(code(&trial.call("a")), None);
}

#[test]
fn a_call_that_waited_in_vain_is_refused_once() {
    for (mut trial, kid, code_then) in
        [(Trial::new(""), "a", Code::KEYS_UNAVAILABLE), (Trial::with_keys(""), "none", Code::SIGNATURE_UNKNOWN_KEY)]
    {
        assert!(is_quiet(&trial.call(kid)));
        trial.now = trial.now.after(Duration::from_secs(10)).before(Duration::from_nanos(1));
        assert!(is_quiet(&trial.again()));
        trial.now = trial.now.after(Duration::from_nanos(1));
        let step = trial.again();
        assert_eq!((step.flow, code(&step), replied(&step)), (Flow::Pause, Some(code_then), true));
        assert!(is_quiet(&trial.again()));
        assert!(trial.with(|exchange, with| exchange.broken_off(with.means())).outcomes.is_empty());
    }
}

#[test]
fn no_more_calls_wait_than_there_is_room_for() {
    for (waiting, waits) in [(255, true), (256, false)] {
        let mut trial = Trial::new("");
        trial.waiting = waiting;
        let step = trial.call("a");
        assert_eq!((is_quiet(&step), code(&step)), (waits, (!waits).then_some(Code::KEYS_UNAVAILABLE)), "{waiting}");
    }
    for (waiting, waits) in [(127, true), (128, false)] {
        let mut trial = Trial::with_keys("");
        trial.waiting = waiting;
        let step = trial.call("new");
        assert_eq!((is_quiet(&step), code(&step)), (waits, (!waits).then_some(Code::SIGNATURE_UNKNOWN_KEY)), "{waiting}");
    }
}

#[test]
fn a_call_that_is_broken_off_while_it_waits_is_told_and_one_whose_body_has_come_was_held() {
    let mut trial = Trial::with_keys("");
    assert!(is_quiet(&trial.call("new")));
    assert!(is_quiet(&trial.exchange.hold_failed()) && !trial.exchange.is_waiting());
    let step = trial.with(|exchange, with| exchange.broken_off(with.means()));
    assert_eq!((code(&step), replied(&step), trial.awaits()), (Some(Code::CALL_MALFORMED), false, None));
    let mut trial = Trial::with_keys("");
    assert!(is_quiet(&trial.call("new")));
    let step = trial.with(|exchange, with| exchange.head_is_gone(Vec::new(), with.means()));
    assert_eq!((code(&step), replied(&step), trial.awaits()), (Some(Code::HOLD_MISSING), true, None));
}

#[test]
fn a_call_that_reached_its_upstream_while_it_waited_is_refused() {
    let mut trial = Trial::with_keys("");
    assert!(is_quiet(&trial.call("new")));
    trial.fetch(0, &["a", "new"]);
    let step = trial.with(|exchange, with| exchange.judge_again(|| Buffered { upstream_reached: true, ..whole() }, with));
    assert_eq!((code(&step), replied(&step)), (Some(Code::HOLD_MISSING), true));
}

#[test]
fn observe_mode_waits_and_then_says_what_it_would_have_done() {
    let mut trial = Trial::with_keys(r#""mode": "observe","#);
    assert!(is_quiet(&trial.call("none")));
    trial.now = trial.now.after(Duration::from_secs(10));
    let step = trial.again();
    assert_eq!((step.flow, code(&step), replied(&step)), (Flow::Continue, Some(Code::SIGNATURE_UNKNOWN_KEY), false));
}
