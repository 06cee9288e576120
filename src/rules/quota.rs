//! Rates of which callers are told: quota policies and what is left of them (draft-ietf-httpapi-ratelimit-headers). A rate's settings
//! into what is said of it, once, and an event's share of it into what is to be looked up when the caller is answered. Tells of no
//! partition keys: what is counted apart is the caller's own, or the policy's to keep.

use std::sync::Arc;

use super::memory::Counted;
use crate::ledger::limiter::Answer;
use crate::ledger::{Left, Rate, Tag};

/// The largest integer of structured fields (RFC 9651 section 3.3.1).
const LARGEST: u64 = 999_999_999_999_999;

/// What is said of a rate.
#[derive(Debug, PartialEq, Eq)]
pub struct QuotaPolicy {
    name: String,
    item: String,
}

/// Why callers cannot be told of a rate by this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("callers are told of a rate by a name of printable ASCII without `\"` and `\\`")]
pub struct NotAName;

impl QuotaPolicy {
    /// Of a rate of this name.
    ///
    /// # Errors
    ///
    /// [`NotAName`] where it is no string of structured fields as it stands.
    pub fn new(name: &str, rate: &Rate, counted: Counted) -> Result<Self, NotAName> {
        if !name.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
            return Err(NotAName);
        }
        let unit = match counted {
            // The draft has no unit for events. A call of one is a request, which is what is counted where nothing is said.
            Counted::Events => "",
            Counted::Bytes => ";qu=\"content-bytes\"",
        };
        let name = format!("\"{name}\"");
        let mut item = format!("{name};q={}{unit}", whole(rate.limit()));
        // Windows are whole seconds.
        if rate.per().subsec_nanos() == 0 {
            item += &format!(";w={}", whole(rate.per().as_secs()));
        }
        if rate.burst() != rate.limit() {
            item += &format!(";eventguard-burst={}", whole(rate.burst()));
        }
        Ok(Self { name, item })
    }

    /// Its item of `RateLimit-Policy`.
    #[must_use]
    pub fn item(&self) -> &str {
        &self.item
    }

    /// Its item of `RateLimit`: what is left of it, and in how many seconds that is more.
    #[must_use]
    pub fn limit_item(&self, left: &Left) -> String {
        let more = left.more_in.map(|time| u64::try_from(time.as_millis().div_ceil(1000)).unwrap_or(LARGEST));
        let more = more.map(|seconds| format!(";t={}", whole(seconds))).unwrap_or_default();
        format!("{};r={}{more}", self.name, whole(left.units))
    }

    /// Whether callers know both by one name.
    #[must_use]
    pub fn has_name_of(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

fn whole(number: u64) -> u64 {
    number.min(LARGEST)
}

/// A rate that an event has spent of, or would have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// What is said of it.
    pub policy: Arc<QuotaPolicy>,
    /// Where it is counted.
    pub tag: Tag,
    /// How much it is.
    pub rate: Rate,
    /// What the limiter knows it by, where it counts too.
    pub at_limiter: Option<Arc<str>>,
    /// What the limiter says that is left.
    pub left_at_limiter: Option<Left>,
}

impl Quota {
    /// Takes down what the limiter has said of it to the event at this place of its call.
    pub fn hear(&mut self, event: usize, answer: &Answer<'_>) {
        if let Some(name) = &self.at_limiter {
            self.left_at_limiter = answer.left(event, name);
        }
    }

    /// What is left by both counts: the smaller one.
    #[must_use]
    pub fn left(&self, here: Left) -> Left {
        self.left_at_limiter.filter(|there| there.units <= here.units).unwrap_or(here)
    }
}

#[cfg(test)]
mod tests;
