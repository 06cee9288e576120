//! The values of the language. They borrow from the event and from the program where they can; what was made during evaluation is
//! shared, so that a copy of a value never copies what is in it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::compare::same_key;
use super::error::Fault;
use super::kind::TypeName;
use super::moment::{Duration, Moment};
use crate::json;

/// A value.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// 64 bits, signed.
    Int(i64),
    /// 64 bits, unsigned.
    Uint(u64),
    /// A double of IEEE 754.
    Double(f64),
    /// Text.
    String(Text<'a>),
    /// Bytes.
    Bytes(Bytes<'a>),
    /// A point in time.
    Timestamp(Moment),
    /// A span of time.
    Duration(Duration),
    /// The name of a type.
    Type(TypeName),
    /// Items.
    List(List<'a>),
    /// Keys and values.
    Map(Map<'a>),
}

/// Text, borrowed or shared.
#[derive(Debug, Clone)]
pub enum Text<'a> {
    /// From the event, the policy or the program.
    Borrowed(&'a str),
    /// Made during evaluation.
    Shared(Arc<str>),
}

/// Bytes, borrowed or shared.
#[derive(Debug, Clone)]
pub enum Bytes<'a> {
    /// From the event, the policy or the program.
    Borrowed(&'a [u8]),
    /// Made during evaluation.
    Shared(Arc<[u8]>),
}

/// A list.
#[derive(Debug, Clone)]
pub enum List<'a> {
    /// Of the program.
    Borrowed(&'a [Value<'a>]),
    /// Made during evaluation.
    Shared(Arc<[Value<'a>]>),
    /// A JSON array; anything else has no items.
    Json(json::Value<'a, 'a>),
}

/// A map.
#[derive(Debug, Clone)]
pub enum Map<'a> {
    /// Of the program.
    Borrowed(&'a [(Value<'a>, Value<'a>)]),
    /// Made during evaluation.
    Shared(Arc<[(Value<'a>, Value<'a>)]>),
    /// A JSON object; anything else has no members.
    Json(json::Value<'a, 'a>),
    /// What the caller keeps.
    Table(&'a dyn Table),
}

/// A map with names as keys that the caller keeps in its own way, such as the headers of a call.
pub trait Table: fmt::Debug + Sync {
    /// How many entries it has.
    fn len(&self) -> usize;
    /// The entry at that place, below [`Table::len`].
    ///
    /// # Errors
    ///
    /// [`Fault`] where its name has no one value: whoever goes through the entries would miss it.
    fn entry(&self, at: usize) -> Result<(&str, Value<'_>), Fault>;
    /// The value of that name, `None` where it is absent.
    ///
    /// # Errors
    ///
    /// [`Fault`] where it has no one value: it is not absent then.
    fn find(&self, name: &str) -> Result<Option<Value<'_>>, Fault>;
    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Text<'_> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl Bytes<'_> {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl<'a> Value<'a> {
    /// A JSON value as it is. A number that is written as an integer is an `int`, or a `uint` where it is too large for one: it
    /// keeps its digits. All other numbers are doubles, also integers that need more than 64 bits. Numbers of all types compare
    /// with one another, so a condition need not know how a number was written, unless it calculates with it.
    #[must_use]
    pub fn from_json(value: json::Value<'a, 'a>) -> Self {
        match value.kind() {
            json::Kind::Null => Self::Null,
            json::Kind::Bool(bool) => Self::Bool(bool),
            json::Kind::Number(digits) => number(digits),
            json::Kind::String(text) => Self::from(text),
            json::Kind::Array => Self::List(List::Json(value)),
            json::Kind::Object => Self::Map(Map::Json(value)),
        }
    }

    /// A list of values that were made for it.
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(List::Shared(items.into()))
    }

    /// A map of keys and values that were made for it; the keys are different ones, of the types that keys may have.
    #[must_use]
    pub fn map(entries: Vec<(Self, Self)>) -> Self {
        Self::Map(Map::Shared(entries.into()))
    }

    /// The same value, borrowed from this one.
    pub(super) fn borrowed(&'a self) -> Self {
        match self {
            Self::String(text) => Self::String(Text::Borrowed(text.as_str())),
            Self::Bytes(bytes) => Self::Bytes(Bytes::Borrowed(bytes.as_slice())),
            Self::List(List::Shared(items)) => Self::List(List::Borrowed(items)),
            Self::Map(Map::Shared(entries)) => Self::Map(Map::Borrowed(entries)),
            other => other.clone(),
        }
    }

    /// The same value, of its own; `None` for what the caller keeps.
    pub(super) fn kept(&self) -> Option<Value<'static>> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(*bool),
            Self::Int(int) => Value::Int(*int),
            Self::Uint(uint) => Value::Uint(*uint),
            Self::Double(double) => Value::Double(*double),
            Self::String(text) => Value::String(Text::Shared(text.as_str().into())),
            Self::Bytes(bytes) => Value::Bytes(Bytes::Shared(bytes.as_slice().into())),
            Self::Timestamp(moment) => Value::Timestamp(*moment),
            Self::Duration(duration) => Value::Duration(*duration),
            Self::Type(name) => Value::Type(*name),
            Self::List(list) => Value::list(list.iter().map(|item| item.kept()).collect::<Option<_>>()?),
            Self::Map(map) => {
                Value::map(map.entries().ok()?.map(|(key, value)| Some((key.kept()?, value.kept()?))).collect::<Option<_>>()?)
            }
        })
    }

    /// The name of its type.
    #[must_use]
    pub const fn type_name(&self) -> TypeName {
        TypeName::of(match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Type(_) => "type",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        })
    }
}

fn number<'a>(digits: &str) -> Value<'a> {
    if let Ok(int) = digits.parse() {
        return Value::Int(int);
    }
    digits.parse().map_or_else(|_| Value::Double(digits.parse().unwrap_or(f64::NAN)), Value::Uint)
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Borrowed(items) => items.len(),
            Self::Shared(items) => items.len(),
            Self::Json(array) => array.items().map_or(0, Iterator::count),
        }
    }

    /// About how many steps it takes to find an item.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Borrowed(_) | Self::Shared(_) => 0,
            Self::Json(array) => array.raw().len() / 32,
        }
    }

    pub(super) fn get(&self, at: usize) -> Option<Value<'a>> {
        match self {
            Self::Borrowed(items) => items.get(at).map(Value::borrowed),
            Self::Shared(items) => items.get(at).cloned(),
            Self::Json(array) => array.items()?.nth(at).map(Value::from_json),
        }
    }

    pub(super) fn iter<'s>(&'s self) -> impl Iterator<Item = Value<'a>> + 's {
        std::iter::from_fn(match self {
            Self::Borrowed(items) => boxed(items.iter().map(Value::borrowed)),
            Self::Shared(items) => boxed(items.iter().cloned()),
            Self::Json(array) => boxed(array.items().into_iter().flatten().map(Value::from_json)),
        })
    }
}

