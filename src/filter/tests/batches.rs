//! Batches that go on without their refused events.

use super::*;
use crate::filter::metrics::EventCount;

const GOOD: &str = r#"{"specversion":"1.0","id":"1","source":"/cart","type":"com.shop.A"}"#;
const OTHER: &str = r#"{"specversion":"1.0","id":"2","source":"/cart","type":"com.evil"}"#;
const ELSEWHERE: &str = r#"{"specversion":"1.0","id":"3","source":"/elsewhere","type":"com.shop.A"}"#;
const WATCHED: &str = r#"{"specversion":"1.0","id":"4","source":"/cart","type":"com.watched"}"#;

/// A policy of one anonymous route that says `batch`; events of the shop, and the watched ones, are only observed, others are unknown.
fn exchange(settings: &str, batch: &str) -> Exchange {
    let text = format!(
        r#"{{"version": 1, {settings}
            "routes": [{{"name": "open", "match": {{"path": "/open/{{topic}}"}}, "protocol": "cloudevents", "anonymous": true,
                "batch": "{batch}"}}],
            "events": [{{"type": "com.shop.*", "publishers": [{{"subject": "cart-service"}}], "mode": "observe"}},
                {{"type": "com.watched", "publishers": [{{"subject": "cart-service"}}], "mode": "observe"}}]}}"#
    );
    let policy = config::from_json(text.as_bytes(), &|_| None).unwrap_or_else(|errors| panic!("{errors:?}"));
    Exchange::new(Rc::new(policy))
}

fn judge(exchange: &mut Exchange, more: &[(&str, &[u8])], body: &str) -> Step {
    let batch: (&str, &[u8]) = ("content-type", b"application/cloudevents-batch+json");
    let others = map("/open/carts", more);
    let map = others.iter().filter(|(name, _)| *name != "content-type").chain([batch]).collect();
    let arrival = Arrival { map: Some(map), hints: Ok(Hints::default()), peer: None, end_of_stream: false };
    with(|with| exchange.head(arrival, with));
    body_end(exchange, body.as_bytes())
}

fn body(step: &Step) -> Option<String> {
    step.commands.iter().find_map(|command| match command {
        Command::Body(bytes) => Some(String::from_utf8(bytes.clone()).unwrap()),
        Command::Remove(_) | Command::Set(..) | Command::Reply(_) | Command::Ask(_) | Command::Record => None,
    })
}

#[test]
fn a_batch_goes_on_without_its_refused_events_and_the_answer_names_them() {
    let mut exchange = exchange("", "drop-refused");
    let step = judge(&mut exchange, &[], &format!("[{GOOD},{OTHER},{WATCHED},{OTHER}]"));
    assert_eq!((step.flow, body(&step)), (Flow::Continue, Some(format!("[{GOOD},{WATCHED}]"))));
    assert_eq!(exchange.answer_header(), Some(("x-eventguard-refused", "rule.unknown-type=(1 3)")));
    let [outcome] = step.outcomes.as_slice() else { panic!("one outcome") };
    let verdicts: Vec<Verdict> = outcome.events.iter().map(|event| event.verdict).collect();
    assert_eq!(verdicts, [Verdict::Observe, Verdict::Refuse, Verdict::Observe, Verdict::Refuse]);
    assert_eq!(outcome.verdict, Verdict::Observe, "what goes on is only observed");
}

#[test]
fn unless_the_policy_says_so_one_refused_event_refuses_all() {
    let mut exchange = exchange("", "refuse-all");
    let step = judge(&mut exchange, &[], &format!("[{GOOD},{OTHER}]"));
    assert_eq!((step.flow, code(&step), body(&step)), (Flow::Pause, Some(Code::RULE_UNKNOWN_TYPE), None));
    assert_eq!(exchange.answer_header(), None);
}

