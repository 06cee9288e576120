//! Attributes that stand beside the data (HTTP and Kafka headers, Pub/Sub attributes) into an event, or held against the event
//! that the data is. Knows nothing of how one of them writes its values.

use std::borrow::Cow;

use crate::budget::Budget;

use super::attributes::Attributes;
use super::media::MediaType;
use super::{Data, Event, ProtocolError, malformed, repeated, shown, without_start};

/// A name and a value.
pub(super) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// What stands beside the data of one event.
#[derive(Debug)]
pub(super) struct Binding<'a> {
    prefix: &'static str,
    content_type: Option<Cow<'a, str>>,
    /// Names without the prefix; each once.
    attributes: Vec<Pair<'a>>,
}

/// Where the attributes of the event are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The data is the event, the content type says so.
    Structured,
    /// The attributes are beside the data.
    Binary,
    /// Nothing is said.
    Unsaid,
}

impl<'a> Binding<'a> {
    /// Attributes under `prefix` and the content type, as they are written beside the data.
    pub(super) fn new(prefix: &'static str, content_type: Option<Cow<'a, str>>) -> Self {
        Self { prefix, content_type, attributes: Vec::new() }
    }

    /// From names and values as they are; all but attributes and the content type is passed over. Names that only differ by case
    /// from ours are refused, since somebody behind us may read them as ours.
    pub(super) fn from_pairs(
        prefix: &'static str,
        pairs: impl Iterator<Item = Result<Pair<'a>, ProtocolError>>,
        budget: &Budget,
    ) -> Result<Self, ProtocolError> {
        let mut binding = Self::new(prefix, None);
        for pair in pairs {
            let (name, value) = pair?;
            if name.eq_ignore_ascii_case("content-type") {
                if binding.content_type.replace(value).is_some() {
                    return Err(malformed("the content type is there twice"));
                }
            } else if let Some(start) = name.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix)) {
                if start != prefix {
                    return Err(malformed(format!("`{}` is not in lower case", shown(&name))));
                }
                binding.add(without_start(name, prefix.len()), value, budget)?;
            }
        }
        match binding.repeated() {
            Some(name) => Err(malformed(format!("`{prefix}{}` is there twice", shown(name)))),
            None => Ok(binding),
        }
    }

    /// Adds an attribute, its name without the prefix.
    pub(super) fn add(&mut self, name: Cow<'a, str>, value: Cow<'a, str>, budget: &Budget) -> Result<(), ProtocolError> {
        if self.attributes.len() >= budget.attributes {
            return Err(malformed(format!("an event has more than {} attributes", budget.attributes)));
        }
        self.attributes.push((name, value));
        Ok(())
    }

    /// A name that is there twice.
    fn repeated(&self) -> Option<&str> {
        repeated(&mut self.attributes.iter().map(|(name, _)| name.as_ref()))
    }

    /// Where the attributes of the event are.
    pub(super) fn mode(&self) -> Result<Mode, ProtocolError> {
        let media = match self.content_type.as_deref() {
            Some(text) => {
                Some(MediaType::parse(text).ok_or_else(|| malformed(format!("`{}` is not a media type", shown(text))))?)
            }
            None => None,
        };
        match media {
            Some(media) if media.is_application("cloudevents+json") && media.is_utf8() => Ok(Mode::Structured),
            Some(media) if media.is_cloudevents() || (media.is_json() && !media.is_utf8()) => {
                Err(malformed("the content type of an event is none that is read here"))
            }
            Some(_) | None if self.attributes.is_empty() => Ok(Mode::Unsaid),
            Some(_) | None => Ok(Mode::Binary),
        }
    }

    /// The event of these attributes and that data (binary mode).
    pub(super) fn event(self, data: Data<'a>, topic: Option<&'a str>, budget: &Budget) -> Result<Event<'a>, ProtocolError> {
        let mut attributes = Attributes::up_to(budget.attributes);
        for (name, value) in self.attributes {
            // The content type is this attribute (HTTP binding section 3.1.1); a second voice may only say the same.
            if name != "datacontenttype" || self.content_type.is_none() {
                attributes.add(name, Some(value))?;
            } else if self.content_type.as_deref() != Some(value.as_ref()) {
                return Err(mismatch(self.prefix, &name));
            }
        }
        if let Some(content_type) = self.content_type {
            attributes.add(Cow::Borrowed("datacontenttype"), Some(content_type))?;
        }
        attributes.event(data, topic)
    }

    /// Refuses attributes beside a structured event that say something else than the event does.
    pub(super) fn agree_with(&self, event: &Event<'_>) -> Result<(), ProtocolError> {
        let disagrees = |(name, value): &&Pair<'_>| event.attribute(name) != Some(value.as_ref());
        match self.attributes.iter().find(disagrees) {
            Some((name, _)) => Err(mismatch(self.prefix, name)),
            None => Ok(()),
        }
    }
}

fn mismatch(prefix: &str, name: &str) -> ProtocolError {
    ProtocolError::HeaderMismatch(format!("{prefix}{}", shown(name)))
}
