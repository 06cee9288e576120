//! Facts into nothing or a violation: whether this publisher, from this peer, may publish an event of this type to this topic
//! from this source. Trusts the publisher, the peer and the evidence, which earlier stages established; knows nothing of
//! tokens, keys or the proxy. What no rule names may not be published.

pub mod condition;
pub mod contract;
pub mod encrypted;
pub mod memory;
mod pattern;
mod publisher;
mod quorum;
pub mod quota;
mod recording;
mod violation;

use std::cell::OnceCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

pub use pattern::{NotAPattern, check_types};
pub use publisher::{Claim, ClaimValue, PublisherRule};
pub use quorum::{Quorum, check_signers};
pub use recording::{Level, Recording};
pub use violation::Violation;

use pattern::TypePattern;

use crate::call::{Peer, cut};
use crate::cel::Condition;
use crate::identity::Publisher;
use crate::json::{Document, JsonError};
use crate::protocol::{Coding, Data, Event};
use crate::signature::{Scheme, SignatureError, VerifiedSignature};

/// Whether refusals are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A refused call does not go on.
    Enforce,
    /// Every call goes on; the record says what would have been.
    Observe,
}

impl Mode {
    /// The mode as text, as the policy writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an event type, or every type below a name, demands.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The event types, as the policy writes them: one type, or a name and a trailing `.*`. It is the rule's name too.
    pub event_type: Arc<str>,
    /// Where these events may be published to; `None` for any topic, or none.
    pub topics: Option<Names>,
    /// Where these events may come from; `None` for any source, or none.
    pub sources: Option<Names>,
    /// Who may publish them: any of these.
    pub publishers: Vec<PublisherRule>,
    /// Whether they must be signed.
    pub signature: SignatureRule,
    /// Who must have signed, of several.
    pub quorum: Option<Quorum>,
    /// What their data must keep.
    pub contract: Option<contract::Versions>,
    /// What must be true of them.
    pub conditions: Vec<Condition>,
    /// That they may come once.
    pub replay: Option<memory::Replay>,
    /// That they have a number, each after the last.
    pub sequence: Option<memory::Sequence>,
    /// How many may come.
    pub rates: Vec<memory::RateRule>,
    /// Whether refusals for breaking this rule are carried out, where the rule says so itself.
    pub mode: Option<Mode>,
    /// How much is recorded of them.
    pub recording: Recording,
}

impl Rule {
    /// Whether what was published before matters.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.replay.is_some() || self.sequence.is_some() || !self.rates.is_empty()
    }
}

/// Whether events must be signed. A signature that is there is always judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureRule {
    /// They may be.
    Optional,
    /// They must be.
    Required {
        /// With one of these schemes; `None` for any scheme in use.
        schemes: Option<Vec<Scheme>>,
    },
}

/// The rules of a policy, by event type. Looking one up does not depend on their number.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    exact: Index,
    /// By what stands before the `*`, its dot included.
    below: Index,
    /// The lengths of the keys of `below`, longest first, each once.
    lengths: Vec<usize>,
    /// Whether what was published before matters to one of them.
    remember: bool,
}

/// The keys are the policy's, so nobody can choose colliding ones: the fixed hasher needs no randomness from the host.
type Index = HashMap<String, usize, BuildHasherDefault<DefaultHasher>>;

/// Names of the policy, hashed likewise.
pub type Names = HashSet<String, BuildHasherDefault<DefaultHasher>>;

/// Why a rule was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Its event types are no pattern.
    #[error(transparent)]
    Pattern(#[from] NotAPattern),
    /// There is a rule for the same event types already.
    #[error("there is a rule for these event types already")]
    Duplicate,
}

impl Rules {
    /// Adds a rule.
    ///
    /// # Errors
    ///
    /// [`RuleError`] where its event types are no pattern, or have a rule already, which stays.
    pub fn add(&mut self, rule: Rule) -> Result<(), RuleError> {
        let (index, name) = match TypePattern::parse(&rule.event_type)? {
            TypePattern::Exact(name) => (&mut self.exact, name),
            TypePattern::Below { prefix } => {
                let length = prefix.len();
                let place = self.lengths.partition_point(|other| *other > length);
                if self.lengths.get(place) != Some(&length) {
                    self.lengths.insert(place, length);
                }
                (&mut self.below, prefix)
            }
        };
        match index.entry(name.to_owned()) {
            Entry::Occupied(_) => return Err(RuleError::Duplicate),
            Entry::Vacant(vacant) => vacant.insert(self.rules.len()),
        };
        self.remember |= rule.remembers();
        self.rules.push(rule);
        Ok(())
    }

    /// The rule for an event type: the one that names it, else the one with the longest name above it.
    #[must_use]
    pub fn find(&self, event_type: &str) -> Option<&Rule> {
        let index = self.exact.get(event_type).or_else(|| self.find_below(event_type))?;
        self.rules.get(*index)
    }

