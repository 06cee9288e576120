//! `eventguard explain`: what becomes of one call, and why.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use eventguard::decision::{Difference, Outcome};
use eventguard::ledger::Memory;

use super::case::{Case, describe, play, read_policy, records};
use super::sets;

/// Judge one call and say why
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The policy, YAML or JSON
    #[arg(long)]
    policy: PathBuf,
    #[command(flatten)]
    sets: sets::Given,
    /// The time to judge at (RFC 3339), instead of the case's
    #[arg(long)]
    now: Option<String>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    /// Print the records that the filter would send
    #[arg(long, conflicts_with = "json")]
    records: bool,
    /// The case file; of several calls the last one is explained
    case: PathBuf,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let policy = arguments.sets.give(&read_policy(&arguments.policy)?)?;
    let case = Case::read(&arguments.case)?;
    let memory = Memory::default();
    let Some((step, before)) = case.steps.split_last() else { bail!("there is no call") };
    for step in before {
        play(&policy, step, step.now(None)?, &memory)?;
    }
    let (now, call) = (step.now(arguments.now.as_deref())?, &step.call);
    let outcome = play(&policy, step, now, &memory)?;
    if arguments.json {
        println!("{}", describe(outcome.as_ref()));
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}: {} {}{}", case.name, call.method, call.authority, call.path);
    match &outcome {
        None => println!("verdict    admit: no route matches, and `unmatched` is `pass`"),
        Some(outcome) => explain(outcome),
    }
    if let (true, Some(outcome)) = (arguments.records, &outcome) {
        records(&policy, call, outcome, now).iter().for_each(|record| println!("{record}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(outcome: &Outcome) {
    match &outcome.refusal {
        None => println!("verdict    {}", outcome.verdict.as_str()),
        Some(refusal) => {
            let code = refusal.code();
            let (http, grpc) = (code.http_status(), code.grpc_status());
            println!("verdict    {}: {} (HTTP {http}, gRPC {grpc})", outcome.verdict.as_str(), code.as_str());
            println!("because    {}", refusal.to_string().escape_debug());
        }
    }
    explain_shadow("shadow    ", outcome.shadow.as_deref());
    println!("route      {}", outcome.route.as_deref().unwrap_or("-"));
    let publisher = outcome.publisher.as_ref().map_or("-", eventguard::identity::Publisher::label);
    println!("publisher  {publisher}");
    println!("peer       {}", outcome.peer.as_deref().unwrap_or("-").escape_debug());
    for (index, event) in outcome.events.iter().enumerate() {
        let text = |text: &Option<String>| text.as_deref().unwrap_or("-").escape_debug().to_string();
        let code = event.refusal.as_ref().map_or("", |refusal| refusal.code().as_str());
        println!("event {index}    {} {code}", event.verdict.as_str());
        println!("  type     {} (rule {})", event.event_type.escape_debug(), event.rule.as_deref().unwrap_or("-"));
        println!("  id       {}\n  source   {}\n  topic    {}", text(&event.id), text(&event.source), text(&event.topic));
        explain_shadow("  shadow  ", event.shadow.as_deref());
        for signature in &event.signatures {
            println!("  signed   {} by {}", signature.key_id().escape_debug(), signature.publisher().escape_debug());
        }
    }
}

fn explain_shadow(label: &str, shadow: Option<&Difference>) {
    match shadow {
        None => {}
        Some(Difference { verdict: None, .. }) => println!("{label} undecided: it would read the body first"),
        Some(shadow @ Difference { refusal: None, .. }) => println!("{label} {}", shadow.verdict()),
        Some(shadow @ Difference { refusal: Some(refusal), .. }) => {
            println!("{label} {}: {}: {}", shadow.verdict(), refusal.code().as_str(), refusal.to_string().escape_debug());
        }
    }
}
