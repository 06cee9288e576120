//! The schemas that a policy names, as entries that rules refer to: JSON Schemas, which refer to each other too, descriptors of
//! Protocol Buffers and Avro schemas.

use std::sync::Arc;

use serde_json::Value;

use super::protocol::read_descriptors;
use super::{Place, Problem, Problems};
use crate::avro;
use crate::json::Owned;
use crate::protobuf::Descriptors;
use crate::schema::{Compiler, Contract, DocumentId, Limits, Schemas, UnknownFields};

/// The schemas that a policy names.
#[derive(Default)]
pub(super) struct Named {
    /// JSON Schemas, as documents that others may refer to.
    documents: Vec<(String, Owned)>,
    compiled: Option<Compiled>,
    /// `None` for what is wrong, and was told.
    descriptors: Vec<(String, Option<Arc<Descriptors>>)>,
    /// Likewise.
    avro: Vec<(String, Option<Arc<avro::Schema>>)>,
}

/// What an entry is.
enum Entry<'v> {
    Json,
    Protobuf(&'v Value),
    Avro(&'v Value),
}

impl<'v> Entry<'v> {
    /// An entry with this one key, which is none of JSON Schema, is something else than a JSON Schema.
    fn of(value: &'v Value) -> Self {
        let Some(members) = value.as_object().filter(|members| members.len() == 1) else { return Self::Json };
        match (members.get("protobuf"), members.get("avro")) {
            (Some(set), _) => Self::Protobuf(set),
            (_, Some(schema)) => Self::Avro(schema),
            (None, None) => Self::Json,
        }
    }
}

/// Schemas that were compiled together, and which document is which.
pub(super) struct Compiled {
    pub schemas: Schemas,
    pub ids: Vec<DocumentId>,
}

impl Named {
    pub(super) fn read(raw: Option<Value>, place: &Place, problems: &mut Problems) -> Self {
        let members = match raw {
            None => return Self::default(),
            Some(Value::Object(members)) => members,
            Some(other) => {
                problems.add(place, Problem::Type { found: super::describe(&other), expected: "a map".to_owned() });
                return Self::default();
            }
        };
        if members.is_empty() {
            problems.add(place, Problem::Empty);
        }
        let mut named = Self::default();
        for (name, schema) in members {
            let place = place.key(&name);
            match Entry::of(&schema) {
                Entry::Json => named.documents.extend(document(&schema, &place, problems).map(|document| (name, document))),
                Entry::Protobuf(set) => {
                    let set = descriptor_set(set, &place.key("protobuf"), problems);
                    named.descriptors.push((name, set.map(Arc::new)));
                }
                Entry::Avro(schema) => {
                    let schema = avro_schema(schema, &place.key("avro"), problems);
                    named.avro.push((name, schema.map(Arc::new)));
                }
            }
        }
        named.compiled = named.compile(None, place, problems);
        named
    }

    /// Whether a JSON Schema has that name.
    pub(super) fn has_document(&self, name: &str) -> bool {
        self.documents.iter().any(|(known, _)| known == name)
    }

    /// The descriptors of a name; `None` inside for such as are wrong.
    pub(super) fn descriptors(&self, name: &str) -> Option<Option<Arc<Descriptors>>> {
        self.descriptors.iter().find(|(known, _)| known == name).map(|(_, descriptors)| descriptors.clone())
    }

    /// The Avro schema of a name; `None` inside for one that is wrong.
    pub(super) fn avro(&self, name: &str) -> Option<Option<Arc<avro::Schema>>> {
        self.avro.iter().find(|(known, _)| known == name).map(|(_, schema)| schema.clone())
    }

    /// The contract of a name, and the schema's `$id`.
    pub(super) fn contract(&self, name: &str, unknown: UnknownFields) -> Option<(Contract, Option<String>)> {
        let (at, (_, document)) = self.documents.iter().enumerate().find(|(_, (known, _))| known == name)?;
        let Compiled { schemas, ids } = self.compiled.as_ref()?;
        Some((schemas.contract(*ids.get(at)?, unknown)?, id_of(document)))
    }

    /// Compiles all documents, and one more without a name, whose place this is.
    pub(super) fn compile(&self, other: Option<&Owned>, place: &Place, problems: &mut Problems) -> Option<Compiled> {
        let mut compiler = Compiler::new(Limits::DEFAULT);
        let mut ids: Vec<DocumentId> =
            self.documents.iter().map(|(name, document)| compiler.add(name, document.root())).collect();
        ids.extend(other.map(|document| compiler.add("", document.root())));
        match compiler.compile() {
            Ok(schemas) => Some(Compiled { schemas, ids }),
            Err(errors) => {
                for error in errors {
                    let at = ids.iter().position(|id| *id == error.document()).and_then(|index| self.documents.get(index));
                    // What is wrong with a named schema is told once, at its own place.
                    match (at, other) {
                        (Some((name, _)), None) => problems.add(&place.key(name), Problem::Value(error.to_string())),
                        (None, _) => problems.add(place, Problem::Value(error.to_string())),
                        (Some(_), Some(_)) => {}
                    }
                }
                None
            }
        }
    }
}

pub(super) fn id_of(document: &Owned) -> Option<String> {
    document.root().get("$id").and_then(|id| id.as_str()).map(Into::into)
}

pub(super) fn document(schema: &Value, place: &Place, problems: &mut Problems) -> Option<Owned> {
    match schema {
        Value::Object(_) | Value::Bool(_) => {
            problems.ok(place, Owned::parse(schema.to_string().into_bytes(), Limits::DEFAULT.depth))
        }
        other @ (Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            problems.wrong(place, Problem::Type { found: super::describe(other), expected: "a JSON Schema".to_owned() })
        }
    }
}

fn descriptor_set(value: &Value, place: &Place, problems: &mut Problems) -> Option<Descriptors> {
    match value {
        Value::String(text) => read_descriptors(text, place, problems),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            problems.wrong(place, Problem::Type { found: super::describe(other), expected: "a text".to_owned() })
        }
    }
}

pub(super) fn avro_schema(value: &Value, place: &Place, problems: &mut Problems) -> Option<avro::Schema> {
    let document = problems.ok(place, Owned::parse(value.to_string().into_bytes(), Limits::DEFAULT.depth))?;
    problems.ok(place, avro::Schema::compile(document.root()))
}