impl<'a> Map<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Borrowed(entries) => entries.len(),
            Self::Shared(entries) => entries.len(),
            Self::Json(object) => object.members().map_or(0, Iterator::count),
            Self::Table(table) => table.len(),
        }
    }

    /// About how many steps it takes to find a key.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Json(object) => object.raw().len() / 32,
            Self::Borrowed(_) | Self::Shared(_) | Self::Table(_) => self.len(),
        }
    }

    /// The value of a key. Numbers of all types are the same key where they are equal.
    pub(super) fn find(&self, key: &Value<'_>) -> Result<Option<Value<'a>>, Fault> {
        Ok(match (self, key) {
            (Self::Borrowed(entries), _) => entries.iter().find(|(own, _)| same_key(own, key)).map(|(_, value)| value.borrowed()),
            (Self::Shared(entries), _) => entries.iter().find(|(own, _)| same_key(own, key)).map(|(_, value)| value.clone()),
            (Self::Json(_) | Self::Table(_), Value::String(name)) => return self.member(name.as_str()),
            (Self::Json(_) | Self::Table(_), _) => None,
        })
    }

    /// The value of a name.
    pub(super) fn member(&self, name: &str) -> Result<Option<Value<'a>>, Fault> {
        match self {
            Self::Borrowed(_) | Self::Shared(_) => self.find(&Value::String(Text::Borrowed(name))),
            Self::Json(object) => Ok(object.get(name).map(Value::from_json)),
            Self::Table(table) => table.find(name),
        }
    }

    /// Its entries; none of them where one has no value.
    pub(super) fn entries<'s>(&'s self) -> Result<impl Iterator<Item = (Value<'a>, Value<'a>)> + 's, Fault> {
        Ok(std::iter::from_fn(match self {
            Self::Borrowed(entries) => boxed(entries.iter().map(|(key, value)| (key.borrowed(), value.borrowed()))),
            Self::Shared(entries) => boxed(entries.iter().cloned()),
            Self::Json(object) => boxed(json_entries(*object)),
            Self::Table(table) => boxed(table_entries(*table)?.into_iter()),
        }))
    }
}

/// What is next, and no more of an iterator than that: all that iterators can do would be there for each kind of them.
fn boxed<'s, T>(mut items: impl Iterator<Item = T> + 's) -> Box<dyn FnMut() -> Option<T> + 's> {
    Box::new(move || items.next())
}

fn json_entries<'a>(object: json::Value<'a, 'a>) -> impl Iterator<Item = (Value<'a>, Value<'a>)> {
    object.members().into_iter().flatten().map(|(key, value)| (Value::from(key), Value::from_json(value)))
}

fn table_entries<'a>(table: &'a dyn Table) -> Result<Vec<(Value<'a>, Value<'a>)>, Fault> {
    (0..table.len()).map(|at| table.entry(at).map(|(name, value)| (Value::from(name), value))).collect()
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::String(Text::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::String(Text::Shared(text.into()))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::from(text),
            Cow::Owned(text) => Self::from(text),
        }
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Bytes::Shared(bytes.into()))
    }
}
