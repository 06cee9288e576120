//! Asks the proxy to verify RSA and ECDSA signatures: 26 and 79 us in Envoy against 1,000 and 1,230 in the module. Whether the
//! proxy can is probed once, with signatures known to be good and bad; where it cannot, and for all else, the Rust crates answer: but for
//! P-384, which the module has no crate for.

use prost::encoding::encode_varint;

use super::host;
use crate::crypto::{Crypto, RustCrypto, Unverified, ecdsa_to_der};
use crate::key::{Algorithm, PublicKey};

/// `result: true` and no error: what the function returns of a good signature, and of nothing else.
const VERIFIED: [u8; 2] = [0x08, 0x01];

/// Verifies with the proxy where it can.
#[derive(Debug, Clone, Copy)]
pub struct HostCrypto {
    available: bool,
}

impl HostCrypto {
    /// Finds out what the proxy can.
    #[must_use]
    pub fn probe() -> Self {
        let rsa = (include_bytes!("probe/rsa.spki.der").as_slice(), include_bytes!("probe/rsa.sig").as_slice());
        let p256 = (include_bytes!("probe/p256.spki.der").as_slice(), include_bytes!("probe/p256.sig").as_slice());
        let available = [rsa, p256].into_iter().all(|(key, signature)| is_verified("sha256", key, signature));
        Self { available }
    }

    /// Whether the proxy verifies P-384 too, which the module cannot.
    #[must_use]
    pub fn verifies_p384(self) -> bool {
        self.available && is_verified("sha384", include_bytes!("probe/p384.spki.der"), include_bytes!("probe/p384.sig"))
    }

    /// Whether the proxy verifies RSA and ECDSA.
    #[must_use]
    pub const fn is_available(self) -> bool {
        self.available
    }
}

impl Crypto for HostCrypto {
    fn verify(&self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Unverified> {
        if !self.available || !key.makes(algorithm) {
            return RustCrypto.verify(key, algorithm, message, signature);
        }
        let key_der = key.spki_der();
        match algorithm {
            Algorithm::Rs256 => ask("sha256", key_der, signature, message),
            Algorithm::Rs384 => ask("sha384", key_der, signature, message),
            Algorithm::Rs512 => ask("sha512", key_der, signature, message),
            Algorithm::Es256 => ask("sha256", key_der, &ecdsa_to_der(signature, 32).ok_or(Unverified::Wrong)?, message),
            Algorithm::Es384 => ask("sha384", key_der, &ecdsa_to_der(signature, 48).ok_or(Unverified::Wrong)?, message),
            Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 | Algorithm::EdDsa => {
                RustCrypto.verify(key, algorithm, message, signature)
            }
        }
    }
}

/// Whether the proxy tells a good signature from a bad one.
fn is_verified(hash: &str, key: &[u8], signature: &[u8]) -> bool {
    let verify = |text: &[u8]| ask(hash, key, signature, text);
    verify(b"eventguard probe").is_ok() && verify(b"eventguard probf").is_err()
}

/// Envoy's foreign function takes a message of Protocol Buffers (`envoy/source/extensions/common/wasm/ext/verify_signature.proto`),
/// whose fields 1 to 4 are the hash, the key, the signature and what is signed.
fn ask(hash: &str, public_key: &[u8], signature: &[u8], text: &[u8]) -> Result<(), Unverified> {
    let mut arguments = Vec::with_capacity(hash.len() + public_key.len() + signature.len() + text.len() + 24);
    for (tag, bytes) in [(0x0a, hash.as_bytes()), (0x12, public_key), (0x1a, signature), (0x22, text)] {
        arguments.push(tag);
        encode_varint(u64::try_from(bytes.len()).unwrap_or(u64::MAX), &mut arguments);
        arguments.extend_from_slice(bytes);
    }
    match host::foreign_function("verify_signature", &arguments) {
        Ok(Some(answer)) if answer == VERIFIED => Ok(()),
        Ok(_) | Err(_) => Err(Unverified::Wrong),
    }
}
