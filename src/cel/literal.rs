//! Literals of numbers, strings and bytes into their values (language definition, "Numeric Values", "String and Bytes Values").

use super::error::CompileErrorKind;
use super::lex::Token;

/// How a string starts: what is before its quotes, and the quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    raw: bool,
    bytes: bool,
    /// How many of the letters `r` and `b` stand before the quotes.
    letters: usize,
    quotes: &'static str,
}

impl Start {
    /// How the text starts a string, where it does.
    pub(super) fn of(text: &str) -> Option<Self> {
        let behind = text.trim_start_matches(['r', 'R', 'b', 'B']);
        let letters = text.len() - behind.len();
        let before = text.get(..letters)?;
        let quotes = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quotes| behind.starts_with(quotes))?;
        let raw = before.contains(['r', 'R']);
        let bytes = before.contains(['b', 'B']);
        (letters == usize::from(raw) + usize::from(bytes)).then_some(Self { raw, bytes, letters, quotes })
    }

    pub(super) const fn length(self) -> usize {
        self.letters + self.quotes.len()
    }

    pub(super) const fn end(self) -> &'static str {
        self.quotes
    }

    /// What stands between the quotes, of a text that starts behind the first ones.
    pub(super) fn inside(self, text: &str) -> Result<&str, CompileErrorKind> {
        let mut escaped = false;
        for (at, character) in text.char_indices() {
            let rest = text.get(at..).unwrap_or_default();
            if !escaped && rest.starts_with(self.quotes) {
                return Ok(text.get(..at).unwrap_or_default());
            }
            if self.quotes.len() == 1 && matches!(character, '\n' | '\r') {
                break;
            }
            escaped = !self.raw && !escaped && character == '\\';
        }
        Err(CompileErrorKind::OpenString)
    }

    pub(super) fn read<'t>(self, inside: &str) -> Result<Token<'t>, CompileErrorKind> {
        match (self.bytes, self.raw) {
            (false, true) => Ok(Token::String(inside.to_owned())),
            (true, true) => Ok(Token::Bytes(inside.as_bytes().to_owned())),
            (false, false) => Ok(Token::String(unescape_string(inside)?)),
            (true, false) => Ok(Token::Bytes(unescape_bytes(inside)?)),
        }
    }
}

/// What an escape stands for.
enum Escape {
    Character(char),
    /// `\x41` and `\101`: a character of a string, a byte of bytes.
    Octet(u32),
    /// `\u0041` and `\U00000041`, which bytes do not have.
    Point(u32),
}

fn unescape_string(text: &str) -> Result<String, CompileErrorKind> {
    let mut string = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        string.push(match character {
            '\\' => match escape(&mut rest)? {
                Escape::Character(character) => character,
                Escape::Octet(point) | Escape::Point(point) => char::from_u32(point).ok_or(CompileErrorKind::Escape)?,
            },
            character => character,
        });
    }
    Ok(string)
}

fn unescape_bytes(text: &str) -> Result<Vec<u8>, CompileErrorKind> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let character = match character {
            '\\' => match escape(&mut rest)? {
                Escape::Character(character) => character,
                Escape::Octet(octet) => {
                    bytes.push(u8::try_from(octet).map_err(|_| CompileErrorKind::Escape)?);
                    continue;
                }
                Escape::Point(_) => return Err(CompileErrorKind::Escape),
            },
            character => character,
        };
        bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(bytes)
}

/// What stands behind a backslash.
fn escape(rest: &mut std::str::Chars<'_>) -> Result<Escape, CompileErrorKind> {
    let character = rest.next().ok_or(CompileErrorKind::Escape)?;
    Ok(match character {
        'a' => Escape::Character('\x07'),
        'b' => Escape::Character('\x08'),
        'f' => Escape::Character('\x0c'),
        'n' => Escape::Character('\n'),
        'r' => Escape::Character('\r'),
        't' => Escape::Character('\t'),
        'v' => Escape::Character('\x0b'),
        '\\' | '?' | '"' | '\'' | '`' => Escape::Character(character),
        'x' | 'X' => Escape::Octet(digits(rest, 2, 16, 0)?),
        'u' => Escape::Point(digits(rest, 4, 16, 0)?),
        'U' => Escape::Point(digits(rest, 8, 16, 0)?),
        '0'..='3' => Escape::Octet(digits(rest, 2, 8, character.to_digit(8).unwrap_or_default())?),
        _ => return Err(CompileErrorKind::Escape),
    })
}

fn digits(rest: &mut std::str::Chars<'_>, count: usize, radix: u32, start: u32) -> Result<u32, CompileErrorKind> {
    (0..count).try_fold(start, |number, _| {
        let digit = rest.next().and_then(|character| character.to_digit(radix)).ok_or(CompileErrorKind::Escape)?;
        number.checked_mul(radix).and_then(|number| number.checked_add(digit)).ok_or(CompileErrorKind::Escape)
    })
}

/// The number that a text starts with, and how many bytes it has.
pub(super) fn number<'t>(text: &str) -> Result<(Token<'t>, usize), CompileErrorKind> {
    let (token, length) = if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let digits = span(hex, |byte| byte.is_ascii_hexdigit());
        whole(text, 2 + digits, hex.get(..digits), 16)?
    } else {
        decimal(text)?
    };
    let follows = text.get(length..).and_then(|rest| rest.chars().next());
    if follows.is_some_and(|next| next.is_ascii_alphanumeric() || next == '_') {
        return Err(CompileErrorKind::Syntax { found: "a letter".to_owned(), expected: "the end of the number" });
    }
    Ok((token, length))
}

fn decimal<'t>(text: &str) -> Result<(Token<'t>, usize), CompileErrorKind> {
    let digits = span(text, |byte| byte.is_ascii_digit());
    let length = digits + fraction(text, digits);
    let length = length + exponent(text, length);
    if length == digits {
        return whole(text, digits, text.get(..digits), 10);
    }
    let number: f64 = text.get(..length).and_then(|number| number.parse().ok()).ok_or(CompileErrorKind::Number)?;
    if number.is_finite() { Ok((Token::Double(number), length)) } else { Err(CompileErrorKind::Number) }
}

/// An `int`, or a `uint` where a `u` follows.
fn whole<'t>(text: &str, length: usize, digits: Option<&str>, radix: u32) -> Result<(Token<'t>, usize), CompileErrorKind> {
    let number = u64::from_str_radix(digits.unwrap_or_default(), radix).map_err(|_| CompileErrorKind::Number)?;
    let unsigned = text.get(length..).is_some_and(|rest| rest.starts_with(['u', 'U']));
    Ok(if unsigned { (Token::Uint(number), length + 1) } else { (Token::Int(number), length) })
}

/// How long the fraction at that place is; a dot without a digit behind it is none.
fn fraction(text: &str, at: usize) -> usize {
    match text.get(at..).and_then(|rest| rest.strip_prefix('.')) {
        Some(rest) => match span(rest, |byte| byte.is_ascii_digit()) {
            0 => 0,
            digits => 1 + digits,
        },
        None => 0,
    }
}

fn exponent(text: &str, at: usize) -> usize {
    let Some(rest) = text.get(at..).and_then(|rest| rest.strip_prefix(['e', 'E'])) else { return 0 };
    let sign = usize::from(rest.starts_with(['+', '-']));
    match span(rest.get(sign..).unwrap_or_default(), |byte| byte.is_ascii_digit()) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

fn span(text: &str, belongs: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| belongs(*byte)).count()
}
