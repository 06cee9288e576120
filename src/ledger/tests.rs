//! The table with plain values: what is granted, what is a breach, what can be taken back.

use proptest::prelude::*;

use super::*;

/// A store that is away.
struct Away;

impl Store for Away {
    fn change(&self, _: u32, _: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Result<(), Unavailable> {
        Err(Unavailable)
    }

    fn seed(&self) -> Result<[u8; 16], Unavailable> {
        Err(Unavailable)
    }
}

const WINDOW: Duration = Duration::from_secs(600);

fn settings() -> Settings {
    Settings::for_entries(64, WhenFull::Refuse)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_nanos((1_800_000_000_000 + millis) * 1_000_000)
}

fn tag(name: &str) -> Tag {
    Tag::of([7; 16], "test", &[name.as_bytes()])
}

fn once(name: &str, counts: Counts) -> Demand {
    Demand { tag: tag(name), what: What::Once { until: at(0).after(WINDOW), counts } }
}

fn next(number: u64, gaps: Gaps) -> Demand {
    Demand { tag: tag("source"), what: What::Next { number, gaps, keep: WINDOW } }
}

fn spend(limit: u64, burst: u64, cost: u64) -> Demand {
    Demand { tag: tag("rate"), what: What::Spend { rate: Rate::new(limit, Duration::from_secs(1), burst).unwrap(), cost } }
}

fn ask(store: &Memory, millis: i64, demand: &Demand) -> Result<Grant, Breach> {
    grant(store, &settings(), at(millis), demand)
}

fn end(store: &Memory, millis: i64, grant: &Grant, ending: Ending) {
    settle(store, at(millis), grant, ending).unwrap();
}

#[test]
fn an_event_passes_once_in_its_window_and_again_behind_it() {
    for counts in [Counts::Forward, Counts::Accept] {
        let store = Memory::default();
        let granted = ask(&store, 0, &once("a", counts)).unwrap();
        assert_eq!(ask(&store, 0, &once("a", counts)), Err(Breach::Seen), "while it is being published");
        ask(&store, 0, &once("b", counts)).unwrap();
        end(&store, 1, &granted, Ending::Published);
        assert_eq!(ask(&store, 599_999, &once("a", counts)), Err(Breach::Seen));
        assert!(ask(&store, 600_000, &once("a", counts)).is_ok());
    }
}

#[test]
fn an_event_that_failed_may_come_again() {
    for counts in [Counts::Forward, Counts::Accept] {
        let store = Memory::default();
        let granted = ask(&store, 0, &once("a", counts)).unwrap();
        end(&store, 1, &granted, Ending::Failed);
        assert!(ask(&store, 2, &once("a", counts)).is_ok());
    }
}

#[test]
fn an_event_whose_call_never_ends_counts_as_published() {
    for counts in [Counts::Forward, Counts::Accept] {
        let store = Memory::default();
        ask(&store, 0, &once("a", counts)).unwrap();
        assert_eq!(ask(&store, 599_999, &once("a", counts)), Err(Breach::Seen));
    }
}

#[test]
fn only_an_event_that_failed_costs_a_second_look() {
    for (ending, expected) in [(Ending::Published, Ok(())), (Ending::Failed, Err(Unavailable))] {
        let granted = ask(&Memory::default(), 0, &once("a", Counts::Accept)).unwrap();
        assert_eq!(settle(&Away, at(1), &granted, ending), expected);
    }
}

#[test]
fn a_call_that_fails_behind_the_window_takes_no_other_calls_entry() {
    let store = Memory::default();
    let later = Demand { tag: tag("a"), what: What::Once { until: at(1_200_000), counts: Counts::Accept } };
    let first = ask(&store, 0, &once("a", Counts::Accept)).unwrap();
    ask(&store, 600_000, &later).unwrap();
    end(&store, 600_001, &first, Ending::Failed);
    assert_eq!(ask(&store, 600_002, &later), Err(Breach::Seen));
}

#[test]
fn clock_steps_backwards_do_not_stop_a_rate_for_long() {
    let store = Memory::default();
    let granted = |millis| ask(&store, millis, &spend(10, 5, 1)).is_ok();
    assert!(granted(86_400_000));
    assert!(granted(0) && !granted(0), "as if all of the burst were spent but this");
    assert!(!granted(99) && granted(100));
    let _ = ask(&store, 86_400_000, &spend(10, 5, 1));
    assert!(ask(&store, 200, &spend(10, 5, 6)).is_err(), "what is dearer than the burst passes at no time");
}

#[test]
fn numbers_go_up_and_never_back() {
    let store = Memory::default();
    let _ = ask(&store, 0, &next(5, Gaps::Allow)).unwrap();
    for number in [5, 4, 0] {
        assert_eq!(ask(&store, 1, &next(number, Gaps::Allow)), Err(Breach::Regression { number, last: 5 }));
    }
    assert_eq!(ask(&store, 2, &next(6, Gaps::Refuse)).unwrap().missing(), 0);
    assert_eq!(ask(&store, 3, &next(8, Gaps::Refuse)), Err(Breach::Gap { number: 8, last: 6 }));
    assert_eq!(ask(&store, 4, &next(9, Gaps::Record)).unwrap().missing(), 2);
    assert_eq!(ask(&store, 5, &next(u64::MAX, Gaps::Allow)).unwrap().missing(), 0);
}

#[test]
fn the_number_of_an_event_that_failed_may_come_again_unless_a_later_one_came() {
    let store = Memory::default();
    let first = ask(&store, 0, &next(5, Gaps::Refuse)).unwrap();
    end(&store, 1, &first, Ending::Failed);
    let first = ask(&store, 2, &next(5, Gaps::Refuse)).unwrap();
    let second = ask(&store, 3, &next(6, Gaps::Refuse)).unwrap();
    end(&store, 4, &first, Ending::Failed);
    assert_eq!(ask(&store, 5, &next(5, Gaps::Refuse)), Err(Breach::Regression { number: 5, last: 6 }));
    end(&store, 6, &second, Ending::Failed);
    assert!(ask(&store, 7, &next(6, Gaps::Refuse)).is_ok());
}

#[test]
fn a_rate_grants_its_burst_and_then_one_as_time_goes() {
    let store = Memory::default();
    for _ in 0..5 {
        ask(&store, 0, &spend(10, 5, 1)).unwrap();
    }
    let limited = |millis, cost| ask(&store, millis, &spend(10, 5, cost)).err().map(|breach| waits(&breach));
    let after = |millis| Some(Wait::For(Duration::from_millis(millis)));
    assert_eq!((limited(0, 1), limited(99, 1), limited(100, 1), limited(100, 1)), (after(100), after(1), None, after(100)));
    assert_eq!((limited(100, 5), limited(100, 6)), (after(500), Some(Wait::Never)), "what is larger than the burst never fits");
    assert!((0..5).all(|_| limited(10_000, 1).is_none()) && limited(10_000, 1).is_some(), "never more than the burst");
}

fn waits(breach: &Breach) -> Wait {
    let Breach::Limited(limited) = breach else { panic!("{breach:?}") };
    limited.wait
}

#[test]
fn a_call_that_comes_again_whole_waits_for_room_for_all_of_it() {
    let store = Memory::default();
    let of = |name: &str, cost| Demand { tag: tag(name), ..spend(10, 5, cost) };
    let granted = [ask(&store, 0, &of("a", 3)).unwrap(), ask(&store, 0, &of("b", 1)).unwrap()];
    let refused = |name, cost| {
        let Err(Breach::Limited(limited)) = ask(&store, 0, &of(name, cost)) else { panic!("{name} {cost}") };
        limited
    };
    let (first, second) = (refused("a", 3), refused("a", 4));
    let elsewhere = refused("b", 5);
    assert_eq!(first.also_asked(&granted, Some(&second)), 700_000_000, "of the same rate");
    assert_eq!(first.also_asked(&[], Some(&elsewhere)), 0);
    assert_eq!(first.also_asked(&[], None), 0);
    assert_eq!(first.wait, Wait::For(Duration::from_millis(100)));
    assert_eq!(first.for_all(500_000_000, 200_000_000).wait, Wait::For(Duration::from_millis(300)));
    assert_eq!(first.for_all(500_000_001, 0).wait, Wait::Never);
    for wait in [Wait::For(Duration::from_secs(7)), Wait::Unknown, Wait::Never] {
        assert_eq!(Limited::by_limiter(wait).for_all(u64::MAX, u64::MAX).wait, wait, "the limiter has counted all of them");
    }
}

#[test]
fn what_is_left_of_a_rate_is_told_to_the_unit_and_spends_nothing() {
    let store = Memory::default();
    // Three in a second: a third of it is no whole number of nanoseconds.
    let (rate, tag) = (Rate::new(3, Duration::from_secs(1), 5).unwrap(), tag("r"));
    let left = |millis| {
        let left = left(&store, &settings(), at(millis), tag, &rate).unwrap();
        (left.units, left.more_in.map(|time| time.as_millis()))
    };
    let spend = |millis, cost| ask(&store, millis, &Demand { tag, what: What::Spend { rate, cost } });
    assert_eq!(left(0), (5, None), "nothing is known of it");
    spend(0, 2).unwrap();
    assert_eq!(
        (left(0), left(0), left(333), left(334), left(666), left(667)),
        ((3, Some(333)), (3, Some(333)), (3, Some(0)), (4, Some(332)), (4, Some(0)), (5, None))
    );
    spend(0, 3).unwrap();
    assert_eq!(left(0).0, 0);
    for millis in [0, 333, 334, 999, 1000, 1001, 1667] {
        let units = left(millis).0;
        assert!(spend(millis, units + 1).is_err(), "{millis}: {units} and one more");
    }
    spend(1001, left(1001).0).unwrap();
    assert_eq!(left(1001).0, 0, "all that is told may be spent");
    assert_eq!(left(-86_400_000).0, 0, "a clock that went back");
    assert_eq!(super::left(&Away, &settings(), at(0), tag, &rate), Err(Unavailable));
}

#[test]
fn what_was_spent_by_an_event_that_failed_is_given_back() {
    let store = Memory::default();
    let granted = ask(&store, 0, &spend(1, 3, 3)).unwrap();
    assert!(ask(&store, 0, &spend(1, 3, 1)).is_err());
    end(&store, 0, &granted, Ending::Failed);
    assert!(ask(&store, 0, &spend(1, 3, 3)).is_ok());
}

#[test]
fn what_is_dearer_than_the_burst_never_passes() {
    let store = Memory::default();
    assert!(ask(&store, 0, &spend(10, 5, 6)).is_err());
    assert!(ask(&store, 3_600_000, &spend(10, 5, 6)).is_err());
    assert!(ask(&store, 3_600_000, &spend(10, 5, u64::MAX)).is_err());
    assert!(ask(&store, 3_600_000, &spend(10, 5, 5)).is_ok());
}

#[test]
fn a_rate_that_is_nothing_or_takes_for_ever_is_none() {
    let second = Duration::from_secs(1);
    for (limit, per, burst) in [(0, second, 1), (1, Duration::ZERO, 1), (1, second, 0)] {
        assert_eq!(Rate::new(limit, per, burst), Err(NotARate::Nothing));
    }
    let years = Duration::from_secs(10 * 365 * 86_400);
    assert!(Rate::new(1, years, 1).is_ok());
    assert_eq!(Rate::new(1, years, 2), Err(NotARate::Range));
}

#[test]
fn a_full_slot_is_a_decision_of_the_policy() {
    let store = Memory::default();
    let tiny = |when_full| Settings { slots: 1, before: 0, when_full };
    let ask = |name: usize, when_full| grant(&store, &tiny(when_full), at(0), &once(&name.to_string(), Counts::Forward));
    assert!((0..Slot::ROOM).all(|name| ask(name, WhenFull::Refuse).is_ok()));
    assert_eq!(ask(99, WhenFull::Refuse), Err(Breach::Full));
    assert!(ask(99, WhenFull::Admit).is_ok() && ask(99, WhenFull::Admit).is_ok(), "it is not remembered");
    assert_eq!(ask(0, WhenFull::Admit), Err(Breach::Seen), "what is there counts");
    let later = grant(
        &store,
        &tiny(WhenFull::Refuse),
        at(600_000),
        &Demand { tag: tag("99"), what: What::Once { until: at(700_000), counts: Counts::Forward } },
    );
    assert!(later.is_ok(), "what has ended makes room");
}

#[test]
fn a_store_that_is_away_grants_nothing() {
    for when_full in [WhenFull::Refuse, WhenFull::Admit] {
        let settings = Settings { slots: 1, before: 0, when_full };
        assert_eq!(grant(&Away, &settings, at(0), &once("a", Counts::Forward)), Err(Breach::Unavailable(Unavailable)));
    }
}

#[test]
fn the_parts_of_a_tag_cannot_be_shifted() {
    let of = |parts: &[&[u8]]| Tag::of([0; 16], "k", parts);
    assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
    assert_ne!(of(&[b"a"]), Tag::of([0; 16], "ka", &[]));
    assert_ne!(of(&[b"a"]), Tag::of([1; 16], "k", &[b"a"]), "keyed");
}

#[test]
fn a_table_as_full_as_it_is_meant_to_be_has_room() {
    let store = Memory::default();
    let settings = Settings::for_entries(100_000, WhenFull::Refuse);
    assert!((0..100_000).all(|name| grant(&store, &settings, at(0), &once(&name.to_string(), Counts::Forward)).is_ok()));
    assert!(
        (0..100_000).all(|name| grant(&store, &settings, at(1), &once(&name.to_string(), Counts::Forward)) == Err(Breach::Seen))
    );
}

proptest! {
    #[test]
    fn no_bytes_of_a_value_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), number in any::<u64>(), cost in any::<u64>()) {
        let store = Memory::default();
        (0..4).for_each(|slot| store.change(slot, &mut |_| Some(bytes.clone())).unwrap());
        for demand in [once("a", Counts::Accept), next(number, Gaps::Record), spend(3, 2, cost)] {
            if let Ok(granted) = ask(&store, 0, &demand) {
                end(&store, 1, &granted, Ending::Failed);
            }
        }
    }

    #[test]
    fn a_rate_never_grants_more_than_its_limit_and_its_burst(
        limit in 1_u64..50, burst in 1_u64..20, steps in prop::collection::vec((0_i64..300, 1_u64..4), 1..80),
    ) {
        let (store, mut now, mut granted) = (Memory::default(), 0, 0);
        for (step, cost) in steps {
            now += step;
            granted += ask(&store, now, &spend(limit, burst, cost)).map_or(0, |_| cost);
        }
        let earned = limit * u64::try_from(now).unwrap() / 1000;
        prop_assert!(granted <= burst + earned + 1, "{granted} of {burst} + {earned}");
    }
}

