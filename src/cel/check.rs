//! A tree into a checked program: names are looked up, types are found to fit, constants are evaluated. Values whose type is not
//! known (`dyn`, such as JSON) fit everywhere, and are checked when the program is evaluated.

use regex_lite::RegexBuilder;

use super::error::{CompileError, CompileErrorKind, Place};
use super::eval::Evaluation;
use super::function::{Function, Style};
use super::kind::{Type, TypeName};
use super::node::{Node, Pattern, Work};
use super::syntax::{Expression, Form};
use super::value::Value;
use super::{Environment, Nothing};

/// How many bytes the program of a pattern may have.
const PATTERN_SIZE: usize = 32 * 1024;
/// What evaluating a constant may cost.
const CONSTANT_STEPS: u64 = 1_000;
/// How many variables of macros may be there at once: one bit of [`Checker::needs`] each.
const LOCALS: usize = 32;
const VARIABLES: u64 = 1 << LOCALS;

pub(super) type Checked = Result<(Node, Type), CompileError>;

pub(super) struct Checker<'e> {
    pub(super) environment: &'e Environment,
    /// The variables of the macros around, the outermost first.
    pub(super) locals: Vec<(String, Type)>,
    /// What the expression at hand depends on: variables, and which of the macros' ones.
    needs: u64,
}

impl<'e> Checker<'e> {
    pub(super) const fn new(environment: &'e Environment) -> Self {
        Self { environment, locals: Vec::new(), needs: 0 }
    }

    pub(super) fn check(&mut self, expression: &Expression<'_>) -> Checked {
        let around = std::mem::take(&mut self.needs);
        let (work, kind) = self.work(expression)?;
        let node = Node { work, place: expression.place };
        let node = if self.needs == 0 { folded(node) } else { node };
        self.needs |= around;
        Ok((node, kind))
    }

    fn work(&mut self, expression: &Expression<'_>) -> Result<(Work, Type), CompileError> {
        let place = expression.place;
        match &expression.form {
            Form::Literal(value) => Ok((Work::Constant(value.clone()), type_of(value))),
            Form::Name { .. } => self.name(expression),
            Form::Select { operand, member } => self.select(expression, operand, member),
            Form::Call { name, receiver, arguments } => match self.loops(name, receiver.as_deref(), arguments, place)? {
                Some(found) => Ok(found),
                None => self.call(name, receiver.as_deref(), arguments, place),
            },
            Form::Operator(name, operands) => self.operator(name, operands, place),
            Form::All(operands) => Ok((settled(self.bools(operands)?, false), Type::Bool)),
            Form::Any(operands) => Ok((settled(self.bools(operands)?, true), Type::Bool)),
            Form::Conditional(parts) => self.conditional(parts, place),
            Form::List(items) => self.list(items),
            Form::Map(entries) => self.map(entries),
        }
    }

    fn name(&mut self, expression: &Expression<'_>) -> Result<(Work, Type), CompileError> {
        if let Some(found) = self.path(expression) {
            return Ok(found);
        }
        let name = expression.path().map(|(parts, _)| parts.join(".")).unwrap_or_default();
        let group = self.environment.is_group(&name);
        let kind = if group { CompileErrorKind::NotAValue(name) } else { CompileErrorKind::UnknownName(name) };
        Err(kind.at(expression.place))
    }

    /// A variable of a macro, one of the environment or the name of a type, where the expression names one.
    fn path(&mut self, expression: &Expression<'_>) -> Option<(Work, Type)> {
        let (parts, rooted) = expression.path()?;
        if !rooted && let Some((number, kind)) = self.local(parts.first()?) {
            self.needs |= 1 << number;
            return (parts.len() == 1).then_some((Work::Local(number), kind));
        }
        let name = parts.join(".");
        if let Some((slot, variable)) = self.environment.variable(&name) {
            self.needs |= VARIABLES;
            return Some((Work::Variable(slot, name.into()), variable.kind.clone()));
        }
        TypeName::parse(&name).map(|name| (Work::Constant(Value::Type(name)), Type::Type))
    }

