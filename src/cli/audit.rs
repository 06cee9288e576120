//! `eventguard audit`: what is recorded of events. `sink` is an embedded log cluster for one machine, which receives what the filter
//! sends as any OTLP/HTTP receiver would, and prints or writes the records, a line each; `verify` says whether they are whole. What they
//! are given is outside text.

mod lines;
mod receiver;
mod verify;

use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use lines::Format;
use receiver::Lines;

/// What is recorded of events
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Sink(Sink),
    Verify(verify::Verify),
}

/// Receive records over OTLP/HTTP (POST /v1/logs) and print them, a line each
#[derive(Debug, clap::Args)]
struct Sink {
    /// Where to listen; with port 0 any free port, which is then printed on stderr
    #[arg(long, default_value = "127.0.0.1:4318")]
    listen: SocketAddr,
    /// Append the records to this file instead of printing them
    #[arg(long)]
    output: Option<PathBuf>,
    /// How a record is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Sink(sink) => receive(sink),
        Command::Verify(verify) => Ok(verify::run(verify)),
    }
}

fn receive(sink: &Sink) -> anyhow::Result<ExitCode> {
    let lines = Lines::new(open(sink)?, sink.format);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(receiver::run(sink.listen, lines)).with_context(|| format!("listening on {}", sink.listen))?;
    Ok(ExitCode::SUCCESS)
}

fn open(sink: &Sink) -> anyhow::Result<Box<dyn Write>> {
    let Some(path) = &sink.output else { return Ok(Box::new(io::stdout())) };
    let file = File::options().append(true).create(true).open(path);
    Ok(Box::new(file.with_context(|| format!("{} cannot be written", path.display()))?))
}
