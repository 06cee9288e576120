//! A body into the content that was meant: bounded, and without its content coding (RFC 9110 section 8.4). Knows nothing of what
//! the content is.

use std::borrow::Cow;
use std::io::Read;

use flate2::bufread::GzDecoder;

use crate::budget::Budget;
use crate::call::Head;

use super::{Form, ProtocolError, grpc, malformed, shown};

/// How content is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
}

impl Encoding {
    /// Reads the name of one coding; absent is identity.
    pub(super) fn read(name: Option<&str>) -> Result<Self, ProtocolError> {
        match name.map(str::trim_ascii) {
            None => Ok(Self::Identity),
            Some(name) if name.eq_ignore_ascii_case("identity") => Ok(Self::Identity),
            // RFC 9110 section 8.4.1.3: `x-gzip` is the same.
            Some(name) if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => Ok(Self::Gzip),
            Some(name) => Err(ProtocolError::Encoding { found: shown(name) }),
        }
    }

    /// What `bytes` encode.
    pub(super) fn decode(self, bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, ProtocolError> {
        if bytes.len() > limit {
            return Err(ProtocolError::TooLarge { limit });
        }
        match self {
            Self::Identity => Ok(Cow::Borrowed(bytes)),
            Self::Gzip => gunzip(bytes, limit).map(Cow::Owned),
        }
    }
}

/// What the headers alone say of the body's length. Called before the body is there.
///
/// # Errors
///
/// [`ProtocolError::TooLarge`] where `content-length` is beyond the budget, [`ProtocolError::Broken`] where it is no number,
/// [`ProtocolError::Header`] where it cannot be read.
pub fn declared(head: &Head, budget: &Budget) -> Result<(), ProtocolError> {
    match length(head)? {
        Some(length) if length > budget.body => Err(ProtocolError::TooLarge { limit: budget.body }),
        Some(_) | None => Ok(()),
    }
}

/// What the headers alone say of how the body, and the messages in it, are encoded. Called before the body is there: what cannot be
/// decoded need not be waited for.
///
/// # Errors
///
/// [`ProtocolError::Encoding`] where that is not read here, [`ProtocolError::Header`] where a header cannot be read.
pub fn readable(head: &Head, form: Form) -> Result<(), ProtocolError> {
    encoding(head)?;
    if matches!(form, Form::Grpc(_)) { grpc::readable(head) } else { Ok(()) }
}

/// How long the body is said to be; a number that does not fit is beyond any bound.
fn length(head: &Head) -> Result<Option<usize>, ProtocolError> {
    let Some(length) = head.text("content-length")? else { return Ok(None) };
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ProtocolError::Broken(format!("the content-length `{}` is not a number", shown(length))));
    }
    Ok(Some(length.parse().unwrap_or(usize::MAX)))
}

/// The content of a body. The budget bounds the body as sent and, while it is decompressed, what comes out.
///
/// # Errors
///
/// [`ProtocolError::TooLarge`], [`ProtocolError::Encoding`], [`ProtocolError::Header`]; [`ProtocolError::Broken`] where the body is not
/// as long as `content-length` says; [`ProtocolError::Malformed`] where a gzip stream is broken, cut, or has anything behind it.
pub fn content<'a>(head: &Head, body: &'a [u8], budget: &Budget) -> Result<Cow<'a, [u8]>, ProtocolError> {
    let content = encoding(head)?.decode(body, budget.body)?;
    check_length(head, body)?;
    Ok(content)
}

/// A proxy's own HTTP sees to it that a body is as long as it is said to be; what has changed the one behind it, and not the other, does
/// not. An upstream that goes by the header would read another body than was judged, and take its rest for the next call.
fn check_length(head: &Head, body: &[u8]) -> Result<(), ProtocolError> {
    match length(head)? {
        Some(length) if length != body.len() => {
            Err(ProtocolError::Broken(format!("the content-length is {length}, and the body has {} bytes", body.len())))
        }
        Some(_) | None => Ok(()),
    }
}

fn encoding(head: &Head) -> Result<Encoding, ProtocolError> {
    Encoding::read(head.text("content-encoding")?)
}

/// One gzip member (RFC 1952) and nothing behind it: readers differ in whether they read a second one.
fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, ProtocolError> {
    let mut decoder = GzDecoder::new(bytes);
    let mut content = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = decoder.by_ref().take(bound).read_to_end(&mut content);
    if content.len() > limit {
        return Err(ProtocolError::TooLarge { limit });
    }
    read.map_err(|error| malformed(format!("the gzip stream is broken: {error}")))?;
    if decoder.into_inner().is_empty() { Ok(content) } else { Err(malformed("bytes behind the gzip stream")) }
}
