//! A call that goes on only with its records: when they are written, and what becomes of it when they are delivered, or are not.

use super::*;
use crate::call::Peer;
use crate::decision::Unrecorded;
use crate::inspect::Means;
use crate::policy::Policy;

const FAILURES: [Unrecorded; 4] = [Unrecorded::NoRoom, Unrecorded::CircuitOpen, Unrecorded::TooLate, Unrecorded::Lost];

/// A proxy whose calls wait for their records.
struct Proxy {
    memory: Memory,
    policy: Rc<Policy>,
}

impl Proxy {
    fn new(settings: &str) -> Self {
        Self::with_audit(r#""delivery": "before-forward""#, settings)
    }

    fn with_audit(audit: &str, settings: &str) -> Self {
        let text = format!(
            r#"{{"version": 1, {settings} "audit": {{"cluster": "logs", {audit}}},
                "routes": [{{"name": "open", "match": {{"path": "/open/{{topic}}"}}, "protocol": "cloudevents", "anonymous": true,
                    "batch": "drop-refused"}}],
                "events": [{{"type": "t", "publishers": [{{"peer": "spiffe://shop/cart"}}], "replay": {{"window": "10m"}}}}]}}"#
        );
        let policy = config::from_json(text.as_bytes(), &|_| None).unwrap_or_else(|errors| panic!("{errors:?}"));
        Self { memory: Memory::default(), policy: Rc::new(policy) }
    }

    fn means(&self) -> Means<'_> {
        Means { now: Timestamp::parse("2026-11-23T08:00:00Z").unwrap(), crypto: &RustCrypto, store: &self.memory }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Surroundings<'_>) -> T) -> T {
        let Means { now, crypto, store } = self.means();
        let (keys, tokens) = (&mut Store::new(&[], 1), &mut TokenCache::new(0, [7; 16]));
        act(&mut Surroundings { now, keys, waiting: 0, tokens, crypto, store })
    }

    fn head(&self, exchange: &mut Exchange, path: &str) -> Step {
        let map: [(&str, &str); 4] =
            [(":method", "POST"), (":authority", "bus"), (":path", path), ("content-type", "application/cloudevents-batch+json")];
        let peer = Peer::from_uri("spiffe://shop/cart".to_owned());
        let arrival = Arrival { map: Some(map.into_iter().collect()), hints: Ok(Hints::default()), peer, end_of_stream: false };
        self.with(|with| exchange.head(arrival, with))
    }

    /// A call with an event of each of these types, up to where it waits or is decided.
    fn call(&self, types: &[&str]) -> (Exchange, Step) {
        let mut exchange = Exchange::new(Rc::clone(&self.policy));
        self.head(&mut exchange, "/open/carts");
        let buffered = || Buffered { bytes: Some(batch_of(types).into_bytes()), upstream_reached: false };
        let step = self.with(|with| exchange.body_end(buffered, with));
        (exchange, step)
    }

    fn waiting(&self) -> Exchange {
        let (exchange, step) = self.call(&["t"]);
        assert_eq!((step.flow, records(&step), step.outcomes.len()), (Flow::Pause, true, 0), "{step:?}");
        exchange
    }
}

