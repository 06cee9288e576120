//! HTTP Message Signatures (RFC 9421) into evidence. Trusts the head of the call to be what the proxy received: `@authority` and
//! `@path` are read from nowhere else. Does not know which rules ask for a signature.
//!
//! Every label that is looked at must verify. Only requests are judged, so that `@status` and the parameters `req` and
//! `tr` have no meaning here and are refused.

mod base;
mod input;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::beside::{Part, beside};
use super::digest;
use super::fields::byte_sequences;
use super::signers::{MessageAlgorithm, Verifier};
use super::{HttpMessage, Scheme, Sent, SignatureError, SignerKey, VerifiedSignature};
use crate::call::{Head, cut};
use crate::key::Algorithm;
use crate::time::Timestamp;
pub use base::is_component;
use base::{Component, Request, base};
use input::Label;

/// How far ahead of ours a signer's clock may be.
const FUTURE_LEEWAY: Duration = Duration::from_secs(30);

/// Labels in one call. Each costs a signature's verification.
const MAX_LABELS: usize = 4;

/// Judges every label that the settings look at; empty where there is none.
pub(super) fn verify(
    settings: &HttpMessage,
    sent: &Sent<'_>,
    verifier: &Verifier<'_>,
) -> Result<Vec<VerifiedSignature>, SignatureError> {
    let head = sent.head;
    let labels = match (head.header("signature-input")?, head.header("signature")?) {
        (None, None) => return Ok(Vec::new()),
        (Some(input), Some(signature)) => pair(read_input(input)?, signature)?,
        (Some(_), None) | (None, Some(_)) => {
            return Err(SignatureError::malformed("`signature-input` and `signature` are there together or not at all"));
        }
    };
    let request = Request::new(head);
    labels
        .iter()
        .filter(|(label, _)| settings.tag.as_deref().is_none_or(|tag| label.text("tag") == Ok(Some(tag))))
        .map(|(label, signature)| verify_label(settings, (label, signature), sent, &request, verifier))
        .collect()
}

fn verify_label(
    settings: &HttpMessage,
    (label, signature): (&Label<'_>, &[u8]),
    sent: &Sent<'_>,
    request: &Request<'_>,
    verifier: &Verifier<'_>,
) -> Result<VerifiedSignature, SignatureError> {
    let Sent { head, content, .. } = *sent;
    let claims = Claims::read(label)?;
    let components = base::components(label, &settings.structured_fields)?;
    let signer = verifier.signer(claims.key_id)?;
    let algorithm = algorithm(&signer.key, claims.algorithm)?;
    check_coverage(&settings.components, &components, sent)?;
    claims.check_time(settings.max_age, verifier.now)?;
    verifier.check_key_time(signer)?;
    let covers_content = components.iter().any(|component| component.covers("content-digest"));
    let digests = covers_content.then(|| digest::header(head)).transpose()?;
    verifier.verify(signer, algorithm, base(label, &components, request)?.as_bytes(), signature)?;
    digests.map_or(Ok(()), |digests| digest::verify(digests, content))?;
    let verified = verifier.evidence(Scheme::HttpMessage, signer, Vec::new())?;
    Ok(verified.made(claims.created, claims.nonce))
}

fn read_input(header: &[u8]) -> Result<Vec<Label<'_>>, SignatureError> {
    input::parse(header, MAX_LABELS).map_err(|error| SignatureError::malformed(format!("`signature-input`: {error}")))
}

/// Each label with its signature: both headers name the same labels (RFC 9421 section 4).
fn pair<'h>(labels: Vec<Label<'h>>, signature: &[u8]) -> Result<Vec<(Label<'h>, Vec<u8>)>, SignatureError> {
    let mut signatures =
        byte_sequences(signature, MAX_LABELS).map_err(|error| SignatureError::malformed(format!("`signature`: {error}")))?;
    let unpaired = || SignatureError::malformed("`signature-input` and `signature` name different labels");
    if labels.len() != signatures.len() {
        return Err(unpaired());
    }
    labels
        .into_iter()
        .map(|label| {
            let place = signatures.iter().position(|(name, _)| *name == label.name).ok_or_else(unpaired)?;
            Ok((label, signatures.swap_remove(place).1))
        })
        .collect()
}

/// What a signature says of itself (RFC 9421 section 2.3).
struct Claims<'l> {
    created: Timestamp,
    expires: Option<Timestamp>,
    nonce: Option<&'l str>,
    key_id: &'l str,
    algorithm: Option<&'l str>,
}

impl<'l> Claims<'l> {
    fn read(label: &'l Label<'_>) -> Result<Self, SignatureError> {
        let absent = |name| SignatureError::malformed(format!("the signature has no `{name}`"));
        label.text("tag")?;
        Ok(Self {
            nonce: label.text("nonce")?,
            created: label.time("created")?.ok_or_else(|| absent("created"))?,
            expires: label.time("expires")?,
            key_id: label.text("keyid")?.ok_or_else(|| absent("keyid"))?,
            algorithm: label.text("alg")?,
        })
    }

