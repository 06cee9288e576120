//! A JWK as it was written, and why it is no key.

use serde::Deserialize;

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
    /// A modulus that is too short to be safe, or too long: 8192 bits are 7 ms a check where the proxy does not verify.
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
