use std::collections::BTreeSet;

use proptest::prelude::*;
use regex_syntax::hir::{Class as HirClass, HirKind};

use super::class::{Part, Set};
use super::parse::{Assertion, Node, parse};
use super::{BYTES, Pattern, PatternError};

fn matches(pattern: &str, text: &str) -> bool {
    Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).matches(text, &mut 1_000_000).unwrap()
}

#[test]
fn patterns_match_as_ecma_262_says() {
    for (pattern, yes, no) in [
        ("", "", None),
        ("b", "abc", Some("acd")),
        ("^b", "bc", Some("abc")),
        ("b$", "ab", Some("ab\n")),
        ("^a|b$", "ax", Some("xa")),
        ("^(?:a|b)$", "b", Some("ab")),
        ("^(?<name>a)$", "a", Some("b")),
        ("^a{2}$", "aa", Some("aaa")),
        ("^a{2,}$", "aaaa", Some("a")),
        ("^a{1,2}$", "aa", Some("aaa")),
        ("^a{0}$", "", Some("a")),
        ("^a+?$", "aa", Some("")),
        ("^(a*)*$", "aaa", Some("b")),
        ("^()*$", "", Some("b")),
        ("^.$", "\u{1F600}", Some("\u{2028}")),
        ("^[^a-c]$", "d", Some("b")),
        ("^[a-]$", "-", Some("b")),
        ("^[-a]$", "-", Some("b")),
        ("^[^]$", "\n", Some("")),
        (r"^[\]\\\-]$", "-", Some("[")),
        (r"^[\d_]$", "7", Some("\u{661}")),
        (r"^\w$", "_", Some("é")),
        (r"^\W$", "é", Some("_")),
        (r"^\s$", "\u{feff}", Some("\u{85}")),
        (r"^\S$", "\u{85}", Some("\u{a0}")),
        (r"^\cJ$", "\n", Some("J")),
        (r"^\cj$", "\n", Some("j")),
        (r"^\x41\u0042\u{43}$", "ABC", Some("AB")),
        (r"^\ud83d\ude00$", "\u{1F600}", Some("x")),
        (r"^\0$", "\0", Some("0")),
        (r"^[\b]$", "\u{8}", Some("b")),
        (r"\bfoo\b", "a foo b", Some("afoo")),
        (r"\Bfoo", "afoo", Some("foo")),
        (r"^\p{L}+$", "Größe", Some("a1")),
        (r"^\p{Lu}\P{Lu}$", "Äö", Some("ÄÖ")),
        (r"^\p{gc=Nd}$", "\u{661}", Some("\u{2160}")),
        (r"^a\-b\/c$", "a-b/c", Some("ab")),
    ] {
        assert!(matches(pattern, yes), "{pattern} on {yes:?}");
        assert!(no.is_none_or(|no| !matches(pattern, no)), "{pattern} on {no:?}");
    }
}

#[test]
fn what_cannot_be_matched_in_linear_time_is_refused_by_name() {
    for (pattern, named) in [
        ("(?=a)", "lookahead"),
        ("(?!a)", "lookahead"),
        ("(?<=a)", "lookbehind"),
        ("(?<!a)", "lookbehind"),
        (r"(a)\1", "backreferences"),
        (r"(?<n>a)\k<n>", "backreferences"),
        ("(?i:a)", "flags"),
        (r"\p{Script=Greek}", "this property of Unicode"),
        ("a{1000000}", "a million repetitions"),
    ] {
        assert_eq!(Pattern::parse(pattern).unwrap_err(), PatternError::Unsupported(named), "{pattern}");
    }
}

#[test]
fn what_is_no_pattern_is_refused() {
    let broken = [
        "(",
        ")",
        "a)",
        "[",
        "[a",
        "*",
        "a**",
        "^*",
        "a{",
        "a{2",
        "a{2,1}",
        "{",
        "}",
        "]",
        "\\",
        r"\a",
        r"\u12",
        r"\u{110000}",
        r"\ud800",
        r"\ud800\u0041",
        r"\udc00",
        r"\x1",
        r"\c1",
        r"\01",
        r"\p",
        r"\p{}",
        r"\pL",
        "[b-a]",
        r"[\d-z]",
        r"[a-\d]",
        "(?<>a)",
        "(?<n",
    ];
    for pattern in broken {
        assert!(matches!(Pattern::parse(pattern), Err(PatternError::Syntax(_))), "{pattern}");
    }
}

#[test]
fn a_pattern_of_the_longest_length_is_read_and_one_byte_more_is_not() {
    assert!(Pattern::parse(&"a".repeat(BYTES)).is_ok());
    assert_eq!(Pattern::parse(&"a".repeat(BYTES + 1)).unwrap_err(), PatternError::TooLong { limit: BYTES });
}

#[test]
fn a_program_of_the_largest_size_is_written_and_one_step_more_is_not() {
    // The last step is that it was found.
    assert!(Pattern::parse("a{2047}").is_ok());
    for pattern in ["a{2048}", "(?:a{1000}){1000}", "(?:(?:a?){999}){999}"] {
        assert_eq!(Pattern::parse(pattern).unwrap_err(), PatternError::TooLarge { limit: super::STEPS }, "{pattern}");
    }
}

