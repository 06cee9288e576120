//! Questions as bytes, and every kind of answer: only a whole yes is one.

use super::*;

fn once(id: &str) -> Counter {
    Counter::Once { kind: "event", tag: Tag::of([0; 16], "event", &[id.as_bytes()]) }
}

fn rate(name: &str, hits: u64) -> Counter {
    Counter::Rate { name: name.into(), by: None, hits }
}

fn question(counters: &[(usize, Counter)]) -> Question {
    let mut question = Question::default();
    counters.iter().for_each(|(event, counter)| question.add(*event, counter));
    question
}

/// An event that may come once, and a rate.
fn both() -> Question {
    question(&[(0, once("a")), (0, rate("all", 1))])
}

/// A limit of 0 is none.
fn status(code: i32, limit: u32) -> Status {
    Status { code, limit: (limit > 0).then_some(Limit { requests_per_unit: limit }), ..Status::default() }
}

fn answer(overall_code: i32, statuses: Vec<Status>) -> Vec<u8> {
    Response { overall_code, statuses }.encode_to_vec()
}

const UNKNOWN: i32 = 0;
const UNAVAILABLE: Breach = Breach::Unavailable(Unavailable);

fn limited(wait: Wait) -> Breach {
    Breach::Limited(Limited::by_limiter(wait))
}

#[test]
fn a_question_has_the_bytes_of_the_protocol() {
    let tag = Tag([0x1f; 16]);
    let by = Counter::Rate { name: "all".into(), by: Some(tag), hits: 300 };
    let bytes = question(&[(0, Counter::Once { kind: "jti", tag }), (0, by), (1, rate("x", 1))]).to_bytes("d");
    let hex = "1f".repeat(16);
    let entry = |key: &str, value: &str| {
        let inner = [
            b"\x0a",
            [u8::try_from(key.len()).unwrap()].as_slice(),
            key.as_bytes(),
            b"\x12",
            [u8::try_from(value.len()).unwrap()].as_slice(),
            value.as_bytes(),
        ]
        .concat();
        [b"\x0a", [u8::try_from(inner.len()).unwrap()].as_slice(), &inner].concat()
    };
    let descriptor = |parts: &[Vec<u8>]| {
        let inner = parts.concat();
        [b"\x12", [u8::try_from(inner.len()).unwrap()].as_slice(), &inner].concat()
    };
    let expected = [
        b"\x0a\x01d".to_vec(),
        descriptor(&[entry("replay", "jti"), entry("tag", &hex)]),
        // 300 is `ac 02`, in a `UInt64Value`.
        descriptor(&[entry("rate", "all"), entry("by", &hex), b"\x1a\x03\x08\xac\x02".to_vec()]),
        descriptor(&[entry("rate", "x")]),
    ];
    assert_eq!(bytes, expected.concat());
}

#[test]
fn events_that_need_the_same_counter_need_it_together() {
    let together = question(&[(0, rate("all", 10)), (1, rate("all", 5)), (2, rate("other", 1)), (2, once("t")), (3, once("t"))]);
    let counters: Vec<(&Counter, &[usize])> = together.0.iter().map(|asked| (&asked.counter, asked.events.as_slice())).collect();
    assert_eq!(counters, [(&rate("all", 15), &[0, 1][..]), (&rate("other", 1), &[2]), (&once("t"), &[2, 3])]);
    let over = answer(OVER_LIMIT, vec![status(OVER_LIMIT, 1), status(OK, 1), status(OVER_LIMIT, 1)]);
    let never = || limited(Wait::Never);
    assert_eq!(
        together.read(Some(&over)).breaches(),
        [(0, never()), (1, never()), (2, Breach::Seen), (3, Breach::Seen)],
        "15 of 1"
    );
}

#[test]
fn a_sum_of_hits_never_wraps() {
    let sum = question(&[(0, rate("all", u64::MAX)), (1, rate("all", 5))]);
    assert_eq!(sum.0[0].counter, rate("all", u64::MAX));
}

