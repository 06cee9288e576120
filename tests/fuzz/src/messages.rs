//! Messages as a generated decoder reads them; what does not matter here is left as it is.

use std::collections::HashMap;

use eventguard::protocol::{Codec, Form};
use prost::Message;

/// `google.pubsub.v1.PublishRequest`
#[derive(Clone, PartialEq, Message)]
pub struct PublishRequest {
    /// Where the messages go.
    #[prost(string, tag = "1")]
    pub topic: String,
    /// The messages.
    #[prost(message, repeated, tag = "2")]
    pub messages: Vec<PubsubMessage>,
}

/// `google.pubsub.v1.PubsubMessage`
#[derive(Clone, PartialEq, Message)]
pub struct PubsubMessage {
    /// What it carries.
    #[prost(bytes = "vec", tag = "1")]
    pub data: Vec<u8>,
    /// What it says of that.
    #[prost(map = "string, string", tag = "2")]
    pub attributes: HashMap<String, String>,
    #[prost(bytes = "vec", tag = "3")]
    message_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    publish_time: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    ordering_key: Vec<u8>,
}

/// `dapr.proto.runtime.v1.PublishEventRequest`
#[derive(Clone, PartialEq, Message)]
pub struct DaprPublish {
    #[prost(string, tag = "1")]
    pubsub_name: String,
    /// Where the event goes.
    #[prost(string, tag = "2")]
    pub topic: String,
    /// What it carries, or the event.
    #[prost(bytes = "vec", tag = "3")]
    pub data: Vec<u8>,
    /// Which of the two.
    #[prost(string, tag = "4")]
    pub data_content_type: String,
    /// What else is said of it.
    #[prost(map = "string, string", tag = "5")]
    pub metadata: HashMap<String, String>,
}

/// `dapr.proto.runtime.v1.BulkPublishRequest`
#[derive(Clone, PartialEq, Message)]
pub struct DaprBulkPublish {
    #[prost(string, tag = "1")]
    pubsub_name: String,
    /// Where the events go.
    #[prost(string, tag = "2")]
    pub topic: String,
    /// The events.
    #[prost(message, repeated, tag = "3")]
    pub entries: Vec<DaprEntry>,
    /// What is said of all.
    #[prost(map = "string, string", tag = "4")]
    pub metadata: HashMap<String, String>,
}

/// `dapr.proto.runtime.v1.BulkPublishRequestEntry`
#[derive(Clone, PartialEq, Message)]
pub struct DaprEntry {
    #[prost(string, tag = "1")]
    entry_id: String,
    /// What it carries, or the event.
    #[prost(bytes = "vec", tag = "2")]
    pub event: Vec<u8>,
    /// Which of the two.
    #[prost(string, tag = "3")]
    pub content_type: String,
    /// What else is said of it.
    #[prost(map = "string, string", tag = "4")]
    pub metadata: HashMap<String, String>,
}

/// The message of a call that is one frame, in Protocol Buffers. `None` where it is compressed or in another form, which the generated
/// decoder does not read.
#[must_use]
pub fn framed(form: Form, content: &[u8]) -> Option<&[u8]> {
    let (prefix, message) = content.split_first_chunk::<5>().expect("a frame");
    assert_eq!(message.len().to_be_bytes()[4..], prefix[1..], "the frame is not the body");
    (form == Form::Grpc(Codec::Proto) && prefix[0] == 0).then_some(message)
}
