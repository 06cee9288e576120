//! The messages of the methods that are published to, and of what a refusal carries, written by hand after their `.proto` files.

use std::collections::BTreeMap;

use prost::Message;

/// `io.cloudevents.v1.CloudEvent` with data in bytes.
#[derive(Clone, PartialEq, Message)]
pub struct CloudEvent {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, tag = "2")]
    pub source: String,
    #[prost(string, tag = "3")]
    pub spec_version: String,
    #[prost(string, tag = "4")]
    pub r#type: String,
    /// Alone in its `oneof`, which has a presence as `optional` has.
    #[prost(bytes = "vec", optional, tag = "6")]
    pub binary_data: Option<Vec<u8>>,
}

/// `google.pubsub.v1.PublishRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct PubsubRequest {
    #[prost(string, tag = "1")]
    pub topic: String,
    #[prost(message, repeated, tag = "2")]
    pub messages: Vec<PubsubMessage>,
}

/// `google.pubsub.v1.PubsubMessage`.
#[derive(Clone, PartialEq, Message)]
pub struct PubsubMessage {
    #[prost(bytes = "vec", tag = "1")]
    pub data: Vec<u8>,
    #[prost(btree_map = "string, string", tag = "2")]
    pub attributes: BTreeMap<String, String>,
}

/// `google.pubsub.v1.PublishResponse`.
#[derive(Clone, PartialEq, Message)]
pub struct PubsubResponse {
    #[prost(string, repeated, tag = "1")]
    pub message_ids: Vec<String>,
}

/// `shop.v1.PublishRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct ShopRequest {
    #[prost(string, tag = "1")]
    pub topic: String,
    #[prost(message, repeated, tag = "2")]
    pub items: Vec<Item>,
}

/// `shop.v1.Item`.
#[derive(Clone, PartialEq, Message)]
pub struct Item {
    #[prost(string, tag = "1")]
    pub kind: String,
    #[prost(string, tag = "2")]
    pub id: String,
    #[prost(string, tag = "3")]
    pub origin: String,
    #[prost(bytes = "vec", tag = "4")]
    pub body: Vec<u8>,
}

/// `shop.v1.Receipt`.
#[derive(Clone, PartialEq, Message)]
pub struct Receipt {
    #[prost(int32, tag = "1")]
    pub count: i32,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// `google.rpc.ErrorInfo`.
#[derive(Clone, PartialEq, Message)]
pub struct ErrorInfo {
    #[prost(string, tag = "1")]
    pub reason: String,
    #[prost(string, tag = "2")]
    pub domain: String,
}
