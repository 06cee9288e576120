//! Why a signature is no evidence: one error for all schemes.

use crate::crypto::{Unchecked, Unverified};
use crate::keyset::SetId;

/// Why a signature is no evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header could not be read.
    #[error(transparent)]
    Header(#[from] crate::call::HeaderError),
    /// `signature.missing`; said by the rules, which know whether one is needed.
    #[error("a signature is required and none of an allowed scheme is there")]
    Missing,
    /// `signature.missing`: too few of those have signed who must.
    #[error("{found} of the rule's signers have signed, expected {wanted} or more")]
    Quorum {
        /// How many have.
        found: usize,
        /// How many must have.
        wanted: usize,
    },
    /// `signature.malformed`.
    #[error("{0}")]
    Malformed(String),
    /// `signature.unknown-key`.
    #[error("no signer has the key id `{0}`")]
    UnknownKey(String),
    /// `keys.unavailable`.
    #[error("no signer of the policy has that key id, and others could not be fetched yet, or not for too long")]
    KeysUnavailable {
        /// A set that may have it.
        set: SetId,
    },
    /// `signature.revoked`.
    #[error("the key `{0}`, or its owner, was revoked")]
    Revoked(String),
    /// `signature.uncovered`.
    #[error("`{0}` is not covered")]
    Uncovered(String),
    /// `signature.expired`: too old, expired, from the future, or by a key outside its time.
    #[error("{0}")]
    Expired(String),
    /// `signature.invalid`.
    #[error("the signature does not verify")]
    Invalid,
    /// `signature.too-many`, `source.limited`: nobody has looked whether it does.
    #[error(transparent)]
    Unchecked(Unchecked),
    /// `signature.invalid`: a covered component is not in the call.
    #[error("the covered component `{0}` is not in the call")]
    AbsentComponent(String),
    /// `signature.digest`.
    #[error("{0}")]
    Digest(&'static str),
    /// `signature.signer`.
    #[error("the key belongs to `{owner}`, not to the publisher")]
    Signer {
        /// Whose key it is.
        owner: String,
    },
}

impl SignatureError {
    pub(super) fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed(what.into())
    }
}

impl From<Unverified> for SignatureError {
    fn from(error: Unverified) -> Self {
        match error {
            Unverified::Wrong => Self::Invalid,
            Unverified::Unchecked(why) => Self::Unchecked(why),
        }
    }
}
