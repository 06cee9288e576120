//! Standard Webhooks (specification 1.0) into evidence: `v1` (HMAC-SHA256) and `v1a` (Ed25519) over id, timestamp and body. The
//! scheme names no key, so that the policy's keys are tried: first those of the publisher whom the token names. Knows nothing of
//! what the id was used for before.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::signers::{MessageAlgorithm, Verifier, read_seconds};
use super::{Scheme, SignatureError, Signer, StandardWebhooks, VerifiedSignature};
use crate::call::Head;
use crate::key::Algorithm;
use crate::time::Timestamp;

/// Signatures in one header: a rotation needs two or three.
const MAX_SIGNATURES: usize = 8;

/// A way of signing within the scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HMAC-SHA256 with a shared secret.
    V1,
    /// Ed25519.
    V1a,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "v1" => Some(Self::V1),
            "v1a" => Some(Self::V1a),
            _ => None,
        }
    }

    fn algorithm(self) -> MessageAlgorithm {
        match self {
            Self::V1 => MessageAlgorithm::HmacSha256,
            Self::V1a => MessageAlgorithm::Public(Algorithm::EdDsa),
        }
    }
}

/// The three headers of a call.
struct Headers<'h> {
    id: &'h str,
    timestamp_text: &'h str,
    timestamp: Timestamp,
    /// Those of a version that is known.
    signatures: Vec<(Version, Vec<u8>)>,
}

/// Judges the call's signature; `None` where there is none.
pub(super) fn verify(
    settings: &StandardWebhooks,
    head: &Head,
    content: &[u8],
    verifier: &Verifier<'_>,
) -> Result<Option<VerifiedSignature>, SignatureError> {
    let Some(headers) = Headers::read(head)? else { return Ok(None) };
    let candidates = candidates(&headers, verifier)?;
    let sent = headers.timestamp;
    verifier.check_near(sent, settings.tolerance)?;
    let message = message(headers.id, headers.timestamp_text, content);
    let signed_by =
        |signer| headers.signatures.iter().map(move |(version, signed)| (signer, version.algorithm(), signed.as_slice()));
    let tries = candidates.into_iter().flat_map(signed_by).filter(|(signer, algorithm, _)| signer.key.makes(*algorithm));
    let why = |error| if error == SignatureError::Invalid { headers.no_key(verifier, error) } else { error };
    let signer = verifier.first(tries, &message).map_err(why)?;
    let verified = verifier.evidence(Scheme::StandardWebhooks, signer, Vec::new())?;
    Ok(Some(verified.made(sent, Some(headers.id))))
}

/// The keys that could have made one of the signatures, the expected publisher's first.
fn candidates<'a>(headers: &Headers<'_>, verifier: &Verifier<'a>) -> Result<Vec<&'a Signer>, SignatureError> {
    let fits = |signer: &&Signer| headers.signatures.iter().any(|(version, _)| signer.key.makes(version.algorithm()));
    let candidates: Vec<&Signer> = verifier.signers.iter().filter(fits).collect();
    if candidates.is_empty() {
        return Err(headers.no_key(verifier, SignatureError::UnknownKey("any".to_owned())));
    }
    let candidates = verifier.in_time(candidates)?;
    let is_expected = |signer: &&Signer| verifier.expected.is_none_or(|expected| expected == signer.publisher);
    let (mut first, others): (Vec<_>, Vec<_>) = candidates.into_iter().partition(is_expected);
    first.extend(others);
    Ok(first)
}

impl<'h> Headers<'h> {
    /// Why no key has made the signatures. They name none: one of a set that is not held may have, but for secrets, which no set has.
    fn no_key(&self, verifier: &Verifier<'_>, error: SignatureError) -> SignatureError {
        let is_public = self.signatures.iter().any(|(version, _)| matches!(version, Version::V1a));
        if is_public { verifier.no_key(error) } else { error }
    }

    fn read(head: &'h Head) -> Result<Option<Self>, SignatureError> {
        let (id, timestamp_text, signatures) =
            match (head.text("webhook-id")?, head.text("webhook-timestamp")?, head.text("webhook-signature")?) {
                (None, None, None) => return Ok(None),
                (Some(id), Some(timestamp), Some(signatures)) => (id, timestamp, signatures),
                _ => {
                    return Err(SignatureError::malformed(
                        "`webhook-id`, `webhook-timestamp` and `webhook-signature` are there together or not at all",
                    ));
                }
            };
        // A full stop in the id would let the borders between id, timestamp and body be moved.
        if id.is_empty() || id.contains('.') {
            return Err(SignatureError::malformed("`webhook-id` is empty or has a full stop"));
        }
        let timestamp = read_seconds(timestamp_text)
            .ok_or_else(|| SignatureError::malformed("`webhook-timestamp` is not seconds since 1970"))?;
        Ok(Some(Self { id, timestamp_text, timestamp, signatures: read_signatures(signatures)? }))
    }
}

/// Signatures of versions that are not known are left aside, as long as there is one that is.
fn read_signatures(header: &str) -> Result<Vec<(Version, Vec<u8>)>, SignatureError> {
    let mut signatures = Vec::new();
    for (index, signature) in header.split(' ').enumerate() {
        if index >= MAX_SIGNATURES {
            return Err(SignatureError::malformed(format!("more than {MAX_SIGNATURES} signatures")));
        }
        let (version, encoded) = signature
            .split_once(',')
            .ok_or_else(|| SignatureError::malformed("`webhook-signature` has an entry without a version"))?;
        if let Some(version) = Version::parse(version) {
            let signature = STANDARD
                .decode(encoded)
                .map_err(|_| SignatureError::malformed("`webhook-signature` has an entry that is not base64"))?;
            signatures.push((version, signature));
        }
    }
    if signatures.is_empty() {
        return Err(SignatureError::malformed("`webhook-signature` has no signature of a known version"));
    }
    Ok(signatures)
}

/// What is signed: id, timestamp and body, with full stops between them.
fn message(id: &str, timestamp: &str, content: &[u8]) -> Vec<u8> {
    [id.as_bytes(), timestamp.as_bytes(), content].join(&b'.')
}

/// The value of the header `webhook-signature` for a call with that id, timestamp and body. `sign` turns what is signed into the
/// signature's bytes.
#[must_use]
pub fn sign(version: Version, id: &str, timestamp: Timestamp, content: &[u8], sign: &dyn Fn(&[u8]) -> Vec<u8>) -> String {
    let prefix = match version {
        Version::V1 => "v1",
        Version::V1a => "v1a",
    };
    let message = message(id, &timestamp.unix_seconds().to_string(), content);
    format!("{prefix},{}", STANDARD.encode(sign(&message)))
}
