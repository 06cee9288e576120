//! Public keys and key sets: a JWK (RFC 7517) into a key that is fit for use, or the reason why it is not. Weak keys do not
//! come into being. Knows nothing of tokens, messages or the network.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::algorithms::{Ed25519PublicKey, RS256PublicKey, RSAPublicKeyLike as _};
use superboring::pkey::{PKey, Public};

mod algorithm;
mod jwk;
mod p384;
mod secret;
mod set;
mod signing;
mod spki;

pub use algorithm::Algorithm;
pub use jwk::{Jwk, KeyError};
pub(crate) use p384::P384Key;
pub use secret::{Secret, ShortSecret};
pub use set::{JwkSet, KeySet, KeySetError};
pub use signing::{NotASigningKey, SigningKey};

/// A public key that is fit for use.
#[derive(Debug, Clone)]
pub struct PublicKey {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    material: Material,
    spki_der: Vec<u8>,
}

/// The key in the form of the crate that verifies with it, built once.
#[derive(Debug, Clone)]
pub(crate) enum Material {
    Rsa { key: Box<PKey<Public>>, modulus_bytes: usize },
    P256(p256::ecdsa::VerifyingKey),
    P384(Box<p384::P384Key>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

impl PublicKey {
    /// Takes a JWK's public members; private ones are not looked at.
    ///
    /// # Errors
    ///
    /// [`KeyError`] where the key is of an unknown type, not for verification, malformed or weak.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        check_purpose(jwk)?;
        let (material, spki_der) = match jwk.kty.as_str() {
            "RSA" => rsa(jwk)?,
            "EC" if jwk.crv.as_deref() == Some("P-384") => p_384(jwk)?,
            "EC" => p_256(jwk)?,
            "OKP" => ed25519(jwk)?,
            other => return Err(KeyError::Type(cut(other))),
        };
        let algorithm = jwk.alg.as_deref().map(|name| algorithm_of(&material, name)).transpose()?;
        let id = jwk.kid.clone();
        if id.as_deref() == Some("") {
            return Err(KeyError::EmptyKeyId);
        }
        Ok(Self { id, algorithm, material, spki_der })
    }

    /// The key id (`kid`); never empty.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The key as SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), DER: what the proxy's own verification takes.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// Whether this key can make signatures of `algorithm`: its type fits, and its JWK, where that names an `alg`, names this one.
    #[must_use]
    pub fn makes(&self, algorithm: Algorithm) -> bool {
        self.material.makes(algorithm) && self.algorithm.is_none_or(|own| own == algorithm)
    }

    /// The algorithm of RFC 9421 that this key makes where a signature names none: each type of key has one, but for RSA keys
    /// without an `alg`, which have two.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm.or(match self.material {
            Material::Rsa { .. } => None,
            Material::P256(_) => Some(Algorithm::Es256),
            Material::P384(_) => Some(Algorithm::Es384),
            Material::Ed25519(_) => Some(Algorithm::EdDsa),
        })
    }

    pub(crate) fn material(&self) -> &Material {
        &self.material
    }
}

/// What verifies with the one verifies with the other, under the same name.
impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki_der == other.spki_der && self.id == other.id && self.algorithm == other.algorithm
    }
}

impl Material {
    fn makes(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match algorithm {
            Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512 => matches!(self, Self::Rsa { .. }),
            Es256 => matches!(self, Self::P256(_)),
            Es384 => matches!(self, Self::P384(_)),
            EdDsa => matches!(self, Self::Ed25519(_)),
        }
    }
}

fn check_purpose(jwk: &Jwk) -> Result<(), KeyError> {
    if let Some(purpose) = jwk.use_.as_deref().filter(|purpose| *purpose != "sig") {
        return Err(KeyError::Use(cut(purpose)));
    }
    match &jwk.key_ops {
        Some(operations) if !operations.iter().any(|operation| operation == "verify") => Err(KeyError::Operations),
        Some(_) | None => Ok(()),
    }
}

fn algorithm_of(material: &Material, name: &str) -> Result<Algorithm, KeyError> {
    Algorithm::parse(name).filter(|algorithm| material.makes(*algorithm)).ok_or_else(|| KeyError::Algorithm(cut(name)))
}

