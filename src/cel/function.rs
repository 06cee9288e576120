//! The functions and operators that conditions may call, and the types that each takes and gives (language definition, "List of
//! Standard Definitions").

use super::kind::Type;
use super::moment::Part;

/// A function or an operator. What it does with values is decided by the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Negate,
    Not,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Index,
    Size,
    Contains,
    StartsWith,
    EndsWith,
    LowerAscii,
    UpperAscii,
    ToBool,
    ToBytes,
    ToDouble,
    ToDuration,
    ToDyn,
    ToInt,
    ToString,
    ToTimestamp,
    ToType,
    ToUint,
    Part(Part),
}

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `a + b`, `-a`
    Operator,
    /// `size(a)`
    Plain,
    /// `a.contains(b)`
    Member,
    /// `size(a)` and `a.size()`
    Either,
}

/// Every function by its name. `matches` is not here: its pattern is compiled with the condition.
static FUNCTIONS: [(&str, Style, Function); 41] = [
    ("+", Style::Operator, Function::Add),
    ("-", Style::Operator, Function::Subtract),
    ("*", Style::Operator, Function::Multiply),
    ("/", Style::Operator, Function::Divide),
    ("%", Style::Operator, Function::Modulo),
    ("-_", Style::Operator, Function::Negate),
    ("!", Style::Operator, Function::Not),
    ("==", Style::Operator, Function::Equal),
    ("!=", Style::Operator, Function::NotEqual),
    ("<", Style::Operator, Function::Less),
    ("<=", Style::Operator, Function::LessEqual),
    (">", Style::Operator, Function::Greater),
    (">=", Style::Operator, Function::GreaterEqual),
    ("in", Style::Operator, Function::In),
    ("[]", Style::Operator, Function::Index),
    ("size", Style::Either, Function::Size),
    ("contains", Style::Member, Function::Contains),
    ("startsWith", Style::Member, Function::StartsWith),
    ("endsWith", Style::Member, Function::EndsWith),
    ("lowerAscii", Style::Member, Function::LowerAscii),
    ("upperAscii", Style::Member, Function::UpperAscii),
    ("bool", Style::Plain, Function::ToBool),
    ("bytes", Style::Plain, Function::ToBytes),
    ("double", Style::Plain, Function::ToDouble),
    ("duration", Style::Plain, Function::ToDuration),
    ("dyn", Style::Plain, Function::ToDyn),
    ("int", Style::Plain, Function::ToInt),
    ("string", Style::Plain, Function::ToString),
    ("timestamp", Style::Plain, Function::ToTimestamp),
    ("type", Style::Plain, Function::ToType),
    ("uint", Style::Plain, Function::ToUint),
    ("getFullYear", Style::Member, Function::Part(Part::Year)),
    ("getMonth", Style::Member, Function::Part(Part::Month)),
    ("getDate", Style::Member, Function::Part(Part::Date)),
    ("getDayOfMonth", Style::Member, Function::Part(Part::DayOfMonth)),
    ("getDayOfWeek", Style::Member, Function::Part(Part::DayOfWeek)),
    ("getDayOfYear", Style::Member, Function::Part(Part::DayOfYear)),
    ("getHours", Style::Member, Function::Part(Part::Hours)),
    ("getMinutes", Style::Member, Function::Part(Part::Minutes)),
    ("getSeconds", Style::Member, Function::Part(Part::Seconds)),
    ("getMilliseconds", Style::Member, Function::Part(Part::Milliseconds)),
];

/// A type in a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Simple {
    Any,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    Type,
    List,
    Map,
}

