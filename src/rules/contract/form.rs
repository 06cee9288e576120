//! How data is written, and whether it is written as its schema has it.

use std::sync::Arc;

use crate::avro;
use crate::protobuf::{Any, Descriptors, Limits, UnknownFields};
use crate::protocol::{Coding, Data, Declared, Event};
use crate::rules::{JsonData, Violation};
use crate::schema::Contract;

/// What data is held against.
#[derive(Debug, Clone)]
pub enum Form {
    /// A JSON Schema.
    Json(Contract),
    /// A message type of Protocol Buffers.
    Protobuf(MessageForm),
    /// An Avro schema.
    Avro(AvroForm),
}

/// An Avro schema, and what stands before data in the binary encoding.
#[derive(Debug, Clone)]
pub struct AvroForm {
    /// The schema.
    pub schema: Arc<avro::Schema>,
    /// What stands before the data.
    pub framing: Framing,
}

/// What stands before data in Avro's binary encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Nothing.
    Bare,
    /// `C3 01` and the fingerprint of the schema ("Single-object encoding").
    SingleObject,
    /// `00` and the schema's id in a registry, four bytes (the wire format of Confluent's serializers).
    Confluent,
}

/// A message type, and what becomes of fields that it does not have.
#[derive(Debug, Clone)]
pub struct MessageForm {
    /// Where it is described.
    pub descriptors: Arc<Descriptors>,
    /// Which message of these it is.
    pub message: usize,
    /// What becomes of fields that it does not have.
    pub unknown: UnknownFields,
}

impl Form {
    pub(super) fn check(&self, event: &Event<'_>, data: &JsonData<'_>) -> Result<(), Violation> {
        match self {
            Self::Json(contract) => match event.coding() {
                Coding::Json | Coding::Unsaid | Coding::Other => {
                    Ok(contract.check(data.document().ok_or(Violation::NotJson)?.root())?)
                }
                Coding::Protobuf | Coding::Avro => Err(Violation::NotJson),
            },
            Self::Protobuf(message) => message.check(event, data),
            Self::Avro(avro) => avro.check(event, data),
        }
    }
}

impl MessageForm {
    /// The type's name is what is behind the last slash of a type URL.
    pub(super) fn is_named_by(&self, url: &str) -> bool {
        url.rsplit('/').next() == Some(self.descriptors.name(self.message))
    }

    fn check(&self, event: &Event<'_>, data: &JsonData<'_>) -> Result<(), Violation> {
        let schema = self.descriptors.schema(self.unknown);
        let read = match (event.coding(), &event.data) {
            (Coding::Json, _) => {
                let root = data.document().ok_or(Violation::NotJson)?.root();
                let any = if let Declared::Message(_) = event.declared { Any::Yes } else { Any::No };
                schema.decode_json(self.message, root, any, Limits::depth(data.depth))
            }
            // A message whose fields have all their defaults is written as nothing.
            (Coding::Protobuf, _) | (Coding::Unsaid, Data::Json(_) | Data::Text(_) | Data::Binary(_)) => {
                schema.decode(self.message, data.bytes, Limits::depth(data.depth))
            }
            (Coding::Unsaid, Data::Absent) | (Coding::Avro | Coding::Other, _) => {
                return Err(Violation::Coding { expected: "Protobuf" });
            }
        };
        Ok(read.map(|_| ())?)
    }
}

impl AvroForm {
    /// The id of the schema in a registry that stands before the data.
    pub(super) fn id(&self, event: &Event<'_>) -> Option<u32> {
        let framed = self.framing == Framing::Confluent && event.coding() != Coding::Json;
        let (id, _) = event.data.bytes().strip_prefix(&[0]).filter(|_| framed)?.split_first_chunk()?;
        Some(u32::from_be_bytes(*id))
    }

    fn check(&self, event: &Event<'_>, data: &JsonData<'_>) -> Result<(), Violation> {
        match event.coding() {
            Coding::Json => Ok(self.schema.check_json(data.document().ok_or(Violation::NotJson)?.root(), data.depth)?),
            Coding::Avro | Coding::Unsaid => Ok(self.schema.check_binary(self.unframed(data.bytes)?, data.depth)?),
            Coding::Protobuf | Coding::Other => Err(Violation::Coding { expected: "Avro" }),
        }
    }

    /// What is behind the framing.
    fn unframed<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], Violation> {
        let [a, b, c, d, e, f, g, h] = self.schema.fingerprint().to_le_bytes();
        let unframed = match self.framing {
            Framing::Bare => Some(bytes),
            Framing::SingleObject => bytes.strip_prefix(&[0xc3, 1, a, b, c, d, e, f, g, h]),
            Framing::Confluent => bytes.strip_prefix(&[0]).and_then(|rest| rest.get(4..)),
        };
        unframed.ok_or(Violation::Coding { expected: "framed Avro of this schema" })
    }
}
