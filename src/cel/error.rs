//! Why a text is no program, and why a program has no value. What stands in the text is shown; what the event says is not, but
//! for the names of its keys.

use std::fmt;
use std::sync::Arc;

use super::kind::Type;

/// A place in the text of a condition, both counted from one; columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The character of that line.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a text is no program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {kind}")]
pub struct CompileError {
    /// Where it is.
    pub place: Place,
    /// What is wrong there.
    pub kind: CompileErrorKind,
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileErrorKind {
    /// The text is longer than conditions may be.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The bound.
        limit: usize,
    },
    /// Nested deeper than conditions may be.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The bound.
        limit: usize,
    },
    /// A character that starts nothing.
    #[error("unexpected character `{}`", .0.escape_default())]
    Character(char),
    /// A string that does not end.
    #[error("a string without an end")]
    OpenString,
    /// An escape that strings do not have.
    #[error("not an escape sequence")]
    Escape,
    /// A number that is out of the range of its type.
    #[error("a number out of range")]
    Number,
    /// Something else was due.
    #[error("found {found}, expected {expected}")]
    Syntax {
        /// What is there.
        found: String,
        /// What was due.
        expected: &'static str,
    },
    /// A word that the language keeps for itself.
    #[error("`{0}` is a reserved word")]
    Reserved(String),
    /// Part of the language, or of a known extension of it, but not of what is read here.
    #[error("{0} are not supported")]
    Unsupported(&'static str),
    /// Nothing has that name.
    #[error("nothing is named `{0}`")]
    UnknownName(String),
    /// The name of a group of variables.
    #[error("`{0}` is no value itself, name a member of it")]
    NotAValue(String),
    /// No function has that name.
    #[error("no function is named `{0}`")]
    UnknownFunction(String),
    /// The function does not take that.
    #[error("`{function}` does not take ({arguments})")]
    NoOverload {
        /// What was called.
        function: &'static str,
        /// The types of what was handed to it.
        arguments: String,
    },
    /// A value of another type was due.
    #[error("found {found}, expected {expected}")]
    Mismatch {
        /// Its type.
        found: Type,
        /// What was due.
        expected: &'static str,
    },
    /// A value of this type has no members.
    #[error("{0} has no members")]
    NoMembers(Type),
    /// What `has` looks for is not a member.
    #[error("`has` takes a member, as in `has(a.b)`")]
    NotAMember,
    /// The variable of a macro is not a plain name.
    #[error("the variable of `{0}` must be a plain name, and used once")]
    MacroVariable(String),
    /// Must stand in the text, as a constant.
    #[error("{0} must be a constant string")]
    NotConstant(&'static str),
    /// Not a regular expression, one that this reader does not know, or one too large.
    #[error("`{pattern}`: {reason}")]
    Pattern {
        /// The expression.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A time zone that is not an offset.
    #[error("the time zone `{0}` is not supported, only `UTC` and offsets such as `+02:00`")]
    TimeZone(String),
}

impl CompileErrorKind {
    #[cold]
    #[inline(never)]
    pub(super) const fn at(self, place: Place) -> CompileError {
        CompileError { place, kind: self }
    }
}

/// Why a program has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {fault}")]
pub struct EvalError {
    /// Where in the text.
    pub place: Place,
    /// What happened there.
    pub fault: Fault,
}

/// What happened while a program was evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An optional variable has no value.
    #[error("`{0}` is absent")]
    Absent(Arc<str>),
    /// A map has no such key.
    #[error("no such key `{0}`")]
    NoSuchKey(String),
    /// A name that does not stand for one text alone.
    #[error("`{0}` is there more than once, for some servers at least, or is not text")]
    NotOneText(String),
    /// A list has no such item.
    #[error("no such index")]
    NoSuchIndex,
    /// The operation does not take values of these types.
    #[error("`{operation}` does not take a value of this type")]
    NoOverload {
        /// What was to be done.
        operation: &'static str,
    },
    /// The result does not fit its type.
    #[error("the result is out of range")]
    Overflow,
    /// Division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A value that cannot be converted.
    #[error("the value is no {to}")]
    Conversion {
        /// The type that was asked for.
        to: &'static str,
    },
    /// A key that is there twice in one map.
    #[error("a key is there twice in one map")]
    DuplicateKey,
    /// A key of a type that maps do not have.
    #[error("not a type of keys")]
    KeyType,
    /// The value of a condition is not true or false.
    #[error("neither true nor false")]
    NotBool,
    /// The bound of evaluation was reached.
    #[error("more steps than a condition may take")]
    TooDear,
}

impl Fault {
    #[cold]
    #[inline(never)]
    pub(super) const fn at(self, place: Place) -> EvalError {
        EvalError { place, fault: self }
    }
}