#[test]
fn an_event_that_does_not_go_on_with_its_call_is_not_counted_as_admitted() {
    for (settings, body, expected) in [
        ("", format!("[{GOOD},{OTHER}]"), ["refuse rule.publisher", "refuse rule.unknown-type"]),
        (r#""mode": "observe","#, format!("[{GOOD},{OTHER}]"), ["observe rule.publisher", "observe rule.unknown-type"]),
    ] {
        let step = judge(&mut exchange(settings, "refuse-all"), &[], &body);
        assert_eq!(counted(&step), expected, "{settings}");
    }
}

/// What is counted of each event: its verdict and its code.
pub(super) fn counted(step: &Step) -> Vec<String> {
    let mut found = Vec::new();
    for outcome in &step.outcomes {
        EventCount::of(outcome, |count| {
            let name = count.name();
            let tag = |tag: &str| name.split(".;").find_map(|part| part.trim_matches(';').strip_prefix(tag)).unwrap().to_owned();
            found.push(format!("{} {}", tag("verdict=.="), tag("code=.=")));
        });
    }
    found
}

#[test]
fn a_batch_of_which_nothing_is_left_is_refused() {
    let mut exchange = exchange("", "drop-refused");
    let step = judge(&mut exchange, &[], &format!("[{OTHER},{OTHER}]"));
    assert_eq!((step.flow, replied(&step), exchange.answer_header()), (Flow::Pause, true, None));
}

#[test]
fn a_batch_that_cannot_be_read_is_refused_whole() {
    let step = judge(&mut exchange("", "drop-refused"), &[], &format!("[{GOOD},{{}}]"));
    assert_eq!((step.flow, code(&step)), (Flow::Pause, Some(Code::EVENT_MISSING_ATTRIBUTE)));
}

#[test]
fn a_batch_that_something_vouches_for_as_a_whole_is_refused_whole() {
    let body = format!("[{GOOD},{OTHER}]");
    let digest: (&str, &[u8]) = ("content-digest", b"sha-256=:AAAA:");
    let step = judge(&mut exchange("", "drop-refused"), &[digest], &body);
    assert_eq!((step.flow, code(&step)), (Flow::Pause, Some(Code::RULE_UNKNOWN_TYPE)));
}

#[test]
fn a_batch_without_a_refused_event_is_not_touched() {
    let mut exchange = exchange("", "drop-refused");
    let step = judge(&mut exchange, &[], &format!("[{GOOD}, {ELSEWHERE}]"));
    assert_eq!((step.flow, body(&step), exchange.answer_header()), (Flow::Continue, None, None));
}

#[test]
fn more_refused_events_than_an_answer_can_name_refuse_the_call() {
    let batch = |refused: usize| format!("[{GOOD}{}]", format!(",{OTHER}").repeat(refused));
    let limits = r#""limits": {"events": 600},"#;
    assert_eq!(judge(&mut exchange(limits, "drop-refused"), &[], &batch(500)).flow, Flow::Continue);
    assert_eq!(judge(&mut exchange(limits, "drop-refused"), &[], &batch(501)).flow, Flow::Pause);
}

#[test]
fn the_length_of_a_body_that_may_get_shorter_is_not_told_before() {
    let length: (&str, &[u8]) = ("content-length", b"9");
    let map = |settings: &str, batch: &str| {
        let mut exchange = exchange(settings, batch);
        let first = head(&mut exchange, "/open/carts", &[length], false);
        first.commands.contains(&Command::Remove("content-length".to_owned()))
    };
    assert_eq!([map("", "drop-refused"), map("", "refuse-all")], [true, false]);
    let hold = r#""hold": "headers","#;
    assert!(!map(hold, "drop-refused"), "it is set when it is known");
    let step = judge(&mut exchange(hold, "drop-refused"), &[], &format!("[{GOOD},{OTHER}]"));
    assert!(step.commands.contains(&Command::Set("content-length", (GOOD.len() + 2).to_string())));
}
