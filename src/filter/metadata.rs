//! What Envoy's route metadata says to the filter: `filter_metadata.eventguard`, a serialized `envoy.config.core.v3.Metadata`.

use std::collections::HashMap;

use prost::Message;

use crate::config::protostruct::{Struct, Value, value::Kind};
use crate::rules::Mode;

/// `envoy.config.core.v3.Metadata`, as far as it is read.
#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(map = "string, message", tag = "1")]
    filter_metadata: HashMap<String, Struct>,
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
        let Some(ours) = metadata.filter_metadata.get("eventguard") else { return Ok(Self::default()) };
        let mut settings = Self::default();
        for (key, value) in &ours.fields {
            match key.as_str() {
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

fn text(value: &Value) -> Option<&str> {
    match &value.kind {
        Some(Kind::StringValue(text)) => Some(text),
        _ => None,
    }
}
