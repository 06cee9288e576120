//! What the data of an event type must keep, and what must be true of its events: schemas and conditions.

use std::sync::Arc;

use serde_json::Value;

use super::protocol::read_descriptors;
use super::schemas::{Compiled, Named, avro_schema, document, id_of};
use super::{Place, Problem, Problems, one_or_each, optional, raw, rule, text, texts};
use crate::call::cut;
use crate::cel::Condition;
use crate::json::Pointer;
use crate::protobuf;
use crate::rules::condition::environment;
use crate::rules::contract::{AvroForm, Deprecated, Form, Framing, MessageForm, Names, Version, Versions};
use crate::rules::encrypted::{ALGORITHMS, ENCRYPTIONS, Encrypted};
use crate::schema::UnknownFields;
use crate::time::Timestamp;

/// One schema, or a list of versions.
pub(super) fn versions(raw: Value, named: &Named, place: &Place, problems: &mut Problems) -> Option<Versions> {
    let versions = one_or_each(raw, place, problems, |raw, place, problems| version(raw, named, place, problems));
    check_names(&versions, place, problems);
    Some(Versions::new(versions.into_iter().map(|(_, version)| version).collect()))
}

/// Events of several versions are told apart.
fn check_names(versions: &[(Option<usize>, Version)], place: &Place, problems: &mut Problems) {
    for (at, (index, version)) in versions.iter().enumerate() {
        let place = index.map_or_else(|| place.clone(), |index| place.index(index));
        let Names { data_schema, ids, when } = &version.names;
        if data_schema.is_none() && ids.is_empty() && when.is_empty() && versions.len() > 1 {
            problems
                .add(&place, Problem::Contradiction("of several versions each has a `dataschema`, an `$id`, `ids`, or a `when`"));
        }
        if versions.iter().take(at).any(|(_, former)| former.names == version.names) {
            let problem = match data_schema {
                Some(name) if ids.is_empty() && when.is_empty() => format!("a version is named `{}` already", cut(name, 64)),
                Some(_) | None => "a version before it is named by the same".to_owned(),
            };
            problems.add(&place, Problem::Value(problem));
        }
    }
}

fn version(raw: raw::DataSchema, named: &Named, place: &Place, problems: &mut Problems) -> Option<Version> {
    let raw::DataSchema {
        json,
        protobuf,
        avro,
        framing,
        unknown_fields,
        dataschema,
        ids,
        when,
        forbidden,
        encrypted,
        deprecated,
    } = raw;
    let data_schema = text(dataschema, &place.key("dataschema"), problems);
    let when = when.map(|when| rule::claims(&when, &place.key("when"), problems)).unwrap_or_default();
    for (key, is_there) in [("forbidden", forbidden.is_some()), ("encrypted", encrypted.is_some())] {
        if is_there && json.is_none() {
            problems.add(&place.key(key), Problem::Contradiction("it means something only with `json`"));
        }
    }
    let encrypted = encrypted.map(|raw| self::encrypted(raw, &place.key("encrypted"), problems));
    let forbidden = pointers(forbidden, &place.key("forbidden"), problems);
    let deprecated = deprecated.map(|raw| end(raw, &place.key("deprecated"), problems));
    if ids.as_ref().is_some_and(Vec::is_empty) {
        problems.add(&place.key("ids"), Problem::Empty);
    }
    let ids = ids.unwrap_or_default();
    check_avro(avro.is_some(), framing, unknown_fields, &ids, place, problems);
    let (form, id) = match (json, protobuf, avro) {
        (Some(json), None, None) => json_form(&json, unknown_fields, named, &place.key("json"), problems)?,
        (None, Some(raw), None) => (message_form(raw, unknown_fields, named, &place.key("protobuf"), problems)?, None),
        (None, None, Some(avro)) => (avro_form(&avro, framing, named, &place.key("avro"), problems)?, None),
        _ => return problems.wrong(place, Problem::Contradiction("it has one of `json`, `protobuf` and `avro`")),
    };
    let names = Names { data_schema: data_schema.or(id), ids, when };
    Some(Version { form, names, forbidden: forbidden?, encrypted: optional(encrypted)?, deprecated: optional(deprecated)? })
}

/// A JSON Schema, named or as it stands there, and its `$id`.
fn json_form(
    json: &Value,
    unknown: Option<raw::FieldsUnknown>,
    named: &Named,
    place: &Place,
    problems: &mut Problems,
) -> Option<(Form, Option<String>)> {
    let unknown = match unknown {
        None | Some(raw::FieldsUnknown::Allow) => UnknownFields::Allow,
        Some(raw::FieldsUnknown::Refuse) => UnknownFields::Refuse,
    };
    let (contract, id) = match json {
        Value::String(name) if named.has_document(name) => named.contract(name, unknown)?,
        Value::String(name) => {
            return problems.wrong(place, Problem::NoSuch { what: "schema", name: cut(name, 64).to_owned() });
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            let document = document(json, place, problems)?;
            let Compiled { schemas, ids } = named.compile(Some(&document), place, problems)?;
            (schemas.contract(*ids.last()?, unknown)?, id_of(&document))
        }
    };
    Some((Form::Json(contract), id))
}

