//! What the data of an event type must keep, and what must be true of its events: schemas and conditions.

use serde_json::Value;

use super::{Place, Problem, Problems, one_or_each, optional, raw, text, texts};
use crate::call::cut;
use crate::cel::Condition;
use crate::json::{Owned, Pointer};
use crate::rules::condition::environment;
use crate::rules::contract::{Deprecated, Version, Versions};
use crate::schema::{Compiler, Contract, DocumentId, Limits, Schemas, UnknownFields};
use crate::time::Timestamp;

/// The schemas that a policy names, as documents that others may refer to.
#[derive(Default)]
pub(super) struct Documents {
    documents: Vec<(String, Owned)>,
    compiled: Option<Compiled>,
}

/// Schemas that were compiled together, and which document is which.
struct Compiled {
    schemas: Schemas,
    ids: Vec<DocumentId>,
}

impl Documents {
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
        let documents = members.into_iter().filter_map(|(name, schema)| {
            let place = place.key(&name);
            Some((name, document(&schema, &place, problems)?))
        });
        let mut documents = Self { documents: documents.collect(), compiled: None };
        documents.compiled = documents.compile(None, place, problems);
        documents
    }

    /// The contract of a name, and the schema's `$id`.
    fn named(&self, name: &str, unknown: UnknownFields) -> Option<(Contract, Option<String>)> {
        let (at, (_, document)) = self.documents.iter().enumerate().find(|(_, (known, _))| known == name)?;
        let Compiled { schemas, ids } = self.compiled.as_ref()?;
        Some((schemas.contract(*ids.get(at)?, unknown)?, id_of(document)))
    }

    /// Compiles all documents, and one more without a name, whose place this is.
    fn compile(&self, other: Option<&Owned>, place: &Place, problems: &mut Problems) -> Option<Compiled> {
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

fn id_of(document: &Owned) -> Option<String> {
    document.root().get("$id").and_then(|id| id.as_str()).map(Into::into)
}

fn document(schema: &Value, place: &Place, problems: &mut Problems) -> Option<Owned> {
    match schema {
        Value::Object(_) | Value::Bool(_) => {
            problems.ok(place, Owned::parse(schema.to_string().into_bytes(), Limits::DEFAULT.depth))
        }
        other @ (Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            problems.wrong(place, Problem::Type { found: super::describe(other), expected: "a JSON Schema".to_owned() })
        }
    }
}

/// One schema, or a list of versions.
pub(super) fn versions(raw: Value, documents: &Documents, place: &Place, problems: &mut Problems) -> Option<Versions> {
    let versions = one_or_each(raw, place, problems, |raw, place, problems| version(raw, documents, place, problems));
    check_names(&versions, place, problems);
    Some(Versions::new(versions.into_iter().map(|(_, version)| version).collect()))
}

/// Events of several versions are told apart by name.
fn check_names(versions: &[(Option<usize>, Version)], place: &Place, problems: &mut Problems) {
    for (at, (index, version)) in versions.iter().enumerate() {
        let place = index.map_or_else(|| place.clone(), |index| place.index(index));
        match &version.data_schema {
            None if versions.len() > 1 => {
                problems.add(&place, Problem::Contradiction("of several versions each has a `dataschema`, or an `$id`"));
            }
            Some(name) if versions.iter().take(at).any(|(_, former)| former.data_schema.as_ref() == Some(name)) => {
                problems.add(&place, Problem::Value(format!("a version is named `{}` already", cut(name, 64))));
            }
            Some(_) | None => {}
        }
    }
}

fn version(raw: raw::DataSchema, documents: &Documents, place: &Place, problems: &mut Problems) -> Option<Version> {
    let raw::DataSchema { json, unknown_fields, dataschema, forbidden, deprecated } = raw;
    let data_schema = text(dataschema, &place.key("dataschema"), problems);
    let unknown = match unknown_fields {
        None | Some(raw::FieldsUnknown::Allow) => UnknownFields::Allow,
        Some(raw::FieldsUnknown::Refuse) => UnknownFields::Refuse,
    };
    let forbidden = pointers(forbidden, &place.key("forbidden"), problems);
    let deprecated = deprecated.map(|raw| end(raw, &place.key("deprecated"), problems));
    let json = problems.required(place, "json", json)?;
    let place = place.key("json");
    let (contract, id) = match &json {
        Value::String(name) if documents.documents.iter().any(|(known, _)| known == name) => documents.named(name, unknown)?,
        Value::String(name) => {
            return problems.wrong(&place, Problem::NoSuch { what: "schema", name: cut(name, 64).to_owned() });
        }
        inline @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            let document = document(inline, &place, problems)?;
            let Compiled { schemas, ids } = documents.compile(Some(&document), &place, problems)?;
            (schemas.contract(*ids.last()?, unknown)?, id_of(&document))
        }
    };
    Some(Version { contract, data_schema: data_schema.or(id), forbidden: forbidden?, deprecated: optional(deprecated)? })
}

fn pointers(raw: Option<Vec<String>>, place: &Place, problems: &mut Problems) -> Option<Vec<Pointer>> {
    let texts = texts(raw, place, problems).unwrap_or_default();
    let pointer = |(index, text): (usize, &String)| problems.ok(&place.index(index), Pointer::parse(text));
    texts.iter().enumerate().map(pointer).collect::<Vec<_>>().into_iter().collect()
}

fn end(raw: raw::Deprecated, place: &Place, problems: &mut Problems) -> Option<Deprecated> {
    let raw::Deprecated { after, refuse_after } = raw;
    let after = problems.required(place, "after", after);
    let after = after.and_then(|text| problems.ok(&place.key("after"), Timestamp::parse(&text)));
    let refuse_after = refuse_after.map(|text| problems.ok(&place.key("refuseAfter"), Timestamp::parse(&text)));
    let (after, refuse_after) = (after?, optional(refuse_after)?);
    if refuse_after.is_some_and(|refused| refused < after) {
        return problems.wrong(place, Problem::Contradiction("it would be refused before it is old"));
    }
    Some(Deprecated { after, refuse_after })
}

/// Conditions that may be true or false.
pub(super) fn conditions(raw: Option<Vec<String>>, place: &Place, problems: &mut Problems) -> Option<Vec<Condition>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    if raw.is_empty() {
        problems.add(place, Problem::Empty);
    }
    let environment = environment();
    let mut compiled = Vec::with_capacity(raw.len());
    for (index, text) in raw.iter().enumerate() {
        let place = place.index(index);
        let condition = problems.ok(&place, Condition::compile(text, &environment));
        if let Some(value) = condition.as_ref().and_then(Condition::constant) {
            problems.add(&place, Problem::Value(format!("this is always {value}")));
        }
        compiled.push(condition);
    }
    compiled.into_iter().collect()
}
