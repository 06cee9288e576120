//! What of a call's head makes its event must be signed: Dapr's publish calls, whose query may set attributes.

use super::*;
use crate::signature::http_message::{Input, sign};

const PATH: &str = "/v1.0/publish/bus/orders";
const TYPE: &str = "/v1.0/publish/bus/orders?metadata.cloudevent.type=t&metadata.ttlInSeconds=1";
const BOTH: &str = "/v1.0/publish/bus/orders?metadata.cloudevent.type=t&metadata.cloudevent.id=1";

fn judge_as(form: Form, path: &str, headers: &[(&str, &str)]) -> Result<Vec<VerifiedSignature>, SignatureError> {
    let head = head_at("bus", path, headers);
    let sent = Sent { form, ..sent(&head, BODY) };
    verify_call(&settings(), &signers(), &sent, Some(SHIPPING), seconds(NOW), &RustCrypto)
}

fn judge(path: &str, headers: &[(&str, &str)]) -> Result<Vec<VerifiedSignature>, SignatureError> {
    judge_as(Form::DaprPublish, path, headers)
}

/// Signed as RFC 9421 has it, with these components beside those that the policy demands.
fn signed(path: &str, content_type: &str, components: &[&str]) -> Result<Vec<VerifiedSignature>, SignatureError> {
    let digest = content_digest(BODY.as_bytes());
    let headers = [("content-digest", digest.as_str()), ("content-type", content_type)];
    let components = [&["@method", "@authority", "@path", "content-digest"], components].concat();
    let input = Input { label: "s", components, created: seconds(NOW), expires: None, key_id: "test-ed", tag: None };
    let input = input.to_header().unwrap();
    let signature = sign(&head_at("bus", path, &headers), &input, &sign_ed25519).unwrap();
    judge(path, &[headers.as_slice(), &[("signature-input", &input), ("signature", &signature)]].concat())
}

fn uncovered(name: &str) -> Result<Vec<VerifiedSignature>, SignatureError> {
    Err(SignatureError::Uncovered(name.to_owned()))
}

/// A webhook's signature, and a JWS: both over the body alone.
fn over_the_body(headers: &[(&'static str, &'static str)]) -> [Vec<(&'static str, String)>; 2] {
    let webhook = super::super::standard_webhooks::sign(
        super::super::standard_webhooks::Version::V1,
        "m1",
        seconds(NOW),
        BODY.as_bytes(),
        &sign_hmac,
    );
    let protected = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","kid":"test-ed"}"#);
    let message = format!("{protected}.{}", URL_SAFE_NO_PAD.encode(BODY));
    let jws = format!("{protected}..{}", URL_SAFE_NO_PAD.encode(sign_ed25519(message.as_bytes())));
    let webhook = vec![("webhook-id", "m1".to_owned()), ("webhook-timestamp", NOW.to_string()), ("webhook-signature", webhook)];
    [webhook, vec![("x-jws-signature", jws)]].map(|mut signature| {
        signature.extend(headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
        signature
    })
}

const TYPE_PARAMETER: &str = r#"@query-param;name="metadata.cloudevent.type""#;
const ID_PARAMETER: &str = r#"@query-param;name="metadata.cloudevent.id""#;

#[test]
fn a_signature_over_the_body_alone_says_nothing_of_attributes_in_the_query() {
    for (path, content_type, expected) in [
        (TYPE, "application/cloudevents+json", Some(TYPE_PARAMETER)),
        (
            "/v1.0/publish/bus/orders?a&metadata.cloudevent.%73ource=/x",
            "application/cloudevents+json",
            Some(r#"@query-param;name="metadata.cloudevent.source""#),
        ),
        (
            "/v1.0/publish/bus/orders?metadata.CloudEvent.subject=x",
            "application/cloudevents+json",
            Some(r#"@query-param;name="metadata.CloudEvent.subject""#),
        ),
        ("/v1.0/publish/bus/orders?metadata.ttlInSeconds=1&cloudevent.type=t", "application/cloudevents+json", None),
        (PATH, "application/cloudevents+json", None),
        (PATH, "application/json", Some("content-type")),
        (PATH, "application/cloudevents+json ; charset=utf-8", Some("content-type")),
        (PATH, "application/cloudevents-batch+json", Some("content-type")),
    ] {
        for headers in over_the_body(&[]) {
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (*name, value.as_str())).chain([("content-type", content_type)]).collect();
            let judged = judge(path, &headers);
            match expected {
                Some(name) => assert_eq!(judged, uncovered(name), "{path} {content_type}"),
                None => assert!(judged.is_ok(), "{path} {content_type}: {judged:?}"),
            }
        }
    }
}

#[test]
fn an_http_message_signature_covers_the_query_or_each_parameter_that_sets_an_attribute() {
    const EVENT: &str = "application/cloudevents+json";
    for all in ["@query", "@target-uri", "@request-target"] {
        assert!(signed(BOTH, EVENT, &[all]).is_ok(), "{all}");
    }
    assert!(signed(BOTH, EVENT, &[ID_PARAMETER, TYPE_PARAMETER]).is_ok());
    assert!(signed(TYPE, EVENT, &[TYPE_PARAMETER]).is_ok(), "what is no attribute need not be signed");
    assert!(signed(PATH, EVENT, &[]).is_ok());
    assert_eq!(signed(BOTH, EVENT, &[]), uncovered(TYPE_PARAMETER));
    assert_eq!(signed(BOTH, EVENT, &[TYPE_PARAMETER]), uncovered(ID_PARAMETER));
    assert_eq!(signed(BOTH, EVENT, &[ID_PARAMETER]), uncovered(TYPE_PARAMETER));
    assert_eq!(signed(TYPE, "text/plain", &["@query"]), uncovered("content-type"));
    assert!(signed(TYPE, "text/plain", &["@query", "content-type"]).is_ok());
}

#[test]
fn what_other_calls_have_in_the_query_sets_nothing() {
    for headers in over_the_body(&[("content-type", "application/json")]) {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert!(judge_as(Form::Json, TYPE, &headers).is_ok());
        assert_eq!(judge_as(Form::DaprBulk, TYPE, &headers), uncovered(TYPE_PARAMETER));
        assert!(judge_as(Form::DaprBulk, PATH, &headers).is_ok(), "the entries say what they are");
    }
}
