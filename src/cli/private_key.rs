//! A private key, or a shared secret, from what `keygen` wrote: what `sign` and `token` sign with. The filter has no such thing.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use jwt_simple::algorithms::{
    ECDSAP256KeyPairLike as _, ECDSAP384KeyPairLike as _, ES256KeyPair, ES384KeyPair, Ed25519KeyPair, EdDSAKeyPairLike as _,
    RS256KeyPair, RSAKeyPairLike as _,
};
use p256::ecdsa::signature::Signer as _;
use serde_json::Value;
use superboring::hash::MessageDigest;
use superboring::pkey::PKey;
use superboring::rsa::Padding;
use superboring::sign::Signer;

/// Secrets are written with padding and without, and a policy reads both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a message is signed with.
pub enum PrivateKey {
    /// RSA, for RSASSA-PKCS1-v1_5 with SHA-256.
    Rsa(Box<RS256KeyPair>),
    /// P-256.
    P256(ES256KeyPair),
    /// P-384.
    P384(Box<ES384KeyPair>),
    /// Ed25519.
    Ed25519(Ed25519KeyPair),
    /// A shared secret, for HMAC-SHA256.
    Secret(Vec<u8>),
}

impl PrivateKey {
    /// Reads a JWK with a private key, or the pair that `keygen` prints. The key id comes along, where the JWK has one.
    pub fn read(path: &Path) -> anyhow::Result<(Self, Option<String>)> {
        let text = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Self::from_json(&text).with_context(|| format!("{}", path.display()))
    }

    fn from_json(text: &[u8]) -> anyhow::Result<(Self, Option<String>)> {
        let value: Value = serde_json::from_slice(text).context("not JSON")?;
        let jwk = value.get("private").unwrap_or(&value);
        let member = |name: &str| jwk.get(name).and_then(Value::as_str);
        let key = Self::from_jwk(member("kty"), member("crv"), &jwk.to_string())?;
        Ok((key, member("kid").map(str::to_owned)))
    }

    fn from_jwk(kind: Option<&str>, curve: Option<&str>, jwk: &str) -> anyhow::Result<Self> {
        Ok(match (kind, curve) {
            (Some("RSA"), _) => Self::Rsa(Box::new(RS256KeyPair::from_jwk(jwk)?)),
            (Some("EC"), Some("P-256")) => Self::P256(ES256KeyPair::from_jwk(jwk)?),
            (Some("EC"), Some("P-384")) => Self::P384(Box::new(ES384KeyPair::from_jwk(jwk)?)),
            (Some("OKP"), Some("Ed25519")) => Self::Ed25519(Ed25519KeyPair::from_jwk(jwk)?),
            _ => bail!("not the JWK of an RSA, P-256, P-384 or Ed25519 key"),
        })
    }

    /// A shared secret as a policy has it: `whsec_` and base64, or else the text itself.
    pub fn from_secret(text: &str) -> anyhow::Result<Self> {
        let bytes = match text.strip_prefix("whsec_") {
            Some(encoded) => BASE64.decode(encoded).context("`whsec_` and then no base64")?,
            None => text.as_bytes().to_vec(),
        };
        Ok(Self::Secret(bytes))
    }

    /// The JOSE name of the algorithm (RFC 7518 section 3.1).
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::P384(_) => "ES384",
            Self::Ed25519(_) => "EdDSA",
            Self::Secret(_) => "HS256",
        }
    }

    /// The signature over `message`: of ECDSA, r and s, each as long as the curve's coordinates.
    pub fn sign(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        Ok(match self {
            Self::Rsa(key) => {
                let key = PKey::from_rsa(key.key_pair().as_ref().clone())?;
                let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
                signer.set_rsa_padding(Padding::PKCS1)?;
                signer.update(message)?;
                signer.sign_to_vec()?
            }
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.key_pair().as_ref().try_sign(message)?;
                signature.to_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.key_pair().as_ref().try_sign(message)?;
                signature.to_bytes().to_vec()
            }
            Self::Ed25519(key) => key.key_pair().as_ref().sk.sign(message, None).to_vec(),
            Self::Secret(secret) => hmac_sha256::HMAC::mac(message, secret).to_vec(),
        })
    }

    /// As [`Self::sign`], for those who cannot fail: `sign_with` is given a function that signs, and its result counts only if
    /// every signature was made.
    pub fn sign_in<T>(&self, sign_with: impl FnOnce(&dyn Fn(&[u8]) -> Vec<u8>) -> T) -> anyhow::Result<T> {
        let failure = std::cell::Cell::new(None);
        let result = sign_with(&|message| {
            self.sign(message).unwrap_or_else(|error| {
                failure.set(Some(error));
                Vec::new()
            })
        });
        failure.take().map_or(Ok(result), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_private_key_is_refused() {
        for text in
            ["", "[]", "{}", r#"{"kty":"EC","crv":"P-384"}"#, r#"{"kty":"oct","k":"AAAA"}"#, r#"{"kty":"OKP","crv":"Ed25519"}"#]
        {
            assert!(PrivateKey::from_json(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_read_as_a_policy_reads_it() {
        let secret = |text| match PrivateKey::from_secret(text) {
            Ok(PrivateKey::Secret(bytes)) => Some(bytes),
            _ => None,
        };
        assert_eq!(secret("whsec_AAEC"), Some(vec![0, 1, 2]));
        assert_eq!(secret("whsec_AA=="), secret("whsec_AA"));
        assert_eq!(secret("plain"), Some(b"plain".to_vec()));
        assert_eq!(secret("whsec_!"), None);
    }
}
