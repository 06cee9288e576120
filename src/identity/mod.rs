//! A token and a peer into a publisher: who publishes. Trusts the policy's issuers and their keys, and the proxy for the peer;
//! knows nothing of events or messages.

mod cache;
mod claims;
mod failures;
mod parties;
#[cfg(test)]
mod tests;
mod token;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

pub use crate::call::Peer;
use crate::call::{Head, HeaderError};
use crate::crypto::{Crypto, Unchecked, Unverified};
use crate::key::Algorithm;
use crate::keyset::{Keys, Revocations, SetId};
use crate::time::Timestamp;
pub use cache::{CacheUse, Seed, TokenCache};
use claims::Claims;
pub use claims::VerifiedToken;
pub use parties::{Binding, check_binding};
use token::Jws;
pub use token::media_type;

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
    /// The type (`typ`) that a token must say it is, in lower case and without `application/`; `None` for any JWT.
    pub typ: Option<String>,
    /// What becomes of tokens that are bound to a certificate.
    pub binding: Binding,
    /// The keys that the issuer signs with.
    pub keys: Keys,
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

impl TokenSettings {
    /// Whether a header of this name (lower case) is the token's.
    #[must_use]
    pub fn reads(&self, name: &[u8]) -> bool {
        self.header.as_bytes() == name
    }
}

/// Takes the token out of the head of a call.
///
/// # Errors
///
/// [`TokenError::Header`] where the header is there twice or is not text; [`TokenError::Missing`] where it is absent, of another
/// scheme, or without a token. A token with a space in it is returned, and refused by [`verify`].
pub fn bearer<'h>(head: &'h Head, settings: &TokenSettings) -> Result<&'h str, TokenError> {
    let value = head.text(&settings.header)?.ok_or(TokenError::Missing)?;
    let token = match &settings.scheme {
        None => value,
        Some(wanted) => {
            let (scheme, rest) = value.split_once(' ').ok_or(TokenError::Missing)?;
            if !scheme.eq_ignore_ascii_case(wanted) {
                return Err(TokenError::Missing);
            }
            // RFC 6750 section 2.1 has one space, RFC 9110 section 11.4 one or more.
            rest.trim_start_matches(' ')
        }
    };
    if token.is_empty() { Err(TokenError::Missing) } else { Ok(token) }
}

/// Who publishes, according to a token (a JWT of RFC 7519 as a compact JWS of RFC 7515): signed by a key of one of the issuers, for
/// one of its audiences, at a time that it is good for. What the token says of keys (`jwk`, `jku`, `x5u`, `x5c`) is not looked at.
///
/// # Errors
///
/// [`TokenError`]; the first thing that fails, in the order form, issuer, type, algorithm, key, signature, audience, times.
pub fn verify(token: &str, issuers: &[Issuer], now: Timestamp, crypto: &dyn Crypto) -> Result<Publisher, TokenError> {
    verify_token(token, issuers, now, crypto).map(Publisher::from_token)
}

fn verify_token(token: &str, issuers: &[Issuer], now: Timestamp, crypto: &dyn Crypto) -> Result<VerifiedToken, TokenError> {
    let token = Jws::parse(token)?;
    let claims = Claims::parse(token.payload)?;
    let issuer = claims.issuer(issuers)?;
    token.header.check_type(issuer)?;
    let key = token.header.key(issuer)?;
    crypto.verify(key, token.header.algorithm(issuer, key)?, token.signed, &token.signature)?;
    let verified = claims.for_us(issuer, key)?;
    verified.check_times(issuer, now)?;
    Ok(verified)
}

/// Whether a publisher's token is still good: a stream may outlive it, or its key.
///
/// # Errors
///
/// [`TokenError::Expired`], [`TokenError::NotYetValid`], [`TokenError::TooOld`]; as for a key that is unknown, or not available, where the
/// issuer does not have it any more.
pub fn check_again(publisher: &Publisher, issuers: &[Issuer], now: Timestamp) -> Result<(), TokenError> {
    let Some(token) = publisher.token() else { return Ok(()) };
    let issuer = claims::find(issuers, token.issuer()).ok_or_else(|| TokenError::Issuer { found: token.issuer().to_owned() })?;
    issuer.keys.check(token.key()).map_err(|error| token::no_key(error, token.key().id()))?;
    token.check_times(issuer, now)
}

