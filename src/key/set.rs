//! JWK Sets (RFC 7517 section 5) into keys that are found by their id.

use std::sync::Arc;

use serde::Deserialize;

use super::{Jwk, KeyError, PublicKey, cut};

/// A JWK Set as it was written (RFC 7517 section 5). Unknown members are ignored, as that section says.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct JwkSet {
    /// The keys, in their order.
    pub keys: Vec<Jwk>,
}

/// Public keys by their key id: what an issuer signs with.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Vec<Arc<PublicKey>>,
}

/// What is wrong with a key set. `index` counts the set's keys from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// No key.
    #[error("a key set without keys")]
    Empty,
    /// A key that is not fit for use.
    #[error("keys[{index}]: {error}")]
    Key {
        /// Which key.
        index: usize,
        /// Why not.
        error: KeyError,
    },
    /// A key id that an earlier key has.
    #[error("keys[{index}]: another key has the id `{id}`")]
    DuplicateId {
        /// Which key.
        index: usize,
        /// The id.
        id: String,
    },
    /// A key without an id, of several: no token could name it.
    #[error("keys[{index}]: a key without an id can only stand alone")]
    Unreachable {
        /// Which key.
        index: usize,
    },
}

impl KeySet {
    /// Takes a set that somebody wrote down: every key of it must be fit for use and reachable.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the set, in the order of its keys.
    pub fn from_jwks(jwks: &[Jwk]) -> Result<Self, Vec<KeySetError>> {
        let mut errors = Vec::new();
        let mut keys = Vec::with_capacity(jwks.len());
        for (index, jwk) in jwks.iter().enumerate() {
            match &jwk.kid {
                None if jwks.len() > 1 => errors.push(KeySetError::Unreachable { index }),
                Some(id) if jwks.iter().take(index).any(|former| former.kid.as_ref() == Some(id)) => {
                    errors.push(KeySetError::DuplicateId { index, id: cut(id) })
                }
                None | Some(_) => {}
            }
            match PublicKey::from_jwk(jwk) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(error) => errors.push(KeySetError::Key { index, error }),
            }
        }
        if jwks.is_empty() {
            errors.push(KeySetError::Empty);
        }
        if errors.is_empty() { Ok(Self { keys }) } else { Err(errors) }
    }

    /// Of the keys of a set that somebody else keeps: those that were found fit for use, each id once.
    #[must_use]
    pub fn of(keys: Vec<Arc<PublicKey>>) -> Self {
        Self { keys }
    }

    /// Whether this very key is one of them.
    #[must_use]
    pub fn holds(&self, known: &Arc<PublicKey>) -> bool {
        self.keys.iter().any(|key| Arc::ptr_eq(key, known) || key == known)
    }

    /// The key of that id; without an id, the set's key where it has exactly one.
    #[must_use]
    pub fn find(&self, id: Option<&str>) -> Option<&Arc<PublicKey>> {
        match (id, self.keys.as_slice()) {
            (Some(id), keys) => keys.iter().find(|key| key.id() == Some(id)),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// The keys, in the set's order.
    #[must_use]
    pub fn keys(&self) -> &[Arc<PublicKey>] {
        &self.keys
    }
}
