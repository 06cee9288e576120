//! Where the events of a route have what they say of themselves, as it is written.

use serde::Deserialize;

#[cfg(feature = "cli")]
use crate::config::schema;

/// Where a JSON document keeps what an event says of itself: JSON Pointers (RFC 6901).
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Envelope {
    /// The event type.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "cli", schemars(required, with = "schema::Pointer"))]
    pub event_type: Option<String>,
    /// The id.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Pointer>"))]
    pub id: Option<String>,
    /// The source.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Pointer>"))]
    pub source: Option<String>,
    /// The time.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Pointer>"))]
    pub time: Option<String>,
    /// The subject.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Pointer>"))]
    pub subject: Option<String>,
    /// The data; without this key the whole document.
    #[cfg_attr(feature = "cli", schemars(with = "Option<schema::Pointer>"))]
    pub data: Option<String>,
}

/// What the messages of gRPC calls are. Fields are named as in their definition, with a dot before those inside: `meta.event_id`. A
/// dot in front starts at the message of the call, also where `event` says that the event is inside it: `.topic`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Grpc {
    /// The service's definition: a `FileDescriptorSet` in base64, as `protoc --include_imports --descriptor_set_out` writes it. With
    /// the protocol `cloudevents` it may be left out: the message is then a `io.cloudevents.v1.CloudEvent`.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub descriptors: Option<String>,
    /// The type of the message of a call, with its package. Without this key it is what the method of `match.grpc` takes.
    pub message: Option<String>,
    /// The field that is the event, or the list of them. Without this key the message of the call is the event.
    pub event: Option<String>,
    /// The field with the event type. Fields of attributes are strings (the time may be a `google.protobuf.Timestamp`), and mean
    /// something only with the protocol `grpc`.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// The field with the id.
    pub id: Option<String>,
    /// The field with the source.
    pub source: Option<String>,
    /// The field with the time.
    pub time: Option<String>,
    /// The field with the subject.
    pub subject: Option<String>,
    /// The field with the topic; where it is empty or there is none, the topic is the route's.
    pub topic: Option<String>,
    /// The field with the data; without this key it is the whole event.
    pub data: Option<String>,
    /// What becomes of messages with fields that their definition does not have: `refuse` (default), or `keep`: they go on, and
    /// whoever knows the fields reads what was not judged.
    pub unknown_fields: Option<UnknownFields>,
    /// Whether a call may have more than one message (client streaming). Without this key it is as the method of `match.grpc` says.
    pub stream: Option<bool>,
}

/// What becomes of a message with a field that its definition does not have.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum UnknownFields {
    /// It is refused.
    Refuse,
    /// It goes on.
    Keep,
}

// For the JSON Schema alone: it is read as an `Envelope`, so that no second type like that is compiled into the module.
/// Which Pub/Sub attributes say what an event is. A message that is a CloudEvent besides is refused.
#[cfg(feature = "cli")]
#[derive(Debug, schemars::JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "a shape, of which there is no value")]
pub struct Pubsub {
    /// The name of the attribute with the event type.
    #[schemars(rename = "type")]
    #[schemars(length(min = 1))]
    pub event_type: String,
    /// The name of the attribute with the id.
    #[schemars(length(min = 1))]
    pub id: Option<String>,
    /// The name of the attribute with the source.
    #[schemars(length(min = 1))]
    pub source: Option<String>,
    /// The name of the attribute with the time (RFC 3339).
    #[schemars(length(min = 1))]
    pub time: Option<String>,
    /// The name of the attribute with the subject.
    #[schemars(length(min = 1))]
    pub subject: Option<String>,
}
