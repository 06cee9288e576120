//! Reads a JSON value through serde, and knows the place of what fails and of keys that mean nothing. Wrappers around a deserializer
//! (`serde_path_to_error`, `serde_ignored`) know that too, but are compiled again for each type that they read: a sixth of the module.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

/// One step of a path into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// The item of a list.
    Item(usize),
    /// The member of a map.
    Member(String),
}

/// Why a value could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Where.
    pub at: Vec<Segment>,
    /// What serde says.
    pub message: String,
}

impl Failure {
    /// Told from inside to outside: each container puts its step in front, so steps are kept in reverse until the end. Never inlined, as it
    /// would be for each type.
    #[cold]
    #[inline(never)]
    fn within(mut self, step: Step<'_>) -> Self {
        self.at.push(step.to_segment());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { at: Vec::new(), message: message.to_string() }
    }

    /// What was found is looked up at its place. (Its `Display` would bring everything that prints floating-point numbers.)
    fn invalid_type(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("invalid type, expected {expected}"))
    }

    fn invalid_value(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("invalid value, expected {expected}"))
    }
}

/// Reads a value, and says which keys in it were passed over.
pub(super) fn deserialize<'v, T: serde::Deserialize<'v>>(value: &'v Value) -> Result<(T, Vec<Vec<Segment>>), Failure> {
    let ignored = RefCell::new(Vec::new());
    let read = T::deserialize(Tracked { value, path: &Path { parent: None, step: None }, ignored: &ignored });
    match read {
        Ok(read) => Ok((read, ignored.into_inner())),
        Err(mut failure) => {
            failure.at.reverse();
            Err(failure)
        }
    }
}

/// The way to a value, each step on the stack of the one before.
struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Option<Step<'p>>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Item(usize),
    Member(&'p str),
}

impl Step<'_> {
    fn to_segment(self) -> Segment {
        match self {
            Self::Item(index) => Segment::Item(index),
            Self::Member(key) => Segment::Member(key.to_owned()),
        }
    }
}

impl Path<'_> {
    fn segments(&self) -> Vec<Segment> {
        let mut segments: Vec<Segment> =
            std::iter::successors(Some(self), |path| path.parent).filter_map(|path| path.step.map(Step::to_segment)).collect();
        segments.reverse();
        segments
    }
}

struct Tracked<'v, 'p> {
    value: &'v Value,
    path: &'p Path<'p>,
    ignored: &'p RefCell<Vec<Vec<Segment>>>,
}

impl<'v> Tracked<'v, '_> {
    /// The value is not of the type that is asked for.
    fn wrong(expected: &dyn Expected) -> Failure {
        Failure::invalid_type(Unexpected::Other("value"), expected)
    }

    /// Notes the keys that are no fields.
    fn note_others(&self, members: &serde_json::Map<String, Value>, fields: &[&str]) {
        for key in members.keys().filter(|key| !fields.contains(&key.as_str())) {
            let path = Path { parent: Some(self.path), step: Some(Step::Member(key)) };
            self.ignored.borrow_mut().push(path.segments());
        }
    }

    // Once for each type rather than once for each member of that type: `inline(never)`, here and below.
    #[inline(never)]
    fn deserialize_scalar<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Null | Value::Array(_) | Value::Object(_) => Err(Self::wrong(&visitor)),
        }
    }

    #[inline(never)]
    fn read_inner<S: DeserializeSeed<'v>>(&self, seed: S, value: &'v Value, step: Step<'_>) -> Result<S::Value, Failure> {
        let path = Path { parent: Some(self.path), step: Some(step) };
        seed.deserialize(Tracked { value, path: &path, ignored: self.ignored }).map_err(|failure| failure.within(step))
    }
}

/// Scalars are asked for by name, so that no type is compiled for forms that it does not have.
macro_rules! scalars {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.deserialize_scalar(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Tracked<'de, '_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => self.deserialize_scalar(visitor),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::Array(items) => visitor.visit_seq(Items { whole: self, items: items.iter().enumerate() }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => Err(Self::wrong(&visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::Object(members) => visitor.visit_map(Members { whole: self, members: members.iter(), current: None }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Err(Self::wrong(&visitor)),
        }
    }

    /// The fields in the order in which the type has them, as serde reads a list: what it derives for a map, which may have any key twice
    /// or not at all, is twice as large.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.value {
            Value::Object(members) => {
                self.note_others(members, fields);
                visitor.visit_seq(Fields { whole: self, members, fields: fields.iter() })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Err(Self::wrong(&visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    /// The document's enums are words.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.value {
            Value::String(text) => visitor.visit_enum(word(text)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Err(Self::wrong(&"a string")),
        }
    }

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64 deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_identifier
    }

    forward_to_deserialize_any! { i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct ignored_any }
}

fn word(text: &str) -> StrDeserializer<'_, Failure> {
    text.into_deserializer()
}

/// What an absent key is read from: a field that may be absent takes it, and another one fails there.
const ABSENT: Value = Value::Null;

struct Fields<'v, 'p> {
    whole: Tracked<'v, 'p>,
    members: &'v serde_json::Map<String, Value>,
    fields: std::slice::Iter<'static, &'static str>,
}

impl<'v> Fields<'v, '_> {
    fn next_field(&mut self) -> (&'static str, &'v Value) {
        let name = self.fields.next().copied().unwrap_or_default();
        (name, self.members.get(name).unwrap_or(&ABSENT))
    }
}

impl<'v> SeqAccess<'v> for Fields<'v, '_> {
    type Error = Failure;

    /// There is always a next one, which the compiler is to see: then it leaves out what would say that there is none.
    #[inline(always)]
    fn next_element_seed<S: DeserializeSeed<'v>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        let (name, value) = self.next_field();
        self.whole.read_inner(seed, value, Step::Member(name)).map(Some)
    }
}

struct Items<'v, 'p> {
    whole: Tracked<'v, 'p>,
    items: std::iter::Enumerate<std::slice::Iter<'v, Value>>,
}

impl<'v> SeqAccess<'v> for Items<'v, '_> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'v>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        let Some((index, item)) = self.items.next() else { return Ok(None) };
        self.whole.read_inner(seed, item, Step::Item(index)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Members<'v, 'p> {
    whole: Tracked<'v, 'p>,
    members: serde_json::map::Iter<'v>,
    current: Option<(&'v str, &'v Value)>,
}

impl<'v> MapAccess<'v> for Members<'v, '_> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'v>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        let Some((key, value)) = self.members.next() else { return Ok(None) };
        self.current = Some((key, value));
        seed.deserialize(serde::de::value::BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'v>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        let (key, value) = self.current.take().ok_or_else(|| Failure::custom("a value was asked for before its key"))?;
        self.whole.read_inner(seed, value, Step::Member(key))
    }
}
