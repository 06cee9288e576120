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
    /// The client that the token was issued to (`azp` of OpenID Connect, `client_id` of RFC 9068).
    pub client: Option<String>,
    /// Who acts with the token (RFC 8693 section 4.1): the `sub` of its outermost `act`.
    pub actor: Option<String>,
    /// Words that the token's scope must hold, all of them.
    pub scopes: Vec<String>,
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
    let peer = peer.and_then(Peer::uri);
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
            return self.subject.is_none() && !self.asks_the_token();
        };
        self.subject.as_deref().is_none_or(|wanted| wanted == publisher.subject()) && self.token_says(publisher)
    }

    fn token_says(&self, publisher: &Publisher) -> bool {
        if !self.asks_the_token() {
            return true;
        }
        publisher.token().is_some_and(|token| {
            let claims = token.claims();
            self.issuer.as_deref().is_none_or(|wanted| wanted == token.issuer_name())
                && self.client.as_deref().is_none_or(|wanted| is_client(wanted, claims))
                && self.actor.as_deref().is_none_or(|wanted| is_actor(wanted, claims))
                && self.scopes.iter().all(|word| has_scope(word, claims))
                && self.claims.iter().all(|claim| claim.holds(claims))
        })
    }

    fn asks_the_token(&self) -> bool {
        let Self { issuer, subject: _, peer: _, client, actor, scopes, claims } = self;
        issuer.is_some() || client.is_some() || actor.is_some() || !scopes.is_empty() || !claims.is_empty()
    }
}

/// Where a token names its client twice, both must be the one.
fn is_client(wanted: &str, claims: Value<'_, '_>) -> bool {
    let mut named = ["azp", "client_id"].into_iter().filter_map(|name| claims.get(name)?.as_str()).peekable();
    named.peek().is_some() && named.all(|client| client == wanted)
}

/// Only the current actor counts: who acted before is told for information (RFC 8693 section 4.1).
fn is_actor(wanted: &str, claims: Value<'_, '_>) -> bool {
    claims.get("act").and_then(|actor| actor.get("sub")?.as_str()).is_some_and(|actor| actor == wanted)
}

/// Words parted by spaces (RFC 8693 section 4.2, RFC 6749 section 3.3), or a list of them as some issuers write it, who also call it
/// `scp`.
fn has_scope(word: &str, claims: Value<'_, '_>) -> bool {
    let Some(scope) = claims.get("scope").or_else(|| claims.get("scp")) else { return false };
    match scope.items() {
        Some(mut words) => words.any(|found| found.as_str().is_some_and(|found| found == word)),
        None => scope.as_str().is_some_and(|words| words.split(' ').any(|found| found == word)),
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
