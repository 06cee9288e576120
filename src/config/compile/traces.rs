//! What becomes of traces.

use std::num::NonZeroU32;

use super::{Place, Problem, Problems, check_path, raw, text};
use crate::policy::{EventTraces, SpanSettings, TraceSettings};

const NO_SPANS: &str = "without `cluster` there are no spans: nothing but `addToEvents: true` means something";

pub(super) fn settings(raw: Option<raw::Traces>, place: &Place, problems: &mut Problems) -> Option<TraceSettings> {
    let Some(raw) = raw else { return Some(TraceSettings::default()) };
    let raw::Traces { cluster, path, authority, sample, roots, add_to_events } = raw;
    let events = if add_to_events == Some(true) { EventTraces::Add } else { EventTraces::Keep };
    let Some(cluster) = cluster else {
        let says_more = path.is_some() || authority.is_some() || sample.is_some() || roots.is_some();
        if says_more || events == EventTraces::Keep {
            problems.add(place, Problem::Contradiction(NO_SPANS));
        }
        return Some(TraceSettings { spans: None, events });
    };
    let cluster = text(Some(cluster), &place.key("cluster"), problems)?;
    let one_in = sample.map(NonZeroU32::new);
    if one_in == Some(None) {
        problems.add(&place.key("sample"), Problem::Value("at least 1: one of how many becomes a span".to_owned()));
    }
    let unsampled = one_in.flatten();
    let path = path.unwrap_or_else(|| "/v1/traces".to_owned());
    check_path(&path, &place.key("path"), problems);
    let authority = text(authority.or_else(|| Some(cluster.clone())), &place.key("authority"), problems)?;
    let roots = (roots == Some(true)).then(|| unsampled.unwrap_or(NonZeroU32::MIN));
    Some(TraceSettings { spans: Some(SpanSettings { cluster, path, authority, unsampled, roots }), events })
}
