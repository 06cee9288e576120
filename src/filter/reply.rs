//! A refusal into the answer that the caller gets: the code, and nothing of the token, the key or the data.

use serde::Serialize;

use crate::call::{Head, cut};
use crate::decision::{Code, JudgedEvent, Outcome, Verdict};
use crate::identity::TokenSettings;

/// What is kept of a caller for the answer and the records. Bounded, and never trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// `x-request-id`.
    pub request_id: Option<String>,
    /// `traceparent` (W3C Trace Context).
    pub traceparent: Option<String>,
    /// The authority of the call.
    pub authority: String,
    grpc: bool,
}

impl Caller {
    /// What the head says; a header that is doubled or not text says nothing.
    #[must_use]
    pub fn of(head: &Head) -> Self {
        let text = |name| head.text(name).ok().flatten().map(|text| cut(text, 128).to_owned());
        let grpc = head.values("content-type").any(|value| value.starts_with(b"application/grpc"));
        Self {
            request_id: text("x-request-id"),
            traceparent: text("traceparent"),
            authority: cut(head.authority(), 256).to_owned(),
            grpc,
        }
    }
}

/// An answer in the upstream's stead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status; for gRPC callers the proxy makes it 200.
    pub status: u16,
    /// The gRPC status for gRPC callers, whose message is the body.
    pub grpc_status: Option<u8>,
    /// The refusal's code, for the proxy's own log.
    pub code: Code,
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// Problem Details (RFC 9457).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<ProblemEvent>,
}

#[derive(Serialize)]
struct ProblemEvent {
    index: usize,
    code: &'static str,
}

impl Reply {
    /// The answer to a refused call; `None` where there is nothing to refuse.
    #[must_use]
    pub fn to(caller: &Caller, outcome: &Outcome, token: &TokenSettings) -> Option<Self> {
        let code = outcome.refusal.as_ref()?.code();
        if caller.grpc {
            let body = format!("{}: {}", code.as_str(), code.when());
            return Some(Self { status: 200, grpc_status: Some(code.grpc_status()), code, headers: Vec::new(), body });
        }
        let problem = Problem {
            r#type: format!("urn:eventguard:{}", code.as_str()),
            title: code.when(),
            status: code.http_status(),
            code: code.as_str(),
            request_id: caller.request_id.as_deref(),
            events: refused_events(&outcome.events),
        };
        let mut headers = vec![("content-type", "application/problem+json".to_owned())];
        if code.http_status() == 401 {
            headers.push(("www-authenticate", challenge(code, token)));
        }
        let body = serde_json::to_string(&problem).unwrap_or_default();
        Some(Self { status: code.http_status(), grpc_status: None, code, headers, body })
    }
}

/// The refused events of a batch; a call with one event has nothing to tell apart.
fn refused_events(events: &[JudgedEvent]) -> Vec<ProblemEvent> {
    if events.len() < 2 {
        return Vec::new();
    }
    let refused = events.iter().enumerate().filter(|(_, event)| event.verdict == Verdict::Refuse);
    refused.filter_map(|(index, event)| Some(ProblemEvent { index, code: event.refusal.as_ref()?.code().as_str() })).collect()
}

/// The challenge of a 401 (RFC 6750 section 3): no error where there was no token, `invalid_token` where there was a wrong one, and
/// `invalid_request` where it is the message's signature that is wrong.
fn challenge(code: Code, token: &TokenSettings) -> String {
    let scheme = token.scheme.as_deref().unwrap_or("Bearer");
    let error = match code {
        Code::TOKEN_MISSING => return format!("{scheme} realm=\"eventguard\""),
        code if code.as_str().starts_with("token.") => "invalid_token",
        _ => "invalid_request",
    };
    format!("{scheme} realm=\"eventguard\", error=\"{error}\", error_description=\"{}\"", code.as_str())
}
