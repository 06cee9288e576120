//! The contract of an event type: whether an event's data keeps the schema that it must. Knows nothing of where schemas come from.

use super::{JsonData, Violation, shorten};
use crate::json::Pointer;
use crate::protocol::Event;
use crate::schema::Contract;
use crate::time::Timestamp;

/// The schemas that the data of an event type may keep, one or more.
#[derive(Debug, Clone)]
pub struct Versions(Vec<Version>);

/// One version of a contract.
#[derive(Debug, Clone)]
pub struct Version {
    /// What the data is held against.
    pub contract: Contract,
    /// What the event's `dataschema` names it by; `None` where that says nothing.
    pub data_schema: Option<String>,
    /// What the data must not have, such as what is only meant to be there encrypted.
    pub forbidden: Vec<Pointer>,
    /// From when on it is old, and from when on it is refused.
    pub deprecated: Option<Deprecated>,
}

/// The end of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deprecated {
    /// From when on records tell that it is old.
    pub after: Timestamp,
    /// From when on it is refused; `None` for never.
    pub refuse_after: Option<Timestamp>,
}

impl Versions {
    /// Of versions with different names; one alone need not have a name.
    #[must_use]
    pub const fn new(versions: Vec<Version>) -> Self {
        Self(versions)
    }

    /// The version that an event is of: the one that its `dataschema` names, or the only one.
    fn of(&self, event: &Event<'_>) -> Result<&Version, Violation> {
        match (self.0.as_slice(), event.data_schema.as_deref()) {
            ([only], None) => Ok(only),
            ([only], Some(_)) if only.data_schema.is_none() => Ok(only),
            (versions, Some(named)) => {
                let version = versions.iter().find(|version| version.data_schema.as_deref() == Some(named));
                version.ok_or_else(|| Violation::DataSchema { found: Some(shorten(named)) })
            }
            (_, None) => Err(Violation::DataSchema { found: None }),
        }
    }

    /// Whether the event is of a version that is old.
    #[must_use]
    pub fn is_deprecated(&self, event: &Event<'_>, now: Timestamp) -> bool {
        self.of(event).is_ok_and(|version| version.deprecated.is_some_and(|deprecated| now >= deprecated.after))
    }

    /// Whether the data keeps its schema.
    pub(super) fn check(&self, event: &Event<'_>, data: &JsonData<'_>, now: Timestamp) -> Result<(), Violation> {
        let version = self.of(event)?;
        if let Some(since) = version.deprecated.and_then(|deprecated| deprecated.refuse_after).filter(|since| now >= *since) {
            return Err(Violation::Deprecated { since });
        }
        let document = data.document().ok_or(Violation::NotJson)?;
        version.contract.check(document.root())?;
        match version.forbidden.iter().find(|pointer| document.root().at(pointer).is_some()) {
            Some(pointer) => Err(Violation::Forbidden { instance: pointer.to_string() }),
            None => Ok(()),
        }
    }
}
