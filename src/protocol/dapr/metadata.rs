//! The metadata of a Dapr call, which may set the attributes of the CloudEvent that Dapr makes: from query parameters, a map of a
//! message, or JSON. Dapr looks some keys up without regard to case, so one that differs from ours only by case is refused.

use std::borrow::Cow;

use super::{Message, WRAPPED};
use crate::budget::Budget;
use crate::json;
use crate::protobuf::Value;
use crate::protocol::attributes::{Found, check_text};
use crate::protocol::cloudevents::percent_decode;
use crate::protocol::{Data, Event, ProtocolError, malformed, repeated, shown};

/// What of a call's metadata makes the event.
#[derive(Debug, Clone, Default)]
pub(super) struct Metadata<'a> {
    /// The attributes that `cloudevent.` keys set, in the order of [`ATTRIBUTES`].
    attributes: [Option<Cow<'a, str>>; 4],
    payload: Option<Payload>,
}

/// Whether Dapr wraps the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    Wrapped,
    /// It hands it on as it is (`rawPayload`).
    Raw,
}

const ATTRIBUTES: [&str; 4] = ["type", "id", "source", "subject"];
const PREFIX: &str = "cloudevent.";
/// What a parameter's name has in front of the key.
const PARAMETER: &str = "metadata.";

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

impl<'a> Metadata<'a> {
    /// Of the parameters `metadata.KEY=VALUE`. Go, which Dapr is written in, passes over what is not encoded well and parameters with
    /// a semicolon, and takes the first of two.
    pub(super) fn of_query(query: &'a str, budget: &Budget) -> Result<Self, ProtocolError> {
        let wrong = || malformed("the query of the call is not encoded as it must be");
        let mut pairs = Vec::new();
        for (name, value) in parameters(query) {
            let (name, value) = (name.ok_or_else(wrong)?, value.ok_or_else(wrong)?);
            if let Some(key) = name.strip_prefix(PARAMETER) {
                pairs.push((Cow::Owned(key.to_owned()), value));
            }
        }
        Self::of_pairs(pairs, budget)
    }

    /// Of a map of a message.
    pub(super) fn of_entries(message: &Message<'a>, number: u32, budget: &Budget) -> Result<Self, ProtocolError> {
        let mut pairs = Vec::new();
        for (name, value) in message.entries(number) {
            pairs.push((name, value.and_then(Value::text).unwrap_or_default()));
        }
        Self::of_pairs(pairs, budget)
    }

    /// Of a JSON object.
    pub(super) fn of_json(value: json::Value<'_, 'a>, budget: &Budget) -> Result<Self, ProtocolError> {
        let mut pairs = Vec::new();
        for (name, value) in value.members().ok_or_else(|| malformed("`metadata` is not a JSON object"))? {
            pairs.push((name, value.as_str().ok_or_else(|| malformed("a value of `metadata` is not a string"))?));
        }
        Self::of_pairs(pairs, budget)
    }

    fn of_pairs(pairs: Vec<Pair<'a>>, budget: &Budget) -> Result<Self, ProtocolError> {
        let lower: Vec<String> = pairs.iter().map(|(key, _)| key.to_ascii_lowercase()).collect();
        if pairs.len() > budget.attributes || repeated(&mut lower.iter().map(String::as_str)).is_some() {
            return Err(malformed("a key of the metadata is there twice, or there are too many"));
        }
        let mut metadata = Self::default();
        for ((key, value), lower) in pairs.into_iter().zip(lower) {
            metadata.add(&key, value, &lower)?;
        }
        Ok(metadata)
    }

    fn add(&mut self, key: &str, value: Cow<'a, str>, lower: &str) -> Result<(), ProtocolError> {
        let wrong = || malformed(format!("the metadata `{}` is not read as it is written", shown(key)));
        // Dapr's decoder takes `-` for every field of the event that it is told not to set.
        if !key.is_ascii() || key == "-" {
            return Err(wrong());
        }
        if lower == "rawpayload" {
            self.payload = Some(payload(&value).filter(|_| key == "rawPayload").ok_or_else(wrong)?);
        } else if let Some(name) = lower.strip_prefix(PREFIX) {
            if key != lower || value.is_empty() {
                return Err(wrong());
            }
            match (ATTRIBUTES.iter().zip(&mut self.attributes).find(|(known, _)| **known == name), name) {
                (Some((_, slot)), _) => *slot = Some(value),
                (None, "traceid" | "tracestate" | "traceparent") => {}
                (None, _) => return Err(wrong()),
            }
        }
        Ok(())
    }

    /// The metadata of an entry of a call with this metadata. Whether what the call says holds for an entry too, Dapr decides by
    /// whether the entry has any metadata: an attribute must be said where it is meant.
    pub(super) fn with_entry(&self, entry: Self) -> Result<Self, ProtocolError> {
        let missing = self.attributes.iter().zip(&entry.attributes).any(|(call, entry)| call.is_some() && entry.is_none());
        let payload = self.payload.unwrap_or(Payload::Wrapped);
        if missing || entry.payload.is_some_and(|own| own != payload) {
            return Err(malformed("the metadata of the call and that of an entry are not the same"));
        }
        Ok(Self { payload: Some(payload), ..entry })
    }

    /// A CloudEvent as the publisher wrote it: Dapr does not change it, raw or not.
    pub(super) fn on_cloud_event(&self, event: Event<'a>) -> Result<Event<'a>, ProtocolError> {
        if self.attributes.iter().any(Option::is_some) {
            return Err(malformed("the metadata sets attributes of a CloudEvent that has its own"));
        }
        Ok(event)
    }

    /// The event that Dapr makes of other data. It chooses the id and the time, and its source is the application's id; raw data
    /// would be an event of whatever type a reader finds in it.
    pub(super) fn wrap(&self, data: Data<'a>, content_type: Option<Cow<'a, str>>) -> Result<Event<'a>, ProtocolError> {
        if self.payload == Some(Payload::Raw) {
            return Err(malformed("a raw payload that is no CloudEvent"));
        }
        let [event_type, id, source, subject] = self.attributes.clone();
        let event_type = event_type.or(Some(Cow::Borrowed(WRAPPED)));
        let event = Found { event_type, id, source, subject, ..Found::default() }.event(data)?;
        // A parameter's quoted value may hold anything that an attribute may not.
        content_type.as_deref().map_or(Ok(()), |text| check_text("datacontenttype", text))?;
        Ok(Event { data_content_type: content_type, ..event })
    }
}

/// The names of the parameters that set attributes, or may be taken to.
pub(super) fn attribute_parameters(query: &str) -> Vec<Cow<'_, str>> {
    let sets = |name: &str| name.strip_prefix(PARAMETER).is_some_and(|key| key.to_ascii_lowercase().starts_with(PREFIX));
    parameters(query).filter_map(|(name, _)| name.filter(|name| sets(name))).collect()
}

/// The names and values of a query; `None` for those that are not encoded as they must be.
fn parameters(query: &str) -> impl Iterator<Item = (Option<Cow<'_, str>>, Option<Cow<'_, str>>)> {
    query.split('&').filter(|parameter| !parameter.is_empty()).map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let decode = |text| {
            let text = if str::contains(text, '+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
            percent_decode(text).filter(|_| !parameter.contains([';', '#']))
        };
        (decode(name), decode(value))
    })
}

/// The words that Go takes for a truth value; empty is as absent.
fn payload(value: &str) -> Option<Payload> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(Payload::Raw),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(Payload::Wrapped),
        _ => None,
    }
}
