//! A JSON Schema (2020-12 or draft-07) into a contract, and data into nothing or where it breaks the contract. Nothing is ever
//! fetched: what a `$ref` names is among the documents, or the schema is refused. Trusts nobody: depth, size and work are bounded for
//! the data and for the schemas. `format` and what says nothing about the data are annotations.

mod check;
mod compile;
mod decimal;
mod equal;
mod model;
mod pattern;
mod place;
mod scan;
#[cfg(test)]
mod tests;
mod uri;

use std::sync::Arc;

pub use pattern::PatternError;

use crate::json::Value;
use model::Arena;

/// What schemas and checks may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nesting: of a schema, and of a check (a value in a value and a `$ref` are one level each).
    pub depth: usize,
    /// Schemas, with those inside of others.
    pub schemas: usize,
    /// Steps of one check: a keyword, a member, an item, eight bytes of a text, or one step of a pattern at one character.
    pub steps: usize,
}

impl Limits {
    /// What holds where nothing else is said: 128 levels, 10,000 schemas, four million steps.
    pub const DEFAULT: Self = Self { depth: 128, schemas: 10_000, steps: 4_000_000 };
}

/// The version of JSON Schema that a document is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Draft {
    Draft7,
    Draft2020,
}

impl Draft {
    /// The draft that a `$schema` names.
    fn of(uri: &str) -> Option<Self> {
        match uri.strip_suffix('#').unwrap_or(uri) {
            "https://json-schema.org/draft/2020-12/schema" => Some(Self::Draft2020),
            "http://json-schema.org/draft-07/schema" => Some(Self::Draft7),
            _ => None,
        }
    }
}

/// What happens to a member of an object that no keyword evaluates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownFields {
    /// What the schema says; where it says nothing, they are allowed.
    Allow,
    /// They are refused in every object that `properties` describes, unless `patternProperties`, `additionalProperties` or
    /// `unevaluatedProperties` take them in: as if `unevaluatedProperties: false` stood at every place of the data, for all the
    /// schemas together that apply there and hold, whichever way they were reached (`allOf`, `$ref`). It only adds refusals: inside
    /// of `not`, `if` and `oneOf`, what holds is what holds without it.
    Refuse,
}

/// Documents that are compiled together, so that they can refer to each other.
#[derive(Debug)]
pub struct Compiler<'s> {
    limits: Limits,
    documents: Vec<(Box<str>, Value<'s, 's>)>,
}

/// A document among those that are compiled together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentId(usize);

/// Documents that were compiled.
#[derive(Debug, Clone)]
pub struct Schemas {
    arena: Arc<Arena>,
    limits: Limits,
    roots: Arc<[model::Id]>,
}

/// What data is held against.
#[derive(Debug, Clone)]
pub struct Contract {
    arena: Arc<Arena>,
    limits: Limits,
    root: model::Id,
    unknown: UnknownFields,
}

/// What is wrong with a schema, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pointer}`: {problem}")]
pub struct SchemaError {
    /// Which document, in the order in which they were added.
    document: usize,
    /// Where in the document: a JSON Pointer.
    pub pointer: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A keyword has a value of the wrong type.
    #[error("not {0}")]
    Type(&'static str),
    /// `$schema` names something else than the two drafts.
    #[error("`$schema` is neither that of 2020-12 nor that of draft-07")]
    UnknownDraft,
    /// A reference leads to nothing that is there.
    #[error("`{reference}` leads to no schema among the documents; nothing is fetched")]
    UnknownReference {
        /// The reference.
        reference: String,
    },
    /// A name, an `$id` or an anchor is there twice.
    #[error("the name is there twice")]
    Twice,
    /// The schema is applied to a value because it is applied to that value.
    #[error("a reference that leads back to itself without going into the data")]
    Endless,
    /// A pattern that is not taken.
    #[error("{0}")]
    Pattern(#[from] PatternError),
    /// Nested too deep.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The bound.
        limit: usize,
    },
    /// Too many schemas.
    #[error("more than {limit} schemas")]
    TooMany {
        /// The bound.
        limit: usize,
    },
}

/// Why data was not taken. Names places, and no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A keyword is broken.
    #[error("`{instance}` breaks `{schema}#{keyword}`")]
    Keyword {
        /// The place in the data: a JSON Pointer, cut to 256 bytes.
        instance: String,
        /// The name of the schema's document; empty for one without a name.
        schema: String,
        /// The place of the keyword in the document: a JSON Pointer.
        keyword: String,
    },
    /// A field that no schema knows, where those are refused.
    #[error("`{instance}` is a field that `{schema}#{keyword}` does not know")]
    UnknownField {
        /// The place in the data: a JSON Pointer, cut to 256 bytes.
        instance: String,
        /// The name of the schema's document; empty for one without a name.
        schema: String,
        /// The place of the `properties` that describe the object.
        keyword: String,
    },
    /// The check takes more steps than it may.
    #[error("checking the data takes more than {limit} steps")]
    TooDear {
        /// The bound.
        limit: usize,
    },
    /// Data and references are nested too deep.
    #[error("checking the data goes deeper than {limit} levels")]
    TooDeep {
        /// The bound.
        limit: usize,
    },
}

impl<'s> Compiler<'s> {
    /// With nothing in it.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, documents: Vec::new() }
    }

    /// Takes in a document. Others refer to it by its name, which is a URI reference, or by its `$id`; without a name (the empty
    /// text) nobody does, but for its `$id`.
    pub fn add(&mut self, name: &str, schema: Value<'s, 's>) -> DocumentId {
        self.documents.push((name.into(), schema));
        DocumentId(self.documents.len() - 1)
    }

    /// Compiles them.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them.
    pub fn compile(self) -> Result<Schemas, Vec<SchemaError>> {
        let mut scan = scan::Scan::default();
        let mut roots = Vec::new();
        for (document, (name, value)) in self.documents.iter().enumerate() {
            roots.push(scan.found.len());
            scan.document(document, name, *value, self.limits);
        }
        let names = self.documents.into_iter().map(|(name, _)| name).collect();
        let arena = compile::compile(scan, names, self.limits)?;
        Ok(Schemas { arena: Arc::new(arena), limits: self.limits, roots: roots.into() })
    }
}

impl SchemaError {
    /// Which document is wrong.
    #[must_use]
    pub const fn document(&self) -> DocumentId {
        DocumentId(self.document)
    }
}

impl Schemas {
    /// The contract that a document is; `None` for one of other schemas.
    #[must_use]
    pub fn contract(&self, document: DocumentId, unknown: UnknownFields) -> Option<Contract> {
        let root = *self.roots.get(document.0)?;
        Some(Contract { arena: Arc::clone(&self.arena), limits: self.limits, root, unknown })
    }
}

impl Contract {
    /// Whether data keeps the contract.
    ///
    /// # Errors
    ///
    /// [`Broken`]: the first place where it does not, or that it cannot be told within the limits.
    pub fn check(&self, data: Value<'_, '_>) -> Result<(), Broken> {
        check::check(&self.arena, self.limits, self.root, self.unknown, data)
    }
}
