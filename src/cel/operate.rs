//! What functions and operators do with values.

use std::cmp::Ordering;

use super::compare::{equal, order};
use super::convert;
use super::error::Fault;
use super::function::Function;
use super::meter::Meter;
use super::moment::{Duration, Part};
use super::value::{List, Map, Value};

type Outcome<'a> = Result<Value<'a>, Fault>;

/// Functions of one argument.
pub(super) fn unary<'a>(function: Function, one: Value<'a>, meter: &mut Meter) -> Outcome<'a> {
    meter.bytes(length(&one))?;
    match function {
        Function::Negate => negate(&one),
        Function::Not => match one {
            Value::Bool(bool) => Ok(Value::Bool(!bool)),
            _ => Err(no_overload(function)),
        },
        Function::Size => size(&one, meter),
        Function::LowerAscii => text(function, &one).map(|text| Value::from(text.to_ascii_lowercase())),
        Function::UpperAscii => text(function, &one).map(|text| Value::from(text.to_ascii_uppercase())),
        Function::ToBool => convert::to_bool(one),
        Function::ToBytes => convert::to_bytes(one),
        Function::ToDouble => convert::to_double(one),
        Function::ToDuration => convert::to_duration(one),
        Function::ToDyn => Ok(one),
        Function::ToInt => convert::to_int(one),
        Function::ToString => convert::to_string(one),
        Function::ToTimestamp => convert::to_timestamp(one),
        Function::ToType => Ok(Value::Type(one.type_name())),
        Function::ToUint => convert::to_uint(one),
        Function::Part(part) => part_of(function, part, &one, 0),
        _ => Err(no_overload(function)),
    }
}

/// Functions of two arguments.
pub(super) fn binary<'a>(function: Function, one: &Value<'a>, two: &Value<'a>, meter: &mut Meter) -> Outcome<'a> {
    let bool = match function {
        Function::Equal => equal(one, two, meter)?,
        Function::NotEqual => !equal(one, two, meter)?,
        Function::Less => compared(one, two, meter)? == Some(Ordering::Less),
        Function::LessEqual => matches!(compared(one, two, meter)?, Some(Ordering::Less | Ordering::Equal)),
        Function::Greater => compared(one, two, meter)? == Some(Ordering::Greater),
        Function::GreaterEqual => matches!(compared(one, two, meter)?, Some(Ordering::Greater | Ordering::Equal)),
        Function::In => is_in(one, two, meter)?,
        Function::Contains => contains(text(function, one)?, text(function, two)?, meter)?,
        Function::StartsWith => text(function, one)?.starts_with(text(function, two)?),
        Function::EndsWith => text(function, one)?.ends_with(text(function, two)?),
        Function::Index => return index(one, two, meter),
        Function::Add => return add(one, two, meter),
        Function::Part(part) => return part_at(function, part, one, two),
        Function::Subtract | Function::Multiply | Function::Divide | Function::Modulo => return calculate(function, one, two),
        _ => return Err(no_overload(function)),
    };
    Ok(Value::Bool(bool))
}

#[cold]
fn no_overload(function: Function) -> Fault {
    Fault::NoOverload { operation: function.name() }
}

fn text<'v>(function: Function, value: &'v Value<'_>) -> Result<&'v str, Fault> {
    match value {
        Value::String(text) => Ok(text.as_str()),
        _ => Err(no_overload(function)),
    }
}

fn length(value: &Value<'_>) -> usize {
    match value {
        Value::String(text) => text.as_str().len(),
        Value::Bytes(bytes) => bytes.as_slice().len(),
        _ => 0,
    }
}

fn compared(one: &Value<'_>, two: &Value<'_>, meter: &mut Meter) -> Result<Option<Ordering>, Fault> {
    meter.bytes(length(one).min(length(two)))?;
    order(one, two)
}

fn contains(text: &str, part: &str, meter: &mut Meter) -> Result<bool, Fault> {
    meter.bytes(text.len().saturating_add(part.len()))?;
    Ok(text.contains(part))
}

fn negate<'a>(value: &Value<'a>) -> Outcome<'a> {
    match value {
        Value::Int(int) => int.checked_neg().map(Value::Int).ok_or(Fault::Overflow),
        Value::Double(double) => Ok(Value::Double(-double)),
        _ => Err(no_overload(Function::Negate)),
    }
}

fn size<'a>(value: &Value<'a>, meter: &mut Meter) -> Outcome<'a> {
    let size = match value {
        Value::String(text) => text.as_str().chars().count(),
        Value::Bytes(bytes) => bytes.as_slice().len(),
        Value::List(list) => {
            meter.steps(list.cost())?;
            list.len()
        }
        Value::Map(map) => {
            meter.steps(map.cost())?;
            map.len()
        }
        _ => return Err(no_overload(Function::Size)),
    };
    Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX)))
}

