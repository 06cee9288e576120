//! How data is written, and whether it is written as its schema has it.

use std::sync::Arc;

use crate::protobuf::{Any, Descriptors, UnknownFields};
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
                Coding::Protobuf => Err(Violation::NotJson),
            },
            Self::Protobuf(message) => message.check(event, data),
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
                schema.decode_json(self.message, root, any, data.depth)
            }
            // A message whose fields have all their defaults is written as nothing.
            (Coding::Protobuf, _) | (Coding::Unsaid, Data::Json(_) | Data::Text(_) | Data::Binary(_)) => {
                schema.decode(self.message, data.bytes, data.depth)
            }
            (Coding::Unsaid, Data::Absent) | (Coding::Other, _) => return Err(Violation::Coding { expected: "Protobuf" }),
        };
        Ok(read.map(|_| ())?)
    }
}
