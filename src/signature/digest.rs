//! The content of a call and its `content-digest` header (RFC 9530) into nothing, or the reason why they do not belong together.
//! Trusts nothing: whether the header itself is signed is for the caller to see. Weak algorithms (RFC 9530 section 5) count as
//! absent, and content without a digest is never taken for empty content.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::SignatureError;
use super::fields::byte_sequences;
use crate::call::Head;
use crate::crypto::{sha256, sha512};

/// Digests in one header; RFC 9530 registers eight algorithms.
const MAX_DIGESTS: usize = 8;

/// The call's `content-digest`, which a signature covers.
pub(super) fn header(head: &Head) -> Result<&[u8], SignatureError> {
    head.header("content-digest")?.ok_or(SignatureError::Digest("the signed content digest is absent"))
}

/// Whether the digests in `header` are those of `content`, in every strong algorithm that is there.
pub(super) fn verify(header: &[u8], content: &[u8]) -> Result<(), SignatureError> {
    let digests =
        byte_sequences(header, MAX_DIGESTS).map_err(|error| SignatureError::malformed(format!("`content-digest`: {error}")))?;
    let mut strong = digests.iter().filter_map(|(algorithm, digest)| matches(algorithm.as_str(), digest, content)).peekable();
    if strong.peek().is_none() {
        return Err(SignatureError::Digest("there is no content digest in a strong algorithm"));
    }
    if !strong.all(|matches| matches) {
        return Err(SignatureError::Digest("the content is not the one that was signed"));
    }
    Ok(())
}

/// Whether `digest` is that of `content`; `None` where the algorithm is not one to rely on.
fn matches(algorithm: &str, digest: &[u8], content: &[u8]) -> Option<bool> {
    match algorithm {
        "sha-256" => Some(digest == sha256(content)),
        "sha-512" => Some(digest == sha512(content)),
        _ => None,
    }
}

/// The value of a `content-digest` header for `content`, with SHA-256.
#[must_use]
pub fn content_digest(content: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(sha256(content)))
}
