//! The policy document as it is written: serde and nothing else. Every key is optional here, so that everything that is wrong with
//! a document is found in one go; `compile` says what is missing. Lists of maps are read one map at a time, for the same reason.
//! What the documentation says here stands in the JSON Schema of the document too.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[cfg(feature = "cli")]
use super::schema;

/// What publish calls are judged by.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(title = "eventguard policy", deny_unknown_fields))]
pub struct Policy {
    /// The version of this document's form: 1.
    #[cfg_attr(feature = "cli", schemars(required, range(min = 1, max = 1)))]
    pub version: Option<u64>,
    /// `enforce` (default), or `observe`: nothing is refused, and the record says what would have been.
    pub mode: Option<Mode>,
    /// Whose tokens are believed.
    #[cfg_attr(feature = "cli", schemars(with = "Option<Vec<Issuer>>", length(min = 1)))]
    pub issuers: Option<Vec<Value>>,
    /// Where a call carries its token.
    pub token: Option<Token>,
    /// The holders of message-signing keys.
    #[cfg_attr(feature = "cli", schemars(with = "Option<Vec<Signer>>", length(min = 1)))]
    pub signers: Option<Vec<Value>>,
    /// The ways of signing that are in use. Without this key all are where there are signers, and none where there are none.
    pub signatures: Option<Signatures>,
    /// The calls that carry events; the first match wins.
    #[cfg_attr(feature = "cli", schemars(required, with = "Vec<Route>", length(min = 1)))]
    pub routes: Option<Vec<Value>>,
    /// `refuse` (default) or `pass`: what becomes of calls that match no route.
    pub unmatched: Option<Unmatched>,
    /// What each event type demands; the longest match wins.
    #[cfg_attr(feature = "cli", schemars(required, with = "Vec<Event>", length(min = 1)))]
    pub events: Option<Vec<Value>>,
    /// What one call may cost.
    pub limits: Option<Limits>,
    /// How a call is kept from the upstream until the verdict has fallen: `body` (default; Envoy's `buffer` filter stands behind
    /// this one) or `headers` (needs `allow_on_headers_stop_iteration`, Envoy 1.35).
    pub hold: Option<Hold>,
    /// Where records go, besides the filter state `wasm.eventguard`.
    pub audit: Option<Audit>,
}

/// Whether refusals are carried out.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Mode {
    /// A refused call does not go on.
    Enforce,
    /// Every call goes on; the record says what would have been.
    Observe,
}

/// Somebody whose tokens are believed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Issuer {
    /// What this policy, its records and the upstream call the issuer.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub name: Option<String>,
    /// The exact claim `iss`.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub issuer: Option<String>,
    /// A token must be meant for one of these (claim `aud`).
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub audiences: Option<Vec<String>>,
    /// What a token may be signed with (RFC 7518, RFC 8037).
    #[cfg_attr(feature = "cli", schemars(required, with = "Vec<schema::Algorithm>", length(min = 1)))]
    pub algorithms: Option<Vec<String>>,
    /// How far the clocks may differ: 30s.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub leeway: Option<String>,
    /// How long ago a token may have been issued (claim `iat`); without this key it need not say when.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub max_age: Option<String>,
    /// The keys that the issuer signs with.
    #[cfg_attr(feature = "cli", schemars(required))]
    pub jwks: Option<Jwks>,
}

/// Where an issuer's keys are.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map with `inline`")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Jwks {
    /// They stand here.
    pub inline: Option<KeySet>,
    /// They are fetched. Not supported yet.
    pub remote: Option<RemoteKeys>,
}

/// A JWK Set (RFC 7517 section 5).
#[derive(Debug, Deserialize)]
#[serde(expecting = "a JWK Set, a map with `keys`")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct KeySet {
    /// The keys.
    #[cfg_attr(feature = "cli", schemars(required, with = "Vec<crate::key::Jwk>", length(min = 1)))]
    pub keys: Option<Vec<Value>>,
}

/// A key set that is fetched. Not supported yet.
#[expect(dead_code, reason = "it is read for the sake of its own errors: key fetching is not in this version")]
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct RemoteKeys {
    /// Envoy's name of the cluster.
    #[cfg_attr(feature = "cli", schemars(required))]
    pub cluster: Option<String>,
    /// The URI of the key set.
    #[cfg_attr(feature = "cli", schemars(required))]
    pub uri: Option<String>,
    /// How long fetching may take.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub timeout: Option<String>,
    /// How often the set is fetched.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub refresh: Option<String>,
    /// How long a set is used that cannot be fetched again.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub max_stale: Option<String>,
}

/// Where a call carries its token.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Token {
    /// The header: `authorization`.
    pub header: Option<String>,
    /// The scheme before the token: `Bearer`. The empty text where the header is the bare token.
    pub scheme: Option<String>,
    /// Whether the token goes on to the upstream: false.
    pub forward: Option<bool>,
}

