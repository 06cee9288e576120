//! Signers and ways of signing, as they are written.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[cfg(feature = "cli")]
use crate::config::schema;

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
    /// Headers that are structured fields (RFC 8941), so that a signature may cover them with the parameter `sf`: by name what they are. The
    /// dictionaries of RFC 9421 and RFC 9530 are known.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub structured_fields: Option<BTreeMap<String, FieldType>>,
}

/// What a structured field is by its definition (RFC 8941 section 3).
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum FieldType {
    /// Keys, each with a member.
    Dictionary,
    /// Members in their order.
    List,
    /// One item.
    Item,
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
