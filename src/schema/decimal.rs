//! The numbers of JSON as they are written, compared as numbers: exact at any length, where a double is not beyond 2^53. Nothing is
//! copied. Trusts that the text is a number of JSON.

use std::cmp::Ordering;

/// An exponent that no number is written with on purpose; beyond it, numbers of one sign are alike.
const EXPONENT: i64 = 1 << 60;

/// A number: `0.DIGITS` times ten to the power of `point`, without zeros around the digits. Zero has no digits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal<'a> {
    negative: bool,
    /// The digits, as they stand before and behind the written point.
    before: &'a str,
    behind: &'a str,
    point: i64,
}

/// What a number may have to be a multiple of: a whole number times a power of ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Divisor {
    digits: u64,
    exponent: i64,
}

impl<'a> Decimal<'a> {
    pub(super) fn of(written: &'a str) -> Self {
        let (negative, written) = written.strip_prefix('-').map_or((false, written), |rest| (true, rest));
        let (digits, exponent) = written.split_once(['e', 'E']).map_or((written, 0), |(digits, power)| (digits, exponent(power)));
        let (before, behind) = digits.split_once('.').unwrap_or((digits, ""));
        let (before, behind) = (before.trim_start_matches('0'), behind.trim_end_matches('0'));
        let before_point = length(before);
        // Zeros behind the point are not digits of the number where none stands before it, and neither are the last ones of a
        // whole number.
        let significant = if before.is_empty() { behind.trim_start_matches('0') } else { behind };
        let skipped = length(behind).saturating_sub(length(significant));
        let before = if significant.is_empty() { before.trim_end_matches('0') } else { before };
        if before.is_empty() && significant.is_empty() {
            return Self { negative: false, before, behind: significant, point: 0 };
        }
        let point = exponent.saturating_add(before_point).saturating_sub(skipped);
        Self { negative, before, behind: significant, point }
    }

    /// Whether it is a whole number, however it is written.
    pub(super) fn is_integer(self) -> bool {
        self.count() <= self.point || self.count() == 0
    }

    /// The number, where it is whole and not negative; the largest there is in place of what does not fit.
    pub(super) fn to_size(self) -> Option<usize> {
        if self.negative || !self.is_integer() {
            return None;
        }
        if self.point > 20 {
            return Some(usize::MAX);
        }
        let zeros = usize::try_from(self.point.saturating_sub(self.count())).unwrap_or(0);
        let digits = self.digits().chain(std::iter::repeat_n(b'0', zeros));
        Some(digits.fold(0_usize, |value, digit| value.saturating_mul(10).saturating_add(usize::from(digit - b'0'))))
    }

    pub(super) fn is_multiple_of(self, divisor: Divisor) -> bool {
        if self.count() == 0 {
            return true;
        }
        // What is left of the powers of ten: the last digit is not zero, so no multiple of ten is hidden in the digits.
        let Ok(power) = u64::try_from(self.point.saturating_sub(self.count()).saturating_sub(divisor.exponent)) else {
            return false;
        };
        let modulus = u128::from(divisor.digits);
        let digits = self.digits().fold(0_u128, |rest, digit| (rest * 10 + u128::from(digit - b'0')) % modulus);
        (digits * power_of_ten(power, modulus)).is_multiple_of(modulus)
    }

    /// The number in the one form that equal numbers share.
    pub(super) fn write(self, form: &mut String) {
        form.push(if self.negative { '-' } else { '+' });
        form.extend([self.before, self.behind, "e", &self.point.to_string()]);
    }

    fn digits(self) -> impl Iterator<Item = u8> {
        self.before.bytes().chain(self.behind.bytes())
    }

    fn count(self) -> i64 {
        length(self.before).saturating_add(length(self.behind))
    }

    fn cmp_magnitude(self, other: Self) -> Ordering {
        match (self.count(), other.count()) {
            (0, 0) => Ordering::Equal,
            (0, _) => Ordering::Less,
            (_, 0) => Ordering::Greater,
            _ => self.point.cmp(&other.point).then_with(|| self.digits().cmp(other.digits())),
        }
    }

    pub(super) fn cmp(self, other: Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.cmp_magnitude(other),
            (true, true) => other.cmp_magnitude(self),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl Divisor {
    /// `None` for what is not above zero, or has more than 18 digits.
    pub(super) fn of(number: Decimal<'_>) -> Option<Self> {
        if number.negative || !(1..=18).contains(&number.count()) {
            return None;
        }
        let digits = number.digits().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
        Some(Self { digits, exponent: number.point.saturating_sub(number.count()) })
    }
}

/// Ten to a power, modulo what fits into 64 bits: squares and multiplies.
fn power_of_ten(mut power: u64, modulus: u128) -> u128 {
    let (mut result, mut square) = (1 % modulus, 10 % modulus);
    while power > 0 {
        if power % 2 == 1 {
            result = result * square % modulus;
        }
        square = square * square % modulus;
        power /= 2;
    }
    result
}

fn exponent(written: &str) -> i64 {
    let (negative, digits) = written.strip_prefix('-').map_or((false, written), |rest| (true, rest));
    let digits = digits.trim_start_matches(['+', '0']);
    let value = if digits.is_empty() { 0 } else { digits.parse().unwrap_or(EXPONENT).min(EXPONENT) };
    if negative { -value } else { value }
}

fn length(digits: &str) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}
