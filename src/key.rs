//! Public keys and key sets: a JWK (RFC 7517) into a key that is fit for use, or the reason why it is not. Weak keys do not
//! come into being. Knows nothing of tokens, messages or the network.

use serde::Deserialize;

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
    /// Ed25519; `ed25519` in RFC 9421.
    EdDsa,
}

/// A JWK as it was written (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2). Unknown members are ignored, as section 4 says.
#[derive(Debug, Clone, Deserialize)]
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

/// A public key that is fit for use.
#[derive(Debug, Clone)]
pub struct PublicKey {
    _private: (),
}

impl PublicKey {
    /// The key as SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), DER: what the proxy's own verification takes.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        todo!()
    }

    /// Whether this key can make signatures of `algorithm`: its type fits, and its JWK, where that names an `alg`, names this one.
    #[must_use]
    pub fn makes(&self, _algorithm: Algorithm) -> bool {
        todo!()
    }
}

/// A secret for HMAC: at least 16 bytes. Its `Debug` shows a length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// Public keys by their key id: what an issuer signs with.
#[derive(Debug, Clone)]
pub struct KeySet {
    _private: (),
}
