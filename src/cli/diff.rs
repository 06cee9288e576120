//! `eventguard diff`: what would change if one policy took the place of another.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use eventguard::ledger::Memory;
use eventguard::policy::Policy;
use serde_json::Value;

use super::case::{Case, describe, play, read_policy};
use super::sets;
use super::test::files;

/// Judge calls by two policies and tell what differs (exit code 1 where something does)
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The policy of now, YAML or JSON
    old: PathBuf,
    /// The policy that would take its place
    new: PathBuf,
    #[command(flatten)]
    sets: sets::Given,
    /// Case files, or folders of them; what they expect is not looked at
    #[arg(required = true)]
    cases: Vec<PathBuf>,
    /// Print each difference as a line of JSON: `{"case","call","old","new"}`
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (old, new) = arguments.sets.give_both(&read_policy(&arguments.old)?, &read_policy(&arguments.new)?)?;
    let (mut calls, mut changed) = (0, 0);
    for file in files(&arguments.cases)? {
        let case = Case::read(&file)?;
        let judged = judge_all(&old, &case)?.into_iter().zip(judge_all(&new, &case)?);
        for (index, (old, new)) in judged.enumerate() {
            calls += 1;
            if old != new {
                changed += 1;
                print_change(&case, index, &old, &new, arguments.json);
            }
        }
    }
    if !arguments.json {
        println!("{changed} of {calls} calls change");
    }
    Ok(ExitCode::from(u8::from(changed > 0)))
}

/// What becomes of the calls of a case under one policy, which remembers what it has let pass.
fn judge_all(policy: &Policy, case: &Case) -> anyhow::Result<Vec<Value>> {
    let memory = Memory::default();
    let judge = |step| anyhow::Ok(describe(play(policy, step, step.now(None)?, &memory)?.as_ref()));
    case.steps.iter().map(judge).collect::<anyhow::Result<_>>().with_context(|| case.name.clone())
}

fn print_change(case: &Case, index: usize, old: &Value, new: &Value, json: bool) {
    if json {
        println!("{}", serde_json::json!({"case": case.name, "call": index, "old": old, "new": new}));
        return;
    }
    let at = if case.steps.len() > 1 { format!(" (call {index})") } else { String::new() };
    println!("{}{at}: {} -> {}", case.name, verdict(old), verdict(new));
    for (key, was) in old.as_object().into_iter().flatten().filter(|(key, was)| *key != "events" && new.get(key) != Some(was)) {
        println!("        {key}: {was} -> {}", new.get(key).unwrap_or(&Value::Null));
    }
    let events = |judged: &Value| judged.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
    for (index, (old, new)) in events(old).iter().zip(&events(new)).enumerate().filter(|(_, (old, new))| old != new) {
        println!("        event {index}: {} -> {}", verdict(old), verdict(new));
    }
}

/// `refuse rule.topic`
fn verdict(judged: &Value) -> String {
    let text = |key| judged.get(key).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}", text("verdict"), text("code")).trim_end().to_owned()
}
