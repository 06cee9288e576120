//! A checked program: names are places of variables, macros are loops, patterns are compiled, what is constant is a value.

use std::sync::Arc;

use regex_lite::Regex;

use super::error::Place;
use super::function::Function;
use super::value::Value;

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) work: Work,
    pub(super) place: Place,
}

#[derive(Debug, Clone)]
pub(super) enum Work {
    Constant(Value<'static>),
    /// A variable of the environment, by its number.
    Variable(usize, Arc<str>),
    /// Whether it has a value.
    HasVariable(usize),
    /// A variable of a macro, by the number of those outside of it.
    Local(usize),
    Member(Box<Node>, Arc<str>),
    HasMember(Box<Node>, Arc<str>),
    All(Vec<Node>),
    Any(Vec<Node>),
    Conditional(Box<[Node; 3]>),
    Call(Function, Vec<Node>),
    Matches(Box<Node>, Pattern),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Loop(Box<Loop>),
}

#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    /// How many bytes its program has at most: what each character of a text may be compared with.
    pub(super) size: usize,
}

/// A macro over the items of a list or the keys of a map.
#[derive(Debug, Clone)]
pub(super) struct Loop {
    pub(super) range: Node,
    /// Whether the index or key and the item or value have a name each.
    pub(super) pairs: bool,
    pub(super) goal: Goal,
    /// What an item must be to count (`filter`), where that is asked.
    pub(super) test: Option<Node>,
    /// What is made of an item, or asked of it.
    pub(super) body: Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    All,
    Exists,
    ExistsOne,
    /// The items that pass.
    Filter,
    /// What is made of each.
    List,
    /// What is made of each, under its key.
    Map,
    /// The entries of the one map that is made of each.
    Entries,
}

impl Node {
    pub(super) const fn constant(&self) -> Option<&Value<'static>> {
        match &self.work {
            Work::Constant(value) => Some(value),
            _ => None,
        }
    }
}
