//! Wall-clock values. The core never asks for the time: whoever runs it (the proxy, the command line, a test) says what time it is.

use std::fmt;
use std::time::Duration;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, before or after it. Reaches from 1677 to 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const NANOS_PER_SECOND: i64 = 1_000_000_000;

impl Timestamp {
    /// From nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the Unix epoch (RFC 7519 NumericDate, RFC 9421 `created`); `None` outside the representable range.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Option<Self> {
        match seconds.checked_mul(NANOS_PER_SECOND) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn unix_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(NANOS_PER_SECOND)
    }

    /// This time plus `duration`, or the last representable time.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }

    /// This time minus `duration`, or the first representable time.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }

    /// How long this is after `earlier`; zero where it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads a date and time of RFC 3339 (section 5.6), as CloudEvents has it. Leap seconds (`:60`) are read as the second after.
    ///
    /// # Errors
    ///
    /// [`NotATimestamp`] where the text is anything else, or a date that does not exist, or outside the representable range.
    pub fn parse(text: &str) -> Result<Self, NotATimestamp> {
        parse_rfc3339(text).ok_or(NotATimestamp)
    }

    /// RFC 3339 in UTC with seconds and nothing finer, as the DSSE extension of CloudEvents signs it.
    #[must_use]
    pub fn to_seconds_text(self) -> String {
        let mut text = String::with_capacity(20);
        self.write_seconds(&mut text);
        text.push('Z');
        text
    }

    /// Appends RFC 3339 in UTC with milliseconds, as its `Display` is.
    pub fn write_to(self, text: &mut String) {
        self.write_seconds(text);
        text.push('.');
        let millis = self.0.rem_euclid(NANOS_PER_SECOND) / 1_000_000;
        push_digit(text, millis / 100);
        push_two_digits(text, millis % 100);
        text.push('Z');
    }

    fn write_seconds(self, text: &mut String) {
        let (CivilDate { year, month, day }, CivilTime(seconds)) = self.civil();
        push_two_digits(text, year / 100);
        for (mark, number) in
            [("", year % 100), ("-", month), ("-", day), ("T", seconds / 3600), (":", seconds / 60 % 60), (":", seconds % 60)]
        {
            text.push_str(mark);
            push_two_digits(text, number);
        }
    }

    fn civil(self) -> (CivilDate, CivilTime) {
        let seconds = self.unix_seconds();
        (CivilDate::from_days(seconds.div_euclid(86_400)), CivilTime(seconds.rem_euclid(86_400)))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(24);
        self.write_to(&mut text);
        f.pad(&text)
    }
}

/// The text is not a date and time of RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date and time of RFC 3339")]
pub struct NotATimestamp;

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// A date in the proleptic Gregorian calendar; months and days are counted from one.
pub(crate) struct CivilDate {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
}

/// Seconds since midnight.
struct CivilTime(i64);

impl CivilDate {
    /// Days since 1970-01-01: the era arithmetic of H. Hinnant,
    /// "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
    pub(crate) fn to_days(&self) -> i64 {
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }

    /// The same source, `civil_from_days`.
    pub(crate) fn from_days(days: i64) -> Self {
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = (shifted_month + 2) % 12 + 1;
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
        }
    }
}

/// By hand: the formatter of the standard library takes a microsecond for a date in wasm, and every record has two.
fn push_two_digits(text: &mut String, number: i64) {
    push_digit(text, number / 10);
    push_digit(text, number % 10);
}

fn push_digit(text: &mut String, digit: i64) {
    text.push(u32::try_from(digit).ok().and_then(|digit| char::from_digit(digit, 10)).unwrap_or('?'));
}

/// Takes the text apart from the left; every `?` is a text that RFC 3339 does not allow.
struct Scanner<'a>(&'a [u8]);

