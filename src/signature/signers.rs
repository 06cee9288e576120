//! The policy's signers, and what every scheme does with one: find it by its key id, see whether its key is trusted now, verify
//! bytes with it, see whose it is.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::time::Duration;

use super::{Made, Scheme, SignatureError, Signer, SignerKey, VerifiedSignature};
use crate::call::cut;
use crate::crypto::Crypto;
use crate::key::Algorithm;
use crate::keyset::{Content, ListedKey, SetId};
use crate::time::Timestamp;

/// Signatures times keys that are tried for one call, where the scheme names no key.
const MAX_TRIES: usize = 16;

/// The signers of a policy, by key id.
#[derive(Debug, Clone, Default)]
pub struct Signers {
    /// Those that stand in the policy.
    own: ByKeyId,
    /// Those that were fetched, all anew each time: what is not there any more is trusted no more. None has the key id of an own one.
    fetched: ByKeyId,
    sets: Vec<SignerSet>,
    /// A set that is not held: nobody knows which keys it has.
    missing: Option<SetId>,
    /// Owners whose keys may stand beside the publisher's, where a rule asks for them.
    cosigners: Vec<String>,
}

/// Signers, each found by its key id.
#[derive(Debug, Clone, Default)]
struct ByKeyId {
    signers: Vec<Signer>,
    /// The keys are those of the policy and of its sets, so that no caller can choose colliding ones: the fixed hasher needs no randomness
    /// from the host.
    places: HashMap<String, usize, BuildHasherDefault<DefaultHasher>>,
}

/// Signers that are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerSet {
    /// From where.
    pub set: SetId,
    /// Whose keys they are; `None` where each says so itself (`owner`).
    pub publisher: Option<String>,
}

/// A key id that an earlier signer has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key id `{}` is there twice", cut(.key_id, 64))]
pub struct DuplicateKeyId {
    /// The key id.
    pub key_id: String,
    /// The later signer's place in the list, from 0.
    pub index: usize,
}

impl Signers {
    /// From a list in which every key id is there once.
    ///
    /// # Errors
    ///
    /// Every [`DuplicateKeyId`].
    pub fn new(signers: Vec<Signer>) -> Result<Self, Vec<DuplicateKeyId>> {
        let mut own = ByKeyId::default();
        let mut duplicates = Vec::new();
        for (index, signer) in signers.into_iter().enumerate() {
            if let Some(Signer { key_id, .. }) = own.add(signer) {
                duplicates.push(DuplicateKeyId { key_id, index });
            }
        }
        if duplicates.is_empty() { Ok(Self { own, ..Self::default() }) } else { Err(duplicates) }
    }

    /// The same, and signers that are fetched from these sets. Nothing of them is held yet.
    #[must_use]
    pub fn with_sets(self, sets: Vec<SignerSet>) -> Self {
        let missing = sets.first().map(|set| set.set);
        Self { sets, missing, ..self }
    }

    /// The sets that signers are fetched from.
    #[must_use]
    pub fn sets(&self) -> &[SignerSet] {
        &self.sets
    }

    /// The same, with what is held of the sets. A key id that is there already stays whose it is: the policy's own go first, then the
    /// sets in their order. A key of nobody, or of somebody else than the policy says, is none.
    #[must_use]
    pub fn with_fetched<'c>(&self, content: &dyn Fn(SetId) -> Option<&'c Content>) -> Self {
        let (mut fetched, mut missing) = (ByKeyId::default(), None);
        for SignerSet { set, publisher } in &self.sets {
            let Some(content) = content(*set) else {
                missing = Some(*set);
                continue;
            };
            let signers = content.keys().iter().filter_map(|listed| Signer::of(listed, publisher.as_deref()));
            for signer in signers.filter(|signer| self.own.find(&signer.key_id).is_none()) {
                // One that an earlier set has stays.
                drop(fetched.add(signer));
            }
        }
        Self { fetched, missing, ..self.clone() }
    }

    /// The signer with that key id.
    #[must_use]
    pub fn find(&self, key_id: &str) -> Option<&Signer> {
        self.own.find(key_id).or_else(|| self.fetched.find(key_id))
    }

    /// Lets the keys of these owners stand beside the publisher's; the rules say on which events.
    #[must_use]
    pub fn with_cosigners(self, cosigners: Vec<String>) -> Self {
        Self { cosigners, ..self }
    }

    /// Whether keys of this owner may stand beside the publisher's.
    pub(super) fn is_cosigner(&self, owner: &str) -> bool {
        self.cosigners.iter().any(|cosigner| cosigner == owner)
    }

    /// Takes a signer of the policy's own out: what is left does not know its key.
    pub fn take(&mut self, key_id: &str) -> Option<Signer> {
        self.own.take(key_id)
    }

    /// All signers: the policy's own in their order, then those of the sets.
    pub fn iter(&self) -> impl Iterator<Item = &Signer> {
        self.own.signers.iter().chain(&self.fetched.signers)
    }
}

