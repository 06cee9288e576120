//! What a condition says, as a tree: names are not looked up yet, and macros are calls like any other.

use super::error::Place;
use super::value::Value;

/// An expression, where it stands, and how many levels are below it.
#[derive(Debug)]
pub(super) struct Expression<'t> {
    pub(super) form: Form<'t>,
    pub(super) place: Place,
    pub(super) height: usize,
}

#[derive(Debug)]
pub(super) enum Form<'t> {
    Literal(Value<'static>),
    /// A name; rooted (`.a`) where no variable of a macro is meant.
    Name {
        name: &'t str,
        rooted: bool,
    },
    Select {
        operand: Box<Expression<'t>>,
        member: &'t str,
    },
    Call {
        name: &'t str,
        receiver: Option<Box<Expression<'t>>>,
        arguments: Vec<Expression<'t>>,
    },
    /// An operator, by the name of its function.
    Operator(&'static str, Vec<Expression<'t>>),
    /// `&&` of all of them.
    All(Vec<Expression<'t>>),
    /// `||` of all of them.
    Any(Vec<Expression<'t>>),
    Conditional(Box<[Expression<'t>; 3]>),
    List(Vec<Expression<'t>>),
    Map(Vec<(Expression<'t>, Expression<'t>)>),
}

impl Expression<'_> {
    /// The dotted name that this is, where it is one: its parts, and whether it is rooted.
    pub(super) fn path(&self) -> Option<(Vec<&str>, bool)> {
        match &self.form {
            Form::Name { name, rooted } => Some((vec![name], *rooted)),
            Form::Select { operand, member } => {
                let (mut parts, rooted) = operand.path()?;
                parts.push(member);
                Some((parts, rooted))
            }
            Form::Literal(_)
            | Form::Call { .. }
            | Form::Operator(..)
            | Form::All(_)
            | Form::Any(_)
            | Form::Conditional(_)
            | Form::List(_)
            | Form::Map(_) => None,
        }
    }
}
