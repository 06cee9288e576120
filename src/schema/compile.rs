//! The schemas that were found into demands: keywords of a wrong type, references to nothing and references that only lead back to
//! where they came from are errors, all of them reported.

use std::borrow::Cow;

use super::decimal::{Decimal, Divisor};
use super::equal::Constant;
use super::model::{Arena, Bound, Contains, Counted, Demand, Dependent, Id, Keyword, Members, Schema, Types};
use super::pattern::Pattern;
use super::place;
use super::scan::{Found, Scan};
use super::{Draft, Limits, Problem, SchemaError};
use crate::json::{Kind, Value, sort};

/// The keywords in the order in which they are checked: the cheap ones first, those that ask what others evaluated last.
const ORDER: &[&str] = &[
    "type",
    "const",
    "enum",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    "pattern",
    "uniqueItems",
    "dependentRequired",
    "dependencies",
    "propertyNames",
    "properties",
    "patternProperties",
    "additionalProperties",
    "prefixItems",
    "items",
    "additionalItems",
    "contains",
    "$ref",
    "$dynamicRef",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "dependentSchemas",
    "unevaluatedItems",
    "unevaluatedProperties",
];

const NUMBER: Problem = Problem::Type("a number, of at most 400 characters");
const SIZE: Problem = Problem::Type("a whole number, not negative");
const STRING: Problem = Problem::Type("a string");
const NAMES: Problem = Problem::Type("a list of strings, each there once");
const SCHEMAS: Problem = Problem::Type("a list of schemas that is not empty");

/// Compiles everything that a scan found, and what references lead to besides.
pub(super) fn compile(scan: Scan<'_>, names: Vec<Box<str>>, limits: Limits) -> Result<Arena, Vec<SchemaError>> {
    let mut compiler = Compiler { scan, limits };
    let mut schemas = Vec::new();
    while let Some(found) = compiler.scan.found.get(schemas.len()).cloned() {
        schemas.push(compiler.schema(found));
    }
    let mut errors = compiler.scan.errors;
    if errors.is_empty() {
        errors.extend(endless(&schemas));
    }
    let dynamic = schemas.iter().flat_map(|schema| &schema.keywords);
    let dynamic = dynamic.into_iter().any(|keyword| matches!(keyword.demand, Demand::DynamicReference { .. }));
    if errors.is_empty() { Ok(Arena { schemas, documents: names, dynamic }) } else { Err(errors) }
}

struct Compiler<'s> {
    scan: Scan<'s>,
    limits: Limits,
}

type Read<T> = Result<T, Problem>;

impl<'s> Compiler<'s> {
    fn schema(&mut self, found: Found<'s>) -> Schema {
        let mut keywords = Vec::new();
        if found.value.raw() == "false" {
            keywords.push(Keyword { name: "", demand: Demand::Nothing });
        }
        let draft = self.scan.draft(found.resource);
        let hides = draft == Draft::Draft7 && found.value.get("$ref").is_some();
        for name in ORDER.iter().filter(|name| !hides || **name == "$ref") {
            let Some(value) = found.value.get(name) else { continue };
            if *name == "dependencies" {
                keywords.push(Keyword { name, demand: Demand::DependentSchemas(self.named(value)) });
            }
            match self.demand(&found, draft, name, value) {
                Ok(Some(demand)) => keywords.push(Keyword { name, demand }),
                Ok(None) => {}
                Err(problem) => self.scan.error(&found, name, problem),
            }
        }
        Schema { document: found.document, pointer: found.pointer.into(), resource: found.resource, keywords }
    }

