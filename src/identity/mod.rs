//! A token and a peer into a publisher: who publishes. Trusts the policy's issuers and their keys, and the proxy for the peer;
//! knows nothing of events or messages.

use std::time::Duration;

use crate::call::HeaderError;
use crate::key::{Algorithm, KeySet};
use crate::time::Timestamp;

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

/// Why a token does not say who publishes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The header that carries the token could not be read.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// `token.missing`: no token, or one of another scheme.
    #[error("no token")]
    Missing,
    /// `token.malformed`: not a compact JWS, or it says something in a way that nobody should have to guess at.
    #[error("{0}")]
    Malformed(String),
    /// `token.claim-missing`.
    #[error("the claim `{0}` is absent")]
    ClaimMissing(&'static str),
    /// `token.algorithm`: not one that the issuer may use, or not one of the key.
    #[error("the algorithm `{found}` is not allowed, or not the key's")]
    Algorithm {
        /// What the token says, cut.
        found: String,
    },
    /// `token.unknown-key`.
    #[error("the issuer has no key of the id {}", .id.as_ref().map_or("(none)".to_owned(), |id| format!("`{id}`")))]
    UnknownKey {
        /// What the token says, cut; `None` where it names no key and the issuer has several.
        id: Option<String>,
    },
    /// `token.signature`.
    #[error("the token's signature does not verify")]
    Signature,
    /// `token.issuer`.
    #[error("the issuer `{found}` is not one of the policy's")]
    Issuer {
        /// What the token says, cut.
        found: String,
    },
    /// `token.audience`.
    #[error("the token is meant for somebody else")]
    Audience,
    /// `token.expired`.
    #[error("the token expired at {at}")]
    Expired {
        /// The claim `exp`.
        at: Timestamp,
    },
    /// `token.not-yet-valid`.
    #[error("the claim `{claim}` is {at}, which is in the future")]
    NotYetValid {
        /// `nbf` or `iat`.
        claim: &'static str,
        /// What it says.
        at: Timestamp,
    },
    /// `token.too-old`.
    #[error("the token was issued at {issued}, more than {} seconds ago", .limit.as_secs())]
    TooOld {
        /// The claim `iat`.
        issued: Timestamp,
        /// The issuer's `maxAge`.
        limit: Duration,
    },
}
