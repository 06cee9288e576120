//! Strict JSON: bytes into a document that has one reading only, or an error. No duplicate keys (compared after unescaping), no
//! lone surrogates, no byte order mark, nothing behind the value, a bound on nesting. Every value knows the bytes that it was
//! written as. Trusts nothing; knows nothing of events.

use std::borrow::Cow;

/// A JSON text (RFC 8259) that was read whole. Values are looked at through [`Value`].
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node;

/// One value of a document.
#[derive(Debug, Clone, Copy)]
pub struct Value<'d, 'a> {
    document: &'d Document<'a>,
    node: usize,
}

/// What a value is, with what is needed to look at it.
#[derive(Debug, Clone)]
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

impl<'a> Document<'a> {
    /// Reads a whole text. `depth` bounds the nesting: 1 allows one array or object without another one inside.
    ///
    /// # Errors
    ///
    /// [`JsonError`] where the text is not JSON, or is JSON that two readers could read differently.
    pub fn parse(_bytes: &'a [u8], _depth: usize) -> Result<Self, JsonError> {
        todo!()
    }

    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> Value<'_, 'a> {
        Value { document: self, node: 0 }
    }
}

impl<'d, 'a> Value<'d, 'a> {
    /// What this value is.
    #[must_use]
    pub fn kind(self) -> Kind<'a> {
        todo!()
    }

    /// The bytes that this value was written as, without the white space around it.
    #[must_use]
    pub fn raw(self) -> &'a str {
        todo!()
    }

    /// The string, where this is one.
    #[must_use]
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        todo!()
    }

    /// The items, where this is an array.
    #[must_use]
    pub fn items(self) -> Option<impl Iterator<Item = Value<'d, 'a>>> {
        None::<std::iter::Empty<_>>
    }

    /// Keys and values in their order, where this is an object.
    #[must_use]
    pub fn members(self) -> Option<impl Iterator<Item = (Cow<'a, str>, Value<'d, 'a>)>> {
        None::<std::iter::Empty<_>>
    }

    /// The member of that name, where this is an object that has one.
    #[must_use]
    pub fn get(self, _name: &str) -> Option<Value<'d, 'a>> {
        todo!()
    }

    /// The value that a pointer leads to from here.
    #[must_use]
    pub fn at(self, _pointer: &Pointer) -> Option<Value<'d, 'a>> {
        todo!()
    }
}

/// A JSON Pointer (RFC 6901), taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pointer {
    tokens: Vec<String>,
}

/// The text is not a JSON Pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON Pointer (RFC 6901): it starts with `/`, and `~` stands only in `~0` and `~1`")]
pub struct NotAPointer;

impl Pointer {
    /// Reads the string form; the empty text points to the whole document.
    ///
    /// # Errors
    ///
    /// [`NotAPointer`].
    pub fn parse(_text: &str) -> Result<Self, NotAPointer> {
        todo!()
    }
}