    fn local(&self, name: &str) -> Option<(usize, Type)> {
        let number = self.locals.iter().rposition(|(own, _)| own == name)?;
        Some((number, self.locals.get(number)?.1.clone()))
    }

    fn select(&mut self, whole: &Expression<'_>, operand: &Expression<'_>, member: &str) -> Result<(Work, Type), CompileError> {
        if let Some(found) = self.path(whole) {
            return Ok(found);
        }
        self.member_of_a_group(whole, operand)?;
        let (operand, kind) = self.check(operand)?;
        let kind = member_type(kind).map_err(|kind| kind.at(whole.place))?;
        Ok((Work::Member(Box::new(operand), member.into()), kind))
    }

    /// Refuses a member of a group of variables that is none of them, by its whole name.
    fn member_of_a_group(&self, whole: &Expression<'_>, operand: &Expression<'_>) -> Result<(), CompileError> {
        let (Some((parts, rooted)), Some((all, _))) = (operand.path(), whole.path()) else { return Ok(()) };
        let shadowed = !rooted && parts.first().is_some_and(|first| self.local(first).is_some());
        let name = all.join(".");
        if shadowed || !self.environment.is_group(&parts.join(".")) || self.environment.variable(&parts.join(".")).is_some() {
            return Ok(());
        }
        let group = self.environment.is_group(&name);
        Err(if group { CompileErrorKind::NotAValue(name) } else { CompileErrorKind::UnknownName(name) }.at(whole.place))
    }

