//! Issuers and tokens, as they are written.

use serde::Deserialize;
use serde_json::Value;

#[cfg(feature = "cli")]
use crate::config::schema;

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
    /// The type that a token must say it is (header `typ`), e.g. `at+jwt` for access tokens of RFC 9068; without this key any JWT.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub typ: Option<String>,
    /// What becomes of tokens that are bound to a certificate (claim `cnf` with `x5t#S256`, RFC 8705): `verify` (default) wants the
    /// peer of that certificate, `require` also wants every token to be bound, `ignore` is for proxies that callers do not reach
    /// themselves.
    pub binding: Option<Binding>,
    /// The keys that the issuer signs with.
    #[cfg_attr(feature = "cli", schemars(required))]
    pub jwks: Option<Jwks>,
}

/// What becomes of tokens that are bound to a certificate.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Binding {
    /// One that is bound needs the peer of its certificate.
    Verify,
    /// So does every token, and one that is not bound is refused.
    Require,
    /// Nothing is compared.
    Ignore,
}

/// Where an issuer's keys are: one of these.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map with `inline`, `remote` or `discovery`")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Jwks {
    /// They stand here.
    pub inline: Option<KeySet>,
    /// They are fetched.
    pub remote: Option<Remote>,
    /// They are fetched from where the issuer's metadata say (OpenID Connect Discovery 1.0).
    pub discovery: Option<Discovery>,
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

/// A document that is fetched, by one worker of a proxy for all.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Remote {
    /// Envoy's name of the cluster that leads there. Whether it speaks TLS, and whom it trusts then, is said there.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub cluster: Option<String>,
    /// The URI of the document.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub uri: Option<String>,
    /// How long a request may take: 5s.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub timeout: Option<String>,
    /// How long the document is fresh: 10m, or as long as the server's `cache-control: max-age` says, if that is shorter.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub refresh: Option<String>,
    /// How much longer it is used where it cannot be fetched again: 1h.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub max_stale: Option<String>,
}

/// An issuer's metadata, whose `issuer` must be exactly the policy's, and whose `jwks_uri` says where the keys are.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Discovery {
    /// Envoy's name of the cluster that leads to the metadata.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub cluster: Option<String>,
    /// Where the metadata are: `ISSUER/.well-known/openid-configuration`.
    pub uri: Option<String>,
    /// Other hosts that the keys may be at, each with the cluster that leads there.
    pub hosts: Option<std::collections::BTreeMap<String, String>>,
    /// How long a request may take: 5s.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub timeout: Option<String>,
    /// How long the keys are fresh: 10m, or as long as their server's `cache-control: max-age` says, if that is shorter.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Duration>"))]
    pub refresh: Option<String>,
    /// How much longer they are used where they cannot be fetched again: 1h.
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
