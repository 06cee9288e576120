//! Protocol Buffers messages whose fields are all length-delimited, field by field as they stand, where decoders in use keep the
//! last of two and pass over what they do not know. Knows nothing of what the fields mean.

use super::{ProtocolError, malformed};

/// The fields of a message: numbers and contents.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Of an encoded message.
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn read(&mut self) -> Result<(u64, &'a [u8]), ProtocolError> {
        const LENGTH_DELIMITED: u64 = 2;
        let key = self.varint()?;
        if key & 7 != LENGTH_DELIMITED {
            return Err(malformed(format!("the field {} of a message is not length-delimited", key >> 3)));
        }
        let length = usize::try_from(self.varint()?).ok();
        let (content, rest) = length.and_then(|length| self.rest.split_at_checked(length)).ok_or_else(cut)?;
        self.rest = rest;
        Ok((key >> 3, content))
    }

    /// Seven bits a byte, the lowest first, at most 64.
    fn varint(&mut self) -> Result<u64, ProtocolError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or_else(cut)?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(malformed("a number of a message is longer than 64 bits"))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, &'a [u8]), ProtocolError>;

    /// The next field; nothing follows one that is refused.
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        Some(self.read().inspect_err(|_| self.rest = &[]))
    }
}

/// Takes a field that may be there once.
pub(super) fn once<'a>(slot: &mut Option<&'a [u8]>, content: &'a [u8]) -> Result<(), ProtocolError> {
    match slot.replace(content) {
        None => Ok(()),
        Some(_) => Err(malformed("a field of a message is there twice")),
    }
}

/// The refusal of a field that the message does not have.
pub(super) fn unknown(number: u64) -> ProtocolError {
    malformed(format!("a message has an unknown field {number}"))
}

/// A `string`, empty where it is absent.
pub(super) fn string(content: Option<&[u8]>) -> Result<&str, ProtocolError> {
    std::str::from_utf8(content.unwrap_or_default()).map_err(|_| malformed("a string of a message is not UTF-8"))
}

fn cut() -> ProtocolError {
    malformed("a message is cut")
}