/// A store that notes which slots were changed.
#[derive(Default)]
struct Noted(Memory, std::cell::RefCell<std::collections::BTreeSet<u32>>);

impl Store for Noted {
    fn change(&self, slot: u32, change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Result<(), Unavailable> {
        self.1.borrow_mut().insert(slot);
        self.0.change(slot, change)
    }

    fn seed(&self) -> Result<[u8; 16], Unavailable> {
        self.0.seed()
    }
}

#[test]
fn whatever_is_remembered_the_set_of_keys_is_fixed() {
    let store = Noted::default();
    let settings = Settings { slots: 4, before: 10, when_full: WhenFull::Admit };
    for number in 0..1000 {
        let granted = grant(&store, &settings, at(0), &once(&number.to_string(), Counts::Accept)).unwrap();
        settle(&store, at(1), &granted, Ending::Published).unwrap();
    }
    assert_eq!(store.1.into_inner().into_iter().collect::<Vec<_>>(), [10, 11, 12, 13]);
}

#[test]
fn clock_steps_do_not_let_an_event_come_again_in_its_window() {
    let store = Memory::default();
    ask(&store, 0, &once("a", Counts::Forward)).unwrap();
    for millis in [-86_400_000, 599_999, -1, 0] {
        assert_eq!(ask(&store, millis, &once("a", Counts::Forward)), Err(Breach::Seen), "{millis}");
    }
}
