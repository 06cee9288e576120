//! Tokens that were verified before. A plain value that whoever owns it keeps for as long as the policy stands: a token verified
//! under other issuers proves nothing here, nor one by a key that its issuer does not have any more. Only what verified is kept, and only the very same token finds it; what did
//! not is remembered for a short while, to be refused without another look.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};

use super::claims::{VerifiedToken, find};
use super::failures::Failures;
use super::{Issuer, Publisher, TokenError, verify_token};
use crate::crypto::Crypto;
use crate::time::Timestamp;

/// Bytes of all tokens whose claims are kept: no issuer's habit of large tokens fills the proxy's memory.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Verified tokens, bounded in number and size; the oldest goes first.
#[derive(Debug)]
pub struct TokenCache {
    capacity: usize,
    seed: Seed,
    tokens: HashMap<u64, Known, BuildHasherDefault<AsItIs>>,
    /// What `tokens` holds, in the order of its coming.
    order: VecDeque<u64>,
    bytes: usize,
    failures: Failures,
    beside: Option<Box<TokenCache>>,
}

/// A number that callers do not know: without it nobody can choose tokens that hash alike, nor learn from the time that a
/// comparison takes, since only tokens of the same hash are compared.
pub type Seed = [u8; 16];

/// Bytes at a token's end that it is found by: 384 bits of its signature, which no other token has that verifies.
const TAIL: usize = 64;

/// What is found by a hash already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

struct Known {
    text: Box<str>,
    token: VerifiedToken,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.token.fmt(f)
    }
}

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
    pub fn new(capacity: usize, seed: Seed) -> Self {
        Self {
            capacity,
            seed,
            tokens: HashMap::default(),
            order: VecDeque::new(),
            bytes: 0,
            failures: Failures::default(),
            beside: None,
        }
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
        let place = self.hash(token.as_bytes().last_chunk::<TAIL>().map_or(token.as_bytes(), <[u8; TAIL]>::as_slice));
        if let Some((known, issuer)) = self.find(place, token, issuers) {
            let checked = known.check_times(issuer, now).map(|()| Publisher::from_token(known.clone()));
            return (checked, CacheUse::Hit);
        }
        // Of the whole: a token that fails says nothing of another one that ends as it does.
        let hash = self.hash(token.as_bytes());
        if self.failures.know(hash, now) {
            return (Err(TokenError::Signature), CacheUse::Miss);
        }
        let verified = verify_token(token, issuers, now, crypto);
        match &verified {
            Ok(verified) => self.keep(place, Known { text: token.into(), token: verified.clone() }),
            // The one failure that costs something: it comes behind all that is cheap.
            Err(TokenError::Signature) if self.capacity > 0 => self.failures.add(hash, now),
            Err(_) => {}
        }
        (verified.map(Publisher::from_token), CacheUse::Miss)
    }

    /// SipHash with a secret in front: eight times as fast as a digest, and the token itself is compared.
    fn hash(&self, text: &[u8]) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.seed);
        hasher.write(text);
        hasher.finish()
    }

    fn find<'s>(&'s self, hash: u64, token: &str, issuers: &'s [Issuer]) -> Option<(&'s VerifiedToken, &'s Issuer)> {
        let known = self.tokens.get(&hash).filter(|known| is_same(known.text.as_bytes(), token.as_bytes()))?;
        let issuer = find(issuers, known.token.issuer())?;
        issuer.keys.check(known.token.key()).ok()?;
        Some((&known.token, issuer))
    }

    /// The cache for a policy that is judged beside this one's: a token verified under other issuers proves nothing there.
    pub fn beside(&mut self) -> &mut Self {
        let (capacity, seed) = (self.capacity, self.seed);
        self.beside.get_or_insert_with(|| Box::new(Self::new(capacity, seed)))
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::new(self.capacity, self.seed);
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

    fn keep(&mut self, hash: u64, known: Known) {
        let length = known.text.len();
        // A token that hashes as another one does stays out: the first one leaves when it is the oldest.
        if self.capacity == 0 || self.tokens.contains_key(&hash) {
            return;
        }
        while self.order.len() >= self.capacity || (self.bytes + length > MAX_BYTES && !self.order.is_empty()) {
            self.drop_oldest();
        }
        self.tokens.insert(hash, known);
        self.order.push_back(hash);
        self.bytes += length;
    }

    fn drop_oldest(&mut self) {
        if let Some(known) = self.order.pop_front().and_then(|hash| self.tokens.remove(&hash)) {
            self.bytes -= known.text.len();
        }
    }
}

/// Eight bytes at a time: `==` takes them one by one in wasm.
fn is_same(left: &[u8], right: &[u8]) -> bool {
    let ((words, rest), (other_words, other_rest)) = (left.as_chunks::<8>(), right.as_chunks::<8>());
    let same = |(word, other): (&[u8; 8], &[u8; 8])| u64::from_le_bytes(*word) == u64::from_le_bytes(*other);
    left.len() == right.len() && words.iter().zip(other_words).all(same) && rest == other_rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_same_where_each_one_is_and_there_are_as_many() {
        for length in 0..26_u8 {
            let bytes: Vec<u8> = (0..length).collect();
            assert!(is_same(&bytes, &bytes.clone()), "{length}");
            for at in 0..bytes.len() {
                let mut other = bytes.clone();
                other[at] ^= 0x80;
                assert!(!is_same(&bytes, &other) && !is_same(&bytes, &bytes[..at]), "{at} of {length}");
            }
        }
        assert!(!is_same(&[7; 8], &[7; 16]) && !is_same(&[7; 9], &[7; 17]));
    }
}
