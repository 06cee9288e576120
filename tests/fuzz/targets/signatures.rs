//! Signatures over a call. Where nobody signed, there is no evidence, and a header of a scheme is never passed over. Where every
//! signature is believed, what it was asked about is the call: all that must be covered, as it is in the call, and nothing that
//! could pass for something else.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use eventguard::call::Head;
use eventguard::crypto::{Crypto, RustCrypto, sha256, sha512};
use eventguard::policy::Policy;
use eventguard::protocol::Form;
use eventguard::signature::{Scheme, Sent, SignatureError, VerifiedSignature, verify_call};
use eventguard_fuzz::call::Call;
use eventguard_fuzz::crypto::{Credulous, Question};
use eventguard_fuzz::policy::{NOW, with_other_keys};
use libfuzzer_sys::{Corpus, fuzz_target};

static POLICY: LazyLock<Policy> = LazyLock::new(with_other_keys);

const PUBLISHER: &str = "shipping-service";

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some(call) = Call::read(bytes) else { return Corpus::Reject };
    if let Ok(evidence) = verify(&call, None, &RustCrypto) {
        assert!(evidence.is_empty(), "nobody signed this call: {evidence:?}");
        assert!(!has_signature(&call.head), "a signature is passed over");
    }
    let crypto = Credulous::default();
    let believed = verify(&call, None, &crypto);
    let of_publisher = verify(&call, Some(PUBLISHER), &Credulous::default());
    match &believed {
        Ok(evidence) => {
            assert_is_evidence(&call, evidence, &crypto.into_questions());
            assert_eq!(of_publisher.is_ok(), evidence.iter().all(|signature| signature.publisher() == PUBLISHER));
        }
        Err(_) => assert!(of_publisher.is_err(), "it depends on the publisher whether this is evidence"),
    }
    Corpus::Keep
});

fn verify(call: &Call<'_>, expected: Option<&str>, crypto: &dyn Crypto) -> Result<Vec<VerifiedSignature>, SignatureError> {
    let sent = Sent { form: Form::Structured, head: &call.head, content: call.body };
    verify_call(&POLICY.signatures, &POLICY.signers, &sent, expected, NOW, crypto)
}

/// Whether a scheme's headers say that there is a signature; an empty `signature-input` says that there is none.
fn has_signature(head: &Head) -> bool {
    let is_blank = |value: &[u8]| value.iter().all(|byte| *byte == b' ');
    head.headers().any(|(name, value)| match name {
        "webhook-id" | "webhook-timestamp" | "webhook-signature" | "x-jws-signature" => true,
        "signature-input" | "signature" => !is_blank(value),
        _ => false,
    })
}

fn assert_is_evidence(call: &Call<'_>, evidence: &[VerifiedSignature], questions: &[Question]) {
    assert_eq!(evidence.len(), questions.len(), "{evidence:?}");
    assert!(evidence.windows(2).all(|pair| pair[0].publisher() == pair[1].publisher()), "two publishers: {evidence:?}");
    let covers_head = evidence.iter().any(|signature| signature.scheme() == Scheme::HttpMessage);
    assert!(evidence.is_empty() || covers_head || !is_binary(&call.head), "the attributes are covered by nothing");
    for (signature, question) in evidence.iter().zip(questions) {
        let signer = POLICY.signers.find(signature.key_id()).expect("a signer of the policy");
        assert_eq!(signer.publisher, signature.publisher());
        match signature.scheme() {
            Scheme::HttpMessage => assert_is_signature_base(call, &question.message),
            Scheme::StandardWebhooks => assert_eq!(question.message, webhook(call)),
            Scheme::Jws => assert!(detached(call).contains(&question.message)),
            Scheme::Hmac | Scheme::Dsse | Scheme::EventJws => panic!("a call has no such signature"),
        }
    }
}

/// Whether the attributes of an event are in the headers.
fn is_binary(head: &Head) -> bool {
    let is_structured = |value: &[u8]| value.to_ascii_lowercase().starts_with(b"application/cloudevents");
    head.values("ce-specversion").next().is_some() && !head.values("content-type").any(is_structured)
}

/// RFC 9421 section 2.5: a line for each component, and the last one names them all in the same order.
fn assert_is_signature_base(call: &Call<'_>, base: &[u8]) {
    let base = std::str::from_utf8(base).expect("a signature base is ASCII");
    let mut lines: Vec<(&str, &str)> = base.split('\n').map(|line| line.split_once(": ").expect("a component")).collect();
    let (name, parameters) = lines.pop().expect("one line at least");
    assert_eq!(name, "\"@signature-params\"");
    let names: Vec<&str> = lines.iter().map(|(name, _)| *name).collect();
    assert!(parameters.starts_with(&format!("({})", names.join(" "))), "{base}");

    let covers = |name: &str, value: &str| lines.contains(&(format!("\"{name}\"").as_str(), value));
    let head = &call.head;
    assert!(covers("@method", head.method()), "{base}");
    assert!(lines.iter().any(|(name, value)| *name == "\"@authority\"" && is_authority(head, value)), "{base}");
    let path = head.path().split('?').next().unwrap_or_default();
    assert!(covers("@path", if path.is_empty() { "/" } else { path }), "{base}");
    let digest = std::str::from_utf8(head.header("content-digest").ok().flatten().expect("a digest")).expect("text").trim_ascii();
    assert!(covers("content-digest", digest), "{base}");
    assert!(is_digest(digest, call.body), "{digest} is not the content's");
    if is_binary(head) {
        for (name, value) in head.headers().filter(|(name, _)| name.starts_with("ce-") || *name == "content-type") {
            let value = std::str::from_utf8(value).expect("text").trim_ascii();
            assert!(covers(name, value) || head.values(name).count() > 1, "`{name}` is not covered");
        }
    }
}

fn is_authority(head: &Head, value: &str) -> bool {
    let authority = head.authority().to_ascii_lowercase();
    authority == value || [":80", ":443"].iter().any(|port| authority.strip_suffix(port) == Some(value))
}

/// One of the digests is the content's; that no other one contradicts it is for the unit tests.
fn is_digest(header: &str, content: &[u8]) -> bool {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let base64 = GeneralPurpose::new(&STANDARD, LENIENT);
    let mut digests = header.split(':').filter_map(|value| base64.decode(value).ok());
    digests.any(|digest| digest == sha256(content) || digest == sha512(content))
}

fn header<'h>(head: &'h Head, name: &str) -> &'h str {
    head.text(name).ok().flatten().expect("a header that was read")
}

fn webhook(call: &Call<'_>) -> Vec<u8> {
    let [id, timestamp] = ["webhook-id", "webhook-timestamp"].map(|name| header(&call.head, name).as_bytes());
    assert!(!id.contains(&b'.') && !timestamp.contains(&b'.'));
    [id, timestamp, call.body].join(&b'.')
}

/// What a detached JWS can cover: the content encoded, or as it is.
fn detached(call: &Call<'_>) -> [Vec<u8>; 2] {
    let (protected, _) = header(&call.head, "x-jws-signature").split_once("..").expect("two parts");
    [URL_SAFE_NO_PAD.encode(call.body).as_bytes(), call.body].map(|payload| [protected.as_bytes(), payload].join(&b'.'))
}
