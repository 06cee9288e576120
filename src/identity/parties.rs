//! The parties that a token names beside its subject: the client that it was issued to, who acts with it, and the certificate that
//! it is bound to. Knows nothing of the peer whose certificate that is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::token::{malformed, text};
use super::{Publisher, TokenError, VerifiedToken};
use crate::call::Peer;
use crate::json::{Kind, Value};

/// Actors in one chain (RFC 8693 section 4.1), the current one included.
const MAX_ACTORS: usize = 8;

/// What becomes of a token that is bound to a certificate (`cnf`, RFC 7800 section 3.1), or of one that is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// A token that is bound needs the peer of its certificate.
    Verify,
    /// So does every token, and one that is not bound is refused.
    Require,
    /// Somebody in front of the proxy ends the connections of callers, and has compared.
    Ignore,
}

/// What a token is bound to.
pub(super) enum Confirmation {
    /// The certificate of that SHA-256 (`x5t#S256`, RFC 8705 section 3.1).
    Certificate([u8; 32]),
    /// Something that is not looked at here, such as a DPoP key (`jkt`, RFC 9449 section 6.1).
    Other,
}

impl Confirmation {
    pub(super) fn read(value: Value<'_, '_>) -> Result<Self, TokenError> {
        object("cnf", value)?;
        let Some(thumbprint) = value.get("x5t#S256") else { return Ok(Self::Other) };
        URL_SAFE_NO_PAD
            .decode(text("x5t#S256", thumbprint)?)
            .ok()
            .and_then(|digest| digest.try_into().ok())
            .map(Self::Certificate)
            .ok_or_else(|| malformed("`x5t#S256` is not a SHA-256 in base64url".to_owned()))
    }

    /// The certificate that the peer must have. A proof of another kind is not looked at here: without it, the
    /// token may be anybody's.
    pub(super) fn settle(found: Option<Self>, binding: Binding) -> Result<Option<[u8; 32]>, TokenError> {
        match (binding, found) {
            (Binding::Ignore, _) | (Binding::Verify, None) => Ok(None),
            (_, Some(Self::Certificate(digest))) => Ok(Some(digest)),
            (_, Some(Self::Other)) => Err(TokenError::Binding("the token is bound to something that is not a certificate")),
            (Binding::Require, None) => Err(TokenError::Binding("the token is not bound to a certificate")),
        }
    }
}

/// A chain of actors: objects inside each other, each with a `sub` that is a string where it has one.
pub(super) fn check_actors(mut actor: Value<'_, '_>) -> Result<(), TokenError> {
    for _ in 0..MAX_ACTORS {
        object("act", actor)?;
        actor.get("sub").map(|subject| text("sub", subject)).transpose()?;
        match actor.get("act") {
            Some(earlier) => actor = earlier,
            None => return Ok(()),
        }
    }
    Err(malformed(format!("more than {MAX_ACTORS} actors")))
}

fn object(name: &str, value: Value<'_, '_>) -> Result<(), TokenError> {
    if value.kind() == Kind::Object { Ok(()) } else { Err(malformed(format!("`{name}` is not an object"))) }
}

/// Whether a publisher's token is bound to no certificate, or to that of the peer. It holds for a connection, and a token that was
/// verified before may come over another one: so it is asked for each call.
///
/// # Errors
///
/// [`TokenError::Binding`].
pub fn check_binding(publisher: &Publisher, peer: Option<&Peer>) -> Result<(), TokenError> {
    match publisher.token().and_then(VerifiedToken::bound_to) {
        Some(digest) if peer.and_then(Peer::certificate) != Some(digest) => {
            Err(TokenError::Binding("the token is bound to another certificate than the peer's"))
        }
        Some(_) | None => Ok(()),
    }
}
