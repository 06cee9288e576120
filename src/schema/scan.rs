//! Finds every schema of the documents, the resources (what has an `$id`) and the anchors among them, and what a reference leads to.
//! Goes only where the draft has schemas, so that an `$id` in an `enum` is data.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use super::{Draft, Limits, Problem, SchemaError, place, uri};
use crate::json::{Pointer, Value};

/// The base of the names of documents, so that they can refer to each other by name.
const BASE: &str = "schemas:/";

/// One schema, as it was found.
#[derive(Clone)]
pub(super) struct Found<'s> {
    pub(super) value: Value<'s, 's>,
    pub(super) document: usize,
    pub(super) pointer: String,
    pub(super) resource: usize,
}

pub(super) struct Resource {
    pub(super) uri: String,
    pub(super) root: usize,
    pub(super) draft: Draft,
}

#[derive(Default)]
pub(super) struct Scan<'s> {
    pub(super) found: Vec<Found<'s>>,
    pub(super) resources: Vec<Resource>,
    pub(super) errors: Vec<SchemaError>,
    uris: Index,
    /// Schemas by the [`address`] of their values.
    by_address: Index,
    anchors: Vec<Anchor>,
    /// The places of anchors, by [`anchor_key`].
    by_anchor: Index,
}

/// One type of map for whatever is looked up, also by a number: the code of a map is there once for each type, and all of this happens when
/// a policy is compiled. Schemas are the policy's, so nobody can choose colliding names: the fixed hasher needs no randomness.
type Index = HashMap<String, usize, BuildHasherDefault<DefaultHasher>>;

struct Anchor {
    resource: usize,
    name: String,
    schema: usize,
    dynamic: bool,
}

/// A name is one within its resource.
fn anchor_key(resource: usize, name: &str) -> String {
    [&resource.to_string(), "#", name].concat()
}

/// How the schemas of a keyword stand in it.
enum Shape {
    One,
    Many,
    Named,
    OneOrMany,
    /// Schemas and lists of names (`dependencies`).
    SomeNamed,
}

impl<'s> Scan<'s> {
    /// Takes in a document under a name.
    pub(super) fn document(&mut self, document: usize, name: &str, value: Value<'s, 's>, limits: Limits) {
        let uri = uri::resolve(BASE, uri::split_fragment(name).0);
        let resource = self.resources.len();
        let root = self.found.len();
        self.resources.push(Resource { uri: uri.clone(), root, draft: Draft::Draft2020 });
        let found = Found { value, document, pointer: String::new(), resource };
        if !name.is_empty() && self.uris.insert(uri, resource).is_some() {
            self.error(&found, "", Problem::Twice);
        }
        self.schema(found, true, limits.depth, limits);
    }

    /// A place that no keyword with schemas has, and that a reference leads to all the same.
    fn unlisted(&mut self, found: Found<'s>, limits: Limits) -> Option<usize> {
        let id = self.found.len();
        self.schema(found, false, limits.depth, limits);
        (self.found.len() > id).then_some(id)
    }

    pub(super) fn error(&mut self, found: &Found<'_>, keyword: &str, problem: Problem) {
        let pointer = if keyword.is_empty() { found.pointer.clone() } else { place::below(&found.pointer, keyword) };
        self.errors.push(SchemaError { document: found.document, pointer, problem });
    }

    fn schema(&mut self, mut found: Found<'s>, is_root: bool, depth: usize, limits: Limits) {
        let Some(inside) = depth.checked_sub(1) else { return self.error(&found, "", Problem::TooDeep { limit: limits.depth }) };
        if self.found.len() >= limits.schemas {
            return self.error(&found, "", Problem::TooMany { limit: limits.schemas });
        }
        // A reference led here before what is around it was looked at.
        if self.id_of(found.value).is_some() {
            return;
        }
        let is_object = found.value.members().is_some();
        if !is_object && !matches!(found.value.raw(), "true" | "false") {
            return self.error(&found, "", Problem::Type("a schema (an object or a boolean)"));
        }
        let id = self.found.len();
        self.by_address.insert(address(found.value).to_string(), id);
        self.found.push(found.clone());
        if is_object {
            self.identify(&mut found, id, is_root);
            self.inside(&found, inside, limits);
        }
    }

