//! Outside text into text that is fit for a record: bounded, and free of characters that do something to a terminal, to a line or
//! to the reader's eye. Trusts nothing.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Text that is fit for a record. What was not is written as `\u{1b}`; what was cut ends in `…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

/// Appends text without control characters as a JSON string: only the quote and the backslash have to be escaped.
pub(super) fn push_string(json: &mut String, mut rest: &str) {
    json.push('"');
    // Byte by byte: a search for two characters goes through all of them as Unicode, which takes most of the time of a record.
    while let Some(at) = rest.bytes().position(|byte| byte == b'"' || byte == b'\\') {
        let Some((plain, behind)) = rest.split_at_checked(at) else { break };
        json.push_str(plain);
        json.push_str(if behind.starts_with('"') { "\\\"" } else { "\\\\" });
        rest = behind.get(1..).unwrap_or_default();
    }
    json.push_str(rest);
    json.push('"');
}

/// What tells that the text was longer.
const CUT: char = '…';

impl<'a> Text<'a> {
    /// Cleans `text` and cuts it to at most `limit` bytes, not counting the mark of the cut. Text that is fit stays borrowed.
    #[must_use]
    pub fn clean(text: &'a str, limit: usize) -> Self {
        match text.len() <= limit && is_fit(text) {
            true => Self(Cow::Borrowed(text)),
            false => Self(Cow::Owned(rewrite(text, limit))),
        }
    }

    /// The same for text that lives nowhere else.
    #[must_use]
    pub fn clean_owned(text: String, limit: usize) -> Self {
        match text.len() <= limit && is_fit(&text) {
            true => Self(Cow::Owned(text)),
            false => Self(Cow::Owned(rewrite(&text, limit))),
        }
    }

    /// Appends the text as a JSON string (RFC 8259 section 7). What has to be escaped there is gone already, but for the quote and
    /// the backslash.
    pub(super) fn write_json(&self, json: &mut String) {
        push_string(json, self.as_str());
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Appends `text`, cleaned and cut as [`Text::clean`] does, as a JSON string.
pub(super) fn write_text(json: &mut String, text: &str, limit: usize) {
    if text.len() <= limit && is_plain(text.as_bytes()) {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        Text::clean(text, limit).write_json(json);
    }
}

/// Whether there is nothing to clean nor to escape: printable ASCII but for the quote and the backslash. Nearly every text is, and eight
/// bytes are looked at together: in `(x - 1s) & !x & 0x80s` a bit is set where a byte of `x` is zero.
fn is_plain(text: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let has = |word: u64, byte: u64| (word ^ (ONES * byte)).wrapping_sub(ONES) & !(word ^ (ONES * byte));
    let (words, rest) = text.as_chunks::<8>();
    let plain = |word: u64| {
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        (word | control | has(word, 0x22) | has(word, 0x5c) | has(word, 0x7f)) & (ONES * 0x80) == 0
    };
    words.iter().all(|word| plain(u64::from_le_bytes(*word)))
        && rest.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

fn is_fit(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'\\';
    text.bytes().all(plain) || (!text.contains("\\u{") && !text.chars().any(is_unfit))
}

/// Control characters (line ends and the ANSI escape among them), line and paragraph separators, bidirectional marks (CVE-2021-42574),
/// and characters without a width, which make two texts look the same.
fn is_unfit(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn rewrite(text: &str, limit: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(limit) + CUT.len_utf8());
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        let before = clean.len();
        // A backslash that would read as one of our own escapes is escaped itself, so that no two texts look the same.
        if is_unfit(char) || (char == '\\' && rest.as_str().starts_with("u{")) {
            // Writing to a `String` does not fail.
            let _ = write!(clean, "\\u{{{:x}}}", u32::from(char));
        } else {
            clean.push(char);
        }
        if clean.len() > limit {
            clean.truncate(before);
            clean.push(CUT);
            break;
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_fit_stays_borrowed() {
        for text in ["", "com.shop.order.ItemShipped", "Zürich 北京", r"C:\temp", "a\"b"] {
            assert!(matches!(Text::clean(text, 64), Text(Cow::Borrowed(same)) if same == text), "{text}");
        }
    }

    #[test]
    fn nul_bidirectional_marks_and_control_characters_are_escaped_in_what_goes_to_logs() {
        for (text, clean) in [
            ("a\nb", r"a\u{a}b"),
            ("a\r\n", r"a\u{d}\u{a}"),
            ("\u{1b}[31mred", r"\u{1b}[31mred"),
            ("nul\0", r"nul\u{0}"),
            ("\u{7f}\u{9b}", r"\u{7f}\u{9b}"),
            ("a\u{202e}b\u{2066}", r"a\u{202e}b\u{2066}"),
            ("a\u{2028}b", r"a\u{2028}b"),
            ("a\u{200b}b\u{feff}", r"a\u{200b}b\u{feff}"),
            ("\u{e0041}", r"\u{e0041}"),
        ] {
            assert_eq!(Text::clean(text, 64).as_str(), clean);
            assert_eq!(Text::clean_owned(text.to_owned(), 64).as_str(), clean);
        }
    }

    #[test]
    fn an_escape_that_the_caller_wrote_is_told_apart_from_ours() {
        assert_eq!(Text::clean(r"a\u{1b}", 64).as_str(), r"a\u{5c}u{1b}");
    }

    #[test]
    fn long_text_is_cut_between_characters_and_says_so() {
        assert_eq!(Text::clean("abcd", 4).as_str(), "abcd");
        assert_eq!(Text::clean("abcde", 4).as_str(), "abcd…");
        assert_eq!(Text::clean("abcé", 4).as_str(), "abc…");
        assert_eq!(Text::clean("ab\u{1b}", 4).as_str(), "ab…");
    }

    #[test]
    fn plain_text_is_what_is_neither_cleaned_nor_escaped_wherever_the_other_byte_stands() {
        for byte in 0..=u8::MAX {
            let plain = matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
            for at in 0..11 {
                let mut text = [b'a'; 11];
                text[at] = byte;
                assert_eq!(is_plain(&text), plain, "{byte:#x} at {at}");
            }
        }
        assert!(is_plain(b""));
    }

    proptest::proptest! {
        #[test]
        fn a_text_is_written_as_it_is_cleaned_and_then_escaped(text in "\\PC*|(?s).*|[ -~]*", limit in 0_usize..40) {
            let (mut written, mut expected) = (String::new(), String::new());
            write_text(&mut written, &text, limit);
            Text::clean(&text, limit).write_json(&mut expected);
            proptest::prop_assert_eq!(written, expected);
        }

        #[test]
        fn what_comes_out_is_bounded_and_fit(text in "\\PC*|(?s).*", limit in 0_usize..40) {
            let clean = Text::clean(&text, limit);
            proptest::prop_assert!(clean.as_str().len() <= limit + CUT.len_utf8());
            proptest::prop_assert!(!clean.as_str().chars().any(is_unfit));
        }
    }
}
