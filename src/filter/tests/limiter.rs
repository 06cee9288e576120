//! A call that waits for the limiter: what it is asked, and what becomes of the call for each answer, and without one.

use super::*;
use crate::call::Peer;
use crate::inspect::Means;
use crate::policy::Policy;

// Answers of `envoy.service.ratelimit.v3`: the code of all, then of each its code and its limit, 1.
const WITHIN: &[u8] = b"\x08\x01\x12\x06\x08\x01\x12\x02\x08\x01";
const BOTH_WITHIN: &[u8] = b"\x08\x01\x12\x06\x08\x01\x12\x02\x08\x01\x12\x06\x08\x01\x12\x02\x08\x01";
const OVER: &[u8] = b"\x08\x02\x12\x06\x08\x02\x12\x02\x08\x01";
const FIRST_OVER: &[u8] = b"\x08\x02\x12\x06\x08\x02\x12\x02\x08\x01\x12\x06\x08\x01\x12\x02\x08\x01";
const UNKNOWN: &[u8] = b"\x08\x00";

/// One proxy: what it remembers, and calls that anybody may make.
struct Proxy {
    memory: Memory,
    policy: Rc<Policy>,
}

struct Settings {
    hold: &'static str,
    batch: &'static str,
    mode: &'static str,
    on_unavailable: &'static str,
}

const USUAL: Settings = Settings { hold: "body", batch: "refuse-all", mode: "enforce", on_unavailable: "refuse" };

impl Proxy {
    fn new(Settings { hold, batch, mode, on_unavailable }: Settings) -> Self {
        let text = format!(
            r#"{{"version": 1, "hold": "{hold}", "limiter": {{"cluster": "limits", "onUnavailable": "{on_unavailable}"}},
                "routes": [{{"name": "open", "match": {{"path": "/open/{{topic}}"}}, "protocol": "cloudevents", "anonymous": true,
                    "batch": "{batch}"}}],
                "events": [{{"type": "t", "publishers": [{{"peer": "spiffe://shop/cart"}}], "mode": "{mode}",
                    "replay": {{"window": "10m", "scope": "cluster"}}}}]}}"#
        );
        let policy = config::from_json(text.as_bytes(), &|_| None).unwrap_or_else(|errors| panic!("{errors:?}"));
        Self { memory: Memory::default(), policy: Rc::new(policy) }
    }

    fn means(&self) -> Means<'_> {
        Means { now: Timestamp::parse("2026-11-23T08:00:00Z").unwrap(), crypto: &RustCrypto, store: &self.memory }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Surroundings<'_>) -> T) -> T {
        let Means { now, crypto, store } = self.means();
        act(&mut Surroundings {
            now,
            keys: &mut Store::new(&[], 1),
            waiting: 0,
            tokens: &mut TokenCache::new(0, [7; 16]),
            crypto,
            store,
        })
    }

    /// A call whose events have these ids, up to where it waits or is decided.
    fn call(&self, ids: &[&str]) -> (Exchange, Step) {
        let mut exchange = Exchange::new(Rc::clone(&self.policy));
        let batch: &[(&str, &[u8])] = &[
            (":method", b"POST"),
            (":authority", b"bus"),
            (":path", b"/open/carts"),
            ("content-type", b"application/cloudevents-batch+json"),
        ];
        self.arrive(&mut exchange, batch, false);
        let step = self.with(|with| {
            exchange.body_end(|| Buffered { bytes: Some(batch_of(ids).into_bytes()), upstream_reached: false }, with)
        });
        (exchange, step)
    }

    fn arrive(&self, exchange: &mut Exchange, map: &[(&str, &[u8])], end_of_stream: bool) -> Step {
        let peer = Peer::from_uri("spiffe://shop/cart".to_owned());
        let arrival = Arrival { map: Some(map.iter().copied().collect()), hints: Ok(Hints::default()), peer, end_of_stream };
        self.with(|with| exchange.head(arrival, with))
    }

    /// A call and what became of it with this answer.
    fn answered(&self, ids: &[&str], answer: Option<&[u8]>) -> Step {
        let (mut exchange, step) = self.call(ids);
        assert_eq!((step.flow, asked(&step), step.outcomes.len()), (Flow::Pause, true, 0), "{step:?}");
        exchange.answered_by_limiter(answer, self.means())
    }
}

