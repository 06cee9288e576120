//! What is remembered of events that were published: windows, sequences and rates.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{Place, Problem, Problems, count, one_or_each, optional, raw, required_text, size, span, text};
use crate::identity::Issuer;
use crate::json::Pointer;
use crate::ledger::{Counts, Gaps, Rate, Settings, WhenFull};
use crate::rules::Rule;
use crate::rules::memory::{Counted, NumberAt, RateKey, RateRule, Replay, ReplayKey, Scope, Sequence};
use crate::rules::quota::QuotaPolicy;

const DAY: Duration = Duration::from_secs(86_400);
const ENTRIES: usize = 100_000;

const NOT_TAKEN_BACK: &str =
    "the limiter takes nothing back, whatever the upstream answers: with `scope: cluster` an event counts `forward`";

const UNUSED_NAME: &str = "it means something only with `scope: cluster` or `headers: true`";

pub(super) fn replay(raw: raw::Replay, place: &Place, problems: &mut Problems) -> Option<Replay> {
    let raw::Replay { window, key, on, scope } = raw;
    let scope = self::scope(scope);
    let counts = counts(on, scope, &place.key("on"), problems);
    let window = problems.required(place, "window", window);
    let window = span(window, DAY, &place.key("window"), problems);
    Some(Replay {
        window: window?,
        key: match key {
            None | Some(raw::ReplayKey::Event) => ReplayKey::Event,
            Some(raw::ReplayKey::Nonce) => ReplayKey::Nonce,
            Some(raw::ReplayKey::Jti) => ReplayKey::TokenId,
            Some(raw::ReplayKey::Data) => ReplayKey::Data,
        },
        counts: counts?,
        scope,
    })
}

/// A token may be used for as long as the leeway of its issuer says behind its end, and so it is remembered as long.
pub(super) fn with_leeway(mut rules: Vec<(usize, Rule)>, issuers: &[(usize, Issuer)]) -> Vec<(usize, Rule)> {
    let longest = issuers.iter().map(|(_, issuer)| issuer.leeway).max().unwrap_or_default();
    let replays = rules.iter_mut().filter_map(|(_, rule)| rule.replay.as_mut());
    for replay in replays.filter(|replay| replay.key == ReplayKey::TokenId) {
        replay.window = replay.window.max(longest);
    }
    rules
}

fn scope(raw: Option<raw::Scope>) -> Scope {
    match raw {
        None | Some(raw::Scope::Proxy) => Scope::Proxy,
        Some(raw::Scope::Cluster) => Scope::Cluster,
    }
}

fn counts(raw: Option<raw::Counts>, scope: Scope, place: &Place, problems: &mut Problems) -> Option<Counts> {
    match (raw, scope) {
        (Some(raw::Counts::Accept), Scope::Cluster) => problems.wrong(place, Problem::Contradiction(NOT_TAKEN_BACK)),
        (Some(raw::Counts::Forward), _) | (None, Scope::Cluster) => Some(Counts::Forward),
        (None | Some(raw::Counts::Accept), Scope::Proxy) => Some(Counts::Accept),
    }
}

pub(super) fn sequence(raw: raw::Sequence, place: &Place, problems: &mut Problems) -> Option<Sequence> {
    let raw::Sequence { attribute, gap, window, scope: None | Some(raw::OrderScope::Proxy) } = raw;
    let attribute = text(attribute, &place.key("attribute"), problems).unwrap_or_else(|| "sequence".to_owned());
    let keep = span(window, DAY, &place.key("window"), problems);
    let number = match attribute.starts_with('/') {
        true => NumberAt::Data(problems.ok(&place.key("attribute"), Pointer::parse(&attribute))?),
        false => NumberAt::Attribute(attribute),
    };
    let gaps = match gap {
        Some(raw::Gap::Refuse) => Gaps::Refuse,
        None | Some(raw::Gap::Record) => Gaps::Record,
        Some(raw::Gap::Allow) => Gaps::Allow,
    };
    Some(Sequence { number, gaps, keep: keep? })
}

/// One rate, or a list of them.
pub(super) fn rates(raw: Option<Value>, place: &Place, problems: &mut Problems) -> Vec<RateRule> {
    let rates = raw.map(|raw| one_or_each(raw, place, problems, rate)).unwrap_or_default();
    rates.into_iter().map(|(_, rate)| rate).collect()
}

fn rate(raw: raw::Rate, place: &Place, problems: &mut Problems) -> Option<RateRule> {
    let raw::Rate { limit, per, burst, unit, by, scope, name, headers } = raw;
    let known_as = known_as(self::scope(scope), headers.unwrap_or_default(), name, place, problems);
    let limit = problems.required(place, "limit", limit);
    let limit = size(limit, 1, &place.key("limit"), problems);
    let per = problems.required(place, "per", per);
    let per = span(per, DAY, &place.key("per"), problems);
    let burst = size(burst, limit.unwrap_or(1), &place.key("burst"), problems);
    let by = by.map(|by| keys(&by, &place.key("by"), problems)).unwrap_or_default();
    let whole = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let rate = problems.ok(place, Rate::new(whole(limit?), per?, whole(burst?)))?;
    let counted = match unit {
        None | Some(raw::Unit::Events) => Counted::Events,
        Some(raw::Unit::Bytes) => Counted::Bytes,
    };
    let KnownAs { at_limiter, to_callers } = known_as?;
    let told = to_callers.map(|name| problems.ok(&place.key("name"), QuotaPolicy::new(&name, &rate, counted)));
    Some(RateRule { rate, counted, by, at_limiter, told: optional(told)?.map(Arc::new) })
}

/// Who knows a rate by its name.
struct KnownAs {
    at_limiter: Option<Arc<str>>,
    to_callers: Option<Arc<str>>,
}

fn known_as(scope: Scope, headers: bool, name: Option<String>, place: &Place, problems: &mut Problems) -> Option<KnownAs> {
    if scope == Scope::Proxy && !headers {
        return match name {
            None => Some(KnownAs { at_limiter: None, to_callers: None }),
            Some(_) => problems.wrong(&place.key("name"), Problem::Contradiction(UNUSED_NAME)),
        };
    }
    let name: Arc<str> = required_text(name, place, "name", problems)?.into();
    Some(KnownAs { at_limiter: (scope == Scope::Cluster).then(|| Arc::clone(&name)), to_callers: headers.then_some(name) })
}

fn keys(raw: &[raw::RateKey], place: &Place, problems: &mut Problems) -> Vec<RateKey> {
    if raw.is_empty() {
        problems.add(place, Problem::Empty);
    }
    for (index, key) in raw.iter().enumerate() {
        if raw.iter().take(index).any(|former| former == key) {
            problems.add(&place.index(index), Problem::Value("this is there already".to_owned()));
        }
    }
    let key = |raw: &raw::RateKey| match raw {
        raw::RateKey::Publisher => RateKey::Publisher,
        raw::RateKey::Type => RateKey::Type,
        raw::RateKey::Topic => RateKey::Topic,
        raw::RateKey::Source => RateKey::Source,
    };
    raw.iter().map(key).collect()
}

pub(super) fn settings(raw: raw::Memory, place: &Place, problems: &mut Problems) -> Option<Settings> {
    let raw::Memory { entries, when_full } = raw;
    let entries = count(entries, ENTRIES, &place.key("entries"), problems)?;
    let when_full = match when_full {
        None | Some(raw::WhenNoRoom::Refuse) => WhenFull::Refuse,
        Some(raw::WhenNoRoom::Admit) => WhenFull::Admit,
    };
    Some(Settings::for_entries(entries, when_full))
}
