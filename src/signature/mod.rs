//! Covered bytes and a key into evidence: who signed a call or an event. Trusts the policy's signers; a signature that is there
//! is always judged, whether or not a rule asks for one.
//!
//! Every scheme judges in the same order: its form, the key, what is covered, the time, the signature, the digest, and last
//! whether the key is the publisher's.

mod beside;
mod digest;
pub mod dsse;
mod error;
mod event_jws;
mod evidence;
mod fields;
pub mod hmac;
pub mod http_message;
pub mod jws;
mod settings;
mod signers;
pub mod standard_webhooks;
#[cfg(test)]
mod tests;

use beside::beside;
pub use digest::content_digest;
pub use error::SignatureError;
use evidence::Made;
pub use evidence::{Coverage, Scheme, VerifiedSignature};
pub use fields::FieldType;
pub use settings::{Dsse, DsseMode, EventJws, HttpMessage, Jws, Settings, StandardWebhooks, UnsignedAttributes};
pub use signers::{DuplicateKeyId, SignerSet, Signers};

use crate::call::{Head, cut};
use crate::crypto::Crypto;
use crate::key::{PublicKey, Secret};
use crate::keyset::Revocations;
use crate::protocol::{Event, Form};
use crate::time::Timestamp;
use signers::Verifier;

/// A call as it was sent.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// How it carries events.
    pub form: Form,
    /// Its head.
    pub head: &'a Head,
    /// Its body, before any content decoding (RFC 9530 section 2).
    pub content: &'a [u8],
}

/// Judges every signature over the call as a whole that is there and whose scheme is in use; empty where there is none. `expected` is
/// the token's subject, which must own every key; `None` on an anonymous route, where all keys must have the same owner.
///
/// # Errors
///
/// [`SignatureError`] of the first signature that is no evidence: one that fails is never outweighed by one that verifies.
pub fn verify_call(
    settings: &Settings,
    signers: &Signers,
    sent: &Sent<'_>,
    expected: Option<&str>,
    now: Timestamp,
    crypto: &dyn Crypto,
) -> Result<Vec<VerifiedSignature>, SignatureError> {
    let verifier = Verifier { signers, expected, now, crypto };
    let Sent { head, content, .. } = *sent;
    let mut verified = match &settings.http_message {
        Some(settings) => http_message::verify(settings, sent, &verifier)?,
        None => Vec::new(),
    };
    let covers_head = !verified.is_empty();
    if let Some(settings) = &settings.standard_webhooks {
        verified.extend(standard_webhooks::verify(settings, head, content, &verifier)?);
    }
    if let Some(settings) = &settings.jws {
        verified.extend(jws::verify(settings, head, content, &verifier)?);
    }
    for profile in &settings.hmac {
        verified.extend(hmac::verify(profile, head, content, &verifier)?);
    }
    if !verified.is_empty()
        && !covers_head
        && let Some(part) = beside(sent).next()
    {
        return Err(part.uncovered());
    }
    one_owner(&verified, signers)?;
    Ok(verified)
}

/// Judges the signatures that the event itself carries, of the schemes in use. `expected` is the subject of the
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
) -> Result<Vec<VerifiedSignature>, SignatureError> {
    let verifier = Verifier { signers, expected, now, crypto };
    let mut verified = match &settings.dsse {
        Some(settings) => dsse::verify(settings, event, &verifier)?,
        None => Vec::new(),
    };
    if let Some(settings) = &settings.event_jws {
        verified.extend(event_jws::verify(settings, event, &verifier)?);
    }
    one_owner(&verified, signers)?;
    Ok(verified)
}

/// Whether the key of a signature, or its owner, was revoked.
///
/// # Errors
///
/// [`SignatureError::Revoked`].
pub fn check_revoked(signatures: &[VerifiedSignature], revoked: &Revocations) -> Result<(), SignatureError> {
    let is_revoked = |signature: &&VerifiedSignature| {
        revoked.any(|list| list.has_key(&signature.key_id) || list.has_subject(&signature.publisher))
    };
    match signatures.iter().find(is_revoked) {
        Some(signature) => Err(SignatureError::Revoked(cut(&signature.key_id, 64).to_owned())),
        None => Ok(()),
    }
}

/// Whether something may sign the attributes of an event that stand in headers, in use here or not: an HTTP message signature, which has to
/// cover all of them, or a signature that is an attribute itself.
#[must_use]
pub fn may_cover_attributes(settings: &Settings, head: &Head) -> bool {
    let is_there = |name: &str| head.values(name).next().is_some();
    let event_jws = settings.event_jws.as_ref().map(|settings| ["ce-", &settings.attribute].concat());
    ["signature", "signature-input", dsse::HEADER].into_iter().any(is_there) || event_jws.is_some_and(|name| is_there(&name))
}

/// Two owners would leave open who publishes, but where a rule asks for several: it then says who may have signed.
fn one_owner(verified: &[VerifiedSignature], signers: &Signers) -> Result<(), SignatureError> {
    let mut owners = verified.iter().map(VerifiedSignature::publisher).filter(|owner| !signers.is_cosigner(owner));
    let Some(first) = owners.next() else { return Ok(()) };
    owners.find(|owner| *owner != first).map_or(Ok(()), |owner| Err(SignatureError::Signer { owner: owner.to_owned() }))
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
