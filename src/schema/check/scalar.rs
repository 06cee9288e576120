//! The keywords of a value as a whole, of numbers and of texts. What a value is shows at its first byte; no text is unescaped for it.

use super::{Applied, Checked, Checker, Stop};
use crate::json::Value;
use crate::schema::decimal::{Decimal, Divisor};
use crate::schema::equal::Constant;
use crate::schema::model::{Bound, Counted, Types};
use crate::schema::pattern::Pattern;

impl<'c> Checker<'c> {
    pub(super) fn one_of_these(&mut self, constants: &[Constant], value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        let bytes = value.raw().len();
        let cost = 1 + if matches!(first(value), b'[' | b'{') { bytes } else { bytes / 8 };
        for constant in constants {
            self.spend(cost)?;
            if constant.is(value, self.limits.depth).ok_or(self.too_deep())? {
                return Ok(());
            }
        }
        self.broken(applied)
    }

    pub(super) fn bound(&mut self, bound: Bound, limit: &str, value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        let Some(written) = number(value) else { return Ok(()) };
        self.spend(written.len() / 8)?;
        self.demand(bound.allows(Decimal::of(written).cmp(Decimal::of(limit))), applied)
    }

    pub(super) fn multiple_of(&mut self, divisor: Divisor, value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        let Some(written) = number(value) else { return Ok(()) };
        self.spend(written.len())?;
        self.demand(Decimal::of(written).is_multiple_of(divisor), applied)
    }

    pub(super) fn counted(
        &mut self,
        counted: Counted,
        bound: Bound,
        limit: usize,
        value: Value<'_, '_>,
        applied: Applied<'c, '_>,
    ) -> Checked {
        let found = match counted {
            Counted::Characters if first(value) == b'"' => {
                self.spend(value.raw().len() / 8)?;
                value.as_str().map(|text| text.chars().count())
            }
            Counted::Characters => None,
            Counted::Items => value.items().map(Iterator::count),
            Counted::Members => value.names().map(Iterator::count),
        };
        let Some(found) = found else { return Ok(()) };
        self.spend(if counted == Counted::Characters { 0 } else { found })?;
        self.demand(bound.allows(found.cmp(&limit)), applied)
    }

    pub(super) fn pattern(&mut self, pattern: &Pattern, value: Value<'_, '_>, applied: Applied<'c, '_>) -> Checked {
        self.spend(if first(value) == b'"' { value.raw().len() / 8 } else { 0 })?;
        let Some(text) = value.as_str() else { return Ok(()) };
        let matches = self.matches(pattern, &text)?;
        self.demand(matches, applied)
    }

    pub(super) fn matches(&mut self, pattern: &Pattern, text: &str) -> Result<bool, Stop> {
        pattern.matches(text, &mut self.fuel).ok_or(self.too_dear())
    }
}

fn first(value: Value<'_, '_>) -> u8 {
    value.raw().bytes().next().unwrap_or_default()
}

fn number<'a>(value: Value<'_, 'a>) -> Option<&'a str> {
    matches!(first(value), b'-' | b'0'..=b'9').then(|| value.raw())
}

impl Types {
    pub(super) fn allow_value(self, value: Value<'_, '_>) -> bool {
        match first(value) {
            b'n' => self.null,
            b't' | b'f' => self.boolean,
            b'"' => self.string,
            b'[' => self.array,
            b'{' => self.object,
            _ => self.number || (self.integer && Decimal::of(value.raw()).is_integer()),
        }
    }
}
