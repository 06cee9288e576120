//! The command line: the very code that the filter runs, on a desk. The only place with files, a clock, sockets and `clap`.

mod audit;
mod case;
mod check;
mod diff;
mod explain;
mod keygen;
mod private_key;
mod render;
mod sets;
mod sign;
mod test;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Judges the events that calls publish: the code of the filter, on a desk.
#[derive(Debug, Parser)]
#[command(name = "eventguard", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Arguments),
    Explain(explain::Arguments),
    Test(test::Arguments),
    Diff(diff::Arguments),
    Keygen(keygen::Arguments),
    Token(token::Arguments),
    Sign(sign::Arguments),
    Render(render::Arguments),
    Audit(audit::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Keygen(arguments) => keygen::run(&arguments),
        Command::Token(arguments) => token::run(&arguments),
        Command::Sign(arguments) => sign::run(&arguments),
        Command::Render(arguments) => render::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("eventguard: {error:#}");
        ExitCode::from(1)
    })
}
