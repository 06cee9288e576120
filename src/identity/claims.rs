//! A token's payload into its claims (RFC 7519 section 4.1), and claims into a verified token once the signature was verified.
//! An absent claim, one of the wrong type and one with the wrong value are three things (CVE-2026-25537 took the second for the
//! first).

use std::sync::Arc;
use std::time::Duration;

use super::parties::{Confirmation, check_actors};
use super::token::{malformed, text};
use super::{Issuer, Names, TokenError};
use crate::call::cut;
use crate::json::{Kind, Owned, Value};
use crate::key::PublicKey;
use crate::time::Timestamp;

/// Levels of nesting in a token's claims.
const CLAIMS_DEPTH: usize = 32;

/// Claims, read and not yet believed.
pub(super) struct Claims {
    document: Owned,
    registered: Registered,
}

/// The claims that have a meaning here.
#[derive(Default)]
struct Registered {
    issuer: Option<String>,
    subject: Option<String>,
    audience: Option<Vec<String>>,
    expires: Option<Timestamp>,
    not_before: Option<Timestamp>,
    issued: Option<Timestamp>,
    id: Option<String>,
    confirmation: Option<Confirmation>,
}

impl Claims {
    pub(super) fn parse(payload: Vec<u8>) -> Result<Self, TokenError> {
        let document = Owned::parse(payload, CLAIMS_DEPTH).map_err(|error| malformed(format!("the claims: {error}")))?;
        let mut registered = Registered::default();
        let members = document.root().members().ok_or_else(|| malformed("the claims are not an object".to_owned()))?;
        for (name, value) in members {
            registered.read(&name, value)?;
        }
        Ok(Self { document, registered })
    }

    /// The issuer that the token names.
    pub(super) fn issuer<'i>(&self, issuers: &'i [Issuer]) -> Result<&'i Issuer, TokenError> {
        let named = self.registered.issuer.as_deref().ok_or(TokenError::ClaimMissing("iss"))?;
        find(issuers, named).ok_or_else(|| TokenError::Issuer { found: cut(named, 64).to_owned() })
    }

    /// What the claims say, where they are meant for one of the issuer's audiences and name whom they are about. The signature
    /// was verified before; the times are checked after.
    pub(super) fn for_us(self, issuer: &Issuer, key: &Arc<PublicKey>) -> Result<VerifiedToken, TokenError> {
        let Registered { issuer: _, subject, audience, expires, not_before, issued, id, confirmation } = self.registered;
        let audience = audience.ok_or(TokenError::ClaimMissing("aud"))?;
        if !audience.iter().any(|named| issuer.audiences.contains(named)) {
            return Err(TokenError::Audience);
        }
        // Nobody is no publisher.
        let subject = subject.filter(|subject| !subject.is_empty()).ok_or(TokenError::ClaimMissing("sub"))?;
        Ok(VerifiedToken(Arc::new(Verified {
            issuer_name: issuer.name.clone(),
            issuer: issuer.issuer.clone(),
            key: Arc::clone(key),
            names: Arc::new(Names::new(&issuer.name, subject)),
            id,
            expires: expires.ok_or(TokenError::ClaimMissing("exp"))?,
            not_before,
            issued,
            bound_to: Confirmation::settle(confirmation, issuer.binding)?,
            claims: self.document,
        })))
    }
}

/// The issuer of exactly that `iss`.
pub(super) fn find<'i>(issuers: &'i [Issuer], named: &str) -> Option<&'i Issuer> {
    issuers.iter().find(|issuer| issuer.issuer == named)
}

