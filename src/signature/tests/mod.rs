//! Shared by the tests of each scheme: the signers and the call of the reference cases, and keys to sign with.

mod beside;
mod dsse;
mod event_jws;
mod fields;
mod hmac;
mod http_message;
mod jws;
mod published;
mod signers;
mod standard_webhooks;

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;
use crate::crypto::{RustCrypto, hmac_sha256};
use crate::protocol::{Data, Declared, EventTime, Extension};

/// `now` of the reference cases: 2026-11-23T08:00:00Z.
const NOW: i64 = 1_795_420_800;
const SHIPPING: &str = "shipping-service";
/// The body of reference case 01.
const BODY: &str = r#"{"specversion":"1.0","id":"e-1","source":"/shop/shipping","type":"com.shop.order.ItemShipped","time":"2026-11-23T07:59:58Z","datacontenttype":"application/json","data":{"orderId":"order-789","trackingNumber":"TRK123456789"}}"#;

impl VerifiedSignature {
    /// For tests of what comes after: evidence of a signature by a key of this publisher.
    pub(crate) fn in_test(scheme: Scheme, publisher: &str) -> Self {
        Self {
            scheme,
            key_id: "key".to_owned(),
            publisher: publisher.to_owned(),
            uncovered: Vec::new(),
            coverage: None,
            made: Made::default(),
        }
    }

    /// For tests of what comes after: evidence of DSSE that covers as much.
    pub(crate) fn with_coverage(coverage: Coverage) -> Self {
        Self { coverage: Some(coverage), ..Self::in_test(Scheme::Dsse, "a") }
    }

    /// For tests of what comes after: as [`Self::in_test`], made at that time, with a nonce.
    pub(crate) fn with_nonce(publisher: &str, at: Timestamp, nonce: &str) -> Self {
        Self::in_test(Scheme::HttpMessage, publisher).made(at, Some(nonce))
    }
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds).unwrap()
}

fn jwk(text: &str) -> SignerKey {
    SignerKey::Public(PublicKey::from_jwk(&serde_json::from_str(text).unwrap()).unwrap())
}

fn secret(bytes: &[u8]) -> Secret {
    Secret::new(bytes.to_vec()).unwrap()
}

fn signer(key_id: &str, publisher: &str, key: SignerKey) -> Signer {
    Signer { key_id: key_id.to_owned(), publisher: publisher.to_owned(), key, not_before: None, not_after: None }
}

/// A key pair of the tests' own.
fn test_pair() -> ed25519_compact::KeyPair {
    ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new([7; 32]))
}

