//! Who may publish: whether a publisher and a peer are one of those that a rule names.

use super::{Violation, shorten};
use crate::call::Peer;
use crate::identity::Publisher;
use crate::json::{Kind, Pointer, Value};

/// One kind of publisher: all that is said here must hold. What is absent asks nothing; where nothing is asked, it names nobody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublisherRule {
    /// The policy's name of the issuer of the token.
    pub issuer: Option<String>,
    /// The token's subject; on an anonymous route the signer's owner.
    pub subject: Option<String>,
    /// The peer's URI name (a SPIFFE id).
    pub peer: Option<String>,
    /// What the token must say.
    pub claims: Vec<Claim>,
}

/// What a token must say in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The place.
    pub at: Pointer,
    /// What must be there: one of these, or a list that holds one of these. A string is compared whole, and nothing is converted.
    pub values: Vec<ClaimValue>,
}

/// A value that a claim may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimValue {
    /// A string.
    Text(String),
    /// An integer, written without a fraction or an exponent.
    Integer(i64),
    /// `true` or `false`.
    Bool(bool),
}

/// Whether one of `rules` allows the publisher and the peer.
pub(super) fn check(rules: &[PublisherRule], publisher: Option<&Publisher>, peer: Option<&Peer>) -> Result<(), Violation> {
    let mut named = rules.iter().filter(|rule| rule.names(publisher)).peekable();
    if named.peek().is_none() {
        return Err(Violation::Publisher { subject: publisher.map(|publisher| shorten(publisher.subject())) });
    }
    let peer = peer.map(Peer::uri);
    if named.any(|rule| rule.peer.as_deref().is_none_or(|wanted| peer == Some(wanted))) {
        return Ok(());
    }
    Err(Violation::Peer { peer: peer.map(shorten) })
}

impl PublisherRule {
    /// Whether nothing is asked; such a rule names nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this is the publisher, wherever it publishes from. Where nobody is known to publish, only the peer can be asked for.
    fn names(&self, publisher: Option<&Publisher>) -> bool {
        if self.is_empty() {
            return false;
        }
        let Some(publisher) = publisher else {
            return self.issuer.is_none() && self.subject.is_none() && self.claims.is_empty();
        };
        self.subject.as_deref().is_none_or(|wanted| wanted == publisher.subject()) && self.token_says(publisher)
    }

    fn token_says(&self, publisher: &Publisher) -> bool {
        if self.issuer.is_none() && self.claims.is_empty() {
            return true;
        }
        publisher.token().is_some_and(|token| {
            self.issuer.as_deref().is_none_or(|wanted| wanted == token.issuer_name())
                && self.claims.iter().all(|claim| claim.holds(token.claims()))
        })
    }
}

impl Claim {
    pub(super) fn holds(&self, claims: Value<'_, '_>) -> bool {
        let Some(found) = claims.at(&self.at) else { return false };
        match found.items() {
            Some(mut items) => items.any(|item| self.names(item)),
            None => self.names(found),
        }
    }

    fn names(&self, found: Value<'_, '_>) -> bool {
        match found.kind() {
            Kind::String(text) => self.values.iter().any(|value| matches!(value, ClaimValue::Text(wanted) if *wanted == text)),
            Kind::Bool(found) => self.values.contains(&ClaimValue::Bool(found)),
            Kind::Number(text) => text.parse().is_ok_and(|number| self.values.contains(&ClaimValue::Integer(number))),
            Kind::Null | Kind::Array | Kind::Object => false,
        }
    }
}
