//! Tokens that were verified before. A plain value that whoever owns it keeps for as long as the policy stands: a token verified
//! under other issuers or keys proves nothing here. Only what verified is kept, under the digest of the whole token.

use std::collections::{BTreeMap, VecDeque};

use super::claims::{VerifiedToken, find};
use super::{Issuer, Publisher, TokenError, verify_token};
use crate::crypto::{Crypto, sha256};
use crate::time::Timestamp;

/// Bytes of all tokens whose claims are kept: no issuer's habit of large tokens fills the proxy's memory.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Verified tokens, bounded in number and size; the oldest goes first.
#[derive(Debug)]
pub struct TokenCache {
    capacity: usize,
    tokens: BTreeMap<Digest, VerifiedToken>,
    /// What `tokens` holds, in the order of its coming, with the length of each token.
    order: VecDeque<(Digest, usize)>,
    bytes: usize,
}

type Digest = [u8; 32];

/// Whether a token's signature had been verified before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheUse {
    /// It had.
    Hit,
    /// It had not.
    Miss,
}

impl TokenCache {
    /// How many tokens are kept where nothing else is said.
    pub const DEFAULT_CAPACITY: usize = 1024;

    /// An empty cache for up to `capacity` tokens; with 0 every token is verified anew.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { capacity, tokens: BTreeMap::new(), order: VecDeque::new(), bytes: 0 }
    }

    /// As [`super::verify`], but for the signature of a token that was verified before. Audience and subject are settled with
    /// the policy; the times are checked on each call, by the same code.
    ///
    /// # Errors
    ///
    /// As [`super::verify`].
    pub fn verify(
        &mut self,
        token: &str,
        issuers: &[Issuer],
        now: Timestamp,
        crypto: &dyn Crypto,
    ) -> (Result<Publisher, TokenError>, CacheUse) {
        let digest = sha256(token.as_bytes());
        let known = self.tokens.get(&digest).and_then(|known| Some((known, find(issuers, known.issuer())?)));
        if let Some((known, issuer)) = known {
            let checked = known.check_times(issuer, now).map(|()| Publisher::from_token(known.clone()));
            return (checked, CacheUse::Hit);
        }
        let verified = verify_token(token, issuers, now, crypto);
        if let Ok(verified) = &verified {
            self.keep(digest, token.len(), verified.clone());
        }
        (verified.map(Publisher::from_token), CacheUse::Miss)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::new(self.capacity);
    }

    /// How many tokens are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether no token is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    fn keep(&mut self, digest: Digest, length: usize, token: VerifiedToken) {
        if self.capacity == 0 {
            return;
        }
        while self.order.len() >= self.capacity || (self.bytes + length > MAX_BYTES && !self.order.is_empty()) {
            self.drop_oldest();
        }
        if self.tokens.insert(digest, token).is_none() {
            self.order.push_back((digest, length));
            self.bytes += length;
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((digest, length)) = self.order.pop_front() {
            self.tokens.remove(&digest);
            self.bytes -= length;
        }
    }
}
