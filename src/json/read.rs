//! One pass over a text that is known to be UTF-8, without recursion: values go onto a tape, open arrays and objects onto a stack.

use std::borrow::Cow;

use super::{JsonError, Node, Shape};

/// Up to this many keys of an object are compared each with each; beyond it they are sorted first.
const COMPARED_PAIRWISE: usize = 12;

/// Numbers up to this many bytes without an exponent are below 1e300, so a double holds them.
const SURELY_IN_RANGE: usize = 300;

/// Reads the value that starts at `from` or behind white space there: its nodes, and where the text goes on behind it.
pub(super) fn read(text: &str, from: usize, depth: usize) -> Result<(Vec<Node>, usize), JsonError> {
    let guess = (text.len().saturating_sub(from) / 16).clamp(4, 256);
    let mut reader = Reader {
        text,
        at: from,
        depth,
        nodes: Vec::with_capacity(guess),
        open: Vec::with_capacity(depth.min(16)),
        keys: Vec::new(),
    };
    while reader.begin_value()? == Step::Inside || reader.end_value()? == Step::Inside {}
    Ok((reader.nodes, reader.at))
}

/// Where the first byte that is not white space (RFC 8259 section 2) is, from `from` on.
pub(super) fn skip_space(text: &str, from: usize) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).unwrap_or(rest.len())
}

/// Takes the escapes out of a string's inside, which was read before.
pub(super) fn unescape(inside: &str) -> Cow<'_, str> {
    let Some((first, mut rest)) = inside.split_once('\\') else { return Cow::Borrowed(inside) };
    let mut text = String::with_capacity(inside.len());
    text.push_str(first);
    while let Some((char, length)) = escape(rest.as_bytes()) {
        text.push(char);
        let Some(behind) = rest.get(length..) else { break };
        let Some((plain, next)) = behind.split_once('\\') else {
            text.push_str(behind);
            break;
        };
        text.push_str(plain);
        rest = next;
    }
    Cow::Owned(text)
}

/// The character that an escape stands for and the bytes it takes behind the backslash; `None` also for half a surrogate pair,
/// which no UTF-8 text can hold and which readers replace as they like.
fn escape(behind: &[u8]) -> Option<(char, usize)> {
    let simple = match *behind.first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(behind),
        _ => return None,
    };
    Some((simple, 1))
}

fn unicode_escape(behind: &[u8]) -> Option<(char, usize)> {
    let first = hex4(behind.get(1..5)?)?;
    if !(0xD800..0xE000).contains(&first) {
        return Some((char::from_u32(first)?, 5));
    }
    let second = hex4(behind.get(5..11)?.strip_prefix(b"\\u")?)?;
    if first >= 0xDC00 || !(0xDC00..0xE000).contains(&second) {
        return None;
    }
    Some((char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))?, 11))
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}

/// Where the next byte is that a string cannot just run over: a quote, a backslash, a control character. Looks at eight bytes at
/// once; in `(x - 1s) & !x & 0x80s` the lowest bit set is that of the lowest zero byte of `x` (a borrow only runs upwards).
fn special(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let zero = |x: u64| x.wrapping_sub(ONES) & !x;
    let mut passed = 0;
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (control | zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5c))) & (ONES * 0x80);
        if found != 0 {
            return Some(passed + usize::try_from(found.trailing_zeros() / 8).unwrap_or(0));
        }
        passed += 8;
        rest = behind;
    }
    rest.iter().position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\')).map(|at| passed + at)
}

