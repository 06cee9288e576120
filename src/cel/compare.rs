//! Equality and order (language definition, "Equality", "Ordering"). Numbers of all types are points of one line: no conversion
//! rounds one onto another.

use std::cmp::Ordering;

use super::error::Fault;
use super::meter::Meter;
use super::value::{List, Map, Value};

/// Whether two values are equal; values of different types are not, but for numbers.
pub(super) fn equal(one: &Value<'_>, two: &Value<'_>, meter: &mut Meter) -> Result<bool, Fault> {
    meter.step()?;
    Ok(match (one, two) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(one), Value::Bool(two)) => one == two,
        (Value::String(one), Value::String(two)) => {
            meter.bytes(one.as_str().len())?;
            one.as_str() == two.as_str()
        }
        (Value::Bytes(one), Value::Bytes(two)) => {
            meter.bytes(one.as_slice().len())?;
            one.as_slice() == two.as_slice()
        }
        (Value::Timestamp(one), Value::Timestamp(two)) => one == two,
        (Value::Duration(one), Value::Duration(two)) => one == two,
        (Value::Type(one), Value::Type(two)) => one == two,
        (Value::List(one), Value::List(two)) => equal_lists(one, two, meter)?,
        (Value::Map(one), Value::Map(two)) => equal_maps(one, two, meter)?,
        (one, two) => numbers(one, two) == Some(Ordering::Equal),
    })
}

fn equal_lists(one: &List<'_>, two: &List<'_>, meter: &mut Meter) -> Result<bool, Fault> {
    if one.len() != two.len() {
        return Ok(false);
    }
    for (one, two) in one.iter().zip(two.iter()) {
        if !equal(&one, &two, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn equal_maps(one: &Map<'_>, two: &Map<'_>, meter: &mut Meter) -> Result<bool, Fault> {
    let length = two.len();
    if one.len() != length {
        return Ok(false);
    }
    for (key, value) in one.entries()? {
        meter.steps(length)?;
        let Some(other) = two.find(&key)? else { return Ok(false) };
        if !equal(&value, &other, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether two keys are the same one.
pub(super) fn same_key(one: &Value<'_>, two: &Value<'_>) -> bool {
    match (one, two) {
        (Value::Bool(one), Value::Bool(two)) => one == two,
        (Value::String(one), Value::String(two)) => one.as_str() == two.as_str(),
        (one, two) => numbers(one, two) == Some(Ordering::Equal),
    }
}

/// How two values are ordered. `Ok(None)` where one of them is not a number of that type's line (NaN).
pub(super) fn order(one: &Value<'_>, two: &Value<'_>) -> Result<Option<Ordering>, Fault> {
    Ok(Some(match (one, two) {
        (Value::Bool(one), Value::Bool(two)) => one.cmp(two),
        (Value::String(one), Value::String(two)) => one.as_str().cmp(two.as_str()),
        (Value::Bytes(one), Value::Bytes(two)) => one.as_slice().cmp(two.as_slice()),
        (Value::Timestamp(one), Value::Timestamp(two)) => one.cmp(two),
        (Value::Duration(one), Value::Duration(two)) => one.cmp(two),
        (one, two) if is_number(one) && is_number(two) => return Ok(numbers(one, two)),
        _ => return Err(Fault::NoOverload { operation: "<" }),
    }))
}

const fn is_number(value: &Value<'_>) -> bool {
    matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_))
}

/// How two numbers are ordered; `None` also where one value is no number.
fn numbers(one: &Value<'_>, two: &Value<'_>) -> Option<Ordering> {
    match (one, two) {
        (Value::Int(one), Value::Int(two)) => Some(one.cmp(two)),
        (Value::Uint(one), Value::Uint(two)) => Some(one.cmp(two)),
        (Value::Double(one), Value::Double(two)) => one.partial_cmp(two),
        (Value::Int(one), Value::Uint(two)) => Some(int_and_uint(*one, *two)),
        (Value::Uint(one), Value::Int(two)) => Some(int_and_uint(*two, *one).reverse()),
        (Value::Int(one), Value::Double(two)) => whole_and_double(i128::from(*one), *two),
        (Value::Uint(one), Value::Double(two)) => whole_and_double(i128::from(*one), *two),
        (Value::Double(one), Value::Int(two)) => whole_and_double(i128::from(*two), *one).map(Ordering::reverse),
        (Value::Double(one), Value::Uint(two)) => whole_and_double(i128::from(*two), *one).map(Ordering::reverse),
        _ => None,
    }
}

fn int_and_uint(int: i64, uint: u64) -> Ordering {
    u64::try_from(int).map_or(Ordering::Less, |int| int.cmp(&uint))
}

/// Exact: what a double cannot hold is not rounded first.
fn whole_and_double(whole: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    let floor = double.floor();
    // A cast saturates at the bounds of its type, which no `int` or `uint` reaches.
    #[expect(clippy::as_conversions, reason = "there is no other conversion of a double")]
    let below = floor as i128;
    Some(whole.cmp(&below).then(if double > floor { Ordering::Less } else { Ordering::Equal }))
}
