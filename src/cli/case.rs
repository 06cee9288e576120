//! A case file: a call, and what must become of it.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventguard::audit::Record;
use eventguard::call::{Certificate, Head, HeaderError, Peer, read_sha256};
use eventguard::config;
use eventguard::crypto::RustCrypto;
use eventguard::decision::{Difference, Outcome, Verdict};
use eventguard::identity::TokenCache;
use eventguard::inspect::{self, HeadMeans, Incoming, Means, Opening};
use eventguard::ledger::{self, Ending, Memory};
use eventguard::policy::{Hints, Policy};
use eventguard::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One call and what must become of it, or several one after the other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    name: String,
    now: Option<String>,
    call: Option<CaseCall>,
    answer: Option<u16>,
    expect: Option<Value>,
    calls: Option<Vec<Step>>,
}

/// Calls in their order, each with what must become of it.
#[derive(Debug)]
pub struct Case {
    pub name: String,
    pub steps: Vec<Step>,
}

/// A call, and what must become of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub now: Option<String>,
    pub call: CaseCall,
    /// The HTTP status that the upstream answers with, if the call goes on: 200.
    pub answer: Option<u16>,
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
    /// SHA-256 of the peer's certificate, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_certificate: Option<String>,
}

impl Case {
    /// Reads a case file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let file = serde_json::from_slice(&text).with_context(|| format!("{} is not a case", path.display()))?;
        let CaseFile { name, now, call, answer, expect, calls } = file;
        let steps = match (call, calls) {
            (Some(call), None) => vec![Step { now, call, answer, expect }],
            (None, Some(calls)) if now.is_none() && answer.is_none() && expect.is_none() && !calls.is_empty() => calls,
            _ => bail!("{}: a case has one `call`, or several `calls` and nothing beside them", path.display()),
        };
        Ok(Self { name, steps })
    }
}

impl Step {
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

    /// The peer.
    fn peer(&self) -> anyhow::Result<Peer> {
        let read = |hex: &String| read_sha256(hex.as_bytes()).context("`peerCertificate` is not a SHA-256 in hexadecimal digits");
        let certificate = self.peer_certificate.as_ref().map(read).transpose()?;
        Ok(Peer::new(self.peer.clone().filter(|uri| !uri.is_empty()), Certificate::Known(certificate)))
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

/// Judges a call as the filter does, whatever becomes of it then. `None` where no route matches and the policy lets such calls pass.
fn judge(policy: &Policy, call: &CaseCall, now: Timestamp, memory: &Memory) -> anyhow::Result<Option<Outcome>> {
    let peer = Some(call.peer()?);
    let mut tokens = TokenCache::new(0, [0; 16]);
    let head = match call.head() {
        Ok(head) => head,
        Err(error) => return Ok(Some(inspect::refuse(policy.mode, peer.as_ref(), error.into()))),
    };
    let opening = inspect::head(
        policy,
        Incoming { head, hints: Hints::default(), peer },
        HeadMeans { now, tokens: &mut tokens, crypto: &RustCrypto },
    );
    Ok(match opening {
        Opening::Unguarded => None,
        Opening::Decided(outcome) => Some(*outcome),
        // Nothing is fetched here.
        Opening::Wait(pending) => Some(pending.refuse(policy)),
        Opening::Judge(opened) => {
            Some(inspect::body(policy, &opened, &call.body()?, Means { now, crypto: &RustCrypto, store: memory }))
        }
    })
}

/// Judges a step as the filter does, the upstream's answer included.
pub fn play(policy: &Policy, step: &Step, now: Timestamp, memory: &Memory) -> anyhow::Result<Option<Outcome>> {
    let mut outcome = judge(policy, &step.call, now, memory)?;
    let accepted = step.answer.is_none_or(|status| (200..300).contains(&status));
    let ending = if accepted { Ending::Published } else { Ending::Failed };
    let grants = outcome.as_mut().map(Outcome::take_grants).unwrap_or_default();
    for grant in grants.iter().filter(|grant| grant.awaits_an_answer()) {
        ledger::settle(memory, now, grant, ending)?;
    }
    Ok(outcome)
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
        let event_type = &event.event_type;
        let told =
            json!({"type": event_type, "id": event.id, "topic": event.topic, "verdict": event.verdict.as_str(), "code": code});
        with_shadow(told, event.shadow.as_deref())
    }).collect();
    let told = json!({
        "verdict": outcome.verdict.as_str(),
        "code": code.map(eventguard::decision::Code::as_str),
        "httpStatus": refused.map(eventguard::decision::Code::http_status),
        "grpcStatus": refused.map(eventguard::decision::Code::grpc_status),
        "route": outcome.route.as_deref(),
        "publisher": outcome.publisher.as_ref().map(eventguard::identity::Publisher::label),
        "events": events,
    });
    with_shadow(told, outcome.shadow.as_deref())
}

/// What a shadow says, where that is something else.
fn with_shadow(mut told: Value, shadow: Option<&Difference>) -> Value {
    if let (Some(shadow), Some(members)) = (shadow, told.as_object_mut()) {
        let code = shadow.refusal.as_ref().map(|refusal| refusal.code().as_str());
        members.insert("shadow".to_owned(), json!({"verdict": shadow.verdict(), "code": code}));
    }
    told
}

/// The records of the outcome, as the filter would make them.
pub fn records(policy: &Policy, call: &CaseCall, outcome: &Outcome, now: Timestamp) -> Vec<String> {
    let circumstances = eventguard::audit::Circumstances {
        authority: &call.authority,
        request_id: None,
        traceparent: None,
        policy: &policy.digest,
        now,
        untrue: None,
    };
    Record::of_call(outcome, &circumstances).iter().map(|record| record.write(None).json).collect()
}
