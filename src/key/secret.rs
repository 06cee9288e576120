//! Secrets that are shared with who signs.

use std::fmt;

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
