//! Whom a policy believes: what tokens and signatures are verified with, and what of it is fetched.

use serde_json::Value;

use super::{Names, Problems, Source, check_different, each, fetched, identity, raw, signature};
use crate::identity::{Issuer, TokenSettings};
use crate::keyset::{self, Revocations};
use crate::signature::{Settings, Signers};

/// The parts of the document that say it.
pub(super) struct Parts {
    pub issuers: Option<Vec<Value>>,
    pub token: Option<raw::Token>,
    pub signers: Option<Vec<Value>>,
    pub revoked: Option<raw::Revoked>,
    pub signatures: Option<raw::Signatures>,
}

/// What they say. What is wrong is not there.
pub(super) struct Trust {
    pub issuers: Vec<(usize, Issuer)>,
    pub token: Option<TokenSettings>,
    pub signers: Option<Signers>,
    pub revoked: Option<Revocations>,
    pub signatures: Settings,
    pub fetched: Vec<keyset::Settings>,
}

pub(super) fn trust(parts: Parts, names: &Names<'_>, source: &Source<'_>, problems: &mut Problems) -> Trust {
    let root = source.root;
    let Parts { issuers, token, signers, revoked, signatures } = parts;
    let mut fetched = Vec::new();
    let list = issuers.as_deref();
    let issuers =
        each(list, &root.key("issuers"), problems, |raw, place, problems| identity::issuer(raw, &mut fetched, place, problems));
    // Names are what policies refer to, and `iss` is what tokens are judged by.
    check_different(list, "name", &root.key("issuers"), problems);
    check_different(list, "issuer", &root.key("issuers"), problems);
    let token = identity::token(token.unwrap_or_default(), &root.key("token"), problems);
    let list = signers.as_deref();
    let signers = each(list, &root.key("signers"), problems, |raw, place, problems| {
        signature::signer(raw, source.env, &mut fetched, place, problems)
    });
    // Signatures name keys by their id.
    check_different(list, "keyId", &root.key("signers"), problems);
    let mut signers = signature::signers(signers);
    let revoked = fetched::revoked(revoked, &mut fetched, &root.key("revoked"), problems);
    let mut none = Signers::default();
    let own = signers.as_mut().unwrap_or(&mut none);
    let signatures = signature::settings(signatures, names, own, &root.key("signatures"), problems);
    Trust { issuers, token, signers, revoked, signatures, fetched }
}