/// A message type of descriptors that are named or stand there.
fn message_form(
    raw: raw::MessageSchema,
    unknown: Option<raw::FieldsUnknown>,
    named: &Named,
    place: &Place,
    problems: &mut Problems,
) -> Option<Form> {
    let raw::MessageSchema { descriptors, message } = raw;
    let descriptors = problems.required(place, "descriptors", descriptors);
    let message = problems.required(place, "message", message);
    let descriptors = descriptors.and_then(|text| match named.descriptors(&text) {
        Some(descriptors) => descriptors,
        None => read_descriptors(&text, &place.key("descriptors"), problems).map(Arc::new),
    })?;
    let message = problems.ok(&place.key("message"), descriptors.message(&message?))?;
    // What a reader passes over somebody else may read, so it is refused unless the policy says otherwise.
    let unknown = match unknown {
        None | Some(raw::FieldsUnknown::Refuse) => protobuf::UnknownFields::Refuse,
        Some(raw::FieldsUnknown::Allow) => protobuf::UnknownFields::Keep,
    };
    Some(Form::Protobuf(MessageForm { descriptors, message, unknown }))
}

/// What means something with Avro only, or not with it.
fn check_avro(
    avro: bool,
    framing: Option<raw::Framing>,
    unknown: Option<raw::FieldsUnknown>,
    ids: &[u32],
    place: &Place,
    problems: &mut Problems,
) {
    if framing.is_some() && !avro {
        problems.add(&place.key("framing"), Problem::Contradiction("it means something only with `avro`"));
    }
    if let (Some(raw::Framing::Confluent), []) = (framing, ids) {
        problems.add(&place.key("framing"), Problem::Contradiction("the framing has an id, and there are no `ids`"));
    }
    if avro && unknown.is_some() {
        problems.add(&place.key("unknownFields"), Problem::Contradiction("Avro has no fields that its schema does not know"));
    }
}

/// An Avro schema, named or as it stands there.
fn avro_form(avro: &Value, framing: Option<raw::Framing>, named: &Named, place: &Place, problems: &mut Problems) -> Option<Form> {
    let schema = match avro.as_str().map(|name| (name, named.avro(name))) {
        Some((_, Some(schema))) => schema?,
        Some((name, None)) => {
            return problems.wrong(place, Problem::NoSuch { what: "Avro schema", name: cut(name, 64).to_owned() });
        }
        None => Arc::new(avro_schema(avro, place, problems)?),
    };
    let framing = match framing {
        None => Framing::Bare,
        Some(raw::Framing::SingleObject) => Framing::SingleObject,
        Some(raw::Framing::Confluent) => Framing::Confluent,
    };
    Some(Form::Avro(AvroForm { schema, framing }))
}

fn pointers(raw: Option<Vec<String>>, place: &Place, problems: &mut Problems) -> Option<Vec<Pointer>> {
    let texts = texts(raw, place, problems).unwrap_or_default();
    let pointer = |(index, text): (usize, &String)| problems.ok(&place.index(index), Pointer::parse(text));
    texts.iter().enumerate().map(pointer).collect::<Vec<_>>().into_iter().collect()
}

fn encrypted(raw: raw::Encrypted, place: &Place, problems: &mut Problems) -> Option<Encrypted> {
    let raw::Encrypted { fields, alg, enc, kid } = raw;
    let fields = problems.required(place, "fields", fields);
    let fields = fields.and_then(|fields| pointers(Some(fields), &place.key("fields"), problems));
    let mut names = |list: Option<Vec<String>>, key: &str| {
        let list = problems.required(place, key, list);
        texts(list, &place.key(key), problems)
    };
    let (alg, enc, recipients) = (names(alg, "alg"), names(enc, "enc"), names(kid, "kid"));
    for (names, all, key) in [(&alg, ALGORITHMS, "alg"), (&enc, ENCRYPTIONS, "enc")] {
        for (index, name) in names.iter().flatten().enumerate().filter(|(_, name)| !all.contains(&name.as_str())) {
            let problem = format!("`{}` is none of RFC 7518 that is fit for use", cut(name, 64));
            problems.add(&place.key(key).index(index), Problem::Value(problem));
        }
    }
    Some(Encrypted { fields: fields?, algorithms: alg?, encryptions: enc?, recipients: recipients? })
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