impl ByKeyId {
    /// Adds a signer, or gives it back where its key id is there already.
    fn add(&mut self, signer: Signer) -> Option<Signer> {
        match self.places.entry(signer.key_id.clone()) {
            Entry::Occupied(_) => Some(signer),
            Entry::Vacant(vacant) => {
                vacant.insert(self.signers.len());
                self.signers.push(signer);
                None
            }
        }
    }

    fn find(&self, key_id: &str) -> Option<&Signer> {
        self.signers.get(*self.places.get(key_id)?)
    }

    fn take(&mut self, key_id: &str) -> Option<Signer> {
        let taken = self.places.remove(key_id)?;
        self.places.values_mut().filter(|place| **place > taken).for_each(|place| *place -= 1);
        (taken < self.signers.len()).then(|| self.signers.remove(taken))
    }
}

impl Signer {
    /// A key of a set, where it says whose it is.
    fn of(listed: &ListedKey, publisher: Option<&str>) -> Option<Self> {
        let owner = match (publisher, listed.owner.as_deref()) {
            (Some(publisher), Some(owner)) if owner != publisher => return None,
            (Some(publisher), _) => publisher,
            (None, owner) => owner.filter(|owner| !owner.is_empty())?,
        };
        Some(Self {
            key_id: listed.key.id()?.to_owned(),
            publisher: owner.to_owned(),
            key: SignerKey::Public(listed.key.as_ref().clone()),
            not_before: listed.not_before,
            not_after: listed.not_after,
        })
    }
}

/// Seconds since 1970, in digits alone.
pub(super) fn read_seconds(text: &str) -> Option<Timestamp> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    Timestamp::from_unix_seconds(text.parse().ok().filter(|_| digits)?)
}

/// What a message is signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageAlgorithm {
    /// HMAC-SHA256 with a shared secret.
    HmacSha256,
    /// A public key's algorithm.
    Public(Algorithm),
}

impl SignerKey {
    /// Whether the key can make signatures of `algorithm`.
    pub(super) fn makes(&self, algorithm: MessageAlgorithm) -> bool {
        match (self, algorithm) {
            (Self::Secret(_), MessageAlgorithm::HmacSha256) => true,
            (Self::Public(key), MessageAlgorithm::Public(algorithm)) => key.makes(algorithm),
            (Self::Secret(_), MessageAlgorithm::Public(_)) | (Self::Public(_), MessageAlgorithm::HmacSha256) => false,
        }
    }

    /// The algorithm of a signature that names none; `None` where the key leaves that open: an RSA key whose JWK has no `alg`.
    pub(super) fn algorithm(&self) -> Option<MessageAlgorithm> {
        match self {
            Self::Secret(_) => Some(MessageAlgorithm::HmacSha256),
            Self::Public(key) => key.algorithm().map(MessageAlgorithm::Public),
        }
    }
}

/// What every scheme judges with.
pub(super) struct Verifier<'a> {
    pub signers: &'a Signers,
    /// The publisher who must own the keys, where one is known already.
    pub expected: Option<&'a str>,
    pub now: Timestamp,
    pub crypto: &'a dyn Crypto,
}

