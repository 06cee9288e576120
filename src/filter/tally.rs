//! What happens with every call, counted here and told the proxy with the next report, once for all of it.

use std::cell::Cell;

use super::metrics::names;
use crate::decision::Verdict;
use crate::identity::CacheUse;

/// Counts since the last report.
#[derive(Debug, Default)]
pub struct Tally {
    admitted: Cell<u64>,
    observed: Cell<u64>,
    refused: Cell<u64>,
    hits: Cell<u64>,
    misses: Cell<u64>,
}

impl Tally {
    /// An event, or a call whose events were not read.
    pub fn event(&self, verdict: Verdict) {
        one_more(match verdict {
            Verdict::Admit => &self.admitted,
            Verdict::Observe => &self.observed,
            Verdict::Refuse => &self.refused,
        });
    }

    /// A token.
    pub fn token(&self, cache: CacheUse) {
        one_more(match cache {
            CacheUse::Hit => &self.hits,
            CacheUse::Miss => &self.misses,
        });
    }

    /// The counts by their names; they begin anew.
    pub fn take(&self) -> [(&'static str, u64); 5] {
        [
            (names::ADMITTED, self.admitted.take()),
            (names::OBSERVED, self.observed.take()),
            (names::REFUSED, self.refused.take()),
            (names::CACHE_HITS, self.hits.take()),
            (names::CACHE_MISSES, self.misses.take()),
        ]
    }
}

fn one_more(count: &Cell<u64>) {
    count.set(count.get().saturating_add(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_told_once() {
        let tally = Tally::default();
        for verdict in [Verdict::Admit, Verdict::Admit, Verdict::Admit, Verdict::Observe, Verdict::Refuse, Verdict::Refuse] {
            tally.event(verdict);
        }
        tally.token(CacheUse::Hit);
        tally.token(CacheUse::Miss);
        tally.token(CacheUse::Hit);
        let names = ["admitted", "observed", "refused", "token_cache_hits", "token_cache_misses"]
            .map(|name| format!("eventguard_{name}_total"));
        let told = tally.take();
        assert_eq!(told.map(|(name, _)| name.to_owned()), names);
        assert_eq!(told.map(|(_, count)| count), [3, 1, 2, 2, 1]);
        assert_eq!(tally.take().map(|(_, count)| count), [0; 5]);
    }
}
