//! Calls that wait for keys: what the proxy tells of them meanwhile, in each of its ways, is judged once and with them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::keyset::{self, Board, Circumstances, Event, NoBoard, SetId};
use crate::policy::Policy;

pub(super) struct Nowhere;

impl Board for Nowhere {
    fn change(&self, _: &str, _: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Result<(), NoBoard> {
        Err(NoBoard)
    }
}

pub(super) fn key_pair() -> ed25519_compact::KeyPair {
    ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new([3; 32]))
}

fn token(kid: &str) -> String {
    let encode = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let claims = json!({"iss": "https://idp", "sub": "cart-service", "aud": "bus", "exp": 1_795_424_400});
    let signed = format!("{}.{}", encode(json!({"alg": "EdDSA", "kid": kid})), encode(claims));
    format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(key_pair().sk.sign(&signed, None)))
}

/// A proxy with a policy whose keys are fetched, and a call in it.
struct Trial {
    policy: Rc<Policy>,
    keys: Store,
    tokens: TokenCache,
    now: Timestamp,
    exchange: Exchange,
    waiting: usize,
}

impl Trial {
    fn new(settings: &str) -> Self {
        let text = format!(
            r#"{{"version": 1, {settings}
                "issuers": [{{"name": "shop", "issuer": "https://idp", "audiences": ["bus"], "algorithms": ["EdDSA"],
                    "jwks": {{"remote": {{"cluster": "idp", "uri": "https://idp/certs"}}}}}}],
                "routes": [{{"name": "stream", "match": {{"grpc": "bus.Bus/Publish"}}, "protocol": "cloudevents", "topic": "carts",
                        "grpc": {{"stream": true}}}},
                    {{"name": "events", "match": {{"path": "/events/{{topic}}"}}, "protocol": "cloudevents"}}],
                "events": [{{"type": "com.shop.*", "publishers": [{{"subject": "cart-service"}}]}}],
                "limits": {{"body": 100}}}}"#
        );
        let policy = Rc::new(config::from_json(text.as_bytes(), &|_| None).unwrap_or_else(|errors| panic!("{errors:?}")));
        Self {
            keys: Store::new(&policy.fetched, 1),
            tokens: TokenCache::new(8, [7; 16]),
            now: Timestamp::parse("2026-11-23T08:00:00Z").unwrap(),
            exchange: Exchange::new(Rc::clone(&policy)),
            waiting: 0,
            policy,
        }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Exchange, &mut Surroundings<'_>) -> T) -> T {
        self.exchange.judged_by(&self.policy);
        let Self { keys, tokens, now, exchange, waiting, .. } = self;
        let store = &Memory::default();
        act(exchange, &mut Surroundings { now: *now, keys, waiting: *waiting, tokens, crypto: &RustCrypto, store })
    }

    fn head(&mut self, kid: &str, end_of_stream: bool) -> Step {
        let token = token(kid);
        let more: [(&str, &[u8]); 2] = [("authorization", token.as_bytes()), ("x-eventguard-verdict", b"admit")];
        let arrival = Arrival { map: Some(map("/events/carts", &more)), hints: Ok(Hints::default()), peer: None, end_of_stream };
        self.with(|exchange, with| exchange.head(arrival, with))
    }

    fn stream_head(&mut self) -> Step {
        let token = token("a");
        let map = [
            (":method", "POST"),
            (":authority", "bus"),
            (":path", "/bus.Bus/Publish"),
            ("content-type", "application/grpc"),
            ("authorization", &token),
        ];
        let map = Some(map.into_iter().collect());
        let arrival = Arrival { map, hints: Ok(Hints::default()), peer: None, end_of_stream: false };
        self.with(|exchange, with| exchange.head(arrival, with))
    }

    fn body_end(&mut self) -> Step {
        self.with(|exchange, with| exchange.body_end(|| panic!("a body is not read before its head was judged"), with))
    }

    /// The key server answers with these ids, after a while.
    fn fetch(&mut self, ids: &[&str]) {
        self.now = self.now.after(Duration::from_secs(1));
        let keys: Vec<_> = ids
            .iter()
            .map(|id| json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": URL_SAFE_NO_PAD.encode(*key_pair().pk)}))
            .collect();
        let body = json!({"keys": keys}).to_string();
        let with = Circumstances { now: self.now, random: 0, board: &Nowhere };
        self.keys.update(&Event::Tick, with);
        let answer = keyset::Answer { body: body.as_bytes(), cache_control: None };
        self.keys.update(&Event::Answer(SetId(0), Ok(answer)), with);
        self.policy = Rc::new(self.policy.with_fetched(&|set| self.keys.content(set)));
    }

    fn again(&mut self, body: &[u8]) -> Step {
        let buffered = || Buffered { bytes: Some(body.to_vec()), upstream_reached: false };
        self.with(|exchange, with| exchange.judge_again(buffered, with))
    }
}

