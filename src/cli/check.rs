//! `eventguard check`: every error of a policy with its place, or a summary.

use std::path::PathBuf;
use std::process::ExitCode;

mod warnings;

use super::case::read_policy;
use warnings::warnings;

/// Check a policy: every error with its place, or a summary
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The policy, YAML or JSON
    policy: PathBuf,
    /// Fail where there is a warning (exit code 1)
    #[arg(long)]
    strict: bool,
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
    let warnings = warnings(&policy);
    for warning in &warnings {
        println!("warning: {warning}");
    }
    Ok(ExitCode::from(u8::from(arguments.strict && !warnings.is_empty())))
}
