//! The bytes of a gRPC call into its messages (gRPC over HTTP/2, "Length-Prefixed-Message"), one at a time and wherever the bytes
//! are split. A plain value: it holds no bytes, whoever reads keeps those that are not consumed yet. Knows nothing of what the
//! messages are.

use std::borrow::Cow;

use super::{Framing, framing};
use crate::budget::Budget;
use crate::call::Head;
use crate::protocol::content::Encoding;
use crate::protocol::{ProtocolError, malformed, shown};

/// A flag and four bytes of length.
const PREFIX: usize = 5;
/// The message is compressed.
const COMPRESSED: u8 = 1;
/// What follows are trailers (gRPC-Web), which only a reply has.
const TRAILERS: u8 = 0x80;

/// What has been read of the messages of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frames {
    /// How compressed messages are encoded; `None` where none may be.
    encoding: Option<Encoding>,
    /// The most bytes of a message, as sent and decompressed.
    limit: usize,
    /// How many messages may still come; `None` is any number.
    left: Option<u64>,
}

/// One message of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The message, decompressed.
    pub message: Cow<'a, [u8]>,
    /// How many of the buffered bytes it took, its prefix included.
    pub consumed: usize,
}

impl Frames {
    /// The frames of a call that may have so many messages, any number where nothing is said. The budget bounds each message.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::Encoding`] where `grpc-encoding` names another one than identity and gzip, or `content-encoding` any,
    /// [`ProtocolError::Header`],
    /// [`ProtocolError::Malformed`] where the frames are in base64 (gRPC-Web in text), whose calls have one message.
    pub fn of(head: &Head, messages: Option<u64>, budget: &Budget) -> Result<Self, ProtocolError> {
        // gRPC compresses messages; what is compressed as a whole could only be read as a whole.
        if let Some(coding) = head.text("content-encoding")?.filter(|coding| !coding.eq_ignore_ascii_case("identity")) {
            return Err(ProtocolError::Encoding { found: shown(coding) });
        }
        match framing(head)? {
            Framing::Binary => Self::within(head, messages, budget),
            Framing::Text => Err(malformed("a call of gRPC-Web in text is read whole")),
        }
    }

    /// Of frames as they are, whatever the head says of base64.
    pub(super) fn within(head: &Head, messages: Option<u64>, budget: &Budget) -> Result<Self, ProtocolError> {
        Ok(Self { encoding: encoding(head)?, limit: budget.body, left: messages })
    }

    /// The message that `buffered` starts with; `None` where more bytes are needed. Never needs more than the budget's body and
    /// a prefix: what a longer message would need is refused as soon as its prefix is there.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::TooLarge`] where a message is beyond the budget, [`ProtocolError::Malformed`] where a flag is none that a
    /// request has, a compressed message does not decompress, or there are more messages than may be.
    pub fn next<'a>(&mut self, buffered: &'a [u8]) -> Result<Option<Frame<'a>>, ProtocolError> {
        let Some(flag) = buffered.first().copied() else { return Ok(None) };
        // Looked at before the rest is there: what is refused is refused early.
        let encoding = self.encoding_of(flag)?;
        if self.left == Some(0) {
            return Err(malformed("more messages than the call may have"));
        }
        let Some(([_, length @ ..], behind)) = buffered.split_first_chunk::<PREFIX>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|length| *length <= self.limit);
        let length = length.ok_or(ProtocolError::TooLarge { limit: self.limit })?;
        let Some((message, _)) = behind.split_at_checked(length) else { return Ok(None) };
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok(Some(Frame { message: encoding.decode(message, self.limit)?, consumed: PREFIX + length }))
    }

    /// How many bytes the message that `buffered` starts with takes, as far as that is known; none where it is refused without them.
    #[must_use]
    pub fn needs(&self, buffered: &[u8]) -> usize {
        let Some(([_, length @ ..], _)) = buffered.split_first_chunk::<PREFIX>() else { return PREFIX };
        let length = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|length| *length <= self.limit);
        length.map_or(0, |length| length.saturating_add(PREFIX))
    }

    /// What is left at the end of the call must be nothing.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::Malformed`] where a frame is cut.
    pub fn end(&self, left: &[u8]) -> Result<(), ProtocolError> {
        if left.is_empty() { Ok(()) } else { Err(malformed("a gRPC frame is cut")) }
    }

    fn encoding_of(&self, flag: u8) -> Result<Encoding, ProtocolError> {
        match (flag, self.encoding) {
            (0, _) => Ok(Encoding::Identity),
            (COMPRESSED, Some(encoding)) => Ok(encoding),
            (COMPRESSED, None) => Err(malformed("a gRPC message is compressed and no encoding is named")),
            (flag, _) if flag & TRAILERS != 0 => Err(malformed("a request has no trailers in its body")),
            (flag, _) => Err(malformed(format!("a gRPC frame with the flag {flag}"))),
        }
    }
}

/// How compressed messages of a call are encoded, `None` where they may not be. Unlike a content coding the name is compared as it
/// is.
pub(in super::super) fn encoding(head: &Head) -> Result<Option<Encoding>, ProtocolError> {
    match head.text("grpc-encoding")? {
        None | Some("identity") => Ok(None),
        Some("gzip") => Ok(Some(Encoding::Gzip)),
        Some(name) => Err(ProtocolError::Encoding { found: shown(name) }),
    }
}
