//! `eventguard render`: a policy into what a proxy is configured with. The forms are those of `envoy/`, which says more of each.

mod form;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use eventguard::config::{self, ConfigError};
use eventguard::policy::{self, Policy};
use serde_json::Value;

/// Stands in for a secret that only the proxy's environment has.
const ELSEWHERE: &str = "a secret that the proxy's environment has";

/// Render a policy into an Envoy filter entry or Istio resources
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    proxy: Proxy,
}

#[derive(Debug, clap::Subcommand)]
enum Proxy {
    /// Entries for `http_filters` of an Envoy listener
    Envoy {
        #[command(flatten)]
        source: Source,
        /// Where the proxy finds the module
        #[arg(long, default_value = "/etc/envoy/eventguard.wasm")]
        wasm: String,
    },
    /// Resources for an Istio ingress gateway
    Istio {
        #[command(flatten)]
        source: Source,
        /// Where the module is fetched from
        #[arg(long, default_value = "oci://registry.example/eventguard:0.1.0")]
        url: String,
    },
}

#[derive(Debug, clap::Args)]
struct Source {
    /// The policy, YAML or JSON
    #[arg(long)]
    policy: PathBuf,
    /// How calls are held, instead of what the policy says
    #[arg(long, value_enum)]
    hold: Option<Hold>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Hold {
    /// The body; Envoy's buffer filter behind holds the headers
    Body,
    /// Headers and body; needs Envoy 1.35
    Headers,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let rendered = match &arguments.proxy {
        Proxy::Envoy { source, wasm } => form::envoy(&Rendering::read(source)?, wasm),
        Proxy::Istio { source, url } => form::istio(&Rendering::read(source)?, url),
    };
    print!("{rendered}");
    Ok(ExitCode::SUCCESS)
}

/// A policy without errors, and what the configuration around it must agree with.
struct Rendering {
    /// The document, as indented JSON.
    policy: String,
    hold: Hold,
    /// Bytes that Envoy's buffer filter lets through.
    buffer: u32,
    /// The environment variables that secrets come from.
    variables: Vec<String>,
}

impl Rendering {
    fn read(source: &Source) -> anyhow::Result<Self> {
        let (compiled, mut document) = read(&source.policy)?;
        let hold = source.hold.unwrap_or(match compiled.hold {
            policy::Hold::Body => Hold::Body,
            policy::Hold::Headers => Hold::Headers,
        });
        let text = match hold {
            Hold::Body => "body",
            Hold::Headers => "headers",
        };
        document.as_object_mut().context("a policy is an object")?.insert("hold".to_owned(), text.into());
        Ok(Self { policy: printable(&format!("{document:#}")), hold, buffer: buffer(&compiled), variables: variables(&document) })
    }
}

/// Above the policy's bound, so that a body that is too large is refused by eventguard, with its code and its record.
fn buffer(policy: &Policy) -> u32 {
    u32::try_from(policy.budget.body.saturating_mul(2)).unwrap_or(u32::MAX)
}

/// Reads a policy, which must have no errors, and the document that it was made of.
fn read(path: &Path) -> anyhow::Result<(Policy, Value)> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let env = |name: &str| Some(std::env::var(name).unwrap_or_else(|_| ELSEWHERE.to_owned()));
    let json = path.extension().is_some_and(|extension| extension == "json");
    let policy = if json { config::from_json(text.as_bytes(), &env) } else { config::from_yaml(&text, &env) };
    let policy = policy.map_err(|errors| describe(path, &errors))?;
    let document = if json { serde_json::from_str(&text)? } else { serde_saphyr::from_str_with_options(&text, options())? };
    Ok((policy, document))
}

/// As a policy is read: `no` and `on` are texts.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! { strict_booleans: true }
}

fn describe(path: &Path, errors: &[ConfigError]) -> anyhow::Error {
    let lines: Vec<String> = errors.iter().map(|error| format!("{}: {error}", path.display())).collect();
    anyhow::anyhow!("{}", lines.join("\n"))
}

/// The environment variables that secrets come from; a proxy hands a module only those that are named to it.
fn variables(document: &Value) -> Vec<String> {
    let signers = document.get("signers").and_then(Value::as_array);
    let names = signers.into_iter().flatten().filter_map(|signer| signer.pointer("/secret/env")?.as_str());
    names.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

/// JSON of which every character may stand in YAML (1.2 section 5.1): the others are escaped, as both know it.
fn printable(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        let separator = matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
        if separator || (character.is_control() && character != '\n') {
            text.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_stand_in_yaml_is_escaped() {
        assert_eq!(printable("{\n\"a\u{7f}\u{85}\u{2028}é😀\"}"), "{\n\"a\\u007f\\u0085\\u2028é😀\"}");
    }
}