#[test]
fn each_answer_means_what_it_says_and_no_more() {
    let neither: &[Breach] = &[UNAVAILABLE, UNAVAILABLE];
    let spent: &[Breach] = &[limited(Wait::Unknown)];
    for (what, bytes, expected) in [
        ("both are within", answer(OK, vec![status(OK, 1), status(OK, 9)]), &[][..]),
        ("no statuses, as Limitador answers", answer(OK, vec![]), &[]),
        ("the event was seen", answer(OVER_LIMIT, vec![status(OVER_LIMIT, 1), status(OK, 9)]), &[Breach::Seen]),
        ("the rate is spent", answer(OVER_LIMIT, vec![status(OK, 1), status(OVER_LIMIT, 9)]), spent),
        ("a limit that does not count for the whole", answer(OK, vec![status(OK, 1), status(OVER_LIMIT, 9)]), spent),
        ("one is unknown", answer(OK, vec![status(UNKNOWN, 1), status(OK, 9)]), &[UNAVAILABLE]),
        ("a code of another time", answer(OK, vec![status(7, 1), status(OK, 9)]), &[UNAVAILABLE]),
        ("no limit is configured", answer(OK, vec![status(OK, 0), status(OK, 9)]), &[UNAVAILABLE]),
        ("an event may come twice", answer(OK, vec![status(OK, 2), status(OK, 9)]), &[UNAVAILABLE]),
        ("something is over, and not said what", answer(OVER_LIMIT, vec![]), neither),
        ("over for no reason", answer(OVER_LIMIT, vec![status(OK, 1), status(OK, 9)]), neither),
        ("too few", answer(OK, vec![status(OK, 1)]), neither),
        ("too many", answer(OK, vec![status(OK, 1), status(OK, 9), status(OK, 9)]), neither),
        ("unknown on the whole", answer(UNKNOWN, vec![status(OK, 1), status(OK, 9)]), neither),
        ("nothing", Vec::new(), neither),
        ("no message", b"\xff\xff".to_vec(), neither),
    ] {
        let found: Vec<Breach> = both().read(Some(&bytes)).breaches().into_iter().map(|(_, breach)| breach).collect();
        assert_eq!(found, expected, "{what}");
    }
    assert_eq!(both().read(None).breaches().len(), 2, "no answer");
}

#[test]
fn one_counter_needs_no_status() {
    let over = answer(OVER_LIMIT, vec![]);
    assert_eq!(question(&[(0, once("a"))]).read(Some(&over)).breaches(), [(0, Breach::Seen)]);
    let spent = || limited(Wait::Unknown);
    assert_eq!(question(&[(0, rate("all", 1)), (1, rate("all", 1))]).read(Some(&over)).breaches(), [(0, spent()), (1, spent())]);
}

#[test]
fn a_limiter_says_what_is_left_where_it_says_until_when() {
    let question = question(&[(0, once("a")), (0, rate("all", 1)), (2, rate("all", 1)), (2, rate("other", 1))]);
    let reset = Some(Reset { seconds: 7, nanos: 0 });
    let said = |code, remaining, reset| Status { remaining, reset, ..status(code, 9) };
    let bytes = answer(OK, vec![said(OK, 0, reset.clone()), said(OK, 8, reset), said(OK, 8, None)]);
    let answer = question.read(Some(&bytes));
    let all = Some(Left { units: 8, more_in: Some(Duration::from_secs(7)) });
    for (event, name, expected) in
        [(0, "all", all), (2, "all", all), (1, "all", None), (2, "other", None), (0, "other", None), (0, "replay", None)]
    {
        assert_eq!(answer.left(event, name), expected, "{event} {name}");
    }
    assert_eq!(question.read(None).left(0, "all"), None);
}

#[test]
fn a_limiter_says_when_there_is_room_again() {
    let after = |millis| Wait::For(Duration::from_millis(millis));
    for (seconds, nanos, hits, expected) in [
        (3, 500_000_000, 1, Some(after(3500))),
        (3, 0, 2, Some(after(3000))),
        (3, 0, 3, Some(Wait::Never)),
        (-1, 0, 1, Some(Wait::Unknown)),
        (0, -1, 1, Some(Wait::Unknown)),
        // Whatever it is, reading it does not panic.
        (i64::MAX, i32::MAX, 1, None),
    ] {
        let reset = Some(Reset { seconds, nanos });
        let bytes = answer(OVER_LIMIT, vec![Status { reset, ..status(OVER_LIMIT, 2) }]);
        let found = question(&[(0, rate("all", hits))]).read(Some(&bytes)).breaches();
        match expected {
            Some(wait) => assert_eq!(found, [(0, limited(wait))], "{hits}"),
            None => assert_eq!(found.len(), 1),
        }
    }
}
