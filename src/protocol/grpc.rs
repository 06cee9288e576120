//! The one message of a unary gRPC call out of its frame (gRPC over HTTP/2, "Length-Prefixed-Message"). Knows nothing of what the
//! message is.

use std::borrow::Cow;

use crate::budget::Budget;
use crate::call::Head;

use super::content::Encoding;
use super::{ProtocolError, malformed, shown};

/// How compressed messages of this call are encoded, `None` where they may not be. Unlike a content coding the name is compared
/// as it is.
pub(super) fn encoding(head: &Head) -> Result<Option<Encoding>, ProtocolError> {
    match head.text("grpc-encoding")? {
        None | Some("identity") => Ok(None),
        Some("gzip") => Ok(Some(Encoding::Gzip)),
        Some(name) => Err(ProtocolError::Encoding { found: shown(name) }),
    }
}

/// The message of a body that is exactly one frame: a flag, four bytes of length, that many bytes. The budget bounds it also
/// while it is decompressed.
pub(super) fn message<'a>(head: &Head, body: &'a [u8], budget: &Budget) -> Result<Cow<'a, [u8]>, ProtocolError> {
    let encoding = encoding(head)?;
    let (prefix, message) = body.split_first_chunk::<5>().ok_or_else(|| malformed("a gRPC frame is cut"))?;
    let [flag, length @ ..] = *prefix;
    if usize::try_from(u32::from_be_bytes(length)) != Ok(message.len()) {
        return Err(malformed("the body is not exactly one gRPC frame"));
    }
    match (flag, encoding) {
        (0, _) => Encoding::Identity.decode(message, budget.body),
        (1, Some(encoding)) => encoding.decode(message, budget.body),
        (1, None) => Err(malformed("a gRPC message is compressed and no encoding is named")),
        _ => Err(malformed(format!("a gRPC frame with the flag {flag}"))),
    }
}
