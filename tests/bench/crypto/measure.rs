//! What one thing costs, again and again: the best of many short rounds, which a machine that does other things meanwhile spoils least.
//! Knows neither where it runs nor who verifies.

use std::cell::Cell;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::library::call::Head;
use crate::library::config;
use crate::library::crypto::Crypto;
use crate::library::identity::TokenCache;
use crate::library::inspect::{self, HeadMeans, Incoming, Opening};
use crate::library::key::{Algorithm, PublicKey, Secret};
use crate::library::policy::{Hints, Policy};
use crate::library::time::Timestamp;

/// How long a round takes, about.
const ROUND: Duration = Duration::from_micros(200);

/// What a task costs: `{"ns", "done"}`, nanoseconds for one and whether it did what it should. A task says what it is about with
/// `policy` (a head or a token), `secret` (an HMAC) or `jwk` (a signature); `rounds` is how many are timed.
pub fn measure(task: &Value, crypto: &dyn Crypto) -> Value {
    let rounds = task["rounds"].as_u64().unwrap_or(100);
    let done = Cell::new(true);
    let check = |good: bool| done.set(done.get() && good);
    let ns = if task["policy"].is_object() {
        with_policy(task, crypto, rounds, &check)
    } else {
        let (message, signature) = (bytes(task, "message"), bytes(task, "signature"));
        match task["secret"].as_str() {
            Some(_) => {
                let secret = Secret::new(bytes(task, "secret")).unwrap();
                best(rounds, || check(crypto.verify_hmac(&secret, &message, &signature).is_ok()))
            }
            None => {
                let key = PublicKey::from_jwk(&serde_json::from_value(task["jwk"].clone()).unwrap()).unwrap();
                let algorithm = Algorithm::parse(task["alg"].as_str().unwrap()).unwrap();
                best(rounds, || check(crypto.verify(&key, algorithm, &message, &signature).is_ok()))
            }
        }
    };
    json!({ "ns": ns, "done": done.get() })
}

/// `token` is verified anew each time; without one the head of a call with these `headers` is judged, its token known by then.
fn with_policy(task: &Value, crypto: &dyn Crypto, rounds: u64, check: &dyn Fn(bool)) -> u64 {
    let policy: Policy = config::from_json(task["policy"].to_string().as_bytes(), &|_| None).unwrap();
    let now = Timestamp::from_unix_seconds(task["now"].as_i64().unwrap()).unwrap();
    if let Some(token) = task["token"].as_str() {
        let mut tokens = TokenCache::new(0, [7; 16]);
        return best(rounds, || check(tokens.verify(token, &policy.issuers, now, crypto).0.is_ok()));
    }
    let headers: Vec<(String, String)> = serde_json::from_value(task["headers"].clone()).unwrap();
    let mut tokens = TokenCache::new(TokenCache::DEFAULT_CAPACITY, [7; 16]);
    best(rounds, || {
        let head = Head::from_map(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()).unwrap();
        let call = Incoming { head, hints: Hints::default(), peer: None };
        let opening = inspect::head(&policy, call, HeadMeans { now, tokens: &mut tokens, crypto });
        check(matches!(opening, Opening::Judge(_)));
    })
}

/// Nanoseconds of the fastest round, for one.
pub fn best(rounds: u64, mut act: impl FnMut()) -> u64 {
    let mut time = |times: u64| {
        let begin = Instant::now();
        (0..times).for_each(|_| act());
        u64::try_from(begin.elapsed().as_nanos()).unwrap() / times
    };
    let first = time(1).min(time(1)).max(1);
    let times = (u64::try_from(ROUND.as_nanos()).unwrap() / first).clamp(1, 10_000);
    (0..rounds).map(|_| time(times)).min().unwrap()
}

pub fn bytes(task: &Value, member: &str) -> Vec<u8> {
    STANDARD.decode(task[member].as_str().unwrap()).unwrap()
}