#[test]
fn groups_are_nested_up_to_a_limit() {
    let nested = |levels: usize| format!("{}a{}", "(".repeat(levels), ")".repeat(levels));
    assert!(Pattern::parse(&nested(32)).is_ok());
    assert!(Pattern::parse(&nested(33)).is_err());
}

#[test]
fn repetitions_of_nothing_take_no_time() {
    assert!(matches("^(((){999999}){999999}){999999}$", ""));
}

#[test]
fn what_a_text_costs_is_bounded_by_its_length() {
    let pattern = Pattern::parse("^(a+)+$").unwrap();
    let cost = |length: usize| {
        let mut fuel = 10_000_000;
        pattern.matches(&format!("{}b", "a".repeat(length)), &mut fuel).unwrap();
        10_000_000 - fuel
    };
    assert!(cost(2000) <= 2 * cost(1000) + 10, "{} {}", cost(1000), cost(2000));
    let needed = cost(1000);
    let text = format!("{}b", "a".repeat(1000));
    assert_eq!(pattern.matches(&text, &mut { needed }), Some(false));
    assert_eq!(pattern.matches(&text, &mut (needed - 1)), None);
}

/// Whether our set and a property, as `regex-syntax` knows it (Unicode 16), have the same members, among what Unicode 16 assigns:
/// the standard library knows a later Unicode.
#[test]
fn sets_of_unicode_are_those_that_others_know() {
    let members = |property: &str| -> BTreeSet<char> {
        let parsed = regex_syntax::parse(&format!(r"\p{{{property}}}")).unwrap();
        let HirKind::Class(HirClass::Unicode(class)) = parsed.into_kind() else { panic!("{property} is a class") };
        class.iter().flat_map(|range| range.start()..=range.end()).collect()
    };
    let assigned = members("Assigned");
    for property in ["L", "Lu", "N", "Nd", "Cc"] {
        let (ours, theirs) = (Set::of_property(property).unwrap(), members(property));
        let differ: Vec<char> = assigned.iter().copied().filter(|char| ours.contains(*char) != theirs.contains(char)).collect();
        assert!(differ.is_empty(), "{property}: {differ:?}");
    }
}

/// The ends of all matches that start at one of `starts`: the definition, without a thought of cost.
fn ends(node: &Node, text: &[char], starts: &BTreeSet<usize>) -> BTreeSet<usize> {
    match node {
        Node::Class(class) => {
            starts.iter().filter(|at| text.get(**at).is_some_and(|char| class.contains(*char))).map(|at| at + 1).collect()
        }
        Node::Assertion(assertion) => {
            let holds = |at: &usize| match assertion {
                Assertion::Start => *at == 0,
                Assertion::End => *at == text.len(),
                Assertion::WordEdge | Assertion::NoWordEdge => {
                    let is_word = |char: Option<&char>| char.is_some_and(|char| char.is_ascii_alphanumeric());
                    let edge = is_word(at.checked_sub(1).and_then(|before| text.get(before))) != is_word(text.get(*at));
                    edge == (*assertion == Assertion::WordEdge)
                }
            };
            starts.iter().copied().filter(holds).collect()
        }
        Node::Sequence(nodes) => nodes.iter().fold(starts.clone(), |starts, node| ends(node, text, &starts)),
        Node::Choice(nodes) => nodes.iter().flat_map(|node| ends(node, text, starts)).collect(),
        Node::Repeat { node, least, most } => {
            let mut at = (0..*least).fold(starts.clone(), |starts, _| ends(node, text, &starts));
            let mut all = at.clone();
            for _ in 0..most.map_or(text.len() + 1, |most| usize::try_from(most - least).unwrap()) {
                at = ends(node, text, &at);
                all.extend(&at);
            }
            all
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn a_program_matches_what_its_syntax_tree_means(
        pattern in prop::collection::vec(
            prop::sample::select(vec!["a", "b", "[^a]", ".", "(", "(?:", ")", ")*", ")+", ")?", "|", "^", "$", r"\b", r"\B", "a*", "b?", "a{2}", "b{1,3}"]),
            0..10,
        ),
        texts in prop::collection::vec("[ab -]{0,6}", 4),
    ) {
        let pattern = pattern.concat();
        if let Ok(node) = parse(&pattern) {
            for text in texts {
                let chars: Vec<char> = text.chars().collect();
                let meant = !ends(&node, &chars, &(0..=chars.len()).collect()).is_empty();
                prop_assert_eq!(matches(&pattern, &text), meant, "{} on {}", pattern, text);
            }
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(pattern in r"[\[\](){}*+?|^$\\a-f0-9,pPuxck<=!:\-é]{0,24}", text in ".{0,12}") {
        if let Ok(pattern) = Pattern::parse(&pattern) {
            let _ = pattern.matches(&text, &mut 10_000);
        }
    }
}

#[test]
fn a_class_contains_what_is_listed_or_not() {
    let class = super::class::Class { negated: true, parts: vec![Part::Range('a', 'c'), Part::Not(Set::Digit)] };
    assert!(class.contains('5') && !class.contains('a') && !class.contains('x'));
}
