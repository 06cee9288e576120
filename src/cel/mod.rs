//! The Common Expression Language (language definition of cel-spec): the text of a condition into a checked program, and that
//! into true, false or an error. Trusts the text's author to mean well, not to get it right; trusts no value. Knows nothing of
//! events. Messages, enums, optional values, named time zones and the functions of extensions are not there, and refused by name.

#![expect(clippy::wildcard_enum_match_arm, reason = "an operation names the values that it takes, and refuses all others alike")]

mod check;
mod compare;
mod convert;
mod error;
mod eval;
mod function;
mod kind;
mod lex;
mod literal;
mod loops;
mod meter;
mod moment;
mod node;
mod operate;
mod parse;
mod run;
mod syntax;
#[cfg(test)]
mod tests;
mod value;

pub use error::{CompileError, CompileErrorKind, EvalError, Fault, Place};
pub use kind::{Type, TypeName};
pub use moment::{Duration, Moment};
pub use parse::{DEEPEST, LONGEST};
pub use value::{Bytes, List, Map, Table, Text, Value};

use check::Checker;
use eval::Evaluation;
use node::Node;

/// The variables that conditions may name. A variable whose name has dots is a member of a group (`event.type`): it is found by
/// its number alone, and the group itself is no value.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: Vec<Variable>,
}

#[derive(Debug, Clone)]
struct Variable {
    name: String,
    kind: Type,
}

/// Where the values of variables come from.
pub trait Activation {
    /// The value of the variable of that number, counted in the order of [`Environment::with`]; `None` where it has none: to name
    /// it is then an error, and `has` of it is false. It is asked for each time the condition names it.
    ///
    /// # Errors
    ///
    /// [`Fault`] where what it has is no value: `has` of it is an error too.
    fn resolve(&self, slot: usize) -> Result<Option<Value<'_>>, Fault>;
}

/// No variable has a value.
#[derive(Debug)]
struct Nothing;

impl Activation for Nothing {
    fn resolve(&self, _slot: usize) -> Result<Option<Value<'_>>, Fault> {
        Ok(None)
    }
}

/// A text that was read and checked.
#[derive(Debug, Clone)]
pub struct Program {
    node: Node,
    kind: Type,
}

/// A program that is true or false.
#[derive(Debug, Clone)]
pub struct Condition(Program);

impl Environment {
    /// One more variable; its number is how many there were before.
    #[must_use]
    pub fn with(mut self, name: &str, kind: Type) -> Self {
        self.variables.push(Variable { name: name.to_owned(), kind });
        self
    }

    fn variable(&self, name: &str) -> Option<(usize, &Variable)> {
        self.variables.iter().enumerate().find(|(_, variable)| variable.name == name)
    }

    /// Whether the names of variables start with this one and a dot.
    fn is_group(&self, name: &str) -> bool {
        self.variables.iter().any(|variable| variable.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    }
}

impl Program {
    /// Reads and checks a text.
    ///
    /// # Errors
    ///
    /// [`CompileError`] with the place of the first thing that is wrong.
    pub fn compile(text: &str, environment: &Environment) -> Result<Self, CompileError> {
        let expression = parse::parse(text)?;
        let (node, kind) = Checker::new(environment).check(&expression)?;
        Ok(Self { node, kind: kind.settled() })
    }

    /// The type of its value, as far as it is known.
    #[must_use]
    pub const fn kind(&self) -> &Type {
        &self.kind
    }

    /// Its value, in at most so many steps: about one for each operation, each item that is looked at, and each sixteen bytes.
    ///
    /// # Errors
    ///
    /// [`EvalError`] with the place of what has no value.
    pub fn evaluate<'a>(&'a self, activation: &'a dyn Activation, steps: u64) -> Result<Value<'a>, EvalError> {
        Evaluation::new(activation, steps).value(&self.node)
    }
}

impl Condition {
    /// Reads and checks a text whose value is a `bool`, or is not known to be something else.
    ///
    /// # Errors
    ///
    /// [`CompileError`] with the place of the first thing that is wrong.
    pub fn compile(text: &str, environment: &Environment) -> Result<Self, CompileError> {
        let program = Program::compile(text, environment)?;
        if program.kind.fits(&Type::Bool) {
            return Ok(Self(program));
        }
        Err(CompileErrorKind::Mismatch { found: program.kind, expected: "bool" }.at(program.node.place))
    }

    /// The value, where it is the same whatever the variables are.
    #[must_use]
    pub const fn constant(&self) -> Option<bool> {
        match self.0.node.constant() {
            Some(Value::Bool(value)) => Some(*value),
            _ => None,
        }
    }

    /// Whether it is true, found out in at most so many steps; see [`Program::evaluate`].
    ///
    /// # Errors
    ///
    /// [`EvalError`] with the place of what has no value.
    pub fn holds(&self, activation: &dyn Activation, steps: u64) -> Result<bool, EvalError> {
        match self.0.evaluate(activation, steps)? {
            Value::Bool(value) => Ok(value),
            _ => Err(Fault::NotBool.at(self.0.node.place)),
        }
    }
}
