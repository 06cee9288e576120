//! Tokens into a tree (language definition, "Syntax"), of bounded height: neither parsing nor what walks the tree later can run
//! out of stack.

use super::error::{CompileError, CompileErrorKind, Place};
use super::lex::{Lexer, Token};
use super::syntax::{Expression, Form};
use super::value::Value;

/// How many bytes the text of a condition may have.
pub const LONGEST: usize = 8 * 1024;
/// How deep it may be nested.
pub const DEEPEST: usize = 64;

/// The operators between two operands by how tightly they bind, and their functions.
static BINARY: [(&str, u8); 12] =
    [("<", 0), ("<=", 0), (">", 0), (">=", 0), ("==", 0), ("!=", 0), ("in", 0), ("+", 1), ("-", 1), ("*", 2), ("/", 2), ("%", 2)];
const UNARY: u8 = 3;

/// Names that the language keeps for itself; members may be called so.
static RESERVED: [&str; 18] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
    "in",
];

type Parsed<'t> = Result<Expression<'t>, CompileError>;

/// Reads a whole text.
pub(super) fn parse(text: &str) -> Parsed<'_> {
    let start = Place { line: 1, column: 1 };
    if text.len() > LONGEST {
        return Err(CompileErrorKind::TooLong { limit: LONGEST }.at(start));
    }
    let mut lexer = Lexer::over(text);
    let (token, place) = lexer.next()?;
    let mut parser = Parser { lexer, token, place, depth: 0 };
    let expression = parser.expression()?;
    if parser.token == Token::End { Ok(expression) } else { Err(parser.unexpected("an operator or the end")) }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    /// The token that is next.
    token: Token<'t>,
    place: Place,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn expression(&mut self) -> Parsed<'t> {
        self.deeper(Self::conditional)
    }

    fn conditional(&mut self) -> Parsed<'t> {
        let condition = self.any()?;
        let place = self.place;
        if !self.skip("?")? {
            return Ok(condition);
        }
        let then = self.any()?;
        self.expect(":")?;
        let otherwise = self.expression()?;
        let height = highest([&condition, &then, &otherwise]);
        built(Form::Conditional(Box::new([condition, then, otherwise])), place, height)
    }

    fn any(&mut self) -> Parsed<'t> {
        self.chain("||", Self::all, Form::Any)
    }

    fn all(&mut self) -> Parsed<'t> {
        self.chain("&&", |parser| parser.binary(0), Form::All)
    }

    /// Operands with one operator between them, as one node: a long chain is no deep tree.
    #[inline(never)]
    fn chain(
        &mut self,
        operator: &'static str,
        operand: fn(&mut Self) -> Parsed<'t>,
        form: fn(Vec<Expression<'t>>) -> Form<'t>,
    ) -> Parsed<'t> {
        let first = operand(self)?;
        let place = self.place;
        if self.token != Token::Mark(operator) {
            return Ok(first);
        }
        let mut operands = vec![first];
        while self.skip(operator)? {
            operands.push(operand(self)?);
        }
        let height = highest(&operands);
        built(form(operands), place, height)
    }

    fn binary(&mut self, level: u8) -> Parsed<'t> {
        if level == UNARY {
            return self.unary();
        }
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator(level) {
            let place = self.place;
            self.advance()?;
            let right = self.binary(level + 1)?;
            let height = highest([&left, &right]);
            left = built(Form::Operator(operator, vec![left, right]), place, height)?;
        }
        Ok(left)
    }

    /// The operator of that level that is next.
    fn operator(&self, level: u8) -> Option<&'static str> {
        let word = match self.token {
            Token::Mark(mark) => mark,
            Token::Name("in") => "in",
            _ => return None,
        };
        BINARY.iter().find(|(operator, own)| *operator == word && *own == level).map(|(operator, _)| *operator)
    }

    fn unary(&mut self) -> Parsed<'t> {
        let place = self.place;
        let operator = match self.token {
            Token::Mark("!") => "!",
            Token::Mark("-") => "-_",
            _ => return self.members(),
        };
        self.advance()?;
        if operator == "-_" && matches!(self.token, Token::Int(_) | Token::Double(_)) {
            let number = self.negative(place)?;
            return self.members_of(number);
        }
        let operand = self.deeper(Self::unary)?;
        let height = operand.height;
        built(Form::Operator(operator, vec![operand]), place, height)
    }

    /// A number behind its sign: the least `int` has no positive counterpart.
    fn negative(&mut self, place: Place) -> Parsed<'t> {
        let value = match self.token {
            Token::Int(digits) => Value::Int(0_i64.checked_sub_unsigned(digits).ok_or(CompileErrorKind::Number.at(place))?),
            Token::Double(digits) => Value::Double(-digits),
            _ => return Err(self.unexpected("a number")),
        };
        self.advance()?;
        built(Form::Literal(value), place, 0)
    }

    fn members(&mut self) -> Parsed<'t> {
        let operand = self.primary()?;
        self.members_of(operand)
    }

    /// What follows an operand: `.name`, `.name(...)`, `[...]`.
    fn members_of(&mut self, mut operand: Expression<'t>) -> Parsed<'t> {
        loop {
            let place = self.place;
            operand = if self.skip(".")? {
                self.member(operand)?
            } else if self.skip("[")? {
                self.refuse("?", "optional values")?;
                let index = self.expression()?;
                self.expect("]")?;
                let height = highest([&operand, &index]);
                built(Form::Operator("[]", vec![operand, index]), place, height)?
            } else if self.token == Token::Mark("{") && operand.path().is_some() {
                return Err(CompileErrorKind::Unsupported("messages").at(operand.place));
            } else {
                return Ok(operand);
            };
        }
    }

    fn member(&mut self, operand: Expression<'t>) -> Parsed<'t> {
        self.refuse("?", "optional values")?;
        let place = self.place;
        let member = match self.token {
            Token::Name(name) if !matches!(name, "true" | "false" | "null" | "in") => name,
            Token::Quoted(name) => name,
            _ => return Err(self.unexpected("the name of a member")),
        };
        let callable = self.token == Token::Name(member);
        self.advance()?;
        if callable && self.skip("(")? {
            let arguments = self.list(")")?;
            let height = highest(&arguments).max(operand.height);
            return built(Form::Call { name: member, receiver: Some(Box::new(operand)), arguments }, place, height);
        }
        let height = operand.height;
        built(Form::Select { operand: Box::new(operand), member }, place, height)
    }

    fn primary(&mut self) -> Parsed<'t> {
        let place = self.place;
        if self.skip("(")? {
            let inside = self.expression()?;
            self.expect(")")?;
            return Ok(inside);
        }
        if self.skip("[")? {
            let items = self.list("]")?;
            let height = highest(&items);
            return built(Form::List(items), place, height);
        }
        if self.skip("{")? {
            return self.map(place);
        }
        let rooted = self.skip(".")?;
        match self.token {
            Token::Name(name) => self.name(name, rooted, place),
            _ if rooted => Err(self.unexpected("a name")),
            _ => self.literal(place),
        }
    }

    fn literal(&mut self, place: Place) -> Parsed<'t> {
        let value = match &self.token {
            Token::Int(digits) => Value::Int(i64::try_from(*digits).map_err(|_| CompileErrorKind::Number.at(place))?),
            Token::Uint(digits) => Value::Uint(*digits),
            Token::Double(digits) => Value::Double(*digits),
            Token::String(text) => Value::from(text.clone()),
            Token::Bytes(bytes) => Value::from(bytes.clone()),
            Token::Name(_) | Token::Quoted(_) | Token::Mark(_) | Token::End => return Err(self.unexpected("an expression")),
        };
        self.advance()?;
        built(Form::Literal(value), place, 0)
    }

    fn name(&mut self, name: &'t str, rooted: bool, place: Place) -> Parsed<'t> {
        self.advance()?;
        let constant = match name {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" => Some(Value::Null),
            _ if RESERVED.contains(&name) => return Err(CompileErrorKind::Reserved(name.to_owned()).at(place)),
            _ => None,
        };
        if let Some(constant) = constant {
            return built(Form::Literal(constant), place, 0);
        }
        if self.skip("(")? {
            let arguments = self.list(")")?;
            let height = highest(&arguments);
            return built(Form::Call { name, receiver: None, arguments }, place, height);
        }
        built(Form::Name { name, rooted }, place, 0)
    }

    /// Expressions with commas between them, up to that mark; a comma may stand before it.
    fn list(&mut self, end: &'static str) -> Result<Vec<Expression<'t>>, CompileError> {
        let mut items = Vec::new();
        while !self.skip(end)? {
            self.refuse("?", "optional values")?;
            items.push(self.expression()?);
            if !self.skip(",")? {
                self.expect(end)?;
                break;
            }
        }
        Ok(items)
    }

    fn map(&mut self, place: Place) -> Parsed<'t> {
        let mut entries = Vec::new();
        let mut height = 0;
        while !self.skip("}")? {
            self.refuse("?", "optional values")?;
            let key = self.expression()?;
            self.expect(":")?;
            let value = self.expression()?;
            height = highest([&key, &value]).max(height);
            entries.push((key, value));
            if !self.skip(",")? {
                self.expect("}")?;
                break;
            }
        }
        built(Form::Map(entries), place, height)
    }

    #[inline(never)]
    fn deeper(&mut self, inner: fn(&mut Self) -> Parsed<'t>) -> Parsed<'t> {
        if self.depth == DEEPEST {
            return Err(CompileErrorKind::TooDeep { limit: DEEPEST }.at(self.place));
        }
        self.depth += 1;
        let expression = inner(self)?;
        self.depth -= 1;
        Ok(expression)
    }

    fn advance(&mut self) -> Result<(), CompileError> {
        (self.token, self.place) = self.lexer.next()?;
        Ok(())
    }

    fn skip(&mut self, mark: &'static str) -> Result<bool, CompileError> {
        let there = self.token == Token::Mark(mark);
        if there {
            self.advance()?;
        }
        Ok(there)
    }

    fn expect(&mut self, mark: &'static str) -> Result<(), CompileError> {
        if self.skip(mark)? { Ok(()) } else { Err(self.unexpected(mark)) }
    }

    fn refuse(&self, mark: &'static str, feature: &'static str) -> Result<(), CompileError> {
        if self.token == Token::Mark(mark) { Err(CompileErrorKind::Unsupported(feature).at(self.place)) } else { Ok(()) }
    }

    #[cold]
    #[inline(never)]
    fn unexpected(&self, expected: &'static str) -> CompileError {
        let found = match &self.token {
            Token::Name(name) | Token::Quoted(name) => format!("`{name}`"),
            Token::Mark(mark) => format!("`{mark}`"),
            Token::Int(_) | Token::Uint(_) | Token::Double(_) => "a number".to_owned(),
            Token::String(_) => "a string".to_owned(),
            Token::Bytes(_) => "bytes".to_owned(),
            Token::End => "the end".to_owned(),
        };
        CompileErrorKind::Syntax { found, expected }.at(self.place)
    }
}

fn highest<'e, 't: 'e>(inside: impl IntoIterator<Item = &'e Expression<'t>>) -> usize {
    inside.into_iter().map(|expression| expression.height).max().unwrap_or(0)
}

/// A node above others that are at most so high.
#[inline(never)]
fn built(form: Form<'_>, place: Place, below: usize) -> Result<Expression<'_>, CompileError> {
    let height = below + 1;
    if height > DEEPEST {
        return Err(CompileErrorKind::TooDeep { limit: DEEPEST }.at(place));
    }
    Ok(Expression { form, place, height })
}
