//! gRPC calls (gRPC over HTTP/2, and gRPC-Web): which framing and which form of messages a head declares, and the one message of a
//! unary call. Knows nothing of what the messages are.

mod frames;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::budget::Budget;
use crate::call::Head;
use crate::json::Document;

use super::media::{MediaType, unsupported};
use super::{Form, ProtocolError, malformed};
use crate::protobuf::{Any, Limits, Message, Schema};

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
    codec(media).map(Form::Grpc).ok_or_else(|| unsupported(text))
}

/// How the frames of a call are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// As they are: gRPC, and gRPC-Web in binary.
    Binary,
    /// In base64 (gRPC-Web in text), whole: browsers do not stream.
    Text,
}

const SUBTYPES: [(&str, Framing, Codec); 9] = [
    ("grpc", Framing::Binary, Codec::Proto),
    ("grpc+proto", Framing::Binary, Codec::Proto),
    ("grpc+json", Framing::Binary, Codec::Json),
    ("grpc-web", Framing::Binary, Codec::Proto),
    ("grpc-web+proto", Framing::Binary, Codec::Proto),
    ("grpc-web+json", Framing::Binary, Codec::Json),
    ("grpc-web-text", Framing::Text, Codec::Proto),
    ("grpc-web-text+proto", Framing::Text, Codec::Proto),
    ("grpc-web-text+json", Framing::Text, Codec::Json),
];

fn subtype(media: MediaType<'_>) -> Option<(Framing, Codec)> {
    let (_, framing, codec) = *SUBTYPES.iter().find(|(subtype, ..)| media.is_application(subtype))?;
    (codec == Codec::Proto || media.is_utf8()).then_some((framing, codec))
}

fn framing(head: &Head) -> Result<Framing, ProtocolError> {
    let media = MediaType::of(head)?.and_then(|(media, _)| subtype(media));
    Ok(media.map_or(Framing::Binary, |(framing, _)| framing))
}

/// What a content type says of a gRPC call; `None` where it is none of gRPC's.
pub(super) fn codec(media: MediaType<'_>) -> Option<Codec> {
    subtype(media).map(|(_, codec)| codec)
}

/// Whether the messages of a call are encoded in a way that is read here.
pub(super) fn readable(head: &Head) -> Result<(), ProtocolError> {
    frames::encoding(head).map(|_| ())
}

/// The message of a body that is exactly one frame. The budget bounds it also while it is decompressed.
pub(super) fn message<'a>(head: &Head, body: &'a [u8], budget: &Budget) -> Result<Cow<'a, [u8]>, ProtocolError> {
    match framing(head)? {
        Framing::Binary => one_frame(head, body, budget),
        Framing::Text => Ok(Cow::Owned(one_frame(head, &decode_text(body)?, budget)?.into_owned())),
    }
}

fn one_frame<'a>(head: &Head, body: &'a [u8], budget: &Budget) -> Result<Cow<'a, [u8]>, ProtocolError> {
    let mut frames = Frames::within(head, Some(1), budget)?;
    let Some(Frame { message, consumed }) = frames.next(body)? else {
        return Err(malformed("a gRPC frame is cut"));
    };
    if consumed == body.len() { Ok(message) } else { Err(malformed("the body is not exactly one gRPC frame")) }
}

/// A message, which is not compressed, as the whole body of a call with this head. `None` where it is too long for a frame.
pub(super) fn frame(head: &Head, message: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(message.len()).ok()?.to_be_bytes();
    let frame = [&[0], length.as_slice(), message].concat();
    match framing(head).ok()? {
        Framing::Binary => Some(frame),
        Framing::Text => Some(STANDARD.encode(frame).into_bytes()),
    }
}

/// The base64 of gRPC-Web: padded whenever the sender wrote a part out, so padding may stand in the middle.
fn decode_text(text: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    const GROUP: usize = 4;
    let wrong = || malformed("the body is not base64");
    let (mut decoded, mut rest) = (Vec::with_capacity(text.len() / GROUP * 3), text);
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'=').map_or(rest.len(), |at| (at / GROUP + 1) * GROUP);
        let (part, behind) = rest.split_at_checked(end).ok_or_else(wrong)?;
        STANDARD.decode_vec(part, &mut decoded).map_err(|_| wrong())?;
        rest = behind;
    }
    Ok(decoded)
}

/// Reads a message of the type `root`; `events` are the numbers of the fields that lead to the list of its events, where it has one.
pub(super) fn decode<'a>(
    codec: Codec,
    message: &'a [u8],
    schema: Schema<'_>,
    root: usize,
    events: &[u32],
    budget: &Budget,
) -> Result<Message<'a>, ProtocolError> {
    let limits = Limits { depth: budget.depth, events: Some((events, budget.events)) };
    match codec {
        Codec::Proto => Ok(schema.decode(root, message, limits)?),
        Codec::Json => {
            let document = Document::parse(message, budget.depth)?;
            Ok(schema.decode_json(root, document.root(), Any::No, limits)?)
        }
    }
}
