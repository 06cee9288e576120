//! The content of a call and its `content-digest` header (RFC 9530) into nothing, or the reason why they do not belong together.
//! Trusts nothing: whether the header itself is signed is for the caller to see. Weak algorithms (RFC 9530 section 5) count as
//! absent, and content without a digest is never taken for empty content.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sfv::visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, Never, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser, Version};

use super::SignatureError;
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

/// Why a dictionary is not one of ours.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unfit(pub &'static str);

/// Reads a dictionary of byte sequences (RFC 8941 section 3.2), at most `limit` of them. A doubled key is an error: the RFC lets
/// the last one win, but not everybody reads it so.
pub(super) fn byte_sequences(text: &[u8], limit: usize) -> Result<Vec<(&KeyRef, Vec<u8>)>, sfv::Error> {
    Parser::new(text).with_version(Version::Rfc8941).parse_dictionary_with_visitor(ByteSequences { limit, read: Vec::new() })
}

struct ByteSequences<'h> {
    limit: usize,
    read: Vec<(&'h KeyRef, Vec<u8>)>,
}

impl<'h> DictionaryVisitor<'h> for ByteSequences<'h> {
    type Out = Vec<(&'h KeyRef, Vec<u8>)>;
    type Error = Unfit;

    fn entry(&mut self, key: &'h KeyRef) -> Result<impl EntryVisitor<'h>, Unfit> {
        if self.read.len() >= self.limit {
            return Err(Unfit("too many members"));
        }
        if self.read.iter().any(|(earlier, _)| *earlier == key) {
            return Err(Unfit("a key is there twice"));
        }
        Ok(ByteSequence { key, read: &mut self.read })
    }

    fn finish(self) -> Result<Self::Out, Unfit> {
        Ok(self.read)
    }
}

struct ByteSequence<'v, 'h> {
    key: &'h KeyRef,
    read: &'v mut Vec<(&'h KeyRef, Vec<u8>)>,
}

impl<'h> EntryVisitor<'h> for ByteSequence<'_, 'h> {
    type Error = Unfit;

    fn item(self) -> Result<impl ItemVisitor<'h>, Unfit> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'h>, Unfit> {
        Err::<Never, _>(Unfit("a member is not a byte sequence"))
    }
}

impl<'h> ItemVisitor<'h> for ByteSequence<'_, 'h> {
    type Out = ();
    type Error = Unfit;

    fn bare_item(self, item: BareItemFromInput<'h>) -> Result<impl ParameterVisitor<'h, Out = ()>, Unfit> {
        let BareItemFromInput::ByteSequence(bytes) = item else {
            return Err(Unfit("a member is not a byte sequence"));
        };
        self.read.push((self.key, bytes));
        // Neither RFC 9421 nor RFC 9530 gives such members parameters, and nothing signs them.
        Ok(sfv::visitor::Ignored)
    }
}
