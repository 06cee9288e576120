//! What an event asks of the ledger: the settings of its rule and what is known of the event into demands, in the order in which
//! they are asked: order, replay, rates. Knows nothing of where the ledger is kept.

use std::sync::Arc;
use std::time::Duration;

use super::quota::{Quota, QuotaPolicy};
use super::{Rule, Violation, shorten};
use crate::identity::{Publisher, VerifiedToken};
use crate::json::{Document, Kind, Pointer};
use crate::ledger::limiter::Counter;
use crate::ledger::{Counts, Demand, Gaps, Rate, Tag, What};
use crate::protocol::Event;
use crate::signature::VerifiedSignature;
use crate::time::Timestamp;

/// What all proxies key the digests with that they send to the limiter.
const SHARED: [u8; 16] = [0; 16];

/// How far an event may be from the future: clocks differ.
const LEEWAY: Duration = Duration::from_secs(30);

/// That events may come once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// How old an event may be, and so how long it is remembered.
    pub window: Duration,
    /// What makes two events the same.
    pub key: ReplayKey,
    /// From when on it counts.
    pub counts: Counts,
    /// Who remembers it.
    pub scope: Scope,
}

/// Who remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All workers of the proxy.
    Proxy,
    /// The limiter too, for all proxies that ask it.
    Cluster,
}

/// What makes two events the same, besides their publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayKey {
    /// Source and id (CloudEvents section "id": both together are unique).
    Event,
    /// The nonce of the signature (RFC 9421 section 2.3, Standard Webhooks `webhook-id`): a call passes once.
    Nonce,
    /// The token's `jti` (RFC 7519 section 4.1.7): a token is good for one call.
    TokenId,
    /// The SHA-256 of the data.
    Data,
}

/// That events have a number, each after the last of its publisher and source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// Where the number is.
    pub number: NumberAt,
    /// Whether numbers may be missing.
    pub gaps: Gaps,
    /// How long the last number of a source is remembered.
    pub keep: Duration,
}

/// Where an event has its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberAt {
    /// In an attribute or extension.
    Attribute(String),
    /// In its data, which is JSON.
    Data(Pointer),
}

/// How much may be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateRule {
    /// How much.
    pub rate: Rate,
    /// Of what.
    pub counted: Counted,
    /// What is counted apart.
    pub by: Vec<RateKey>,
    /// What the limiter knows it by, where it counts for all proxies.
    pub at_limiter: Option<Arc<str>>,
    /// What callers are told of it, where they are.
    pub told: Option<Arc<QuotaPolicy>>,
}

/// What a rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Events.
    Events,
    /// Bytes of data.
    Bytes,
}

/// What a rate counts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateKey {
    /// Each publisher.
    Publisher,
    /// Each event type.
    Type,
    /// Each topic.
    Topic,
    /// Each source.
    Source,
}

/// What is known of an event that keeps all other rules.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The event.
    pub event: &'a Event<'a>,
    /// Who publishes it.
    pub publisher: Option<&'a Publisher>,
    /// What covers it.
    pub signatures: &'a [VerifiedSignature],
    /// How deep JSON may be.
    pub depth: usize,
    /// What time it is.
    pub now: Timestamp,
    /// What the digests of the ledger are keyed with.
    pub seed: [u8; 16],
}

/// Something that is asked of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What.
    pub demand: Demand,
    /// Whether the events of one call ask for it together: a token or a signature is the call's.
    pub once_a_call: bool,
    /// What the limiter is to count, where it remembers too.
    pub counter: Option<Counter>,
    /// The rate, where the caller is told of it.
    pub quota: Option<Quota>,
}

/// All that an event asks for. `global` are the rates of the policy.
///
/// # Errors
///
/// [`Violation`] where the event has not what it would be remembered by, or its time is outside the window.
pub fn demands(rule: &Rule, global: &[RateRule], facts: &Facts<'_>) -> Result<Vec<Asked>, Violation> {
    let mut asked = Vec::new();
    if let Some(sequence) = &rule.sequence {
        asked.push(facts.sequence(sequence)?);
    }
    if let Some(replay) = &rule.replay {
        asked.extend(facts.replay(replay)?);
    }
    asked.extend(rule.rates.iter().enumerate().map(|(index, rate)| facts.rate(rate, &rule.event_type, index)));
    asked.extend(global.iter().enumerate().map(|(index, rate)| facts.rate(rate, "", index)));
    Ok(asked)
}

