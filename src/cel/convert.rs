//! Conversions between the types of the language (language definition, "Type Conversions"). None wraps around: what has no
//! counterpart is an error.

use super::error::Fault;
use super::moment::{Duration, Moment};
use super::value::{Bytes, Text, Value};

/// Doubles are integers of that range where they lie between these: `int` has no 2^63, `uint` no 2^64.
const INT_END: f64 = 9_223_372_036_854_775_808.0;
const UINT_END: f64 = 18_446_744_073_709_551_616.0;

type Converted<'a> = Result<Value<'a>, Fault>;

pub(super) fn to_bool<'a>(value: Value<'a>) -> Converted<'a> {
    match &value {
        Value::Bool(_) => Ok(value),
        Value::String(text) => match text.as_str() {
            "true" | "True" | "TRUE" | "t" | "1" => Ok(Value::Bool(true)),
            "false" | "False" | "FALSE" | "f" | "0" => Ok(Value::Bool(false)),
            _ => Err(Fault::Conversion { to: "bool" }),
        },
        _ => Err(Fault::NoOverload { operation: "bool" }),
    }
}

pub(super) fn to_int<'a>(value: Value<'a>) -> Converted<'a> {
    let int = match &value {
        Value::Int(int) => *int,
        Value::Uint(uint) => i64::try_from(*uint).map_err(|_| Fault::Overflow)?,
        Value::Double(double) => int_of(*double).ok_or(Fault::Overflow)?,
        Value::String(text) => text.as_str().parse().map_err(|_| Fault::Conversion { to: "int" })?,
        Value::Timestamp(moment) => moment.unix_seconds(),
        Value::Duration(Duration(nanos)) => *nanos / 1_000_000_000,
        _ => return Err(Fault::NoOverload { operation: "int" }),
    };
    Ok(Value::Int(int))
}

pub(super) fn to_uint<'a>(value: Value<'a>) -> Converted<'a> {
    let uint = match &value {
        Value::Uint(uint) => *uint,
        Value::Int(int) => u64::try_from(*int).map_err(|_| Fault::Overflow)?,
        Value::Double(double) => uint_of(*double).ok_or(Fault::Overflow)?,
        Value::String(text) => text.as_str().parse().map_err(|_| Fault::Conversion { to: "uint" })?,
        _ => return Err(Fault::NoOverload { operation: "uint" }),
    };
    Ok(Value::Uint(uint))
}

pub(super) fn to_double<'a>(value: Value<'a>) -> Converted<'a> {
    let double = match &value {
        Value::Double(double) => *double,
        Value::Int(int) => double_of_int(*int),
        Value::Uint(uint) => double_of_uint(*uint),
        Value::String(text) => text.as_str().parse().map_err(|_| Fault::Conversion { to: "double" })?,
        _ => return Err(Fault::NoOverload { operation: "double" }),
    };
    Ok(Value::Double(double))
}

pub(super) fn to_string<'a>(value: Value<'a>) -> Converted<'a> {
    Ok(Value::from(match &value {
        Value::String(_) => return Ok(value),
        Value::Bool(bool) => bool.to_string(),
        Value::Int(int) => int.to_string(),
        Value::Uint(uint) => uint.to_string(),
        Value::Double(double) => text_of_double(*double),
        Value::Bytes(bytes) => return text_of(bytes),
        Value::Timestamp(moment) => moment.to_string(),
        Value::Duration(duration) => duration.to_string(),
        _ => return Err(Fault::NoOverload { operation: "string" }),
    }))
}

/// The shortest text that reads as the same number, without an exponent, and without a fraction of zero. The digits are those of
/// `serde_json`, which the module has anyway: the writer of the standard library, which also knows how to round, is 14 KB more.
fn text_of_double(double: f64) -> String {
    match serde_json::Number::from_f64(double) {
        Some(number) => without_exponent(&number.to_string()),
        None if double.is_nan() => "NaN".to_owned(),
        None => if double > 0.0 { "inf" } else { "-inf" }.to_owned(),
    }
}

/// `-1.5e-7` as `-0.00000015`, `1e+16` as 1 with sixteen zeros.
fn without_exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |mantissa| ("-", mantissa));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, if fraction == "0" { "" } else { fraction }].concat();
    // Where the point stands; zeros fill up to it, and at least one digit is before it.
    let length = |text: &str| isize::try_from(text.len()).unwrap_or(0);
    let zeros = |count: isize| "0".repeat(usize::try_from(count).unwrap_or(0));
    let point = length(whole) + exponent.parse::<isize>().unwrap_or(0);
    let all = [zeros(1 - point).as_str(), &digits, &zeros(point - length(&digits))].concat();
    let (before, behind) = all.split_at_checked(usize::try_from(point.max(1)).unwrap_or(1)).unwrap_or((&all, ""));
    [sign, before, if behind.is_empty() { "" } else { "." }, behind].concat()
}

