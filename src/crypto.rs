//! The one place that verifies bytes. [`Crypto`] is what the stages ask; [`RustCrypto`] answers with Rust crates, and the filter
//! adds an implementation that asks the proxy. Trusts its keys; knows nothing of tokens or messages.

use std::time::Duration;

use ed25519_dalek::VerifyingKey as Ed25519Key;
use p256::ecdsa::VerifyingKey as P256Key;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use sha2::Digest as _;
use superboring::hash::MessageDigest;
use superboring::pkey::{PKey, Public};
use superboring::rsa::Padding;
use superboring::sign::{RsaPssSaltlen, Verifier};

use crate::key::{Algorithm, Material, P384Key, PublicKey, Secret};

/// Why a signature was not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// It is not one of this key over this message.
    #[error("the signature does not verify")]
    Wrong,
    /// Nobody has looked.
    #[error(transparent)]
    Unchecked(#[from] Unchecked),
}

/// Why nobody has looked whether a signature verifies: that would cost too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unchecked {
    /// `signature.too-many`.
    #[error("the call has had {limit} signature checks, which is all that it may cost")]
    TooMany {
        /// How many a call may cost.
        limit: usize,
    },
    /// `source.limited`.
    #[error("too many signature checks of this source have failed; the next one is made in {} ms", .retry_after.as_millis())]
    Limited {
        /// When the next one is made.
        retry_after: Duration,
    },
}

/// Verifies signatures.
pub trait Crypto {
    /// Whether `signature` is one by `key` over `message` with `algorithm`. RSA signatures are as long as the modulus, ECDSA
    /// signatures are r and s, as long as the curve's coordinates (RFC 7518 section 3.4), Ed25519 signatures 64 bytes.
    ///
    /// # Errors
    ///
    /// [`Unverified`], also where the algorithm is not one of the key's type.
    fn verify(&self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Unverified>;

    /// Whether `tag` is the HMAC-SHA256 (RFC 2104) of `message`, whole, compared in constant time.
    ///
    /// # Errors
    ///
    /// [`Unverified`].
    fn verify_hmac(&self, secret: &Secret, message: &[u8], tag: &[u8]) -> Result<(), Unverified> {
        verify_hmac_sha256(secret, message, tag)
    }
}

/// Verifies with Rust crates alone.
///
/// Ed25519 is verified by strict rules: S below the group's order (RFC 8032 section 5.1.7), neither R nor the key of small
/// order, every encoding canonical, and the equation without the cofactor.
#[derive(Debug, Clone, Copy)]
pub struct RustCrypto;

impl Crypto for RustCrypto {
    fn verify(&self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Unverified> {
        if !key.makes(algorithm) {
            return Err(Unverified::Wrong);
        }
        match key.material() {
            Material::Rsa { key, modulus_bytes } if signature.len() == *modulus_bytes => {
                verify_rsa(key, algorithm, message, signature)
            }
            Material::Rsa { .. } => Err(Unverified::Wrong),
            Material::P256(key) => verify_es256(key, message, signature),
            Material::P384(key) => verify_es384(key, message, signature),
            Material::Ed25519(key) => verify_ed25519(key, message, signature),
        }
    }
}

/// The PSS salt is as long as the hash (RFC 7518 section 3.5, RFC 9421 section 3.3.1).
fn verify_rsa(key: &PKey<Public>, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Unverified> {
    let (hash, padding) = match algorithm {
        Algorithm::Rs256 => (MessageDigest::sha256(), Padding::PKCS1),
        Algorithm::Rs384 => (MessageDigest::sha384(), Padding::PKCS1),
        Algorithm::Rs512 => (MessageDigest::sha512(), Padding::PKCS1),
        Algorithm::Ps256 => (MessageDigest::sha256(), Padding::PKCS1_PSS),
        Algorithm::Ps384 => (MessageDigest::sha384(), Padding::PKCS1_PSS),
        Algorithm::Ps512 => (MessageDigest::sha512(), Padding::PKCS1_PSS),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return Err(Unverified::Wrong),
    };
    let mut verifier = Verifier::new(hash, key).map_err(|_| Unverified::Wrong)?;
    verifier.set_rsa_padding(padding).map_err(|_| Unverified::Wrong)?;
    verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).map_err(|_| Unverified::Wrong)?;
    match verifier.verify_oneshot(signature, message) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(Unverified::Wrong),
    }
}

fn verify_es256(key: &P256Key, message: &[u8], signature: &[u8]) -> Result<(), Unverified> {
    // Refuses r and s that are zero or not below the order.
    let signature = p256::ecdsa::Signature::from_slice(signature).map_err(|_| Unverified::Wrong)?;
    key.verify_prehash(&sha256(message), &signature).map_err(|_| Unverified::Wrong)
}

/// Only the proxy verifies P-384 for the module.
#[cfg(not(feature = "cli"))]
fn verify_es384(_key: &P384Key, _message: &[u8], _signature: &[u8]) -> Result<(), Unverified> {
    Err(Unverified::Wrong)
}

#[cfg(feature = "cli")]
fn verify_es384(key: &P384Key, message: &[u8], signature: &[u8]) -> Result<(), Unverified> {
    let signature = p384::ecdsa::Signature::from_slice(signature).map_err(|_| Unverified::Wrong)?;
    key.verify_prehash(&sha2::Sha384::digest(message), &signature).map_err(|_| Unverified::Wrong)
}

fn verify_ed25519(key: &Ed25519Key, message: &[u8], signature: &[u8]) -> Result<(), Unverified> {
    let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| Unverified::Wrong)?;
    key.verify_strict(message, &signature).map_err(|_| Unverified::Wrong)
}

