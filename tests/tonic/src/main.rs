//! A publisher over tonic. The first line of its input is the call, each further line an event: sent as soon as it is read where the
//! method takes a stream, else in one message with all others. Each answer is a line with the number in it, as soon as it is there.
//! The last line says in JSON how the call ended.

mod event;
mod messages;
mod outcome;
mod publisher;

use std::error::Error;
use std::fmt::Display;
use std::{io, process, thread};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;

use crate::event::Event;
use crate::messages::{CloudEvent, PubsubResponse, Receipt};
use crate::outcome::Outcome;
use crate::publisher::{Call, Publisher};

type Events = UnboundedReceiverStream<Event>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let call = serde_json::from_str(&line)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(publish(&call, events()))?;
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

/// Reads in a thread of its own, which ends with the program: a stream may end before its input does.
fn events() -> Events {
    let (sender, events) = unbounded_channel();
    thread::spawn(move || {
        if let Err(error) = send_lines(&sender) {
            eprintln!("{error}");
            process::exit(2);
        }
    });
    events.into()
}

fn send_lines(sender: &UnboundedSender<Event>) -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lines() {
        if sender.send(serde_json::from_str(&line?)?).is_err() {
            // The call has ended.
            break;
        }
    }
    Ok(())
}

async fn publish(call: &Call, events: Events) -> Result<Outcome, Box<dyn Error>> {
    let mut publisher = Publisher::connect(call).await?;
    let ended = match call.method.as_str() {
        "/google.pubsub.v1.Publisher/Publish" => pubsub(&mut publisher, events).await,
        "/shop.v1.Events/Publish" | "/shop.v1.Events/Return" => cloud_event(&mut publisher, events).await,
        "/shop.v1.Bus/Publish" => publisher.unary(event::shop(events.collect().await)).await.map(show_receipt),
        "/shop.v1.Feed/Collect" => publisher.collect(events.map(CloudEvent::from)).await.map(show_receipt),
        "/shop.v1.Feed/Exchange" => exchange(&mut publisher, events).await,
        unknown => return Err(format!("`{unknown}` is no method that is known here").into()),
    };
    Ok(Outcome::of(&ended.err().unwrap_or_else(|| Status::ok("")))?)
}

async fn pubsub(publisher: &mut Publisher, events: Events) -> Result<(), Status> {
    let answer: PubsubResponse = publisher.unary(event::pubsub(events.collect().await)).await?;
    show(answer.message_ids.len());
    Ok(())
}

async fn cloud_event(publisher: &mut Publisher, mut events: Events) -> Result<(), Status> {
    let event = events.next().await.ok_or_else(|| Status::invalid_argument("there is no event to publish"))?;
    publisher.unary(CloudEvent::from(event)).await.map(show_receipt)
}

async fn exchange(publisher: &mut Publisher, events: Events) -> Result<(), Status> {
    let mut answers = publisher.exchange(events.map(|event| event::shop(vec![event]))).await?;
    while let Some(answer) = answers.message().await? {
        show_receipt(answer);
    }
    Ok(())
}

fn show_receipt(receipt: Receipt) {
    show(receipt.count);
}

fn show(count: impl Display) {
    println!("{count}");
}
