//! The types of the language, as the checker knows them, and the type names that are values.

use std::fmt;

/// What the checker knows of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Nothing: what it is shows when the program is evaluated.
    Dyn,
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// 64 bits, signed.
    Int,
    /// 64 bits, unsigned.
    Uint,
    /// A double of IEEE 754.
    Double,
    /// Text.
    String,
    /// Bytes.
    Bytes,
    /// A point in time.
    Timestamp,
    /// A span of time.
    Duration,
    /// The name of a type.
    Type,
    /// Items of one type.
    List(Box<Type>),
    /// Keys of one type, values of one type.
    Map(Box<Type>, Box<Type>),
    /// The items of a list that has none: any type will do.
    Open,
}

impl Type {
    /// The type of a list.
    #[must_use]
    pub fn list(items: Self) -> Self {
        Self::List(Box::new(items))
    }

    /// The type of a map.
    #[must_use]
    pub fn map(keys: Self, values: Self) -> Self {
        Self::Map(Box::new(keys), Box::new(values))
    }

    /// Whether a value of one type may stand where the other one is asked for. What is not known yet may be anything.
    pub(super) fn fits(&self, asked: &Self) -> bool {
        match (self, asked) {
            (Self::Dyn | Self::Open, _) | (_, Self::Dyn | Self::Open) => true,
            (Self::List(own), Self::List(asked)) => own.fits(asked),
            (Self::Map(keys, values), Self::Map(asked_keys, asked_values)) => keys.fits(asked_keys) && values.fits(asked_values),
            (own, asked) => own == asked,
        }
    }

    /// What is known of a value that is one or the other; `None` where the two have nothing in common.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Open, known) | (known, Self::Open) => Some(known.clone()),
            (Self::Dyn, _) | (_, Self::Dyn) => Some(Self::Dyn),
            (Self::List(one), Self::List(two)) => Some(Self::list(one.join(two)?)),
            (Self::Map(key, value), Self::Map(other_key, other_value)) => {
                Some(Self::map(key.join(other_key)?, value.join(other_value)?))
            }
            (one, two) => (one == two).then(|| one.clone()),
        }
    }

    /// As [`Type::join`], for the items of a literal, which need have nothing in common.
    pub(super) fn join_or_dyn(&self, other: &Self) -> Self {
        self.join(other).unwrap_or(Self::Dyn)
    }

    /// Without what was left open.
    pub(super) fn settled(self) -> Self {
        match self {
            Self::Open => Self::Dyn,
            Self::List(items) => Self::list(items.settled()),
            Self::Map(keys, values) => Self::map(keys.settled(), values.settled()),
            known => known,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dyn | Self::Open => "dyn",
            Self::Null => "null_type",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Type => "type",
            Self::List(items) => return write!(f, "list({items})"),
            Self::Map(keys, values) => return write!(f, "map({keys}, {values})"),
        })
    }
}

/// The name of a type, as a value (`type(1) == int`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeName(&'static str);

/// The names that a condition may write, and what the type of a value is called (language definition, "Abstract Types").
static NAMES: [&str; 12] = [
    "null_type",
    "bool",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "list",
    "map",
    "type",
    "google.protobuf.Timestamp",
    "google.protobuf.Duration",
];

impl TypeName {
    /// The type of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        NAMES.iter().copied().find(|known| *known == name).map(Self)
    }

    pub(super) const fn of(name: &'static str) -> Self {
        Self(name)
    }

    /// The name, as conditions write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}