fn rsa(jwk: &Jwk) -> Result<(Material, Vec<u8>), KeyError> {
    let (n, e) = (decode("n", jwk.n.as_deref())?, decode("e", jwk.e.as_deref())?);
    let bits = bit_length(&n);
    // jwt-simple keeps the same bounds; said here to say the size.
    if !(2048..=4096).contains(&bits) {
        return Err(KeyError::ModulusSize { bits });
    }
    let key = RS256PublicKey::from_components(&n, &e).map_err(|_| KeyError::Rsa)?;
    let spki_der = spki::rsa(&n, &e);
    let key = PKey::from_rsa(key.public_key().as_ref().clone()).map_err(|_| KeyError::Rsa)?;
    Ok((Material::Rsa { key: Box::new(key), modulus_bytes: bits.div_ceil(8) }, spki_der))
}

/// Of a big-endian number, which some writers start with a zero (RFC 7518 section 6.3.1.1).
fn bit_length(number: &[u8]) -> usize {
    let mut significant = number.iter().skip_while(|byte| **byte == 0);
    let Some(top) = significant.next() else { return 0 };
    let unused = usize::try_from(top.leading_zeros()).unwrap_or(0);
    (significant.count() + 1) * 8 - unused
}

fn p_256(jwk: &Jwk) -> Result<(Material, Vec<u8>), KeyError> {
    check_curve(jwk, "P-256")?;
    let (x, y) = (coordinate::<32>("x", jwk.x.as_deref())?, coordinate::<32>("y", jwk.y.as_deref())?);
    let point = uncompressed(&x, &y);
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).map_err(|_| KeyError::Point("P-256"))?;
    Ok((Material::P256(key), spki::p256(&point)))
}

fn p_384(jwk: &Jwk) -> Result<(Material, Vec<u8>), KeyError> {
    let (x, y) = (coordinate::<48>("x", jwk.x.as_deref())?, coordinate::<48>("y", jwk.y.as_deref())?);
    let point = uncompressed(&x, &y);
    let key = p384::key(&point).ok_or(KeyError::Point("P-384"))?;
    Ok((Material::P384(Box::new(key)), spki::p384(&point)))
}

/// The uncompressed form of a point (SEC 1 section 2.3.3).
fn uncompressed(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}

fn ed25519(jwk: &Jwk) -> Result<(Material, Vec<u8>), KeyError> {
    check_curve(jwk, "Ed25519")?;
    let x = coordinate("x", jwk.x.as_deref())?;
    // Refuses what is not canonical or of small order; a key of small order verifies signatures over almost anything.
    let spki_der = Ed25519PublicKey::from_bytes(&x).map_err(|_| KeyError::Point("Ed25519"))?.to_der();
    let key = ed25519_dalek::VerifyingKey::from_bytes(&x).map_err(|_| KeyError::Point("Ed25519"))?;
    Ok((Material::Ed25519(Box::new(key)), spki_der))
}

fn check_curve(jwk: &Jwk, wanted: &str) -> Result<(), KeyError> {
    match jwk.crv.as_deref() {
        None => Err(KeyError::Absent("crv")),
        Some(curve) if curve == wanted => Ok(()),
        Some(other) => Err(KeyError::Curve(cut(other))),
    }
}

fn coordinate<const N: usize>(member: &'static str, text: Option<&str>) -> Result<[u8; N], KeyError> {
    let bytes = decode(member, text)?;
    let found = bytes.len();
    bytes.try_into().map_err(|_| KeyError::Length { member, found })
}

/// Base64url as JOSE has it (RFC 7515 section 2): no padding, no white space, no bits left over.
fn decode(member: &'static str, text: Option<&str>) -> Result<Vec<u8>, KeyError> {
    URL_SAFE_NO_PAD.decode(text.ok_or(KeyError::Absent(member))?).map_err(|_| KeyError::Base64(member))
}

/// What an outside string may take of a message: 64 bytes. (`call::cut` is out of reach: leaves import nothing.)
fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(64)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