    /// Reads `$schema`, `$id` and the anchors of a schema.
    fn identify(&mut self, found: &mut Found<'s>, id: usize, is_root: bool) {
        let hidden = |draft| draft == Draft::Draft7 && found.value.get("$ref").is_some();
        let value = found.value;
        let identifier = value.get("$id").filter(|_| !hidden(self.draft(found.resource)));
        if identifier.is_some_and(|identifier| identifier.as_str().is_none()) {
            self.error(found, "$id", Problem::Type("a string"));
        }
        let identifier = identifier.and_then(Value::as_str).unwrap_or_default();
        let (absolute, fragment) = uri::split_fragment(&identifier);
        if !absolute.is_empty() {
            self.resource(found, id, absolute, is_root);
        }
        if is_root || !absolute.is_empty() {
            self.set_draft(found);
        }
        let draft = self.draft(found.resource);
        if let Some(fragment) = fragment.filter(|fragment| !fragment.is_empty()) {
            if draft == Draft::Draft7 {
                self.anchor(found, id, "$id", fragment, false);
            } else {
                self.error(found, "$id", Problem::Type("a URI without a fragment"));
            }
        }
        if draft == Draft::Draft2020 {
            for (keyword, dynamic) in [("$anchor", false), ("$dynamicAnchor", true)] {
                match value.get(keyword).map(Value::as_str) {
                    Some(Some(name)) => self.anchor(found, id, keyword, &name, dynamic),
                    Some(None) => self.error(found, keyword, Problem::Type("a string")),
                    None => {}
                }
            }
        }
    }

    /// An `$id` starts a resource; that of a document names the one that is there.
    fn resource(&mut self, found: &mut Found<'s>, id: usize, absolute: &str, is_root: bool) {
        let base = self.resources.get(found.resource).map(|resource| resource.uri.as_str()).unwrap_or_default();
        let uri = uri::resolve(base, absolute);
        if !is_root {
            let draft = self.draft(found.resource);
            found.resource = self.resources.len();
            self.resources.push(Resource { uri: uri.clone(), root: id, draft });
        }
        if let Some(resource) = self.resources.get_mut(found.resource) {
            resource.uri.clone_from(&uri);
        }
        if let Some(found_again) = self.found.get_mut(id) {
            found_again.resource = found.resource;
        }
        let resource = found.resource;
        if self.uris.insert(uri, resource).is_some_and(|other| other != resource) {
            self.error(found, "$id", Problem::Twice);
        }
    }

    fn set_draft(&mut self, found: &Found<'s>) {
        let Some(named) = found.value.get("$schema") else { return };
        let draft = named.as_str().and_then(|named| Draft::of(&named));
        match (draft, self.resources.get_mut(found.resource)) {
            (Some(draft), Some(resource)) => resource.draft = draft,
            _ => self.error(found, "$schema", Problem::UnknownDraft),
        }
    }