fn test_key() -> SignerKey {
    let x = URL_SAFE_NO_PAD.encode(*test_pair().pk);
    jwk(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#))
}

type Sign<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

fn sign_ed25519(message: &[u8]) -> Vec<u8> {
    test_pair().sk.sign(message, None).to_vec()
}

const TEST_SECRET: &[u8] = b"a secret of the tests, 32 bytes.";

fn sign_hmac(message: &[u8]) -> Vec<u8> {
    hmac_sha256(&secret(TEST_SECRET), message).to_vec()
}

/// The signers of the reference policy, and two that the tests sign with.
fn signers() -> Signers {
    Signers::new(signer_list()).unwrap()
}

fn signer_list() -> Vec<Signer> {
    vec![
        signer(
            "shipping-ed",
            SHIPPING,
            jwk(r#"{"kty":"OKP","crv":"Ed25519","x":"RWnRsJlI_IxbUqQJWrtzd-6hU7VdSVkwL1JqhMhOmGI"}"#),
        ),
        signer(
            "shipping-ec",
            SHIPPING,
            jwk(
                r#"{"kty":"EC","crv":"P-256","x":"VE6hGhlXcqVTVyhrG5Pu-xOKo_lukKmcC7neu9--m24","y":"jwBCOzGWY5kait4aQiz5RDjrd-n7RYhCd0KMCf2wNUA"}"#,
            ),
        ),
        signer(
            "cart-ed",
            "cart-service",
            jwk(r#"{"kty":"OKP","crv":"Ed25519","x":"6FCc6pbrqqL0YHCvguPMB8qVe3Hj7bywpHkYETCV-xg"}"#),
        ),
        signer("shipping-hmac", SHIPPING, SignerKey::Secret(secret(b"eventguard-reference-hmac-secret"))),
        signer("test-ed", SHIPPING, test_key()),
        signer("test-hmac", SHIPPING, SignerKey::Secret(secret(TEST_SECRET))),
    ]
}

/// The signature settings of the reference policy.
fn settings() -> Settings {
    Settings {
        http_message: Some(HttpMessage {
            components: ["@method", "@authority", "@path", "content-digest"].map(str::to_owned).to_vec(),
            max_age: Duration::from_mins(5),
            tag: None,
            structured_fields: Vec::new(),
        }),
        standard_webhooks: Some(StandardWebhooks { tolerance: Duration::from_mins(5) }),
        jws: Some(Jws { header: "x-jws-signature".to_owned() }),
        hmac: Vec::new(),
        event_jws: None,
        dsse: Some(Dsse { mode: DsseMode::Strict, allow_unsigned: vec!["traceparent".to_owned()] }),
    }
}

fn head_at(authority: &str, path: &str, headers: &[(&str, &str)]) -> Head {
    let pseudo = [(":method", "POST"), (":scheme", "https"), (":authority", authority), (":path", path)];
    Head::from_map(pseudo.iter().chain(headers).copied().collect()).unwrap()
}

fn head(headers: &[(&str, &str)]) -> Head {
    head_at("bus.shop.example", "/events/orders", headers)
}

fn sent<'a>(head: &'a Head, body: &'a str) -> Sent<'a> {
    Sent { form: Form::Structured, head, content: body.as_bytes() }
}

fn verify_with(
    settings: &Settings,
    signers: &Signers,
    head: &Head,
    body: &str,
) -> Result<Vec<VerifiedSignature>, SignatureError> {
    verify_call(settings, signers, &sent(head, body), Some(SHIPPING), seconds(NOW), &RustCrypto)
}

fn verify(head: &Head, body: &str) -> Result<Vec<VerifiedSignature>, SignatureError> {
    verify_with(&settings(), &signers(), head, body)
}

/// Key ids of what verified.
fn key_ids(verified: Result<Vec<VerifiedSignature>, SignatureError>) -> Vec<String> {
    verified.unwrap().into_iter().map(|signature| signature.key_id).collect()
}

fn is_malformed<T>(result: &Result<T, SignatureError>) -> bool {
    matches!(result, Err(SignatureError::Malformed(_)))
}

#[test]
fn key_ids_are_there_once() {
    let mut list = signer_list();
    list.push(list[1].clone());
    let duplicate = DuplicateKeyId { key_id: "shipping-ec".to_owned(), index: 6 };
    assert_eq!(Signers::new(list).unwrap_err(), [duplicate]);
    assert_eq!(signers().find("cart-ed").unwrap().publisher, "cart-service");
    assert!(signers().find("").is_none());
}

#[test]
fn a_call_without_a_signature_gives_no_evidence() {
    assert_eq!(verify(&head(&[("content-type", "application/cloudevents+json")]), BODY), Ok(Vec::new()));
}

#[test]
fn a_scheme_that_is_not_in_use_is_not_read() {
    let none = Settings { http_message: None, standard_webhooks: None, jws: None, hmac: Vec::new(), dsse: None, event_jws: None };
    let head = head(&[("signature", "?"), ("webhook-id", "a.b"), ("x-jws-signature", "?")]);
    assert_eq!(verify_with(&none, &signers(), &head, BODY), Ok(Vec::new()));
}

#[test]
fn keys_of_two_owners_on_one_call_are_refused_also_where_no_publisher_is_expected() {
    let mut list = signer_list();
    list.push(signer("other-hmac", "other-service", SignerKey::Secret(secret(&[9; 16]))));
    let signers = Signers::new(list).unwrap();
    let message = b"m1.1795420800.{}";
    let other = STANDARD.encode(hmac_sha256(&secret(&[9; 16]), message));
    let protected = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","kid":"test-ed"}"#);
    let signed = format!("{protected}.{}", URL_SAFE_NO_PAD.encode("{}"));
    let jws = format!("{protected}..{}", URL_SAFE_NO_PAD.encode(sign_ed25519(signed.as_bytes())));
    let webhook = format!("v1,{other}");
    let headers = [
        ("webhook-id", "m1"),
        ("webhook-timestamp", "1795420800"),
        ("webhook-signature", webhook.as_str()),
        ("x-jws-signature", jws.as_str()),
    ];
    let verify = |headers: &[(&str, &str)]| {
        verify_call(&settings(), &signers, &sent(&head(headers), "{}"), None, seconds(NOW), &RustCrypto)
    };
    assert_eq!(key_ids(verify(&headers[..3])), ["other-hmac"]);
    assert_eq!(key_ids(verify(&headers[3..])), ["test-ed"]);
    assert_eq!(verify(&headers), Err(SignatureError::Signer { owner: SHIPPING.to_owned() }));
}

#[test]
fn a_signature_over_the_body_alone_says_nothing_of_a_binary_event() {
    let webhook =
        super::standard_webhooks::sign(super::standard_webhooks::Version::V1, "m1", seconds(NOW), BODY.as_bytes(), &sign_hmac);
    let signed = [("webhook-id", "m1"), ("webhook-timestamp", "1795420800"), ("webhook-signature", webhook.as_str())];
    let binary = [("content-type", "application/json"), ("ce-specversion", "1.0"), ("ce-type", "a")];
    assert_eq!(
        verify(&head(&[signed.as_slice(), &binary].concat()), BODY),
        Err(SignatureError::Uncovered("content-type".to_owned()))
    );
    let structured = [("content-type", "Application/CloudEvents+json"), ("ce-specversion", "1.0")];
    assert_eq!(key_ids(verify(&head(&[signed.as_slice(), &structured].concat()), BODY)), ["test-hmac"]);
}
