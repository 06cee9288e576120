//! Regular expressions of ECMA-262 (flag `u`), whether they match anywhere in a text, in time linear in the text: all threads of a
//! program go over it side by side (Thompson 1968), so there is nothing to go back to. What cannot be had that way (lookaround,
//! backreferences) is refused by name.

mod class;
mod parse;
mod program;
#[cfg(test)]
mod tests;

pub use parse::PatternError;

use class::Class;
use program::{Program, Step};

/// Bytes of a pattern.
pub(super) const BYTES: usize = 1024;

/// Steps of a pattern's program, in which a counted repetition is written out.
pub(super) const STEPS: usize = 2048;

/// A pattern that was read.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    program: Program,
}

/// The steps that may still be done.
pub(super) type Fuel = usize;

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        if text.len() > BYTES {
            return Err(PatternError::TooLong { limit: BYTES });
        }
        let program = Program::of(&parse::parse(text)?).ok_or(PatternError::TooLarge { limit: STEPS })?;
        Ok(Self { program })
    }

    /// Whether the pattern matches somewhere in a text; `None` where `fuel` does not last.
    pub(super) fn matches(&self, text: &str, fuel: &mut Fuel) -> Option<bool> {
        let steps = self.program.steps();
        let mut threads = Threads { steps, running: Vec::new(), seen: vec![0; steps.len()], turn: 0, cost: 0, open: Vec::new() };
        *fuel = fuel.checked_sub(steps.len() / 8)?;
        let mut next = Vec::new();
        let mut before = None;
        let mut rest = text.chars();
        loop {
            let after = rest.next();
            // The threads that wait at this place: those that came here, and one that starts here.
            threads.turn += 1;
            threads.cost = 1;
            let here = Place { before, after };
            let arrived = std::mem::take(&mut next);
            let mut found = false;
            for step in arrived.iter().copied().chain([0]) {
                found |= threads.follow(step, here);
            }
            *fuel = fuel.checked_sub(threads.cost)?;
            if found {
                return Some(true);
            }
            let Some(char) = after else { return Some(false) };
            next = arrived;
            next.clear();
            next.extend(threads.running.iter().filter(|(_, class)| class.contains(char)).map(|(step, _)| *step));
            threads.running.clear();
            if next.is_empty() && self.program.only_at_start() {
                return Some(false);
            }
            before = after;
        }
    }
}

/// The characters around a place in the text.
#[derive(Clone, Copy)]
struct Place {
    before: Option<char>,
    after: Option<char>,
}

/// The threads that wait for a character: the step behind it, and what it may be.
struct Threads<'p> {
    steps: &'p [Step],
    running: Vec<(usize, &'p Class)>,
    /// The turn in which a step was last reached, so that it is reached once in each.
    seen: Vec<usize>,
    turn: usize,
    /// What this turn takes.
    cost: usize,
    open: Vec<usize>,
}

impl Threads<'_> {
    /// Goes on from a step up to the next characters; whether the end of the program is among what is reached.
    fn follow(&mut self, step: usize, here: Place) -> bool {
        let mut found = false;
        self.open.push(step);
        while let Some(at) = self.open.pop() {
            let (Some(step), Some(seen)) = (self.steps.get(at), self.seen.get_mut(at)) else { continue };
            if std::mem::replace(seen, self.turn) == self.turn {
                continue;
            }
            self.cost += 1;
            match step {
                Step::Char(class) => {
                    self.cost += class.parts.len();
                    self.running.push((at + 1, class));
                }
                Step::Either(one, other) => self.open.extend([*one, *other]),
                Step::Go(to) => self.open.push(*to),
                Step::Assert(assertion) => {
                    if assertion.holds(here.before, here.after) {
                        self.open.push(at + 1);
                    }
                }
                Step::Found => found = true,
            }
        }
        found
    }
}
