//! A syntax tree into a program: repetitions written out, choices as jumps.

use std::sync::Arc;

use super::STEPS;
use super::class::{Class, is_word};
use super::parse::{Assertion, Node};

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// One character of a class; goes on behind it.
    Char(Arc<Class>),
    /// Goes on at both.
    Either(usize, usize),
    Go(usize),
    Assert(Assertion),
    Found,
}

#[derive(Debug, Clone)]
pub(super) struct Program {
    steps: Vec<Step>,
}

impl Program {
    /// `None` where it would have too many steps.
    pub(super) fn of(node: &Node) -> Option<Self> {
        let mut program = Self { steps: Vec::new() };
        program.write(node)?;
        program.push(Step::Found)?;
        Some(program)
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(super) fn only_at_start(&self) -> bool {
        matches!(self.steps.first(), Some(Step::Assert(Assertion::Start)))
    }

    fn push(&mut self, step: Step) -> Option<usize> {
        let at = self.steps.len();
        (at < STEPS).then(|| self.steps.push(step))?;
        Some(at)
    }

    /// Writes to a step that was held free for it.
    fn fill(&mut self, at: usize, step: Step) {
        if let Some(free) = self.steps.get_mut(at) {
            *free = step;
        }
    }

    fn write(&mut self, node: &Node) -> Option<()> {
        match node {
            Node::Class(class) => self.push(Step::Char(Arc::clone(class))).map(|_| ()),
            Node::Assertion(assertion) => self.push(Step::Assert(*assertion)).map(|_| ()),
            Node::Sequence(nodes) => nodes.iter().try_for_each(|node| self.write(node)),
            Node::Choice(nodes) => self.choice(nodes),
            Node::Repeat { node, least, most } => self.repeat(node, *least, *most),
        }
    }

    fn choice(&mut self, nodes: &[Node]) -> Option<()> {
        let Some((last, others)) = nodes.split_last() else { return Some(()) };
        let mut ends = Vec::new();
        for node in others {
            let fork = self.push(Step::Found)?;
            self.write(node)?;
            ends.push(self.push(Step::Found)?);
            self.fill(fork, Step::Either(fork + 1, self.steps.len()));
        }
        self.write(last)?;
        for end in ends {
            self.fill(end, Step::Go(self.steps.len()));
        }
        Some(())
    }

    fn repeat(&mut self, node: &Node, least: u32, most: Option<u32>) -> Option<()> {
        for _ in 0..least {
            let before = self.steps.len();
            self.write(node)?;
            // What is empty once is empty a thousand times; it would take no room, but time.
            if self.steps.len() == before {
                return Some(());
            }
        }
        let Some(most) = most else { return self.any_number(node) };
        let mut forks = Vec::new();
        for _ in least..most {
            let fork = self.push(Step::Found)?;
            forks.push(fork);
            self.write(node)?;
        }
        for fork in forks {
            self.fill(fork, Step::Either(fork + 1, self.steps.len()));
        }
        Some(())
    }

    fn any_number(&mut self, node: &Node) -> Option<()> {
        let fork = self.push(Step::Found)?;
        self.write(node)?;
        self.push(Step::Go(fork))?;
        self.fill(fork, Step::Either(fork + 1, self.steps.len()));
        Some(())
    }
}

impl Assertion {
    pub(super) fn holds(self, before: Option<char>, after: Option<char>) -> bool {
        let at_edge = before.is_some_and(is_word) != after.is_some_and(is_word);
        match self {
            Self::Start => before.is_none(),
            Self::End => after.is_none(),
            Self::WordEdge => at_edge,
            Self::NoWordEdge => !at_edge,
        }
    }
}
