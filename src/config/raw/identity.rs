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
