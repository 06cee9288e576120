//! `eventguard test`: judges many calls against what their cases expect.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use eventguard::ledger::Memory;
use eventguard::policy::Policy;
use serde_json::Value;

use super::case::{Case, describe, play, read_policy};
use super::sets;

/// Judge many calls against what their case files expect
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The policy, YAML or JSON
    #[arg(long)]
    policy: PathBuf,
    #[command(flatten)]
    sets: sets::Given,
    /// Case files, or folders of them (a `policy.json` in a folder is no case)
    #[arg(required = true)]
    cases: Vec<PathBuf>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let policy = arguments.sets.give(&read_policy(&arguments.policy)?)?;
    let (mut passed, mut failed) = (0, 0);
    for file in files(&arguments.cases)? {
        let case = Case::read(&file);
        let differences = case.as_ref().map_or_else(|error| vec![format!("{error:#}")], |case| differences_of(&policy, case));
        let name = case.as_ref().map_or("no case", |case| &case.name);
        if differences.is_empty() {
            passed += 1;
            println!("ok      {name}");
        } else {
            failed += 1;
            println!("FAILED  {name} ({})", file.display());
            differences.iter().for_each(|difference| println!("        {difference}"));
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(ExitCode::from(u8::from(failed > 0)))
}

/// Where the case is not as it expects, or why it cannot be judged: one that is broken does not keep the others from being judged.
fn differences_of(policy: &Policy, case: &Case) -> Vec<String> {
    run_case(policy, case).unwrap_or_else(|error| vec![format!("{error:#}")])
}

/// Where a call of the case did not become what it must; all of them are judged by one memory.
fn run_case(policy: &Policy, case: &Case) -> anyhow::Result<Vec<String>> {
    let memory = Memory::default();
    let mut all = Vec::new();
    for (index, step) in case.steps.iter().enumerate() {
        let found = describe(play(policy, step, step.now(None)?, &memory)?.as_ref());
        let Some(expected) = &step.expect else { bail!("nothing is expected") };
        let at = if case.steps.len() > 1 { format!("call {index}: ") } else { String::new() };
        all.extend(differences("", expected, &found).into_iter().map(|difference| format!("{at}{difference}")));
    }
    Ok(all)
}

/// The case files that are meant, in the order of their names within a folder.
pub fn files(given: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in given {
        if path.is_dir() {
            let mut inside: Vec<PathBuf> = fs::read_dir(path)
                .with_context(|| path.display().to_string())?
                .map(|entry| Ok(entry?.path()))
                .collect::<anyhow::Result<_>>()?;
            inside.retain(|file| is_case(file));
            inside.sort();
            files.append(&mut inside);
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        bail!("there is no case file");
    }
    Ok(files)
}

fn is_case(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "json") && file.file_name().is_none_or(|name| name != "policy.json")
}

/// Where `found` is not what is expected. Only what `expected` names is compared; lists must be as long.
fn differences(at: &str, expected: &Value, found: &Value) -> Vec<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected
            .iter()
            .flat_map(|(key, value)| differences(&format!("{at}/{key}"), value, found.get(key).unwrap_or(&Value::Null)))
            .collect(),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found).enumerate();
            pairs.flat_map(|(index, (expected, found))| differences(&format!("{at}/{index}"), expected, found)).collect()
        }
        _ if expected == found => Vec::new(),
        _ => vec![format!("{at}: expected {expected}, found {found}")],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::differences;

    #[test]
    fn only_what_is_expected_is_compared() {
        let found = json!({"verdict": "admit", "events": [{"id": "1", "type": "a"}]});
        assert!(differences("", &json!({"events": [{"id": "1"}]}), &found).is_empty());
        assert_eq!(differences("", &json!({"events": [{"id": "2"}]}), &found), ["/events/0/id: expected \"2\", found \"1\""]);
        assert_eq!(differences("", &json!({"events": []}), &found).len(), 1);
        assert_eq!(differences("", &json!({"code": "x"}), &found).len(), 1);
    }
}
