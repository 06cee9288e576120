//! The compact form of a JWS (RFC 7515 section 3.1) into its parts, read strictly: a token that two readers could take apart
//! differently is none. Nothing is verified here, and nothing in the header but `alg`, `kid`, `typ`, `crit` and `b64` is looked at.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Issuer, TokenError};
use crate::call::cut;
use crate::json::{Document, Value};
use crate::key::{Algorithm, PublicKey};
use crate::keyset::NoKey;

/// The longest token that is looked at: bounds what anybody can have decoded and parsed before a signature is verified.
const MAX_BYTES: usize = 16 * 1024;

/// Levels of nesting in a token's header: it is a flat object but for keys and certificates, which are not looked at.
const HEADER_DEPTH: usize = 8;

/// A token, taken apart and not yet believed.
pub(super) struct Jws<'t> {
    pub(super) header: Header,
    /// The payload's bytes.
    pub(super) payload: Vec<u8>,
    /// What the signature covers: the first two parts as they stand (RFC 7515 section 5.2 step 8).
    pub(super) signed: &'t [u8],
    pub(super) signature: Vec<u8>,
}

/// What a token says of how it was signed.
pub(super) struct Header {
    algorithm: String,
    key_id: Option<String>,
    /// In lower case and without `application/`.
    kind: Option<String>,
}

impl<'t> Jws<'t> {
    pub(super) fn parse(token: &'t str) -> Result<Self, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(malformed(format!("a token of {} bytes, expected at most {MAX_BYTES}", token.len())));
        }
        let not_three = || malformed("not three parts parted by dots".to_owned());
        let (signed, signature) = token.rsplit_once('.').ok_or_else(not_three)?;
        let (header, payload) = signed.split_once('.').ok_or_else(not_three)?;
        if payload.contains('.') {
            return Err(not_three());
        }
        Ok(Self {
            header: Header::parse(&decode("header", header)?)?,
            payload: decode("payload", payload)?,
            signed: signed.as_bytes(),
            signature: decode("signature", signature)?,
        })
    }
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        let document = Document::parse(bytes, HEADER_DEPTH).map_err(|error| malformed(format!("the header: {error}")))?;
        let (mut algorithm, mut key_id, mut kind) = (None, None, None);
        let members = document.root().members().ok_or_else(|| malformed("the header is not an object".to_owned()))?;
        for (name, value) in members {
            match name.as_ref() {
                "alg" => algorithm = Some(text("alg", value)?),
                "kid" => key_id = Some(text("kid", value)?),
                "typ" => kind = Some(read_type(&text("typ", value)?)?),
                // No extension is understood here, and whatever `crit` names must be (RFC 7515 section 4.1.11). `b64` changes
                // what is signed (RFC 7797) and is not to be used in a JWT (section 7 there).
                "crit" | "b64" => return Err(malformed(format!("the header has `{name}`, which is not understood here"))),
                _ => {}
            }
        }
        Ok(Self { algorithm: algorithm.ok_or_else(|| malformed("the header has no `alg`".to_owned()))?, key_id, kind })
    }

    /// Whether the token is of the type that the issuer's must be: an ID token is no access token (RFC 9068 section 4).
    pub(super) fn check_type(&self, issuer: &Issuer) -> Result<(), TokenError> {
        match &issuer.typ {
            Some(expected) if self.kind.as_ref() != Some(expected) => Err(TokenError::Type {
                found: self.kind.as_deref().map(|kind| cut(kind, 64).to_owned()),
                expected: expected.clone(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// The issuer's key that the token names. The issuer's own algorithms come first: what it never uses is not worth a key.
    pub(super) fn key<'i>(&self, issuer: &'i Issuer) -> Result<&'i Arc<PublicKey>, TokenError> {
        self.allowed(issuer)?;
        let id = self.key_id.as_deref();
        issuer.keys.find(id).map_err(|error| no_key(error, id))
    }

    /// The algorithm, where both the issuer and its key make it: the token's word alone counts for nothing.
    pub(super) fn algorithm(&self, issuer: &Issuer, key: &PublicKey) -> Result<Algorithm, TokenError> {
        let algorithm = self.allowed(issuer)?;
        if key.makes(algorithm) { Ok(algorithm) } else { Err(self.wrong_algorithm()) }
    }

    fn allowed(&self, issuer: &Issuer) -> Result<Algorithm, TokenError> {
        Algorithm::parse(&self.algorithm)
            .filter(|algorithm| issuer.algorithms.contains(algorithm))
            .ok_or_else(|| self.wrong_algorithm())
    }

    fn wrong_algorithm(&self) -> TokenError {
        TokenError::Algorithm { found: cut(&self.algorithm, 64).to_owned() }
    }
}

/// A JWT says what it is, if it does, with `JWT` or a type that ends in it (RFC 7519 section 5.1, RFC 8725 section 3.11, RFC 9068
/// section 2.1); media types compare without case, and `application/` may be left out (RFC 7515 section 4.1.9).
fn read_type(written: &str) -> Result<String, TokenError> {
    let name = media_type(written);
    let is_jwt = name == "jwt" || name.strip_suffix("+jwt").is_some_and(|kind| !kind.is_empty());
    if is_jwt { Ok(name) } else { Err(malformed(format!("the type `{}`, expected `JWT`", cut(written, 64)))) }
}

/// A type in lower case and without `application/`: how types are compared.
#[must_use]
pub fn media_type(written: &str) -> String {
    let lower = written.to_ascii_lowercase();
    lower.strip_prefix("application/").map_or_else(|| lower.clone(), str::to_owned)
}

pub(super) fn no_key(error: NoKey, id: Option<&str>) -> TokenError {
    match error {
        NoKey::Unknown(set) => TokenError::UnknownKey { id: id.map(|id| cut(id, 64).to_owned()), set },
        NoKey::Unavailable(set) => TokenError::KeysUnavailable { set },
    }
}

/// The string that a member is.
pub(super) fn text(name: &'static str, value: Value<'_, '_>) -> Result<String, TokenError> {
    value.as_str().map(std::borrow::Cow::into_owned).ok_or_else(|| malformed(format!("`{name}` is not a string")))
}

/// Base64url as RFC 7515 section 2 has it: no padding, no white space, no bits left over.
fn decode(part: &'static str, text: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed(format!("the {part} is not base64url without padding")))
}

pub(super) fn malformed(what: String) -> TokenError {
    TokenError::Malformed(what)
}
