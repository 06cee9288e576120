//! Durations and sizes as a policy writes them.

use std::time::Duration;

use serde_json::Value;

/// The text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a duration: a whole number and `ms`, `s`, `m`, `h` or `d`, as in `30s`")]
pub(super) struct NotADuration;

/// Reads `250ms`, `30s`, `5m`, `1h`, `2d`.
pub(super) fn duration(text: &str) -> Result<Duration, NotADuration> {
    let (number, unit) = split(text).ok_or(NotADuration)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(NotADuration),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or(NotADuration)
}

/// The value is no size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a size: a whole number of bytes, or a text as in `64KiB` or `1MiB`")]
pub(super) struct NotASize;

/// Reads bytes, `64KiB`, `1MiB`.
pub(super) fn size(value: &Value) -> Result<usize, NotASize> {
    let bytes = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => split(text).and_then(|(number, unit)| match unit {
            "KiB" => number.checked_mul(1 << 10),
            "MiB" => number.checked_mul(1 << 20),
            _ => None,
        }),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or(NotASize)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    // No digits, or too many, is no number.
    Some((number.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, millis) in
            [("0s", 0), ("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("2d", 172_800_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "+1s",
            "1.5s",
            "1 s",
            " 1s",
            "1s ",
            "1S",
            "1h30m",
            "1w",
            "18446744073709551616s",
            "18446744073709551615d",
        ] {
            assert_eq!(duration(text), Err(NotADuration), "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_a_binary_unit() {
        for (value, bytes) in
            [(Value::from(1024), 1024), (Value::from("64KiB"), 65_536), (Value::from("2MiB"), 2 << 20), (Value::from(0), 0)]
        {
            assert_eq!(size(&value), Ok(bytes), "{value}");
        }
        for value in
            [Value::from("1024"), Value::from("1KB"), Value::from("1kib"), Value::from(-1), Value::from(1.5), Value::from("KiB")]
        {
            assert_eq!(size(&value), Err(NotASize), "{value}");
        }
        assert_eq!(size(&Value::from("99999999999999999MiB")), Err(NotASize));
    }
}
