//! The text of a pattern into a syntax tree (ECMA-262 section 22.2.1, with the flag `u`). Groups capture nothing, and lazy and greedy
//! repetitions are the same, since nobody asks where a match is.

use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

use super::class::{Class, Part, Set};

/// Levels of groups.
const DEPTH: usize = 32;

/// The largest count of a repetition; more would not fit into a program.
const REPETITIONS: u32 = 1_000_000;

/// Why a pattern was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Not a regular expression.
    #[error("not a regular expression of ECMA-262: {0}")]
    Syntax(&'static str),
    /// A regular expression that cannot be matched in linear time, or is not known here.
    #[error("{0} cannot be had in a pattern")]
    Unsupported(&'static str),
    /// More bytes than a pattern may have.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The bound.
        limit: usize,
    },
    /// More steps than a program may have.
    #[error("larger than {limit} steps, repetitions written out")]
    TooLarge {
        /// The bound.
        limit: usize,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Class(Arc<Class>),
    Assertion(Assertion),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Repeat { node: Box<Node>, least: u32, most: Option<u32> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assertion {
    Start,
    End,
    WordEdge,
    NoWordEdge,
}

pub(super) fn parse(text: &str) -> Result<Node, PatternError> {
    let mut parser = Parser { rest: text.chars().peekable(), depth: 0 };
    let node = parser.choice()?;
    if parser.rest.next().is_some() { Err(PatternError::Syntax("a `)` that closes nothing")) } else { Ok(node) }
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    depth: usize,
}

type Parsed<T> = Result<T, PatternError>;

impl Parser<'_> {
    fn choice(&mut self) -> Parsed<Node> {
        let mut nodes = vec![self.sequence()?];
        while self.take('|') {
            nodes.push(self.sequence()?);
        }
        Ok(Node::Choice(nodes))
    }

    fn sequence(&mut self) -> Parsed<Node> {
        let mut nodes = Vec::new();
        while let Some(char) = self.rest.next_if(|char| !matches!(char, '|' | ')')) {
            let node = self.atom(char)?;
            nodes.push(self.repeated(node)?);
        }
        Ok(Node::Sequence(nodes))
    }

    fn atom(&mut self, char: char) -> Parsed<Node> {
        Ok(match char {
            '^' => Node::Assertion(Assertion::Start),
            '$' => Node::Assertion(Assertion::End),
            '.' => class(Class { negated: true, parts: vec![Part::Set(Set::LineEnd)] }),
            '(' => self.group()?,
            '[' => class(self.class()?),
            '\\' => self.escape()?,
            '*' | '+' | '?' => return Err(PatternError::Syntax("a repetition of nothing")),
            '{' | '}' | ']' => return Err(PatternError::Syntax("a brace or bracket without its other half; escape it")),
            char => literal(char),
        })
    }

    fn group(&mut self) -> Parsed<Node> {
        if self.take('?') {
            match self.rest.next() {
                Some(':') => {}
                Some('=' | '!') => return Err(PatternError::Unsupported("lookahead")),
                Some('<') => self.group_name()?,
                _ => return Err(PatternError::Unsupported("flags")),
            }
        }
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(PatternError::Unsupported("more than 32 levels of groups"));
        }
        let node = self.choice()?;
        self.depth -= 1;
        if self.take(')') { Ok(node) } else { Err(PatternError::Syntax("a group is not closed")) }
    }

    fn group_name(&mut self) -> Parsed<()> {
        if self.rest.next_if(|char| matches!(char, '=' | '!')).is_some() {
            return Err(PatternError::Unsupported("lookbehind"));
        }
        let mut length = 0;
        while self.rest.next_if(|char| char.is_alphanumeric() || matches!(char, '_' | '$')).is_some() {
            length += 1;
        }
        if length > 0 && self.take('>') { Ok(()) } else { Err(PatternError::Syntax("the name of a group")) }
    }

    fn repeated(&mut self, node: Node) -> Parsed<Node> {
        let Some(sign) = self.rest.next_if(|char| matches!(char, '*' | '+' | '?' | '{')) else { return Ok(node) };
        if matches!(node, Node::Assertion(_)) {
            return Err(PatternError::Syntax("a repetition of an assertion"));
        }
        let (least, most) = match sign {
            '*' => (0, None),
            '+' => (1, None),
            '?' => (0, Some(1)),
            _ => self.counts()?,
        };
        self.take('?');
        Ok(Node::Repeat { node: Box::new(node), least, most })
    }

    fn counts(&mut self) -> Parsed<(u32, Option<u32>)> {
        const BROKEN: PatternError = PatternError::Syntax("the counts of a repetition");
        let least = self.number().ok_or(BROKEN)?;
        let most = if self.take(',') { self.number() } else { Some(least) };
        if !self.take('}') || most.is_some_and(|most| most < least) {
            return Err(BROKEN);
        }
        if least.max(most.unwrap_or(0)) >= REPETITIONS {
            Err(PatternError::Unsupported("a million repetitions"))
        } else {
            Ok((least, most))
        }
    }

    fn number(&mut self) -> Option<u32> {
        let mut value = None;
        while let Some(digit) = self.rest.peek().and_then(|char| char.to_digit(10)) {
            self.rest.next();
            value = Some(value.unwrap_or(0_u32).saturating_mul(10).saturating_add(digit));
        }
        value
    }

    fn escape(&mut self) -> Parsed<Node> {
        Ok(match self.rest.next().ok_or(PatternError::Syntax("a backslash at the end"))? {
            'b' => Node::Assertion(Assertion::WordEdge),
            'B' => Node::Assertion(Assertion::NoWordEdge),
            '1'..='9' | 'k' => return Err(PatternError::Unsupported("backreferences")),
            char => class(Class::of(self.class_escape(char)?)),
        })
    }

    fn class(&mut self) -> Parsed<Class> {
        const OPEN: PatternError = PatternError::Syntax("a class is not closed");
        let mut class = Class { negated: self.take('^'), parts: Vec::new() };
        loop {
            let part = match self.rest.next().ok_or(OPEN)? {
                ']' => return Ok(class),
                char => self.class_part(char)?,
            };
            if !self.take('-') {
                class.parts.push(part);
                continue;
            }
            match self.rest.next().ok_or(OPEN)? {
                // A hyphen that is the last stands for itself.
                ']' => {
                    class.parts.extend([part, Part::Range('-', '-')]);
                    return Ok(class);
                }
                char => class.parts.push(range(&part, &self.class_part(char)?)?),
            }
        }
    }

    fn class_part(&mut self, char: char) -> Parsed<Part> {
        if char != '\\' {
            return Ok(Part::Range(char, char));
        }
        match self.rest.next().ok_or(PatternError::Syntax("a backslash at the end"))? {
            'b' => Ok(Part::Range('\u{8}', '\u{8}')),
            char => self.class_escape(char),
        }
    }

    /// What an escape stands for, inside a class or outside of it.
    fn class_escape(&mut self, char: char) -> Parsed<Part> {
        let char = match char {
            'd' => return Ok(Part::Set(Set::Digit)),
            'D' => return Ok(Part::Not(Set::Digit)),
            'w' => return Ok(Part::Set(Set::Word)),
            'W' => return Ok(Part::Not(Set::Word)),
            's' => return Ok(Part::Set(Set::Space)),
            'S' => return Ok(Part::Not(Set::Space)),
            'p' => return Ok(Part::Set(self.property()?)),
            'P' => return Ok(Part::Not(self.property()?)),
            't' => '\t',
            'n' => '\n',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'r' => '\r',
            '0' if !self.rest.peek().is_some_and(char::is_ascii_digit) => '\0',
            'c' => self.control()?,
            'x' => self.hex(2).and_then(char::from_u32).ok_or(PatternError::Syntax("`\\x` without two hex digits"))?,
            'u' => self.unicode()?,
            // The flag `u` knows escapes of syntax characters only; those of other punctuation are common, and mean one thing.
            char if char.is_ascii_punctuation() => char,
            _ => return Err(PatternError::Syntax("an escape that is not known")),
        };
        Ok(Part::Range(char, char))
    }

    fn control(&mut self) -> Parsed<char> {
        let letter = self.rest.next_if(char::is_ascii_alphabetic).ok_or(PatternError::Syntax("`\\c` without a letter"))?;
        char::from_u32(u32::from(letter) % 32).ok_or(PatternError::Syntax("`\\c` without a letter"))
    }

    fn property(&mut self) -> Parsed<Set> {
        let mut name = String::new();
        if self.take('{') {
            while let Some(char) = self.rest.next_if(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '=')) {
                name.push(char);
            }
        }
        if name.is_empty() || !self.take('}') {
            return Err(PatternError::Syntax("`\\p` without a property in braces"));
        }
        Set::of_property(&name).ok_or(PatternError::Unsupported("this property of Unicode"))
    }

    /// `\u0041`, `\u{1F600}`, and a surrogate pair as two of the first.
    fn unicode(&mut self) -> Parsed<char> {
        const BROKEN: PatternError = PatternError::Syntax("`\\u` without a code point");
        if self.take('{') {
            let mut value = 0_u32;
            while let Some(digit) = self.rest.peek().and_then(|char| char.to_digit(16)) {
                self.rest.next();
                value = value.saturating_mul(16).saturating_add(digit);
            }
            return if self.take('}') { char::from_u32(value).ok_or(BROKEN) } else { Err(BROKEN) };
        }
        let first = self.hex(4).ok_or(BROKEN)?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first).ok_or(BROKEN);
        }
        let second = if self.take('\\') && self.take('u') { self.hex(4) } else { None };
        let low = second.and_then(|second| second.checked_sub(0xDC00)).filter(|low| *low < 0x400).ok_or(BROKEN)?;
        char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + low).ok_or(BROKEN)
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        (0..digits).try_fold(0, |value, _| Some(value * 16 + self.rest.next_if(char::is_ascii_hexdigit)?.to_digit(16)?))
    }

    fn take(&mut self, char: char) -> bool {
        self.rest.next_if_eq(&char).is_some()
    }
}

fn literal(char: char) -> Node {
    class(Class::of(Part::Range(char, char)))
}

fn class(class: Class) -> Node {
    Node::Class(Arc::new(class))
}

fn range(first: &Part, last: &Part) -> Parsed<Part> {
    match (first, last) {
        (Part::Range(first, _), Part::Range(last, _)) if first <= last => Ok(Part::Range(*first, *last)),
        (Part::Range(..), Part::Range(..)) => Err(PatternError::Syntax("a range that ends before it starts")),
        _ => Err(PatternError::Syntax("a range from or to a set")),
    }
}
