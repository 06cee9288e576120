//! Writes JSON in canonical form (RFC 8785): no white space, members in the order of their names, which is the writer's duty, numbers
//! that are whole. What is written is at once what is hashed and what is sent.

use super::text::write_text;

/// JSON as it grows.
#[derive(Debug)]
pub(super) struct Writer(pub String);

impl Writer {
    /// Appends what is JSON already.
    pub fn raw(&mut self, json: &str) {
        self.0.push_str(json);
    }

    /// `before`, a text from outside as a string of at most `limit` bytes, `after`; nothing at all where there is no text.
    pub fn text(&mut self, before: &str, text: Option<&str>, limit: usize, after: &str) {
        if let Some(text) = text {
            self.raw(before);
            write_text(&mut self.0, text, limit);
            self.raw(after);
        }
    }

    /// The same for a number.
    pub fn number(&mut self, before: &str, number: u64, after: &str) {
        self.raw(before);
        push_number(&mut self.0, number);
        self.raw(after);
    }

    /// The same for a list of texts; nothing where it is empty.
    pub fn list<'t>(&mut self, before: &str, texts: impl Iterator<Item = &'t str>, limit: usize, after: &str) {
        let start = self.0.len();
        for text in texts {
            self.raw(if self.0.len() == start { before } else { "," });
            write_text(&mut self.0, text, limit);
        }
        if self.0.len() > start {
            self.raw(after);
        }
    }

    /// Bytes as a string of hexadecimal digits.
    pub fn hex(&mut self, before: &str, bytes: &[u8], after: &str) {
        self.raw(before);
        push_hex(&mut self.0, bytes);
        self.raw(after);
    }
}

/// Appends a number in decimal.
pub(super) fn push_number(text: &mut String, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len() - 1;
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit += u8::try_from(number % 10).unwrap_or(0);
        (first, number) = (at, number / 10);
        if number == 0 {
            break;
        }
    }
    push_ascii(text, digits.get(first..).unwrap_or_default());
}

/// Appends bytes in lower-case hexadecimal.
pub(super) fn push_hex(text: &mut String, bytes: &[u8]) {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' - 10 + value };
    for part in bytes.chunks(32) {
        let mut digits = [0; 64];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(part) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        push_ascii(text, digits.get(..2 * part.len()).unwrap_or_default());
    }
}

/// All at once: a character by itself takes as long as a word.
fn push_ascii(text: &mut String, ascii: &[u8]) {
    text.push_str(std::str::from_utf8(ascii).unwrap_or_default());
}

/// `N` bytes from their lower-case hexadecimal digits, the only form in which records have them.
pub(super) fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
    }
    Some(bytes)
}

const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bytes_are_written_as_they_are_read() {
        let mut writer = Writer(String::new());
        writer.number("[", 0, ",");
        writer.number("", u64::MAX, ",");
        writer.hex("\"", &[0x00, 0x9a, 0xff], "\"");
        writer.list(",[", ["a\"", "b"].into_iter(), 8, "]");
        writer.list(",[", [].into_iter(), 8, "]");
        writer.text(",", None, 8, "");
        writer.raw("]");
        assert_eq!(writer.0, r#"[0,18446744073709551615,"009aff",["a\"","b"]]"#);
    }
}
