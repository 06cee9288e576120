//! Points and spans of time, in the ranges of the language: the years 1 to 9999, and 64 bits of nanoseconds.

use std::fmt::{self, Write};

use crate::time::{self, CivilDate};

const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
const SECONDS_PER_DAY: i64 = 86_400;

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    seconds: i64,
    /// Below a second, never negative.
    nanos: i64,
}

/// A span of time, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub i64);

impl From<time::Timestamp> for Moment {
    fn from(time: time::Timestamp) -> Self {
        Self { seconds: time.unix_seconds(), nanos: time.unix_nanos().rem_euclid(NANOS_PER_SECOND) }
    }
}

/// What a point in time is asked for; months, and days of the month and of the year, are counted from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    Month,
    /// Of the month, from one.
    Date,
    DayOfMonth,
    /// From Sunday.
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

impl Moment {
    pub(super) fn from_unix(seconds: i64, nanos: i64) -> Option<Self> {
        SECONDS.contains(&seconds).then_some(Self { seconds, nanos })
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (seconds, nanos) = time::unix_time_of(text)?;
        Self::from_unix(seconds, nanos)
    }

    pub(super) const fn unix_seconds(self) -> i64 {
        self.seconds
    }

    pub(super) fn plus(self, Duration(nanos): Duration) -> Option<Self> {
        let nanos_after = self.nanos + nanos.rem_euclid(NANOS_PER_SECOND);
        let seconds = self.seconds + nanos.div_euclid(NANOS_PER_SECOND) + nanos_after / NANOS_PER_SECOND;
        Self::from_unix(seconds, nanos_after % NANOS_PER_SECOND)
    }

    pub(super) fn since(self, earlier: Self) -> Option<Duration> {
        let seconds = (self.seconds - earlier.seconds).checked_mul(NANOS_PER_SECOND)?;
        seconds.checked_add(self.nanos - earlier.nanos).map(Duration)
    }

    /// A part of this time as clocks show it so many seconds east of Greenwich.
    pub(super) fn part(self, part: Part, offset: i64) -> i64 {
        let local = self.seconds.saturating_add(offset);
        let (days, second) = (local.div_euclid(SECONDS_PER_DAY), local.rem_euclid(SECONDS_PER_DAY));
        let date = CivilDate::from_days(days);
        match part {
            Part::Year => date.year,
            Part::Month => date.month - 1,
            Part::Date => date.day,
            Part::DayOfMonth => date.day - 1,
            // 1970-01-01 was a Thursday.
            Part::DayOfWeek => (days + 4).rem_euclid(7),
            Part::DayOfYear => days - CivilDate { year: date.year, month: 1, day: 1 }.to_days(),
            Part::Hours => second / 3600,
            Part::Minutes => second / 60 % 60,
            Part::Seconds => second % 60,
            Part::Milliseconds => self.nanos / 1_000_000,
        }
    }
}

impl fmt::Display for Moment {
    /// RFC 3339 in UTC, with as many digits of a second as there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part| self.part(part, 0);
        write!(f, "{:04}-{:02}-{:02}", part(Part::Year), part(Part::Month) + 1, part(Part::Date))?;
        write!(f, "T{:02}:{:02}:{:02}", part(Part::Hours), part(Part::Minutes), part(Part::Seconds))?;
        write_fraction(f, self.nanos.unsigned_abs())?;
        f.write_char('Z')
    }
}

impl Duration {
    /// Numbers with units, such as `1h30m` or `-1.5s`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (sign, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Some(Self(0));
        }
        let mut total = if rest.is_empty() { None } else { Some(0_i64) }?;
        while !rest.is_empty() {
            let (nanos, behind) = quantity(rest, sign)?;
            total = total.checked_add(nanos)?;
            rest = behind;
        }
        Some(Self(total))
    }

    pub(super) fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    pub(super) fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The whole span in that unit; of milliseconds only those that make no second.
    pub(super) const fn part(self, part: Part) -> Option<i64> {
        let seconds = self.0 / NANOS_PER_SECOND;
        match part {
            Part::Hours => Some(seconds / 3600),
            Part::Minutes => Some(seconds / 60),
            Part::Seconds => Some(seconds),
            Part::Milliseconds => Some(self.0 % NANOS_PER_SECOND / 1_000_000),
            Part::Year | Part::Month | Part::Date | Part::DayOfMonth | Part::DayOfWeek | Part::DayOfYear => None,
        }
    }
}

impl fmt::Display for Duration {
    /// Seconds, with as many digits behind the point as there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        let second = NANOS_PER_SECOND.unsigned_abs();
        write!(f, "{}{}", if self.0 < 0 { "-" } else { "" }, nanos / second)?;
        write_fraction(f, nanos % second)?;
        f.write_char('s')
    }
}

fn write_fraction(f: &mut fmt::Formatter<'_>, nanos: u64) -> fmt::Result {
    if nanos == 0 {
        return Ok(());
    }
    let digits = format!("{nanos:09}");
    write!(f, ".{}", digits.trim_end_matches('0'))
}

/// The nanoseconds of a number and a unit, and what is behind them.
fn quantity(text: &str, sign: i64) -> Option<(i64, &str)> {
    let whole = digits(text);
    let behind = text.get(whole.len()..)?;
    let fraction = behind.strip_prefix('.').map(digits);
    let rest = behind.get(fraction.map_or(0, |fraction| fraction.len() + 1)..)?;
    if whole.is_empty() && fraction.is_none_or(str::is_empty) {
        return None;
    }
    let unit = rest.get(..rest.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(rest.len()))?;
    let nanos_per_unit = nanos_per(unit)?;
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let nanos = (sign * whole).checked_mul(nanos_per_unit)?;
    let fraction = sign * fraction_of(nanos_per_unit, fraction.unwrap_or_default());
    Some((nanos.checked_add(fraction)?, rest.get(unit.len()..)?))
}

fn digits(text: &str) -> &str {
    text.get(..text.bytes().take_while(u8::is_ascii_digit).count()).unwrap_or_default()
}

fn nanos_per(unit: &str) -> Option<i64> {
    Some(match unit {
        "h" => 3600 * NANOS_PER_SECOND,
        "m" => 60 * NANOS_PER_SECOND,
        "s" => NANOS_PER_SECOND,
        "ms" => 1_000_000,
        "us" => 1_000,
        "ns" => 1,
        _ => return None,
    })
}

/// That part of a unit which decimal digits say; what is below a nanosecond is dropped.
fn fraction_of(unit: i64, digits: &str) -> i64 {
    // Twelve digits, by six: what is behind them is less than four nanoseconds of an hour, and an i64 has room for it.
    const MILLION: i64 = 1_000_000;
    let six = |from: usize| {
        (from..from + 6).fold(0, |number, at| number * 10 + i64::from(digits.as_bytes().get(at).map_or(0, |digit| digit - b'0')))
    };
    (unit * six(0) + unit * six(6) / MILLION) / MILLION
}
