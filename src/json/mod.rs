//! Strict JSON: bytes into a document that has one reading only, or an error. No duplicate keys (compared after unescaping), no
//! lone surrogates, no byte order mark, nothing behind the value, a bound on nesting. Every value knows the bytes that it was
//! written as. Trusts nothing; knows nothing of events.

mod pointer;
mod read;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

pub use pointer::{NotAPointer, Pointer};
pub(crate) use read::{distinct, repeated, sort};

/// A JSON text (RFC 8259) that was read whole. Values are looked at through [`Value`].
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    nodes: Vec<Node>,
}

/// A document that owns its text, for what is kept beyond one call.
#[derive(Debug, Clone)]
pub struct Owned {
    text: String,
    nodes: Vec<Node>,
}

/// Several JSON texts one behind the other, white space between them allowed: reads one at a time.
#[derive(Debug)]
pub struct Sequence<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// One value on the tape: where it stands in the text, and how many nodes behind it belong to it. The members of an object are a
/// key (a string) and a value each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Node {
    shape: Shape,
    start: usize,
    end: usize,
    inside: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Null,
    True,
    False,
    Number,
    /// A string without a backslash.
    PlainString,
    EscapedString,
    Array,
    Object,
}

/// One value of a document.
#[derive(Debug, Clone, Copy)]
pub struct Value<'d, 'a> {
    text: &'a str,
    node: &'d Node,
    inside: &'d [Node],
}

/// What a value is, with what is needed to look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it was written.
    Number(&'a str),
    /// A string, unescaped; borrowed where nothing was escaped.
    String(Cow<'a, str>),
    /// An array: see [`Value::items`].
    Array,
    /// An object: see [`Value::members`].
    Object,
}

/// Why a text was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON.
    #[error("not JSON at byte {at}")]
    Syntax {
        /// Bytes from the start.
        at: usize,
    },
    /// A key that is there twice in one object.
    #[error("a key is there twice in one object, at byte {at}")]
    DuplicateKey {
        /// Where the second one starts.
        at: usize,
    },
    /// Nested deeper than `limit`.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The bound.
        limit: usize,
    },
    /// A number that a double cannot hold (`1e400`), which parsers read differently.
    #[error("a number out of range, at byte {at}")]
    Number {
        /// Where it starts.
        at: usize,
    },
}

/// A name in an object that differs from the one that is looked for by case only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookAlike(pub String);

/// A character without its case, for names in ASCII: the two others that are a letter of it (Unicode `CaseFolding.txt`) are `s` and `k`.
fn fold(character: char) -> char {
    match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

impl<'a> Document<'a> {
    /// Reads a whole text. `depth` bounds the nesting: 1 allows one array or object without another one inside.
    ///
    /// # Errors
    ///
    /// [`JsonError`] where the text is not JSON, or is JSON that two readers could read differently.
    pub fn parse(bytes: &'a [u8], depth: usize) -> Result<Self, JsonError> {
        let text = utf8(bytes)?;
        Ok(Self { text, nodes: read_whole(text, depth)? })
    }

    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> Value<'_, 'a> {
        root(self.text, &self.nodes)
    }
}

impl Owned {
    /// Reads a whole text and keeps it; as [`Document::parse`].
    ///
    /// # Errors
    ///
    /// [`JsonError`] where the text is not JSON, or is JSON that two readers could read differently.
    pub fn parse(bytes: Vec<u8>, depth: usize) -> Result<Self, JsonError> {
        let text = String::from_utf8(bytes).map_err(|error| JsonError::Syntax { at: error.utf8_error().valid_up_to() })?;
        let nodes = read_whole(&text, depth)?;
        Ok(Self { text, nodes })
    }

    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> Value<'_, '_> {
        root(&self.text, &self.nodes)
    }
}

impl<'a> Sequence<'a> {
    /// Over texts that each keep `depth`, as in [`Document::parse`].
    ///
    /// # Errors
    ///
    /// [`JsonError::Syntax`] where the bytes are not UTF-8.
    pub fn over(bytes: &'a [u8], depth: usize) -> Result<Self, JsonError> {
        Ok(Self { text: utf8(bytes)?, at: 0, depth })
    }
}

impl<'a> Iterator for Sequence<'a> {
    type Item = Result<Document<'a>, JsonError>;

    /// The next text; nothing follows a text that is refused.
    fn next(&mut self) -> Option<Self::Item> {
        self.at = read::skip_space(self.text, self.at);
        if self.at >= self.text.len() {
            return None;
        }
        let (nodes, behind) = match read::read(self.text, self.at, self.depth) {
            Ok(read) => read,
            Err(error) => {
                self.at = self.text.len();
                return Some(Err(error));
            }
        };
        self.at = behind;
        Some(Ok(Document { text: self.text, nodes }))
    }
}

/// Whether a number is one that 32 bits hold: the largest that still rounds to one of them is below 2^128 - 2^103. Of what is larger some
/// readers make infinity.
pub(crate) fn fits_float(number: f64) -> bool {
    number.abs() < 3.402_823_567_797_336_6e38
}

fn utf8(bytes: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(bytes).map_err(|error| JsonError::Syntax { at: error.valid_up_to() })
}

fn read_whole(text: &str, depth: usize) -> Result<Vec<Node>, JsonError> {
    let (nodes, behind) = read::read(text, 0, depth)?;
    let at = read::skip_space(text, behind);
    if at == text.len() { Ok(nodes) } else { Err(JsonError::Syntax { at }) }
}

fn root<'d, 'a>(text: &'a str, nodes: &'d [Node]) -> Value<'d, 'a> {
    // What was read has a node; an empty tape would be this null.
    const NULL: Node = Node { shape: Shape::Null, start: 0, end: 0, inside: 0 };
    let (node, inside) = nodes.split_first().unwrap_or((&NULL, &[]));
    Value { text, node, inside }
}

impl Node {
    fn raw<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start..self.end).unwrap_or_default()
    }

    fn string<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        let inside = || text.get(self.start + 1..self.end.saturating_sub(1)).unwrap_or_default();
        match self.shape {
            Shape::PlainString => Some(Cow::Borrowed(inside())),
            Shape::EscapedString => Some(read::unescape(inside())),
            Shape::Null | Shape::True | Shape::False | Shape::Number | Shape::Array | Shape::Object => None,
        }
    }
}

