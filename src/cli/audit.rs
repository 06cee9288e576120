//! `eventguard audit`: what is recorded of events. `sink` is an embedded log cluster for one machine, which receives what the filter
//! sends as any OTLP/HTTP receiver would, and prints or writes the records, a line each; `verify` says whether they are whole. What they
//! are given is outside text.

mod chains;
mod lines;
mod live;
mod receiver;
mod server;
mod shown;
mod spans;
mod terminal;
mod verify;
mod web;

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use chains::Chains;
use lines::Format;
use live::Live;
use receiver::Lines;
use spans::Spans;
use web::Web;

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

/// Receive records over OTLP/HTTP (POST /v1/logs) and print them, a line each; on a terminal, counts and the last refusals
#[derive(Debug, clap::Args)]
struct Sink {
    /// Where to listen; with port 0 any free port, which is then printed on stderr
    #[arg(long, default_value = "127.0.0.1:4318")]
    listen: SocketAddr,
    /// Append the records to this file instead of printing them
    #[arg(long)]
    output: Option<PathBuf>,
    /// Append spans (POST /v1/traces) to this file, a line each; without it they are counted alone
    #[arg(long, value_name = "FILE")]
    spans: Option<PathBuf>,
    /// How a record is written [default: ndjson]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Show counts and the last refusals, drawn over, instead of the records: as on a terminal without --format
    #[arg(long)]
    live: bool,
    /// Serve a page with the records as they come, to be filtered, such as 127.0.0.1:4319. Whoever can reach it reads them
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:4319")]
    web: Option<SocketAddr>,
    /// A public key that signs checkpoints, for what is shown of chains: as for `audit verify`. May be given more than once
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
}

impl Sink {
    fn is_live(&self) -> bool {
        self.live || self.format.is_none() && io::stdout().is_terminal()
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        Command::Sink(sink) => run_sink(sink),
        Command::Verify(verify) => Ok(verify::run(verify)),
    }
}

fn run_sink(sink: &Sink) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::task::LocalSet::new().run_until(receive(sink)))?;
    Ok(ExitCode::SUCCESS)
}

/// Receives until the process is asked to end.
async fn receive(sink: &Sink) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let live = Rc::new(RefCell::new(Live::new(Chains::new(verify::read_keys(&sink.keys)?))));
    let looks_on = (sink.is_live() || sink.web.is_some()).then(|| Rc::clone(&live));
    let lines = Rc::new(Lines::new(open(sink)?, sink.format.unwrap_or_default(), looks_on)?);
    let listener = listen(sink.listen, "listening on ").await?;
    let spans = Rc::new(Spans::new(sink.spans.as_deref().map(append_to).transpose()?));
    let taken = Rc::clone(&spans);
    let receive = server::accept(listener, async move |request| receiver::answer(request, &lines, &taken).await);
    let show = async {
        let Some(address) = sink.web else { return std::future::pending().await };
        let (listener, web) = (listen(address, "showing them on http://").await?, Rc::new(Web::new(Rc::clone(&live))?));
        tokio::select! {
            never = server::accept(listener, async move |request| web.answer(&request)) => match never {},
            never = web::tell_chains(&live) => match never {},
        }
    };
    let draw =
        async { if sink.is_live() { terminal::draw(&live, &mut io::stdout()).await } else { std::future::pending().await } };
    let ended = tokio::select! {
        never = receive => match never {},
        shown = show => shown,
        drawn = draw => match drawn? {},
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        _ = terminate.recv() => Ok(()),
    };
    if let count @ 1.. = spans.forgotten() {
        server::complain(&format!("{count} spans came and were not written: see --spans"));
    }
    ended
}

async fn listen(address: SocketAddr, told: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
    eprintln!("{told}{}", listener.local_addr()?);
    Ok(listener)
}

/// Where records are written: nowhere, where only the live view is wanted.
fn open(sink: &Sink) -> anyhow::Result<Box<dyn Write>> {
    let Some(path) = &sink.output else {
        return Ok(if sink.is_live() { Box::new(io::sink()) } else { Box::new(io::stdout()) });
    };
    append_to(path)
}

fn append_to(path: &Path) -> anyhow::Result<Box<dyn Write>> {
    let file = File::options().append(true).create(true).open(path);
    Ok(Box::new(file.with_context(|| format!("{} cannot be written", path.display()))?))
}