impl Facts<'_> {
    fn tag(&self, kind: &str, parts: &[&[u8]]) -> Tag {
        Tag::of(self.seed, kind, parts)
    }

    /// Whose events these are: the same subject of another issuer is somebody else.
    fn publisher(&self) -> &str {
        self.publisher.map(Publisher::label).unwrap_or_default()
    }

    fn source(&self) -> &[u8] {
        self.event.source.as_deref().unwrap_or_default().as_bytes()
    }

    fn replay(&self, replay: &Replay) -> Result<Vec<Asked>, Violation> {
        let publisher = self.publisher().as_bytes();
        let at = || self.time().or_else(|| self.signatures.iter().find_map(VerifiedSignature::created));
        Ok(match replay.key {
            ReplayKey::Event => {
                let id = self.event.id.as_deref().ok_or_else(|| absent("id"))?;
                vec![self.once(replay, "event", &[publisher, self.source(), id.as_bytes()], self.window(replay, at())?)]
            }
            ReplayKey::Data => {
                let digest = crate::crypto::sha256(self.event.data.bytes());
                vec![self.once(replay, "data", &[publisher, &digest], self.window(replay, at())?)]
            }
            ReplayKey::Nonce => {
                // Of every signature: a caller could leave out the one that is remembered.
                let asked = |signature: &VerifiedSignature| {
                    let parts = [signature.publisher().as_bytes(), signature.nonce()?.as_bytes()];
                    // The signature says when it was made; an event's time may be nobody's word.
                    let until = self.window(replay, signature.created().or_else(|| self.time()));
                    Some(until.map(|until| self.once(replay, "nonce", &parts, until)))
                };
                let mut asked = self.signatures.iter().filter_map(asked).collect::<Result<Vec<Asked>, Violation>>()?;
                asked.dedup();
                return if asked.is_empty() { Err(Violation::NoNonce) } else { Ok(asked) };
            }
            ReplayKey::TokenId => {
                let token = self.publisher.and_then(Publisher::token);
                let (token, id) = token.and_then(|token| Some((token, token.id()?))).ok_or(Violation::NoTokenId)?;
                vec![self.once(replay, "jti", &[token.issuer().as_bytes(), id.as_bytes()], self.token_window(replay, token))]
            }
        })
    }

    fn once(&self, replay: &Replay, kind: &'static str, parts: &[&[u8]], until: Timestamp) -> Asked {
        let demand = Demand { tag: self.tag(kind, parts), what: What::Once { until, counts: replay.counts } };
        let counter = (replay.scope == Scope::Cluster).then(|| Counter::Once { kind, tag: Tag::of(SHARED, kind, parts) });
        Asked { demand, once_a_call: matches!(replay.key, ReplayKey::Nonce | ReplayKey::TokenId), counter, quota: None }
    }

    fn time(&self) -> Option<Timestamp> {
        self.event.time.as_ref().map(|time| time.at)
    }

    /// Until when what is of this time is young enough to come again.
    fn window(&self, replay: &Replay, at: Option<Timestamp>) -> Result<Timestamp, Violation> {
        let at = at.ok_or_else(|| absent("time"))?;
        if at > self.now.after(LEEWAY) || self.now.since(at) >= replay.window {
            return Err(Violation::Stale { at });
        }
        // Longer than this event's time is good for: the same event could come with another time.
        Ok(self.now.after(LEEWAY).after(replay.window))
    }

    /// Until when a token is good, the leeway that an issuer may have included.
    fn token_window(&self, replay: &Replay, token: &VerifiedToken) -> Timestamp {
        token.expires().max(self.now).after(replay.window)
    }

    fn sequence(&self, sequence: &Sequence) -> Result<Asked, Violation> {
        let number = match &sequence.number {
            NumberAt::Attribute(name) => self.event.attribute(name).map(str::to_owned).ok_or_else(|| absent(name))?,
            NumberAt::Data(pointer) => self.number_in_data(pointer)?,
        };
        let number = parse_number(&number).ok_or_else(|| Violation::NotANumber { found: shorten(&number) })?;
        let tag = self.tag("sequence", &[self.publisher().as_bytes(), self.source()]);
        let what = What::Next { number, gaps: sequence.gaps, keep: sequence.keep };
        Ok(Asked { demand: Demand { tag, what }, once_a_call: false, counter: None, quota: None })
    }

    fn number_in_data(&self, pointer: &Pointer) -> Result<String, Violation> {
        let document = Document::parse(self.event.data.bytes(), self.depth).map_err(|_| absent(&pointer.to_string()))?;
        match document.root().at(pointer).map(|value| value.kind()) {
            Some(Kind::Number(number)) => Ok(number.to_owned()),
            Some(Kind::String(text)) => Ok(text.into_owned()),
            Some(Kind::Null | Kind::Bool(_) | Kind::Array | Kind::Object) | None => Err(absent(&pointer.to_string())),
        }
    }

    fn rate(&self, rule: &RateRule, scope: &str, index: usize) -> Asked {
        let event = self.event;
        let key = |key: &RateKey| match key {
            RateKey::Publisher => self.publisher().as_bytes(),
            RateKey::Type => event.event_type.as_bytes(),
            RateKey::Topic => event.topic.as_deref().unwrap_or_default().as_bytes(),
            RateKey::Source => self.source(),
        };
        let keys: Vec<&[u8]> = rule.by.iter().map(key).collect();
        let index = index.to_le_bytes();
        let parts = [&[scope.as_bytes(), &index], keys.as_slice()].concat();
        let cost = match rule.counted {
            Counted::Events => 1,
            Counted::Bytes => u64::try_from(event.data.bytes().len()).unwrap_or(u64::MAX),
        };
        let counter = rule.at_limiter.as_ref().map(|name| Counter::Rate {
            name: Arc::clone(name),
            by: (!keys.is_empty()).then(|| Tag::of(SHARED, "rate", &keys)),
            hits: cost,
        });
        let (tag, rate) = (self.tag("rate", &parts), rule.rate);
        let quota = rule.told.as_ref().map(|policy| Quota {
            policy: Arc::clone(policy),
            tag,
            rate,
            at_limiter: rule.at_limiter.clone(),
            left_at_limiter: None,
        });
        Asked { demand: Demand { tag, what: What::Spend { rate, cost } }, once_a_call: false, counter, quota }
    }
}

fn absent(what: &str) -> Violation {
    Violation::Absent(shorten(what))
}

/// A whole number, of digits alone: what CloudEvents' extension `sequence` has with the type `Integer`, leading zeros included.
fn parse_number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
