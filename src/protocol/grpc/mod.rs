//! gRPC calls (gRPC over HTTP/2, and gRPC-Web): which framing and which form of messages a head declares, and the one message of a
//! unary call. Knows nothing of what the messages are.

mod frames;

use std::borrow::Cow;

use crate::budget::Budget;
use crate::call::Head;
use crate::json::Document;

use super::media::{MediaType, unsupported};
use super::protobuf::{Message, Schema};
use super::{Form, ProtocolError, malformed};

pub use frames::{Frame, Frames};

/// How the messages of a gRPC call are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Protocol Buffers.
    Proto,
    /// The JSON mapping of Protocol Buffers.
    Json,
}

/// gRPC and nothing else.
pub(super) fn form(head: &Head) -> Result<Form, ProtocolError> {
    let (media, text) = MediaType::of(head)?.ok_or_else(|| unsupported(""))?;
    codec(media, head)?.map(Form::Grpc).ok_or_else(|| unsupported(text))
}

/// What a content type says of a gRPC call; `None` where it is none of gRPC's.
pub(super) fn codec(media: MediaType<'_>, head: &Head) -> Result<Option<Codec>, ProtocolError> {
    let codec = if media.is_application("grpc") || media.is_application("grpc+proto") {
        Codec::Proto
    } else if media.is_application("grpc+json") && media.is_utf8() {
        Codec::Json
    } else {
        return Ok(None);
    };
    // What cannot be decompressed is refused before the body is there.
    frames::encoding(head)?;
    Ok(Some(codec))
}

/// The message of a body that is exactly one frame. The budget bounds it also while it is decompressed.
pub(super) fn message<'a>(head: &Head, body: &'a [u8], budget: &Budget) -> Result<Cow<'a, [u8]>, ProtocolError> {
    let mut frames = Frames::of(head, Some(1), budget)?;
    let Some(Frame { message, consumed }) = frames.next(body)? else {
        return Err(malformed("a gRPC frame is cut"));
    };
    if consumed == body.len() { Ok(message) } else { Err(malformed("the body is not exactly one gRPC frame")) }
}

/// Reads a message of the type `root`.
pub(super) fn decode<'a>(
    codec: Codec,
    message: &'a [u8],
    schema: Schema<'_>,
    root: usize,
    budget: &Budget,
) -> Result<Message<'a>, ProtocolError> {
    match codec {
        Codec::Proto => schema.decode(root, message, budget.depth),
        Codec::Json => schema.decode_json(root, Document::parse(message, budget.depth)?.root(), budget.depth),
    }
}