type Signature = (&'static [Simple], Simple);

impl Function {
    /// The function of that name that is called in that way.
    pub(super) fn named(name: &str, style: Style) -> Option<Self> {
        let called = |own: Style| own == style || (own == Style::Either && style != Style::Operator);
        FUNCTIONS.iter().find(|(own, own_style, _)| *own == name && called(*own_style)).map(|(_, _, function)| *function)
    }

    /// Its name, for messages.
    #[cold]
    #[inline(never)]
    pub(super) fn name(self) -> &'static str {
        FUNCTIONS.iter().find(|(_, _, function)| *function == self).map_or("", |(name, _, _)| *name)
    }

    /// The type of what it gives for arguments of these types; `None` where it does not take them.
    pub(super) fn result(self, arguments: &[Type]) -> Option<Type> {
        match (self, arguments) {
            (Self::Equal | Self::NotEqual, [one, two]) => comparable(one, two).then_some(Type::Bool),
            (Self::In, [item, Type::List(items)]) => comparable(item, items).then_some(Type::Bool),
            (Self::In, [key, Type::Map(keys, _)]) => comparable_keys(key, keys).then_some(Type::Bool),
            (Self::In, [_, Type::Dyn | Type::Open]) => Some(Type::Bool),
            (Self::Index, [Type::List(items), Type::Int | Type::Dyn | Type::Open]) => Some(items.as_ref().clone()),
            (Self::Index, [Type::Map(keys, values), key]) => comparable_keys(key, keys).then(|| values.as_ref().clone()),
            (Self::Index, [Type::Dyn | Type::Open, _]) => Some(Type::Dyn),
            (Self::Add, [Type::List(one), Type::List(two)]) => one.join(two).map(Type::list),
            (Self::ToDyn, [_]) => Some(Type::Dyn),
            _ => by_signature(self.signatures(), arguments),
        }
    }

    fn signatures(self) -> &'static [Signature] {
        use Simple::{Any, Bool, Bytes, Double, Duration, Int, List, Map, String, Timestamp, Type, Uint};
        match self {
            Self::Add => &[
                (&[Int, Int], Int),
                (&[Uint, Uint], Uint),
                (&[Double, Double], Double),
                (&[String, String], String),
                (&[Bytes, Bytes], Bytes),
                (&[List, List], List),
                (&[Timestamp, Duration], Timestamp),
                (&[Duration, Timestamp], Timestamp),
                (&[Duration, Duration], Duration),
            ],
            Self::Subtract => &[
                (&[Int, Int], Int),
                (&[Uint, Uint], Uint),
                (&[Double, Double], Double),
                (&[Timestamp, Duration], Timestamp),
                (&[Timestamp, Timestamp], Duration),
                (&[Duration, Duration], Duration),
            ],
            Self::Multiply | Self::Divide => &[(&[Int, Int], Int), (&[Uint, Uint], Uint), (&[Double, Double], Double)],
            Self::Modulo => &[(&[Int, Int], Int), (&[Uint, Uint], Uint)],
            Self::Negate => &[(&[Int], Int), (&[Double], Double)],
            Self::Not => &[(&[Bool], Bool)],
            Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual => &[
                (&[Bool, Bool], Bool),
                (&[Int, Int], Bool),
                (&[Int, Uint], Bool),
                (&[Int, Double], Bool),
                (&[Uint, Uint], Bool),
                (&[Uint, Int], Bool),
                (&[Uint, Double], Bool),
                (&[Double, Double], Bool),
                (&[Double, Int], Bool),
                (&[Double, Uint], Bool),
                (&[String, String], Bool),
                (&[Bytes, Bytes], Bool),
                (&[Timestamp, Timestamp], Bool),
                (&[Duration, Duration], Bool),
            ],
            Self::Size => &[(&[String], Int), (&[Bytes], Int), (&[List], Int), (&[Map], Int)],
            Self::Contains | Self::StartsWith | Self::EndsWith => &[(&[String, String], Bool)],
            Self::LowerAscii | Self::UpperAscii => &[(&[String], String)],
            Self::ToBool => &[(&[Bool], Bool), (&[String], Bool)],
            Self::ToBytes => &[(&[Bytes], Bytes), (&[String], Bytes)],
            Self::ToDouble => &[(&[Double], Double), (&[Int], Double), (&[Uint], Double), (&[String], Double)],
            Self::ToDuration => &[(&[Duration], Duration), (&[Int], Duration), (&[String], Duration)],
            Self::ToInt => {
                &[(&[Int], Int), (&[Uint], Int), (&[Double], Int), (&[String], Int), (&[Timestamp], Int), (&[Duration], Int)]
            }
            Self::ToString => &[
                (&[String], String),
                (&[Bool], String),
                (&[Int], String),
                (&[Uint], String),
                (&[Double], String),
                (&[Bytes], String),
                (&[Timestamp], String),
                (&[Duration], String),
            ],
            Self::ToTimestamp => &[(&[Timestamp], Timestamp), (&[Int], Timestamp), (&[String], Timestamp)],
            Self::ToType => &[(&[Any], Type)],
            Self::ToUint => &[(&[Uint], Uint), (&[Int], Uint), (&[Double], Uint), (&[String], Uint)],
            Self::Part(Part::Hours | Part::Minutes | Part::Seconds | Part::Milliseconds) => {
                &[(&[Timestamp], Int), (&[Timestamp, String], Int), (&[Duration], Int)]
            }
            Self::Part(Part::Year | Part::Month | Part::Date | Part::DayOfMonth | Part::DayOfWeek | Part::DayOfYear) => {
                &[(&[Timestamp], Int), (&[Timestamp, String], Int)]
            }
            Self::Equal | Self::NotEqual | Self::In | Self::Index | Self::ToDyn => &[],
        }
    }
}

/// The type that all signatures which fit agree on; `dyn` where they do not.
fn by_signature(signatures: &[Signature], arguments: &[Type]) -> Option<Type> {
    let fits = |parameters: &[Simple]| {
        parameters.len() == arguments.len()
            && parameters.iter().zip(arguments).all(|(parameter, argument)| parameter.takes(argument))
    };
    let mut results = signatures.iter().filter(|(parameters, _)| fits(parameters)).map(|(_, result)| *result);
    let first = results.next()?;
    Some(if results.all(|result| result == first) { first.known() } else { Type::Dyn })
}

impl Simple {
    fn takes(self, argument: &Type) -> bool {
        match argument {
            Type::Dyn | Type::Open => true,
            Type::List(_) => matches!(self, Self::List | Self::Any),
            Type::Map(..) => matches!(self, Self::Map | Self::Any),
            plain => self == Self::Any || self.known() == *plain,
        }
    }

    fn known(self) -> Type {
        match self {
            Self::Any => Type::Dyn,
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Uint => Type::Uint,
            Self::Double => Type::Double,
            Self::String => Type::String,
            Self::Bytes => Type::Bytes,
            Self::Timestamp => Type::Timestamp,
            Self::Duration => Type::Duration,
            Self::Type => Type::Type,
            Self::List => Type::list(Type::Dyn),
            Self::Map => Type::map(Type::Dyn, Type::Dyn),
        }
    }
}

fn comparable(one: &Type, two: &Type) -> bool {
    one.fits(two)
}

/// Keys that are numbers may be asked for by numbers of any type.
fn comparable_keys(one: &Type, two: &Type) -> bool {
    let number = |kind: &Type| matches!(kind, Type::Int | Type::Uint | Type::Double);
    comparable(one, two) || (number(one) && number(two))
}
