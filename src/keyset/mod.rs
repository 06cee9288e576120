//! Key sets, and lists of what is revoked, that are fetched: answers of their servers into what may be used now, and what to fetch
//! next. Trusts a server as far as the policy names it, and never for longer; what it answers replaces what is held only if it is in
//! order. Knows nothing of sockets; the time, a random number and the board that all workers share are arguments.

mod document;
mod location;
mod revoked;
mod status;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use document::MAX_BYTES;
pub use location::{Location, NotALocation};
pub use revoked::{Revocations, Revoked};
pub use store::{Answer, Asked, Circumstances, Command, Event, Fetch, State, Store, Want};

use crate::crypto::sha256;
use crate::key::{KeySet, PublicKey};
use crate::time::Timestamp;

/// A fetched set, by its place among the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SetId(pub usize);

/// What a policy says of a set that is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What metrics, the log and the command line call it.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// The proxy's cluster that leads to the first document.
    pub cluster: String,
    /// Where the first document is: the set, or the metadata that say where it is.
    pub location: Location,
    /// What the metadata must say, where the first document is that.
    pub discovery: Option<Discovery>,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long a set is fresh, at most.
    pub refresh: Duration,
    /// How much longer it is used where it cannot be fetched again.
    pub max_stale: Duration,
}

/// What a set holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What an issuer signs with.
    Keys,
    /// What signers sign with.
    Signers,
    /// What is revoked.
    Revoked,
}

/// What an issuer's metadata must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// The exact `issuer`.
    pub issuer: String,
    /// Where the keys may be.
    pub hosts: Vec<Host>,
}

/// A host that keys may be fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name, and its port where that is not the scheme's own.
    pub authority: String,
    /// The proxy's cluster that leads there.
    pub cluster: String,
}

/// A key as its set lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedKey {
    /// The key.
    pub key: Arc<PublicKey>,
    /// Whose it is: the member `owner`. Only sets of signers have this and what follows.
    pub owner: Option<String>,
    /// From when on it is trusted (`nbf`).
    pub not_before: Option<Timestamp>,
    /// Until when it is trusted (`exp`).
    pub not_after: Option<Timestamp>,
}

/// What a document says. Cloning it copies no key.
#[derive(Debug, Clone)]
pub enum Content {
    /// Keys, each id once.
    Keys {
        /// Those that are fit for use.
        keys: Arc<[ListedKey]>,
        /// Why the others are not.
        unfit: Vec<String>,
    },
    /// Names.
    Revoked(Arc<Revoked>),
}

impl Content {
    /// Reads a document of this kind, as [`Store`] does.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub fn parse(kind: Kind, body: &[u8]) -> Result<Self, Failure> {
        document::content(kind, body)
    }

    /// How many keys or names it has.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Keys { keys, .. } => keys.len(),
            Self::Revoked(revoked) => revoked.len(),
        }
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Why keys of the set are not used.
    #[must_use]
    pub fn unfit(&self) -> &[String] {
        match self {
            Self::Keys { unfit, .. } => unfit,
            Self::Revoked(_) => &[],
        }
    }

    /// The keys, in the set's order.
    #[must_use]
    pub fn keys(&self) -> &[ListedKey] {
        match self {
            Self::Keys { keys, .. } => keys,
            Self::Revoked(_) => &[],
        }
    }
}

/// Why an answer is no set. The texts are those of the metric's label `result`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody answered: no connection, a timeout, a reset.
    #[error("no-answer")]
    NoAnswer,
    /// Another status than 200; redirects are not followed.
    #[error("status")]
    Status,
    /// A larger document, or more keys, than anybody has.
    #[error("too-large")]
    TooLarge,
    /// Not JSON of one reading, or of another form.
    #[error("malformed")]
    Malformed,
    /// No key that is fit for use.
    #[error("empty")]
    Empty,
    /// The metadata are another issuer's.
    #[error("issuer")]
    Issuer,
    /// The metadata name a place for the keys that the policy does not allow.
    #[error("address")]
    Address,
}

/// The keys of an issuer, as far as they are known.
#[derive(Debug, Clone)]
pub struct Keys {
    set: Option<SetId>,
    known: Option<KeySet>,
}

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoKey {
    /// The keys are known, and there is none of that id. Where they are fetched, it may be in the set by now.
    Unknown(Option<SetId>),
    /// The keys are not known.
    Unavailable(SetId),
}

impl Keys {
    /// Keys that stand in the policy.
    #[must_use]
    pub fn inline(keys: KeySet) -> Self {
        Self { set: None, known: Some(keys) }
    }

    /// Keys that are fetched, with what is held of them.
    #[must_use]
    pub fn fetched(set: SetId, content: Option<&Content>) -> Self {
        let known = |content: &Content| KeySet::of(content.keys().iter().map(|listed| Arc::clone(&listed.key)).collect());
        Self { set: Some(set), known: content.map(known) }
    }

    /// Whether there can be no key: none stands in the policy, and none is fetched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_none() && self.known.as_ref().is_none_or(|known| known.keys().is_empty())
    }

    /// The set that they are fetched from.
    #[must_use]
    pub fn set(&self) -> Option<SetId> {
        self.set
    }

    /// The key of that id; without an id, the only one.
    ///
    /// # Errors
    ///
    /// [`NoKey`].
    pub fn find(&self, id: Option<&str>) -> Result<&Arc<PublicKey>, NoKey> {
        match (&self.known, self.set) {
            (Some(known), set) => known.find(id).ok_or(NoKey::Unknown(set)),
            (None, Some(set)) => Err(NoKey::Unavailable(set)),
            (None, None) => Err(NoKey::Unknown(None)),
        }
    }

    /// Whether this very key is still one of them.
    ///
    /// # Errors
    ///
    /// [`NoKey`]; a key that was taken away is not waited for.
    pub fn check(&self, key: &Arc<PublicKey>) -> Result<(), NoKey> {
        match (&self.known, self.set) {
            (Some(known), _) if known.holds(key) => Ok(()),
            (None, Some(set)) => Err(NoKey::Unavailable(set)),
            (Some(_) | None, _) => Err(NoKey::Unknown(None)),
        }
    }
}

/// Where all workers of a proxy leave word for each other: values by name. One value is never changed by two at once.
pub trait Board {
    /// Changes a value; `change` sees it as it is, empty where there is none, and says what it becomes, or `None` where it stays. It
    /// may be asked again where somebody else was quicker.
    ///
    /// # Errors
    ///
    /// [`NoBoard`] where the value cannot be had or changed.
    fn change(&self, name: &str, change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Result<(), NoBoard>;
}

/// The board does not do what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoBoard;

impl Settings {
    /// How long a fetch may take, of one or two requests.
    #[must_use]
    pub fn longest_fetch(&self) -> Duration {
        self.timeout * if self.discovery.is_some() { 2 } else { 1 }
    }

    /// How long a call may wait for a key: through a fetch, and the pause before it.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        self.longest_fetch() + status::THROTTLE
    }

    /// The same for every policy that fetches the same from the same place.
    fn source(&self) -> status::Source {
        let Location { authority, path } = &self.location;
        let mut parts = vec!["eventguard 1", &self.cluster, authority, path];
        if let Some(Discovery { issuer, hosts }) = &self.discovery {
            parts.push(issuer);
            parts.extend(hosts.iter().flat_map(|host| [host.authority.as_str(), &host.cluster]));
        }
        sha256(parts.join("\n").as_bytes()).first_chunk().copied().unwrap_or_default()
    }
}
