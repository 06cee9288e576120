//! What a policy fetches, given as files: the command line asks nobody for it.

use std::fs;

use anyhow::{Context, bail};
use eventguard::keyset::Content;
use eventguard::policy::Policy;

/// Files in the place of what a policy fetches
#[derive(Debug, clap::Args)]
pub struct Given {
    /// A file with the key set, or the list of what is revoked, that the policy fetches under this name; nothing is fetched here
    #[arg(long = "jwks", value_name = "NAME=FILE")]
    jwks: Vec<String>,
}

impl Given {
    /// The policy with what the files say. What is not given is told, and not there.
    pub fn give(&self, policy: &Policy) -> anyhow::Result<Policy> {
        let files = self.files(&[policy])?;
        give(policy, &files)
    }

    /// Both policies with what the files say; a name must be of one of them.
    pub fn give_both(&self, one: &Policy, other: &Policy) -> anyhow::Result<(Policy, Policy)> {
        let files = self.files(&[one, other])?;
        Ok((give(one, &files)?, give(other, &files)?))
    }

    /// Whether the files that are given are in order.
    pub fn check(&self, policy: &Policy) -> anyhow::Result<()> {
        if !self.jwks.is_empty() {
            self.give(policy)?;
        }
        Ok(())
    }

    fn files(&self, policies: &[&Policy]) -> anyhow::Result<Vec<(&str, &str)>> {
        let files = self.jwks.iter().map(|given| given.split_once('=').with_context(|| format!("`{given}` is not NAME=FILE")));
        let files: Vec<(&str, &str)> = files.collect::<anyhow::Result<_>>()?;
        let is_fetched = |name: &str| policies.iter().any(|policy| policy.fetched.iter().any(|set| set.name == name));
        match files.iter().find(|(name, _)| !is_fetched(name)) {
            Some((name, _)) => bail!("nothing is fetched under the name `{name}`"),
            None => Ok(files),
        }
    }
}

fn give(policy: &Policy, files: &[(&str, &str)]) -> anyhow::Result<Policy> {
    let mut contents: Vec<Option<Content>> = policy.fetched.iter().map(|_| None).collect();
    for (name, file) in files {
        let mut sets = policy.fetched.iter().zip(&mut contents);
        let Some((settings, content)) = sets.find(|(settings, _)| settings.name == *name) else { continue };
        let body = fs::read(file).with_context(|| format!("{file} cannot be read"))?;
        let read = Content::parse(settings.kind, &body).with_context(|| format!("{file} is no such set"))?;
        read.unfit().iter().for_each(|why| eprintln!("{file}: not used: {why}"));
        *content = Some(read);
    }
    for (settings, _) in policy.fetched.iter().zip(&contents).filter(|(_, content)| content.is_none()) {
        let name = &settings.name;
        eprintln!("eventguard: nothing is fetched here: `{name}` is missing; give it with --jwks {name}=FILE");
    }
    Ok(policy.with_fetched(&|set| contents.get(set.0)?.as_ref()))
}
