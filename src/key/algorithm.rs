//! What signatures are made with, by each of its names.

use std::fmt;

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