fn text_of<'a>(bytes: &Bytes<'a>) -> Converted<'a> {
    let invalid = |_| Fault::Conversion { to: "string: not UTF-8" };
    Ok(Value::String(match bytes {
        Bytes::Borrowed(bytes) => Text::Borrowed(std::str::from_utf8(bytes).map_err(invalid)?),
        Bytes::Shared(bytes) => Text::Shared(std::str::from_utf8(bytes).map_err(invalid)?.into()),
    }))
}

pub(super) fn to_bytes<'a>(value: Value<'a>) -> Converted<'a> {
    Ok(Value::Bytes(match value {
        Value::Bytes(bytes) => bytes,
        Value::String(Text::Borrowed(text)) => Bytes::Borrowed(text.as_bytes()),
        Value::String(Text::Shared(text)) => Bytes::Shared(text.into()),
        _ => return Err(Fault::NoOverload { operation: "bytes" }),
    }))
}

pub(super) fn to_timestamp<'a>(value: Value<'a>) -> Converted<'a> {
    let moment = match &value {
        Value::Timestamp(_) => return Ok(value),
        Value::Int(seconds) => Moment::from_unix(*seconds, 0).ok_or(Fault::Overflow)?,
        Value::String(text) => Moment::parse(text.as_str()).ok_or(Fault::Conversion { to: "timestamp" })?,
        _ => return Err(Fault::NoOverload { operation: "timestamp" }),
    };
    Ok(Value::Timestamp(moment))
}

pub(super) fn to_duration<'a>(value: Value<'a>) -> Converted<'a> {
    let duration = match &value {
        Value::Duration(_) => return Ok(value),
        Value::Int(seconds) => Duration(seconds.checked_mul(1_000_000_000).ok_or(Fault::Overflow)?),
        Value::String(text) => Duration::parse(text.as_str()).ok_or(Fault::Conversion { to: "duration" })?,
        _ => return Err(Fault::NoOverload { operation: "duration" }),
    };
    Ok(Value::Duration(duration))
}

/// The integer towards zero; the least `int` is out of range, as in the conformance cases.
#[expect(clippy::as_conversions, reason = "there is no other conversion of a double; the range is checked")]
fn int_of(double: f64) -> Option<i64> {
    (double > -INT_END && double < INT_END).then_some(double as i64)
}

#[expect(clippy::as_conversions, reason = "there is no other conversion of a double; the range is checked")]
fn uint_of(double: f64) -> Option<u64> {
    (double > -1.0 && double < UINT_END).then_some(double as u64)
}

#[expect(clippy::as_conversions, reason = "to the nearest double, as the language has it")]
const fn double_of_int(int: i64) -> f64 {
    int as f64
}

#[expect(clippy::as_conversions, reason = "to the nearest double, as the language has it")]
const fn double_of_uint(uint: u64) -> f64 {
    uint as f64
}

/// The index that a number is, where it is a whole one.
pub(super) fn to_index(value: &Value<'_>) -> Option<usize> {
    match value {
        Value::Int(int) => usize::try_from(*int).ok(),
        Value::Uint(uint) => usize::try_from(*uint).ok(),
        Value::Double(double) if double.fract() == 0.0 => usize::try_from(int_of(*double)?).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_double_is_written_as_the_standard_library_writes_it() {
        for double in [
            0.0,
            -0.0,
            1.0,
            -1.5,
            123.456,
            -0.0045,
            1e-5,
            9.999e-6,
            1e-6,
            -1.5e-7,
            5e-324,
            1e15,
            1e16,
            9_999_999_999_999_998.0,
            12_345_678_901_234_567.0,
            18_446_744_073_709_551_616.0,
            1e21,
            6.02214e23,
            1e300,
            f64::MAX,
            f64::MIN_POSITIVE,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ] {
            assert_eq!(text_of_double(double), double.to_string());
        }
    }

    /// Whether the text is the standard library's, or another of its length that reads as the same number.
    fn is_shortest(double: f64) -> bool {
        let (text, theirs) = (text_of_double(double), double.to_string());
        text == theirs || (text.len() == theirs.len() && text.parse() == Ok(double))
    }

    #[test]
    fn of_two_shortest_texts_either_is_right() {
        // Exactly 1150536015800845.25: the standard library rounds it up.
        assert_eq!(text_of_double(f64::from_bits(0x4310_59a0_2a17_a835)), "1150536015800845.2");
        assert!(is_shortest(f64::from_bits(0x4310_59a0_2a17_a835)));
    }

    proptest::proptest! {
        #[test]
        fn whichever_double_it_is(bits: u64, small in -1.0e6_f64..1.0e6) {
            proptest::prop_assert!(is_shortest(f64::from_bits(bits)));
            proptest::prop_assert!(is_shortest(small));
        }
    }
}
