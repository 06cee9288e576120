//! The macros: loops over the items of a list or the entries of a map (language definition, "Macros").

use std::ops::ControlFlow;

use super::error::{EvalError, Fault};
use super::eval::{Evaluated, Evaluation, Step};
use super::node::{Goal, Loop};
use super::value::Value;

/// What a loop knows so far.
struct State<'a> {
    /// The first item that failed; `all` and `exists` go on, as `&&` and `||` do.
    failed: Option<EvalError>,
    count: usize,
    items: Vec<Value<'a>>,
    entries: Vec<(Value<'a>, Value<'a>)>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn run(&mut self, work: &'a Loop) -> Evaluated<'a> {
        let mut state = State { failed: None, count: 0, items: Vec::new(), entries: Vec::new() };
        let range = self.value(&work.range)?;
        let decided = match &range {
            Value::List(list) => self.items(work, &mut list.iter().enumerate().map(indexed), &mut state)?,
            Value::Map(map) => {
                let entries = map.entries().map_err(|fault| fault.at(work.range.place))?;
                self.items(work, &mut entries.map(|(key, value)| (key.clone(), key, value)), &mut state)?
            }
            _ => return Err(Fault::NoOverload { operation: "a macro" }.at(work.range.place)),
        };
        decided.map_or_else(|| state.end(work.goal), Ok)
    }

    /// All items, or those up to the one that decides. Each is what a macro of one variable sees, its key, and its value.
    fn items(
        &mut self,
        work: &'a Loop,
        items: &mut dyn Iterator<Item = (Value<'a>, Value<'a>, Value<'a>)>,
        state: &mut State<'a>,
    ) -> Result<Option<Value<'a>>, EvalError> {
        for (item, key, value) in items {
            self.meter.step().map_err(|fault| fault.at(work.range.place))?;
            let outside = self.locals.len();
            if work.pairs {
                self.locals.extend([key.clone(), value]);
            } else {
                self.locals.push(item.clone());
            }
            let step = self.item(work, item, key, state);
            self.locals.truncate(outside);
            if let ControlFlow::Break(value) = step? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn item(&mut self, work: &'a Loop, item: Value<'a>, key: Value<'a>, state: &mut State<'a>) -> Step<'a> {
        if let Some(test) = &work.test
            && !self.bool(test)?
        {
            return Ok(ControlFlow::Continue(()));
        }
        match work.goal {
            Goal::All => return Ok(self.quantify(work, false, state)),
            Goal::Exists => return Ok(self.quantify(work, true, state)),
            Goal::ExistsOne => state.count += usize::from(self.bool(&work.body)?),
            Goal::Filter => {
                if self.bool(&work.body)? {
                    state.items.push(item);
                }
            }
            Goal::List => state.items.push(self.value(&work.body)?),
            Goal::Map => {
                let value = self.value(&work.body)?;
                self.insert(&mut state.entries, (key, value)).map_err(|fault| fault.at(work.body.place))?;
            }
            Goal::Entries => self.entries(work, state)?,
        }
        Ok(ControlFlow::Continue(()))
    }

    fn quantify(&mut self, work: &'a Loop, decides: bool, state: &mut State<'a>) -> ControlFlow<Value<'a>> {
        match self.bool(&work.body) {
            Ok(value) if value == decides => return ControlFlow::Break(Value::Bool(decides)),
            Ok(_) => {}
            Err(error) => state.failed = state.failed.take().or(Some(error)),
        }
        ControlFlow::Continue(())
    }

    fn entries(&mut self, work: &'a Loop, state: &mut State<'a>) -> Result<(), EvalError> {
        let Value::Map(map) = self.value(&work.body)? else {
            return Err(Fault::NoOverload { operation: "transformMapEntry" }.at(work.body.place));
        };
        for entry in map.entries().map_err(|fault| fault.at(work.body.place))? {
            self.insert(&mut state.entries, entry).map_err(|fault| fault.at(work.body.place))?;
        }
        Ok(())
    }
}

/// An item of a list, its index, and the item again.
fn indexed<'a>((index, item): (usize, Value<'a>)) -> (Value<'a>, Value<'a>, Value<'a>) {
    (item.clone(), Value::Int(i64::try_from(index).unwrap_or(i64::MAX)), item)
}

impl<'a> State<'a> {
    /// The value of a loop that went through.
    fn end(self, goal: Goal) -> Evaluated<'a> {
        match (goal, self.failed) {
            (_, Some(error)) => Err(error),
            (Goal::All, None) => Ok(Value::Bool(true)),
            (Goal::Exists, None) => Ok(Value::Bool(false)),
            (Goal::ExistsOne, None) => Ok(Value::Bool(self.count == 1)),
            (Goal::Filter | Goal::List, None) => Ok(Value::list(self.items)),
            (Goal::Map | Goal::Entries, None) => Ok(Value::map(self.entries)),
        }
    }
}
