//! `eventguard check`: every error of a policy with its place, or a summary.

use std::path::PathBuf;
use std::process::ExitCode;

use eventguard::policy::{Policy, Unmatched};
use eventguard::rules::{Mode, Rule};

use super::case::read_policy;

/// Check a policy: every error with its place, or a summary
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The policy, YAML or JSON
    policy: PathBuf,
}

/// What is in order and still may not be meant.
fn warnings(policy: &Policy) -> Vec<String> {
    let observes = |rule: &&Rule| rule.mode == Some(Mode::Observe) && policy.mode == Mode::Enforce;
    let rules = policy
        .rules
        .iter()
        .filter(observes)
        .map(|rule| format!("the rule `{}` only observes: it refuses nothing", rule.event_type));
    let all = (policy.mode == Mode::Observe).then(|| "the policy only observes: it refuses nothing".to_owned());
    let passing = (policy.unmatched == Unmatched::Pass).then(|| "calls that match no route pass and are not judged".to_owned());
    all.into_iter().chain(rules).chain(passing).collect()
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let policy = match read_policy(&arguments.policy) {
        Ok(policy) => policy,
        Err(errors) => {
            eprintln!("{errors}");
            return Ok(ExitCode::from(1));
        }
    };
    let counts = [
        (policy.issuers.len(), "issuer"),
        (policy.signers.iter().count(), "signer"),
        (policy.routes.iter().count(), "route"),
        (policy.rules.len(), "event rule"),
    ];
    let counts: Vec<String> =
        counts.map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" })).into_iter().collect();
    println!("{}: in order, mode {}: {}", arguments.policy.display(), policy.mode.as_str(), counts.join(", "));
    println!("digest {}", policy.digest);
    if let Some(shadow) = &policy.shadow {
        println!("shadow in order, mode {}, digest as a policy of its own {}", shadow.mode.as_str(), shadow.digest);
    }
    for warning in warnings(&policy) {
        println!("warning: {warning}");
    }
    Ok(ExitCode::SUCCESS)
}
