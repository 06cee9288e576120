//! A checked program and the values of its variables into a value or an error. Every step is paid for, see [`Meter`].

use std::ops::ControlFlow;

use super::Activation;
use super::error::{EvalError, Fault};
use super::meter::Meter;
use super::node::{Node, Pattern, Work};
use super::operate;
use super::value::{Map, Value};

pub(super) type Evaluated<'a> = Result<Value<'a>, EvalError>;

/// One evaluation.
pub(super) struct Evaluation<'a> {
    activation: &'a dyn Activation,
    /// The variables of the macros that are at work, the outermost first.
    pub(super) locals: Vec<Value<'a>>,
    pub(super) meter: Meter,
}

impl<'a> Evaluation<'a> {
    pub(super) const fn new(activation: &'a dyn Activation, steps: u64) -> Self {
        Self { activation, locals: Vec::new(), meter: Meter::new(steps) }
    }

    pub(super) fn value(&mut self, node: &'a Node) -> Evaluated<'a> {
        self.meter.step().map_err(|fault| fault.at(node.place))?;
        let outcome = match &node.work {
            Work::Constant(value) => Ok(value.borrowed()),
            Work::Variable(slot, name) => {
                self.activation.resolve(*slot).and_then(|value| value.ok_or_else(|| Fault::Absent(name.clone())))
            }
            Work::HasVariable(slot) => self.activation.resolve(*slot).map(|value| Value::Bool(value.is_some())),
            Work::Local(number) => self.locals.get(*number).cloned().ok_or(Fault::NoSuchIndex),
            Work::Member(operand, name) => {
                let operand = self.value(operand)?;
                self.member(&operand, name).and_then(|value| value.ok_or_else(|| Fault::NoSuchKey(name.to_string())))
            }
            Work::HasMember(operand, name) => {
                let operand = self.value(operand)?;
                self.member(&operand, name).map(|value| Value::Bool(value.is_some()))
            }
            Work::All(operands) => return self.settle(operands, false),
            Work::Any(operands) => return self.settle(operands, true),
            Work::Conditional(parts) => return self.conditional(parts),
            Work::Call(function, arguments) => return self.call(*function, arguments, node),
            Work::Matches(text, pattern) => {
                let text = self.value(text)?;
                self.matches(&text, pattern)
            }
            Work::List(items) => return self.list(items),
            Work::Map(entries) => return self.map(entries, node),
            Work::Loop(work) => return self.run(work),
        };
        outcome.map_err(|fault| fault.at(node.place))
    }

    fn member(&mut self, operand: &Value<'a>, name: &str) -> Result<Option<Value<'a>>, Fault> {
        let Value::Map(map) = operand else { return Err(Fault::NoOverload { operation: "." }) };
        self.meter.steps(map.cost())?;
        map.member(name)
    }

    /// `&&` and `||`: one operand of the value that decides is enough, whatever the others are; where there is none, an operand
    /// that failed is the outcome (language definition, "Logical Operators").
    fn settle(&mut self, operands: &'a [Node], decides: bool) -> Evaluated<'a> {
        let mut failed = None;
        for operand in operands {
            match self.bool(operand) {
                Ok(value) if value == decides => return Ok(Value::Bool(decides)),
                Ok(_) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(Value::Bool(!decides)), Err)
    }

    fn conditional(&mut self, [condition, then, otherwise]: &'a [Node; 3]) -> Evaluated<'a> {
        if self.bool(condition)? { self.value(then) } else { self.value(otherwise) }
    }

    pub(super) fn bool(&mut self, node: &'a Node) -> Result<bool, EvalError> {
        match self.value(node)? {
            Value::Bool(bool) => Ok(bool),
            _ => Err(Fault::NotBool.at(node.place)),
        }
    }

    fn call(&mut self, function: super::function::Function, arguments: &'a [Node], node: &Node) -> Evaluated<'a> {
        let outcome = match arguments {
            [one] => {
                let one = self.value(one)?;
                operate::unary(function, one, &mut self.meter)
            }
            [one, two] => {
                let one = self.value(one)?;
                let two = self.value(two)?;
                operate::binary(function, &one, &two, &mut self.meter)
            }
            _ => Err(Fault::NoOverload { operation: function.name() }),
        };
        outcome.map_err(|fault| fault.at(node.place))
    }

    fn matches(&mut self, text: &Value<'a>, pattern: &Pattern) -> Result<Value<'a>, Fault> {
        let Value::String(text) = text else { return Err(Fault::NoOverload { operation: "matches" }) };
        self.meter.steps(text.as_str().len().saturating_mul(pattern.size) / PROGRAM_BYTES_PER_STEP)?;
        Ok(Value::Bool(pattern.regex.is_match(text.as_str())))
    }

    fn list(&mut self, items: &'a [Node]) -> Evaluated<'a> {
        Ok(Value::list(items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?))
    }

    fn map(&mut self, nodes: &'a [(Node, Node)], place: &Node) -> Evaluated<'a> {
        let mut entries = Vec::with_capacity(nodes.len());
        for (key, value) in nodes {
            let entry = (self.value(key)?, self.value(value)?);
            self.insert(&mut entries, entry).map_err(|fault| fault.at(place.place))?;
        }
        Ok(Value::map(entries))
    }

    /// One more entry of a map, whose key is a new one.
    pub(super) fn insert(
        &mut self,
        entries: &mut Vec<(Value<'a>, Value<'a>)>,
        entry: (Value<'a>, Value<'a>),
    ) -> Result<(), Fault> {
        self.meter.steps(entries.len())?;
        if !matches!(entry.0, Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::String(_)) {
            return Err(Fault::KeyType);
        }
        if Map::Borrowed(entries).find(&entry.0)?.is_some() {
            return Err(Fault::DuplicateKey);
        }
        entries.push(entry);
        Ok(())
    }
}

/// About ten instructions of a pattern's program, for one character.
const PROGRAM_BYTES_PER_STEP: usize = 256;

/// What a loop does next.
pub(super) type Step<'a> = Result<ControlFlow<Value<'a>>, EvalError>;
