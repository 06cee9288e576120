//! Why a message was not read, and where in it.

use super::Field;

/// Why a message was not read. Names places and types, and no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct MessageError {
    /// Where in the message: the names of its fields, as a JSON Pointer; empty for the message itself.
    pub place: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is not of its form.
    #[error("{0}")]
    Malformed(String),
    /// The list of its events is too long.
    #[error("more than {limit} events")]
    TooMany {
        /// The bound.
        limit: usize,
    },
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
    MessageError { place: String::new(), problem: Problem::Malformed(problem.into()) }
}

pub(super) fn too_many(limit: usize) -> MessageError {
    MessageError { place: String::new(), problem: Problem::TooMany { limit } }
}

pub(super) fn wrong_type(field: &Field) -> MessageError {
    malformed(format!("the field `{}` is not of its type", field.name))
}
