use super::*;
use crate::call::HeaderError;
use crate::keyset::SetId;
use crate::signature::standard_webhooks::{Version, sign};

/// The body of reference case 23.
const ENVELOPE: &str = r#"{"eventType":"OrderItemShipped","timestamp":"2026-11-23T07:59:58Z","payload":{"userId":"user-123","itemId":"item-abc","quantity":1,"cartId":"cart-xyz"}}"#;
const CASE_23: &str = "v1,LXJmDbUMkiP3JxCR5JQY1awwULmxVa0QSVFrJNJO1mk=";

fn call(id: &str, timestamp: &str, signature: &str) -> Head {
    head(&[("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)])
}

fn judge(signature: &str) -> Result<Vec<VerifiedSignature>, SignatureError> {
    verify(&call("msg_1", "1795420795", signature), ENVELOPE)
}

#[test]
fn the_reference_cases_get_their_verdicts() {
    assert_eq!(key_ids(judge(CASE_23)), ["shipping-hmac"]);
    // 24
    let changed = ENVELOPE.replace("item-abc", "item-abd");
    assert_eq!(verify(&call("msg_1", "1795420795", CASE_23), &changed), Err(SignatureError::Invalid));
}

/// The examples of the project's own libraries: `libraries/javascript/src/webhook.test.ts` ("sign function works") and
/// `libraries/go/webhook_asymmetric_test.go` (`TestAsymmetricWebhookSign`).
#[test]
fn the_published_examples_verify() {
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let payload = r#"{"test": 2432232314}"#;
    let shared = SignerKey::Secret(secret(&STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()));
    let seed = STANDARD.decode("VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=").unwrap();
    let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::from_slice(&seed).unwrap());
    let x = URL_SAFE_NO_PAD.encode(*pair.pk);
    let public = jwk(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#));
    let signers = Signers::new(vec![signer("shared", SHIPPING, shared), signer("public", SHIPPING, public)]).unwrap();
    for (signature, key_id) in [
        ("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "shared"),
        ("v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==", "public"),
    ] {
        let head = call(id, "1614265330", signature);
        let now = seconds(1_614_265_330);
        let judged = verify_call(&settings(), &signers, &sent(&head, payload), None, now, &RustCrypto);
        assert_eq!(key_ids(judged), [key_id]);
    }
}

#[test]
fn what_is_signed_here_verifies_here() {
    let v1 = sign(Version::V1, "msg_1", seconds(NOW - 5), ENVELOPE.as_bytes(), &sign_hmac);
    assert_eq!(key_ids(judge(&v1)), ["test-hmac"]);
    let v1a = sign(Version::V1a, "msg_1", seconds(NOW - 5), ENVELOPE.as_bytes(), &sign_ed25519);
    assert_eq!(key_ids(judge(&v1a)), ["test-ed"]);
    let both = format!("{v1a} {v1}");
    assert_eq!(verify(&call("msg_1", "1795420795", &both), ENVELOPE).unwrap().len(), 1);
}

#[test]
fn one_signature_of_several_is_enough_and_unknown_versions_are_left_aside() {
    let wrong = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
    assert_eq!(key_ids(judge(&format!("{wrong} v2,?? {CASE_23} {wrong}"))), ["shipping-hmac"]);
    assert_eq!(judge(wrong), Err(SignatureError::Invalid));
}

#[test]
fn a_version_does_not_take_the_other_ones_key() {
    let hmac_as_v1a = CASE_23.replacen("v1,", "v1a,", 1);
    assert_eq!(judge(&hmac_as_v1a), Err(SignatureError::Invalid));
    // HMAC keyed with the public key.
    let key = *test_pair().pk;
    let message = [b"msg_1.1795420795.".as_slice(), ENVELOPE.as_bytes()].concat();
    let confused = format!("v1,{}", STANDARD.encode(hmac_sha256(&secret(&key), &message)));
    assert_eq!(judge(&confused), Err(SignatureError::Invalid));
}

#[test]
fn headers_that_are_not_of_the_scheme_are_malformed() {
    for signature in [
        "",
        " ",
        "v1",
        "v1,?",
        "v1,LXJmDbUMkiP3JxCR5JQY1awwULmxVa0QSVFrJNJO1mk",
        "v2,LXJmDbUMkiP3JxCR5JQY1awwULmxVa0QSVFrJNJO1mk=",
        "v1,AAAA  v1,AAAA",
    ] {
        assert!(is_malformed(&judge(signature)), "{signature}");
    }
    for timestamp in ["", "hello", "+1795420795", "-1", " 1795420795", "1795420795.0", "99999999999999999999"] {
        assert!(is_malformed(&verify(&call("msg_1", timestamp, CASE_23), ENVELOPE)), "{timestamp}");
    }
    assert!(is_malformed(&verify(&call("", "1795420795", CASE_23), ENVELOPE)));
    let three = [("webhook-id", "msg_1"), ("webhook-timestamp", "1795420795"), ("webhook-signature", CASE_23)];
    for absent in 0..3 {
        let mut headers = three.to_vec();
        headers.remove(absent);
        assert!(is_malformed(&verify(&head(&headers), ENVELOPE)));
        headers.extend([three[(absent + 1) % 3], three[absent]]);
        let judged = verify(&head(&headers), ENVELOPE);
        assert!(matches!(judged, Err(SignatureError::Header(HeaderError::Duplicate(_)))), "{judged:?}");
    }
}

#[test]
fn the_border_between_id_timestamp_and_body_cannot_be_moved() {
    // Signed as id `msg_1`, timestamp 1795420795, and a body that starts with a number and a full stop.
    let body = "1795420800.5";
    let signature = sign(Version::V1, "msg_1", seconds(NOW - 5), body.as_bytes(), &sign_hmac);
    assert_eq!(key_ids(verify(&call("msg_1", "1795420795", &signature), body)), ["test-hmac"]);
    assert!(is_malformed(&verify(&call("msg_1.1795420795", "1795420800", &signature), "5")));
}

#[test]
fn a_list_of_signatures_has_an_end() {
    let many = |count: usize| vec!["v1,AAAA"; count].join(" ");
    assert_eq!(judge(&many(8)), Err(SignatureError::Invalid));
    assert!(is_malformed(&judge(&many(9))));
}

#[test]
fn the_tolerance_counts_both_ways_and_has_both_neighbours() {
    let judge_at = |at: i64| {
        let signature = sign(Version::V1, "msg_1", seconds(at), ENVELOPE.as_bytes(), &sign_hmac);
        verify(&call("msg_1", &at.to_string(), &signature), ENVELOPE).map(|_| ())
    };
    assert_eq!(judge_at(NOW - 300), Ok(()));
    assert_eq!(judge_at(NOW + 300), Ok(()));
    for outside in [NOW - 301, NOW + 301, 0] {
        assert!(matches!(judge_at(outside), Err(SignatureError::Expired(_))), "{outside}");
    }
}

#[test]
fn another_publishers_key_is_told_from_one_that_is_not_known() {
    let judge_as = |expected: &str, signers: &Signers| {
        let head = call("msg_1", "1795420795", CASE_23);
        verify_call(&settings(), signers, &sent(&head, ENVELOPE), Some(expected), seconds(NOW), &RustCrypto)
    };
    assert_eq!(judge_as("cart-service", &signers()), Err(SignatureError::Signer { owner: SHIPPING.to_owned() }));
    let no_secret = signer_list().into_iter().filter(|signer| matches!(signer.key, SignerKey::Public(_))).collect();
    assert!(matches!(judge_as(SHIPPING, &Signers::new(no_secret).unwrap()), Err(SignatureError::UnknownKey(_))));
    let mut late = signer_list();
    late.iter_mut().for_each(|signer| signer.not_before = Some(seconds(NOW + 1)));
    assert!(matches!(judge_as(SHIPPING, &Signers::new(late).unwrap()), Err(SignatureError::Expired(_))));
}

#[test]
fn the_expected_publishers_keys_are_tried_first_however_many_others_there_are() {
    let others = (0..100).map(|index| signer(&index.to_string(), "other", SignerKey::Secret(secret(&[index; 16]))));
    let signers = Signers::new(others.chain(signer_list()).collect()).unwrap();
    let head = call("msg_1", "1795420795", CASE_23);
    assert_eq!(key_ids(verify_with(&settings(), &signers, &head, ENVELOPE)), ["shipping-hmac"]);
}

#[test]
fn any_change_breaks_the_signature() {
    let (_, encoded) = CASE_23.split_once(',').unwrap();
    let tag = STANDARD.decode(encoded).unwrap();
    for place in 0..tag.len() {
        let mut changed = tag.clone();
        changed[place] ^= 1;
        assert_eq!(judge(&format!("v1,{}", STANDARD.encode(changed))), Err(SignatureError::Invalid));
    }
    assert_eq!(judge(&format!("v1,{}", STANDARD.encode(&tag[..31]))), Err(SignatureError::Invalid));
    for place in 0..ENVELOPE.len() {
        let mut changed = ENVELOPE.as_bytes().to_vec();
        changed[place] ^= 1;
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(verify(&call("msg_1", "1795420795", CASE_23), &changed), Err(SignatureError::Invalid));
    }
    assert_eq!(verify(&call("msg_2", "1795420795", CASE_23), ENVELOPE), Err(SignatureError::Invalid));
    assert_eq!(verify(&call("msg_1", "1795420796", CASE_23), ENVELOPE), Err(SignatureError::Invalid));
}

#[test]
fn while_a_set_is_not_held_it_may_have_the_key_of_a_signature_but_no_secret() {
    let set = SetId(3);
    let signers = signers().with_sets(vec![SignerSet { set, publisher: None }]);
    let judge = |signers: &Signers, version| {
        let nobody = |_: &[u8]| vec![7; if version == Version::V1 { 32 } else { 64 }];
        let head = call("msg_1", "1795420795", &sign(version, "msg_1", seconds(NOW - 5), ENVELOPE.as_bytes(), &nobody));
        verify_call(&settings(), signers, &sent(&head, ENVELOPE), None, seconds(NOW), &RustCrypto)
    };
    assert_eq!(judge(&signers, Version::V1a), Err(SignatureError::KeysUnavailable { set }));
    assert_eq!(judge(&signers, Version::V1), Err(SignatureError::Invalid));
    let none = Signers::default().with_sets(vec![SignerSet { set, publisher: None }]);
    assert_eq!(judge(&none, Version::V1a), Err(SignatureError::KeysUnavailable { set }));
    assert_eq!(judge(&none, Version::V1), Err(SignatureError::UnknownKey("any".to_owned())));
}
