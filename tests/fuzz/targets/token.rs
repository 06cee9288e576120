//! Tokens. The text is a token, or its three parts as they are before base64url, a line each. Without a signature by a key of the
//! issuer no token is believed; where every signature is believed, it is asked for once, for the right bytes and key, and the claims
//! must still be right in serde_json's reading.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eventguard::crypto::RustCrypto;
use eventguard::identity::{CacheUse, Issuer, Publisher, TokenCache, TokenError, verify};
use eventguard::key::Algorithm;
use eventguard_fuzz::call::split_at_first;
use eventguard_fuzz::crypto::{Credulous, Question};
use eventguard_fuzz::json::read_strictly;
use eventguard_fuzz::policy::{NOW, with_other_keys};
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;

static ISSUERS: LazyLock<Vec<Issuer>> = LazyLock::new(|| with_other_keys().issuers);

/// More than any bound of the library.
const DEPTH: usize = 64;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some(token) = token(bytes) else { return Corpus::Reject };
    let refused = verify(&token, &ISSUERS, NOW, &RustCrypto);
    assert!(refused.is_err(), "nobody signed this token");

    let crypto = Credulous::default();
    let mut cache = TokenCache::new(1, [7; 16]);
    let (first, first_use) = cache.verify(&token, &ISSUERS, NOW, &crypto);
    let (second, second_use) = cache.verify(&token, &ISSUERS, NOW, &RustCrypto);
    assert_eq!(first_use, CacheUse::Miss);
    match first {
        Ok(publisher) => {
            assert_eq!((second.expect("it is known").label(), second_use), (publisher.label(), CacheUse::Hit));
            let questions = crypto.into_questions();
            let [question] = questions.as_slice() else { panic!("{} signatures of a token", questions.len()) };
            assert_was_asked_rightly(&token, question);
            assert_is_of_claims(&token, &publisher);
        }
        Err(error) => assert_is_refused_for(&error, &second.expect_err("it is not known"), second_use),
    }
    Corpus::Keep
});

fn token(bytes: &[u8]) -> Option<String> {
    let parts = split_at_first(bytes, b"\n").and_then(|(header, rest)| Some((header, split_at_first(rest, b"\n")?)));
    match parts {
        Some((header, (payload, signature))) => {
            Some([header, payload, signature].map(|part| URL_SAFE_NO_PAD.encode(part)).join("."))
        }
        None => Some(std::str::from_utf8(bytes).ok()?.to_owned()),
    }
}

/// The header and the payload, as serde_json reads them.
fn parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url"));
    let mut part = || read_strictly(&parts.next().expect("three parts"), DEPTH);
    (part(), part())
}

/// The signature covers all before it; the key is the one that the token names, the algorithm one that the issuer uses.
fn assert_was_asked_rightly(token: &str, question: &Question) {
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    assert_eq!(question.message, signed.as_bytes());
    assert_eq!(question.signature, URL_SAFE_NO_PAD.decode(signature).expect("base64url"));
    let (header, claims) = parts(token);
    let issuer = ISSUERS.iter().find(|issuer| claims["iss"] == issuer.issuer).expect("an issuer of the policy");
    let key = issuer.keys.find(header["kid"].as_str()).expect("a key of the issuer");
    assert_eq!(question.key.spki_der(), key.spki_der());
    assert!(issuer.algorithms.contains(&question.algorithm));
    assert_eq!(header["alg"].as_str().and_then(Algorithm::parse), Some(question.algorithm));
    assert!(header.get("crit").is_none() && header.get("b64").is_none(), "{header}");
}

fn assert_is_of_claims(token: &str, publisher: &Publisher) {
    let (_, claims) = parts(token);
    let verified = publisher.token().expect("it is known from a token");
    let issuer = ISSUERS.iter().find(|issuer| issuer.name == verified.issuer_name()).expect("an issuer of the policy");
    assert_eq!(claims["iss"], verified.issuer());
    assert_eq!(claims["sub"], publisher.subject());
    assert!(!publisher.subject().is_empty());
    assert!(publisher.label().bytes().all(|byte| byte.is_ascii_graphic()));
    let ours = |named: &Value| issuer.audiences.iter().any(|audience| named == audience);
    assert!(ours(&claims["aud"]) || claims["aud"].as_array().is_some_and(|names| names.iter().any(ours)));

    // Doubles hold today's seconds to a quarter of a microsecond.
    const TOLERANCE: f64 = 1e-6;
    let now = f64::from(u32::try_from(NOW.unix_seconds()).expect("before 2106"));
    let leeway = issuer.leeway.as_secs_f64();
    assert!(claims["exp"].as_f64().expect("a date") + leeway > now - TOLERANCE);
    for claim in ["nbf", "iat"] {
        assert!(claims.get(claim).is_none_or(|at| at.as_f64().expect("a date") <= now + leeway + TOLERANCE));
    }
    if let Some(limit) = issuer.max_age {
        assert!(now - claims["iat"].as_f64().expect("a date") <= limit.as_secs_f64() + TOLERANCE);
    }
}

/// What was refused is not kept, unless it may become good with time.
fn assert_is_refused_for(first: &TokenError, second: &TokenError, second_use: CacheUse) {
    assert_eq!(second_use, CacheUse::Miss, "what was refused is kept");
    let behind_signature = matches!(second, TokenError::Signature);
    assert!(first == second || behind_signature, "{first:?}, then {second:?}");
}
