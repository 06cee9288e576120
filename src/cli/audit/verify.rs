//! `eventguard audit verify`: whether records that `audit sink` or a log store wrote are all that were sent, as they were sent.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use eventguard::audit::verify::{FINDINGS, Finding, Report, Summary, Verifier};
use eventguard::crypto::RustCrypto;
use eventguard::key::{Jwk, PublicKey};
use serde_json::{Value, json};

/// Bytes of one line: far more than a record has.
const LINE: u64 = 1 << 20;

/// Verify the chains of records in NDJSON files, in any order; name what was changed, left out, doubled or moved
///
/// Exit codes: 0 all is whole, 1 something is wrong, 2 the arguments or a file could not be read.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The files; `-` for standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A public key that signs checkpoints: a JWK, a JWK set, or the pair that `keygen` prints. May be given more than once
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Chains that have not ended are wrong too: their last records may have been cut off
    #[arg(long)]
    ended: bool,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Verify) -> ExitCode {
    match verify(arguments) {
        Ok(report) => {
            let open = report.chains.iter().filter(|chain| arguments.ended && !chain.ended).count();
            if arguments.json {
                println!("{}", document(&report, &arguments.files));
            } else {
                print(&report, arguments);
            }
            ExitCode::from(u8::from(report.wrong > 0 || open > 0))
        }
        Err(error) => {
            eprintln!("eventguard: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn verify(arguments: &Verify) -> anyhow::Result<Report> {
    let keys = read_keys(&arguments.keys)?;
    let mut verifier = Verifier::new(&keys, &RustCrypto);
    for (index, path) in arguments.files.iter().enumerate() {
        if index > 0 {
            verifier.next_file();
        }
        read(path, &mut verifier).with_context(|| format!("{} cannot be read", path.display()))?;
    }
    Ok(verifier.finish())
}

fn read(path: &Path, verifier: &mut Verifier<'_>) -> io::Result<()> {
    if path == Path::new("-") { lines(io::stdin().lock(), verifier) } else { lines(File::open(path)?, verifier) }
}

fn lines(source: impl Read, verifier: &mut Verifier<'_>) -> io::Result<()> {
    let mut source = BufReader::with_capacity(1 << 18, source);
    let mut line = Vec::new();
    loop {
        line.clear();
        if source.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        verifier.line(line.strip_suffix(b"\n").unwrap_or(&line));
    }
}

/// All keys of these files.
pub fn read_keys(paths: &[PathBuf]) -> anyhow::Result<Vec<PublicKey>> {
    Ok(paths.iter().map(|path| keys(path)).collect::<anyhow::Result<Vec<_>>>()?.concat())
}

fn keys(path: &Path) -> anyhow::Result<Vec<PublicKey>> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let document: Value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let jwks = match (document.get("keys"), document.get("public")) {
        (Some(Value::Array(keys)), _) => keys.clone(),
        (_, Some(public)) => vec![public.clone()],
        (Some(_) | None, None) => vec![document],
    };
    let keys: anyhow::Result<Vec<_>> =
        jwks.into_iter().map(|jwk| Ok(PublicKey::from_jwk(&serde_json::from_value::<Jwk>(jwk)?)?)).collect();
    let keys = keys.with_context(|| format!("{}", path.display()))?;
    match keys.iter().find(|key| key.id().is_none()) {
        Some(_) => bail!("{}: a key without a `kid` is named by no signature", path.display()),
        None => Ok(keys),
    }
}

fn print(report: &Report, arguments: &Verify) {
    for finding in &report.findings {
        println!("{}", describe(finding, &arguments.files));
    }
    for chain in &report.chains {
        println!("{}", summary(chain, !arguments.keys.is_empty()));
    }
    let more = usize::try_from(report.wrong).unwrap_or(usize::MAX).saturating_sub(FINDINGS);
    let more = if more > 0 { format!(" ({more} more than shown)") } else { String::new() };
    println!("{} lines, {} chains: {} wrong{more}", report.lines, report.chains.len(), report.wrong);
}

fn describe(finding: &Finding, files: &[PathBuf]) -> String {
    let Finding { wrong, at, chain, records: (first, last) } = finding;
    let file = files.get(at.file).map_or_else(String::new, |path| path.display().to_string());
    let records = if first == last { first.to_string() } else { format!("{first} to {last}") };
    let of = if chain.is_empty() { String::new() } else { format!(": record {records} of chain {}", chain.escape_debug()) };
    format!("{file}:{}: {}{of}", at.line, wrong.as_str())
}

fn summary(summary: &Summary, looked_at_signatures: bool) -> String {
    let Summary { chain, records, last, signed, checkpoints: _, ended, lost, dropped } = summary;
    let signed = if looked_at_signatures { format!(", signed up to {signed}") } else { String::new() };
    let ended = if *ended { "ended" } else { "open" };
    let chain = chain.escape_debug();
    format!("chain {chain}: {records} records up to {last}{signed}, {ended}; tells of {lost} lost and {dropped} dropped")
}

fn document(report: &Report, files: &[PathBuf]) -> Value {
    let findings = report.findings.iter().map(|Finding { wrong, at, chain, records }| {
        json!({"wrong": wrong.as_str(), "file": files.get(at.file), "line": at.line, "chain": chain, "first": records.0, "last": records.1})
    });
    let chains = report.chains.iter().map(|Summary { chain, records, last, signed, checkpoints, ended, lost, dropped }| {
        json!({
            "chain": chain, "records": records, "last": last, "signed": signed, "checkpoints": checkpoints, "ended": ended, "lost": lost,
            "dropped": dropped,
        })
    });
    json!({"wrong": report.wrong, "lines": report.lines, "findings": findings.collect::<Vec<_>>(), "chains": chains.collect::<Vec<_>>()})
}
