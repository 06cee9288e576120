//! The signature checks of one call, counted, and a [`Crypto`] that makes no more of them than a call may cost.

use std::cell::Cell;

use crate::crypto::{Crypto, Unchecked, Unverified};
use crate::key::{Algorithm, PublicKey, Secret};

/// How many signature checks were made for a call.
#[derive(Debug, Default)]
pub struct Checks(Cell<usize>);

impl Checks {
    /// So many were made already.
    #[must_use]
    pub fn made(checks: usize) -> Self {
        Self(Cell::new(checks))
    }

    /// None was made: a message of a stream begins.
    pub fn begin_again(&self) {
        self.0.set(0);
    }

    /// What makes checks until there are `limit` of them.
    #[must_use]
    pub fn bounded<'a>(&'a self, crypto: &'a dyn Crypto, limit: usize) -> Bounded<'a> {
        Bounded { checks: self, crypto, limit }
    }
}

/// Makes the checks that are left to a call.
pub struct Bounded<'a> {
    checks: &'a Checks,
    crypto: &'a dyn Crypto,
    limit: usize,
}

impl Bounded<'_> {
    fn one_more(&self) -> Result<(), Unchecked> {
        let made = self.checks.0.get();
        if made >= self.limit {
            return Err(Unchecked::TooMany { limit: self.limit });
        }
        self.checks.0.set(made + 1);
        Ok(())
    }
}

impl Crypto for Bounded<'_> {
    fn verify(&self, key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Unverified> {
        self.one_more()?;
        self.crypto.verify(key, algorithm, message, signature)
    }

    fn verify_hmac(&self, secret: &Secret, message: &[u8], tag: &[u8]) -> Result<(), Unverified> {
        self.one_more()?;
        self.crypto.verify_hmac(secret, message, tag)
    }
}