/// Whether a publisher's token, its key or its subject was revoked.
///
/// # Errors
///
/// [`TokenError::Revoked`].
pub fn check_revoked(publisher: &Publisher, revoked: &Revocations) -> Result<(), TokenError> {
    let Some(token) = publisher.token() else { return Ok(()) };
    let what = if token.id().is_some_and(|id| revoked.any(|list| list.has_token(id))) {
        "token"
    } else if token.key().id().is_some_and(|id| revoked.any(|list| list.has_key(id))) {
        "key"
    } else if revoked.any(|list| list.has_subject(token.subject())) {
        "subject"
    } else {
        return Ok(());
    };
    Err(TokenError::Revoked { what })
}

/// Who publishes. Cloning it copies no text.
#[derive(Debug, Clone)]
pub struct Publisher {
    source: PublisherSource,
    names: Arc<Names>,
}

/// What a publisher is called: put together once for a token, however many calls it comes with.
#[derive(Debug)]
struct Names {
    subject: String,
    label: String,
}

/// What a publisher is known from.
#[derive(Debug, Clone)]
pub enum PublisherSource {
    /// A verified token.
    Token(VerifiedToken),
    /// A verified signature on an anonymous route: there is no token, the publisher is the key's owner.
    Signature,
}

impl Publisher {
    /// The owner of a verified signature, on an anonymous route.
    #[must_use]
    pub fn from_signature(owner: String) -> Self {
        Self { source: PublisherSource::Signature, names: Arc::new(Names::new("signer", owner)) }
    }

    fn from_token(token: VerifiedToken) -> Self {
        Self { names: token.names(), source: PublisherSource::Token(token) }
    }

    /// The token's subject, or the owner of the key; never empty.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.names.subject
    }

    /// What the publisher is known from.
    #[must_use]
    pub fn source(&self) -> &PublisherSource {
        &self.source
    }

    /// The token, where there is one.
    #[must_use]
    pub fn token(&self) -> Option<&VerifiedToken> {
        match &self.source {
            PublisherSource::Token(token) => Some(token),
            PublisherSource::Signature => None,
        }
    }

    /// The policy's name of the token's issuer.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.token().map(VerifiedToken::issuer_name)
    }

    /// What the upstream is told: `ISSUER/SUBJECT`, or `signer/SUBJECT` where a signature says who publishes. Bytes that are no
    /// visible ASCII, and `%`, are percent-encoded (RFC 3986 section 2.1); so is a `/` in the issuer's name: the first one parts
    /// the two.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.names.label
    }
}

impl Names {
    fn new(issuer: &str, subject: String) -> Self {
        let mut label = String::with_capacity(issuer.len() + 1 + subject.len());
        percent_encode(&mut label, issuer, b"%/");
        label.push('/');
        percent_encode(&mut label, &subject, b"%");
        Self { subject, label }
    }
}

fn percent_encode(to: &mut String, text: &str, also: &[u8]) {
    // As a rule there is nothing to encode.
    if text.bytes().all(|byte| byte.is_ascii_graphic() && !also.contains(&byte)) {
        return to.push_str(text);
    }
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !also.contains(&byte) {
            to.push(char::from(byte));
        } else {
            // Writing to a `String` does not fail.
            let _ = write!(to, "%{byte:02X}");
        }
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
    /// `token.type`.
    #[error("the type of the token is {}, expected `{expected}`", .found.as_ref().map_or("absent".to_owned(), |found| format!("`{found}`")))]
    Type {
        /// What the token says, cut.
        found: Option<String>,
        /// The issuer's `typ`.
        expected: String,
    },
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
        /// The set that may have it by now, where the keys are fetched.
        set: Option<SetId>,
    },
    /// `keys.unavailable`.
    #[error("the issuer's keys could not be fetched yet, or not for too long")]
    KeysUnavailable {
        /// Their set.
        set: SetId,
    },
    /// `token.revoked`.
    #[error("the {what} was revoked")]
    Revoked {
        /// What of it was.
        what: &'static str,
    },
    /// `token.signature`.
    #[error("the token's signature does not verify")]
    Signature,
    /// `source.limited`: nobody has looked whether it does.
    #[error(transparent)]
    Unchecked(Unchecked),
    /// `token.issuer`.
    #[error("the issuer `{found}` is not one of the policy's")]
    Issuer {
        /// What the token says, cut.
        found: String,
    },
    /// `token.audience`.
    #[error("the token is meant for somebody else")]
    Audience,
    /// `token.binding`.
    #[error("{0}")]
    Binding(&'static str),
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

impl From<Unverified> for TokenError {
    fn from(error: Unverified) -> Self {
        match error {
            Unverified::Wrong => Self::Signature,
            Unverified::Unchecked(why) => Self::Unchecked(why),
        }
    }
}