    fn anchor(&mut self, found: &Found<'s>, id: usize, keyword: &str, name: &str, dynamic: bool) {
        let starts_well = name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
        if !starts_well || !name.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.' | ':')) {
            return self.error(found, keyword, Problem::Type("a name (letters, digits, `-`, `_`, `.`)"));
        }
        let anchor = Anchor { resource: found.resource, name: name.to_owned(), schema: id, dynamic };
        let before = self.by_anchor.insert(anchor_key(found.resource, name), self.anchors.len());
        if before.and_then(|before| self.anchors.get(before)).is_some_and(|other| other.schema != id) {
            self.error(found, keyword, Problem::Twice);
        }
        self.anchors.push(anchor);
    }

    /// The schemas inside of a schema.
    fn inside(&mut self, found: &Found<'s>, depth: usize, limits: Limits) {
        let draft = self.draft(found.resource);
        let hides = draft == Draft::Draft7 && found.value.get("$ref").is_some();
        for (name, value) in found.value.members().into_iter().flatten() {
            if hides && name != "definitions" {
                continue;
            }
            let Some(shape) = shape(draft, &name) else { continue };
            let pointer = place::below(&found.pointer, &name);
            let here = Found { value, pointer, ..found.clone() };
            let mut go = |value, pointer| self.schema(Found { value, pointer, ..here.clone() }, false, depth, limits);
            match (shape, value.items(), value.members()) {
                (Shape::One, _, _) | (Shape::OneOrMany, None, _) => go(value, here.pointer.clone()),
                (Shape::Many | Shape::OneOrMany, Some(items), _) => {
                    items.enumerate().for_each(|(index, item)| go(item, place::below(&here.pointer, &index.to_string())));
                }
                (Shape::Named, _, Some(members)) => {
                    members.for_each(|(name, member)| go(member, place::below(&here.pointer, &name)));
                }
                (Shape::SomeNamed, _, Some(members)) => members
                    .filter(|(_, member)| member.items().is_none())
                    .for_each(|(name, member)| go(member, place::below(&here.pointer, &name))),
                (Shape::Many, None, _) => self.error(&here, "", Problem::Type("a list of schemas")),
                (Shape::Named | Shape::SomeNamed, _, None) => self.error(&here, "", Problem::Type("an object of schemas")),
            }
        }
    }

    pub(super) fn draft(&self, resource: usize) -> Draft {
        self.resources.get(resource).map_or(Draft::Draft2020, |resource| resource.draft)
    }

    /// The schema that a value is.
    pub(super) fn id_of(&self, value: Value<'_, '_>) -> Option<usize> {
        self.by_address.get(&address(value).to_string()).copied()
    }

    /// What a reference leads to, and the name of the dynamic anchor where it is by one.
    pub(super) fn follow(&mut self, from: &Found<'s>, reference: &str, limits: Limits) -> Option<(usize, Option<String>)> {
        let base = self.resources.get(from.resource)?.uri.as_str();
        let (absolute, fragment) = uri::split_fragment(reference);
        let index = if absolute.is_empty() { from.resource } else { *self.uris.get(&uri::resolve(base, absolute))? };
        let resource = self.resources.get(index)?;
        let fragment = uri::decode(fragment.unwrap_or_default())?;
        if fragment.is_empty() {
            return Some((resource.root, None));
        }
        if !fragment.starts_with('/') {
            let anchor = self.anchors.get(*self.by_anchor.get(&anchor_key(index, &fragment))?)?;
            return Some((anchor.schema, anchor.dynamic.then_some(fragment)));
        }
        let root = self.found.get(resource.root)?.clone();
        let value = root.value.at(&Pointer::parse(&fragment).ok()?)?;
        let id = match self.id_of(value) {
            Some(id) => id,
            None => self.unlisted(Found { value, pointer: format!("{}{fragment}", root.pointer), ..root }, limits)?,
        };
        Some((id, None))
    }

    /// The resources that have a dynamic anchor of this name, with its schema.
    pub(super) fn dynamic(&self, name: &str) -> Vec<(usize, usize)> {
        let named = self.anchors.iter().filter(|anchor| anchor.name == name && anchor.dynamic);
        named.map(|anchor| (anchor.resource, anchor.schema)).collect()
    }
}

/// Tells the values of documents that live at one time apart: no two start at the same byte.
pub(super) fn address(value: Value<'_, '_>) -> usize {
    value.raw().as_ptr().addr()
}

fn shape(draft: Draft, keyword: &str) -> Option<Shape> {
    Some(match (keyword, draft) {
        ("additionalProperties" | "propertyNames" | "contains" | "not" | "if" | "then" | "else", _) => Shape::One,
        ("allOf" | "anyOf" | "oneOf", _) => Shape::Many,
        ("properties" | "patternProperties" | "definitions", _) => Shape::Named,
        ("items", Draft::Draft7) => Shape::OneOrMany,
        ("additionalItems", Draft::Draft7) => Shape::One,
        // 2020-12 has it no more, but its metaschema keeps the name; ignored, it would let pass what it is there to refuse.
        ("dependencies", _) => Shape::SomeNamed,
        ("items" | "unevaluatedItems" | "unevaluatedProperties", Draft::Draft2020) => Shape::One,
        ("prefixItems", Draft::Draft2020) => Shape::Many,
        ("$defs" | "dependentSchemas", Draft::Draft2020) => Shape::Named,
        _ => return None,
    })
}
