//! An event as the test says it, and the message that it is in each service.

use serde::Deserialize;

use crate::messages::{CloudEvent, Item, PubsubMessage, PubsubRequest, ShopRequest};

/// What is absent is left out of the message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    pub r#type: Option<String>,
    pub id: Option<String>,
    pub source: Option<String>,
    pub topic: String,
    pub data: String,
}

impl From<Event> for CloudEvent {
    fn from(event: Event) -> Self {
        Self {
            id: event.id.unwrap_or_default(),
            source: event.source.unwrap_or_default(),
            spec_version: "1.0".to_owned(),
            r#type: event.r#type.unwrap_or_default(),
            binary_data: Some(event.data.into_bytes()),
        }
    }
}

impl From<Event> for PubsubMessage {
    fn from(event: Event) -> Self {
        let core = [
            ("ce-specversion", Some("1.0".to_owned())),
            ("ce-id", event.id),
            ("ce-source", event.source),
            ("ce-type", event.r#type),
        ];
        let attributes = core.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        Self { data: event.data.into_bytes(), attributes }
    }
}

impl From<Event> for Item {
    fn from(event: Event) -> Self {
        Self {
            kind: event.r#type.unwrap_or_default(),
            id: event.id.unwrap_or_default(),
            origin: event.source.unwrap_or_default(),
            body: event.data.into_bytes(),
        }
    }
}

/// One request with all the events, which go to the topic of the first.
pub fn pubsub(events: Vec<Event>) -> PubsubRequest {
    let topic = events.first().map(|event| format!("projects/shop/topics/{}", event.topic)).unwrap_or_default();
    PubsubRequest { topic, messages: events.into_iter().map(PubsubMessage::from).collect() }
}

/// One request with all the events, which go to the topic of the first.
pub fn shop(events: Vec<Event>) -> ShopRequest {
    let topic = events.first().map(|event| event.topic.clone()).unwrap_or_default();
    ShopRequest { topic, items: events.into_iter().map(Item::from).collect() }
}
