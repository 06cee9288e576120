//! Signatures with a shared secret in a form of the producer's own, as GitHub, Stripe, Slack or Shopify have it, into evidence: the policy
//! says where a signature stands and what is signed. The keys of a profile sign nothing else, so that what was signed for one
//! reader is nothing to another.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::signers::{MessageAlgorithm, Verifier, read_seconds};
use super::{Scheme, SignatureError, Signer, VerifiedSignature};
use crate::call::{Head, cut, read_sha256};
use crate::time::Timestamp;

/// Entries of one header.
const MAX_ENTRIES: usize = 16;

/// One producer's form.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The header with the signature, in lower case.
    pub header: String,
    /// The name of the entries that are signatures, where the header is a list of `name=value`; `None` where it is the signature.
    pub parameter: Option<String>,
    /// What stands before a signature.
    pub prefix: String,
    /// How a signature is written.
    pub encoding: Encoding,
    /// Where it says when the call was signed, and how far that may be from now.
    pub timestamp: Option<(TimestampPlace, Duration)>,
    /// What is signed.
    pub message: Vec<Piece>,
    /// Whose secrets sign so.
    pub signers: Vec<Signer>,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 64 hexadecimal digits.
    Hex,
    /// Base64 with its padding.
    Base64,
}

/// Where the time of a signature stands: seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimestampPlace {
    /// In a header, in lower case.
    Header(String),
    /// In the signature's own header, an entry of that name.
    Parameter(String),
}

/// A piece of what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A text as it stands.
    Text(String),
    /// The time, as it was written.
    Timestamp,
    /// The body, as it was sent.
    Body,
}

/// Judges the call's signature; `None` where it has none.
pub(super) fn verify(
    profile: &Profile,
    head: &Head,
    content: &[u8],
    verifier: &Verifier<'_>,
) -> Result<Option<VerifiedSignature>, SignatureError> {
    let Some(value) = head.text(&profile.header)? else { return Ok(None) };
    let signatures = profile.signatures(value)?;
    let candidates = verifier.in_time(profile.signers.iter().collect())?;
    let timestamp = match &profile.timestamp {
        Some((place, tolerance)) => {
            let (text, sent) = profile.timestamp(place, value, head)?;
            verifier.check_near(sent, *tolerance)?;
            Some((text, sent))
        }
        None => None,
    };
    let message = profile.message(timestamp.map(|(text, _)| text).unwrap_or_default(), content);
    let signed_by = |signer| signatures.iter().map(move |signature| (signer, MessageAlgorithm::HmacSha256, &signature[..]));
    let signer = verifier.first(candidates.into_iter().flat_map(signed_by), &message)?;
    let verified = verifier.evidence(Scheme::Hmac, signer, Vec::new())?;
    Ok(Some(match timestamp {
        Some((_, sent)) => verified.made(sent, None),
        None => verified,
    }))
}

impl Profile {
    /// Whether a header of this name is the signature's, or that of its time.
    pub(super) fn reads(&self, name: &[u8]) -> bool {
        let timestamp = match &self.timestamp {
            Some((TimestampPlace::Header(header), _)) => Some(header),
            Some((TimestampPlace::Parameter(_), _)) | None => None,
        };
        self.header.as_bytes() == name || timestamp.is_some_and(|header| header.as_bytes() == name)
    }

    fn malformed(&self, what: &str) -> SignatureError {
        SignatureError::malformed(format!("`{}`: {what}", self.header))
    }

    /// Every signature in the header: one at least.
    fn signatures(&self, value: &str) -> Result<Vec<[u8; 32]>, SignatureError> {
        let written = match &self.parameter {
            None => vec![value],
            Some(name) => self.entries(value, name)?,
        };
        let signatures: Option<Vec<_>> = written.into_iter().map(|written| self.read(written)).collect();
        signatures.filter(|signatures| !signatures.is_empty()).ok_or_else(|| self.malformed("no signature of the expected form"))
    }

    /// The values of that name, in a list of `name=value`.
    fn entries<'v>(&self, value: &'v str, name: &str) -> Result<Vec<&'v str>, SignatureError> {
        let entries = || value.split(',').map(str::trim_ascii);
        if entries().nth(MAX_ENTRIES).is_some() {
            return Err(self.malformed(&format!("more than {MAX_ENTRIES} entries")));
        }
        Ok(entries()
            .filter_map(|entry| entry.split_once('='))
            .filter(|(found, _)| *found == name)
            .map(|(_, value)| value)
            .collect())
    }

    fn read(&self, written: &str) -> Option<[u8; 32]> {
        let digits = written.strip_prefix(&self.prefix)?;
        match self.encoding {
            Encoding::Hex => read_sha256(digits.as_bytes()),
            Encoding::Base64 => STANDARD.decode(digits).ok()?.try_into().ok(),
        }
    }

    fn timestamp<'h>(
        &self,
        place: &TimestampPlace,
        value: &'h str,
        head: &'h Head,
    ) -> Result<(&'h str, Timestamp), SignatureError> {
        let text = match place {
            TimestampPlace::Header(name) => head.text(name)?,
            // Of two, another reader may take the other.
            TimestampPlace::Parameter(name) => match self.entries(value, name)?.as_slice() {
                [only] => Some(*only),
                _ => None,
            },
        };
        let text = text.ok_or_else(|| self.malformed("no time of the signature, or two"))?;
        let time = read_seconds(text).ok_or_else(|| self.malformed(&format!("`{}` is not seconds since 1970", cut(text, 64))))?;
        Ok((text, time))
    }

    fn message(&self, timestamp: &str, content: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(content.len() + 64);
        for piece in &self.message {
            message.extend_from_slice(match piece {
                Piece::Text(text) => text.as_bytes(),
                Piece::Timestamp => timestamp.as_bytes(),
                Piece::Body => content,
            });
        }
        message
    }
}
