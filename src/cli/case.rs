//! A case file: a call, and what must become of it.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventguard::audit::Record;
use eventguard::call::{Head, HeaderError, Peer};
use eventguard::config;
use eventguard::crypto::RustCrypto;
use eventguard::decision::{Outcome, Verdict};
use eventguard::identity::TokenCache;
use eventguard::inspect::{self, Opening};
use eventguard::policy::{Hints, Policy};
use eventguard::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A call, and what must become of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub now: Option<String>,
    pub call: CaseCall,
    pub expect: Option<Value>,
}

/// A call as a case file has it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CaseCall {
    pub method: String,
    pub authority: String,
    pub path: String,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
}

impl Case {
    /// Reads a case file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not a case", path.display()))
    }

    /// The time to judge at: the one given, else the case's, else now.
    pub fn now(&self, given: Option<&str>) -> anyhow::Result<Timestamp> {
        match given.or(self.now.as_deref()) {
            Some(text) => Timestamp::parse(text).with_context(|| format!("`{text}`")),
            None => now(),
        }
    }
}

impl CaseCall {
    /// The head of the call.
    pub fn head(&self) -> Result<Head, HeaderError> {
        let pseudo = [(":method", &self.method), (":authority", &self.authority), (":path", &self.path)];
        let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value));
        let headers = self.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
        Head::from_map(pseudo.into_iter().chain(headers).collect())
    }

    /// The body of the call.
    pub fn body(&self) -> anyhow::Result<Vec<u8>> {
        match (&self.body, &self.body_base64) {
            (Some(_), Some(_)) => bail!("a call has a `body` or a `bodyBase64`, not both"),
            (Some(text), None) => Ok(text.clone().into_bytes()),
            (None, Some(text)) => STANDARD.decode(text).context("`bodyBase64` is not base64"),
            (None, None) => Ok(Vec::new()),
        }
    }
}

/// The machine's clock.
#[expect(clippy::disallowed_methods, reason = "the command line is where a clock is read")]
pub fn now() -> anyhow::Result<Timestamp> {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(Timestamp::from_unix_nanos(i64::try_from(since_epoch.as_nanos())?))
}

/// Reads a policy in YAML or JSON. All its errors, a line each, are the error.
pub fn read_policy(path: &Path) -> anyhow::Result<Policy> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let env = |name: &str| std::env::var(name).ok();
    let json = path.extension().is_some_and(|extension| extension == "json");
    let policy = if json { config::from_json(text.as_bytes(), &env) } else { config::from_yaml(&text, &env) };
    policy.map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(|error| format!("{}: {error}", path.display())).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })
}

/// Judges a call as the filter does. `None` where no route matches and the policy lets such calls pass.
pub fn judge(policy: &Policy, call: &CaseCall, now: Timestamp) -> anyhow::Result<Option<Outcome>> {
    let peer = call.peer.clone().and_then(Peer::from_uri);
    let mut tokens = TokenCache::new(0, [0; 16]);
    let head = match call.head() {
        Ok(head) => head,
        Err(error) => return Ok(Some(inspect::refuse(policy.mode, peer.as_ref(), error.into()))),
    };
    let opening = inspect::head(policy, head, &Hints::default(), peer, now, &mut tokens, &RustCrypto);
    Ok(match opening {
        Opening::Unguarded => None,
        Opening::Decided(outcome) => Some(*outcome),
        Opening::Judge(opened) => Some(inspect::body(policy, &opened, &call.body()?, now, &RustCrypto)),
    })
}

/// The outcome as `explain --json` prints it, and as `expect` of a case is compared with.
pub fn describe(outcome: Option<&Outcome>) -> Value {
    let Some(outcome) = outcome else {
        return json!({"verdict": Verdict::Admit.as_str(), "code": null, "httpStatus": null, "grpcStatus": null, "route": null,
                      "publisher": null, "events": []});
    };
    let code = outcome.refusal.as_ref().map(eventguard::decision::Refusal::code);
    let refused = code.filter(|_| outcome.verdict == Verdict::Refuse);
    let events: Vec<Value> = outcome.events.iter().map(|event| {
        let code = event.refusal.as_ref().map(|refusal| refusal.code().as_str());
        json!({"type": event.event_type, "id": event.id, "topic": event.topic, "verdict": event.verdict.as_str(), "code": code})
    }).collect();
    json!({
        "verdict": outcome.verdict.as_str(),
        "code": code.map(eventguard::decision::Code::as_str),
        "httpStatus": refused.map(eventguard::decision::Code::http_status),
        "grpcStatus": refused.map(eventguard::decision::Code::grpc_status),
        "route": outcome.route.as_deref(),
        "publisher": outcome.publisher.as_ref().map(eventguard::identity::Publisher::label),
        "events": events,
    })
}

/// The records of the outcome, as the filter would make them.
pub fn records(policy: &Policy, call: &CaseCall, outcome: &Outcome, now: Timestamp) -> Vec<String> {
    let circumstances = eventguard::audit::Circumstances {
        authority: &call.authority,
        request_id: None,
        traceparent: None,
        policy: &policy.digest,
        now,
    };
    Record::of_call(outcome, &circumstances).iter().map(Record::to_json).collect()
}