fn batch_of(types: &[&str]) -> String {
    let event =
        |name: &&str| format!(r#"{{"specversion":"1.0","id":"1","source":"/c","type":"{name}","time":"2026-11-23T08:00:00Z"}}"#);
    format!("[{}]", types.iter().map(event).collect::<Vec<_>>().join(","))
}

fn records(step: &Step) -> bool {
    step.commands.contains(&Command::Record)
}

#[test]
fn a_call_that_would_go_on_waits_for_its_records_and_is_recorded_once() {
    let proxy = Proxy::new("");
    let mut exchange = proxy.waiting();
    assert_eq!(exchange.unrecorded().map(|outcome| (outcome.verdict, outcome.events.len())), Some((Verdict::Admit, 1)));
    assert_eq!((exchange.body_part(10).flow, exchange.is_paused(), exchange.went_on()), (Flow::Pause, true, false));
    let step = exchange.recorded(Ok(()), proxy.means());
    assert_eq!((step.flow, code(&step), step.outcomes.len(), step.is_recorded), (Flow::Continue, None, 1, true));
    assert!(exchange.went_on() && exchange.awaits_an_answer() && exchange.unrecorded().is_none());
    for again in [Ok(()), Err(Unrecorded::Lost)] {
        let step = exchange.recorded(again, proxy.means());
        assert_eq!((step.flow, step.outcomes.len(), exchange.went_on()), (Flow::Pause, 0, true), "it is decided once");
    }
}

#[test]
fn without_its_records_a_call_is_refused_and_recorded_so_and_may_come_again() {
    for failure in FAILURES {
        let proxy = Proxy::new("");
        let mut exchange = proxy.waiting();
        assert_eq!(code(&proxy.call(&["t"]).1), Some(Code::REPLAY_SEEN), "it is being published");
        exchange.record_admitted(7);
        let step = exchange.recorded(Err(failure), proxy.means());
        assert_eq!((step.flow, code(&step), replied(&step)), (Flow::Pause, Some(Code::AUDIT_UNAVAILABLE), true));
        assert_eq!((step.is_recorded, step.outcomes[0].events.len()), (false, 1), "this has a record of its own");
        assert_eq!(super::batches::counted(&step), ["refuse audit.unavailable"], "and is not counted as admitted");
        assert_eq!((exchange.untrue(), exchange.admitted()), (Some(7), None), "which names the one that did not come true");
        assert_eq!(exchange.recorded(Ok(()), proxy.means()).flow, Flow::Pause, "too late");
        proxy.waiting();
    }
}

#[test]
fn a_refused_call_waits_for_nothing() {
    let (exchange, step) = Proxy::new("").call(&["u"]);
    assert_eq!((records(&step), code(&step), replied(&step)), (false, Some(Code::RULE_UNKNOWN_TYPE), true));
    assert!(!exchange.is_paused());
}

#[test]
fn what_is_only_observed_waits_too_but_is_never_refused() {
    for types in [["t"], ["u"]] {
        let proxy = Proxy::new(r#""mode": "observe","#);
        let (mut exchange, step) = proxy.call(&types);
        assert!(records(&step));
        exchange.record_admitted(7);
        let step = exchange.recorded(Err(Unrecorded::Lost), proxy.means());
        let expected = if types == ["t"] { Code::AUDIT_UNAVAILABLE } else { Code::RULE_UNKNOWN_TYPE };
        assert_eq!((step.flow, code(&step), replied(&step)), (Flow::Continue, Some(expected), false));
        assert_eq!((step.outcomes[0].verdict, step.is_recorded), (Verdict::Observe, false));
        exchange.record_admitted(8);
        assert_eq!((exchange.untrue(), exchange.admitted()), (Some(7), Some((8, 1))));
    }
    // A rule that only observes speaks for its events, not for the call.
    let proxy = Proxy::new("");
    let mut exchange = proxy.waiting();
    assert_eq!(code(&exchange.recorded(Err(Unrecorded::Lost), proxy.means())), Some(Code::AUDIT_UNAVAILABLE));
}

#[test]
fn what_is_changed_of_a_call_is_changed_before_it_waits_and_its_answer_tells_nothing_where_it_is_refused() {
    let proxy = Proxy::new(r#""hold": "headers","#);
    let (mut exchange, step) = proxy.call(&["t", "u"]);
    assert!(step.commands.contains(&Command::Body(batch_of(&["t"]).into_bytes())), "{step:?}");
    assert!(step.commands.iter().any(|command| matches!(command, Command::Set("content-length", _))));
    assert_eq!(exchange.answer_header(), Some(("x-eventguard-refused", "rule.unknown-type=(1)")));
    let step = exchange.recorded(Err(Unrecorded::NoRoom), proxy.means());
    assert_eq!((code(&step), exchange.answer_header()), (Some(Code::AUDIT_UNAVAILABLE), None));
    let (mut exchange, _) = proxy.call(&["t", "u"]);
    assert_eq!(exchange.recorded(Ok(()), proxy.means()).commands, []);
    assert!(exchange.answer_header().is_some());
}

#[test]
fn a_head_that_decides_waits_as_well() {
    let proxy = Proxy::new(r#""mode": "observe","#);
    let mut exchange = Exchange::new(Rc::clone(&proxy.policy));
    let step = proxy.head(&mut exchange, "/elsewhere");
    assert_eq!((step.flow, records(&step)), (Flow::Pause, true));
    assert_eq!(exchange.body_part(10).flow, Flow::Pause);
    let step = exchange.recorded(Ok(()), proxy.means());
    assert_eq!((step.flow, step.outcomes[0].verdict), (Flow::Continue, Verdict::Observe));
    assert_eq!(exchange.body_part(10).flow, Flow::Continue);
    let passed = Proxy::new(r#""unmatched": "pass","#);
    let step = passed.head(&mut Exchange::new(Rc::clone(&passed.policy)), "/elsewhere");
    assert_eq!((step.flow, records(&step)), (Flow::Continue, false), "nothing is judged, and nothing recorded");
}

#[test]
fn a_caller_who_hangs_up_or_a_head_that_cannot_be_changed_is_told_and_has_published_nothing() {
    let proxy = Proxy::new("");
    let mut exchange = proxy.waiting();
    exchange.record_admitted(7);
    let step = exchange.broken_off(proxy.means());
    assert_eq!((code(&step), replied(&step), exchange.untrue()), (Some(Code::CALL_MALFORMED), false, Some(7)));
    assert!(exchange.broken_off(proxy.means()).outcomes.is_empty(), "told once");
    assert_eq!(exchange.recorded(Ok(()), proxy.means()).flow, Flow::Pause);

    let mut exchange = proxy.waiting();
    let step = exchange.head_is_gone(Vec::new(), proxy.means());
    assert_eq!((code(&step), replied(&step), step.outcomes[0].events.len()), (Some(Code::HOLD_MISSING), true, 1));
    proxy.waiting();
}

#[test]
fn records_come_first_only_where_the_policy_says_so_and_there_is_a_log_cluster() {
    for (audit, first) in [
        (r#""delivery": "async""#, false),
        (r#""whenFull": "drop-newest""#, false),
        (r#""whenFull": "refuse""#, true),
        (r#""delivery": "before-forward", "whenFull": "refuse""#, true),
    ] {
        let (_, step) = Proxy::with_audit(audit, "").call(&["t"]);
        assert_eq!((records(&step), step.flow == Flow::Pause, step.outcomes.is_empty()), (first, first, first), "{audit}");
    }
}
