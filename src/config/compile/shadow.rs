//! The policy that is judged beside the first: what it says takes the place of what the first says under the same key.

use serde_json::Value;

use super::raw::SHADOW_KEYS;
use super::{Place, Problem, Problems, Source, compile_at, fetched};
use crate::keyset;
use crate::ledger;
use crate::policy::Policy;

/// The second policy of a document. What it remembers is behind what the first one does, and what it fetches is among the first one's `sets`.
pub(super) fn shadow(
    raw: &Value,
    source: &Source<'_>,
    memory: Option<ledger::Settings>,
    sets: &mut Vec<keyset::Settings>,
    problems: &mut Problems,
) -> Option<Box<Policy>> {
    let place = Place::default().key("shadow");
    let whole = whole(raw, source.document, &place, problems)?;
    let mut own = Problems::default();
    let policy = compile_at(&whole, &place, source.env, &mut own);
    problems.add_news(own, &place);
    let mut policy = policy?;
    policy.memory.before = memory?.slots;
    fetched::take_in(&mut policy, sets);
    Some(Box::new(policy))
}

/// The document that it would be if it took the first one's place.
fn whole(raw: &Value, document: &Value, place: &Place, problems: &mut Problems) -> Option<Value> {
    let Some(members) = raw.as_object() else {
        let found = super::describe(raw);
        problems.add_unread(place.clone(), Problem::Type { found, expected: "a map".to_owned() });
        return None;
    };
    if members.is_empty() {
        problems.add(place, Problem::Empty);
    }
    for key in members.keys().filter(|key| !SHADOW_KEYS.contains(&key.as_str())) {
        problems.add(&place.key(key), Problem::NotInShadow);
    }
    let mut whole = document.as_object()?.clone();
    whole.remove("shadow");
    whole.extend(
        members.iter().filter(|(key, _)| SHADOW_KEYS.contains(&key.as_str())).map(|(key, value)| (key.clone(), value.clone())),
    );
    Some(Value::Object(whole))
}
