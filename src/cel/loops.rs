//! Calls of macros into loops (language definition, "Macros"; the forms of two variables are those of the extension
//! "TwoVarComprehensions").

use super::check::{Checker, no_overload};
use super::error::{CompileError, CompileErrorKind, Place};
use super::kind::Type;
use super::node::{Goal, Loop, Node, Work};
use super::syntax::{Expression, Form};

/// The macros of a receiver: name, how many variables, whether a test stands before the body, goal.
static MACROS: [(&str, usize, bool, Goal); 17] = [
    ("all", 1, false, Goal::All),
    ("all", 2, false, Goal::All),
    ("exists", 1, false, Goal::Exists),
    ("exists", 2, false, Goal::Exists),
    ("exists_one", 1, false, Goal::ExistsOne),
    ("exists_one", 2, false, Goal::ExistsOne),
    ("existsOne", 1, false, Goal::ExistsOne),
    ("existsOne", 2, false, Goal::ExistsOne),
    ("filter", 1, false, Goal::Filter),
    ("map", 1, false, Goal::List),
    ("map", 1, true, Goal::List),
    ("transformList", 2, false, Goal::List),
    ("transformList", 2, true, Goal::List),
    ("transformMap", 2, false, Goal::Map),
    ("transformMap", 2, true, Goal::Map),
    ("transformMapEntry", 2, false, Goal::Entries),
    ("transformMapEntry", 2, true, Goal::Entries),
];

impl Checker<'_> {
    /// What a call of a macro is; `None` for other calls.
    pub(super) fn loops(
        &mut self,
        name: &str,
        receiver: Option<&Expression<'_>>,
        arguments: &[Expression<'_>],
        place: Place,
    ) -> Result<Option<(Work, Type)>, CompileError> {
        let Some(range) = receiver else {
            return if name == "has" { self.has(arguments, place).map(Some) } else { Ok(None) };
        };
        let fits = |variables: usize, test: bool| arguments.len() == variables + usize::from(test) + 1;
        let found = MACROS.iter().find(|(own, variables, test, _)| *own == name && fits(*variables, *test));
        let Some(&(_, variables, _, goal)) = found else { return Ok(None) };
        let (names, rest) = arguments.split_at(variables);
        let names = plain_names(name, names)?;
        let (range, kind) = self.check(range)?;
        let (item, key, value) =
            kinds(&kind).ok_or_else(|| no_overload("a macro", std::slice::from_ref(&kind)).at(range.place))?;
        let pairs = variables == 2;
        let locals: Vec<_> = names.into_iter().zip(if pairs { vec![key.clone(), value] } else { vec![item.clone()] }).collect();
        let (test, body) = match rest {
            [test, body] => (Some(test), body),
            [body] => (None, body),
            _ => return Ok(None),
        };
        let (test, (body, made)) = self.inside(locals, place, |checker| {
            let test = test.map(|test| checker.bool(test)).transpose()?;
            Ok((test, checker.body(goal, body)?))
        })?;
        let result = result(goal, item, key, made).map_err(|kind| kind.at(place))?;
        Ok(Some((Work::Loop(Box::new(Loop { range, pairs, goal, test, body })), result)))
    }

    fn body(&mut self, goal: Goal, body: &Expression<'_>) -> Result<(Node, Type), CompileError> {
        match goal {
            Goal::All | Goal::Exists | Goal::ExistsOne | Goal::Filter => Ok((self.bool(body)?, Type::Bool)),
            Goal::List | Goal::Map | Goal::Entries => self.check(body),
        }
    }
}

fn plain_names(name: &str, variables: &[Expression<'_>]) -> Result<Vec<String>, CompileError> {
    let mut names: Vec<String> = Vec::with_capacity(variables.len());
    for variable in variables {
        match variable.form {
            Form::Name { name, rooted: false } if !names.iter().any(|own| own == name) => names.push(name.to_owned()),
            _ => return Err(CompileErrorKind::MacroVariable(name.to_owned()).at(variable.place)),
        }
    }
    Ok(names)
}

/// What a macro of one variable sees of a range, then its keys and its values.
fn kinds(range: &Type) -> Option<(Type, Type, Type)> {
    match range {
        Type::List(items) => Some((items.as_ref().clone(), Type::Int, items.as_ref().clone())),
        Type::Map(keys, values) => Some((keys.as_ref().clone(), keys.as_ref().clone(), values.as_ref().clone())),
        Type::Dyn | Type::Open => Some((Type::Dyn, Type::Dyn, Type::Dyn)),
        _ => None,
    }
}

fn result(goal: Goal, item: Type, key: Type, made: Type) -> Result<Type, CompileErrorKind> {
    Ok(match (goal, made) {
        (Goal::All | Goal::Exists | Goal::ExistsOne, _) => Type::Bool,
        (Goal::Filter, _) => Type::list(item),
        (Goal::List, made) => Type::list(made),
        (Goal::Map, made) => Type::map(key, made),
        (Goal::Entries, made @ Type::Map(..)) => made,
        (Goal::Entries, Type::Dyn | Type::Open) => Type::map(Type::Dyn, Type::Dyn),
        (Goal::Entries, made) => return Err(CompileErrorKind::Mismatch { found: made.settled(), expected: "a map" }),
    })
}
