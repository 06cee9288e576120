//! The wire's form of a message (Protocol Buffers, "Encoding").

use std::borrow::Cow;

use super::{
    Field, Kind, Label, Limits, Message, MessageError, Room, Schema, Source, Spent, UnknownFields, Value, check_whole, malformed,
    see, wrong_type,
};

impl Schema<'_> {
    /// Reads a message of the type `root`.
    pub(crate) fn decode<'a>(self, root: usize, bytes: &'a [u8], limits: Limits<'_>) -> Result<Message<'a>, MessageError> {
        self.decode_within(root, bytes, Room::new(limits, &Spent::of(bytes.len())))
    }

    /// Reads a message of somebody who is trusted: it may be as large as it likes.
    pub(crate) fn decode_trusted<'a>(self, root: usize, bytes: &'a [u8]) -> Result<Message<'a>, MessageError> {
        self.decode_within(root, bytes, Room::new(Limits::depth(usize::MAX), &Spent::unbounded()))
    }

    fn decode_within<'a>(self, root: usize, bytes: &'a [u8], room: Room<'_>) -> Result<Message<'a>, MessageError> {
        let mut room = room.below()?;
        let message = self.get(root)?;
        let mut reader = Reader { rest: bytes };
        let (mut fields, mut seen) = (Vec::new(), Vec::new());
        while !reader.rest.is_empty() {
            let (number, raw) = reader.field()?;
            let Some(field) = message.field(number) else {
                match self.unknown {
                    UnknownFields::Keep => continue,
                    UnknownFields::Refuse => return Err(malformed(format!("`{}` has no field {number}", message.name))),
                }
            };
            if field.label == Label::Singular {
                see(field, field.slot, &mut seen)?;
            }
            if field.label == Label::Repeated && field.kind.is_packable() {
                self.check_numbers(field, raw).map_err(|error| error.inside(&field.name, None))?;
                continue;
            }
            let inside = room.value(number)?;
            let value = match (field.kind, raw) {
                (Kind::Message(inner), Raw::Bytes(bytes)) => {
                    Value::Message(self.decode_within(inner, bytes, inside).map_err(|error| {
                        let items = || fields.iter().filter(|(other, _)| *other == number).count();
                        error.inside(&field.name, (field.label != Label::Singular).then(items))
                    })?)
                }
                (_, raw) => self.scalar(field, raw).map_err(|error| error.inside(&field.name, None))?,
            };
            fields.push((number, value));
        }
        check_whole(&fields, message)?;
        Ok(Message { source: Source::Wire(bytes), fields })
    }

    /// A repeated number, packed or not: every reader takes both.
    fn check_numbers(self, field: &Field, raw: Raw<'_>) -> Result<(), MessageError> {
        let Raw::Bytes(packed) = raw else { return self.scalar(field, raw).map(|_| ()) };
        let mut reader = Reader { rest: packed };
        while !reader.rest.is_empty() {
            let raw = reader.raw(field.kind.wire_type())?;
            self.scalar(field, raw)?;
        }
        Ok(())
    }

    /// A value that is no message. A number that its type does not hold is refused, since others cut it to size.
    fn scalar<'a>(self, field: &Field, raw: Raw<'a>) -> Result<Value<'a>, MessageError> {
        let value = match (field.kind, raw) {
            (Kind::Bool, Raw::Varint(number @ (0 | 1))) => Some(Value::Bool(number == 1)),
            (Kind::Int32, Raw::Varint(number)) => int32(number.cast_signed()),
            (Kind::Enum(of), Raw::Varint(number)) => {
                int32(number.cast_signed()).filter(|_| self.has_number(of, number.cast_signed()))
            }
            (Kind::Int64, Raw::Varint(number)) => Some(Value::Signed(number.cast_signed())),
            (Kind::Uint32, Raw::Varint(number)) => u32::try_from(number).ok().map(|number| Value::Unsigned(number.into())),
            (Kind::Uint64, Raw::Varint(number)) => Some(Value::Unsigned(number)),
            (Kind::Sint32, Raw::Varint(number)) => int32(zigzag(number)),
            (Kind::Sint64, Raw::Varint(number)) => Some(Value::Signed(zigzag(number))),
            (Kind::Fixed32, Raw::Four(number)) => Some(Value::Unsigned(number.into())),
            (Kind::Sfixed32, Raw::Four(number)) => Some(Value::Signed(number.cast_signed().into())),
            (Kind::Fixed64, Raw::Eight(number)) => Some(Value::Unsigned(number)),
            (Kind::Sfixed64, Raw::Eight(number)) => Some(Value::Signed(number.cast_signed())),
            (Kind::Float, Raw::Four(_)) | (Kind::Double, Raw::Eight(_)) => Some(Value::Fraction),
            (Kind::String, Raw::Bytes(bytes)) => std::str::from_utf8(bytes).ok().map(|text| Value::Text(Cow::Borrowed(text))),
            (Kind::Bytes, Raw::Bytes(bytes)) => Some(Value::Bytes(Cow::Borrowed(bytes))),
            (_, Raw::Varint(_) | Raw::Eight(_) | Raw::Bytes(_) | Raw::Four(_)) => None,
        };
        value.ok_or_else(|| wrong_type(field))
    }
}

