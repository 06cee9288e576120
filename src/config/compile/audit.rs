//! Where records go.

use super::{Place, Problem, Problems, count, raw, required_text, size, span, text};
use crate::policy::{AuditSettings, Batch, Queue, Sink, WhenFull};

pub(super) fn settings(raw: Option<raw::Audit>, place: &Place, problems: &mut Problems) -> Option<AuditSettings> {
    let Some(raw) = raw else { return Some(AuditSettings::default_for(None)) };
    let raw::Audit { cluster, sink, path, authority, timeout, batch, queue, when_full } = raw;
    let defaults = AuditSettings::default_for(Some(required_text(cluster, place, "cluster", problems)?));
    let path = path.unwrap_or(defaults.path);
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        problems.add(&place.key("path"), Problem::Value("a path starts with `/` and has no white space".to_owned()));
    }
    let authority =
        authority.map_or(Some(defaults.authority), |authority| text(Some(authority), &place.key("authority"), problems));
    let timeout = span(timeout, defaults.timeout, &place.key("timeout"), problems);
    let batch = self::batch(batch.unwrap_or_default(), defaults.batch, &place.key("batch"), problems);
    let queue = self::queue(queue.unwrap_or_default(), when_full, defaults.queue, &place.key("queue"), problems);
    let (batch, queue) = (batch?, queue?);
    if batch.records > queue.records {
        let problem = "no batch could be full: `batch.records` is more than `queue.records`";
        problems.add(place, Problem::Contradiction(problem));
    }
    Some(AuditSettings {
        cluster: defaults.cluster,
        sink: match sink {
            None | Some(raw::Sink::OtlpHttp) => Sink::OtlpHttp,
        },
        path,
        authority: authority?,
        timeout: timeout?,
        batch,
        queue,
    })
}

fn batch(raw: raw::Batch, default: Batch, place: &Place, problems: &mut Problems) -> Option<Batch> {
    let raw::Batch { records, interval } = raw;
    let records = count(records, default.records, &place.key("records"), problems);
    let interval = span(interval, default.interval, &place.key("interval"), problems);
    Some(Batch { records: records?, interval: interval? })
}

fn queue(
    raw: raw::Queue,
    when_full: Option<raw::WhenFull>,
    default: Queue,
    place: &Place,
    problems: &mut Problems,
) -> Option<Queue> {
    let raw::Queue { records, bytes } = raw;
    let records = count(records, default.records, &place.key("records"), problems);
    let bytes = size(bytes, default.bytes, &place.key("bytes"), problems);
    let when_full = match when_full {
        None => default.when_full,
        Some(raw::WhenFull::DropOldest) => WhenFull::DropOldest,
        Some(raw::WhenFull::DropNewest) => WhenFull::DropNewest,
    };
    Some(Queue { records: records?, bytes: bytes?, when_full })
}