    /// `None` for what is no demand in this draft, or is part of another one.
    fn demand(&mut self, found: &Found<'s>, draft: Draft, name: &str, value: Value<'s, 's>) -> Read<Option<Demand>> {
        let is_new = draft == Draft::Draft2020;
        Ok(Some(match name {
            "type" => Demand::Type(types(value)?),
            "const" => Demand::Const(self.constant(value)?),
            "enum" => {
                Demand::Enum(value.items().ok_or(Problem::Type("a list"))?.map(|item| self.constant(item)).collect::<Read<_>>()?)
            }
            "minimum" => Demand::Number { bound: Bound::Least, limit: number(value)?.into() },
            "exclusiveMinimum" => Demand::Number { bound: Bound::Above, limit: number(value)?.into() },
            "maximum" => Demand::Number { bound: Bound::Most, limit: number(value)?.into() },
            "exclusiveMaximum" => Demand::Number { bound: Bound::Below, limit: number(value)?.into() },
            "multipleOf" => Demand::MultipleOf(
                Divisor::of(Decimal::of(number(value)?)).ok_or(Problem::Type("a number above zero, of at most 18 digits"))?,
            ),
            "minLength" => Demand::Count { of: Counted::Characters, bound: Bound::Least, limit: size(value)? },
            "maxLength" => Demand::Count { of: Counted::Characters, bound: Bound::Most, limit: size(value)? },
            "minItems" => Demand::Count { of: Counted::Items, bound: Bound::Least, limit: size(value)? },
            "maxItems" => Demand::Count { of: Counted::Items, bound: Bound::Most, limit: size(value)? },
            "minProperties" => Demand::Count { of: Counted::Members, bound: Bound::Least, limit: size(value)? },
            "maxProperties" => Demand::Count { of: Counted::Members, bound: Bound::Most, limit: size(value)? },
            "required" => Demand::Required(required(value)?),
            "pattern" => Demand::Pattern(Pattern::parse(&value.as_str().ok_or(STRING)?)?),
            "uniqueItems" => return unique(value),
            "dependentRequired" if is_new => Demand::DependentRequired(dependent_names(value, true)?),
            "dependencies" => Demand::DependentRequired(dependent_names(value, false)?),
            "dependentSchemas" if is_new => Demand::DependentSchemas(self.named(value)),
            "propertyNames" => return Ok(self.id(value).map(Demand::PropertyNames)),
            "properties" => Demand::Members(self.members(found)?),
            "patternProperties" if found.value.get("properties").is_none() => Demand::Members(self.members(found)?),
            "additionalProperties" if found.value.get("properties").or(found.value.get("patternProperties")).is_none() => {
                Demand::Members(self.members(found)?)
            }
            "prefixItems" if is_new => Demand::PrefixItems(self.list(value)?),
            "items" if value.items().is_some() => Demand::PrefixItems(self.ids(value)),
            "items" => return Ok(self.items(found, "prefixItems", value)),
            "additionalItems" if !is_new => return Ok(self.additional_items(found, value)),
            "contains" => return self.contains(found, value, is_new),
            "$ref" => return self.reference(found, value),
            "$dynamicRef" if is_new => return self.dynamic_reference(found, value),
            "allOf" => Demand::AllOf(self.list(value)?),
            "anyOf" => Demand::AnyOf(self.list(value)?),
            "oneOf" => Demand::OneOf(self.list(value)?),
            "not" => return Ok(self.id(value).map(Demand::Not)),
            "if" => return Ok(self.condition(found, value)),
            "unevaluatedItems" if is_new => return Ok(self.id(value).map(Demand::UnevaluatedItems)),
            "unevaluatedProperties" if is_new => return Ok(self.id(value).map(Demand::UnevaluatedProperties)),
            _ => return Ok(None),
        }))
    }

    fn constant(&self, value: Value<'_, '_>) -> Read<Constant> {
        if let Kind::Number(_) = value.kind() {
            number(value)?;
        }
        Constant::of(value, self.limits.depth).ok_or(Problem::TooDeep { limit: self.limits.depth })
    }

    /// The schema that a value is; what is none was reported when it was found.
    fn id(&self, value: Value<'_, '_>) -> Option<Id> {
        self.scan.id_of(value)
    }

    fn ids(&self, value: Value<'_, '_>) -> Vec<Id> {
        value.items().into_iter().flatten().filter_map(|item| self.id(item)).collect()
    }

    fn list(&self, value: Value<'_, '_>) -> Read<Vec<Id>> {
        if value.items().is_some_and(|mut items| items.next().is_none()) { Err(SCHEMAS) } else { Ok(self.ids(value)) }
    }

    /// The schemas of an object by name, sorted.
    fn named(&self, value: Value<'_, '_>) -> Vec<(Box<str>, Id)> {
        let members = value.members().into_iter().flatten();
        boxed(sort(members.filter_map(|(name, member)| Some((name, self.id(member)?)))))
    }

    fn members(&mut self, found: &Found<'s>) -> Read<Members> {
        let properties = found.value.get("properties");
        let mut patterns = Vec::new();
        for (text, schema) in found.value.get("patternProperties").and_then(Value::members).into_iter().flatten() {
            let pattern = Pattern::parse(&text).map_err(|error| {
                let place = Found { pointer: place::below(&found.pointer, "patternProperties"), ..found.clone() };
                self.scan.error(&place, &text, error.into());
            });
            patterns.extend(pattern.ok().zip(self.id(schema)));
        }
        Ok(Members {
            described: properties.is_some(),
            named: properties.map(|properties| self.named(properties)).unwrap_or_default(),
            patterns,
            additional: found.value.get("additionalProperties").and_then(|schema| self.id(schema)),
        })
    }

    fn items(&self, found: &Found<'s>, before: &str, value: Value<'_, '_>) -> Option<Demand> {
        let is_new = self.scan.draft(found.resource) == Draft::Draft2020;
        let prefix = found.value.get(before).filter(|_| is_new || before == "items").and_then(Value::items);
        Some(Demand::Items { from: prefix.map_or(0, Iterator::count), schema: self.id(value)? })
    }

    /// Without a list in `items` there is nothing that could be additional.
    fn additional_items(&self, found: &Found<'s>, value: Value<'_, '_>) -> Option<Demand> {
        let is_list = found.value.get("items").is_some_and(|items| items.items().is_some());
        if is_list { self.items(found, "items", value) } else { None }
    }

    fn contains(&self, found: &Found<'s>, value: Value<'_, '_>, is_new: bool) -> Read<Option<Demand>> {
        let count = |name| found.value.get(name).filter(|_| is_new).map(size).transpose();
        let (least, most) = (count("minContains")?.unwrap_or(1), count("maxContains")?);
        Ok(self.id(value).map(|schema| Demand::Contains(Contains { schema, least, most, evaluates: is_new })))
    }

