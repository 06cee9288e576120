//! Protocol Buffers on the wire (the encoding guide's wire types: 0 varint, 1 and 5 fixed, 2 with a length): as much of it as log records
//! and the answers to them need, without message structs.

/// Writes a message.
pub(in crate::audit) struct Writer(pub Vec<u8>);

impl Writer {
    pub fn varint(&mut self, mut number: u64) {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            if number == 0 {
                return self.0.push(low & 0x7f);
            }
            self.0.push(low | 0x80);
        }
    }

    pub fn key(&mut self, field: u64, wire_type: u64) {
        self.varint(field << 3 | wire_type);
    }

    pub fn number(&mut self, field: u64, number: u64) {
        self.key(field, 0);
        self.varint(number);
    }

    pub fn fixed64(&mut self, field: u64, number: u64) {
        self.key(field, 1);
        self.0.extend(number.to_le_bytes());
    }

    pub fn fixed32(&mut self, field: u64, number: u32) {
        self.key(field, 5);
        self.0.extend(number.to_le_bytes());
    }

    pub fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, 2);
        self.varint(length(bytes.len()));
        self.0.extend_from_slice(bytes);
    }

    /// A nested message. Its length comes before it and is known after it: one byte is kept for it, which most messages need, and a
    /// longer one is moved to its place.
    pub fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        self.key(field, 2);
        let place = self.0.len();
        self.0.push(0);
        write(self);
        let size = self.0.len() - place - 1;
        match (u8::try_from(size), self.0.get_mut(place)) {
            (Ok(short @ ..0x80), Some(length)) => *length = short,
            _ => self.move_length_to(place, size),
        }
    }

    fn move_length_to(&mut self, place: usize, size: usize) {
        let end = self.0.len();
        self.varint(length(size));
        let length = self.0.len() - end;
        if let Some(message) = self.0.get_mut(place..) {
            // Behind the length stands now the byte that was kept.
            message.rotate_right(length);
        }
        self.0.remove(place + length);
    }

    /// A `KeyValue` of `opentelemetry/proto/common/v1/common.proto`, a text.
    pub fn attribute(&mut self, field: u64, name: &str, text: &str) {
        self.message(field, |attribute| {
            attribute.bytes(1, name.as_bytes());
            attribute.message(2, |any| any.bytes(1, text.as_bytes()));
        });
    }

    /// The same, a number.
    pub fn count_attribute(&mut self, field: u64, name: &str, count: usize) {
        self.message(field, |attribute| {
            attribute.bytes(1, name.as_bytes());
            attribute.message(2, |any| any.number(3, length(count)));
        });
    }
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// What a message holds in a field.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Field<'m> {
    Number(u64),
    Bytes(&'m [u8]),
    /// Of a type that nothing read here has.
    Fixed,
}

/// The fields of a message by their numbers, as far as it can be read: of an answer only the first part may be there.
pub(super) fn fields(mut message: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    std::iter::from_fn(move || {
        let (key, rest) = read_varint(message)?;
        let (field, rest) = match key & 7 {
            0 => read_varint(rest).map(|(number, rest)| (Field::Number(number), rest))?,
            1 => (Field::Fixed, rest.get(8..)?),
            2 => {
                let (length, rest) = read_varint(rest)?;
                let length = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
                let (bytes, rest) = rest.split_at_checked(length)?;
                (Field::Bytes(bytes), rest)
            }
            5 => (Field::Fixed, rest.get(4..)?),
            _ => return None,
        };
        message = rest;
        Some((key >> 3, field))
    })
}

/// The last message, or text, in a field of that number.
pub(super) fn bytes_of(message: &[u8], number: u64) -> Option<&[u8]> {
    fields(message)
        .filter_map(|field| if let (found, Field::Bytes(bytes)) = field { (found == number).then_some(bytes) } else { None })
        .last()
}

/// The last number in a field of that number.
pub(super) fn number_of(message: &[u8], number: u64) -> Option<u64> {
    fields(message)
        .filter_map(|field| if let (found, Field::Number(value)) = field { (found == number).then_some(value) } else { None })
        .last()
}

fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f).checked_shl(u32::try_from(index * 7).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(index + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_written_and_read_at_each_border() {
        for (number, bytes) in [
            (0, vec![0]),
            (127, vec![0x7f]),
            (128, vec![0x80, 1]),
            (16_383, vec![0xff, 0x7f]),
            (u64::MAX, vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ] {
            let mut writer = Writer(Vec::new());
            writer.varint(number);
            assert_eq!(writer.0, bytes);
            assert_eq!(read_varint(&bytes), Some((number, &[][..])));
        }
    }

    #[test]
    fn a_message_is_read_as_far_as_it_goes() {
        let mut writer = Writer(Vec::new());
        writer.number(1, 300);
        writer.fixed32(2, 7);
        writer.fixed64(3, 7);
        writer.bytes(4, b"text");
        assert_eq!(fields(&writer.0).map(|(number, _)| number).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!((number_of(&writer.0, 1), bytes_of(&writer.0, 4)), (Some(300), Some(&b"text"[..])));
        let cut = &writer.0[..writer.0.len() - 2];
        assert_eq!((number_of(cut, 1), bytes_of(cut, 4)), (Some(300), Some(&b"te"[..])));
        assert_eq!(fields(&[0x0b]).next(), None, "a group");
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_and_come_to_an_end(bytes: Vec<u8>) {
            proptest::prop_assert!(fields(&bytes).count() <= bytes.len());
        }
    }
}
