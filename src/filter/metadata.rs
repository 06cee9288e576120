//! What Envoy's route metadata says to the filter: `filter_metadata.eventguard`, a serialized `envoy.config.core.v3.Metadata`.

use prost::Message;

use crate::config::protostruct::{Field, Struct, Value, value::Kind};
use crate::rules::Mode;

/// `envoy.config.core.v3.Metadata`, as far as it is read.
#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(message, repeated, tag = "1")]
    filter_metadata: Vec<FilterMetadata>,
}

/// What is said to one filter: an entry of a map.
#[derive(Clone, PartialEq, Message)]
struct FilterMetadata {
    #[prost(string, tag = "1")]
    filter: String,
    #[prost(message, optional, tag = "2")]
    says: Option<Struct>,
}

/// Settings of an Envoy route for the filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteSettings {
    /// The policy's route to judge by.
    pub route: Option<String>,
    /// The mode, instead of the policy's.
    pub mode: Option<Mode>,
}

/// Why the metadata cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// The proxy does not hand it over.
    #[error("the proxy does not hand over the route metadata")]
    Unreadable,
    /// Not a serialized `Metadata`.
    #[error("the route metadata is not a serialized envoy.config.core.v3.Metadata")]
    Malformed,
    /// A key that means nothing here.
    #[error("the route metadata `eventguard` has a key that is not known: `{0}`")]
    UnknownKey(String),
    /// A value that means nothing here.
    #[error("the route metadata `eventguard.{0}` has a value that is not known")]
    UnknownValue(&'static str),
}

impl RouteSettings {
    /// Reads the metadata of a route; without a word for the filter it says nothing.
    ///
    /// # Errors
    ///
    /// [`MetadataError`]: a word that is not understood must not be passed over, it may have been meant to be stricter.
    pub fn parse(metadata: &[u8]) -> Result<Self, MetadataError> {
        let metadata = Metadata::decode(metadata).map_err(|_| MetadataError::Malformed)?;
        let ours = metadata.filter_metadata.into_iter().rfind(|entry| entry.filter == "eventguard");
        let mut settings = Self::default();
        for Field { name, value } in ours.and_then(|ours| ours.says).unwrap_or_default().fields {
            let value = value.as_ref();
            match name.as_str() {
                "route" => settings.route = Some(text(value).ok_or(MetadataError::UnknownValue("route"))?.to_owned()),
                "mode" => {
                    settings.mode = Some(match text(value) {
                        Some("enforce") => Mode::Enforce,
                        Some("observe") => Mode::Observe,
                        Some(_) | None => return Err(MetadataError::UnknownValue("mode")),
                    });
                }
                unknown => return Err(MetadataError::UnknownKey(crate::call::cut(unknown, 64).to_owned())),
            }
        }
        Ok(settings)
    }
}

fn text(value: Option<&Value>) -> Option<&str> {
    match &value?.kind {
        Some(Kind::StringValue(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields of one entry, each with its value.
    type Fields<'f> = &'f [(&'f str, Option<Kind>)];

    fn says(entries: &[(&str, Fields<'_>)]) -> Result<RouteSettings, MetadataError> {
        let field = |(name, kind): &(&str, Option<Kind>)| Field {
            name: (*name).to_owned(),
            value: kind.clone().map(|kind| Value { kind: Some(kind) }),
        };
        let entry = |(filter, fields): &(&str, Fields<'_>)| FilterMetadata {
            filter: (*filter).to_owned(),
            says: Some(Struct { fields: fields.iter().map(field).collect() }),
        };
        RouteSettings::parse(&Metadata { filter_metadata: entries.iter().map(entry).collect() }.encode_to_vec())
    }

    fn string(text: &str) -> Option<Kind> {
        Some(Kind::StringValue(text.to_owned()))
    }

    #[test]
    fn only_what_is_said_to_the_filter_counts_and_of_two_entries_the_last_one() {
        assert_eq!(RouteSettings::parse(&[]), Ok(RouteSettings::default()));
        assert_eq!(says(&[("istio", &[("mode", string("none"))])]), Ok(RouteSettings::default()));
        let found = says(&[
            ("eventguard", &[("mode", string("observe"))]),
            ("eventguard", &[("route", string("a")), ("route", string("b"))]),
        ]);
        assert_eq!(found, Ok(RouteSettings { route: Some("b".to_owned()), mode: None }));
    }

    #[test]
    fn a_word_that_is_not_understood_is_not_passed_over() {
        for (fields, error) in [
            ([("mode", string("off"))], MetadataError::UnknownValue("mode")),
            ([("mode", None)], MetadataError::UnknownValue("mode")),
            ([("route", Some(Kind::NumberValue(1.0)))], MetadataError::UnknownValue("route")),
            ([("rout", string("a"))], MetadataError::UnknownKey("rout".to_owned())),
        ] {
            assert_eq!(says(&[("eventguard", &fields)]), Err(error));
        }
        assert_eq!(RouteSettings::parse(b"\x0a\xff"), Err(MetadataError::Malformed));
    }
}
