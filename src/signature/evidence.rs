//! What is known of a signature that was verified.

use crate::time::Timestamp;

/// A way of signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// HTTP Message Signatures (RFC 9421) with a content digest (RFC 9530).
    HttpMessage,
    /// Standard Webhooks `v1` and `v1a`.
    StandardWebhooks,
    /// JWS in a header (RFC 7515).
    Jws,
    /// HMAC-SHA256 in a form that the policy describes.
    Hmac,
    /// The CloudEvents extension "Verifiable CloudEvents with DSSE".
    Dsse,
    /// JWS in an extension attribute of an event.
    EventJws,
}

impl Scheme {
    /// Whether signatures are over one event, and not over all of a call.
    #[must_use]
    pub const fn is_of_an_event(self) -> bool {
        matches!(self, Self::Dsse | Self::EventJws)
    }
}

/// What of an event a DSSE signature was verified to cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// The core attributes and the data: nothing else was signed.
    Core,
    /// Extension attributes too.
    CoreAndExtensions,
    /// The core attributes and the data: others were signed, and not looked at.
    ExtensionsSkipped,
}

impl Coverage {
    /// As records have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::CoreAndExtensions => "core+extensions",
            Self::ExtensionsSkipped => "extensions-skipped",
        }
    }
}

/// The evidence of a verified signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSignature {
    pub(super) scheme: Scheme,
    pub(super) key_id: String,
    pub(super) publisher: String,
    /// Extension attributes that it does not cover (DSSE: those that strict mode exempts, all of them in passthrough mode).
    pub(super) uncovered: Vec<String>,
    pub(super) coverage: Option<Coverage>,
    pub(super) made: Made,
}

/// When a signature was made, and which of its kind it is, where the signature itself says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Made {
    at: Option<Timestamp>,
    nonce: Option<String>,
}

impl VerifiedSignature {
    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The signer's key id.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The publisher that owns the key.
    #[must_use]
    pub fn publisher(&self) -> &str {
        &self.publisher
    }

    /// When it was made, where it says so.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        self.made.at
    }

    /// What no other signature of its key has, where it says so: the `nonce` of RFC 9421, the `webhook-id` of Standard Webhooks.
    #[must_use]
    pub fn nonce(&self) -> Option<&str> {
        self.made.nonce.as_deref()
    }

    /// What of the event it covers, of DSSE.
    #[must_use]
    pub fn coverage(&self) -> Option<Coverage> {
        self.coverage
    }

    pub(super) fn made(self, at: Timestamp, nonce: Option<&str>) -> Self {
        Self { made: Made { at: Some(at), nonce: nonce.map(str::to_owned) }, ..self }
    }

    /// Extension attributes that it does not cover (DSSE: those that strict mode exempts, all of them in passthrough mode).
    #[must_use]
    pub fn uncovered(&self) -> &[String] {
        &self.uncovered
    }
}