impl<'d, 'a> Value<'d, 'a> {
    /// What this value is.
    #[must_use]
    pub fn kind(self) -> Kind<'a> {
        match self.node.shape {
            Shape::Null => Kind::Null,
            Shape::True => Kind::Bool(true),
            Shape::False => Kind::Bool(false),
            Shape::Number => Kind::Number(self.raw()),
            Shape::PlainString | Shape::EscapedString => Kind::String(self.as_str().unwrap_or_default()),
            Shape::Array => Kind::Array,
            Shape::Object => Kind::Object,
        }
    }

    /// The bytes that this value was written as, without the white space around it.
    #[must_use]
    pub fn raw(self) -> &'a str {
        self.node.raw(self.text)
    }

    /// Where those bytes stand in the text.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        self.node.start..self.node.end
    }

    /// The string, where this is one.
    #[must_use]
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        self.node.string(self.text)
    }

    /// The items, where this is an array.
    #[must_use]
    pub fn items(self) -> Option<impl Iterator<Item = Value<'d, 'a>>> {
        (self.node.shape == Shape::Array).then(|| self.children())
    }

    /// Keys and values in their order, where this is an object.
    #[must_use]
    pub fn members(self) -> Option<impl Iterator<Item = (Cow<'a, str>, Value<'d, 'a>)>> {
        if self.node.shape != Shape::Object {
            return None;
        }
        let mut children = self.children();
        Some(std::iter::from_fn(move || Some((children.next()?.as_str()?, children.next()?))))
    }

    /// The keys as values of their own, where this is an object.
    #[must_use]
    pub fn names(self) -> Option<impl Iterator<Item = Value<'d, 'a>>> {
        (self.node.shape == Shape::Object).then(|| self.children().step_by(2))
    }

    /// The member of that name, where this is an object that has one.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Value<'d, 'a>> {
        self.members()?.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The value that a pointer leads to from here.
    #[must_use]
    pub fn at(self, pointer: &Pointer) -> Option<Value<'d, 'a>> {
        pointer.tokens().try_fold(self, |value, token| match value.items() {
            Some(mut items) => items.nth(pointer::array_index(token)?),
            None => value.get(token),
        })
    }

    /// The value that a pointer leads to from here, whatever reads it: many readers (Go, .NET) match names without regard to case.
    ///
    /// # Errors
    ///
    /// [`LookAlike`] where an object on the way has a name that differs from the pointer's by case only.
    pub fn at_alone(self, pointer: &Pointer) -> Result<Option<Value<'d, 'a>>, LookAlike> {
        let mut value = self;
        for token in pointer.tokens() {
            let next = match value.items() {
                Some(mut items) => pointer::array_index(token).and_then(|index| items.nth(index)),
                None => value.get_alone(token)?,
            };
            let Some(next) = next else { return Ok(None) };
            value = next;
        }
        Ok(Some(value))
    }

    fn get_alone(self, name: &str) -> Result<Option<Value<'d, 'a>>, LookAlike> {
        let mut found = None;
        for (key, value) in self.members().into_iter().flatten() {
            if key == name {
                found = Some(value);
            } else if key.chars().map(fold).eq(name.chars().map(fold)) {
                return Err(LookAlike(key.into_owned()));
            }
        }
        Ok(found)
    }

    fn children(self) -> Children<'d, 'a> {
        Children { text: self.text, rest: self.inside }
    }
}

/// The nodes right below one, each with its own.
struct Children<'d, 'a> {
    text: &'a str,
    rest: &'d [Node],
}

impl<'d, 'a> Iterator for Children<'d, 'a> {
    type Item = Value<'d, 'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (node, behind) = self.rest.split_first()?;
        let (inside, rest) = behind.split_at_checked(node.inside)?;
        self.rest = rest;
        Some(Value { text: self.text, node, inside })
    }
}
