//! What is read of each scheme of signatures: what the policy says, compiled.

use std::time::Duration;

use super::{FieldType, hmac};

/// What is read of each scheme. A scheme without settings is not in use: its headers mean nothing here.
#[derive(Debug, Clone)]
pub struct Settings {
    /// RFC 9421.
    pub http_message: Option<HttpMessage>,
    /// Standard Webhooks.
    pub standard_webhooks: Option<StandardWebhooks>,
    /// JWS in a header.
    pub jws: Option<Jws>,
    /// HMAC-SHA256 in forms that the policy describes.
    pub hmac: Vec<hmac::Profile>,
    /// DSSE on CloudEvents.
    pub dsse: Option<Dsse>,
    /// JWS in an extension attribute.
    pub event_jws: Option<EventJws>,
}

impl Settings {
    /// Whether a header of this name (lower case) is read in search of a signature, or for one. What a signature covers besides may be
    /// there more than once: RFC 9421 section 2.1 joins it.
    #[must_use]
    pub fn reads(&self, name: &[u8]) -> bool {
        match name {
            b"signature" | b"signature-input" | b"content-digest" if self.http_message.is_some() => true,
            b"webhook-id" | b"webhook-timestamp" | b"webhook-signature" if self.standard_webhooks.is_some() => true,
            _ => {
                self.jws.as_ref().is_some_and(|jws| jws.header.as_bytes() == name)
                    || self.hmac.iter().any(|profile| profile.reads(name))
            }
        }
    }
}

/// What an HTTP Message Signature must keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpMessage {
    /// Components that must be covered, e.g. `@method`, `content-digest`.
    pub components: Vec<String>,
    /// How old a signature may be (now - `created`).
    pub max_age: Duration,
    /// The `tag` that a signature must have to be looked at.
    pub tag: Option<String>,
    /// Headers that are structured fields, beside those of RFC 9421 and RFC 9530: what `sf` may be said of.
    pub structured_fields: Vec<(String, FieldType)>,
}

/// What a Standard Webhooks signature must keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandardWebhooks {
    /// How far `webhook-timestamp` may be from now, both ways.
    pub tolerance: Duration,
}

/// Where a JWS over the content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jws {
    /// The header, in lower case.
    pub header: String,
}

/// Where an event's own JWS is, and what it must cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventJws {
    /// The extension attribute.
    pub attribute: String,
    /// What becomes of the attributes where only the data is signed.
    pub unsigned_attributes: UnsignedAttributes,
}

/// What becomes of an event of which only the data is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsignedAttributes {
    /// It is refused: its type could be another one.
    Refuse,
    /// It passes, and the record names its attributes.
    Pass,
}

/// What a DSSE signature must keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dsse {
    /// What becomes of extension attributes that the signature does not cover.
    pub mode: DsseMode,
    /// Extension attributes that need not be covered in strict mode.
    pub allow_unsigned: Vec<String>,
}

/// What becomes of extension attributes that a DSSE signature does not cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DsseMode {
    /// The event is refused.
    Strict,
    /// They pass, and the record names them.
    Passthrough,
    /// They all pass, also those that are covered: nobody looks whether they are the ones that were signed.
    CoreOnly,
}
