//! The proxy's header map: pairs are where their sizes say, and are read as they are written. A head says of each header what is in
//! the map and nothing else: a header that is there twice is never one of the two.
#![no_main]

use eventguard::call::{Head, HeaderError, HeaderMap};
use eventguard::filter::wire::{read_pairs, write_pairs};
use eventguard::protocol::pubsub::Attributes;
use eventguard::protocol::{Protocol, declared};
use eventguard_fuzz::event::BUDGET;
use libfuzzer_sys::{Corpus, fuzz_target};

type Pairs = Vec<(String, Vec<u8>)>;

const PSEUDO: [&str; 4] = [":method", ":scheme", ":authority", ":path"];

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some(map) = read_pairs(bytes.to_vec()) else { return Corpus::Reject };
    let pairs = owned(&map);
    assert_are_in_place(bytes, &pairs);
    assert_are_read_as_written(&pairs);
    match Head::from_map(map) {
        Ok(head) => assert_is_of_map(&head, &pairs),
        Err(HeaderError::Absent(name)) => assert!(values(&pairs, name).is_empty()),
        Err(HeaderError::Duplicate(name)) => assert!(values(&pairs, &name).len() > 1),
        Err(HeaderError::NotText(name)) => {
            assert!(values(&pairs, &name).iter().any(|value| std::str::from_utf8(value).is_err()));
        }
        Err(HeaderError::LookAlike(name)) => panic!("nothing is read of `{name}` yet"),
    }
    Corpus::Keep
});

fn owned(map: &HeaderMap) -> Pairs {
    map.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

fn values<'p>(pairs: &'p Pairs, name: &str) -> Vec<&'p [u8]> {
    pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_slice()).collect()
}

/// Names and values stand one behind the other, behind the count and the sizes, each with one byte behind it.
fn assert_are_in_place(bytes: &[u8], pairs: &Pairs) {
    let mut at = 4 + 8 * pairs.len();
    for part in pairs.iter().flat_map(|(name, value)| [name.as_bytes(), value]) {
        assert_eq!(bytes.get(at..at + part.len()), Some(part));
        at += part.len() + 1;
    }
    assert!(at <= bytes.len());
}

fn assert_are_read_as_written(pairs: &Pairs) {
    let text = pairs.iter().map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value).ok()?)));
    if let Some(text) = text.collect::<Option<Vec<_>>>() {
        assert_eq!(read_pairs(write_pairs(&text)).as_ref().map(owned).as_ref(), Some(pairs));
    }
}

fn assert_is_of_map(head: &Head, pairs: &Pairs) {
    for (name, found) in [(":method", head.method()), (":authority", head.authority()), (":path", head.path())] {
        assert_eq!(values(pairs, name), [found.as_bytes()]);
    }
    assert!(matches!(values(pairs, ":scheme").as_slice(), [] | [_]));
    let others = pairs.iter().filter(|(name, _)| !PSEUDO.contains(&name.as_str()));
    assert!(head.headers().eq(others.map(|(name, value)| (name.as_str(), value.as_slice()))));
    for (name, _) in head.headers() {
        let is_text = |value: &[u8]| std::str::from_utf8(value).is_ok();
        match (values(pairs, name).as_slice(), head.header(name), head.text(name)) {
            ([one], Ok(Some(value)), Ok(Some(text))) => assert_eq!((*one, *one), (value, text.as_bytes())),
            ([one], Ok(Some(value)), Err(HeaderError::NotText(_))) => assert!(*one == value && !is_text(value)),
            ([_, _, ..], Err(HeaderError::Duplicate(_)), Err(HeaderError::Duplicate(_))) => {}
            (values, header, text) => panic!("{values:?} are {header:?} and {text:?}"),
        }
    }
    assert_are_there_once(head, pairs);
    if declared(head, &BUDGET).is_ok()
        && let Some(length) = head.text("content-length").expect("it was read")
    {
        assert!(length.bytes().all(|byte| byte.is_ascii_digit()));
        assert!(length.parse::<usize>().is_ok_and(|length| length <= BUDGET.body));
    }
    for protocol in [Protocol::CloudEvents, Protocol::KafkaRest, Protocol::PubSub(Attributes::CloudEvents)] {
        assert!(protocol.form(head).is_err() || values(pairs, "content-type").len() <= 1);
    }
}

/// Of what CloudEvents reads, nothing is there twice, and nothing that CGI would take for it.
fn assert_are_there_once(head: &Head, pairs: &Pairs) {
    let protocol = Protocol::CloudEvents;
    let is_like = |name: &str| !protocol.reads(name.as_bytes()) && protocol.reads(name.replace('_', "-").as_bytes());
    let broken = |name: &str| is_like(name) || (protocol.reads(name.as_bytes()) && values(pairs, name).len() > 1);
    match head.check_once(&|name| protocol.reads(name)) {
        Ok(()) => assert!(!pairs.iter().any(|(name, _)| broken(name))),
        Err(HeaderError::Duplicate(name)) => assert!(values(pairs, &name).len() > 1 && protocol.reads(name.as_bytes())),
        Err(HeaderError::LookAlike(name)) => assert!(is_like(&name)),
        Err(error) => panic!("{error}"),
    }
}
