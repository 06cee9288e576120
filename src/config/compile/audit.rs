//! Where records go.

use std::sync::Arc;
use std::time::Duration;

use super::{Environment, Place, Problem, Problems, count, optional, raw, required_text, size, span, text};
use crate::budget::Budget;
use crate::key::SigningKey;
use crate::policy::{AuditSettings, Batch, Checkpoint, Delivery, Integrity, Messages, Outcomes, Queue, Route, WhenFull};
use crate::rules::{Level, Recording};

const DROPS: &str = "no record is dropped for which a call waits: with `delivery: before-forward` it can only be `refuse`";
const AT_ONCE: &str = "batches go at once with `delivery: before-forward`";
const TOO_SMALL: &str = "a call of as many events as `limits.events` allows could never go on: three quarters of the queue must have room for \
     their records, and for one more";
const STREAM: &str = "the messages of a stream do not wait for their records: neither `delivery: before-forward` nor `whenFull: refuse` can \
     stand beside such a route";

pub(super) fn settings(
    raw: Option<raw::Audit>,
    env: Environment<'_>,
    place: &Place,
    problems: &mut Problems,
) -> Option<AuditSettings> {
    let Some(raw) = raw else { return Some(AuditSettings::default_for(None, Delivery::Async)) };
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
        delivery,
        batch,
        queue,
        when_full,
        integrity,
        outcomes,
        checkpoint,
        level: _,
        sample: _,
    } = raw;
    let integrity = self::integrity(integrity, checkpoint.is_some(), place, problems);
    let checkpoint = checkpoint.map(|raw| self::checkpoint(raw, env, &place.key("checkpoint"), problems));
    let delivery = self::delivery(delivery, batch.as_ref(), when_full, place, problems);
    let defaults = AuditSettings::default_for(Some(required_text(cluster, place, "cluster", problems)?), delivery);
    let sink = super::sink::sink(sink, &place.key("sink"), problems);
    let path = super::sink::path(sink, path, index, place, problems);
    let headers = super::sink::headers(headers, env, &place.key("headers"), problems);
    let compression = super::sink::compression(compression, &place.key("compression"), problems);
    let authority =
        authority.map_or(Some(defaults.authority), |authority| text(Some(authority), &place.key("authority"), problems));
    let timeout = span(timeout, defaults.timeout, &place.key("timeout"), problems);
    let batch = self::batch(batch.unwrap_or_default(), defaults.batch, &place.key("batch"), problems);
    let queue = self::queue(queue.unwrap_or_default(), when_full, defaults.queue, &place.key("queue"), problems);
    let (batch, queue) = (fitting(batch?, queue.as_ref()?, delivery, place, problems), queue?);
    Some(AuditSettings {
        cluster: defaults.cluster,
        sink,
        path,
        authority: authority?,
        headers,
        compression,
        timeout: timeout?,
        delivery,
        batch,
        queue,
        integrity,
        outcomes: self::outcomes(outcomes),
        checkpoint: optional(checkpoint)?,
    })
}

fn integrity(raw: Option<raw::Integrity>, is_signed: bool, place: &Place, problems: &mut Problems) -> Integrity {
    match raw {
        None | Some(raw::Integrity::Chain) => Integrity::Chain,
        Some(raw::Integrity::None) => {
            if is_signed {
                let problem = "only a chain can be signed: `integrity` is `none`";
                problems.add(&place.key("checkpoint"), Problem::Contradiction(problem));
            }
            Integrity::None
        }
    }
}

fn outcomes(raw: Option<raw::Outcomes>) -> Outcomes {
    match raw {
        None | Some(raw::Outcomes::Failed) => Outcomes::Failed,
        Some(raw::Outcomes::None) => Outcomes::None,
    }
}

/// A batch that the queue has room for.
fn fitting(batch: Batch, queue: &Queue, delivery: Delivery, place: &Place, problems: &mut Problems) -> Batch {
    let records = match delivery {
        // What waits goes at once: a batch need not be full.
        Delivery::BeforeForward => batch.records.min(queue.records),
        Delivery::Async => batch.records,
    };
    if records > queue.records {
        let problem = "no batch could be full: `batch.records` is more than `queue.records`";
        problems.add(place, Problem::Contradiction(problem));
    }
    Batch { records, ..batch }
}

/// What a call waits for, and what cannot stand beside it.
fn delivery(
    raw: Option<raw::Delivery>,
    batch: Option<&raw::Batch>,
    when_full: Option<raw::WhenFull>,
    place: &Place,
    problems: &mut Problems,
) -> Delivery {
    if matches!(raw, None | Some(raw::Delivery::Async)) {
        return Delivery::Async;
    }
    if matches!(when_full, Some(raw::WhenFull::DropOldest | raw::WhenFull::DropNewest)) {
        problems.add(&place.key("whenFull"), Problem::Contradiction(DROPS));
    }
    if batch.is_some_and(|batch| batch.interval.is_some()) {
        problems.add(&place.key("batch").key("interval"), Problem::Contradiction(AT_ONCE));
    }
    Delivery::BeforeForward
}

/// Whether calls that go on only with their records can.
pub(super) fn check(
    audit: Option<&AuditSettings>,
    budget: Option<&Budget>,
    routes: &[(usize, Route)],
    root: &Place,
    problems: &mut Problems,
) {
    let Some(audit) = audit.filter(|audit| audit.comes_first()) else { return };
    let records = audit.queue.records;
    if budget.is_some_and(|budget| budget.events + 1 + records / 4 > records) {
        problems.add(&root.key("audit").key("queue").key("records"), Problem::Contradiction(TOO_SMALL));
    }
    for (index, _) in routes.iter().filter(|(_, route)| route.messages == Messages::Many) {
        problems.add(&root.key("routes").index(*index), Problem::Contradiction(STREAM));
    }
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
        Some(raw::WhenFull::Refuse) => WhenFull::Refuse,
    };
    Some(Queue { records: records?, bytes: bytes?, when_full })
}
