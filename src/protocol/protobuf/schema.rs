//! What a message may hold: descriptors, as `google.protobuf.DescriptorProto` has them, with what a strict reader needs of them.

use std::borrow::Cow;

use crate::protocol::{ProtocolError, malformed};

/// Message types that may name each other by their place, and what becomes of fields that a type does not have.
#[derive(Debug, Clone, Copy)]
pub(in crate::protocol) struct Schema<'s> {
    pub types: &'s [MessageType],
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

/// A message type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::protocol) struct MessageType {
    /// With its package: `google.pubsub.v1.PublishRequest`.
    pub name: Cow<'static, str>,
    pub json: JsonForm,
    /// In the order of their numbers.
    pub fields: Cow<'static, [Field]>,
}

/// How the JSON mapping writes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum JsonForm {
    /// As an object with a member for each field.
    Members,
    /// As the value of its one field, `value`: the wrappers of `google/protobuf/wrappers.proto`.
    Wrapped,
    /// As a string: `Timestamp`, `Duration`, `FieldMask`.
    Text,
    /// As something that is not looked into: `Any`, `Struct`, `Value`, `ListValue`.
    Opaque,
}

/// A field of a message type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::protocol) struct Field {
    pub number: u32,
    pub name: Cow<'static, str>,
    pub json_name: Cow<'static, str>,
    pub kind: Kind,
    pub label: Label,
    /// What may be there once: the same for all members of a `oneof`, otherwise the field's number.
    pub slot: u32,
}

/// How often a field may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Label {
    Singular,
    Repeated,
    /// Repeated, and its messages are a key (1) and a value (2).
    Map,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Kind {
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
    Enum,
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
    pub(in crate::protocol) fn is_integer(self) -> bool {
        self.is_packable() && !matches!(self, Self::Bool | Self::Float | Self::Double | Self::Enum)
    }
}

/// Levels of nesting that a decoder of Protocol Buffers reads, whatever the budget says: they go down level by level, as this one.
const DEPTH: usize = 100;

impl<'s> Schema<'s> {
    pub(in crate::protocol) fn get(self, index: usize) -> Result<&'s MessageType, ProtocolError> {
        self.types.get(index).ok_or_else(|| malformed("a message of a type that is not known"))
    }

    pub(super) fn levels(depth: usize) -> usize {
        depth.min(DEPTH)
    }
}

impl MessageType {
    pub(in crate::protocol) fn field(&self, number: u32) -> Option<&Field> {
        self.fields.binary_search_by_key(&number, |field| field.number).ok().and_then(|at| self.fields.get(at))
    }
}

/// Oneofs are numbered behind the largest number that a field can have (2^29 - 1).
const ONEOFS: u32 = 1 << 29;

impl Field {
    /// The slot of a member of the message's oneof with that index.
    pub(in crate::protocol) const fn slot_of_oneof(index: u32) -> u32 {
        ONEOFS.saturating_add(index)
    }
}
