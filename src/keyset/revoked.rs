//! What is not to be trusted any more, whatever its signature says.

use std::sync::Arc;

use super::{Content, SetId};
use crate::json::distinct;

/// Names of tokens, keys and subjects, each list in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revoked {
    tokens: Box<[String]>,
    keys: Box<[String]>,
    subjects: Box<[String]>,
}

impl Revoked {
    /// From lists in any order.
    #[must_use]
    pub fn new(tokens: Vec<String>, keys: Vec<String>, subjects: Vec<String>) -> Self {
        let [tokens, keys, subjects] = [tokens, keys, subjects].map(|names| distinct(names.into_iter()).into_boxed_slice());
        Self { tokens, keys, subjects }
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len() + self.keys.len() + self.subjects.len()
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the token of that `jti` is.
    #[must_use]
    pub fn has_token(&self, id: &str) -> bool {
        has(&self.tokens, id)
    }

    /// Whether the key of that id is.
    #[must_use]
    pub fn has_key(&self, id: &str) -> bool {
        has(&self.keys, id)
    }

    /// Whether that subject is.
    #[must_use]
    pub fn has_subject(&self, subject: &str) -> bool {
        has(&self.subjects, subject)
    }
}

/// What is revoked, according to the policy and to a list that it fetches.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    here: Revoked,
    set: Option<SetId>,
    fetched: Option<Arc<Revoked>>,
}

impl Revocations {
    /// Of what stands in the policy, and of a set that is not held yet.
    #[must_use]
    pub fn new(here: Revoked, set: Option<SetId>) -> Self {
        Self { here, set, fetched: None }
    }

    /// The set that is fetched.
    #[must_use]
    pub fn set(&self) -> Option<SetId> {
        self.set
    }

    /// The same, with what is held of the set, under that number.
    #[must_use]
    pub fn with(&self, set: SetId, content: Option<&Content>) -> Self {
        let fetched = match content {
            Some(Content::Revoked(revoked)) => Some(Arc::clone(revoked)),
            Some(Content::Keys { .. }) | None => None,
        };
        Self { set: Some(set), fetched, ..self.clone() }
    }

    /// Whether one of the lists has it.
    #[must_use]
    pub fn any(&self, has: impl Fn(&Revoked) -> bool) -> bool {
        has(&self.here) || self.fetched.as_deref().is_some_and(has)
    }

    /// The set that is not held: nobody knows what it would revoke.
    #[must_use]
    pub fn missing(&self) -> Option<SetId> {
        self.set.filter(|_| self.fetched.is_none())
    }
}

fn has(names: &[String], name: &str) -> bool {
    names.binary_search_by(|known| known.as_str().cmp(name)).is_ok()
}