impl Registered {
    fn read(&mut self, name: &str, value: Value<'_, '_>) -> Result<(), TokenError> {
        match name {
            "iss" => self.issuer = Some(text("iss", value)?),
            "sub" => self.subject = Some(text("sub", value)?),
            "aud" => self.audience = Some(audience(value)?),
            "exp" => self.expires = Some(date("exp", value)?),
            "nbf" => self.not_before = Some(date("nbf", value)?),
            "iat" => self.issued = Some(date("iat", value)?),
            "jti" => self.id = Some(text("jti", value)?),
            "cnf" => self.confirmation = Some(Confirmation::read(value)?),
            "act" => check_actors(value)?,
            "azp" => drop(text("azp", value)?),
            "client_id" => drop(text("client_id", value)?),
            _ => {}
        }
        Ok(())
    }
}

/// One string, or an array of them (RFC 7519 section 4.1.3).
fn audience(value: Value<'_, '_>) -> Result<Vec<String>, TokenError> {
    match value.items() {
        Some(items) => items.map(|item| text("aud", item)).collect(),
        None => Ok(vec![text("aud", value)?]),
    }
}

/// Seconds since 1970, perhaps with a fraction (RFC 7519 section 2, NumericDate). Dates before 1970 or beyond 2262 are nobody's
/// intention: seconds that were written as milliseconds would be valid for ever.
fn date(name: &'static str, value: Value<'_, '_>) -> Result<Timestamp, TokenError> {
    let Kind::Number(written) = value.kind() else { return Err(malformed(format!("`{name}` is not a number"))) };
    written
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .map(Timestamp::from_unix_nanos)
        .ok_or_else(|| malformed(format!("`{name}` is not a date from 1970 to 2262: `{}`", cut(written, 64))))
}

/// A token whose signature and claims were verified. Cloning it copies no text.
#[derive(Clone)]
pub struct VerifiedToken(Arc<Verified>);

struct Verified {
    issuer_name: String,
    issuer: String,
    key: Arc<PublicKey>,
    names: Arc<Names>,
    id: Option<String>,
    expires: Timestamp,
    not_before: Option<Timestamp>,
    issued: Option<Timestamp>,
    bound_to: Option<[u8; 32]>,
    claims: Owned,
}

impl VerifiedToken {
    /// The policy's name of the issuer.
    #[must_use]
    pub fn issuer_name(&self) -> &str {
        &self.0.issuer_name
    }

    /// The claim `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The key that it was verified with.
    #[must_use]
    pub fn key(&self) -> &Arc<PublicKey> {
        &self.0.key
    }

    /// The claim `sub`; never empty.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.names.subject
    }

    pub(super) fn names(&self) -> Arc<Names> {
        Arc::clone(&self.0.names)
    }

    /// The claim `jti`.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// The claim `exp`.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.0.expires
    }

    /// The SHA-256 of the certificate that the token is bound to.
    pub(super) fn bound_to(&self) -> Option<[u8; 32]> {
        self.0.bound_to
    }

    /// All claims: an object, as the issuer wrote it.
    #[must_use]
    pub fn claims(&self) -> Value<'_, '_> {
        self.0.claims.root()
    }

    /// Whether the token is good for `now`. The leeway makes a token live longer at both ends (RFC 7519 sections 4.1.4, 4.1.5), but
    /// not younger: `max_age` is said by the same party as the leeway.
    pub(super) fn check_times(&self, issuer: &Issuer, now: Timestamp) -> Result<(), TokenError> {
        let token = &*self.0;
        if now >= token.expires.after(issuer.leeway) {
            return Err(TokenError::Expired { at: token.expires });
        }
        for (claim, date) in [("nbf", token.not_before), ("iat", token.issued)] {
            if let Some(at) = date.filter(|at| *at > now.after(issuer.leeway)) {
                return Err(TokenError::NotYetValid { claim, at });
            }
        }
        let Some(limit) = issuer.max_age else { return Ok(()) };
        let issued = token.issued.ok_or(TokenError::ClaimMissing("iat"))?;
        if now.since(issued) > limit { Err(TokenError::TooOld { issued, limit }) } else { Ok(()) }
    }
}

impl std::fmt::Debug for VerifiedToken {
    /// Whose it is; the other claims may be anything.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VerifiedToken({:?} of {:?})", self.subject(), self.issuer_name())
    }
}