fn batch_of(ids: &[&str]) -> String {
    let event =
        |id: &&str| format!(r#"{{"specversion":"1.0","id":"{id}","source":"/c","type":"t","time":"2026-11-23T08:00:00Z"}}"#);
    format!("[{}]", ids.iter().map(event).collect::<Vec<_>>().join(","))
}

fn asked(step: &Step) -> bool {
    step.commands.iter().any(|command| command.question().is_some())
}

#[test]
fn a_call_waits_for_the_limiter_and_goes_on_when_it_agrees() {
    let proxy = Proxy::new(USUAL);
    let (mut exchange, step) = proxy.call(&["a"]);
    let question = step.commands.iter().find_map(Command::question).unwrap();
    assert!(question.starts_with(b"\x0a\x0aeventguard\x12"), "{}", question.escape_ascii());
    assert_eq!(exchange.body_part(10).flow, Flow::Pause, "nothing goes on meanwhile");
    let step = exchange.answered_by_limiter(Some(WITHIN), proxy.means());
    assert_eq!((step.flow, code(&step), step.outcomes[0].verdict), (Flow::Continue, None, Verdict::Admit));
    assert_eq!(exchange.answered_by_limiter(Some(OVER), proxy.means()).flow, Flow::Pause, "it answers once");
}

#[test]
fn what_the_limiter_has_seen_is_refused_and_the_proxy_forgets_it() {
    let proxy = Proxy::new(USUAL);
    let step = proxy.answered(&["a"], Some(OVER));
    assert_eq!((code(&step), replied(&step), step.limiter_failed), (Some(Code::REPLAY_SEEN), true, false));
    let again = proxy.answered(&["a"], Some(WITHIN));
    assert_eq!(code(&again), None, "what was granted here was given back");
}

#[test]
fn what_the_proxy_has_seen_itself_is_refused_without_asking() {
    let proxy = Proxy::new(USUAL);
    proxy.answered(&["a"], Some(WITHIN));
    let (_, step) = proxy.call(&["a"]);
    assert_eq!((code(&step), asked(&step)), (Some(Code::REPLAY_SEEN), false));
}

#[test]
fn silence_is_no_yes() {
    for answer in [None, Some(UNKNOWN), Some(b"".as_slice()), Some(b"\xff"), Some(BOTH_WITHIN)] {
        let proxy = Proxy::new(USUAL);
        let step = proxy.answered(&["a"], answer);
        assert_eq!((code(&step), step.limiter_failed), (Some(Code::LIMITER_UNAVAILABLE), true), "{answer:?}");
        assert_eq!(code(&proxy.answered(&["a"], Some(WITHIN))), None, "it may come again");
    }
}

#[test]
fn the_policy_may_say_that_the_proxy_decides_alone() {
    let proxy = Proxy::new(Settings { on_unavailable: "proxy", ..USUAL });
    let step = proxy.answered(&["a"], None);
    assert_eq!((step.flow, code(&step), step.limiter_failed), (Flow::Continue, None, true));
    assert_eq!(code(&proxy.call(&["a"]).1), Some(Code::REPLAY_SEEN));
    assert_eq!(code(&proxy.answered(&["b"], Some(OVER))), Some(Code::REPLAY_SEEN), "an answer is an answer");
}

#[test]
fn one_event_too_many_refuses_the_batch_or_leaves_it() {
    let whole = Proxy::new(USUAL);
    let step = whole.answered(&["a", "b"], Some(FIRST_OVER));
    assert_eq!((code(&step), replied(&step)), (Some(Code::REPLAY_SEEN), true));
    assert_eq!(code(&whole.answered(&["b", "a"], Some(BOTH_WITHIN))), None, "neither counts");

    for hold in ["body", "headers"] {
        let proxy = Proxy::new(Settings { batch: "drop-refused", hold, ..USUAL });
        let (mut exchange, _) = proxy.call(&["a", "b"]);
        let step = exchange.answered_by_limiter(Some(FIRST_OVER), proxy.means());
        let body = step.commands.iter().find_map(|command| match command {
            Command::Body(bytes) => Some(String::from_utf8(bytes.clone()).unwrap()),
            Command::Remove(_) | Command::Set(..) | Command::Reply(_) | Command::Ask(_) | Command::Record => None,
        });
        assert_eq!((step.flow, body), (Flow::Continue, Some(batch_of(&["b"]))));
        assert_eq!(exchange.answer_header(), Some(("x-eventguard-refused", "replay.seen=(0)")));
        assert!(asked(&proxy.call(&["a"]).1) && !asked(&proxy.call(&["b"]).1), "only what went on counts");
    }
}

#[test]
fn a_rule_that_only_observes_says_what_the_limiter_said() {
    let proxy = Proxy::new(Settings { mode: "observe", ..USUAL });
    let step = proxy.answered(&["a"], Some(OVER));
    assert_eq!((step.flow, code(&step), step.outcomes[0].verdict), (Flow::Continue, Some(Code::REPLAY_SEEN), Verdict::Observe));
}

#[test]
fn a_caller_who_hangs_up_meanwhile_has_published_nothing() {
    let proxy = Proxy::new(USUAL);
    let (mut exchange, _) = proxy.call(&["a"]);
    let step = exchange.broken_off(proxy.means());
    assert_eq!((code(&step), replied(&step), step.outcomes[0].events.len()), (Some(Code::CALL_MALFORMED), false, 1));
    assert!(exchange.broken_off(proxy.means()).outcomes.is_empty(), "told once");
    assert_eq!(exchange.answered_by_limiter(Some(WITHIN), proxy.means()).flow, Flow::Pause);
    assert!(asked(&proxy.call(&["a"]).1));
}

#[test]
fn a_call_without_a_body_waits_with_its_head() {
    for hold in ["body", "headers"] {
        let proxy = Proxy::new(Settings { hold, ..USUAL });
        let mut exchange = Exchange::new(Rc::clone(&proxy.policy));
        let binary: &[(&str, &[u8])] = &[
            (":method", b"POST"),
            (":authority", b"bus"),
            (":path", b"/open/carts"),
            ("authorization", b"Bearer none"),
            ("ce-specversion", b"1.0"),
            ("ce-id", b"a"),
            ("ce-source", b"/c"),
            ("ce-type", b"t"),
            ("ce-time", b"2026-11-23T08:00:00Z"),
        ];
        let step = proxy.arrive(&mut exchange, binary, true);
        assert_eq!((step.flow, asked(&step)), (Flow::Pause, true));
        assert!(step.commands.contains(&Command::Remove("authorization".to_owned())), "the head is changed while it is there");
        assert_eq!(exchange.answered_by_limiter(Some(WITHIN), proxy.means()).flow, Flow::Continue);
    }
}
