//! An Ed25519 private key: a JWK (RFC 8037) into what signs the checkpoints of the audit trail.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey as Pair};
use serde::Deserialize;

/// The text is not the JWK of an Ed25519 private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the JWK of an Ed25519 private key: `kty` OKP, `crv` Ed25519, `kid`, `d` of 32 bytes and the `x` that goes with it")]
pub struct NotASigningKey;

/// An Ed25519 private key with its id.
pub struct SigningKey {
    id: String,
    pair: Pair,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    kid: String,
    d: String,
    x: Option<String>,
}

impl SigningKey {
    /// Reads a private JWK that has a `kid`.
    ///
    /// # Errors
    ///
    /// [`NotASigningKey`], also where the public half is not the private one's.
    pub fn from_jwk(text: &str) -> Result<Self, NotASigningKey> {
        let Jwk { kty, crv, kid, d, x } = serde_json::from_str(text).map_err(|_| NotASigningKey)?;
        let seed = URL_SAFE_NO_PAD.decode(d).ok().and_then(|d| <[u8; 32]>::try_from(d).ok()).ok_or(NotASigningKey)?;
        let pair = Pair::from_bytes(&seed);
        let fits = x.is_none_or(|x| x == URL_SAFE_NO_PAD.encode(pair.verifying_key()));
        let is_ed25519 = kty == "OKP" && crv == "Ed25519" && !kid.is_empty() && kid.len() <= 128;
        if fits && is_ed25519 { Ok(Self { id: kid, pair }) } else { Err(NotASigningKey) }
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The signature over `message` (RFC 8032).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.pair.verifying_key() == other.pair.verifying_key()
    }
}

impl Eq for SigningKey {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 8037, appendix A.1.
    const JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"k","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
                          "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    #[test]
    fn the_signature_of_rfc_8037_is_made() {
        let key = SigningKey::from_jwk(JWK).unwrap();
        let signed = key.sign(b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
        let expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert_eq!(URL_SAFE_NO_PAD.encode(signed), expected);
        assert_eq!(format!("{key:?}"), "SigningKey(k)");
    }

    #[test]
    fn what_is_no_private_key_signs_nothing() {
        for (old, new) in [
            ("OKP", "EC"),
            ("\"Ed25519\"", "\"X25519\""),
            ("\"kid\":\"k\",", ""),
            ("\"k\"", "\"\""),
            ("\"nWG", "\"nW"),
            ("\"11q", "\"12q"),
            ("\"d\"", "\"e\""),
            ("{", ""),
        ] {
            assert_eq!(SigningKey::from_jwk(&JWK.replacen(old, new, 1)), Err(NotASigningKey), "{old}");
        }
    }
}
