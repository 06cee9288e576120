//! What is said of a rate, as a reader of structured fields has it.

use std::time::Duration;

use super::*;

fn policy(name: &str, (limit, millis, burst): (u64, u64, u64), counted: Counted) -> Result<QuotaPolicy, NotAName> {
    QuotaPolicy::new(name, &Rate::new(limit, Duration::from_millis(millis), burst).unwrap(), counted)
}

/// One case a line.
#[rustfmt::skip]
#[test]
fn a_rate_is_an_item_with_its_parameters() {
    for (name, rate, counted, expected) in [
        ("orders", (100, 60_000, 100), Counted::Events, r#""orders";q=100;w=60"#),
        ("orders of all", (100, 1000, 20), Counted::Events, r#""orders of all";q=100;w=1;eventguard-burst=20"#),
        ("b", (65_536, 60_000, 65_536), Counted::Bytes, r#""b";q=65536;qu="content-bytes";w=60"#),
        ("fast", (3, 1500, 3), Counted::Events, r#""fast";q=3"#),
        ("fast", (3, 100, 3), Counted::Events, r#""fast";q=3"#),
        ("much", (u64::MAX, 1000, u64::MAX), Counted::Bytes, r#""much";q=999999999999999;qu="content-bytes";w=1"#),
    ] {
        let found = policy(name, rate, counted).unwrap();
        assert_eq!(found.item(), expected);
        let _: sfv::List = sfv::Parser::new(found.item()).parse().unwrap();
    }
}

#[test]
fn a_name_that_would_have_to_be_escaped_is_none() {
    for (name, expected) in
        [("a b-c.d~", true), ("a\"b", false), ("a\\b", false), ("ä", false), ("a\nb", false), ("\u{7f}", false)]
    {
        assert_eq!(policy(name, (1, 1000, 1), Counted::Events).is_ok(), expected, "{name:?}");
    }
}

#[test]
fn what_is_left_is_whole_units_and_seconds_that_are_not_too_few() {
    let policy = policy("a", (1, 1000, 1), Counted::Events).unwrap();
    for (units, millis, expected) in [
        (5, Some(1), r#""a";r=5;t=1"#),
        (0, Some(1000), r#""a";r=0;t=1"#),
        (0, Some(1001), r#""a";r=0;t=2"#),
        (u64::MAX, Some(u64::MAX), r#""a";r=999999999999999;t=999999999999999"#),
        (1, None, r#""a";r=1"#),
    ] {
        let found = policy.limit_item(&Left { units, more_in: millis.map(Duration::from_millis) });
        assert_eq!(found, expected);
        let _: sfv::List = sfv::Parser::new(&found).parse().unwrap();
    }
}
