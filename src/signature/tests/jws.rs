use super::*;
use crate::signature::jws::{Payload, message};

/// `HEADER..SIGNATURE` over `body`, signed with the tests' own key.
fn jws(header: &str, payload: Payload, body: &str, sign: &dyn Fn(&[u8]) -> Vec<u8>) -> String {
    let header = URL_SAFE_NO_PAD.encode(header);
    let signature = sign(&message(&header, payload, body.as_bytes()));
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature))
}

fn judge(jws: &str) -> Result<Vec<VerifiedSignature>, SignatureError> {
    verify(&head(&[("x-jws-signature", jws)]), BODY)
}

fn judge_header(header: &str) -> Result<Vec<VerifiedSignature>, SignatureError> {
    judge(&jws(header, Payload::Base64url, BODY, &sign_ed25519))
}

#[test]
fn both_ways_of_the_payload_verify() {
    let encoded = jws(r#"{"alg":"EdDSA","kid":"test-ed"}"#, Payload::Base64url, BODY, &sign_ed25519);
    assert_eq!(key_ids(judge(&encoded)), ["test-ed"]);
    let unencoded = r#"{"alg":"HS256","kid":"test-hmac","b64":false,"crit":["b64"]}"#;
    assert_eq!(key_ids(judge(&jws(unencoded, Payload::AsItIs, BODY, &sign_hmac))), ["test-hmac"]);
    assert_eq!(judge(&jws(unencoded, Payload::Base64url, BODY, &sign_hmac)), Err(SignatureError::Invalid));
}

/// RFC 7797 section 4.2, with the key of RFC 7515 appendix A.1.1. Its header has no `kid`, so that it is tried below `verify`.
#[test]
fn rfc_7797_section_4_2() {
    let k = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let key = secret(&URL_SAFE_NO_PAD.decode(k).unwrap());
    let header = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19";
    let signature = URL_SAFE_NO_PAD.encode(hmac_sha256(&key, &message(header, Payload::AsItIs, b"$.02")));
    assert_eq!(signature, "A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY");
    assert!(is_malformed(&judge(&format!("{header}..{signature}"))));
}

#[test]
fn an_algorithm_that_is_not_the_keys_is_malformed() {
    for algorithm in ["none", "HS256", "ES256", "RS256", "eddsa", ""] {
        let header = format!(r#"{{"alg":"{algorithm}","kid":"test-ed"}}"#);
        assert!(is_malformed(&judge_header(&header)), "{algorithm}");
    }
}

#[test]
fn a_header_that_is_not_understood_is_malformed() {
    for header in [
        r#"{"alg":"EdDSA"}"#,
        r#"{"kid":"test-ed"}"#,
        r#"{"alg":1,"kid":"test-ed"}"#,
        r#"{"alg":"EdDSA","kid":["test-ed"]}"#,
        r#"{"alg":"EdDSA","kid":"test-ed","kid":"test-ed"}"#,
        r#"{"alg":"EdDSA","kid":"test-ed","k\u0069d":"test-ed"}"#,
        r#"{"alg":"EdDSA","kid":"test-ed","crit":[]}"#,
        r#"{"alg":"EdDSA","kid":"test-ed","crit":["exp"],"exp":1}"#,
        r#"{"alg":"EdDSA","kid":"test-ed","crit":["b64"]}"#,
        r#"{"alg":"EdDSA","kid":"test-ed","b64":false}"#,
        r#"{"alg":"EdDSA","kid":"test-ed","b64":true,"crit":["b64"]}"#,
        r#"{"alg":"EdDSA","kid":"test-ed","b64":"false","crit":["b64"]}"#,
        r#"{"alg":"EdDSA","kid":"test-ed","b64":false,"crit":"b64"}"#,
        r#"{"alg":"EdDSA","kid":"test-ed","b64":false,"crit":["b64","b64"]}"#,
        r#"{"alg":"EdDSA","kid":"test-ed","b64":false,"crit":["b64","exp"]}"#,
        r#"{"alg":"EdDSA","kid":"test-ed"} {}"#,
        r#"["EdDSA","test-ed"]"#,
        "",
    ] {
        assert!(is_malformed(&judge_header(header)), "{header}");
    }
}

#[test]
fn what_is_not_detached_is_malformed() {
    for jws in ["", ".", "..", "...", "e30.e30.e30", "e30..e30.e30", "e30..?", "e30==..e30", "?..e30"] {
        assert!(is_malformed(&judge(jws)), "{jws}");
    }
}

#[test]
fn keys_come_from_the_policy_alone() {
    let x = URL_SAFE_NO_PAD.encode(*test_pair().pk);
    for kid in ["", "nobody", "../test-ed", "test-ed\\u0000"] {
        let header = format!(
            r#"{{"alg":"EdDSA","kid":"{kid}","jwk":{{"kty":"OKP","crv":"Ed25519","x":"{x}"}},"jku":"https://a/","x5u":"https://a/"}}"#
        );
        assert!(matches!(judge_header(&header), Err(SignatureError::UnknownKey(_))), "{kid}");
    }
}

#[test]
fn another_body_key_or_owner_is_refused() {
    let signed = jws(r#"{"alg":"EdDSA","kid":"test-ed"}"#, Payload::Base64url, "{}", &sign_ed25519);
    assert_eq!(judge(&signed), Err(SignatureError::Invalid));
    assert_eq!(judge_header(r#"{"alg":"EdDSA","kid":"shipping-ed"}"#), Err(SignatureError::Invalid));
    let signed =
        head(&[("x-jws-signature", &jws(r#"{"alg":"EdDSA","kid":"test-ed"}"#, Payload::Base64url, BODY, &sign_ed25519))]);
    let judged = verify_call(&settings(), &signers(), &sent(&signed, BODY), Some("cart-service"), seconds(NOW), &RustCrypto);
    assert_eq!(judged, Err(SignatureError::Signer { owner: SHIPPING.to_owned() }));
}
