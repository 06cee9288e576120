//! Data in the JSON encoding ("JSON Encoding"): unions name the type of what they hold, bytes are texts of the characters up to U+00FF.

use super::{Broken, DEPTH, Kind, Node, Path, Problem, Scalar, Schema};
use crate::json::{self, Value};

impl Schema {
    /// Whether a JSON value is a value of this schema, nested so deep at most.
    ///
    /// # Errors
    ///
    /// [`Broken`]: the first place where it is not.
    pub fn check_json(&self, value: Value<'_, '_>, depth: usize) -> Result<(), Broken> {
        let depth = depth.min(DEPTH);
        Reader { schema: self, depth }.value(0, value, depth, Path::Root)
    }
}

#[derive(Clone, Copy)]
struct Reader<'s> {
    schema: &'s Schema,
    depth: usize,
}

impl Reader<'_> {
    fn value(self, at: usize, value: Value<'_, '_>, levels: usize, path: Path<'_>) -> Result<(), Broken> {
        let node = self.schema.node(at);
        let levels = levels.checked_sub(1).ok_or_else(|| node.broken(path, Problem::TooDeep(self.depth)))?;
        let wrong = |expected| node.broken(path, Problem::Type(expected));
        match &node.kind {
            Kind::Array(items) => {
                let mut all = value.items().ok_or_else(|| wrong("array"))?.enumerate();
                all.try_for_each(|(index, item)| self.value(*items, item, levels, Path::Item(&path, index)))
            }
            Kind::Map(values) => {
                let mut all = value.members().ok_or_else(|| wrong("map"))?.enumerate();
                all.try_for_each(|(index, (_, value))| self.value(*values, value, levels, Path::Item(&path, index)))
            }
            Kind::Union(branches) => {
                let (name, value) = branch(value).ok_or_else(|| wrong("branch"))?;
                let found = branches.iter().find(|branch| *self.schema.node(**branch).name == *name);
                self.value(*found.ok_or_else(|| wrong("branch"))?, value, levels, path)
            }
            Kind::Record(fields) => self.record(node, fields, value, levels, path),
            Kind::Scalar(scalar) => scalar_fits(scalar, value).map_err(wrong),
        }
    }

    /// Every field is there, in whatever order, and nothing else.
    fn record(
        self,
        node: &Node,
        fields: &[(Box<str>, usize)],
        value: Value<'_, '_>,
        levels: usize,
        path: Path<'_>,
    ) -> Result<(), Broken> {
        let members = value.members().ok_or_else(|| node.broken(path, Problem::Type("record")))?;
        let mut count = 0;
        for (name, value) in members {
            let field = fields.iter().find(|(known, _)| **known == *name);
            let (name, inner) = field.ok_or_else(|| node.broken(path, Problem::Unknown))?;
            self.value(*inner, value, levels, Path::Field(&path, name))?;
            count += 1;
        }
        if count == fields.len() { Ok(()) } else { Err(node.broken(path, Problem::Missing)) }
    }
}

/// What a union holds: `null`, or the one member of an object, by the name of its type.
fn branch<'d, 'a>(value: Value<'d, 'a>) -> Option<(std::borrow::Cow<'a, str>, Value<'d, 'a>)> {
    if value.kind() == json::Kind::Null {
        return Some(("null".into(), value));
    }
    let mut members = value.members()?;
    let only = members.next()?;
    members.next().is_none().then_some(only)
}

fn scalar_fits(kind: &Scalar, value: Value<'_, '_>) -> Result<(), &'static str> {
    let found = value.kind();
    let number = if let json::Kind::Number(text) = found { Some(text) } else { None };
    let text = value.as_str();
    let bytes = text.as_deref().filter(|text| text.chars().all(|char| u32::from(char) <= 0xff));
    let (fits, name) = match kind {
        Scalar::Null => (found == json::Kind::Null, "null"),
        Scalar::Boolean => (matches!(found, json::Kind::Bool(_)), "boolean"),
        Scalar::Int => (number.is_some_and(|text| text.parse::<i32>().is_ok()), "int"),
        Scalar::Long => (number.is_some_and(|text| text.parse::<i64>().is_ok()), "long"),
        Scalar::Float => (number.and_then(|text| text.parse().ok()).is_some_and(json::fits_float), "float"),
        Scalar::Double => (number.is_some(), "double"),
        Scalar::Bytes => (bytes.is_some(), "bytes"),
        Scalar::Fixed(size) => (bytes.is_some_and(|text| text.chars().count() == *size), "fixed"),
        Scalar::String => (text.is_some(), "string"),
        Scalar::Enum(symbols) => (text.is_some_and(|text| symbols.iter().any(|symbol| **symbol == *text)), "enum"),
    };
    if fits { Ok(()) } else { Err(name) }
}
