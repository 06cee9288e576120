//! What is asked of a limiter that many proxies share: Envoy's rate limit service (`envoy.service.ratelimit.v3.RateLimitService`). The
//! counters of a call's events into one question, and the answer into a breach for each event that is one too many. Knows nothing of how
//! they are carried, and takes no silence and no half answer for a yes.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;

use super::{Breach, Left, Limited, Tag, Unavailable, Wait};

/// A counter of the limiter's, as its configuration finds it: entries of a key and a value each. What callers choose is in a digest, which
/// no key of the store behind the limiter can be broken out of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counter {
    /// `replay` (what makes two events the same) and `tag`: to be counted once.
    Once {
        /// What makes two events the same.
        kind: &'static str,
        /// Which event.
        tag: Tag,
    },
    /// `rate` (its name), and `by` where something is counted apart.
    Rate {
        /// The rate's name.
        name: Arc<str>,
        /// What is counted apart.
        by: Option<Tag>,
        /// How much is added.
        hits: u64,
    },
}

/// The counters that the events of a call ask for, each once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Question(Vec<Asked>);

#[derive(Debug, PartialEq, Eq)]
struct Asked {
    counter: Counter,
    /// The events that need it, by their place in the call.
    events: Vec<usize>,
}

impl Question {
    /// Adds what an event needs. Events that need the same counter of a rate need it together.
    pub fn add(&mut self, event: usize, counter: &Counter) {
        let same = self.0.iter_mut().find_map(|asked| Some((asked.counter.merge(counter)?, &mut asked.events)));
        match same {
            Some(((), events)) => events.push(event),
            None => self.0.push(Asked { counter: counter.clone(), events: vec![event] }),
        }
    }

    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a `RateLimitRequest`.
    #[must_use]
    pub fn to_bytes(&self, domain: &str) -> Vec<u8> {
        let descriptors = self.0.iter().map(|asked| asked.counter.descriptor()).collect();
        Request { domain: domain.to_owned(), descriptors }.encode_to_vec()
    }

    /// What a `RateLimitResponse` says; `None` where there is none.
    #[must_use]
    pub fn read(&self, answer: Option<&[u8]>) -> Answer<'_> {
        let statuses = answer.and_then(|answer| self.statuses(Response::decode(answer).ok()?));
        let mut statuses = statuses.unwrap_or_default().into_iter();
        Answer(self.0.iter().map(|asked| (asked, statuses.next().unwrap_or_default())).collect())
    }

    /// A status for each counter. An answer without any is an answer where it is all the same: everything is within its limit, or there is
    /// one counter only.
    fn statuses(&self, response: Response) -> Option<Vec<Status>> {
        let Response { overall_code, statuses } = response;
        match (overall_code, statuses.is_empty()) {
            (OK, true) => Some(self.0.iter().map(|asked| Status::within(asked.counter.most())).collect()),
            (OVER_LIMIT, true) if self.0.len() == 1 => Some(vec![Status { code: OVER_LIMIT, ..Status::default() }]),
            (OK, false) if statuses.len() == self.0.len() => Some(statuses),
            // Too many for a reason that is none of ours is no answer.
            (OVER_LIMIT, false) if statuses.len() == self.0.len() => {
                statuses.iter().any(|status| status.code == OVER_LIMIT).then_some(statuses)
            }
            _ => None,
        }
    }
}

/// What the limiter has said of each counter, also where it has said nothing.
#[derive(Debug)]
pub struct Answer<'q>(Vec<(&'q Asked, Status)>);

impl Answer<'_> {
    /// The events that may not pass, and why.
    #[must_use]
    pub fn breaches(&self) -> Vec<(usize, Breach)> {
        let refused = self.0.iter().filter_map(|(asked, status)| Some((asked, asked.counter.judge(status).err()?)));
        refused.flat_map(|(asked, breach)| asked.events.iter().map(move |event| (*event, breach.clone()))).collect()
    }

    /// Whether it says something of every counter.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let unavailable = |breach| matches!(breach, Err(Breach::Unavailable(_)));
        !self.0.iter().any(|(asked, status)| unavailable(asked.counter.judge(status)))
    }

    /// What is left of the rate of this name, for the event at this place of the call; `None` where that is not said.
    #[must_use]
    pub fn left(&self, event: usize, rate: &str) -> Option<Left> {
        let is_asked = |asked: &Asked| asked.counter.is_rate(rate) && asked.events.binary_search(&event).is_ok();
        self.0.iter().find(|(asked, _)| is_asked(asked))?.1.left()
    }
}

impl Counter {
    fn is_rate(&self, of_name: &str) -> bool {
        match self {
            Self::Rate { name, .. } => **name == *of_name,
            Self::Once { .. } => false,
        }
    }