fn int32(number: i64) -> Option<Value<'static>> {
    i32::try_from(number).ok().map(|number| Value::Signed(number.into()))
}

/// 0, -1, 1, -2...: what `sint32` and `sint64` are written as.
fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// The fields of a message as they stand there: the number, and all that the field was written as.
pub(crate) fn raw_fields(message: &[u8]) -> impl Iterator<Item = Result<(u32, &[u8]), MessageError>> {
    let mut reader = Reader { rest: message };
    std::iter::from_fn(move || {
        let before = reader.rest;
        (!before.is_empty()).then(|| {
            let (number, _) = reader.field()?;
            Ok((number, before.get(..before.len() - reader.rest.len()).unwrap_or_default()))
        })
    })
}

/// What the wire says of a field without its descriptor.
enum Raw<'a> {
    Varint(u64),
    Eight(u64),
    Bytes(&'a [u8]),
    Four(u32),
}

const VARINT: u32 = 0;
const EIGHT: u32 = 1;
const BYTES: u32 = 2;
const FOUR: u32 = 5;

impl Kind {
    fn wire_type(self) -> u32 {
        match self {
            Self::Bool
            | Self::Int32
            | Self::Int64
            | Self::Uint32
            | Self::Uint64
            | Self::Sint32
            | Self::Sint64
            | Self::Enum(_) => VARINT,
            Self::Fixed64 | Self::Sfixed64 | Self::Double => EIGHT,
            Self::Fixed32 | Self::Sfixed32 | Self::Float => FOUR,
            Self::String | Self::Bytes | Self::Message(_) => BYTES,
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A field's number and value. Some readers keep 32 bits of a longer key, so that it would be another field's.
    fn field(&mut self) -> Result<(u32, Raw<'a>), MessageError> {
        let key = u32::try_from(self.varint()?).ok().filter(|key| key >> 3 != 0);
        let key = key.ok_or_else(|| malformed("a field of a message has no number that a field can have"))?;
        Ok((key >> 3, self.raw(key & 7)?))
    }

    fn raw(&mut self, wire_type: u32) -> Result<Raw<'a>, MessageError> {
        match wire_type {
            VARINT => Ok(Raw::Varint(self.varint()?)),
            EIGHT => Ok(Raw::Eight(u64::from_le_bytes(self.chunk()?))),
            BYTES => {
                let length = usize::try_from(self.varint()?).ok();
                let (content, rest) = length.and_then(|length| self.rest.split_at_checked(length)).ok_or_else(cut)?;
                self.rest = rest;
                Ok(Raw::Bytes(content))
            }
            FOUR => Ok(Raw::Four(u32::from_le_bytes(self.chunk()?))),
            // Groups (3, 4) are read by some and refused by others.
            other => Err(malformed(format!("a field of a message is of the wire type {other}"))),
        }
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], MessageError> {
        let (chunk, rest) = self.rest.split_first_chunk::<N>().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*chunk)
    }

    /// Seven bits a byte, the lowest first, at most 64.
    fn varint(&mut self) -> Result<u64, MessageError> {
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

fn cut() -> MessageError {
    malformed("a message is cut")
}
