//! The conditions of an event type: what is known of an event as the variables of CEL. Nothing is copied: a value is looked up when a
//! condition names it.

use std::borrow::Cow;

use super::{JsonData, Violation, shorten};
use crate::call::{Head, Peer};
use crate::cel::{Activation, Condition, Environment, Fault, Map, Moment, Table, Type, Value};
use crate::identity::{Publisher, VerifiedToken};
use crate::protocol::{Event, Extension};
use crate::signature::VerifiedSignature;
use crate::time::Timestamp;

/// What a condition may cost, in the steps of CEL: some milliseconds at most.
const STEPS: u64 = 100_000;

/// Everything that conditions may name.
#[derive(Debug)]
pub struct Facts<'a, 'd> {
    /// The event.
    pub event: &'a Event<'a>,
    /// Who publishes it.
    pub publisher: Option<&'a Publisher>,
    /// Where the call comes from.
    pub peer: Option<&'a Peer>,
    /// What covers the event.
    pub signatures: &'a [VerifiedSignature],
    /// The name of the route.
    pub route: &'a str,
    /// The head of the call.
    pub head: &'a Head,
    /// What time it is.
    pub now: Timestamp,
    /// Its data.
    pub data: &'a JsonData<'d>,
}

/// A variable: how a condition names it, what it is, and where its value is.
struct Variable {
    name: &'static str,
    kind: fn() -> Type,
    value: for<'k> fn(&'k Known<'_, '_>) -> Option<Value<'k>>,
}

macro_rules! variables {
    ($($name:tt: $kind:expr, $value:expr;)*) => {
        [$(Variable { name: $name, kind: || $kind, value: $value }),*]
    };
}

/// What may be there and yet have no value.
const DATA: &str = "event.data";

/// The variables, each found by its place.
static VARIABLES: [Variable; 23] = variables! {
    "event.type": Type::String, |known| text(Some(&known.facts.event.event_type));
    "event.id": Type::String, |known| text(known.facts.event.id.as_deref());
    "event.source": Type::String, |known| text(known.facts.event.source.as_deref());
    "event.subject": Type::String, |known| text(known.facts.event.subject.as_deref());
    "event.topic": Type::String, |known| text(known.facts.event.topic.as_deref());
    "event.time": Type::Timestamp, |known| moment(known.facts.event.time.as_ref()?.at);
    "event.datacontenttype": Type::String, |known| text(known.facts.event.data_content_type.as_deref());
    "event.dataschema": Type::String, |known| text(known.facts.event.data_schema.as_deref());
    "event.extensions": Type::map(Type::String, Type::String), |known| Some(Value::Map(Map::Table(&known.extensions)));
    DATA: Type::Dyn, |known| known.data();
    "event.size": Type::Int, |known| i64::try_from(known.facts.event.data.bytes().len()).ok().map(Value::Int);
    "claims": Type::map(Type::String, Type::Dyn), |known| Some(Value::from_json(known.token()?.claims()));
    "publisher.issuer": Type::String, |known| text(known.facts.publisher?.issuer());
    "publisher.subject": Type::String, |known| text(Some(known.facts.publisher?.subject()));
    "peer.uri": Type::String, |known| text(known.facts.peer?.uri());
    "signer.keyId": Type::String, |known| text(Some(known.facts.signatures.first()?.key_id()));
    "signer.publisher": Type::String, |known| text(Some(known.facts.signatures.first()?.publisher()));
    "route.name": Type::String, |known| text(Some(known.facts.route));
    "request.method": Type::String, |known| text(Some(known.facts.head.method()));
    "request.authority": Type::String, |known| text(Some(known.facts.head.authority()));
    "request.path": Type::String, |known| text(Some(known.facts.head.path()));
    "request.headers": Type::map(Type::String, Type::String), |known| Some(Value::Map(Map::Table(&known.headers)));
    "now": Type::Timestamp, |known| moment(known.facts.now);
};

/// What conditions are checked against when the policy is compiled.
#[must_use]
pub fn environment() -> Environment {
    VARIABLES.iter().fold(Environment::default(), |environment, variable| environment.with(variable.name, (variable.kind)()))
}

/// Whether all conditions hold.
pub(super) fn check(conditions: &[Condition], facts: &Facts<'_, '_>) -> Result<(), Violation> {
    let known = Known { facts, extensions: Extensions(&facts.event.extensions), headers: Headers(facts.head) };
    for (index, condition) in conditions.iter().enumerate() {
        match condition.holds(&known, STEPS) {
            Ok(true) => {}
            Ok(false) => return Err(Violation::Condition { index }),
            Err(error) => return Err(Violation::NoCondition { index, error }),
        }
    }
    Ok(())
}

/// The facts, as variables see them.
struct Known<'f, 'd> {
    facts: &'f Facts<'f, 'd>,
    extensions: Extensions<'f>,
    headers: Headers<'f>,
}

impl Known<'_, '_> {
    /// The data, where it is JSON.
    fn data(&self) -> Option<Value<'_>> {
        Some(Value::from_json(self.facts.data.document()?.root()))
    }

    fn token(&self) -> Option<&VerifiedToken> {
        self.facts.publisher.and_then(Publisher::token)
    }
}

impl Activation for Known<'_, '_> {
    fn resolve(&self, slot: usize) -> Result<Option<Value<'_>>, Fault> {
        let Some(variable) = VARIABLES.get(slot) else { return Ok(None) };
        match (variable.value)(self) {
            // Were it taken for absent, a caller could keep it from conditions by a slip in its form that others overlook.
            None if variable.name == DATA && !self.facts.data.bytes.is_empty() => Err(Fault::Conversion { to: "JSON" }),
            value => Ok(value),
        }
    }
}

fn text(text: Option<&str>) -> Option<Value<'_>> {
    text.map(Value::from)
}

fn moment(at: Timestamp) -> Option<Value<'static>> {
    Some(Value::Timestamp(Moment::from(at)))
}

/// The extension attributes of an event, by name.
#[derive(Debug)]
struct Extensions<'f>(&'f [Extension<'f>]);

impl Table for Extensions<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn entry(&self, at: usize) -> Result<(&str, Value<'_>), Fault> {
        self.0.get(at).map(|extension| (&*extension.name, Value::from(&*extension.value))).ok_or(Fault::NoSuchIndex)
    }

    fn find(&self, name: &str) -> Result<Option<Value<'_>>, Fault> {
        Ok(self.0.iter().find(|extension| extension.name == name).map(|extension| Value::from(&*extension.value)))
    }
}

/// The headers of a call, by name without regard to case (RFC 9110 section 5.1). One that is there twice, or is not text, or that servers
/// take another one for, is neither absent nor one value.
#[derive(Debug)]
struct Headers<'f>(&'f Head);

impl Table for Headers<'_> {
    fn len(&self) -> usize {
        self.0.headers().count()
    }

    fn entry(&self, at: usize) -> Result<(&str, Value<'_>), Fault> {
        let (name, _) = self.0.headers().nth(at).ok_or(Fault::NoSuchIndex)?;
        Ok((name, self.find(name)?.ok_or(Fault::NoSuchIndex)?))
    }

    fn find(&self, name: &str) -> Result<Option<Value<'_>>, Fault> {
        let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
        let lower = if is_lower { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) };
        let found = self.0.check_look_alike(&lower).and_then(|()| self.0.text(&lower));
        found.map(|value| value.map(Value::from)).map_err(|_| Fault::NotOneText(shorten(name)))
    }
}
