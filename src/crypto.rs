//! The one place that verifies bytes. [`Crypto`] is what the stages ask; [`RustCrypto`] answers with Rust crates, and the filter
//! adds an implementation that asks the proxy. Trusts its keys; knows nothing of tokens or messages.

use crate::key::{Algorithm, PublicKey, Secret};

/// The signature is not one of this key over this message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct Unverified;

/// Verifies signatures.
pub trait Crypto {
    /// Whether `signature` is one by `key` over `message` with `algorithm`. RSA signatures are as long as the modulus, ECDSA
    /// signatures are r and s of 32 bytes each (RFC 7518 section 3.4), Ed25519 signatures 64 bytes.
    ///
    /// # Errors
    ///
    /// [`Unverified`], also where the algorithm is not one of the key's type.
    fn verify(&self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Unverified>;
}

/// Verifies with Rust crates alone.
#[derive(Debug, Clone, Copy)]
pub struct RustCrypto;

impl Crypto for RustCrypto {
    fn verify(&self, _key: &PublicKey, _algorithm: Algorithm, _message: &[u8], _signature: &[u8]) -> Result<(), Unverified> {
        todo!()
    }
}

/// Whether `tag` is the HMAC-SHA256 of `message`, compared in constant time.
///
/// # Errors
///
/// [`Unverified`].
pub fn verify_hmac_sha256(_secret: &Secret, _message: &[u8], _tag: &[u8]) -> Result<(), Unverified> {
    todo!()
}

/// SHA-256.
#[must_use]
pub fn sha256(_message: &[u8]) -> [u8; 32] {
    todo!()
}

/// SHA-512.
#[must_use]
pub fn sha512(_message: &[u8]) -> [u8; 64] {
    todo!()
}
