//! A JWS in a header of the call into evidence: its payload is the body as it was sent, in it or detached (RFC 7515 appendix F), and then
//! either encoded or, with `"b64":false` (RFC 7797), as it is. Keys come from the policy alone: `jwk`, `jku`, `x5u` and
//! `x5c` in a header are never followed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::signers::{MessageAlgorithm, Verifier};
use super::{Jws, Scheme, SignatureError, SignerKey, VerifiedSignature};
use crate::call::{Head, cut};
use crate::json::{Document, Kind, Value};
use crate::key::Algorithm;

/// Levels of nesting in a protected header.
const MAX_DEPTH: usize = 8;

/// How the payload goes into what is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Encoded.
    Base64url,
    /// `"b64":false`
    AsItIs,
}

/// What a protected header says.
pub(super) struct Protected {
    pub algorithm: String,
    pub key_id: String,
    pub payload: Payload,
}

/// The compact form, taken apart (RFC 7515 section 3.1).
pub(super) struct Compact<'j> {
    /// As it stands.
    pub header: &'j str,
    /// As it stands; empty where it is detached.
    pub payload: &'j str,
    pub signature: Vec<u8>,
}

impl<'j> Compact<'j> {
    pub(super) fn parse(jws: &'j str) -> Result<Self, SignatureError> {
        let malformed = || SignatureError::malformed("not a JWS: HEADER.PAYLOAD.SIGNATURE, or HEADER..SIGNATURE");
        let (header, rest) = jws.split_once('.').ok_or_else(malformed)?;
        let (payload, signature) = rest.split_once('.').ok_or_else(malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
        Ok(Self { header, payload, signature })
    }

    /// What is signed, where the payload is there.
    pub(super) fn signed(&self) -> Vec<u8> {
        [self.header, self.payload].join(".").into_bytes()
    }
}

/// Judges the JWS; `None` where there is none.
pub(super) fn verify(
    settings: &Jws,
    head: &Head,
    content: &[u8],
    verifier: &Verifier<'_>,
) -> Result<Option<VerifiedSignature>, SignatureError> {
    let Some(jws) = head.text(&settings.header)? else { return Ok(None) };
    let compact = Compact::parse(jws)?;
    let protected = Protected::read(compact.header)?;
    let signer = verifier.signer(&protected.key_id)?;
    let algorithm = algorithm(&signer.key, &protected.algorithm)?;
    verifier.check_key_time(signer)?;
    let signed = match (compact.payload, protected.payload) {
        ("", form) => message(compact.header, form, content),
        (_, Payload::Base64url) => compact.signed(),
        (_, Payload::AsItIs) => return Err(SignatureError::malformed("a payload that is not encoded is not in a JWS")),
    };
    verifier.verify(signer, algorithm, &signed, &compact.signature)?;
    if !compact.payload.is_empty() && URL_SAFE_NO_PAD.encode(content) != compact.payload {
        return Err(SignatureError::Digest("the content is not the payload that was signed"));
    }
    verifier.evidence(Scheme::Jws, signer, Vec::new()).map(Some)
}

/// The algorithm that the header names (RFC 7518, RFC 8037), if the key makes it. `none` is not one.
pub(super) fn algorithm(key: &SignerKey, name: &str) -> Result<MessageAlgorithm, SignatureError> {
    let algorithm = match name {
        "HS256" => Some(MessageAlgorithm::HmacSha256),
        name => Algorithm::parse(name).map(MessageAlgorithm::Public),
    };
    algorithm
        .filter(|algorithm| key.makes(*algorithm))
        .ok_or_else(|| SignatureError::malformed(format!("the algorithm `{}` is not the key's", cut(name, 64))))
}

/// What is signed (RFC 7515 section 5.1, RFC 7797 section 3).
pub(super) fn message(encoded_header: &str, payload: Payload, content: &[u8]) -> Vec<u8> {
    match payload {
        Payload::Base64url => format!("{encoded_header}.{}", URL_SAFE_NO_PAD.encode(content)).into_bytes(),
        Payload::AsItIs => [encoded_header.as_bytes(), content].join(&b'.'),
    }
}

impl Protected {
    pub(super) fn read(encoded: &str) -> Result<Self, SignatureError> {
        let text =
            URL_SAFE_NO_PAD.decode(encoded).map_err(|_| SignatureError::malformed("the protected header is not base64url"))?;
        let document = Document::parse(&text, MAX_DEPTH)
            .map_err(|error| SignatureError::malformed(format!("the protected header: {error}")))?;
        let header = document.root();
        let text = |name| {
            let text = header.get(name).and_then(Value::as_str);
            text.ok_or_else(|| SignatureError::malformed(format!("the protected header has no text `{name}`")))
        };
        Ok(Self { algorithm: text("alg")?.into_owned(), key_id: text("kid")?.into_owned(), payload: payload(header)? })
    }
}

/// `b64` is understood where it is `false` and `crit` names it, and it alone (RFC 7797 section 6, RFC 7515 section 4.1.11).
fn payload(header: Value<'_, '_>) -> Result<Payload, SignatureError> {
    match (header.get("b64").map(Value::kind), header.get("crit")) {
        (None, None) => Ok(Payload::Base64url),
        (Some(Kind::Bool(false)), Some(critical)) if names_b64_alone(critical) => Ok(Payload::AsItIs),
        _ => Err(SignatureError::malformed("`crit` must be [\"b64\"] with `b64` false, or absent as `b64` then is")),
    }
}

fn names_b64_alone(critical: Value<'_, '_>) -> bool {
    critical
        .items()
        .is_some_and(|mut names| names.next().and_then(Value::as_str).is_some_and(|name| name == "b64") && names.next().is_none())
}

/// A JWS with detached content, by a key of that id and algorithm (RFC 7518, RFC 8037). `sign` turns what is signed into the signature's
/// bytes.
#[must_use]
pub fn sign(algorithm: &str, key_id: &str, form: Payload, content: &[u8], sign: &dyn Fn(&[u8]) -> Vec<u8>) -> String {
    let header = match form {
        Payload::Base64url => serde_json::json!({ "alg": algorithm, "kid": key_id }),
        Payload::AsItIs => serde_json::json!({ "alg": algorithm, "kid": key_id, "b64": false, "crit": ["b64"] }),
    };
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let signature = sign(&message(&header, form, content));
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature))
}
