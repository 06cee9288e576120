//! A gRPC call of many messages: however its bytes are split, the same messages are judged and the same bytes go on; what goes on is
//! whole frames, and nothing behind a refusal.
#![no_main]

use std::rc::Rc;
use std::sync::LazyLock;

use eventguard::call::Peer;
use eventguard::config;
use eventguard::crypto::RustCrypto;
use eventguard::decision::{Outcome, Verdict};
use eventguard::filter::exchange::{Arrival, Exchange, Surroundings};
use eventguard::filter::step::{Command, Flow};
use eventguard::filter::stream::Part;
use eventguard::identity::TokenCache;
use eventguard::keyset;
use eventguard::ledger::Memory;
use eventguard::policy::Hints;
use eventguard::time::Timestamp;
use libfuzzer_sys::{Corpus, fuzz_target};

const POLICY: &[u8] = br#"{"version": 1,
    "routes": [{"name": "stream", "match": {"grpc": "bus.Bus/Publish"}, "protocol": "cloudevents", "anonymous": true, "topic": "carts",
        "grpc": {"stream": true}}],
    "events": [{"type": "com.shop.*", "publishers": [{"peer": "spiffe://shop/cart"}]}],
    "limits": {"body": 200}}"#;

static NOW: LazyLock<Timestamp> = LazyLock::new(|| Timestamp::parse("2026-11-23T08:00:00Z").expect("a time"));

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // The first bytes say where the rest is split.
    let Some((cuts, bytes)) = bytes.split_first_chunk::<8>() else { return Corpus::Reject };
    let whole = publish(&[bytes.len()], bytes);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| usize::from(*cut).min(bytes.len())).chain([bytes.len()]).collect();
    cuts.sort_unstable();
    let split = publish(&cuts, bytes);
    assert!(bytes.starts_with(&whole.passed) && bytes.starts_with(&split.passed));
    assert_eq!(whole.refused, split.refused);
    // In parts, what came before a refused message has gone on already.
    assert!(split.passed.len() >= whole.passed.len());
    if !whole.refused {
        assert_eq!((whole.passed.as_slice(), whole.judged), (bytes, split.judged));
        assert_eq!(split.passed, bytes);
        assert_eq!(frames(bytes), Some(whole.judged));
    }
    Corpus::Keep
});

#[derive(Default)]
struct Published {
    passed: Vec<u8>,
    judged: usize,
    refused: bool,
}

/// As a proxy does it: shows all that it holds, and hands on all of it or what it is given instead.
fn publish(cuts: &[usize], bytes: &[u8]) -> Published {
    let policy = config::from_json(POLICY, &|_| None).expect("a policy");
    let mut exchange = Exchange::new(Rc::new(policy));
    let map = [
        (":method", "POST"),
        (":authority", "bus"),
        (":path", "/bus.Bus/Publish"),
        ("content-type", "application/grpc"),
        ("grpc-encoding", "gzip"),
    ];
    let mut tokens = TokenCache::new(0, [0; 16]);
    let keys = &mut keyset::Store::new(&[], 1);
    let mut with =
        Surroundings { now: *NOW, keys, waiting: 0, tokens: &mut tokens, crypto: &RustCrypto, store: &Memory::default() };
    let arrival = Arrival {
        map: Some(map.into_iter().collect()),
        hints: Ok(Hints::default()),
        peer: Peer::from_uri("spiffe://shop/cart".to_owned()),
        end_of_stream: false,
    };
    exchange.head(arrival, &mut with);
    let (mut published, mut held, mut at) = (Published::default(), Vec::new(), 0);
    for (index, cut) in cuts.iter().enumerate() {
        held.extend_from_slice(&bytes[at..*cut]);
        at = *cut;
        let part = if index + 1 == cuts.len() { Part::Last } else { Part::Open };
        let step = exchange.stream_part(Some(&held), part, &mut with);
        let refused = |outcome: &Outcome| outcome.verdict == Verdict::Refuse;
        published.judged += step.outcomes.iter().filter(|outcome| !refused(outcome)).count();
        if step.outcomes.iter().any(refused) {
            assert!(step.flow == Flow::Pause && step.commands.iter().any(|command| command.reply().is_some()));
            return Published { refused: true, ..published };
        }
        if step.flow == Flow::Continue {
            let replaced = step.commands.into_iter().find_map(|command| match command {
                Command::Body(bytes) => Some(bytes),
                Command::Remove(_) | Command::Set(..) | Command::Reply(_) | Command::Ask(_) | Command::Record => None,
            });
            published.passed.extend(replaced.unwrap_or_else(|| held.clone()));
            held.clear();
        }
    }
    published
}

/// How many whole frames the bytes are; `None` where they are not.
fn frames(mut bytes: &[u8]) -> Option<usize> {
    let mut count = 0;
    while let Some(([_, length @ ..], rest)) = bytes.split_first_chunk::<5>() {
        bytes = rest.get(usize::try_from(u32::from_be_bytes(*length)).ok()?..)?;
        count += 1;
    }
    bytes.is_empty().then_some(count)
}
