//! Where records go.

use std::sync::Arc;
use std::time::Duration;

use super::{Environment, Place, Problem, Problems, count, optional, raw, required_text, size, span, text};
use crate::key::SigningKey;
use crate::policy::{AuditSettings, Batch, Checkpoint, Compression, Integrity, Outcomes, Queue, WhenFull};
use crate::rules::{Level, Recording};

pub(super) fn settings(
    raw: Option<raw::Audit>,
    env: Environment<'_>,
    place: &Place,
    problems: &mut Problems,
) -> Option<AuditSettings> {
    let Some(raw) = raw else { return Some(AuditSettings::default_for(None)) };
    // The level and the sample are each rule's, see `recording`.
    let raw::Audit {
        cluster,
        sink,
        index,
        path,
        headers,
        compression,
        authority,
        timeout,
        batch,
        queue,
        when_full,
        integrity,
        outcomes,
        checkpoint,
        level: _,
        sample: _,
    } = raw;
    let integrity = match integrity {
        None | Some(raw::Integrity::Chain) => Integrity::Chain,
        Some(raw::Integrity::None) => Integrity::None,
    };
    if checkpoint.is_some() && integrity == Integrity::None {
        problems.add(&place.key("checkpoint"), Problem::Contradiction("only a chain can be signed: `integrity` is `none`"));
    }
    let checkpoint = checkpoint.map(|raw| self::checkpoint(raw, env, &place.key("checkpoint"), problems));
    let defaults = AuditSettings::default_for(Some(required_text(cluster, place, "cluster", problems)?));
    let sink = super::sink::sink(sink);
    let path = super::sink::path(sink, path, index, place, problems);
    let headers = super::sink::headers(headers, env, &place.key("headers"), problems);
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
        sink,
        path: path?,
        authority: authority?,
        headers: headers?,
        compression: match compression {
            None | Some(raw::Compression::None) => Compression::None,
            Some(raw::Compression::Gzip) => Compression::Gzip,
        },
        timeout: timeout?,
        batch,
        queue,
        integrity,
        outcomes: match outcomes {
            None | Some(raw::Outcomes::Failed) => Outcomes::Failed,
            Some(raw::Outcomes::None) => Outcomes::None,
        },
        checkpoint: optional(checkpoint)?,
    })
}

fn checkpoint(raw: raw::Checkpoint, env: Environment<'_>, place: &Place, problems: &mut Problems) -> Option<Checkpoint> {
    let raw::Checkpoint { records, interval, key } = raw;
    let records = count(records, 1000, &place.key("records"), problems);
    let interval = span(interval, Duration::from_secs(60), &place.key("interval"), problems);
    let key = problems.required(place, "key", key).and_then(|raw| signing_key(raw, env, &place.key("key"), problems));
    Some(Checkpoint { records: records?, interval: interval?, key: Arc::new(key?) })
}

fn signing_key(raw: raw::CheckpointKey, env: Environment<'_>, place: &Place, problems: &mut Problems) -> Option<SigningKey> {
    let raw::CheckpointKey { env: variable } = raw;
    let variable = required_text(variable, place, "env", problems)?;
    let place = place.key("env");
    let text = super::variable(&variable, env, &place, problems)?;
    problems.ok(&place, SigningKey::from_jwk(&text))
}

/// How much is recorded, where `raw` says it, and else as `default` says.
pub(super) fn recording(raw: raw::Recording, default: Recording, place: &Place, problems: &mut Problems) -> Option<Recording> {
    let raw::Recording { level, sample } = raw;
    let level = level.map_or(default.level, |level| match level {
        raw::Level::None => Level::None,
        raw::Level::Metadata => Level::Metadata,
        raw::Level::Digest => Level::Digest,
    });
    if sample == Some(0) {
        return problems.wrong(&place.key("sample"), Problem::Value("at least 1: one of how many is recorded".to_owned()));
    }
    Some(Recording { level, one_in: sample.unwrap_or(default.one_in) })
}

/// How much is recorded where no rule says it.
pub(super) fn default_recording(raw: Option<&raw::Audit>, place: &Place, problems: &mut Problems) -> Recording {
    let raw = raw.map(|raw| raw::Recording { level: raw.level, sample: raw.sample }).unwrap_or_default();
    recording(raw, Recording::default(), place, problems).unwrap_or_default()
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
