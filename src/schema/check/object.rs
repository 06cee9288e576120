//! The keywords of objects. Goes over the members of the data, not over the names of the schema: an object may have any number of
//! members, and each is looked up in a sorted list.

use super::closed::is_among;
use super::{Applied, Checked, Checker, Mark};
use crate::json::{Value, sort};
use crate::schema::model::{Dependent, Id, Members};
use crate::schema::place::Path;
use crate::schema::scan::address;

impl<'c> Checker<'c> {
    pub(super) fn members(&mut self, members: &Members, value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        let Some(there) = value.members() else { return Ok(()) };
        for (name, member) in there {
            self.spend(1 + name.len() / 8)?;
            let path = Path::Member(&applied.path, &name);
            let mut known = false;
            if let Some(id) = find(&members.named, &name) {
                known = true;
                self.inside(*id, member, path)?;
            }
            for (pattern, id) in &members.patterns {
                if self.matches(pattern, &name)? {
                    known = true;
                    self.inside(*id, member, path)?;
                }
            }
            if let Some(id) = members.additional.filter(|_| !known) {
                self.inside(id, member, path)?;
            }
        }
        if members.described {
            self.mark(Mark::Described(address(value), applied.id));
        }
        Ok(())
    }

    /// A name stands in an object once, so as many as are demanded are all of them.
    pub(super) fn required(&mut self, names: &[(Box<str>, usize)], value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        let Some(there) = value.members() else { return Ok(()) };
        let mut missing = names.len();
        for (name, _) in there {
            self.spend(1 + name.len() / 8)?;
            missing -= usize::from(find(names, &name).is_some());
        }
        if missing == 0 {
            return Ok(());
        }
        self.spend(value.raw().len() / 8)?;
        let sorted = sort(value.members().into_iter().flatten().map(|(name, _)| (name, 0)));
        let absent = names.iter().filter(|(name, _)| sorted.binary_search_by(|(there, _)| (**there).cmp(name)).is_err());
        self.broken_at(applied, applied.path, absent.map(|(_, index)| *index).min())
    }

    pub(super) fn property_names(&mut self, id: Id, value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        let Some(names) = value.names() else { return Ok(()) };
        for name in names {
            self.spend(1)?;
            let text = name.as_str().unwrap_or_default();
            let since = self.marks.len();
            let checked = self.apply(id, name, Path::Member(&applied.path, &text));
            self.marks.truncate(since);
            checked?;
        }
        Ok(())
    }

    pub(super) fn dependent_required(
        &mut self,
        dependent: &[Dependent],
        value: Value<'_, '_>,
        applied: Applied<'c, '_>,
    ) -> Checked {
        for (name, needed) in dependent {
            if self.has(value, name)? {
                for other in needed {
                    if !self.has(value, other)? {
                        return self.broken(applied);
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn dependent_schemas(
        &mut self,
        dependent: &[(Box<str>, Id)],
        value: Value<'_, '_>,
        applied: Applied<'c, '_>,
    ) -> Checked {
        for (name, id) in dependent {
            if self.has(value, name)? {
                self.apply(*id, value, applied.path)?;
            }
        }
        Ok(())
    }

    pub(super) fn unevaluated_properties(&mut self, id: Id, value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        let Some(members) = value.members() else { return Ok(()) };
        let evaluated = self.evaluated(applied.since)?;
        for (name, member) in members {
            self.spend(1)?;
            if !is_among(&evaluated, member) {
                self.inside(id, member, Path::Member(&applied.path, &name))?;
            }
        }
        Ok(())
    }

    fn has(&mut self, value: Value<'_, '_>, name: &str) -> Result<bool, super::Stop> {
        let Some(mut members) = value.members() else { return Ok(false) };
        let mut passed = 0;
        let found = members.any(|(there, _)| {
            passed += 1 + there.len() / 8;
            there == name
        });
        self.spend(passed)?;
        Ok(found)
    }
}

fn find<'l, T>(sorted: &'l [(Box<str>, T)], name: &str) -> Option<&'l T> {
    let at = sorted.binary_search_by(|(there, _)| (**there).cmp(name)).ok()?;
    sorted.get(at).map(|(_, found)| found)
}
