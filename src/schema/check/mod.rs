//! Data against a schema. Goes down with the data; what is known of the way is on the stack, so nothing is copied and nothing is
//! kept but which members and items were evaluated, where a keyword or the policy asks for that.

mod array;
mod closed;
mod object;
mod scalar;

use super::model::{Arena, Demand, Id, Keyword};
use super::place::{self, Path};
use super::scan::address;
use super::{Broken, Limits, UnknownFields};
use crate::json::Value;

/// Bytes of a place in the data that are named.
const NAMED: usize = 256;

/// Why a check ends.
#[derive(Debug)]
enum Stop {
    /// What is checked does not hold, and nobody will ask where.
    Fails,
    Broken(Box<Broken>),
    /// Whatever the schemas around it make of a failure, the check is over.
    Over(Broken),
}

type Checked = Result<(), Stop>;

/// What was evaluated, found while schemas held.
#[derive(Debug, Clone, Copy)]
enum Mark {
    /// A member or an item, by its address.
    Evaluated(usize),
    /// An object that `properties` describes, and the schema that they are in.
    Described(usize, Id),
}

pub(super) fn check(arena: &Arena, limits: Limits, root: Id, unknown: UnknownFields, data: Value<'_, '_>) -> Result<(), Broken> {
    let refuses = unknown == UnknownFields::Refuse;
    let mut checker = Checker {
        arena,
        limits,
        fuel: limits.steps,
        depth: limits.depth,
        quiet: 0,
        tracking: 0,
        refuses,
        scope: vec![],
        marks: vec![],
    };
    let checked = checker.apply(root, data, Path::Root).and_then(|()| checker.closed(data));
    match checked {
        Ok(()) => Ok(()),
        Err(Stop::Broken(broken)) => Err(*broken),
        Err(Stop::Over(broken)) => Err(broken),
        // Only said while somebody is quiet; were it said here, it would not let data pass.
        Err(Stop::Fails) => Err(Broken::TooDear { limit: limits.steps }),
    }
}

struct Checker<'c> {
    arena: &'c Arena,
    limits: Limits,
    fuel: usize,
    depth: usize,
    /// How many keywords ask whether, and not where.
    quiet: usize,
    /// How many keywords around this place ask what was evaluated.
    tracking: usize,
    refuses: bool,
    /// The resources that were gone through, outermost first, where a `$dynamicRef` may ask.
    scope: Vec<usize>,
    marks: Vec<Mark>,
}

/// A schema that is being applied, for what its keywords need to know.
#[derive(Clone, Copy)]
struct Applied<'c, 'p> {
    id: Id,
    keyword: &'c Keyword,
    path: Path<'p>,
    /// Where the marks of this schema start.
    since: usize,
}

impl<'c> Checker<'c> {
    fn apply(&mut self, id: Id, value: Value<'_, '_>, path: Path<'_>) -> Checked {
        let arena = self.arena;
        let Some(schema) = arena.schemas.get(id) else { return Err(self.too_dear()) };
        self.spend(1)?;
        self.depth = self.depth.checked_sub(1).ok_or(self.too_deep())?;
        let enters = arena.dynamic && self.scope.last() != Some(&schema.resource);
        let asks = schema
            .keywords
            .iter()
            .any(|keyword| matches!(keyword.demand, Demand::UnevaluatedItems(_) | Demand::UnevaluatedProperties(_)));
        if enters {
            self.scope.push(schema.resource);
        }
        self.tracking += usize::from(asks);
        let since = self.marks.len();
        let mut keywords = schema.keywords.iter();
        let checked = keywords.try_for_each(|keyword| self.keyword(value, Applied { id, keyword, path, since }));
        self.tracking -= usize::from(asks);
        if enters {
            self.scope.pop();
        }
        self.depth += 1;
        checked
    }

    fn keyword(&mut self, value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        self.spend(1)?;
        match &applied.keyword.demand {
            Demand::Nothing => self.broken(applied),
            Demand::Type(types) => self.demand(types.allow_value(value), applied),
            Demand::Const(constant) => self.one_of_these(std::slice::from_ref(constant), value, applied),
            Demand::Enum(constants) => self.one_of_these(constants, value, applied),
            Demand::Number { bound, limit } => self.bound(*bound, limit, value, applied),
            Demand::MultipleOf(divisor) => self.multiple_of(*divisor, value, applied),
            Demand::Count { of, bound, limit } => self.counted(*of, *bound, *limit, value, applied),
            Demand::Pattern(pattern) => self.pattern(pattern, value, applied),
            Demand::UniqueItems => self.unique_items(value, applied),
            Demand::PrefixItems(ids) => self.prefix_items(ids, value, applied),
            Demand::Items { from, schema } => self.items(*from, *schema, value, applied),
            Demand::Contains(contains) => self.contains(contains, value, applied),
            Demand::UnevaluatedItems(id) => self.unevaluated_items(*id, value, applied),
            Demand::Required(names) => self.required(names, value, applied),
            Demand::Members(members) => self.members(members, value, applied),
            Demand::PropertyNames(id) => self.property_names(*id, value, applied),
            Demand::DependentRequired(dependent) => self.dependent_required(dependent, value, applied),
            Demand::DependentSchemas(dependent) => self.dependent_schemas(dependent, value, applied),
            Demand::UnevaluatedProperties(id) => self.unevaluated_properties(*id, value, applied),
            Demand::AllOf(ids) => ids.iter().try_for_each(|id| self.apply(*id, value, applied.path)),
            Demand::AnyOf(ids) => self.any_of(ids, value, applied),
            Demand::OneOf(ids) => self.one_of(ids, value, applied),
            Demand::Not(id) => self.not(*id, value, applied),
            Demand::If { condition, then, otherwise } => {
                let branch = if self.holds(*condition, value, applied.path)? { then } else { otherwise };
                branch.map_or(Ok(()), |id| self.apply(id, value, applied.path))
            }
            Demand::Reference(id) => self.apply(*id, value, applied.path),
            Demand::DynamicReference { initial, candidates } => {
                let outermost = |resource: &usize| candidates.iter().find(|(candidate, _)| candidate == resource);
                let id = self.scope.iter().find_map(outermost).map_or(*initial, |(_, id)| *id);
                self.apply(id, value, applied.path)
            }
        }
    }