    /// Takes in another one where both are the same counter.
    fn merge(&mut self, other: &Self) -> Option<()> {
        match (self, other) {
            (Self::Once { kind, tag }, Self::Once { kind: other_kind, tag: other_tag }) => {
                (kind == other_kind && tag == other_tag).then_some(())
            }
            (Self::Rate { name, by, hits }, Self::Rate { name: other_name, by: other_by, hits: more }) => {
                (name == other_name && by == other_by).then(|| *hits = hits.saturating_add(*more))
            }
            (Self::Once { .. }, Self::Rate { .. }) | (Self::Rate { .. }, Self::Once { .. }) => None,
        }
    }

    fn descriptor(&self) -> Descriptor {
        let entry = |key: &str, value: String| Entry { key: key.to_owned(), value };
        match self {
            Self::Once { kind, tag } => {
                Descriptor { entries: vec![entry("replay", (*kind).to_owned()), entry("tag", tag.to_hex())], hits: None }
            }
            Self::Rate { name, by, hits } => {
                let by = by.map(|by| entry("by", by.to_hex()));
                // One is what counts where nothing is said, also to limiters that know only a number for all of a request.
                let hits = (*hits != 1).then_some(UInt64Value { value: *hits });
                Descriptor { entries: std::iter::once(entry("rate", name.to_string())).chain(by).collect(), hits }
            }
        }
    }

    /// The highest limit that means something: an event that may come twice is not one that may come once.
    fn most(&self) -> u32 {
        match self {
            Self::Once { .. } => 1,
            Self::Rate { .. } => u32::MAX,
        }
    }

    fn judge(&self, status: &Status) -> Result<(), Breach> {
        let unavailable = Err(Breach::Unavailable(Unavailable));
        match (status.code, &status.limit) {
            // Within which limit? A limiter that has none for a counter lets everything pass.
            (OK, Some(limit)) if limit.requests_per_unit <= self.most() => Ok(()),
            (OVER_LIMIT, _) => Err(match self {
                Self::Once { .. } => Breach::Seen,
                Self::Rate { hits, .. } => Breach::Limited(Limited::by_limiter(status.wait(*hits))),
            }),
            _ => unavailable,
        }
    }
}

// The messages, as far as they are needed (`envoy/service/ratelimit/v3/rls.proto`, `envoy/extensions/common/ratelimit/v3/ratelimit.proto`).

/// `RateLimitResponse.Code`.
const OK: i32 = 1;
const OVER_LIMIT: i32 = 2;

/// `RateLimitRequest`.
#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(message, repeated, tag = "2")]
    descriptors: Vec<Descriptor>,
}

/// `RateLimitDescriptor`.
#[derive(Clone, PartialEq, Message)]
struct Descriptor {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<Entry>,
    #[prost(message, optional, tag = "3")]
    hits: Option<UInt64Value>,
}

/// `RateLimitDescriptor.Entry`.
#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// `google.protobuf.UInt64Value`.
#[derive(Clone, PartialEq, Message)]
struct UInt64Value {
    #[prost(uint64, tag = "1")]
    value: u64,
}

/// `RateLimitResponse`.
#[derive(Clone, PartialEq, Message)]
struct Response {
    #[prost(int32, tag = "1")]
    overall_code: i32,
    #[prost(message, repeated, tag = "2")]
    statuses: Vec<Status>,
}

/// `RateLimitResponse.DescriptorStatus`.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(message, optional, tag = "2")]
    limit: Option<Limit>,
    #[prost(uint32, tag = "3")]
    remaining: u32,
    #[prost(message, optional, tag = "4")]
    reset: Option<Reset>,
}

impl Status {
    fn within(requests_per_unit: u32) -> Self {
        Self { code: OK, limit: Some(Limit { requests_per_unit }), ..Self::default() }
    }

    /// What is left. Nothing is not told from nothing said; whoever says when the window ends says both.
    fn left(&self) -> Option<Left> {
        let more_in = self.reset.as_ref().and_then(Reset::duration)?;
        Some(Left { units: self.remaining.into(), more_in: Some(more_in) })
    }

    /// When so many hits fit.
    fn wait(&self, hits: u64) -> Wait {
        match &self.limit {
            Some(limit) if hits > u64::from(limit.requests_per_unit) => Wait::Never,
            Some(_) | None => self.reset.as_ref().and_then(Reset::duration).map_or(Wait::Unknown, Wait::For),
        }
    }
}

/// `RateLimitResponse.RateLimit`.
#[derive(Clone, PartialEq, Message)]
struct Limit {
    #[prost(uint32, tag = "1")]
    requests_per_unit: u32,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct Reset {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl Reset {
    fn duration(&self) -> Option<Duration> {
        let nanos = u32::try_from(self.nanos).ok()?;
        Duration::from_secs(u64::try_from(self.seconds).ok()?).checked_add(Duration::from_nanos(nanos.into()))
    }
}

#[cfg(test)]
mod tests;
