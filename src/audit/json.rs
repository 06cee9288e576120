//! Writes JSON in canonical form (RFC 8785): no white space, members in the order of their names, which is the writer's duty, numbers
//! that are whole. What is written is at once what is hashed and what is sent.

use super::text::Text;

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
            Text::clean(text, limit).write_json(&mut self.0);
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
            Text::clean(text, limit).write_json(&mut self.0);
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
    let start = text.len();
    loop {
        text.insert(start, char::from(b'0' + u8::try_from(number % 10).unwrap_or(0)));
        number /= 10;
        if number == 0 {
            break;
        }
    }
}

/// Appends bytes in lower-case hexadecimal.
pub(super) fn push_hex(text: &mut String, bytes: &[u8]) {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' - 10 + value });
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
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
