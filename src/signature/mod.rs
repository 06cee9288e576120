//! Covered bytes and a key into evidence: who signed a call or an event. Trusts the policy's signers; a signature that is there
//! is always judged, whether or not a rule asks for one.
//!
//! Every scheme judges in the same order: its form, the key, what is covered, the time, the signature, the digest, and last
//! whether the key is the publisher's.

mod digest;
pub mod dsse;
mod fields;
pub mod http_message;
mod jws;
mod signers;
pub mod standard_webhooks;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use digest::content_digest;
pub use fields::FieldType;
pub use signers::{DuplicateKeyId, Signers};

use crate::call::{Head, cut};
use crate::crypto::Crypto;
use crate::key::{PublicKey, Secret};
use crate::protocol::Event;
use crate::time::Timestamp;
use signers::Verifier;

/// Judges every signature over the call as a whole that is there and whose scheme is in use; empty where there is none. `content`
/// is the body as it was sent, before any content decoding (RFC 9530 section 2). `expected` is the token's subject, which must
/// own every key; `None` on an anonymous route, where all keys must have the same owner.
///
/// # Errors
///
/// [`SignatureError`] of the first signature that is no evidence: one that fails is never outweighed by one that verifies.
pub fn verify_call(
    settings: &Settings,
    signers: &Signers,
    head: &Head,
    content: &[u8],
    expected: Option<&str>,
    now: Timestamp,
    crypto: &dyn Crypto,
) -> Result<Vec<VerifiedSignature>, SignatureError> {
    let verifier = Verifier { signers, expected, now, crypto };
    let mut verified = match &settings.http_message {
        Some(settings) => http_message::verify(settings, head, content, &verifier)?,
        None => Vec::new(),
    };
    let covers_headers = !verified.is_empty();
    if let Some(settings) = &settings.standard_webhooks {
        verified.extend(standard_webhooks::verify(settings, head, content, &verifier)?);
    }
    if let Some(settings) = &settings.jws {
        verified.extend(jws::verify(settings, head, content, &verifier)?);
    }
    if !verified.is_empty()
        && !covers_headers
        && let Some(name) = attribute_headers(head).next()
    {
        return Err(SignatureError::Uncovered(cut(name, 64).to_owned()));
    }
    one_owner(&verified)?;
    Ok(verified)
}

/// Judges the signature that the event itself carries, where it carries one and DSSE is in use. `expected` is the subject of the
/// token, or the owner of the call's signature, which must own the keys.
///
/// # Errors
///
/// [`SignatureError`] where the signature is no evidence.
pub fn verify_event(
    settings: &Settings,
    signers: &Signers,
    event: &Event<'_>,
    expected: Option<&str>,
    now: Timestamp,
    crypto: &dyn Crypto,
) -> Result<Option<VerifiedSignature>, SignatureError> {
    match &settings.dsse {
        Some(settings) => dsse::verify(settings, event, &Verifier { signers, expected, now, crypto }),
        None => Ok(None),
    }
}

/// The headers that carry attributes of a CloudEvent in binary mode (CloudEvents HTTP binding section 3.1); nothing in the other
/// modes. A signature over the body alone says nothing of them: the event type could be changed under it.
fn attribute_headers(head: &Head) -> impl Iterator<Item = &str> {
    let structured = head.values("content-type").any(|value| {
        const MEDIA_TYPE: &[u8] = b"application/cloudevents";
        value.get(..MEDIA_TYPE.len()).is_some_and(|start| start.eq_ignore_ascii_case(MEDIA_TYPE))
    });
    let binary = !structured && head.values("ce-specversion").next().is_some();
    head.headers().map(|(name, _)| name).filter(move |name| binary && (name.starts_with("ce-") || *name == "content-type"))
}

/// Two owners would leave open who publishes.
fn one_owner(verified: &[VerifiedSignature]) -> Result<(), SignatureError> {
    let other = verified.windows(2).find_map(|pair| match pair {
        [first, second] if first.publisher != second.publisher => Some(second.publisher.clone()),
        _ => None,
    });
    other.map_or(Ok(()), |owner| Err(SignatureError::Signer { owner }))
}

/// The holder of a message-signing key.
#[derive(Debug, Clone)]
pub struct Signer {
    /// What signatures name the key by.
    pub key_id: String,
    /// The publisher (the subject of its tokens) that owns the key.
    pub publisher: String,
    /// The key.
    pub key: SignerKey,
    /// From when on the key is trusted.
    pub not_before: Option<Timestamp>,
    /// Until when the key is trusted.
    pub not_after: Option<Timestamp>,
}

