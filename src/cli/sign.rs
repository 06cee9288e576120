//! `eventguard sign`: what a publisher adds to a call so that it is signed. What is signed is put together by the code that
//! verifies it.

mod dsse;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use eventguard::call::Head;
use eventguard::signature::standard_webhooks::Version;
use eventguard::signature::{content_digest, http_message, standard_webhooks};
use eventguard::time::Timestamp;
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::case::{CaseCall, now};
use super::private_key::PrivateKey;
use super::token::duration;

/// Sign a call: the headers to add, or for DSSE the attribute
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[arg(value_enum)]
    scheme: Scheme,
    /// The private key: a JWK, or what `keygen` printed
    #[arg(long, required_unless_present = "secret", conflicts_with = "secret")]
    key: Option<PathBuf>,
    /// The shared secret, as a policy has it: `whsec_...`
    #[arg(long)]
    secret: Option<String>,
    /// The signer's key id, instead of the JWK's
    #[arg(long)]
    key_id: Option<String>,
    /// When it is signed (RFC 3339), instead of the case's time
    #[arg(long)]
    now: Option<String>,
    /// http-message: what is covered, instead of `@method @authority @path content-digest` and the headers of a binary CloudEvent
    #[arg(long = "component", value_name = "NAME")]
    components: Vec<String>,
    /// http-message: the parameter `tag`
    #[arg(long)]
    tag: Option<String>,
    /// http-message: how long the signature holds
    #[arg(long, value_parser = duration)]
    expires_in: Option<Duration>,
    /// standard-webhooks: the message id, instead of one made of the time
    #[arg(long)]
    id: Option<String>,
    /// Print the whole case or call with what is added
    #[arg(long)]
    apply: bool,
    /// A case file, or a call by itself; `-` reads it from standard input
    case: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Scheme {
    /// HTTP Message Signatures (RFC 9421)
    HttpMessage,
    /// Standard Webhooks: v1 with a secret, v1a with an Ed25519 key
    StandardWebhooks,
    /// CloudEvents with DSSE, one event in a call
    Dsse,
}

type Headers = Vec<(String, String)>;

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut document = read(&arguments.case)?;
    let place = if document.get("call").is_some() { "/call" } else { "" };
    let call = document.pointer(place).context("no call")?;
    let mut call =
        CaseCall::deserialize(call).with_context(|| format!("{} is not a case or a call", arguments.case.display()))?;
    let now = match arguments.now.as_deref().or_else(|| document.get("now").and_then(Value::as_str)) {
        Some(text) => Timestamp::parse(text).with_context(|| format!("`{text}`"))?,
        None => now()?,
    };
    let added = Signing::new(arguments, now)?.sign(&mut call)?;
    if arguments.apply {
        *document.pointer_mut(place).context("no call")? = serde_json::to_value(&call)?;
        println!("{document:#}");
    } else {
        println!("{added}");
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let mut text = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut text)?;
    } else {
        text = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    }
    serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// Who signs, and when.
struct Signing<'a> {
    arguments: &'a Arguments,
    key: PrivateKey,
    kid: Option<String>,
    now: Timestamp,
}

impl<'a> Signing<'a> {
    fn new(arguments: &'a Arguments, now: Timestamp) -> anyhow::Result<Self> {
        let (key, kid) = match (&arguments.key, &arguments.secret) {
            (Some(path), _) => PrivateKey::read(path)?,
            (None, Some(secret)) => (PrivateKey::from_secret(secret)?, None),
            (None, None) => bail!("a signature needs `--key` or `--secret`"),
        };
        Ok(Self { arguments, key, kid: arguments.key_id.clone().or(kid), now })
    }

    /// Signs the call, and says what was added to it.
    fn sign(&self, call: &mut CaseCall) -> anyhow::Result<Value> {
        let added = match self.arguments.scheme {
            Scheme::HttpMessage => self.http_message(call)?,
            Scheme::StandardWebhooks => self.standard_webhooks(call)?,
            Scheme::Dsse => return dsse::sign(&self.key, self.key_id()?, call),
        };
        add(call, &added);
        Ok(json!(added))
    }

    fn key_id(&self) -> anyhow::Result<&str> {
        self.kid.as_deref().context("a signature names its key: give `--key-id`")
    }

    fn http_message(&self, call: &mut CaseCall) -> anyhow::Result<Headers> {
        let mut added = vec![("content-digest".to_owned(), content_digest(&call.body()?))];
        add(call, &added);
        let head = call.head()?;
        let input = http_message::Input {
            label: "sig1",
            components: self.components(&head),
            created: self.now,
            expires: self.arguments.expires_in.map(|time| self.now.after(time)),
            key_id: self.key_id()?,
            tag: self.arguments.tag.as_deref(),
        };
        let input = input.to_header().context("the header cannot carry one of the key id, the components and the tag")?;
        let signature = self.key.sign_in(|sign| http_message::sign(&head, &input, sign))??;
        added.extend([("signature-input".to_owned(), input), ("signature".to_owned(), signature)]);
        Ok(added)
    }

    fn components<'h>(&'h self, head: &'h Head) -> Vec<&'h str> {
        if !self.arguments.components.is_empty() {
            return self.arguments.components.iter().map(String::as_str).collect();
        }
        let binary = head.values("ce-specversion").next().is_some();
        let is_attribute = |name: &&str| binary && (name.starts_with("ce-") || *name == "content-type");
        let mut attributes: Vec<&str> = head.headers().map(|(name, _)| name).filter(is_attribute).collect();
        attributes.sort_unstable();
        attributes.dedup();
        ["@method", "@authority", "@path", "content-digest"].into_iter().chain(attributes).collect()
    }

    fn standard_webhooks(&self, call: &CaseCall) -> anyhow::Result<Headers> {
        let version = match self.key {
            PrivateKey::Secret(_) => Version::V1,
            PrivateKey::Ed25519(_) => Version::V1a,
            PrivateKey::Rsa(_) | PrivateKey::P256(_) | PrivateKey::P384(_) => {
                bail!("Standard Webhooks signs with a secret or an Ed25519 key")
            }
        };
        let id = self.arguments.id.clone().unwrap_or_else(|| format!("msg_{}", self.now.unix_nanos()));
        if id.is_empty() || id.contains('.') {
            bail!("`{id}`: a message id is not empty and has no full stop");
        }
        let body = call.body()?;
        let signature = self.key.sign_in(|sign| standard_webhooks::sign(version, &id, self.now, &body, sign))?;
        let timestamp = self.now.unix_seconds().to_string();
        let added = [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)];
        Ok(added.map(|(name, value)| (name.to_owned(), value)).to_vec())
    }
}

/// Adds headers in place of those of the same names.
fn add(call: &mut CaseCall, added: &[(String, String)]) {
    call.headers.retain(|(name, _)| !added.iter().any(|(new, _)| new.eq_ignore_ascii_case(name)));
    call.headers.extend_from_slice(added);
}
