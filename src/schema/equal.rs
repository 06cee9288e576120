//! Equality of values as JSON Schema has it: numbers by what they are worth, objects whatever the order of their members. Each value
//! has one form, so that many are compared by sorting and not each with each.

use std::borrow::Cow;

use super::decimal::Decimal;
use crate::json::{Kind, Value, sort};

/// A value that a schema names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Constant {
    /// `null`, `true` or `false`.
    Word(Box<str>),
    /// As it was written.
    Number(Box<str>),
    Text(Box<str>),
    /// The form of an array or an object.
    Nested(Box<str>),
}

impl Constant {
    /// `None` where it is nested deeper than `depth`.
    pub(super) fn of(value: Value<'_, '_>, depth: usize) -> Option<Self> {
        Some(match value.kind() {
            Kind::Null | Kind::Bool(_) => Self::Word(value.raw().into()),
            Kind::Number(written) => Self::Number(written.into()),
            Kind::String(text) => Self::Text(text.into()),
            Kind::Array | Kind::Object => Self::Nested(form(value, depth)?.into()),
        })
    }

    /// Whether a value is this one; `None` where it is nested too deep to say.
    pub(super) fn is(&self, value: Value<'_, '_>, depth: usize) -> Option<bool> {
        Some(match (self, value.kind()) {
            (Self::Word(word), Kind::Null | Kind::Bool(_)) => **word == *value.raw(),
            (Self::Number(number), Kind::Number(written)) => Decimal::of(number).cmp(Decimal::of(written)).is_eq(),
            (Self::Text(text), Kind::String(found)) => **text == *found,
            (Self::Nested(nested), Kind::Array | Kind::Object) => **nested == *form(value, depth)?,
            _ => false,
        })
    }
}

/// The form that a value shares with those that equal it, and with no other; `None` where it is nested deeper than `depth`.
pub(super) fn form(value: Value<'_, '_>, depth: usize) -> Option<String> {
    let mut form = String::new();
    write(value, depth, &mut form)?;
    Some(form)
}

fn write(value: Value<'_, '_>, depth: usize, form: &mut String) -> Option<()> {
    let inside = depth.checked_sub(1)?;
    match value.kind() {
        Kind::Null | Kind::Bool(_) => form.push_str(value.raw()),
        Kind::Number(written) => Decimal::of(written).write(form),
        Kind::String(text) => write_text(&text, form),
        Kind::Array => {
            form.push('[');
            for item in value.items().into_iter().flatten() {
                write(item, inside, form)?;
                form.push(',');
            }
            form.push(']');
        }
        Kind::Object => {
            let members: Vec<(Cow<'_, str>, Value<'_, '_>)> = value.members().into_iter().flatten().collect();
            let names = members.iter().enumerate().map(|(index, (name, _))| (Cow::Borrowed(&**name), index));
            form.push('{');
            for (name, index) in sort(names) {
                write_text(&name, form);
                write(members.get(index)?.1, inside, form)?;
                form.push(',');
            }
            form.push('}');
        }
    }
    Some(())
}

/// The length first, so that no text can end early and go on as something else.
fn write_text(text: &str, form: &mut String) {
    form.push('"');
    form.push_str(&text.len().to_string());
    form.push(':');
    form.push_str(text);
}
