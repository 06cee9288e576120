//! Whether those have signed an event who must: whose keys may stand on it, and how many of several signers are enough. Trusts the
//! evidence.

use super::{Rule, shorten};
use crate::signature::{SignatureError, VerifiedSignature};

/// How many of some signers must have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    /// This many of them, counted by owner: two keys of one signer are one.
    pub at_least: usize,
    /// The owners of the keys.
    pub signers: Vec<String>,
}

/// Whether every key on the event is the publisher's, or one of those that the rule asks for beside it, and whether these are enough.
///
/// # Errors
///
/// [`SignatureError::Signer`] where somebody else has signed, [`SignatureError::Quorum`] where too few have.
pub fn check_signers(rule: Option<&Rule>, publisher: &str, evidence: &[VerifiedSignature]) -> Result<(), SignatureError> {
    let quorum = rule.and_then(|rule| rule.quorum.as_ref());
    let is_asked = |owner: &str| quorum.is_some_and(|quorum| quorum.signers.iter().any(|signer| signer == owner));
    let mut owners = evidence.iter().map(VerifiedSignature::publisher);
    match owners.find(|owner| *owner != publisher && !is_asked(owner)) {
        Some(owner) => Err(SignatureError::Signer { owner: shorten(owner) }),
        None => quorum.map_or(Ok(()), |quorum| quorum.check(evidence)),
    }
}

impl Quorum {
    fn check(&self, evidence: &[VerifiedSignature]) -> Result<(), SignatureError> {
        let has_signed = |signer: &&String| evidence.iter().any(|signature| signature.publisher() == signer.as_str());
        let found = self.signers.iter().filter(has_signed).count();
        if found >= self.at_least { Ok(()) } else { Err(SignatureError::Quorum { found, wanted: self.at_least }) }
    }
}
