//! Schemas as they are written, into nodes; and their canonical form ("Parsing Canonical Form for Schemas"), which is what is left of
//! them.

use super::{Kind, Node, Scalar, Schema};
use crate::json::{self, Value};

/// How many schemas there may be, with those inside of others.
const NODES: usize = 10_000;

/// The polynomial of CRC-64-AVRO, and what it starts from ("Schema Fingerprints").
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;

static PRIMITIVES: [(&str, Scalar); 8] = [
    ("null", Scalar::Null),
    ("boolean", Scalar::Boolean),
    ("int", Scalar::Int),
    ("long", Scalar::Long),
    ("float", Scalar::Float),
    ("double", Scalar::Double),
    ("bytes", Scalar::Bytes),
    ("string", Scalar::String),
];

/// What is wrong with a schema, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pointer}`: {problem}")]
pub struct SchemaError {
    /// Where: a JSON Pointer.
    pub pointer: String,
    /// What is wrong.
    pub problem: &'static str,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    ///
    /// [`SchemaError`]: the first thing that is wrong with it.
    pub fn compile(schema: Value<'_, '_>) -> Result<Self, SchemaError> {
        let mut compiler = Compiler::default();
        compiler.schema(schema, "", "")?;
        Ok(Self { nodes: compiler.nodes, fingerprint: fingerprint(&compiler.canonical) })
    }
}

fn fingerprint(canonical: &str) -> u64 {
    let bit = |crc: u64| (crc >> 1) ^ if crc & 1 == 1 { EMPTY } else { 0 };
    canonical.bytes().fold(EMPTY, |crc, byte| (0..8).fold(crc ^ u64::from(byte), |crc, _| bit(crc)))
}

#[derive(Default)]
struct Compiler {
    nodes: Vec<Node>,
    /// Full names, and which nodes they are.
    named: Vec<(Box<str>, usize)>,
    canonical: String,
}

fn wrong(pointer: &str, problem: &'static str) -> SchemaError {
    SchemaError { pointer: pointer.to_owned(), problem }
}