    /// Only prefixes as long as one in the policy are looked up, so a type of 64,000 dots costs no more than a short one.
    fn find_below(&self, event_type: &str) -> Option<&usize> {
        if self.lengths.is_empty() || !pattern::is_plain(event_type) {
            return None;
        }
        self.lengths.iter().find_map(|length| {
            let (prefix, rest) = event_type.split_at_checked(*length)?;
            if rest.is_empty() || !prefix.ends_with('.') { None } else { self.below.get(prefix) }
        })
    }

    /// Whether what was published before matters to one of them.
    #[must_use]
    pub fn remember(&self) -> bool {
        self.remember
    }

    /// All rules, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// Whether an event is signed as its rule demands. `evidence` is all that covers the event.
///
/// # Errors
///
/// [`SignatureError::Missing`] where a signature is required and none of an allowed scheme is there, whatever the call says.
pub fn check_signature(rule: &Rule, evidence: &[VerifiedSignature]) -> Result<(), SignatureError> {
    let signed = match &rule.signature {
        SignatureRule::Optional => true,
        SignatureRule::Required { schemes: None } => !evidence.is_empty(),
        SignatureRule::Required { schemes: Some(schemes) } => {
            evidence.iter().any(|signature| schemes.contains(&signature.scheme()))
        }
    };
    if signed { Ok(()) } else { Err(SignatureError::Missing) }
}

/// Whether an event keeps its rule: publisher, peer, topic, source, in this order. `event.topic` is the event's own topic, or the
/// route's.
///
/// # Errors
///
/// The first [`Violation`].
pub fn check(rule: &Rule, event: &Event<'_>, publisher: Option<&Publisher>, peer: Option<&Peer>) -> Result<(), Violation> {
    publisher::check(&rule.publishers, publisher, peer)?;
    if !allows(rule.topics.as_ref(), event.topic.as_deref()) {
        return Err(Violation::Topic { topic: event.topic.as_deref().map(shorten) });
    }
    if !allows(rule.sources.as_ref(), event.source.as_deref()) {
        return Err(Violation::Source { event_source: event.source.as_deref().map(shorten) });
    }
    Ok(())
}

/// Whether what an event carries keeps its rule: schema, then conditions.
///
/// # Errors
///
/// The first [`Violation`].
pub fn check_content(rule: &Rule, facts: &condition::Facts<'_, '_>) -> Result<(), Violation> {
    if let Some(contract) = &rule.contract {
        contract.check(facts.event, facts.data, facts.now)?;
    }
    condition::check(&rule.conditions, facts)
}

/// The data of an event as JSON, parsed once: at once where the event says of bytes that they are JSON, else when somebody asks for it.
#[derive(Debug)]
pub struct JsonData<'a> {
    event: &'a Event<'a>,
    bytes: &'a [u8],
    depth: usize,
    document: OnceCell<Option<Document<'a>>>,
}

impl<'a> JsonData<'a> {
    /// The data of an event, nested so deep at most.
    ///
    /// # Errors
    ///
    /// [`JsonError`] where the event says that its data is JSON, and it is none, or JSON of more than one reading: its consumers go by
    /// what it says, whether or not a rule looks into it.
    pub fn of(event: &'a Event<'a>, depth: usize) -> Result<Self, JsonError> {
        let bytes = event.data.bytes();
        let document = match is_said_to_be_json(event) {
            true => OnceCell::from(Some(Document::parse(bytes, depth)?)),
            false => OnceCell::new(),
        };
        Ok(Self { event, bytes, depth, document })
    }

    /// The document; `None` where the data is none, or is said to be something else: whoever goes by its media type, or by the
    /// charset of that, reads it in another way than it was judged.
    fn document(&self) -> Option<&Document<'a>> {
        let is_json = || matches!(self.event.coding(), Coding::Json | Coding::Unsaid);
        self.document.get_or_init(|| is_json().then(|| Document::parse(self.bytes, self.depth).ok())?).as_ref()
    }
}

/// Whether an event has data that was not read as JSON with the call, and says that it is that.
fn is_said_to_be_json(event: &Event<'_>) -> bool {
    let unread = match &event.data {
        Data::Binary(bytes) => !bytes.is_empty(),
        Data::Text(text) => !text.is_empty(),
        Data::Absent | Data::Json(_) => false,
    };
    unread && event.data_content_type.is_some() && event.coding() == Coding::Json
}

fn allows(allowed: Option<&Names>, found: Option<&str>) -> bool {
    allowed.is_none_or(|allowed| found.is_some_and(|found| allowed.contains(found)))
}

/// What an outside string may take of a message.
fn shorten(text: &str) -> String {
    cut(text, 64).to_owned()
}

#[cfg(test)]
mod tests;