/// An ECDSA signature from r and s of `coordinate` bytes each (RFC 7518 section 3.4: 32 on P-256, 48 on P-384) into DER
/// (`ECDSA-Sig-Value`, RFC 3279 section 2.2.3), which the proxy's verification takes. `None` where it is of another length, or r or s
/// is zero.
#[must_use]
pub fn ecdsa_to_der(signature: &[u8], coordinate: usize) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at_checked(coordinate).filter(|(_, s)| s.len() == coordinate)?;
    let (r, s) = (der_integer(r)?, der_integer(s)?);
    // At most 2 * (2 + 49) bytes: the short form of lengths holds them.
    let mut der = vec![0x30, u8::try_from(r.len() + s.len()).ok()?];
    der.extend(r);
    der.extend(s);
    Some(der)
}

/// A positive INTEGER: no zeros in front but the one that keeps the sign bit clear.
fn der_integer(number: &[u8]) -> Option<Vec<u8>> {
    let significant = number.get(number.iter().position(|byte| *byte != 0)?..)?;
    let sign = if significant.first()? & 0x80 == 0 { [].as_slice() } else { &[0] };
    let mut der = vec![0x02, u8::try_from(sign.len() + significant.len()).ok()?];
    der.extend(sign);
    der.extend(significant);
    Some(der)
}

/// Whether `tag` is the HMAC-SHA256 (RFC 2104) of `message`, whole, compared in constant time.
///
/// # Errors
///
/// [`Unverified`].
// Once in the module, and not in each implementation of the trait.
#[inline(never)]
pub fn verify_hmac_sha256(secret: &Secret, message: &[u8], tag: &[u8]) -> Result<(), Unverified> {
    let tag: &[u8; 32] = tag.try_into().map_err(|_| Unverified::Wrong)?;
    if hmac_sha256::HMAC::verify(message, secret.bytes(), tag) { Ok(()) } else { Err(Unverified::Wrong) }
}

/// HMAC-SHA256 (RFC 2104), for whoever signs. Verify with [`verify_hmac_sha256`].
#[must_use]
pub fn hmac_sha256(secret: &Secret, message: &[u8]) -> [u8; 32] {
    hmac_sha256::HMAC::mac(message, secret.bytes())
}

/// SHA-256 (FIPS 180-4).
#[must_use]
pub fn sha256(message: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(message).into()
}

/// SHA-256 of the parts, one behind the other.
#[must_use]
pub fn sha256_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = sha2::Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// SHA-512 (FIPS 180-4).
#[must_use]
pub fn sha512(message: &[u8]) -> [u8; 64] {
    hmac_sha512::Hash::hash(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// r and s of 32 bytes each, zero but for what is given.
    fn raw(r: &[(usize, u8)], s: &[(usize, u8)]) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        r.iter().for_each(|(at, byte)| bytes[*at] = *byte);
        s.iter().for_each(|(at, byte)| bytes[32 + *at] = *byte);
        bytes
    }

    #[test]
    fn der_integers_are_short_and_positive() {
        assert_eq!(ecdsa_to_der(&raw(&[(31, 1)], &[(31, 0x7f)]), 32).unwrap(), [0x30, 6, 2, 1, 1, 2, 1, 0x7f]);
        assert_eq!(ecdsa_to_der(&raw(&[(31, 0x80)], &[(30, 1)]), 32).unwrap(), [0x30, 8, 2, 2, 0, 0x80, 2, 2, 1, 0]);
        let longest = ecdsa_to_der(&[0xff; 64], 32).unwrap();
        assert_eq!((longest.len(), &longest[..5]), (72, [0x30, 70, 2, 33, 0].as_slice()));
    }

    #[test]
    fn what_is_no_pair_of_numbers_has_no_der_form() {
        assert_eq!(ecdsa_to_der(&raw(&[], &[(31, 1)]), 32), None);
        assert_eq!(ecdsa_to_der(&raw(&[(31, 1)], &[]), 32), None);
        for length in [0, 31, 32, 63, 65, 70, 128] {
            assert_eq!(ecdsa_to_der(&vec![1; length], 32), None, "{length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_der_form_says_the_same_numbers(bytes in proptest::collection::vec(proptest::num::u8::ANY, 64)) {
            if let Ok(signature) = p256::ecdsa::Signature::from_slice(&bytes) {
                let der = ecdsa_to_der(&bytes, 32).unwrap();
                proptest::prop_assert_eq!(p256::ecdsa::Signature::from_der(&der).unwrap(), signature);
                proptest::prop_assert_eq!(signature.to_der().as_bytes().to_vec(), der);
            }
        }
    }

    #[test]
    fn a_tag_is_compared_whole() {
        let secret = Secret::new(vec![7; 16]).unwrap();
        let tag = hmac_sha256(&secret, b"message");
        assert_eq!(verify_hmac_sha256(&secret, b"message", &tag), Ok(()));
        assert_eq!(verify_hmac_sha256(&secret, b"Message", &tag), Err(Unverified::Wrong));
        assert_eq!(verify_hmac_sha256(&secret, b"message", &tag[..31]), Err(Unverified::Wrong));
        assert_eq!(verify_hmac_sha256(&secret, b"message", &[&tag[..], &[0]].concat()), Err(Unverified::Wrong));
        assert_eq!(verify_hmac_sha256(&secret, b"message", &[]), Err(Unverified::Wrong));
        for bit in 0..256 {
            let mut other = tag;
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verify_hmac_sha256(&secret, b"message", &other), Err(Unverified::Wrong));
        }
    }

    #[test]
    fn digests_are_those_of_fips_180() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(&sha256(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(hex(&sha512(b"abc")).starts_with("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"));
    }
}