/// A name without its namespace: letters, digits and underscores, no digit first.
fn is_name(text: &str) -> bool {
    let starts = text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    starts && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Compiler {
    /// The node of a schema that stands at `place`, in a namespace.
    fn schema(&mut self, value: Value<'_, '_>, namespace: &str, place: &str) -> Result<usize, SchemaError> {
        match value.kind() {
            json::Kind::String(name) => self.reference(&name, namespace, place),
            json::Kind::Array => self.union(value, namespace, place),
            json::Kind::Object => {
                let inner = value.get("type").ok_or_else(|| wrong(place, "a schema without a `type`"))?;
                match inner.as_str() {
                    Some(name) => self.described(&name, value, namespace, place),
                    None => self.schema(inner, namespace, &format!("{place}/type")),
                }
            }
            json::Kind::Null | json::Kind::Bool(_) | json::Kind::Number(_) => Err(wrong(place, "not a schema")),
        }
    }

    fn push(&mut self, kind: Kind, name: &str, place: &str) -> Result<usize, SchemaError> {
        if self.nodes.len() >= NODES {
            return Err(wrong(place, "too many schemas"));
        }
        self.nodes.push(Node { kind, name: name.to_owned(), place: place.to_owned() });
        Ok(self.nodes.len() - 1)
    }

    fn set(&mut self, at: usize, kind: Kind) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.kind = kind;
        }
    }

    fn write(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.canonical.push_str(part));
    }

    /// A primitive type, or one that was named before.
    fn reference(&mut self, name: &str, namespace: &str, place: &str) -> Result<usize, SchemaError> {
        if let Some((name, kind)) = PRIMITIVES.iter().find(|(known, _)| *known == name) {
            self.write(&["\"", name, "\""]);
            return self.push(Kind::Scalar(kind.clone()), name, place);
        }
        let full = full_name(name, namespace);
        let found = self.named.iter().find(|(known, _)| **known == *full).map(|(_, at)| *at);
        let at = found.ok_or_else(|| wrong(place, "a type that is not known here"))?;
        self.write(&["\"", &full, "\""]);
        Ok(at)
    }

    fn union(&mut self, value: Value<'_, '_>, namespace: &str, place: &str) -> Result<usize, SchemaError> {
        let at = self.push(Kind::Union(Vec::new()), "union", place)?;
        let mut branches: Vec<usize> = Vec::new();
        for (index, item) in value.items().into_iter().flatten().enumerate() {
            self.write(&[if index == 0 { "[" } else { "," }]);
            let place = format!("{place}/{index}");
            let branch = self.schema(item, namespace, &place)?;
            let name = |at: usize| self.nodes.get(at).map(|node| &node.name);
            if name(branch).is_some_and(|name| **name == *"union") || branches.iter().any(|former| name(*former) == name(branch))
            {
                return Err(wrong(&place, "a union in a union, or a type that the union has already"));
            }
            branches.push(branch);
        }
        if branches.is_empty() {
            return Err(wrong(place, "an empty union"));
        }
        self.write(&["]"]);
        self.set(at, Kind::Union(branches));
        Ok(at)
    }

    /// A schema with a `type` that is a name.
    fn described(&mut self, kind: &str, value: Value<'_, '_>, namespace: &str, place: &str) -> Result<usize, SchemaError> {
        match kind {
            "array" | "map" => {
                let inner = if kind == "array" { "items" } else { "values" };
                let at = self.push(Kind::Union(Vec::new()), kind, place)?;
                self.write(&["{\"type\":\"", kind, "\",\"", inner, "\":"]);
                let missing = || wrong(place, "it lacks `items` or `values`");
                let items = self.schema(value.get(inner).ok_or_else(missing)?, namespace, &format!("{place}/{inner}"))?;
                self.write(&["}"]);
                self.set(at, if kind == "array" { Kind::Array(items) } else { Kind::Map(items) });
                Ok(at)
            }
            "record" | "error" | "enum" | "fixed" => self.named(kind, value, namespace, place),
            _ => self.reference(kind, namespace, place),
        }
    }

    fn named(&mut self, kind: &str, value: Value<'_, '_>, namespace: &str, place: &str) -> Result<usize, SchemaError> {
        let text = |name| value.get(name).and_then(Value::as_str);
        let name = text("name").ok_or_else(|| wrong(place, "it lacks a `name`"))?;
        let full = full_name(&name, text("namespace").as_deref().unwrap_or(namespace));
        let is_taken = self.named.iter().any(|(known, _)| **known == *full);
        if !full.split('.').all(is_name) || PRIMITIVES.iter().any(|(known, _)| *known == full) || is_taken {
            return Err(wrong(place, "its `name` is none that it can have, or is there twice"));
        }
        let at = self.push(Kind::Union(Vec::new()), &full, place)?;
        self.named.push((full.as_str().into(), at));
        self.write(&["{\"name\":\"", &full, "\",\"type\":\"", kind, "\","]);
        let kind = match kind {
            "enum" => Kind::Scalar(Scalar::Enum(self.symbols(value, place)?)),
            "fixed" => {
                let size = value.get("size").and_then(|size| size.raw().parse().ok());
                let size: usize = size.ok_or_else(|| wrong(place, "its `size` is none"))?;
                self.write(&["\"size\":", &size.to_string()]);
                Kind::Scalar(Scalar::Fixed(size))
            }
            _ => Kind::Record(self.fields(value, full.rsplit_once('.').map_or("", |(namespace, _)| namespace), place)?),
        };
        self.write(&["}"]);
        self.set(at, kind);
        Ok(at)
    }

    fn symbols(&mut self, value: Value<'_, '_>, place: &str) -> Result<Vec<Box<str>>, SchemaError> {
        let mut symbols: Vec<Box<str>> = Vec::new();
        for symbol in value.get("symbols").and_then(Value::items).into_iter().flatten() {
            let symbol = symbol.as_str().filter(|symbol| is_name(symbol));
            let symbol = symbol.ok_or_else(|| wrong(place, "a symbol is no name"))?;
            self.write(&[if symbols.is_empty() { "\"symbols\":[\"" } else { ",\"" }, &symbol, "\""]);
            symbols.push(symbol.into());
        }
        self.write(&["]"]);
        different(&mut symbols.iter().map(AsRef::as_ref), place)?;
        Ok(symbols)
    }

    fn fields(&mut self, value: Value<'_, '_>, namespace: &str, place: &str) -> Result<Vec<(Box<str>, usize)>, SchemaError> {
        let items = value.get("fields").and_then(Value::items).ok_or_else(|| wrong(place, "it lacks `fields`"))?;
        let mut fields: Vec<(Box<str>, usize)> = Vec::new();
        self.write(&["\"fields\":["]);
        for (index, field) in items.enumerate() {
            let place = format!("{place}/fields/{index}");
            let name = field.get("name").and_then(Value::as_str).filter(|name| is_name(name));
            let (Some(name), Some(inner)) = (name, field.get("type")) else {
                return Err(wrong(&place, "a field has a `name` and a `type`"));
            };
            self.write(&[if index == 0 { "{\"name\":\"" } else { ",{\"name\":\"" }, &name, "\",\"type\":"]);
            let inner = self.schema(inner, namespace, &format!("{place}/type"))?;
            self.write(&["}"]);
            fields.push((name.into(), inner));
        }
        self.write(&["]"]);
        different(&mut fields.iter().map(|(name, _)| name.as_ref()), place)?;
        Ok(fields)
    }
}

fn different(names: &mut dyn Iterator<Item = &str>, place: &str) -> Result<(), SchemaError> {
    if json::repeated(names).is_some() { Err(wrong(place, "a name is there twice")) } else { Ok(()) }
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}