/// What comes next.
#[derive(PartialEq, Eq)]
enum Step {
    /// A value of an array or object that is open.
    Inside,
    /// What follows a value.
    Behind,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    nodes: Vec<Node>,
    /// The arrays and objects that are open, outermost first: where their nodes are.
    open: Vec<Open>,
    /// The keys of one object, while they are compared; kept for its memory.
    keys: Vec<(Cow<'a, str>, usize)>,
}

#[derive(Clone, Copy)]
struct Open {
    node: usize,
    kind: Container,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Array,
    Object,
}

impl<'a> Reader<'a> {
    fn begin_value(&mut self) -> Result<Step, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => self.string()?,
            Some(b'{') => return self.open(Container::Object),
            Some(b'[') => return self.open(Container::Array),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Shape::True)?,
            Some(b'f') => self.word("false", Shape::False)?,
            Some(b'n') => self.word("null", Shape::Null)?,
            _ => return Err(self.syntax()),
        }
        Ok(Step::Behind)
    }

    /// A value is complete: closes what ends here, up to the next value of what stays open.
    fn end_value(&mut self) -> Result<Step, JsonError> {
        while let Some(open) = self.open.last().copied() {
            self.skip_space();
            match (self.peek(), open.kind) {
                (Some(b','), Container::Array) => {
                    self.at += 1;
                    return Ok(Step::Inside);
                }
                (Some(b','), Container::Object) => {
                    self.at += 1;
                    self.skip_space();
                    self.key()?;
                    return Ok(Step::Inside);
                }
                (Some(b']'), Container::Array) | (Some(b'}'), Container::Object) => self.close(open)?,
                _ => return Err(self.syntax()),
            }
        }
        Ok(Step::Behind)
    }

    fn open(&mut self, kind: Container) -> Result<Step, JsonError> {
        if self.open.len() >= self.depth {
            return Err(JsonError::TooDeep { limit: self.depth });
        }
        let open = Open { node: self.nodes.len(), kind };
        let shape = if kind == Container::Array { Shape::Array } else { Shape::Object };
        self.nodes.push(Node { shape, start: self.at, end: self.at, inside: 0 });
        self.open.push(open);
        self.at += 1;
        self.skip_space();
        match (self.peek(), kind) {
            (Some(b']'), Container::Array) | (Some(b'}'), Container::Object) => {
                self.close(open)?;
                return Ok(Step::Behind);
            }
            (_, Container::Object) => self.key()?,
            (_, Container::Array) => {}
        }
        Ok(Step::Inside)
    }

    fn close(&mut self, open: Open) -> Result<(), JsonError> {
        self.at += 1;
        self.open.pop();
        let inside = self.nodes.len().saturating_sub(open.node + 1);
        if let Some(node) = self.nodes.get_mut(open.node) {
            node.end = self.at;
            node.inside = inside;
        }
        if open.kind == Container::Object { self.refuse_duplicate_keys(open.node) } else { Ok(()) }
    }

    fn refuse_duplicate_keys(&mut self, object: usize) -> Result<(), JsonError> {
        self.keys.clear();
        let mut rest = self.nodes.get(object + 1..).unwrap_or_default();
        while let [key, value, behind @ ..] = rest {
            self.keys.push((key.string(self.text).unwrap_or_default(), key.start));
            rest = behind.get(value.inside..).unwrap_or_default();
        }
        match second_of_two(&mut self.keys) {
            Some(at) => Err(JsonError::DuplicateKey { at }),
            None => Ok(()),
        }
    }

    fn key(&mut self) -> Result<(), JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax());
        }
        self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.syntax());
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        let mut shape = Shape::PlainString;
        self.at += 1;
        loop {
            let Some(run) = special(self.rest()) else {
                self.at = self.text.len();
                return Err(self.syntax());
            };
            self.at += run;
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    shape = Shape::EscapedString;
                    let behind = self.rest().get(1..).unwrap_or_default();
                    let (_, length) = escape(behind).ok_or(self.syntax())?;
                    self.at += 1 + length;
                }
                _ => return Err(self.syntax()),
            }
        }
        self.at += 1;
        self.push(shape, start);
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        let mut sure = true;
        self.skip_one_of(b"-");
        if self.peek() == Some(b'0') {
            self.at += 1
        } else {
            self.digits()?
        }
        if self.skip_one_of(b".") {
            self.digits()?;
        }
        if self.skip_one_of(b"eE") {
            sure = false;
            self.skip_one_of(b"+-");
            self.digits()?;
        }
        let short = self.at.saturating_sub(start) <= SURELY_IN_RANGE;
        let text = self.text.get(start..self.at).unwrap_or_default();
        let in_range = (sure && short) || text.parse::<f64>().is_ok_and(f64::is_finite);
        if !in_range {
            return Err(JsonError::Number { at: start });
        }
        self.push(Shape::Number, start);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let rest = self.rest();
        match rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len()) {
            0 => Err(self.syntax()),
            count => {
                self.at += count;
                Ok(())
            }
        }
    }

    fn word(&mut self, word: &str, shape: Shape) -> Result<(), JsonError> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.syntax());
        }
        let start = self.at;
        self.at += word.len();
        self.push(shape, start);
        Ok(())
    }

    fn push(&mut self, shape: Shape, start: usize) {
        self.nodes.push(Node { shape, start, end: self.at, inside: 0 });
    }

    fn skip_one_of(&mut self, bytes: &[u8]) -> bool {
        let there = self.peek().is_some_and(|byte| bytes.contains(&byte));
        self.at += usize::from(there);
        there
    }

    fn skip_space(&mut self) {
        self.at = skip_space(self.text, self.at);
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn syntax(&self) -> JsonError {
        JsonError::Syntax { at: self.at }
    }
}

/// A text that is there twice.
pub(crate) fn repeated<'t>(all: &mut dyn Iterator<Item = &'t str>) -> Option<&'t str> {
    let texts: Vec<&str> = all.collect();
    let mut keys: Vec<_> = texts.iter().enumerate().map(|(index, text)| (Cow::Borrowed(*text), index)).collect();
    texts.get(second_of_two(&mut keys)?).copied()
}

/// Names in their order, each with its number. Every list of texts is sorted here: a sort takes 5 KB of the module for each type
/// that it is used with, and this one is that of the reader.
pub(crate) fn sort<'a>(names: impl Iterator<Item = (Cow<'a, str>, usize)>) -> Vec<(Cow<'a, str>, usize)> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

/// Texts in their order, each once.
pub(crate) fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts = sort(texts.map(|text| (Cow::Owned(text), 0)));
    texts.dedup();
    texts.into_iter().map(|(text, _)| text.into_owned()).collect()
}

/// The number that comes with the second one of two equal keys. Sorting keeps thousands of keys from costing their square.
fn second_of_two(keys: &mut [(Cow<'_, str>, usize)]) -> Option<usize> {
    if keys.len() > COMPARED_PAIRWISE {
        keys.sort_unstable();
        let pairs = keys.iter().zip(keys.iter().skip(1));
        return pairs.filter(|(first, second)| first.0 == second.0).map(|(_, second)| second.1).min();
    }
    let repeated =
        |(index, (key, _)): &(usize, &(Cow<'_, str>, usize))| keys.iter().take(*index).any(|earlier| earlier.0 == *key);
    keys.iter().enumerate().find(repeated).map(|(_, (_, at))| *at)
}
