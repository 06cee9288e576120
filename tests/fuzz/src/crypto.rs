//! Crypto for targets: no fuzzer finds a signature, so that what stands behind one is reached only where signatures are cheap.

use std::cell::RefCell;

use eventguard::crypto::{Crypto, Unverified, sha256};
use eventguard::key::{Algorithm, PublicKey};

/// Believes every signature, and remembers what it was asked.
#[derive(Debug, Default)]
pub struct Credulous(RefCell<Vec<Question>>);

/// Whether `signature` is one by `key` over `message`.
#[derive(Debug)]
pub struct Question {
    /// The key.
    pub key: PublicKey,
    /// What the signature is said to be made with.
    pub algorithm: Algorithm,
    /// What it is said to cover.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Credulous {
    /// What it was asked, in that order.
    #[must_use]
    pub fn into_questions(self) -> Vec<Question> {
        self.0.into_inner()
    }
}

impl Crypto for Credulous {
    fn verify(&self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Unverified> {
        assert!(key.makes(algorithm), "asked for an algorithm that is not the key's");
        let question = Question { key: key.clone(), algorithm, message: message.to_vec(), signature: signature.to_vec() };
        self.0.borrow_mut().push(question);
        Ok(())
    }
}

/// A signature is the digest of what it covers, whoever makes it: see [`sign_with_digest`].
#[derive(Debug, Clone, Copy)]
pub struct DigestCrypto;

impl Crypto for DigestCrypto {
    fn verify(&self, _key: &PublicKey, _algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Unverified> {
        if signature == sign_with_digest(message) { Ok(()) } else { Err(Unverified::Wrong) }
    }
}

/// The signature that [`DigestCrypto`] believes.
#[must_use]
pub fn sign_with_digest(message: &[u8]) -> Vec<u8> {
    sha256(message).to_vec()
}