/// What a signer signs with.
#[derive(Debug, Clone)]
pub enum SignerKey {
    /// Verified with a public key.
    Public(PublicKey),
    /// Verified with a shared secret (HMAC-SHA256).
    Secret(Secret),
}

/// A way of signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// HTTP Message Signatures (RFC 9421) with a content digest (RFC 9530).
    HttpMessage,
    /// Standard Webhooks `v1` and `v1a`.
    StandardWebhooks,
    /// JWS with detached content in a header (RFC 7515 appendix F).
    Jws,
    /// The CloudEvents extension "Verifiable CloudEvents with DSSE".
    Dsse,
}

/// What is read of each scheme. A scheme without settings is not in use: its headers mean nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// RFC 9421.
    pub http_message: Option<HttpMessage>,
    /// Standard Webhooks.
    pub standard_webhooks: Option<StandardWebhooks>,
    /// Detached JWS.
    pub jws: Option<Jws>,
    /// DSSE on CloudEvents.
    pub dsse: Option<Dsse>,
}

/// What an HTTP Message Signature must keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpMessage {
    /// Components that must be covered, e.g. `@method`, `content-digest`.
    pub components: Vec<String>,
    /// How old a signature may be (now - `created`).
    pub max_age: Duration,
    /// The `tag` that a signature must have to be looked at.
    pub tag: Option<String>,
    /// Headers that are structured fields, beside those of RFC 9421 and RFC 9530: what `sf` may be said of.
    pub structured_fields: Vec<(String, FieldType)>,
}

/// What a Standard Webhooks signature must keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandardWebhooks {
    /// How far `webhook-timestamp` may be from now, both ways.
    pub tolerance: Duration,
}

/// Where a detached JWS is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jws {
    /// The header, in lower case.
    pub header: String,
}

/// What a DSSE signature must keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dsse {
    /// What becomes of extension attributes that the signature does not cover.
    pub mode: DsseMode,
    /// Extension attributes that need not be covered in strict mode.
    pub allow_unsigned: Vec<String>,
}

/// What becomes of extension attributes that a DSSE signature does not cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DsseMode {
    /// The event is refused.
    Strict,
    /// They pass, and the record names them.
    Passthrough,
}

/// The evidence of a verified signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSignature {
    scheme: Scheme,
    key_id: String,
    publisher: String,
    /// Extension attributes that it does not cover (DSSE: those that strict mode exempts, all of them in passthrough mode).
    uncovered: Vec<String>,
    made: Made,
}

/// When a signature was made, and which of its kind it is, where the signature itself says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Made {
    at: Option<Timestamp>,
    nonce: Option<String>,
}

/// Why a signature is no evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header could not be read.
    #[error(transparent)]
    Header(#[from] crate::call::HeaderError),
    /// `signature.missing`; said by the rules, which know whether one is needed.
    #[error("a signature is required and none of an allowed scheme is there")]
    Missing,
    /// `signature.malformed`.
    #[error("{0}")]
    Malformed(String),
    /// `signature.unknown-key`.
    #[error("no signer has the key id `{0}`")]
    UnknownKey(String),
    /// `signature.uncovered`.
    #[error("`{0}` is not covered")]
    Uncovered(String),
    /// `signature.expired`: too old, expired, from the future, or by a key outside its time.
    #[error("{0}")]
    Expired(String),
    /// `signature.invalid`.
    #[error("the signature does not verify")]
    Invalid,
    /// `signature.invalid`: a covered component is not in the call.
    #[error("the covered component `{0}` is not in the call")]
    AbsentComponent(String),
    /// `signature.digest`.
    #[error("{0}")]
    Digest(&'static str),
    /// `signature.signer`.
    #[error("the key belongs to `{owner}`, not to the publisher")]
    Signer {
        /// Whose key it is.
        owner: String,
    },
}

impl SignatureError {
    fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed(what.into())
    }
}

impl VerifiedSignature {
    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The signer's key id.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The publisher that owns the key.
    #[must_use]
    pub fn publisher(&self) -> &str {
        &self.publisher
    }

    /// When it was made, where it says so.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        self.made.at
    }

    /// What no other signature of its key has, where it says so: the `nonce` of RFC 9421, the `webhook-id` of Standard Webhooks.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.made.nonce.as_deref()
    }

    fn made(self, at: Timestamp, nonce: Option<&str>) -> Self {
        Self { made: Made { at: Some(at), nonce: nonce.map(str::to_owned) }, ..self }
    }

    /// Extension attributes that it does not cover (DSSE: those that strict mode exempts, all of them in passthrough mode).
    #[must_use]
    pub fn uncovered(&self) -> &[String] {
        &self.uncovered
    }
}
