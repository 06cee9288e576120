//! What sources may spend, by hand and for any crowd of them.

use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use super::sources::{LONGEST, ROOM};
use super::*;
use crate::crypto::{Crypto, RustCrypto, Unchecked, Unverified};
use crate::key::Secret;
use crate::time::Timestamp;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_nanos(1_795_420_800_000_000_000 + millis * 1_000_000)
}

fn sources(limit: u32) -> Sources {
    Sources::new(NonZeroU32::new(limit).unwrap(), [7; 16])
}

/// A check that fails, where it is made.
fn fails(sources: &mut Sources, name: &str, millis: i64) -> bool {
    let made = sources.limited(|| name.to_owned(), at(millis)).is_none();
    if made {
        sources.spend(name, 1, at(millis));
    }
    made
}

#[test]
fn a_second_has_its_checks_at_once_or_one_by_one() {
    for limit in [1, 3, 7, 10, 1000] {
        let mut sources = sources(limit);
        let at_once = (0..2 * limit).filter(|_| fails(&mut sources, "a", 0)).count();
        assert_eq!(u32::try_from(at_once), Ok(limit));
        let later = (1..=10_000).filter(|millis| fails(&mut sources, "a", *millis)).count();
        assert!(u32::try_from(later).unwrap().abs_diff(10 * limit) <= 1, "{later} in ten seconds, expected {limit} each");
    }
}

#[test]
fn who_waits_as_told_is_let_in_and_not_before() {
    let mut sources = sources(4);
    sources.spend("a", 6, at(0));
    let wait = sources.limited(|| "a".to_owned(), at(0));
    assert_eq!(wait, Some(Duration::from_millis(750)));
    assert!(!fails(&mut sources, "a", 749) && fails(&mut sources, "a", 750));
}

#[test]
fn nobody_waits_for_longer_than_a_minute_nor_after_the_clock_was_set_back() {
    let mut sources = sources(1);
    sources.spend("a", u32::MAX, at(0));
    assert_eq!(sources.limited(|| "a".to_owned(), at(0)), Some(Duration::from_nanos(LONGEST)));
    assert_eq!(sources.limited(|| "a".to_owned(), at(-3_600_000)), Some(Duration::from_nanos(LONGEST)));
    assert_eq!(sources.limited(|| "a".to_owned(), at(60_000)), None);
}

#[test]
fn no_crowd_drives_out_what_a_source_has_spent() {
    let mut sources = sources(2);
    sources.spend("a", 100, at(0));
    for number in 0..3_000 {
        fails(&mut sources, &number.to_string(), 0);
    }
    assert!(sources.limited(|| "a".to_owned(), at(48_000)).is_some());
    assert!(sources.limited(|| "a".to_owned(), at(50_000)).is_none());
}

#[test]
fn a_name_is_asked_only_where_somebody_is_over_the_bound() {
    let mut sources = sources(2);
    sources.spend("a", 1, at(0));
    assert_eq!(sources.limited(|| panic!("asked"), at(0)), None);
    sources.spend("a", 1, at(0));
    assert_eq!(sources.limited(|| "b".to_owned(), at(0)), None);
    assert_eq!(sources.limited(|| panic!("asked"), at(600)), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Whoever comes, and when: in a second no more checks fail than the table has entries, times the limit, and those at once.
    #[test]
    fn all_sources_together_have_a_bound(limit in 1_u32..4, calls in proptest::collection::vec((0_u32..900, 0_i64..3), 1..3000)) {
        let (mut sources, mut now, mut failed) = (sources(limit), 0, 0_usize);
        for (name, later) in calls {
            now += later;
            failed += usize::from(fails(&mut sources, &name.to_string(), now));
        }
        let seconds = usize::try_from(now).unwrap().div_ceil(1000) + 1;
        let bound = ROOM * usize::try_from(limit).unwrap() * seconds;
        prop_assert!(failed <= bound, "{failed} of {bound}");
    }

    /// However many are asked for.
    #[test]
    fn a_call_has_as_many_checks_as_it_may(limit in 1_usize..20, before in 0_usize..20, asked in 0_usize..40) {
        let checks = Checks::made(before);
        let secret = Secret::new(vec![7; 16]).unwrap();
        let crypto = checks.bounded(&RustCrypto, limit);
        let answers: Vec<_> = (0..asked).map(|_| crypto.verify_hmac(&secret, b"", &[0; 32])).collect();
        let made = answers.iter().filter(|answer| **answer == Err(Unverified::Wrong)).count();
        prop_assert_eq!(made, asked.min(limit.saturating_sub(before)));
        let unchecked = Err(Unchecked::TooMany { limit }.into());
        prop_assert!(answers.iter().skip(made).all(|answer| *answer == unchecked));
        checks.begin_again();
        prop_assert_eq!(checks.bounded(&RustCrypto, limit).verify_hmac(&secret, b"", &[0; 32]), Err(Unverified::Wrong));
    }
}