const PUBLISHER: &str = "x-eventguard-publisher";

fn sets_the_publisher(step: &Step) -> bool {
    let removed = |name: &str| step.commands.contains(&Command::Remove(name.to_owned()));
    let set = step.commands.contains(&Command::Set(PUBLISHER, "shop/cart-service".to_owned()));
    assert_eq!((removed("authorization"), removed("x-eventguard-verdict")), (set, set), "{:?}", step.commands);
    set
}

pub(super) fn is_quiet(step: &Step) -> bool {
    step.flow == Flow::Pause && step.commands.is_empty() && step.outcomes.is_empty()
}

#[test]
fn a_call_waits_for_the_keys_and_goes_on_with_them() {
    for (hold, flow) in [("body", Flow::Continue), ("headers", Flow::Pause)] {
        let mut trial = Trial::new(&format!(r#""hold": "{hold}","#));
        assert!(is_quiet(&trial.head("a", false)));
        let (set, until) = trial.exchange.awaits().unwrap();
        assert_eq!((set, until.since(trial.now)), ([SetId(0)].as_slice(), Duration::from_secs(10)));
        assert!(is_quiet(&trial.again(b"")), "nothing is there yet");
        trial.fetch(&["a"]);
        let step = trial.again(b"");
        assert_eq!((step.flow, sets_the_publisher(&step), trial.exchange.awaits()), (flow, true, None), "{hold}");
        assert!(trial.exchange.is_waiting(), "for its body");
        let body = || Buffered { bytes: Some(BODY.to_vec()), upstream_reached: false };
        assert_eq!(trial.with(|exchange, with| exchange.body_end(body, with)).flow, Flow::Continue);
    }
}

#[test]
fn a_body_that_was_shown_meanwhile_is_judged_with_the_head() {
    for hold in ["body", "headers"] {
        let mut trial = Trial::new(&format!(r#""hold": "{hold}","#));
        trial.head("a", false);
        assert!(is_quiet(&trial.exchange.body_part(10)));
        assert!(is_quiet(&trial.body_end()));
        trial.fetch(&["a"]);
        let step = trial.again(BODY);
        assert_eq!((step.flow, step.outcomes.len(), sets_the_publisher(&step)), (Flow::Continue, 1, true), "{hold}");

        let mut trial = Trial::new(&format!(r#""hold": "{hold}","#));
        trial.head("a", false);
        assert!(is_quiet(&trial.body_end()));
        trial.fetch(&["a"]);
        let step = trial.again(b"[]");
        assert_eq!((step.flow, code(&step), step.commands.len()), (Flow::Pause, Some(Code::EVENT_MALFORMED), 1), "{hold}");
    }
}

#[test]
fn a_call_whose_body_was_shown_in_part_does_not_go_on_before_its_end() {
    for hold in ["body", "headers"] {
        let mut trial = Trial::new(&format!(r#""hold": "{hold}","#));
        trial.head("a", false);
        trial.exchange.body_part(10);
        trial.fetch(&["a"]);
        let step = trial.again(b"not whole");
        assert_eq!((step.flow, step.outcomes.len(), sets_the_publisher(&step)), (Flow::Pause, 0, true), "{hold}");
        let body = || Buffered { bytes: Some(BODY.to_vec()), upstream_reached: false };
        assert_eq!(trial.with(|exchange, with| exchange.body_end(body, with)).flow, Flow::Continue);
    }
}

#[test]
fn a_body_over_the_limit_is_not_kept_while_a_call_waits() {
    let mut trial = Trial::new("");
    trial.head("a", false);
    assert!(is_quiet(&trial.exchange.body_part(100)));
    let step = trial.exchange.body_part(101);
    assert_eq!((code(&step), replied(&step)), (Some(Code::CALL_TOO_LARGE), true));
    trial.fetch(&["a"]);
    assert!(is_quiet(&trial.again(b"")), "it was answered");
}

#[test]
fn a_body_over_the_limit_that_is_only_observed_goes_on_without_the_token_and_forged_headers() {
    let mut trial = Trial::new(r#""hold": "headers", "mode": "observe","#);
    trial.head("a", false);
    let step = trial.exchange.body_part(101);
    assert_eq!((step.flow, code(&step), replied(&step)), (Flow::Continue, Some(Code::CALL_TOO_LARGE), false));
    for name in ["authorization", "x-eventguard-verdict"] {
        assert!(step.commands.contains(&Command::Remove(name.to_owned())), "{step:?}");
    }
}

#[test]
fn a_call_without_a_body_is_judged_as_a_whole() {
    let mut trial = Trial::new("");
    assert!(is_quiet(&trial.head("a", true)));
    trial.fetch(&["a"]);
    assert_eq!(code(&trial.again(b"")), Some(Code::EVENT_MALFORMED));
}

#[test]
fn messages_of_a_stream_that_came_meanwhile_are_judged_and_what_is_not_whole_waits() {
    let frame = super::streams::frame("com.shop.A");
    for (shown, flow, outcomes) in [(frame.clone(), Flow::Continue, 1), (frame[..9].to_vec(), Flow::Pause, 0)] {
        let mut trial = Trial::new(r#""hold": "headers","#);
        assert!(is_quiet(&trial.stream_head()));
        assert!(is_quiet(&trial.exchange.body_part(shown.len())));
        trial.fetch(&["a"]);
        let step = trial.again(&shown);
        assert_eq!((step.flow, step.outcomes.len()), (flow, outcomes));
        assert!(step.commands.iter().any(|command| matches!(command, Command::Set(PUBLISHER, _))), "{step:?}");
    }
}

#[test]
fn a_call_that_waited_in_vain_is_refused_once() {
    let mut trial = Trial::new("");
    trial.head("a", false);
    trial.now = trial.now.after(Duration::from_secs(10)).before(Duration::from_nanos(1));
    assert!(is_quiet(&trial.again(b"")));
    trial.now = trial.now.after(Duration::from_nanos(1));
    let step = trial.again(b"");
    assert_eq!((step.flow, code(&step), replied(&step)), (Flow::Pause, Some(Code::KEYS_UNAVAILABLE), true));
    assert!(is_quiet(&trial.again(b"")));
    assert!(trial.with(|exchange, with| exchange.broken_off(with.means())).outcomes.is_empty());
}

#[test]
fn a_key_that_is_unknown_is_waited_for_and_one_that_no_fetch_brings_is_refused() {
    let mut trial = Trial::new("");
    trial.fetch(&["a"]);
    trial.now = trial.now.after(Duration::from_secs(6));
    assert!(is_quiet(&trial.head("b", false)));
    trial.fetch(&["a", "b"]);
    assert_eq!(trial.again(b"").flow, Flow::Continue);

    trial.exchange = Exchange::new(Rc::clone(&trial.policy));
    trial.now = trial.now.after(Duration::from_secs(6));
    assert!(is_quiet(&trial.head("c", false)));
    trial.fetch(&["a", "b"]);
    assert_eq!(code(&trial.again(b"")), Some(Code::TOKEN_UNKNOWN_KEY));
}

#[test]
fn a_key_that_disappears_is_trusted_no_more_also_for_tokens_that_were_verified_and_streams_that_go_on() {
    let mut trial = Trial::new("");
    trial.fetch(&["a"]);
    assert_eq!(trial.head("a", false).cache, Some(crate::identity::CacheUse::Miss));
    trial.exchange = Exchange::new(Rc::clone(&trial.policy));
    assert_eq!(trial.head("a", false).cache, Some(crate::identity::CacheUse::Hit));
    trial.exchange = Exchange::new(Rc::clone(&trial.policy));
    assert!(trial.stream_head().outcomes.is_empty());
    let frame = super::streams::frame("com.shop.A");
    let part = |trial: &mut Trial| {
        trial.with(|exchange, with| exchange.stream_part(Some(&frame), crate::filter::stream::Part::Open, with))
    };
    assert_eq!((part(&mut trial).flow, code(&part(&mut trial))), (Flow::Continue, None));
    trial.now = trial.now.after(Duration::from_secs(600));
    trial.fetch(&["b"]);
    assert_eq!(code(&part(&mut trial)), Some(Code::TOKEN_UNKNOWN_KEY));
    trial.now = trial.now.after(Duration::from_secs(6));
    trial.exchange = Exchange::new(Rc::clone(&trial.policy));
    assert!(is_quiet(&trial.head("a", false)), "it waits for it to come back");
    trial.fetch(&["b"]);
    assert_eq!(code(&trial.again(b"")), Some(Code::TOKEN_UNKNOWN_KEY));
}

#[test]
fn no_more_calls_wait_than_there_is_room_for() {
    for (waiting, waits) in [(255, true), (256, false)] {
        let mut trial = Trial::new("");
        trial.waiting = waiting;
        let step = trial.head("a", false);
        assert_eq!((is_quiet(&step), code(&step)), (waits, (!waits).then_some(Code::KEYS_UNAVAILABLE)), "{waiting}");
    }
    for (waiting, waits) in [(127, true), (128, false)] {
        let mut trial = Trial::new("");
        trial.fetch(&["a"]);
        trial.now = trial.now.after(Duration::from_secs(1));
        trial.waiting = waiting;
        let step = trial.head("b", false);
        assert_eq!((is_quiet(&step), code(&step)), (waits, (!waits).then_some(Code::TOKEN_UNKNOWN_KEY)), "{waiting}");
    }
}

#[test]
fn a_call_that_is_broken_off_or_whose_head_cannot_be_changed_while_it_waits_is_told() {
    let mut trial = Trial::new("");
    trial.head("a", false);
    let step = trial.with(|exchange, with| exchange.broken_off(with.means()));
    assert_eq!((code(&step), replied(&step), trial.exchange.awaits()), (Some(Code::CALL_MALFORMED), false, None));
    let mut trial = Trial::new("");
    trial.head("a", false);
    let step = trial.with(|exchange, with| exchange.head_is_gone(Vec::new(), with.means()));
    assert_eq!((code(&step), replied(&step), trial.exchange.awaits()), (Some(Code::HOLD_MISSING), true, None));
}

#[test]
fn observe_mode_waits_and_then_says_what_it_would_have_done() {
    let mut trial = Trial::new(r#""mode": "observe","#);
    assert!(is_quiet(&trial.head("a", false)));
    trial.now = trial.now.after(Duration::from_secs(10));
    let step = trial.again(b"");
    assert_eq!((step.flow, code(&step), replied(&step)), (Flow::Continue, Some(Code::KEYS_UNAVAILABLE), false));
}

#[test]
fn a_second_policy_is_judged_when_the_first_one_is_and_is_not_waited_for_by_itself() {
    let other = r#""jwks": {"remote": {"cluster": "idp", "uri": "https://idp/other"}}"#;
    let issuer = r#""name": "shop", "issuer": "https://idp", "audiences": ["bus"], "algorithms": ["EdDSA"]"#;
    let differs = |step: &Step| {
        let outcome = step.outcomes.last().unwrap();
        let difference = outcome.events.first().map_or(&outcome.shadow, |event| &event.shadow);
        difference.as_ref().map(|difference| difference.refusal.as_ref().map(crate::decision::Refusal::code))
    };
    for (shadow, code) in [
        (r#""unmatched": "pass""#.to_owned(), None),
        (
            r#""events": [{"type": "com.other", "publishers": [{"subject": "a"}]}]"#.to_owned(),
            Some(Some(Code::RULE_UNKNOWN_TYPE)),
        ),
        (format!(r#""issuers": [{{{issuer}, {other}}}]"#), Some(Some(Code::KEYS_UNAVAILABLE))),
    ] {
        let mut trial = Trial::new(&format!(r#""shadow": {{{shadow}}},"#));
        assert!(is_quiet(&trial.head("a", false)));
        assert!(is_quiet(&trial.body_end()));
        trial.fetch(&["a"]);
        let step = trial.again(BODY);
        assert_eq!((step.flow, differs(&step)), (Flow::Continue, code), "{shadow}");
    }
    let mut trial = Trial::new(r#""shadow": {"unmatched": "pass"},"#);
    trial.head("a", false);
    trial.now = trial.now.after(Duration::from_secs(10));
    assert_eq!(differs(&trial.again(b"")), None, "both refuse it for want of the same keys");
}
