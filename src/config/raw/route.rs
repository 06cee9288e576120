//! Routes, as they are written.

use serde::Deserialize;

use super::protocol::{Envelope, Grpc};

/// A kind of publish call.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Route {
    /// What records and metrics call it.
    #[cfg_attr(feature = "cli", schemars(required, length(min = 1)))]
    pub name: Option<String>,
    /// Which calls take it: those that keep all that is said here.
    #[serde(rename = "match")]
    #[cfg_attr(feature = "cli", schemars(required))]
    pub matches: Option<Match>,
    /// How they carry events.
    #[cfg_attr(feature = "cli", schemars(required))]
    pub protocol: Option<Protocol>,
    /// The topic of events that do not name one themselves, `{name}` being a variable of the path. Without this key it is the
    /// path's variable `topic`.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub topic: Option<String>,
    /// Where the document keeps what an event says of itself; with the protocol `json`, and only there.
    pub json: Option<Envelope>,
    /// What the messages of gRPC calls are: with the protocol `grpc`; and with `cloudevents`, where the message is not just a
    /// CloudEvent. Such a route takes gRPC calls alone.
    pub grpc: Option<Grpc>,
    /// Which Pub/Sub attributes say what an event is; with the protocol `pubsub`, and only there. Without this key they are those of the
    /// CloudEvents binding.
    #[cfg_attr(feature = "cli", schemars(with = "Option<super::protocol::Pubsub>"))]
    pub pubsub: Option<Envelope>,
    /// Which of Dapr's pub/sub components the calls may go to; with the protocol `dapr`, and only there. Without this key it is any:
    /// topics of the same name are taken for the same.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub components: Option<Vec<String>>,
    /// Whether no token is asked for: false. The publisher is then the signer's, where there is a signature.
    pub anonymous: Option<bool>,
    /// What becomes of a batch with a refused event: `refuse-all`, unless this says otherwise.
    pub batch: Option<Batches>,
}

/// What becomes of a batch with a refused event.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Batches {
    /// It is refused whole.
    RefuseAll,
    /// It goes on without its refused events, and the answer names them. With the protocols `cloudevents`, `kafka-rest` and `pubsub`, and
    /// only where no rule demands a signature over the whole body.
    DropRefused,
}

/// Which calls take a route; at least one of these.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a map")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema), schemars(deny_unknown_fields, extend("minProperties" = 1)))]
pub struct Match {
    /// One of these methods.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub methods: Option<Vec<String>>,
    /// One of these hosts; `*.name` is every host below it. Without a port it stands for every port.
    #[cfg_attr(feature = "cli", schemars(length(min = 1)))]
    pub hosts: Option<Vec<String>>,
    /// A path of this template, `{name}` being one segment.
    pub path: Option<String>,
    /// This gRPC method, `package.Service/Method`.
    pub grpc: Option<String>,
    /// Envoy's name of its own route.
    pub route_name: Option<String>,
}

/// How calls carry events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub enum Protocol {
    /// CloudEvents over HTTP.
    #[serde(rename = "cloudevents")]
    CloudEvents,
    /// One JSON document that is one event.
    Json,
    /// Kafka REST, v2 and v3.
    KafkaRest,
    /// Google Pub/Sub, gRPC and REST.
    #[serde(rename = "pubsub")]
    PubSub,
    /// Dapr's publish calls, HTTP and gRPC.
    Dapr,
    /// gRPC calls of a service that `grpc` describes.
    Grpc,
}
