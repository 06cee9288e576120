//! A token and a peer into a publisher: who publishes. Trusts the policy's issuers and their keys, and the proxy for the peer;
//! knows nothing of events or messages.

use std::time::Duration;

use crate::key::{Algorithm, KeySet};

/// Someone whose tokens are believed.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// The policy's name for this issuer.
    pub name: String,
    /// The exact `iss`.
    pub issuer: String,
    /// A token must be meant for one of these (`aud`).
    pub audiences: Vec<String>,
    /// What a token may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// How far the clocks may differ.
    pub leeway: Duration,
    /// How old a token may be (now - `iat`).
    pub max_age: Option<Duration>,
    /// The keys that the issuer signs with.
    pub keys: KeySet,
}

/// Where a call carries its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSettings {
    /// The header, in lower case.
    pub header: String,
    /// The scheme before the token (RFC 9110 section 11.1), compared without case; `None` where the header is the bare token.
    pub scheme: Option<String>,
    /// Whether the token goes on to the upstream.
    pub forward: Forward,
}

/// What becomes of the token of an admitted call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// It is removed before the call goes on.
    Remove,
    /// It goes on with the call.
    Keep,
}

/// Who publishes.
#[derive(Debug, Clone)]
pub struct Publisher {
    source: PublisherSource,
    subject: String,
}

/// What a publisher is known from.
#[derive(Debug, Clone)]
pub enum PublisherSource {
    /// A verified token.
    Token(VerifiedToken),
    /// A verified signature on an anonymous route: there is no token, the publisher is the key's owner.
    Signature,
}

/// A token whose signature and claims were verified.
#[derive(Debug, Clone)]
pub struct VerifiedToken {
    _private: (),
}

impl Publisher {
    /// The owner of a verified signature, on an anonymous route.
    #[must_use]
    pub fn from_signature(owner: String) -> Self {
        Self { source: PublisherSource::Signature, subject: owner }
    }

    /// The token's subject, or the owner of the key.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What the publisher is known from.
    #[must_use]
    pub fn source(&self) -> &PublisherSource {
        &self.source
    }
}
