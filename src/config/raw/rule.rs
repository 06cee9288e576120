//! Rules, as they are written.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Mode, Recording, Replay, Sequence};
#[cfg(feature = "cli")]
use crate::config::schema;

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
    /// What their data must keep: one schema, or a list of versions that `dataschema` tells apart.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::OneOrMany<DataSchema>>"))]
    pub schema: Option<Value>,
    /// What must be true of them, in CEL (Common Expression Language).
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub conditions: Option<Vec<String>>,
    /// That they may come once.
    pub replay: Option<Replay>,
    /// That they have a number, each after the last of its publisher and source.
    pub sequence: Option<Sequence>,
    /// How much may be published of them: one rate, or a list of them.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::OneOrMany<super::Rate>>"))]
    pub rate: Option<Value>,
    /// Whether refusals for breaking this rule are carried out, instead of what the policy's `mode` says.
    pub mode: Option<Mode>,
    /// How much is recorded of them, instead of what the policy's `audit` says.
    pub audit: Option<Recording>,
}

/// What data must keep: one of `json`, `protobuf` and `avro`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct DataSchema {
    /// A JSON Schema (2020-12, or draft-07 where its `$schema` says so), or the name of one of the policy's `schemas`.
    pub json: Option<Value>,
    /// A message type of Protocol Buffers. The data is such a message, or its JSON mapping.
    pub protobuf: Option<MessageSchema>,
    /// An Avro schema, or the name of one of the policy's `schemas`. The data is in Avro's binary encoding, or in its JSON encoding.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::AvroSchema>"))]
    pub avro: Option<Value>,
    /// What stands before data in Avro's binary encoding: nothing, without this key.
    pub framing: Option<Framing>,
    /// What becomes of fields that the schema does not know. Without this key a JSON Schema allows them, and a message type of Protocol
    /// Buffers does not.
    pub unknown_fields: Option<FieldsUnknown>,
    /// What the event's `dataschema` must be, where there is one; among several versions it tells which one the event is of. Without this
    /// key it is the schema's `$id`.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub dataschema: Option<String>,
    /// What the id of its schema in a registry may be, where the call or the framing has one.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub ids: Option<Vec<u32>>,
    /// What fields of JSON data say in this version, all of them: by JSON Pointer a value, or a list of values of which one must be
    /// there.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Claims>"))]
    pub when: Option<BTreeMap<String, Value>>,
    /// What the data must not have (JSON Pointers).
    #[cfg_attr(feature = "cli", schemars(with = "Option<Vec<schema::Pointer>>", length(min = 1)))]
    pub forbidden: Option<Vec<String>>,
    /// What the data must have encrypted, where it has it.
    pub encrypted: Option<Encrypted>,
    /// When this version ends.
    pub deprecated: Option<Deprecated>,
}

/// What stands before data in Avro's binary encoding.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Framing {
    /// `C3 01` and the fingerprint of the schema (CRC-64-AVRO): Avro's single-object encoding.
    SingleObject,
    /// `00` and four bytes: the schema's id in a registry, which must be one of `ids`. Confluent's serializers write so.
    Confluent,
}

/// A message type of Protocol Buffers.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct MessageSchema {
    /// A `FileDescriptorSet` in base64, as `protoc --include_imports --descriptor_set_out` writes it, or the name of one of the policy's
    /// `schemas`.
    #[cfg_attr(feature = "cli", schemars(required))]
    pub descriptors: Option<String>,
    /// The name of the type, with its package.
    #[cfg_attr(feature = "cli", schemars(required))]
    pub message: Option<String>,
}

/// Fields of JSON data that must be encrypted: texts in the compact form of JWE (RFC 7516). All of this must be said, and the header of
/// each must say one of it.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Encrypted {
    /// Where they are: JSON Pointers. What is not there need not be encrypted.
    #[cfg_attr(feature = "cli", schemars(required, with = "Vec<schema::Pointer>", length(min = 1)))]
    pub fields: Option<Vec<String>>,
    /// How the content's key may be given to its recipient, as in `RSA-OAEP-256` or `ECDH-ES+A256KW`.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub alg: Option<Vec<String>>,
    /// How the content may be encrypted, as in `A256GCM`.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub enc: Option<Vec<String>>,
    /// Whom it may be for: ids of keys.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub kid: Option<Vec<String>>,
}

/// The end of a version of a contract.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Deprecated {
    /// From when on records tell that an event is of this version (RFC 3339).
    #[cfg_attr(feature = "cli", schemars(required, with = "schema::Time"))]
    pub after: Option<String>,
    /// From when on events of this version are refused.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Time>"))]
    pub refuse_after: Option<String>,
}

/// What becomes of fields that a schema does not know.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum FieldsUnknown {
    /// The event is refused.
    Refuse,
    /// What the schema says (default).
    Allow,
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
    /// The client that the token was issued to: `azp` (OpenID Connect) or `client_id` (RFC 9068).
    pub client: Option<String>,
    /// Who acts with the token on its subject's behalf (RFC 8693 section 4.1): the `sub` of its outermost `act`.
    pub actor: Option<String>,
    /// Words that the token's scope (`scope` or `scp`, words parted by spaces or a list) must hold, all of them.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub scopes: Option<Vec<String>>,
    /// What the token must say: by JSON Pointer (RFC 6901) a value, or a list of values of which one must be there. A claim that is
    /// a list must hold one of them.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Claims>"))]
    pub claims: Option<BTreeMap<String, Value>>,
}

/// Whether events must be signed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct SignatureRule {
    /// Whether they must be.
    #[cfg_attr(feature = "cli", schemars(required))]
    pub required: Option<bool>,
    /// With one of these; without this key with any that is in use.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub schemes: Option<Vec<Scheme>>,
    /// Owners of keys who must have signed: `atLeast` of them. Their signatures may stand beside the publisher's own.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub signers: Option<Vec<String>>,
    /// How many of `signers` must have signed; without this key all of them.
    #[cfg_attr(feature = "cli", schemars(range(min = 1)))]
    pub at_least: Option<u32>,
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
    /// JWS in a header.
    Jws,
    /// HMAC-SHA256 in a form that the policy describes.
    Hmac,
    /// DSSE.
    Dsse,
    /// JWS in an extension attribute.
    EventJws,
}
