//! What was evaluated, and what was not.

use std::collections::BinaryHeap;

use super::{Checked, Checker, Mark, NAMED, Stop};
use crate::json::Value;
use crate::schema::Broken;
use crate::schema::model::Id;
use crate::schema::place::Path;
use crate::schema::scan::address;

/// The marks of a check that has held, sorted.
struct Known {
    evaluated: Vec<(usize, Id)>,
    described: Vec<(usize, Id)>,
}

impl Checker<'_> {
    /// The addresses of what was evaluated since a mark, sorted; in pairs, so that one sort serves both lists.
    pub(super) fn evaluated(&mut self, since: usize) -> Result<Vec<(usize, Id)>, Stop> {
        let marks = self.marks.get(since..).unwrap_or_default();
        let evaluated = sorted(marks.iter().filter_map(|mark| mark.evaluated()));
        self.spend(evaluated.len())?;
        Ok(evaluated)
    }

    /// No member that nothing evaluated, in an object that is described.
    pub(super) fn closed(&mut self, data: Value<'_, '_>) -> Checked {
        if !self.refuses {
            return Ok(());
        }
        let described = sorted(self.marks.iter().filter_map(|mark| mark.described()));
        let known = Known { evaluated: self.evaluated(0)?, described };
        self.closed_below(&known, data, Path::Root)
    }

    fn closed_below(&mut self, known: &Known, value: Value<'_, '_>, path: Path<'_>) -> Checked {
        self.depth = self.depth.checked_sub(1).ok_or(self.too_deep())?;
        for (index, item) in value.items().into_iter().flatten().enumerate() {
            self.closed_below(known, item, Path::Item(&path, index))?;
        }
        let describes = find(&known.described, value);
        for (name, member) in value.members().into_iter().flatten() {
            self.spend(1)?;
            let path = Path::Member(&path, &name);
            if let Some(id) = describes.filter(|_| !is_among(&known.evaluated, member)) {
                let (schema, keyword) = self.place(id, "properties");
                return Err(Stop::Over(Broken::UnknownField { instance: path.pointer(NAMED), schema, keyword }));
            }
            self.closed_below(known, member, path)?;
        }
        self.depth += 1;
        Ok(())
    }
}

/// By a heap: slices' own sort takes 8 KB of the module for these pairs.
fn sorted(marks: impl Iterator<Item = (usize, Id)>) -> Vec<(usize, Id)> {
    marks.collect::<BinaryHeap<_>>().into_sorted_vec()
}

/// What a list holds of a value.
fn find(marks: &[(usize, Id)], value: Value<'_, '_>) -> Option<Id> {
    let at = address(value);
    let first = marks.partition_point(|(marked, _)| *marked < at);
    marks.get(first).filter(|(marked, _)| *marked == at).map(|(_, id)| *id)
}

pub(super) fn is_among(marks: &[(usize, Id)], value: Value<'_, '_>) -> bool {
    find(marks, value).is_some()
}

impl Mark {
    fn evaluated(self) -> Option<(usize, Id)> {
        match self {
            Self::Evaluated(address) => Some((address, 0)),
            Self::Described(..) => None,
        }
    }

    fn described(self) -> Option<(usize, Id)> {
        match self {
            Self::Evaluated(_) => None,
            Self::Described(address, id) => Some((address, id)),
        }
    }
}
