//! The contract of an event type: whether an event's data keeps the schema that it must. Knows nothing of where schemas come from.

use super::{Violation, shorten};
use crate::json::Document;
use crate::protocol::Event;
use crate::schema::Contract;

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

    /// Whether the data keeps its schema. `depth` is how deep JSON may be.
    pub(super) fn check(&self, event: &Event<'_>, depth: usize) -> Result<(), Violation> {
        let version = self.of(event)?;
        let document = Document::parse(event.data.bytes(), depth).map_err(|_| Violation::NotJson)?;
        Ok(version.contract.check(document.root())?)
    }
}
