//! A refusal into the answer that the caller gets: the code, and nothing of the token, the key or the data.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use prost::Message as _;
use serde::Serialize;

use crate::call::{Head, cut};
use crate::crypto::Unchecked;
use crate::decision::{Code, JudgedEvent, Outcome, Refusal, Verdict};
use crate::identity::{TokenError, TokenSettings};
use crate::ledger::Wait;
use crate::policy::Policy;
use crate::signature::SignatureError;
use crate::signature::http_message::accept_signature;

/// Who says it, in a gRPC refusal's `ErrorInfo`.
const DOMAIN: &str = "eventguard";

/// What is kept of a caller for the answer and the records. Bounded, and never trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// `x-request-id`.
    pub request_id: Option<String>,
    /// `traceparent` (W3C Trace Context).
    pub traceparent: Option<String>,
    /// The authority of the call.
    pub authority: String,
    language: Language,
}

/// What a caller understands as an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Language {
    /// A status and Problem Details.
    #[default]
    Http,
    /// A status in trailers, which the proxy writes.
    Grpc,
    /// The same in headers, and in a frame of trailers as gRPC-Web has them.
    GrpcWeb,
    /// The same, with the frame in base64.
    GrpcWebText,
}

impl Language {
    /// By the content type. gRPC is what the proxy takes for it, by the very name in lower case: it would answer any other caller with
    /// the HTTP status of a gRPC refusal, which is 200, and nothing that says that this is none.
    fn of(content_type: &[u8]) -> Self {
        let starts = |with: &[u8]| content_type.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
        match content_type.strip_prefix(b"application/grpc") {
            Some([] | [b'+', ..]) => Self::Grpc,
            _ if starts(b"application/grpc-web-text") => Self::GrpcWebText,
            _ if starts(b"application/grpc-web") => Self::GrpcWeb,
            _ => Self::Http,
        }
    }
}

impl Caller {
    /// Whether an answer has its status in trailers.
    #[must_use]
    pub fn is_grpc(&self) -> bool {
        self.language != Language::Http
    }

    /// What the head says; a header that is doubled or not text says nothing.
    #[must_use]
    pub fn of(head: &Head) -> Self {
        let text = |name| head.text(name).ok().flatten().map(|text| cut(text, 128).to_owned());
        let language = head.values("content-type").next().map(Language::of).unwrap_or_default();
        Self {
            request_id: text("x-request-id"),
            traceparent: text("traceparent"),
            authority: cut(head.authority(), 256).to_owned(),
            language,
        }
    }
}

/// `google.rpc.Status` (`google/rpc/status.proto`), in the header `grpc-status-details-bin`.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.ErrorInfo` (`google/rpc/error_details.proto`).
#[derive(Clone, PartialEq, prost::Message)]
struct ErrorInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
}

/// What a gRPC caller gets: the code as the reason of an `ErrorInfo`, in base64 without padding as gRPC writes binary headers.
fn status_details(code: Code, message: &str) -> String {
    let info = ErrorInfo { reason: code.as_str().to_owned(), domain: DOMAIN.to_owned() };
    let any = Any { type_url: "type.googleapis.com/google.rpc.ErrorInfo".to_owned(), value: info.encode_to_vec() };
    let status = Status { code: i32::from(code.grpc_status()), message: message.to_owned(), details: vec![any] };
    STANDARD_NO_PAD.encode(status.encode_to_vec())
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
    pub body: Vec<u8>,
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
    pub fn to(caller: &Caller, outcome: &Outcome, policy: &Policy) -> Option<Self> {
        let code = outcome.refusal.as_ref()?.code();
        let retry_after = retry_after(outcome.refusal.as_ref()).map(|seconds| ("retry-after", seconds.to_string()));
        if caller.language != Language::Http {
            return Some(Self::to_grpc(caller.language, code, retry_after));
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
            headers.push(("www-authenticate", challenge(code, &policy.token)));
            let asked = policy.signatures.http_message.as_ref().filter(|_| code.as_str().starts_with("signature."));
            headers.extend(asked.map(|settings| ("accept-signature", accept_signature(settings))));
        }
        headers.extend(retry_after);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        Some(Self { status: code.http_status(), grpc_status: None, code, headers, body })
    }

    fn to_grpc(language: Language, code: Code, retry_after: Option<(&'static str, String)>) -> Self {
        let message = format!("{}: {}", code.as_str(), code.when());
        let mut headers = vec![("grpc-status-details-bin", status_details(code, &message))];
        headers.extend(retry_after);
        if language == Language::Grpc {
            return Self { status: 200, grpc_status: Some(code.grpc_status()), code, headers, body: message.into_bytes() };
        }
        let trailers = trailers(code, &message);
        let (content_type, body) = match language {
            Language::GrpcWebText => ("application/grpc-web-text+proto", STANDARD.encode(trailers).into_bytes()),
            Language::GrpcWeb | Language::Grpc | Language::Http => ("application/grpc-web+proto", trailers),
        };
        headers.push(("content-type", content_type.to_owned()));
        headers.push(("grpc-status", code.grpc_status().to_string()));
        headers.push(("grpc-message", message));
        Self { status: 200, grpc_status: None, code, headers, body }
    }
}

/// Trailers as a frame of the body (gRPC-Web, "Message framing"). The proxy also sends no content type without a body.
fn trailers(code: Code, message: &str) -> Vec<u8> {
    let text = format!("grpc-status:{}\r\ngrpc-message:{message}\r\n", code.grpc_status());
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[0x80], length.as_slice(), text.as_bytes()].concat()
}

/// Whole seconds until there is room again (RFC 9110 section 10.2.3), rounded up.
fn retry_after(refusal: Option<&Refusal>) -> Option<u64> {
    let refusal = refusal?;
    let after = match (refusal, refusal.limited().map(|limited| limited.wait)) {
        (Refusal::Token(TokenError::Unchecked(Unchecked::Limited { retry_after })), _)
        | (Refusal::Signature(SignatureError::Unchecked(Unchecked::Limited { retry_after })), _) => *retry_after,
        (_, Some(Wait::For(time))) => time,
        _ => return None,
    };
    Some(after.as_secs() + u64::from(after.subsec_nanos() > 0))
}

/// The refused events without which a call went on, as a dictionary of structured fields (RFC 9651): each code with the places of its
/// events in the call, `rule.topic=(0 3), rule.publisher=(1)`.
#[must_use]
pub fn refused_header(events: &[JudgedEvent]) -> String {
    let mut codes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for event in all_refused(events) {
        codes.entry(event.code).or_default().push(event.index.to_string());
    }
    let members: Vec<String> = codes.into_iter().map(|(code, places)| format!("{code}=({})", places.join(" "))).collect();
    members.join(", ")
}

/// The refused events of a batch; a call with one event has nothing to tell apart.
fn refused_events(events: &[JudgedEvent]) -> Vec<ProblemEvent> {
    if events.len() < 2 {
        return Vec::new();
    }
    all_refused(events).collect()
}

fn all_refused(events: &[JudgedEvent]) -> impl Iterator<Item = ProblemEvent> {
    let refused = events.iter().enumerate().filter(|(_, event)| event.verdict == Verdict::Refuse);
    refused.filter_map(|(index, event)| Some(ProblemEvent { index, code: event.refusal.as_ref()?.code().as_str() }))
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
