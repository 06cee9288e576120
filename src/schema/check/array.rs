//! The keywords of arrays.

use super::closed::is_among;
use super::{Applied, Checked, Checker};
use crate::json::{Value, sort};
use crate::schema::equal;
use crate::schema::model::{Contains, Id};
use crate::schema::place::Path;
use crate::schema::scan::address;

impl<'c> Checker<'c> {
    /// Equal items are next to each other once their forms are sorted, so a thousand items do not cost their square.
    pub(super) fn unique_items(&mut self, value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        let Some(items) = value.items() else { return Ok(()) };
        self.spend(value.raw().len())?;
        let forms = items.map(|item| equal::form(item, self.limits.depth)).collect::<Option<Vec<_>>>();
        let forms = sort(forms.ok_or(self.too_deep())?.into_iter().map(|form| (form.into(), 0)));
        let twice = forms.windows(2).any(|pair| matches!(pair, [one, other] if one == other));
        self.demand(!twice, applied)
    }

    pub(super) fn prefix_items(&mut self, ids: &[Id], value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        let items = value.items().into_iter().flatten();
        for (index, (item, id)) in items.zip(ids).enumerate() {
            self.inside(*id, item, Path::Item(&applied.path, index))?;
        }
        Ok(())
    }

    pub(super) fn items(&mut self, from: usize, id: Id, value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        for (index, item) in value.items().into_iter().flatten().enumerate().skip(from) {
            self.inside(id, item, Path::Item(&applied.path, index))?;
        }
        Ok(())
    }

    pub(super) fn contains(&mut self, contains: &Contains, value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        let Some(items) = value.items() else { return Ok(()) };
        let mut found = 0;
        for (index, item) in items.enumerate() {
            let since = self.marks.len();
            let tracking = std::mem::take(&mut self.tracking);
            let holds = self.holds(contains.schema, item, Path::Item(&applied.path, index))?;
            self.tracking = tracking;
            if !self.refuses {
                self.marks.truncate(since);
            }
            if holds && contains.evaluates {
                self.mark(super::Mark::Evaluated(address(item)));
            }
            found += usize::from(holds);
        }
        self.demand(found >= contains.least && contains.most.is_none_or(|most| found <= most), applied)
    }

    pub(super) fn unevaluated_items(&mut self, id: Id, value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        let Some(items) = value.items() else { return Ok(()) };
        let evaluated = self.evaluated(applied.since)?;
        for (index, item) in items.enumerate() {
            self.spend(1)?;
            if !is_among(&evaluated, item) {
                self.inside(id, item, Path::Item(&applied.path, index))?;
            }
        }
        Ok(())
    }
}