    fn check_time(&self, max_age: Duration, now: Timestamp) -> Result<(), SignatureError> {
        if self.created > now.after(FUTURE_LEEWAY) {
            return Err(SignatureError::Expired(format!("created in the future, at {}", self.created)));
        }
        if now.since(self.created) > max_age {
            return Err(SignatureError::Expired(format!("created at {}, longer ago than {} s", self.created, max_age.as_secs())));
        }
        match self.expires.filter(|expires| *expires <= now) {
            Some(expires) => Err(SignatureError::Expired(format!("expired at {expires}"))),
            None => Ok(()),
        }
    }
}

/// The algorithm that the signature names (RFC 9421 section 3.3), if the key makes it; the key's where none is named.
fn algorithm(key: &SignerKey, named: Option<&str>) -> Result<MessageAlgorithm, SignatureError> {
    let algorithm = match named {
        Some("hmac-sha256") => Some(MessageAlgorithm::HmacSha256),
        Some(name) => Algorithm::parse_http_message(name).map(MessageAlgorithm::Public),
        None => key.algorithm().filter(|algorithm| is_registered(*algorithm)),
    };
    algorithm.filter(|algorithm| key.makes(*algorithm)).ok_or_else(|| match named {
        Some(name) => SignatureError::malformed(format!("the algorithm `{}` is not the key's", cut(name, 64))),
        None => SignatureError::malformed("neither the key nor the signature names an algorithm of HTTP message signatures"),
    })
}

/// Whether the algorithm is one of HTTP message signatures, and not of JOSE alone.
fn is_registered(algorithm: MessageAlgorithm) -> bool {
    match algorithm {
        MessageAlgorithm::HmacSha256 => true,
        MessageAlgorithm::Public(
            Algorithm::Rs256 | Algorithm::Ps512 | Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa,
        ) => true,
        MessageAlgorithm::Public(Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 | Algorithm::Ps384) => false,
    }
}

/// Whether all that must be covered is: what the policy demands, and what of the head makes the events.
fn check_coverage(required: &[String], components: &[Component<'_>], sent: &Sent<'_>) -> Result<(), SignatureError> {
    if components.is_empty() {
        return Err(SignatureError::Uncovered("any component".to_owned()));
    }
    let covers = |part: &Part<'_>| {
        components.iter().any(|component| match part {
            Part::Header(name) => component.covers(name),
            Part::Parameter(name) => component.covers_parameter(name),
        })
    };
    let required = required.iter().map(|name| Part::Header(name));
    required.chain(beside(sent)).find(|part| !covers(part)).map_or(Ok(()), |part| Err(part.uncovered()))
}

/// What a signer states in `signature-input`, for [`Input::to_header`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input<'a> {
    /// The label, e.g. `sig1`: lower-case letters, digits, `_`, `-`, `.`, `*`.
    pub label: &'a str,
    /// The covered components, e.g. `@method`, `content-digest`, `@query-param;name="id"`.
    pub components: Vec<&'a str>,
    /// When the signature is made.
    pub created: Timestamp,
    /// When it ceases to hold.
    pub expires: Option<Timestamp>,
    /// The signer's key id.
    pub key_id: &'a str,
    /// The application that it is meant for.
    pub tag: Option<&'a str>,
}

impl Input<'_> {
    /// The value of the header `signature-input`, or `None` where a text in it is not one that the header can carry.
    #[must_use]
    pub fn to_header(&self) -> Option<String> {
        input::write(self)
    }
}

/// The value of the header `accept-signature` (RFC 9421 section 5.1): what a caller should sign. A tag that no header can carry asks for
/// nothing.
#[must_use]
pub fn accept_signature(settings: &HttpMessage) -> String {
    let mut text = format!("sig1=(\"{}\");created;keyid", settings.components.join("\" \""));
    if let Some(tag) = settings.tag.as_deref().and_then(|tag| sfv::StringRef::from_str(tag).ok()) {
        let tag = sfv::ItemSerializer::new().bare_item(tag).finish();
        text.push_str(";tag=");
        text.push_str(&tag);
    }
    text
}

/// The value of the header `signature` for a call whose `signature-input` will be `input`: each label signed by `sign`, which
/// turns the signature base into the signature's bytes. The base is made by what verification makes it with.
///
/// # Errors
///
/// [`SignatureError`] where `input` does not parse or covers what the call does not have.
pub fn sign(head: &Head, input: &str, sign: &dyn Fn(&[u8]) -> Vec<u8>) -> Result<String, SignatureError> {
    let request = Request::new(head);
    let signed: Result<Vec<String>, SignatureError> = read_input(input.as_bytes())?
        .iter()
        .map(|label| {
            let base = base(label, &base::components(label, &[])?, &request)?;
            Ok(format!("{}=:{}:", label.name, STANDARD.encode(sign(base.as_bytes()))))
        })
        .collect();
    Ok(signed?.join(", "))
}