/// The holder of a message-signing key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Signer {
    /// What signatures name the key by.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub key_id: Option<String>,
    /// The publisher that owns the key: the subject of its tokens.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub publisher: Option<String>,
    /// The public key, as a JWK. Either this or `secret`.
    #[cfg_attr(feature = "cli", schemars(with = "Option<crate::key::Jwk>"))]
    pub public_key: Option<Value>,
    /// The shared secret (HMAC-SHA256). Either this or `publicKey`.
    pub secret: Option<Secret>,
    /// From when on the key is trusted (RFC 3339).
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Time>"))]
    pub not_before: Option<String>,
    /// Until when the key is trusted (RFC 3339).
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Time>"))]
    pub not_after: Option<String>,
}

/// A shared secret of at least 16 bytes. `whsec_` and base64 is the form of Standard Webhooks; any other text is the secret itself,
/// in UTF-8.
#[derive(Deserialize)]
#[serde(expecting = "a map with `value` or `env`")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Secret {
    /// The secret. Whoever reads this resource, or Envoy's `config_dump`, reads it too.
    pub value: Option<String>,
    /// The environment variable that holds the secret.
    pub env: Option<String>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("env", &self.env).finish_non_exhaustive()
    }
}

/// The ways of signing that are in use, each with its settings; `{}` for the defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields, extend("minProperties" = 1)))]
pub struct Signatures {
    /// HTTP Message Signatures (RFC 9421).
    pub http_message: Option<HttpMessage>,
    /// Standard Webhooks.
    pub standard_webhooks: Option<StandardWebhooks>,
    /// JWS with detached content (RFC 7515 appendix F).
    pub jws: Option<Jws>,
    /// The CloudEvents extension "Verifiable CloudEvents with DSSE".
    pub dsse: Option<Dsse>,
}

/// What an HTTP Message Signature must keep.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct HttpMessage {
    /// What must be covered: `@method`, `@authority`, `@path` and `content-digest`.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub components: Option<Vec<String>>,
    /// How long ago it may have been made: 5m.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub max_age: Option<String>,
    /// The `tag` of the signatures that are looked at; without this key all are.
    pub tag: Option<String>,
}

/// What a Standard Webhooks signature must keep.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct StandardWebhooks {
    /// How far its time may be from now: 5m.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub tolerance: Option<String>,
}

/// Where a detached JWS is.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Jws {
    /// The header: `x-jws-signature`.
    pub header: Option<String>,
}

/// What a DSSE signature must keep.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Dsse {
    /// What becomes of extension attributes that are not covered: `strict` (default) refuses the event, `passthrough` lets them
    /// pass and names them in the record.
    pub mode: Option<DsseMode>,
    /// Extension attributes that need not be covered in `strict` mode.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub allow_unsigned: Option<Vec<String>>,
}

/// What becomes of extension attributes that a DSSE signature does not cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum DsseMode {
    /// The event is refused.
    Strict,
    /// They pass, and the record names them.
    Passthrough,
}

/// A kind of publish call.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Route {
    /// What records and metrics call it.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub name: Option<String>,
    /// Which calls take it: those that keep all that is said here.
    #[serde(rename = "match")]
    #[cfg_attr(feature = "cli", schemars(required))]
    pub matches: Option<Match>,
    /// How they carry events.
    #[cfg_attr(feature = "cli", schemars(required))]
    pub protocol: Option<Protocol>,
    /// The topic of events that do not name one themselves, `{name}` being a variable of the path. Without this key it is the
    /// path's variable `topic`.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub topic: Option<String>,
    /// Where the document keeps what an event says of itself; with the protocol `json`, and only there.
    pub json: Option<Envelope>,
    /// Whether no token is asked for: false. The publisher is then the signer's, where there is a signature.
    pub anonymous: Option<bool>,
}

/// Which calls take a route; at least one of these.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields, extend("minProperties" = 1)))]
pub struct Match {
    /// One of these methods.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub methods: Option<Vec<String>>,
    /// One of these hosts; `*.name` is every host below it. Without a port it stands for every port.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub hosts: Option<Vec<String>>,
    /// A path of this template, `{name}` being one segment.
    pub path: Option<String>,
    /// This gRPC method, `package.Service/Method`.
    pub grpc: Option<String>,
    /// Envoy's name of its own route.
    pub route_name: Option<String>,
}

/// How calls carry events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Protocol {
    /// CloudEvents over HTTP.
    #[serde(rename = "cloudevents")]
    CloudEvents,
    /// One JSON document that is one event.
    Json,
    /// Kafka REST, v2 and v3.
    KafkaRest,
    /// Google Pub/Sub, gRPC and REST.
    #[serde(rename = "pubsub")]
    PubSub,
}

