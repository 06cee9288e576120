//! Sources of calls that come to nothing: how many of their signatures are looked at, and whom that does not touch.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::budget::Sources;
use crate::crypto::{Crypto, Unverified};
use crate::filter::governor::{Governor, source};
use crate::key::{Algorithm, PublicKey};

/// Counts the signatures that it is asked for; those of 64 times `y` verify.
#[derive(Default)]
struct Counting(Cell<u32>);

impl Crypto for Counting {
    fn verify(&self, _: &PublicKey, _: Algorithm, _: &[u8], signature: &[u8]) -> Result<(), Unverified> {
        self.0.set(self.0.get() + 1);
        if signature == [b'y'; 64] { Ok(()) } else { Err(Unverified::Wrong) }
    }
}

/// One worker, whose policy lets ten checks of a source fail in a second.
struct Worker {
    governor: Governor,
    tokens: TokenCache,
    crypto: Counting,
}

/// What became of a call: its code and what the caller is told of when to come again.
type Answer = (Option<&'static str>, Option<String>);

impl Worker {
    fn new() -> Self {
        Self {
            governor: Governor::new(NonZeroU32::new(10).map(|limit| Sources::new(limit, [7; 16]))),
            tokens: TokenCache::new(TokenCache::DEFAULT_CAPACITY, [7; 16]),
            crypto: Counting::default(),
        }
    }

    /// A call with this token, of this source, at that millisecond.
    fn call(&mut self, token: &str, source: &str, millis: i64) -> Answer {
        let now = Timestamp::parse("2026-11-23T08:00:00Z").unwrap().after(Duration::from_millis(millis.try_into().unwrap()));
        let authorization = format!("Bearer {token}");
        let map = map("/events/carts", &[("authorization", authorization.as_bytes())]);
        let arrival = Arrival { map: Some(map), hints: Ok(Hints::default()), peer: None, end_of_stream: false };
        let (tokens, mut exchange) = (&mut self.tokens, exchange(""));
        let step = self.governor.govern(&self.crypto, &|| source.to_owned(), now, |crypto| {
            let keys = &mut Store::new(&[], 1);
            exchange.head(arrival, &mut Surroundings { now, keys, waiting: 0, tokens, crypto, store: &Memory::default() })
        });
        let retry_after = step
            .commands
            .iter()
            .find_map(Command::reply)
            .and_then(|reply| reply.headers.iter().find(|(name, _)| *name == "retry-after").map(|(_, value)| value.clone()));
        (code(&step).map(Code::as_str), retry_after)
    }
}

/// A token that is good but for its signature, which is 64 times that byte. `id` tells it from others.
fn token(id: usize, signature: u8) -> String {
    let now = Timestamp::parse("2026-11-23T08:00:00Z").unwrap().unix_seconds();
    let claims = format!(r#"{{"iss":"https://idp","sub":"cart-service","aud":"bus","exp":{},"jti":"{id}"}}"#, now + 600);
    let parts = [br#"{"alg":"EdDSA","kid":"1"}"#.as_slice(), claims.as_bytes(), &[signature; 64]];
    parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

const LIMITED: Option<&str> = Some("source.limited");

#[test]
fn a_source_over_its_bound_is_refused_without_a_check_until_it_has_waited() {
    let mut worker = Worker::new();
    for id in 0..10 {
        assert_eq!(worker.call(&token(id, b'n'), "a", 0), (Some("token.signature"), None), "{id}");
    }
    for id in 10..1000 {
        assert_eq!(worker.call(&token(id, b'n'), "a", 0), (LIMITED, Some("1".to_owned())), "{id}");
    }
    assert_eq!(worker.crypto.0.get(), 10, "no check was made for the others");
    assert_eq!(worker.call(&token(1000, b'n'), "a", 99), (LIMITED, Some("1".to_owned())), "a millisecond is not none");
    assert_eq!(worker.call(&token(1000, b'n'), "a", 100).0, Some("token.signature"), "one in a tenth of a second");
    assert_eq!(worker.call(&token(1001, b'n'), "a", 100).0, LIMITED);
    assert_eq!(worker.call(&token(1002, b'y'), "a", 100).0, LIMITED, "nobody knows that it is good before it is looked at");
}

#[test]
fn neither_another_source_nor_a_token_that_is_known_is_touched() {
    let mut worker = Worker::new();
    assert_eq!(worker.call(&token(0, b'y'), "a", 0), (None, None));
    for id in 1..50 {
        worker.call(&token(id, b'n'), "a", 0);
    }
    assert_eq!(worker.call(&token(0, b'y'), "a", 0), (None, None), "it shares the address, and its token was verified before");
    assert_eq!(worker.call(&token(99, b'y'), "b", 0), (None, None));
}

#[test]
fn checks_that_succeed_and_failures_that_are_remembered_spend_nothing() {
    let mut worker = Worker::new();
    for id in 0..500 {
        assert_eq!(worker.call(&token(id, b'y'), "a", 0), (None, None), "{id}");
    }
    let bad = token(500, b'n');
    for _ in 0..500 {
        assert_eq!(worker.call(&bad, "a", 0), (Some("token.signature"), None));
    }
    assert_eq!(worker.crypto.0.get(), 501);
}

#[test]
fn a_good_signature_under_a_token_that_is_not_good_is_spent_too() {
    let mut worker = Worker::new();
    let expired = token(0, b'y');
    let called = (0..30).map(|_| worker.call(&expired, "a", 700_000).0);
    let codes: Vec<_> = called.collect();
    assert_eq!(codes[..10], [Some("token.expired"); 10]);
    assert_eq!(codes[10..], [LIMITED; 20]);
}

#[test]
fn without_a_bound_nobody_is_asked_for_a_source() {
    let governor = Governor::new(None);
    let crypto = Counting::default();
    let step = governor.govern(&crypto, &|| panic!("asked"), Timestamp::from_unix_nanos(0), |_| Step::quiet(Flow::Pause));
    assert_eq!(step.flow, Flow::Pause);
}

#[test]
fn a_source_is_a_peer_or_an_address_and_no_header() {
    let named = |peer: Option<&str>, address: &str| source(peer.map(str::to_owned), Some(address.to_owned()));
    assert_eq!(named(Some("spiffe://mesh/ns/shop/sa/cart"), "10.0.0.1:40000"), "spiffe://mesh/ns/shop/sa/cart");
    assert_eq!(named(None, "10.0.0.1:40000"), "10.0.0.1");
    assert_eq!(named(None, "10.0.0.1:0"), "forwarded");
    assert_eq!(named(None, "[2001:db8::1]:0"), "forwarded");
    let of_one_network = named(None, "[2001:db8:0:1::1]:1");
    assert_eq!(named(None, "[2001:db8:0:1:ffff::2]:2"), of_one_network);
    assert_ne!(named(None, "[2001:db8:0:2::1]:1"), of_one_network);
    assert_eq!(named(None, "[::ffff:10.0.0.1]:5"), "10.0.0.1");
    for (address, name) in
        [("2001:db8::", "2001:db8:0:0"), ("::1", "0:0:0:0"), ("1:2:3:4:5:6:7:8", "1:2:3:4"), ("1::5:6:7:8:9:a", "1:0:5:6")]
    {
        assert_eq!(named(None, &format!("[{address}]:1")), name, "{address}");
    }
    assert_eq!(named(None, "/run/envoy.sock"), "/run/envoy.sock");
    assert_eq!(source(None, None), "");
}
