//! What the library reads of calls, for `test_readers.py`. In: a call a line, `{"protocol", "path", "contentType", "body"}`, the
//! body in base64. Out: a line each, `[[type, id, source, topic]...]`, or `null` where the call is refused.
#![allow(missing_docs, reason = "a test")]

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, BufRead, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventguard::budget::Budget;
use eventguard::call::Head;
use eventguard::json::Pointer;
use eventguard::protocol::json::Envelope;
use eventguard::protocol::{Event, Protocol, ProtocolError, content, dapr, pubsub};

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Call {
    protocol: String,
    path: String,
    content_type: String,
    body: String,
}

type Attributes = [Option<String>; 4];

fn main() -> Result<(), Box<dyn Error>> {
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let call: Call = serde_json::from_str(&line?)?;
        let read = read(&protocol(&call.protocol)?, &head(&call)?, &STANDARD.decode(&call.body)?);
        serde_json::to_writer(&mut output, &read.ok())?;
        writeln!(output)?;
    }
    Ok(())
}

fn protocol(name: &str) -> Result<Protocol, Box<dyn Error>> {
    match name {
        "cloudevents" => Ok(Protocol::CloudEvents),
        "json" => Ok(Protocol::Json(envelope()?)),
        "kafka-rest" => Ok(Protocol::KafkaRest),
        "pubsub" => Ok(Protocol::PubSub(pubsub::Attributes::CloudEvents)),
        "dapr" => Ok(Protocol::Dapr(dapr::Components::Any)),
        _ => Err(format!("no protocol `{name}` here").into()),
    }
}

fn envelope() -> Result<Envelope, Box<dyn Error>> {
    let pointer = |text| Pointer::parse(text).map_err(|error| format!("{text}: {error:?}"));
    Ok(Envelope {
        event_type: pointer("/eventType")?,
        id: Some(pointer("/meta/id")?),
        source: Some(pointer("/source")?),
        time: None,
        subject: None,
        data: None,
    })
}

fn head(call: &Call) -> Result<Head, Box<dyn Error>> {
    let map = [(":method", "POST"), (":authority", "bus"), (":path", &call.path), ("content-type", &call.content_type)];
    Head::from_map(map.into_iter().collect()).map_err(|error| format!("{error:?}").into())
}

fn read(protocol: &Protocol, head: &Head, body: &[u8]) -> Result<Vec<Attributes>, ProtocolError> {
    let budget = Budget::DEFAULT;
    let content = content(head, body, &budget)?;
    let events = protocol.events(protocol.form(head)?, head, &content, Some("carts"), &budget)?;
    Ok(events.into_iter().map(attributes).collect())
}

fn attributes(event: Event<'_>) -> Attributes {
    [Some(event.event_type), event.id, event.source, event.topic].map(|text| text.map(Cow::into_owned))
}
