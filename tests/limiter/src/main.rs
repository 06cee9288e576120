//! A rate limit service with Limitador's limits over Redis. Its first line of input says with which limits; its first line of output is its
//! port, once it answers. It ends with its input.

mod engine;
mod messages;
mod service;

use std::error::Error;
use std::io::{self, Read};
use std::sync::Arc;
use std::{process, thread};

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

use crate::engine::Engine;
use crate::service::RateLimits;

fn main() -> Result<(), Box<dyn Error>> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    let settings = serde_json::from_str(&line)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let engine = Engine::connect(settings).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        thread::spawn(end_with_input);
        let service = RateLimits(Arc::new(engine));
        Ok(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)).await?)
    })
}

fn end_with_input() {
    // Whatever comes of it: there is nobody left to serve.
    let _ = io::stdin().read_to_end(&mut Vec::new());
    process::exit(0);
}