    fn condition(&self, found: &Found<'s>, value: Value<'_, '_>) -> Option<Demand> {
        let branch = |name| found.value.get(name).and_then(|schema| self.id(schema));
        Some(Demand::If { condition: self.id(value)?, then: branch("then"), otherwise: branch("else") })
    }

    fn follow(&mut self, found: &Found<'s>, value: Value<'_, '_>) -> Read<(Id, Option<String>)> {
        let reference = value.as_str().ok_or(STRING)?;
        let unknown = || Problem::UnknownReference { reference: place::cut(&reference, 64).to_owned() };
        self.scan.follow(found, &reference, self.limits).ok_or_else(unknown)
    }

    fn reference(&mut self, found: &Found<'s>, value: Value<'_, '_>) -> Read<Option<Demand>> {
        Ok(Some(Demand::Reference(self.follow(found, value)?.0)))
    }

    /// Core section 8.2.3.2: dynamic only where the reference is by the name of a dynamic anchor.
    fn dynamic_reference(&mut self, found: &Found<'s>, value: Value<'_, '_>) -> Read<Option<Demand>> {
        let (initial, name) = self.follow(found, value)?;
        let Some(name) = name else { return Ok(Some(Demand::Reference(initial))) };
        Ok(Some(Demand::DynamicReference { initial, candidates: self.scan.dynamic(&name) }))
    }
}

fn types(value: Value<'_, '_>) -> Read<Types> {
    const TYPES: Problem = Problem::Type("a type, or a list of types");
    let mut types = Types::default();
    if let Some(name) = value.as_str() {
        types.allow(&name).ok_or(TYPES)?;
        return Ok(types);
    }
    for name in value.items().ok_or(TYPES)? {
        types.allow(&name.as_str().ok_or(TYPES)?).ok_or(TYPES)?;
    }
    if types == Types::default() { Err(TYPES) } else { Ok(types) }
}

/// A number that is short enough to be compared with at every event.
fn number<'a>(value: Value<'_, 'a>) -> Read<&'a str> {
    if let Kind::Number(written) = value.kind()
        && written.len() <= 400
    {
        return Ok(written);
    }
    Err(NUMBER)
}

fn size(value: Value<'_, '_>) -> Read<usize> {
    Decimal::of(number(value).map_err(|_| SIZE)?).to_size().ok_or(SIZE)
}

fn unique(value: Value<'_, '_>) -> Read<Option<Demand>> {
    let Kind::Bool(unique) = value.kind() else { return Err(Problem::Type("true or false")) };
    Ok(unique.then_some(Demand::UniqueItems))
}

fn required(value: Value<'_, '_>) -> Read<Vec<(Box<str>, usize)>> {
    let mut names = Vec::new();
    for (index, name) in value.items().ok_or(NAMES)?.enumerate() {
        names.push((name.as_str().ok_or(NAMES)?, index));
    }
    let names = sort(names.into_iter());
    let twice = names.windows(2).any(|pair| matches!(pair, [(one, _), (other, _)] if one == other));
    if twice { Err(NAMES) } else { Ok(boxed(names)) }
}

fn boxed(names: Vec<(Cow<'_, str>, usize)>) -> Vec<(Box<str>, usize)> {
    names.into_iter().map(|(name, number)| (name.into(), number)).collect()
}

/// The names that others need; with `all`, nothing else may be among them.
fn dependent_names(value: Value<'_, '_>, all: bool) -> Read<Vec<Dependent>> {
    let mut dependent = Vec::new();
    for (name, needed) in value.members().ok_or(Problem::Type("an object"))? {
        if all || needed.items().is_some() {
            let needed = required(needed)?.into_iter().map(|(name, _)| name).collect();
            dependent.push((name.into(), needed));
        }
    }
    Ok(dependent)
}

/// A schema that is applied to a value because it is applied to that value: checking it would never end. The search keeps its own
/// stack, since a chain of references may be as long as there are schemas.
fn endless(schemas: &[Schema]) -> Option<SchemaError> {
    let below = |id: Id| -> Vec<Id> {
        schemas
            .get(id)
            .map(|schema| schema.keywords.iter().flat_map(|keyword| keyword.demand.in_place()).collect())
            .unwrap_or_default()
    };
    let mut entered = vec![false; schemas.len()];
    let mut left = vec![false; schemas.len()];
    for start in 0..schemas.len() {
        let mut open = vec![(start, false)];
        while let Some((id, done)) = open.pop() {
            let (Some(entered), Some(left)) = (entered.get_mut(id), left.get_mut(id)) else { continue };
            if done {
                *left = true;
            } else if *entered && !*left {
                let schema = schemas.get(id)?;
                return Some(SchemaError {
                    document: schema.document,
                    pointer: schema.pointer.to_string(),
                    problem: Problem::Endless,
                });
            } else if !*entered {
                *entered = true;
                open.push((id, true));
                open.extend(below(id).into_iter().map(|id| (id, false)));
            }
        }
    }
    None
}
