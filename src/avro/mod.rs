//! An Avro schema (specification 1.12) into a compiled one, and data in Avro's binary or JSON encoding into nothing or where it breaks
//! the schema. Trusts nothing of the data: depth and work are bounded, and what two readers could read differently is refused. Schemas
//! are not resolved against each other: the writer's schema is the reader's.

mod binary;
mod compile;
mod json;
#[cfg(test)]
mod tests;

pub use compile::SchemaError;

/// A compiled schema.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// The first is the schema itself; others are found by their places here.
    nodes: Vec<Node>,
    fingerprint: u64,
}

/// One schema, with what its data is known by.
#[derive(Debug, PartialEq, Eq)]
struct Node {
    kind: Kind,
    /// What tells it from others in a union: the full name, or that of the type where it has none.
    name: String,
    /// Where it stands: a JSON Pointer.
    place: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Scalar(Scalar),
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Record(Vec<(Box<str>, usize)>),
}

/// What holds no other values.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scalar {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    Enum(Vec<Box<str>>),
}

/// Why data was not taken. Names places, and no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{instance}` breaks `{schema}`: {problem}")]
pub struct Broken {
    /// The place in the data: a JSON Pointer of the names of fields and the numbers of items.
    pub instance: String,
    /// The place of the schema that it breaks: a JSON Pointer.
    pub schema: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It ends too early.
    #[error("it is cut")]
    Cut,
    /// Something stands behind it.
    #[error("something stands behind it")]
    Surplus,
    /// Not a value of the type.
    #[error("it is no `{0}`")]
    Type(&'static str),
    /// A field of a record is not there.
    #[error("it lacks a field")]
    Missing,
    /// A field that the record does not have.
    #[error("it has a field that is not known")]
    Unknown,
    /// A key of a map that is there twice.
    #[error("a key is there twice")]
    Twice,
    /// Nested too deep.
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// More values than so many bytes hold.
    #[error("it holds more values than its length lets expect")]
    TooDear,
}

/// Levels of nesting that are read, whatever the budget says: they are gone down level by level.
const DEPTH: usize = 100;

/// A place in the data, kept on the stack of whoever goes down.
#[derive(Clone, Copy)]
enum Path<'p> {
    Root,
    Field(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl Path<'_> {
    fn pointer(self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Field(above, name) => above.pointer() + "/" + name,
            Self::Item(above, index) => above.pointer() + "/" + &index.to_string(),
        }
    }
}

impl Schema {
    /// CRC-64-AVRO of the schema's canonical form: what single objects begin with.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn node(&self, at: usize) -> &Node {
        // What was compiled is there; nothing is of a union without branches.
        static NOTHING: Node = Node { kind: Kind::Union(Vec::new()), name: String::new(), place: String::new() };
        self.nodes.get(at).unwrap_or(&NOTHING)
    }
}

impl Node {
    fn broken(&self, path: Path<'_>, problem: Problem) -> Broken {
        Broken { instance: path.pointer(), schema: self.place.clone(), problem }
    }
}

/// Steps that data of so many bytes may take: every value is one, and some are written as nothing.
fn steps(bytes: usize) -> usize {
    bytes.saturating_mul(16).saturating_add(4096)
}
