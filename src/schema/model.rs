//! A schema as it is checked: every reference an index, every pattern a program, every number read.

use super::decimal::Divisor;
use super::equal::Constant;
use super::pattern::Pattern;

/// Where a schema stands among all of them.
pub(super) type Id = usize;

/// All schemas that were compiled together.
#[derive(Debug)]
pub(super) struct Arena {
    pub(super) schemas: Vec<Schema>,
    /// The names of the documents.
    pub(super) documents: Vec<Box<str>>,
    /// Whether a `$dynamicRef` asks which resources were gone through.
    pub(super) dynamic: bool,
}

#[derive(Debug)]
pub(super) struct Schema {
    pub(super) document: usize,
    /// Where in its document: a JSON Pointer.
    pub(super) pointer: Box<str>,
    /// The resource (what has an `$id`, or is a document) that it belongs to.
    pub(super) resource: usize,
    pub(super) keywords: Vec<Keyword>,
}

/// A name, and the names that must be there where it is.
pub(super) type Dependent = (Box<str>, Vec<Box<str>>);

/// What a schema demands, with the name of the keyword.
#[derive(Debug)]
pub(super) struct Keyword {
    pub(super) name: &'static str,
    pub(super) demand: Demand,
}

#[derive(Debug)]
pub(super) enum Demand {
    /// The schema `false`.
    Nothing,
    Type(Types),
    Const(Constant),
    Enum(Vec<Constant>),
    Number {
        bound: Bound,
        limit: Box<str>,
    },
    MultipleOf(Divisor),
    Count {
        of: Counted,
        bound: Bound,
        limit: usize,
    },
    Pattern(Pattern),
    UniqueItems,
    /// The first items, one schema each.
    PrefixItems(Vec<Id>),
    /// The items behind so many.
    Items {
        from: usize,
        schema: Id,
    },
    Contains(Contains),
    /// Names, and where each stands in the keyword; sorted.
    Required(Vec<(Box<str>, usize)>),
    Members(Members),
    PropertyNames(Id),
    DependentRequired(Vec<Dependent>),
    DependentSchemas(Vec<(Box<str>, Id)>),
    AllOf(Vec<Id>),
    AnyOf(Vec<Id>),
    OneOf(Vec<Id>),
    Not(Id),
    If {
        condition: Id,
        then: Option<Id>,
        otherwise: Option<Id>,
    },
    Reference(Id),
    /// Where it leads, unless the dynamic scope holds one of the candidates: resources, each with its schema of that anchor.
    DynamicReference {
        initial: Id,
        candidates: Vec<(usize, Id)>,
    },
    UnevaluatedItems(Id),
    UnevaluatedProperties(Id),
}

/// `properties`, `patternProperties` and `additionalProperties`.
#[derive(Debug)]
pub(super) struct Members {
    /// Whether the keyword `properties` is there.
    pub(super) described: bool,
    /// Sorted by name.
    pub(super) named: Vec<(Box<str>, Id)>,
    pub(super) patterns: Vec<(Pattern, Id)>,
    pub(super) additional: Option<Id>,
}

#[derive(Debug)]
pub(super) struct Contains {
    pub(super) schema: Id,
    pub(super) least: usize,
    pub(super) most: Option<usize>,
    /// Whether what matches counts as evaluated (2020-12).
    pub(super) evaluates: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Least,
    Above,
    Most,
    Below,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Characters,
    Items,
    Members,
}

/// Which types are allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Types {
    pub(super) null: bool,
    pub(super) boolean: bool,
    pub(super) integer: bool,
    pub(super) number: bool,
    pub(super) string: bool,
    pub(super) array: bool,
    pub(super) object: bool,
}

impl Types {
    /// Allows one more; `None` where there is no such type.
    pub(super) fn allow(&mut self, name: &str) -> Option<()> {
        let allowed = match name {
            "null" => &mut self.null,
            "boolean" => &mut self.boolean,
            "integer" => &mut self.integer,
            "number" => &mut self.number,
            "string" => &mut self.string,
            "array" => &mut self.array,
            "object" => &mut self.object,
            _ => return None,
        };
        *allowed = true;
        Some(())
    }
}

impl Bound {
    /// Whether a number that compares to the limit like this keeps the bound.
    pub(super) fn allows(self, found: std::cmp::Ordering) -> bool {
        match self {
            Self::Least => found.is_ge(),
            Self::Above => found.is_gt(),
            Self::Most => found.is_le(),
            Self::Below => found.is_lt(),
        }
    }
}

impl Demand {
    /// The schemas that are applied to the very value that this one is applied to.
    pub(super) fn in_place(&self) -> Vec<Id> {
        match self {
            Self::AllOf(ids) | Self::AnyOf(ids) | Self::OneOf(ids) => ids.clone(),
            Self::Not(id) | Self::Reference(id) | Self::DynamicReference { initial: id, .. } => vec![*id],
            Self::If { condition, then, otherwise } => [*condition].into_iter().chain(*then).chain(*otherwise).collect(),
            Self::DependentSchemas(named) => named.iter().map(|(_, id)| *id).collect(),
            Self::Nothing
            | Self::Type(_)
            | Self::Const(_)
            | Self::Enum(_)
            | Self::Number { .. }
            | Self::MultipleOf(_)
            | Self::Count { .. }
            | Self::Pattern(_)
            | Self::UniqueItems
            | Self::PrefixItems(_)
            | Self::Items { .. }
            | Self::Contains(_)
            | Self::Required(_)
            | Self::Members(_)
            | Self::PropertyNames(_)
            | Self::DependentRequired(_)
            | Self::UnevaluatedItems(_)
            | Self::UnevaluatedProperties(_) => Vec::new(),
        }
    }
}
