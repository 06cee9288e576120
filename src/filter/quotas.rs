//! What a caller is told of the rates that its call has spent of, or would have: the headers `RateLimit-Policy` and `RateLimit`
//! (draft-ietf-httpapi-ratelimit-headers). What is left is looked up when the caller is answered, and so is what a refused call has got back.

use crate::decision::{Code, Outcome, Refusal, Verdict};
use crate::ledger::{self, Left, Settings, Store};
use crate::rules::quota::Quota;
use crate::time::Timestamp;

const POLICY_HEADER: &str = "ratelimit-policy";
const LIMIT_HEADER: &str = "ratelimit";

/// How many counts of a call are looked up. Callers choose how many there are: each source of a batch may have its own.
const LOOKED_UP: usize = 16;
/// How many rates are told.
const TOLD: usize = 8;

/// The rates of a call.
#[derive(Debug, Default)]
pub struct Quotas(Vec<Quota>);

impl Quotas {
    /// Takes over those of a call, or a message, that goes on or is over a rate. Who is refused for another reason learns nothing of them.
    pub fn note(&mut self, outcome: &mut Outcome) {
        if outcome.verdict == Verdict::Refuse && outcome.refusal.as_ref().map(Refusal::code) != Some(Code::RATE_LIMITED) {
            self.0.clear();
            return;
        }
        for quota in outcome.events.iter_mut().flat_map(|event| std::mem::take(&mut event.quotas)) {
            self.0.retain(|known| known.tag != quota.tag);
            if self.0.len() < LOOKED_UP {
                self.0.push(quota);
            }
        }
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The headers, where there is something to tell.
    #[must_use]
    pub fn headers(&self, store: &dyn Store, settings: &Settings, now: Timestamp) -> Vec<(&'static str, String)> {
        // What cannot be looked up is not told.
        let left = |quota: &Quota| ledger::left(store, settings, now, quota.tag, &quota.rate).ok();
        let told = tightest(self.0.iter().filter_map(|quota| Some((quota, quota.left(left(quota)?)))));
        if told.is_empty() {
            return Vec::new();
        }
        let policies: Vec<&str> = told.iter().map(|(quota, _)| quota.policy.item()).collect();
        let limits: Vec<String> = told.iter().map(|(quota, left)| quota.policy.limit_item(left)).collect();
        vec![(POLICY_HEADER, policies.join(", ")), (LIMIT_HEADER, limits.join(", "))]
    }
}

type Told<'q> = (&'q Quota, Left);

/// The tightest first; of those with one name the tightest alone, since callers could not tell them apart.
fn tightest<'q>(all: impl Iterator<Item = Told<'q>>) -> Vec<Told<'q>> {
    let mut found: Vec<Told<'_>> = Vec::new();
    for one in all {
        let place = found.iter().position(|other| is_tighter(&one, other)).unwrap_or(found.len());
        let same_name = |other: &Told<'_>| other.0.policy.has_name_of(&one.0.policy);
        if found.iter().take(place).any(same_name) {
            continue;
        }
        found.retain(|other| !same_name(other));
        found.insert(place, one);
        found.truncate(TOLD);
    }
    found
}

/// Whether less is left of the one's limit than of the other's.
fn is_tighter((one, left): &Told<'_>, (other, left_of_other): &Told<'_>) -> bool {
    let share = |left: &Left, of: &Quota| u128::from(left.units) * u128::from(of.rate.limit());
    share(left, other) < share(left_of_other, one)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::ledger::{Demand, Memory, Rate, Tag, What, WhenFull, grant};
    use crate::rules::memory::Counted;
    use crate::rules::quota::QuotaPolicy;

    const SETTINGS: Settings = Settings { slots: 4, before: 0, when_full: WhenFull::Refuse };

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-23T08:00:00Z").unwrap()
    }

    /// Of so much in a minute, counted apart by this.
    fn quota(name: &str, limit: u64, by: &str) -> Quota {
        let rate = Rate::new(limit, Duration::from_secs(60), limit).unwrap();
        Quota {
            policy: Arc::new(QuotaPolicy::new(name, &rate, Counted::Events).unwrap()),
            tag: Tag::of([0; 16], name, &[by.as_bytes()]),
            rate,
            at_limiter: None,
            left_at_limiter: None,
        }
    }

    fn spend(store: &Memory, quota: &Quota, cost: u64) {
        let demand = Demand { tag: quota.tag, what: What::Spend { rate: quota.rate, cost } };
        grant(store, &SETTINGS, now(), &demand).unwrap();
    }

    fn told(quotas: Vec<Quota>, store: &Memory) -> Option<String> {
        let headers = Quotas(quotas).headers(store, &SETTINGS, now());
        let [(POLICY_HEADER, policies), (LIMIT_HEADER, limits)] = headers.as_slice() else { return None };
        Some(format!("{policies} | {limits}"))
    }

    #[test]
    fn the_tightest_is_told_first_and_each_name_once() {
        let store = Memory::default();
        let (wide, tight) = (quota("wide", 100, ""), quota("tight", 10, ""));
        let [a, b] = ["a", "b"].map(|by| quota("apart", 6, by));
        spend(&store, &wide, 50);
        spend(&store, &tight, 9);
        spend(&store, &a, 1);
        spend(&store, &b, 6);
        let expected =
            r#""apart";q=6;w=60, "tight";q=10;w=60, "wide";q=100;w=60 | "apart";r=0;t=10, "tight";r=1;t=6, "wide";r=50;t=1"#;
        let all = [&wide, &tight, &a, &b];
        assert_eq!(told(all.map(Clone::clone).to_vec(), &store).as_deref(), Some(expected));
        assert_eq!(told(all.into_iter().rev().cloned().collect(), &store).as_deref(), Some(expected), "in whatever order");
        assert_eq!(told(vec![a], &store).as_deref(), Some(r#""apart";q=6;w=60 | "apart";r=5;t=10"#));
        assert_eq!(told(Vec::new(), &store), None);
    }

    #[test]
    fn no_more_are_told_than_a_header_should_hold() {
        let many = (0..40_u64).map(|number| quota(&number.to_string(), 10, "")).collect();
        assert_eq!(told(many, &Memory::default()).unwrap().matches("q=10").count(), TOLD);
    }

    #[test]
    fn what_the_limiter_says_counts_where_it_is_less() {
        let shared = |units| {
            let left = Some(Left { units, more_in: Some(Duration::from_millis(6500)) });
            vec![Quota { left_at_limiter: left, ..quota("all", 10, "") }]
        };
        let store = Memory::default();
        spend(&store, &quota("all", 10, ""), 5);
        assert_eq!(told(shared(5), &store).as_deref(), Some(r#""all";q=10;w=60 | "all";r=5;t=7"#));
        assert_eq!(told(shared(6), &store).as_deref(), Some(r#""all";q=10;w=60 | "all";r=5;t=6"#));
    }
}