    /// Whether a schema holds, whatever breaks it; what it evaluated counts only if it does.
    fn holds(&mut self, id: Id, value: Value<'_, '_>, path: Path<'_>) -> Result<bool, Stop> {
        let since = self.marks.len();
        self.quiet += 1;
        let checked = self.apply(id, value, path);
        self.quiet -= 1;
        match checked {
            Ok(()) => Ok(true),
            Err(Stop::Over(broken)) => Err(Stop::Over(broken)),
            Err(Stop::Fails | Stop::Broken(_)) => {
                self.marks.truncate(since);
                Ok(false)
            }
        }
    }

    /// A schema on a member or an item. What is evaluated inside of it is of interest only to [`UnknownFields::Refuse`].
    fn inside(&mut self, id: Id, value: Value<'_, '_>, path: Path<'_>) -> Checked {
        let since = self.marks.len();
        let tracking = std::mem::take(&mut self.tracking);
        let checked = self.apply(id, value, path);
        self.tracking = tracking;
        if !self.refuses {
            self.marks.truncate(since);
        }
        checked?;
        self.mark(Mark::Evaluated(address(value)));
        Ok(())
    }

    /// All of them where it is of interest what they evaluate, else as many as it takes.
    fn any_of(&mut self, ids: &[Id], value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        let mut any = false;
        for id in ids {
            any |= self.holds(*id, value, applied.path)?;
            if any && !self.marks_count() {
                return Ok(());
            }
        }
        self.demand(any, applied)
    }

    fn one_of(&mut self, ids: &[Id], value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        let mut held = 0;
        for id in ids {
            held += usize::from(self.holds(*id, value, applied.path)?);
            if held > 1 {
                return self.broken(applied);
            }
        }
        self.demand(held == 1, applied)
    }

    fn not(&mut self, id: Id, value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        let since = self.marks.len();
        let holds = self.holds(id, value, applied.path)?;
        self.marks.truncate(since);
        self.demand(!holds, applied)
    }

    fn spend(&mut self, steps: usize) -> Checked {
        self.fuel = self.fuel.checked_sub(steps).ok_or(self.too_dear())?;
        Ok(())
    }

    fn too_deep(&self) -> Stop {
        Stop::Over(Broken::TooDeep { limit: self.limits.depth })
    }

    fn too_dear(&self) -> Stop {
        Stop::Over(Broken::TooDear { limit: self.limits.steps })
    }

    fn marks_count(&self) -> bool {
        self.refuses || self.tracking > 0
    }

    fn mark(&mut self, mark: Mark) {
        if self.marks_count() {
            self.marks.push(mark);
        }
    }

    fn demand(&self, holds: bool, applied: Applied<'c, '_>) -> Checked {
        if holds { Ok(()) } else { self.broken(applied) }
    }

    fn broken(&self, applied: Applied<'c, '_>) -> Checked {
        self.broken_at(applied, applied.path, None)
    }

    /// A keyword, or what has this index in it, is broken at a place.
    fn broken_at(&self, applied: Applied<'c, '_>, path: Path<'_>, index: Option<usize>) -> Checked {
        if self.quiet > 0 {
            return Err(Stop::Fails);
        }
        let (schema, mut keyword) = self.place(applied.id, applied.keyword.name);
        if let Some(index) = index {
            place::push(&mut keyword, &index.to_string());
        }
        Err(Stop::Broken(Box::new(Broken::Keyword { instance: path.pointer(NAMED), schema, keyword })))
    }

    /// The document of a schema, and the place of a keyword in it.
    fn place(&self, id: Id, keyword: &str) -> (String, String) {
        let Some(schema) = self.arena.schemas.get(id) else { return Default::default() };
        let document = self.arena.documents.get(schema.document).map(|name| name.to_string()).unwrap_or_default();
        let pointer = if keyword.is_empty() { schema.pointer.to_string() } else { place::below(&schema.pointer, keyword) };
        (document, pointer)
    }
}
