//! The text of a condition into tokens, each with its place (language definition, "Syntax").

use super::error::{CompileError, CompileErrorKind, Place};
use super::literal;

/// A token of the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'t> {
    Name(&'t str),
    /// A member's name between backticks.
    Quoted(&'t str),
    /// The digits of an `int`, its sign is not read yet.
    Int(u64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
    /// An operator or a delimiter.
    Mark(&'static str),
    End,
}

/// Longer marks stand before their beginnings.
static MARKS: [&str; 26] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")", "[", "]", "{", "}",
    "=", "&",
];

pub(super) struct Lexer<'t> {
    rest: &'t str,
    place: Place,
}

impl<'t> Lexer<'t> {
    pub(super) const fn over(text: &'t str) -> Self {
        Self { rest: text, place: Place { line: 1, column: 1 } }
    }

    /// The next token and where it starts.
    pub(super) fn next(&mut self) -> Result<(Token<'t>, Place), CompileError> {
        self.skip_space();
        let place = self.place;
        let token = self.token().map_err(|kind| kind.at(place))?;
        Ok((token, place))
    }

    fn token(&mut self) -> Result<Token<'t>, CompileErrorKind> {
        let Some(first) = self.rest.chars().next() else { return Ok(Token::End) };
        let second = self.rest.chars().nth(1);
        if first.is_ascii_digit() || (first == '.' && second.is_some_and(|second| second.is_ascii_digit())) {
            return self.number();
        }
        if let Some(start) = literal::Start::of(self.rest) {
            return self.string(start);
        }
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok(Token::Name(self.take_while(|character| character.is_ascii_alphanumeric() || character == '_')));
        }
        if first == '`' {
            return self.quoted();
        }
        let mark = MARKS.iter().copied().find(|mark| self.rest.starts_with(mark)).ok_or(CompileErrorKind::Character(first))?;
        self.take(mark.len());
        Ok(Token::Mark(mark))
    }

    fn number(&mut self) -> Result<Token<'t>, CompileErrorKind> {
        let (token, length) = literal::number(self.rest)?;
        self.take(length);
        Ok(token)
    }

    fn string(&mut self, start: literal::Start) -> Result<Token<'t>, CompileErrorKind> {
        self.take(start.length());
        let inside = start.inside(self.rest)?;
        self.take(inside.len());
        self.take(start.end().len());
        start.read(inside)
    }

    fn quoted(&mut self) -> Result<Token<'t>, CompileErrorKind> {
        self.take(1);
        let name = self.take_while(|character| character.is_ascii_alphanumeric() || "_.-/ ".contains(character));
        if name.is_empty() || self.take(1) != "`" {
            return Err(CompileErrorKind::OpenString);
        }
        Ok(Token::Quoted(name))
    }

    fn skip_space(&mut self) {
        loop {
            self.take_while(|character| matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0c'));
            if !self.rest.starts_with("//") {
                return;
            }
            self.take_while(|character| character != '\n');
        }
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'t str {
        let length = self.rest.find(|character| !belongs(character)).unwrap_or(self.rest.len());
        self.take(length)
    }

    /// The next bytes, or nothing where so many are not there.
    fn take(&mut self, length: usize) -> &'t str {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else { return "" };
        self.rest = rest;
        for character in taken.chars() {
            if character == '\n' {
                self.place = Place { line: self.place.line.saturating_add(1), column: 1 };
            } else {
                self.place.column = self.place.column.saturating_add(1);
            }
        }
        taken
    }
}
