//! What is remembered of events that were published, as it is written.

use serde::Deserialize;
use serde_json::Value;

#[cfg(feature = "cli")]
use crate::config::schema;

/// That events may come once.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Replay {
    /// How old an event may be, and so how long it is remembered: e.g. `10m`.
    #[cfg_attr(feature = "cli", schemars(required, with = "schema::Duration"))]
    pub window: Option<String>,
    /// What makes two events of a publisher the same: `event` (default).
    pub key: Option<ReplayKey>,
    /// From when on an event counts as published: `accept` (default), so that retries work where the upstream failed; with `scope: cluster`
    /// `forward`, and nothing else.
    pub on: Option<Counts>,
    /// Who remembers it: `proxy` (default) or `cluster`.
    pub scope: Option<Scope>,
}

/// What makes two events of a publisher the same.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum ReplayKey {
    /// Source and id.
    Event,
    /// The nonce of the signature (RFC 9421 `nonce`, Standard Webhooks `webhook-id`).
    Nonce,
    /// The `jti` of the token: it is good for one call.
    Jti,
    /// The SHA-256 of the data.
    Data,
}

/// From when on an event counts as published.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Counts {
    /// As soon as it goes on to the upstream.
    Forward,
    /// Unless the upstream answers with an error (any status but 2xx, any gRPC status but 0), or was never sent the call.
    Accept,
}

/// Who remembers.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Scope {
    /// All workers of one proxy together.
    Proxy,
    /// The `limiter`, for all proxies.
    Cluster,
}

/// Who remembers the order of events.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum OrderScope {
    /// All workers of one proxy together.
    Proxy,
}

/// That events have a number, each after the last of its publisher and source.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Sequence {
    /// Where the number is: in the attribute of that name (`sequence` by default, CloudEvents' extension), or, where this starts with `/`,
    /// in the data.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub attribute: Option<String>,
    /// What becomes of an event before which numbers are missing: `refuse`, `record` (default) or `allow`.
    pub gap: Option<Gap>,
    /// How long the last number of a source is remembered: `1d`.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub window: Option<String>,
    /// Who remembers it: `proxy` (default).
    pub scope: Option<OrderScope>,
}

/// What becomes of an event before which numbers are missing.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Gap {
    /// It is refused.
    Refuse,
    /// It passes, and its record says how many are missing.
    Record,
    /// It passes.
    Allow,
}

/// How much may be published.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Rate {
    /// So many events, or bytes (`64KiB`).
    #[cfg_attr(feature = "cli", schemars(required, with = "schema::Size"))]
    pub limit: Option<Value>,
    /// In so much time: e.g. `1s`.
    #[cfg_attr(feature = "cli", schemars(required, with = "schema::Duration"))]
    pub per: Option<String>,
    /// So much at once: `limit`.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Size>"))]
    pub burst: Option<Value>,
    /// What is counted: `events` (default) or `bytes`, of data.
    pub unit: Option<Unit>,
    /// What is counted apart; without this key everything together.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub by: Option<Vec<RateKey>>,
    /// Who counts: `proxy` (default) or `cluster`.
    pub scope: Option<Scope>,
    /// The name by which the `limiter` knows the rate, with `scope: cluster`, and callers, with `headers: true`. For the limiter, rates of one
    /// name are one.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub name: Option<String>,
    /// Whether callers are told what is left of it, in the headers `RateLimit-Policy` and `RateLimit` of answers: `false`.
    pub headers: Option<bool>,
}

/// What a rate counts.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Unit {
    /// Events.
    Events,
    /// Bytes of data.
    Bytes,
}

/// What a rate counts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum RateKey {
    /// Each publisher.
    Publisher,
    /// Each event type.
    Type,
    /// Each topic.
    Topic,
    /// Each source.
    Source,
}

/// How much is remembered.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Memory {
    /// How many events, sources and rates: 100000, of 32 bytes each.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub entries: Option<u32>,
    /// What becomes of an event for which there is no room: `refuse` (default) or `admit`.
    pub when_full: Option<WhenNoRoom>,
}

/// What becomes of an event for which there is no room.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum WhenNoRoom {
    /// It is refused: `limiter.unavailable`.
    Refuse,
    /// It is admitted and not remembered.
    Admit,
}

/// Who remembers for all proxies: a service of Envoy's rate limit protocol (`envoy.service.ratelimit.v3.RateLimitService`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Limiter {
    /// Envoy's name of the cluster of the service.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub cluster: Option<String>,
    /// The domain of the service's configuration: `eventguard`.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub domain: Option<String>,
    /// How long a call waits for an answer: `200ms`.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub timeout: Option<String>,
    /// What becomes of a call without an answer: `refuse` (default) or `proxy`.
    pub on_unavailable: Option<OnUnavailable>,
}

/// What becomes of a call of which the limiter says nothing.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum OnUnavailable {
    /// It is refused: `limiter.unavailable`.
    Refuse,
    /// What the proxy remembers decides alone.
    Proxy,
}