/// Where a JSON document keeps what an event says of itself: JSON Pointers (RFC 6901).
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Envelope {
    /// The event type.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "cli", schemars(required, with = "schema::Pointer"))]
    pub event_type: Option<String>,
    /// The id.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Pointer>"))]
    pub id: Option<String>,
    /// The source.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Pointer>"))]
    pub source: Option<String>,
    /// The time.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Pointer>"))]
    pub time: Option<String>,
    /// The subject.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Pointer>"))]
    pub subject: Option<String>,
    /// The data; without this key the whole document.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Pointer>"))]
    pub data: Option<String>,
}

/// What becomes of calls that match no route.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Unmatched {
    /// They are refused.
    Refuse,
    /// They go on and are not judged.
    Pass,
}

/// What an event type, or every type below a name, demands.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Event {
    /// The event type, or a name and a trailing `.*`.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub event_type: Option<String>,
    /// Where these events may be published to; without this key anywhere.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub topics: Option<Vec<String>>,
    /// Where these events may come from; without this key anywhere.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub sources: Option<Vec<String>>,
    /// Who may publish them: any of these.
    #[cfg_attr(feature = "cli", schemars(required, with = "Vec<Publisher>", length(min = 1)))]
    pub publishers: Option<Vec<Value>>,
    /// Whether they must be signed. A signature that is there is always judged.
    pub signature: Option<SignatureRule>,
    /// Whether refusals for breaking this rule are carried out, instead of what the policy's `mode` says.
    pub mode: Option<Mode>,
}

/// A kind of publisher: all that is said here must hold, and something must be said.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields, extend("minProperties" = 1)))]
pub struct Publisher {
    /// The policy's name of the issuer of the token.
    pub issuer: Option<String>,
    /// The subject of the token (claim `sub`); on an anonymous route the signer's publisher.
    pub subject: Option<String>,
    /// The URI name in the peer's certificate: a SPIFFE id.
    pub peer: Option<String>,
    /// What the token must say: by JSON Pointer (RFC 6901) a value, or a list of values of which one must be there. A claim that is
    /// a list must hold one of them.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Claims>"))]
    pub claims: Option<BTreeMap<String, Value>>,
}

/// Whether events must be signed.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct SignatureRule {
    /// Whether they must be.
    #[cfg_attr(feature = "cli", schemars(required))]
    pub required: Option<bool>,
    /// With one of these; without this key with any that is in use.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub schemes: Option<Vec<Scheme>>,
}

/// A way of signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Scheme {
    /// HTTP Message Signatures.
    HttpMessage,
    /// Standard Webhooks.
    StandardWebhooks,
    /// Detached JWS.
    Jws,
    /// DSSE.
    Dsse,
}

/// What one call may cost.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Limits {
    /// The body, as sent and again after decompression: 1MiB.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Size>"))]
    pub body: Option<Value>,
    /// Events in one call: 100.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub events: Option<u32>,
    /// Levels of nesting in JSON: 32.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub depth: Option<u32>,
    /// Attributes and extensions of one event: 64.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub attributes: Option<u32>,
}

/// How a call is kept from the upstream until the verdict has fallen.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Hold {
    /// The body is held, and Envoy's `buffer` filter behind this one holds the headers.
    Body,
    /// Headers and body are held.
    Headers,
}

/// Where records go.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Audit {
    /// Envoy's name of the log cluster.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub cluster: Option<String>,
    /// What it speaks: `otlp-http`.
    pub sink: Option<Sink>,
    /// The path that batches are posted to: `/v1/logs`.
    pub path: Option<String>,
    /// The authority that batches are posted to: the cluster's name.
    pub authority: Option<String>,
    /// How long a batch may be under way: 5s.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub timeout: Option<String>,
    /// When a batch goes.
    pub batch: Option<Batch>,
    /// What may wait.
    pub queue: Option<Queue>,
    /// Which record is dropped, and counted, when no more may wait: `drop-oldest` (default) or `drop-newest`.
    pub when_full: Option<WhenFull>,
}

/// What a log cluster speaks.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Sink {
    /// OTLP over HTTP, log records as protobuf.
    OtlpHttp,
}

/// When a batch goes: whichever comes first.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Batch {
    /// With so many records: 100.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub records: Option<u32>,
    /// When its first record has waited so long: 1s.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub interval: Option<String>,
}

/// What may wait: whichever is reached first.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Queue {
    /// So many records: 10000.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub records: Option<u32>,
    /// So many bytes of records: 4MiB.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Size>"))]
    pub bytes: Option<Value>,
}

/// Which record is dropped when no more may wait.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum WhenFull {
    /// The one that has waited longest.
    DropOldest,
    /// The one that comes.
    DropNewest,
}
