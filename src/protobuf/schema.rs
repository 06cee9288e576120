//! What a message may hold: descriptors, as `google.protobuf.DescriptorProto` has them, with what a strict reader needs of them.

use std::borrow::Cow;

use super::{MessageError, malformed};

/// Message types that may name each other by their place, and what becomes of fields that a type does not have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema<'s> {
    pub types: &'s [MessageType],
    pub enums: &'s [EnumType],
    pub unknown: UnknownFields,
}

/// What becomes of a field that its message type does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownFields {
    /// The message is refused: somebody behind us may know the field.
    Refuse,
    /// It is passed over.
    Keep,
}

/// The numbers that an enum has, with their names.
pub(crate) type EnumType = Vec<(Box<str>, i32)>;

/// A message type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageType {
    /// With its package: `google.pubsub.v1.PublishRequest`.
    pub name: Cow<'static, str>,
    pub json: JsonForm,
    /// In the order of their numbers.
    pub fields: Cow<'static, [Field]>,
}

/// How the JSON mapping writes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonForm {
    /// As an object with a member for each field.
    Members,
    /// As the value of its one field, `value`: the wrappers of `google/protobuf/wrappers.proto`.
    Wrapped,
    /// As a string: `Timestamp`.
    Time,
    /// As a string: `Duration`.
    Duration,
    /// As a string: `FieldMask`.
    Text,
    /// As an object that is not looked into: `Struct`.
    Object,
    /// As an object, of which only the type is looked at: `Any`.
    Any,
    /// As an array that is not looked into: `ListValue`.
    Array,
    /// As anything: `Value`.
    Anything,
}

/// Whether a message is written as the JSON mapping of an `Any` that holds it, with its type as a member `@type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Any {
    No,
    Yes,
}

/// A field of a message type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub number: u32,
    pub name: Cow<'static, str>,
    pub json_name: Cow<'static, str>,
    pub kind: Kind,
    pub label: Label,
    /// Whether a message without it is none (proto2).
    pub required: bool,
    /// What may be there once: the same for all members of a `oneof`, otherwise the field's number.
    pub slot: u32,
}

/// How often a field may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    Singular,
    Repeated,
    /// Repeated, and its messages are a key (1) and a value (2).
    Map,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    /// Of the enum at that place.
    Enum(usize),
    String,
    Bytes,
    /// A message of the type at that place.
    Message(usize),
}

impl Kind {
    /// Whether a repeated field of this kind may be packed; these are the kinds that nobody asks for where they are repeated.
    pub(super) fn is_packable(self) -> bool {
        !matches!(self, Self::String | Self::Bytes | Self::Message(_))
    }
}

impl Kind {
    pub(crate) fn is_integer(self) -> bool {
        self.is_packable() && !matches!(self, Self::Bool | Self::Float | Self::Double | Self::Enum(_))
    }
}

impl<'s> Schema<'s> {
    pub(crate) fn get(self, index: usize) -> Result<&'s MessageType, MessageError> {
        self.types.get(index).ok_or_else(|| malformed("a message of a type that is not known"))
    }

    /// Whether a number is one of an enum's. Others may be those of a later version, which somebody behind us may know.
    pub(super) fn has_number(self, of: usize, number: i64) -> bool {
        let values = self.enums.get(of).map(Vec::as_slice).unwrap_or_default();
        self.unknown == UnknownFields::Keep || values.iter().any(|(_, known)| i64::from(*known) == number)
    }

    /// Whether a name is one of an enum's.
    pub(super) fn has_name(self, of: usize, name: &str) -> bool {
        let values = self.enums.get(of).map(Vec::as_slice).unwrap_or_default();
        self.unknown == UnknownFields::Keep || values.iter().any(|(known, _)| **known == *name)
    }
}

impl MessageType {
    pub(crate) fn field(&self, number: u32) -> Option<&Field> {
        self.fields.binary_search_by_key(&number, |field| field.number).ok().and_then(|at| self.fields.get(at))
    }
}

/// Oneofs are numbered behind the largest number that a field can have (2^29 - 1).
const ONEOFS: u32 = 1 << 29;

impl Field {
    /// The slot of a member of the message's oneof with that index.
    pub(crate) const fn slot_of_oneof(index: u32) -> u32 {
        ONEOFS.saturating_add(index)
    }
}