fn is_in(item: &Value<'_>, range: &Value<'_>, meter: &mut Meter) -> Result<bool, Fault> {
    match range {
        Value::List(list) => {
            for own in list.iter() {
                if equal(&own, item, meter)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Map(map) => Ok(find(map, item, meter)?.is_some()),
        _ => Err(no_overload(Function::In)),
    }
}

fn find<'a>(map: &Map<'a>, key: &Value<'_>, meter: &mut Meter) -> Result<Option<Value<'a>>, Fault> {
    meter.steps(map.cost())?;
    map.find(key)
}

fn index<'a>(operand: &Value<'a>, index: &Value<'_>, meter: &mut Meter) -> Outcome<'a> {
    match operand {
        Value::List(list) => item(list, index, meter),
        Value::Map(map) => find(map, index, meter)?.ok_or_else(|| Fault::NoSuchKey(shown(index))),
        _ => Err(no_overload(Function::Index)),
    }
}

fn item<'a>(list: &List<'a>, index: &Value<'_>, meter: &mut Meter) -> Outcome<'a> {
    meter.steps(list.cost())?;
    convert::to_index(index).and_then(|at| list.get(at)).ok_or(Fault::NoSuchIndex)
}

/// A key for a message: names that the condition does not write are the event's, and cut.
fn shown(key: &Value<'_>) -> String {
    match key {
        Value::String(text) => text.as_str().chars().take(64).flat_map(char::escape_default).collect(),
        Value::Int(int) => int.to_string(),
        Value::Uint(uint) => uint.to_string(),
        Value::Bool(bool) => bool.to_string(),
        other => other.type_name().as_str().to_owned(),
    }
}

fn add<'a>(one: &Value<'a>, two: &Value<'a>, meter: &mut Meter) -> Outcome<'a> {
    match (one, two) {
        (Value::String(one), Value::String(two)) => {
            meter.bytes(one.as_str().len().saturating_add(two.as_str().len()))?;
            Ok(Value::from([one.as_str(), two.as_str()].concat()))
        }
        (Value::Bytes(one), Value::Bytes(two)) => {
            meter.bytes(one.as_slice().len().saturating_add(two.as_slice().len()))?;
            Ok(Value::from([one.as_slice(), two.as_slice()].concat()))
        }
        (Value::List(one), Value::List(two)) => {
            meter.steps(one.len().saturating_add(two.len()))?;
            Ok(Value::list(one.iter().chain(two.iter()).collect()))
        }
        (Value::Timestamp(moment), Value::Duration(duration)) | (Value::Duration(duration), Value::Timestamp(moment)) => {
            moment.plus(*duration).map(Value::Timestamp).ok_or(Fault::Overflow)
        }
        (Value::Duration(one), Value::Duration(two)) => one.plus(*two).map(Value::Duration).ok_or(Fault::Overflow),
        _ => calculate(Function::Add, one, two),
    }
}

fn calculate<'a>(function: Function, one: &Value<'a>, two: &Value<'a>) -> Outcome<'a> {
    match (one, two) {
        (Value::Int(one), Value::Int(two)) => int(function, *one, *two).map(Value::Int),
        (Value::Uint(one), Value::Uint(two)) => uint(function, *one, *two).map(Value::Uint),
        (Value::Double(one), Value::Double(two)) => double(function, *one, *two).map(Value::Double),
        (one, two) if function == Function::Subtract => subtract_times(one, two),
        _ => Err(no_overload(function)),
    }
}

fn subtract_times<'a>(one: &Value<'a>, two: &Value<'a>) -> Outcome<'a> {
    match (one, two) {
        (Value::Timestamp(one), Value::Timestamp(two)) => one.since(*two).map(Value::Duration),
        (Value::Timestamp(one), Value::Duration(Duration(two))) => {
            two.checked_neg().and_then(|nanos| one.plus(Duration(nanos))).map(Value::Timestamp)
        }
        (Value::Duration(one), Value::Duration(two)) => one.minus(*two).map(Value::Duration),
        _ => return Err(no_overload(Function::Subtract)),
    }
    .ok_or(Fault::Overflow)
}

/// Arithmetic of whole numbers, each operation checked.
macro_rules! whole_numbers {
    ($name:ident, $number:ty) => {
        fn $name(function: Function, one: $number, two: $number) -> Result<$number, Fault> {
            match function {
                Function::Add => one.checked_add(two),
                Function::Subtract => one.checked_sub(two),
                Function::Multiply => one.checked_mul(two),
                Function::Divide | Function::Modulo if two == 0 => return Err(Fault::DivisionByZero),
                Function::Divide => one.checked_div(two),
                Function::Modulo => one.checked_rem(two),
                _ => return Err(no_overload(function)),
            }
            .ok_or(Fault::Overflow)
        }
    };
}

whole_numbers!(int, i64);
whole_numbers!(uint, u64);

fn double(function: Function, one: f64, two: f64) -> Result<f64, Fault> {
    Ok(match function {
        Function::Add => one + two,
        Function::Subtract => one - two,
        Function::Multiply => one * two,
        Function::Divide => one / two,
        _ => return Err(no_overload(function)),
    })
}

fn part_of<'a>(function: Function, part: Part, value: &Value<'a>, offset: i64) -> Outcome<'a> {
    match value {
        Value::Timestamp(moment) => Ok(Value::Int(moment.part(part, offset))),
        Value::Duration(duration) => duration.part(part).map(Value::Int).ok_or_else(|| no_overload(function)),
        _ => Err(no_overload(function)),
    }
}

/// A part of a time at an offset: the checker has made a number of seconds of it.
fn part_at<'a>(function: Function, part: Part, value: &Value<'a>, offset: &Value<'_>) -> Outcome<'a> {
    match (value, offset) {
        (Value::Timestamp(_), Value::Int(offset)) => part_of(function, part, value, *offset),
        _ => Err(no_overload(function)),
    }
}
