//! Why a message was not read, and where in it.

use super::Field;

/// Why a message was not read. Names places and types, and no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct MessageError {
    /// Where in the message: the names of its fields, as a JSON Pointer; empty for the message itself.
    pub place: String,
    /// What is wrong.
    pub problem: String,
}

impl MessageError {
    /// The same, of a message inside of another one. `item` counts the messages of a repeated field.
    pub(super) fn inside(mut self, field: &str, item: Option<usize>) -> Self {
        let item = item.map(|item| format!("/{item}")).unwrap_or_default();
        self.place = format!("/{field}{item}{}", self.place);
        self
    }
}

pub(super) fn malformed(problem: impl Into<String>) -> MessageError {
    MessageError { place: String::new(), problem: problem.into() }
}

pub(super) fn wrong_type(field: &Field) -> MessageError {
    malformed(format!("the field `{}` is not of its type", field.name))
}