    /// `has(a.b)`
    pub(super) fn has(&mut self, arguments: &[Expression<'_>], place: Place) -> Result<(Work, Type), CompileError> {
        let [whole] = arguments else { return Err(CompileErrorKind::NotAMember.at(place)) };
        let Form::Select { operand, member } = &whole.form else { return Err(CompileErrorKind::NotAMember.at(whole.place)) };
        let work = match self.path(whole) {
            Some((Work::Variable(slot, _), _)) => Work::HasVariable(slot),
            Some(_) => return Err(CompileErrorKind::NotAMember.at(whole.place)),
            None => match self.select(whole, operand, member)?.0 {
                Work::Member(operand, name) => Work::HasMember(operand, name),
                other => other,
            },
        };
        Ok((work, Type::Bool))
    }

    fn call(
        &mut self,
        name: &str,
        receiver: Option<&Expression<'_>>,
        arguments: &[Expression<'_>],
        place: Place,
    ) -> Result<(Work, Type), CompileError> {
        let style = if receiver.is_some() { Style::Member } else { Style::Plain };
        let all: Vec<_> = receiver.into_iter().chain(arguments).collect();
        if name == "matches" {
            return self.matches(&all, place);
        }
        let Some(function) = Function::named(name, style) else {
            return Err(CompileErrorKind::UnknownFunction(called(name, receiver)).at(place));
        };
        self.apply(function, &all, place)
    }

    fn operator(&mut self, name: &str, operands: &[Expression<'_>], place: Place) -> Result<(Work, Type), CompileError> {
        let all: Vec<_> = operands.iter().collect();
        match Function::named(name, Style::Operator) {
            Some(function) => self.apply(function, &all, place),
            None => Err(CompileErrorKind::UnknownFunction(name.to_owned()).at(place)),
        }
    }

    fn apply(&mut self, function: Function, arguments: &[&Expression<'_>], place: Place) -> Result<(Work, Type), CompileError> {
        let (mut nodes, kinds) = self.each(arguments)?;
        let result = function.result(&kinds).ok_or_else(|| no_overload(function.name(), &kinds).at(place))?;
        if matches!(function, Function::Part(_))
            && let [_, zone] = nodes.as_mut_slice()
        {
            *zone = offset(zone)?;
        }
        Ok((Work::Call(function, nodes), result))
    }

    fn each(&mut self, arguments: &[&Expression<'_>]) -> Result<(Vec<Node>, Vec<Type>), CompileError> {
        let (mut nodes, mut kinds) = (Vec::new(), Vec::new());
        for argument in arguments {
            let (node, kind) = self.check(argument)?;
            nodes.push(node);
            kinds.push(kind);
        }
        Ok((nodes, kinds))
    }

    fn matches(&mut self, arguments: &[&Expression<'_>], place: Place) -> Result<(Work, Type), CompileError> {
        let (nodes, kinds) = self.each(arguments)?;
        if kinds.len() != 2 || !kinds.iter().all(|kind| kind.fits(&Type::String)) {
            return Err(no_overload("matches", &kinds).at(place));
        }
        let mut nodes = nodes.into_iter();
        let (Some(text), Some(pattern)) = (nodes.next(), nodes.next()) else {
            return Err(no_overload("matches", &kinds).at(place));
        };
        let Some(Value::String(pattern_text)) = pattern.constant() else {
            return Err(CompileErrorKind::NotConstant("the pattern").at(pattern.place));
        };
        let pattern = compiled(pattern_text.as_str()).map_err(|kind| kind.at(pattern.place))?;
        Ok((Work::Matches(Box::new(text), pattern), Type::Bool))
    }

    fn bools(&mut self, operands: &[Expression<'_>]) -> Result<Vec<Node>, CompileError> {
        operands.iter().map(|operand| self.bool(operand)).collect()
    }

    pub(super) fn bool(&mut self, expression: &Expression<'_>) -> Result<Node, CompileError> {
        let (node, kind) = self.check(expression)?;
        if kind.fits(&Type::Bool) {
            return Ok(node);
        }
        Err(CompileErrorKind::Mismatch { found: kind.settled(), expected: "bool" }.at(expression.place))
    }

    fn conditional(
        &mut self,
        [condition, then, otherwise]: &[Expression<'_>; 3],
        place: Place,
    ) -> Result<(Work, Type), CompileError> {
        let condition = self.bool(condition)?;
        let (then, then_kind) = self.check(then)?;
        let (otherwise, otherwise_kind) = self.check(otherwise)?;
        let kinds = [then_kind, otherwise_kind];
        let kind = kinds[0].join(&kinds[1]).ok_or_else(|| no_overload("? :", &kinds).at(place))?;
        let work = match condition.constant() {
            Some(Value::Bool(true)) => then.work,
            Some(Value::Bool(false)) => otherwise.work,
            _ => Work::Conditional(Box::new([condition, then, otherwise])),
        };
        Ok((work, kind))
    }

    fn list(&mut self, items: &[Expression<'_>]) -> Result<(Work, Type), CompileError> {
        let mut kind = Type::Open;
        let mut nodes = Vec::with_capacity(items.len());
        for item in items {
            let (node, item_kind) = self.check(item)?;
            kind = kind.join_or_dyn(&item_kind);
            nodes.push(node);
        }
        Ok((Work::List(nodes), Type::list(kind)))
    }

    fn map(&mut self, entries: &[(Expression<'_>, Expression<'_>)]) -> Result<(Work, Type), CompileError> {
        let (mut keys, mut values) = (Type::Open, Type::Open);
        let mut nodes = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let (key_node, key_kind) = self.check(key)?;
            if ![Type::Bool, Type::Int, Type::Uint, Type::String].iter().any(|allowed| key_kind.fits(allowed)) {
                let expected = "a key: bool, int, uint or string";
                return Err(CompileErrorKind::Mismatch { found: key_kind.settled(), expected }.at(key.place));
            }
            let (value_node, value_kind) = self.check(value)?;
            keys = keys.join_or_dyn(&key_kind);
            values = values.join_or_dyn(&value_kind);
            nodes.push((key_node, value_node));
        }
        Ok((Work::Map(nodes), Type::map(keys, values)))
    }

    /// An expression inside of a macro, which alone sees its variables.
    pub(super) fn inside<T>(
        &mut self,
        locals: Vec<(String, Type)>,
        place: Place,
        check: impl FnOnce(&mut Self) -> Result<T, CompileError>,
    ) -> Result<T, CompileError> {
        let outside = self.locals.len();
        self.locals.extend(locals);
        if self.locals.len() > LOCALS {
            return Err(CompileErrorKind::TooDeep { limit: LOCALS }.at(place));
        }
        let outcome = check(self)?;
        for own in outside..self.locals.len() {
            self.needs &= !(1 << own);
        }
        self.locals.truncate(outside);
        Ok(outcome)
    }
}

/// The name of a function with that of the extension that it belongs to (`math.greatest`).
fn called(name: &str, receiver: Option<&Expression<'_>>) -> String {
    let library = receiver
        .and_then(Expression::path)
        .map(|(parts, _)| parts.join("."))
        .filter(|library| LIBRARIES.contains(&library.as_str()));
    library.map_or_else(|| name.to_owned(), |library| format!("{library}.{name}"))
}

static LIBRARIES: [&str; 8] = ["base64", "cel", "cidr", "ip", "math", "optional", "proto", "strings"];

pub(super) fn no_overload(function: &'static str, kinds: &[Type]) -> CompileErrorKind {
    let arguments: Vec<_> = kinds.iter().map(|kind| kind.clone().settled().to_string()).collect();
    CompileErrorKind::NoOverload { function, arguments: arguments.join(", ") }
}

fn member_type(operand: Type) -> Result<Type, CompileErrorKind> {
    match operand {
        Type::Dyn | Type::Open => Ok(Type::Dyn),
        Type::Map(keys, values) if keys.fits(&Type::String) => Ok(*values),
        other => Err(CompileErrorKind::NoMembers(other.settled())),
    }
}

fn compiled(pattern: &str) -> Result<Pattern, CompileErrorKind> {
    // A short pattern can have a long program (`a{1000}`), whose size is only told by the least limit that it keeps.
    let mut size = PATTERN_SIZE / 256;
    loop {
        match RegexBuilder::new(pattern).size_limit(size).build() {
            Ok(regex) => return Ok(Pattern { regex, size }),
            Err(_) if size < PATTERN_SIZE => size *= 2,
            Err(error) => return Err(CompileErrorKind::Pattern { pattern: pattern.to_owned(), reason: error.to_string() }),
        }
    }
}

/// The seconds of a constant offset from UTC.
fn offset(zone: &Node) -> Result<Node, CompileError> {
    let Some(Value::String(text)) = zone.constant() else {
        return Err(CompileErrorKind::NotConstant("a time zone").at(zone.place));
    };
    let seconds =
        offset_seconds(text.as_str()).ok_or_else(|| CompileErrorKind::TimeZone(text.as_str().to_owned()).at(zone.place))?;
    Ok(Node { work: Work::Constant(Value::Int(seconds)), place: zone.place })
}

/// `UTC`, or hours and minutes that may have a sign.
fn offset_seconds(text: &str) -> Option<i64> {
    if text == "UTC" {
        return Some(0);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two = |digits: &str, limit: i64| -> Option<i64> {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|number| plain && *number < limit)
    };
    Some(sign * (two(hours, 24)? * 3600 + two(minutes, 60)? * 60))
}

/// `&&` and `||` without the operands that decide nothing.
fn settled(mut operands: Vec<Node>, decides: bool) -> Work {
    let is = |node: &Node, asked: bool| matches!(node.constant(), Some(Value::Bool(value)) if *value == asked);
    if operands.iter().any(|operand| is(operand, decides)) {
        return Work::Constant(Value::Bool(decides));
    }
    operands.retain(|operand| !is(operand, !decides));
    if operands.is_empty() {
        return Work::Constant(Value::Bool(!decides));
    }
    if decides { Work::Any(operands) } else { Work::All(operands) }
}

/// A node that depends on nothing as its value, where it has one; else it fails when it is evaluated.
fn folded(node: Node) -> Node {
    if node.constant().is_some() {
        return node;
    }
    let value = Evaluation::new(&Nothing, CONSTANT_STEPS).value(&node).ok().and_then(|value| value.kept());
    match value {
        Some(value) => Node { work: Work::Constant(value), place: node.place },
        None => node,
    }
}

fn type_of(literal: &Value<'_>) -> Type {
    match literal {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Uint(_) => Type::Uint,
        Value::Double(_) => Type::Double,
        Value::String(_) => Type::String,
        Value::Bytes(_) => Type::Bytes,
        _ => Type::Dyn,
    }
}
