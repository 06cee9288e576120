//! Public keys and key sets: a JWK (RFC 7517) into a key that is fit for use, or the reason why it is not. Weak keys do not
//! come into being. Knows nothing of tokens, messages or the network.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::algorithms::{Ed25519PublicKey, RS256PublicKey, RSAPublicKeyLike as _};
use serde::Deserialize;
use superboring::pkey::{PKey, Public};

mod p384;
mod set;
mod signing;
mod spki;

pub(crate) use p384::P384Key;
pub use set::{JwkSet, KeySet, KeySetError};
pub use signing::{NotASigningKey, SigningKey};

/// What a signature is made with: a JOSE algorithm (RFC 7518, RFC 8037), the same ones that RFC 9421 uses by other names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256; `rsa-v1_5-sha256` in RFC 9421.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512; `rsa-pss-sha512` in RFC 9421.
    Ps512,
    /// ECDSA on P-256 with SHA-256, signature as r and s of 32 bytes each; `ecdsa-p256-sha256` in RFC 9421.
    Es256,
    /// ECDSA on P-384 with SHA-384, signature as r and s of 48 bytes each; `ecdsa-p384-sha384` in RFC 9421.
    Es384,
    /// Ed25519; `ed25519` in RFC 9421.
    EdDsa,
}

impl Algorithm {
    /// From its JOSE name, which is case-sensitive (RFC 7515 section 4.1.1). `Ed25519` is the name that RFC 9864 gives to what
    /// `EdDSA` means here: no other curve is read.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "RS384" => Some(Self::Rs384),
            "RS512" => Some(Self::Rs512),
            "PS256" => Some(Self::Ps256),
            "PS384" => Some(Self::Ps384),
            "PS512" => Some(Self::Ps512),
            "ES256" => Some(Self::Es256),
            "ES384" => Some(Self::Es384),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }

    /// From its name in the registry of HTTP Message Signatures (RFC 9421 section 6.2.2). `hmac-sha256` is not of this kind: it
    /// has no public key.
    #[must_use]
    pub fn parse_http_message(name: &str) -> Option<Self> {
        match name {
            "rsa-v1_5-sha256" => Some(Self::Rs256),
            "rsa-pss-sha512" => Some(Self::Ps512),
            "ecdsa-p256-sha256" => Some(Self::Es256),
            "ecdsa-p384-sha384" => Some(Self::Es384),
            "ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }

    /// The JOSE name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A JWK as it was written (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2). Unknown members are ignored, as section 4 says.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[allow(missing_docs, reason = "the names are those of the RFC")]
pub struct Jwk {
    pub kty: String,
    pub kid: Option<String>,
    pub alg: Option<String>,
    #[serde(rename = "use")]
    pub use_: Option<String>,
    pub key_ops: Option<Vec<String>>,
    pub crv: Option<String>,
    pub n: Option<String>,
    pub e: Option<String>,
    pub x: Option<String>,
    pub y: Option<String>,
}

/// Why a JWK is not a key that is fit for use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A `kty` that is not read here; a symmetric key (`oct`) is not a public key.
    #[error("the key type `{0}` is not read here: `RSA`, `EC` and `OKP` are")]
    Type(String),
    /// A `crv` that is not read here.
    #[error("the curve `{0}` is not read here: `P-256` and `P-384` with `EC` and `Ed25519` with `OKP` are")]
    Curve(String),
    /// A member that this type of key needs.
    #[error("`{0}` is absent")]
    Absent(&'static str),
    /// A member that is not base64url without padding (RFC 7515 section 2).
    #[error("`{0}` is not base64url without padding")]
    Base64(&'static str),
    /// A coordinate that is not as long as the field (RFC 7518 section 6.2.1.2, RFC 8037 section 2).
    #[error("`{member}` has {found} bytes, which is not the length of the curve's coordinates")]
    Length {
        /// The JWK's member.
        member: &'static str,
        /// Its length in bytes.
        found: usize,
    },
    /// A modulus that is too short to be safe or too long to be verified in reasonable time.
    #[error("an RSA modulus of {bits} bits, expected 2048 to 4096")]
    ModulusSize {
        /// The length of the modulus.
        bits: usize,
    },
    /// An even modulus, or a public exponent other than 65537: a smaller one invites forgeries, a larger one costs seconds.
    #[error("not an RSA key that is fit for use: the modulus must be odd and the exponent 65537")]
    Rsa,
    /// A point that is not on the curve, is of small order, or is not canonically encoded.
    #[error("not a point of `{0}` that is fit for use")]
    Point(&'static str),
    /// A `use` other than `sig` (RFC 7517 section 4.2).
    #[error("the key is for the use `{0}`, expected `sig`")]
    Use(String),
    /// `key_ops` without `verify` (RFC 7517 section 4.3).
    #[error("the key's operations do not hold `verify`")]
    Operations,
    /// An `alg` that is unknown or not one of the key's type.
    #[error("the algorithm `{0}` is not one of the key's type")]
    Algorithm(String),
    /// A `kid` without a character: nothing could name the key by it.
    #[error("the key id is empty")]
    EmptyKeyId,
}

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

/// A secret for HMAC: at least 16 bytes. Its `Debug` shows a length only, and it does not compare: what is made with it is
/// compared in constant time by `crypto`.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// The secret is shorter than the 16 bytes that a search cannot get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret of {found} bytes, expected {} or more", Secret::MIN_BYTES)]
pub struct ShortSecret {
    /// Its length in bytes.
    pub found: usize,
}

impl Secret {
    /// The fewest bytes of a secret.
    pub const MIN_BYTES: usize = 16;

    /// Takes the secret's bytes.
    ///
    /// # Errors
    ///
    /// [`ShortSecret`] below [`Secret::MIN_BYTES`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, ShortSecret> {
        if bytes.len() < Self::MIN_BYTES {
            return Err(ShortSecret { found: bytes.len() });
        }
        Ok(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests;
