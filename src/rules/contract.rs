//! The contract of an event type: which version of it an event is of, and whether its data keeps that one. Knows nothing of where
//! schemas come from.

mod form;
#[cfg(test)]
mod tests;

use super::encrypted::Encrypted;
use super::publisher::Claim;
use super::{JsonData, Violation, shorten};
use crate::json::Pointer;
use crate::protocol::{Declared, Event};
use crate::time::Timestamp;

pub use form::{AvroForm, Form, Framing, MessageForm};

/// The schemas that the data of an event type may keep, one or more.
#[derive(Debug, Clone)]
pub struct Versions {
    versions: Vec<Version>,
    /// Whether some version has a `dataschema`, so that what an event's says counts.
    named: bool,
}

/// One version of a contract.
#[derive(Debug, Clone)]
pub struct Version {
    /// What the data is held against.
    pub form: Form,
    /// What tells that an event is of this version.
    pub names: Names,
    /// What the data must not have, such as what is only meant to be there encrypted.
    pub forbidden: Vec<Pointer>,
    /// What the data must have encrypted, where it has it.
    pub encrypted: Option<Encrypted>,
    /// From when on it is old, and from when on it is refused.
    pub deprecated: Option<Deprecated>,
}

/// What tells that an event is of a version: whatever the event says must be so, and where there are several versions it must say
/// something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// What the event's `dataschema` names it by; `None` where that says nothing.
    pub data_schema: Option<String>,
    /// What its schema's id in a registry is, one of these.
    pub ids: Vec<u32>,
    /// What its fields say, all of them.
    pub when: Vec<Claim>,
}

/// The end of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deprecated {
    /// From when on records tell that it is old.
    pub after: Timestamp,
    /// From when on it is refused; `None` for never.
    pub refuse_after: Option<Timestamp>,
}

/// What an event says of its being of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    This,
    Another,
}

impl Said {
    fn of(is_this: bool) -> Self {
        if is_this { Self::This } else { Self::Another }
    }

    /// What both say together.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Another, _) | (_, Self::Another) => Self::Another,
            (Self::This, _) | (_, Self::This) => Self::This,
            (Self::Nothing, Self::Nothing) => Self::Nothing,
        }
    }
}

impl Versions {
    /// Of versions that can be told apart; one alone need not have a name.
    #[must_use]
    pub fn new(versions: Vec<Version>) -> Self {
        let named = versions.iter().any(|version| version.names.data_schema.is_some());
        Self { versions, named }
    }

    /// The version that an event is of: the first that it names, or the only one.
    fn of(&self, event: &Event<'_>, data: &JsonData<'_>) -> Result<&Version, Violation> {
        let fits = |version: &&Version| match version.said(event, data, self.named) {
            Said::This => true,
            Said::Nothing => self.versions.len() == 1,
            Said::Another => false,
        };
        self.versions.iter().find(fits).ok_or_else(|| Violation::DataSchema { found: named_by(event).map(shorten) })
    }

    /// Whether the event is of a version that is old.
    #[must_use]
    pub fn is_deprecated(&self, event: &Event<'_>, data: &JsonData<'_>, now: Timestamp) -> bool {
        let is_old = |version: &Version| version.deprecated.is_some_and(|deprecated| now >= deprecated.after);
        self.versions.iter().any(is_old) && self.of(event, data).is_ok_and(is_old)
    }

    /// Whether the data keeps its schema.
    pub(super) fn check(&self, event: &Event<'_>, data: &JsonData<'_>, now: Timestamp) -> Result<(), Violation> {
        let version = self.of(event, data)?;
        if let Some(since) = version.deprecated.and_then(|deprecated| deprecated.refuse_after).filter(|since| now >= *since) {
            return Err(Violation::Deprecated { since });
        }
        version.form.check(event, data)?;
        version.check_fields(data)
    }
}

impl Version {
    /// What the event says of its being of this version.
    fn said(&self, event: &Event<'_>, data: &JsonData<'_>, named: bool) -> Said {
        let by_attribute = match (&event.data_schema, &self.names.data_schema) {
            (Some(found), Some(name)) => Said::of(found == name),
            (Some(_), None) if named => Said::Another,
            (Some(_) | None, _) => Said::Nothing,
        };
        by_attribute.and(self.declared(event)).and(self.fields_say(data))
    }

    fn declared(&self, event: &Event<'_>) -> Said {
        let framed = if let Form::Avro(avro) = &self.form { avro.id(event) } else { None };
        let by_frame = framed.map_or(Said::Nothing, |id| Said::of(self.names.ids.contains(&id)));
        by_frame.and(match (&event.declared, &self.form) {
            (Declared::Nothing, _) => Said::Nothing,
            (Declared::Message(url), Form::Protobuf(message)) => Said::of(message.is_named_by(url)),
            (Declared::Message(_), Form::Json(_) | Form::Avro(_)) => Said::Another,
        })
    }

    fn fields_say(&self, data: &JsonData<'_>) -> Said {
        if self.names.when.is_empty() {
            return Said::Nothing;
        }
        let holds = |claim: &Claim| data.document().is_some_and(|document| claim.holds(document.root()));
        Said::of(self.names.when.iter().all(holds))
    }

    fn check_fields(&self, data: &JsonData<'_>) -> Result<(), Violation> {
        if self.forbidden.is_empty() && self.encrypted.is_none() {
            return Ok(());
        }
        let root = data.document().ok_or(Violation::NotJson)?.root();
        if let Some(pointer) = self.forbidden.iter().find(|pointer| root.at(pointer).is_some()) {
            return Err(Violation::Forbidden { instance: pointer.to_string() });
        }
        self.encrypted.as_ref().map_or(Ok(()), |encrypted| encrypted.check(root))
    }
}

/// What an event says of its schema, for its record.
fn named_by<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    match &event.declared {
        Declared::Message(url) => Some(url),
        Declared::Nothing => event.data_schema.as_deref(),
    }
}
