//! What is remembered of events that were published: windows, sequences and rates.

use std::time::Duration;

use serde_json::Value;

use super::{Place, Problem, Problems, count, each, raw, size, span, text};
use crate::json::Pointer;
use crate::ledger::{Counts, Gaps, Rate, Settings, WhenFull};
use crate::rules::memory::{Counted, NumberAt, RateKey, RateRule, Replay, ReplayKey, Sequence};

const DAY: Duration = Duration::from_secs(86_400);
const ENTRIES: usize = 100_000;

pub(super) fn replay(raw: raw::Replay, place: &Place, problems: &mut Problems) -> Option<Replay> {
    let raw::Replay { window, key, on, scope } = raw;
    let window = problems.required(place, "window", window);
    let window = span(window, DAY, &place.key("window"), problems);
    proxy_wide(scope);
    Some(Replay {
        window: window?,
        key: match key {
            None | Some(raw::ReplayKey::Event) => ReplayKey::Event,
            Some(raw::ReplayKey::Nonce) => ReplayKey::Nonce,
            Some(raw::ReplayKey::Jti) => ReplayKey::TokenId,
            Some(raw::ReplayKey::Data) => ReplayKey::Data,
        },
        counts: match on {
            None | Some(raw::Counts::Accept) => Counts::Accept,
            Some(raw::Counts::Forward) => Counts::Forward,
        },
    })
}

pub(super) fn sequence(raw: raw::Sequence, place: &Place, problems: &mut Problems) -> Option<Sequence> {
    let raw::Sequence { attribute, gap, window, scope } = raw;
    let attribute = text(attribute, &place.key("attribute"), problems).unwrap_or_else(|| "sequence".to_owned());
    let keep = span(window, DAY, &place.key("window"), problems);
    proxy_wide(scope);
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
    let rates = match raw {
        None => return Vec::new(),
        Some(Value::Array(rates)) => each(Some(rates), place, problems, rate),
        Some(one) => {
            let one = super::read(&one, super::UnknownKeys::Note, place, problems);
            one.and_then(|raw| rate(raw, place, problems)).map(|rate| (0, rate)).into_iter().collect()
        }
    };
    rates.into_iter().map(|(_, rate)| rate).collect()
}

fn rate(raw: raw::Rate, place: &Place, problems: &mut Problems) -> Option<RateRule> {
    let raw::Rate { limit, per, burst, unit, by, scope } = raw;
    let limit = problems.required(place, "limit", limit);
    let limit = size(limit, 1, &place.key("limit"), problems);
    let per = problems.required(place, "per", per);
    let per = span(per, DAY, &place.key("per"), problems);
    let burst = size(burst, limit.unwrap_or(1), &place.key("burst"), problems);
    let by = by.map(|by| keys(&by, &place.key("by"), problems)).unwrap_or_default();
    proxy_wide(scope);
    let whole = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let rate = problems.ok(place, Rate::new(whole(limit?), per?, whole(burst?)))?;
    let counted = match unit {
        None | Some(raw::Unit::Events) => Counted::Events,
        Some(raw::Unit::Bytes) => Counted::Bytes,
    };
    Some(RateRule { rate, counted, by })
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

/// There is one scope, which is also meant where none is named.
fn proxy_wide(scope: Option<raw::Scope>) {
    match scope {
        None | Some(raw::Scope::Proxy) => {}
    }
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