impl Scanner<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.byte()? == wanted).then_some(())
    }

    fn number(&mut self, digits: usize, allowed: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let mut value = 0;
        for _ in 0..digits {
            let digit = self.byte()?;
            if !digit.is_ascii_digit() {
                return None;
            }
            value = value * 10 + i64::from(digit - b'0');
        }
        allowed.contains(&value).then_some(value)
    }

    /// The fraction of a second in nanoseconds; digits beyond the ninth are read and dropped.
    fn fraction(&mut self) -> Option<i64> {
        if self.0.first() != Some(&b'.') {
            return Some(0);
        }
        self.byte()?;
        let (mut value, mut scale, mut digits) = (0, NANOS_PER_SECOND, 0);
        while let Some(digit) = self.0.first().filter(|byte| byte.is_ascii_digit()) {
            scale /= 10;
            value += scale * i64::from(digit - b'0');
            digits += 1;
            self.byte()?;
        }
        (digits > 0).then_some(value)
    }

    /// The offset from UTC in seconds.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.byte()? {
            b'Z' | b'z' => return Some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.number(2, 0..=23)?;
        self.expect(b':')?;
        let minutes = self.number(2, 0..=59)?;
        Some(sign * (hours * 3600 + minutes * 60))
    }
}

fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = unix_time_of(text)?;
    Some(Timestamp(Timestamp::from_unix_seconds(seconds)?.0.checked_add(fraction)?))
}

/// Seconds since the Unix epoch and nanoseconds after them, of a date and time of RFC 3339 in any of the years 0000 to 9999.
pub(crate) fn unix_time_of(text: &str) -> Option<(i64, i64)> {
    let mut scanner = Scanner(text.as_bytes());
    let year = scanner.number(4, 0..=9999)?;
    scanner.expect(b'-')?;
    let month = scanner.number(2, 1..=12)?;
    scanner.expect(b'-')?;
    let day = scanner.number(2, 1..=days_in(year, month))?;
    matches!(scanner.byte()?, b'T' | b't').then_some(())?;
    let hour = scanner.number(2, 0..=23)?;
    scanner.expect(b':')?;
    let minute = scanner.number(2, 0..=59)?;
    scanner.expect(b':')?;
    let second = scanner.number(2, 0..=60)?;
    let fraction = scanner.fraction()?;
    let offset = scanner.offset()?;
    if !scanner.0.is_empty() {
        return None;
    }
    let days = CivilDate { year, month, day }.to_days();
    Some((days * 86_400 + hour * 3600 + minute * 60 + second - offset, fraction))
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-23T08:00:00Z", 1_795_420_800),
            ("2026-11-23T09:30:00+01:30", 1_795_420_800),
            ("2000-02-29T23:59:59z", 951_868_799),
            ("1969-12-31t23:59:59Z", -1),
            ("2016-12-31T23:59:60Z", 1_483_228_800),
        ] {
            assert_eq!(Timestamp::parse(text).map(Timestamp::unix_seconds), Ok(seconds), "{text}");
        }
        let fraction = Timestamp::parse("2026-11-23T08:00:00.1239999999Z").unwrap();
        assert_eq!(fraction.to_string(), "2026-11-23T08:00:00.123Z");
        assert_eq!(fraction.to_seconds_text(), "2026-11-23T08:00:00Z");
        assert_eq!(Timestamp::from_unix_nanos(-1).to_string(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn what_rfc_3339_does_not_allow_is_refused() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T08:00Z",
            "2026-11-23T08:00:00",
            "2026-11-23 08:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T08:00:00.Z",
            "2026-11-23T08:00:00Z ",
            "2026-11-23T08:00:00+0100",
            "2026-11-23T08:00:61Z",
            "+2026-11-23T08:00:00Z",
            "2026-11-23T08:00:00,5Z",
            "9999-01-01T00:00:00Z",
            "２026-11-23T08:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text), Err(NotATimestamp), "{text}");
        }
    }

    #[test]
    fn differences_saturate() {
        let (early, late) = (Timestamp::from_unix_nanos(i64::MIN), Timestamp::from_unix_nanos(i64::MAX));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.since(early), Duration::from_nanos(i64::MAX.unsigned_abs()));
        assert_eq!(late.after(Duration::MAX), late);
        assert_eq!(early.before(Duration::MAX), early);
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in -9_000_000_000_i64..9_000_000_000) {
            let time = Timestamp::from_unix_seconds(seconds).unwrap();
            proptest::prop_assert_eq!(Timestamp::parse(&time.to_seconds_text()), Ok(time));
        }
    }
}