impl<'a> Verifier<'a> {
    /// The signer with that key id.
    pub fn signer(&self, key_id: &str) -> Result<&'a Signer, SignatureError> {
        self.signers.find(key_id).ok_or_else(|| self.no_key(SignatureError::UnknownKey(cut(key_id, 64).to_owned())))
    }

    /// Why no key was found, where all sets are held; otherwise one that is not may have it.
    pub fn no_key(&self, error: SignatureError) -> SignatureError {
        self.signers.missing.map_or(error, |set| SignatureError::KeysUnavailable { set })
    }

    /// Whether the key is trusted now; its first and its last moment belong to its time.
    pub fn check_key_time(&self, signer: &Signer) -> Result<(), SignatureError> {
        if let Some(not_before) = signer.not_before.filter(|not_before| self.now < *not_before) {
            return Err(SignatureError::Expired(format!("the key is trusted from {not_before} on")));
        }
        if let Some(not_after) = signer.not_after.filter(|not_after| self.now > *not_after) {
            return Err(SignatureError::Expired(format!("the key was trusted until {not_after}")));
        }
        Ok(())
    }

    /// Those whose keys are trusted now: one at least.
    pub fn in_time(&self, mut signers: Vec<&'a Signer>) -> Result<Vec<&'a Signer>, SignatureError> {
        let mut out_of_time = Ok(());
        signers.retain(|signer| {
            let in_time = self.check_key_time(signer);
            in_time.is_ok() || {
                out_of_time = in_time;
                false
            }
        });
        if signers.is_empty() {
            out_of_time?;
        }
        Ok(signers)
    }

    /// Whether a time is no further from now than that, before or after.
    pub fn check_near(&self, sent: Timestamp, tolerance: Duration) -> Result<(), SignatureError> {
        if self.now.since(sent).max(sent.since(self.now)) > tolerance {
            return Err(SignatureError::Expired(format!("signed at {sent}, more than {} s from now", tolerance.as_secs())));
        }
        Ok(())
    }

    /// Whether `signature` is the signer's over `message`.
    pub fn verify(
        &self,
        signer: &Signer,
        algorithm: MessageAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        match (&signer.key, algorithm) {
            (SignerKey::Secret(secret), MessageAlgorithm::HmacSha256) => {
                Ok(self.crypto.verify_hmac(secret, message, signature)?)
            }
            (SignerKey::Public(key), MessageAlgorithm::Public(algorithm)) => {
                Ok(self.crypto.verify(key, algorithm, message, signature)?)
            }
            (SignerKey::Secret(_), MessageAlgorithm::Public(_)) | (SignerKey::Public(_), MessageAlgorithm::HmacSha256) => {
                Err(SignatureError::Invalid)
            }
        }
    }

    /// The signer of the first of these signatures that verifies, where a scheme names no key: so many are tried, and no more.
    pub fn first<'s>(
        &self,
        tries: impl Iterator<Item = (&'s Signer, MessageAlgorithm, &'s [u8])>,
        message: &[u8],
    ) -> Result<&'s Signer, SignatureError> {
        for (signer, algorithm, signature) in tries.take(MAX_TRIES) {
            match self.verify(signer, algorithm, message, signature) {
                Ok(()) => return Ok(signer),
                Err(SignatureError::Invalid) => {}
                Err(error) => return Err(error),
            }
        }
        Err(SignatureError::Invalid)
    }

    /// Evidence of a signature that was verified, if the key is the publisher's.
    pub fn evidence(&self, scheme: Scheme, signer: &Signer, uncovered: Vec<String>) -> Result<VerifiedSignature, SignatureError> {
        if self.expected.is_some_and(|expected| expected != signer.publisher) && !self.signers.is_cosigner(&signer.publisher) {
            return Err(SignatureError::Signer { owner: signer.publisher.clone() });
        }
        Ok(VerifiedSignature {
            scheme,
            key_id: signer.key_id.clone(),
            publisher: signer.publisher.clone(),
            uncovered,
            coverage: None,
            made: Made::default(),
        })
    }
}
