//! An OTLP/HTTP receiver (OTLP specification, "OTLP/HTTP Request" and "Response"): `POST /v1/logs` and `/v1/traces` with a protobuf body,
//! gzip or not. Answers a request only when its records are written, so that a sender keeps what could not be.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;

use eventguard::audit::form::otlp;
use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;

use super::lines::{self, Format};
use super::live::Live;
use super::server::complain;
use super::spans::Spans;

/// Bytes of a body, as sent and decompressed.
const BODY: usize = 16 << 20;

/// Where the lines go.
pub struct Lines {
    output: RefCell<Box<dyn Write>>,
    format: Format,
    /// Who looks on, where somebody does.
    live: Option<Rc<RefCell<Live>>>,
}

impl Lines {
    /// With the table's heading written.
    pub fn new(output: Box<dyn Write>, format: Format, live: Option<Rc<RefCell<Live>>>) -> io::Result<Self> {
        let lines = Self { output: RefCell::new(output), format, live };
        match format {
            Format::Table => lines.write(&(lines::heading() + "\n"))?,
            Format::Ndjson => {}
        }
        Ok(lines)
    }

    fn take(&self, request: &ExportLogsServiceRequest) -> io::Result<()> {
        self.write(&lines::lines(request, self.format))?;
        if let Some(live) = &self.live {
            live.borrow_mut().add(&lines::lines(request, Format::Ndjson));
        }
        Ok(())
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut output = self.output.borrow_mut();
        output.write_all(text.as_bytes())?;
        output.flush()
    }
}

type Reply = Response<Full<Bytes>>;

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("there are only /v1/logs and /v1/traces")]
    Path,
    #[error("records are posted")]
    Method,
    #[error("the content type is not {}", otlp::CONTENT_TYPE)]
    ContentType,
    #[error("the content encoding is neither gzip nor identity")]
    Encoding,
    #[error("the body is longer than {BODY} bytes")]
    TooLarge,
    #[error("the body is cut: {0}")]
    Cut(String),
    #[error("the body is not what is posted to this path: {0}")]
    Malformed(String),
    #[error("the records could not be written: {0}")]
    Unwritten(io::Error),
}

/// What a request brings.
#[derive(Debug, Clone, Copy)]
enum Signal {
    Logs,
    Traces,
}

/// Answers one request.
pub async fn answer(request: Request<Incoming>, lines: &Lines, spans: &Spans) -> Reply {
    receive(request, lines, spans).await.unwrap_or_else(Refused::into_response)
}

async fn receive(request: Request<Incoming>, lines: &Lines, spans: &Spans) -> Result<Reply, Refused> {
    let signal = check_head(&request)?;
    let gzip = is_gzip(request.headers())?;
    let body = Limited::new(request.into_body(), BODY)
        .collect()
        .await
        .map_err(|error| if error.is::<LengthLimitError>() { Refused::TooLarge } else { Refused::Cut(error.to_string()) })?;
    let body = body.to_bytes();
    let body = if gzip { Bytes::from(inflate(&body)?) } else { body };
    let taken = match signal {
        Signal::Logs => {
            lines.take(&decode::<ExportLogsServiceRequest>(body)?).map_err(Refused::Unwritten)?;
            ExportLogsServiceResponse { partial_success: None }.encode_to_vec()
        }
        Signal::Traces => {
            spans.take(&decode::<ExportTraceServiceRequest>(body)?).map_err(Refused::Unwritten)?;
            ExportTraceServiceResponse { partial_success: None }.encode_to_vec()
        }
    };
    Ok(reply(StatusCode::OK, taken))
}

fn decode<M: Message + Default>(body: Bytes) -> Result<M, Refused> {
    M::decode(body).map_err(|error| Refused::Malformed(error.to_string()))
}

fn check_head(request: &Request<Incoming>) -> Result<Signal, Refused> {
    let signal = match request.uri().path() {
        "/v1/logs" => Signal::Logs,
        "/v1/traces" => Signal::Traces,
        _ => return Err(Refused::Path),
    };
    if request.method() != Method::POST {
        return Err(Refused::Method);
    }
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case(otlp::CONTENT_TYPE).then_some(signal).ok_or(Refused::ContentType)
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Refused> {
    match headers.get(CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase()).as_deref() {
        None | Some(b"identity") => Ok(false),
        Some(b"gzip") => Ok(true),
        Some(_) => Err(Refused::Encoding),
    }
}

fn inflate(body: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut inflated = Vec::new();
    // One byte more than allowed tells a body that is too long from one that just fits.
    let limit = u64::try_from(BODY).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(body).take(limit).read_to_end(&mut inflated).map_err(|error| Refused::Malformed(error.to_string()))?;
    if inflated.len() > BODY { Err(Refused::TooLarge) } else { Ok(inflated) }
}

/// `google.rpc.Status`, the body that OTLP wants with an error.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

impl Refused {
    /// The HTTP status, and the gRPC code that means the same. Only what could not be written is worth another try.
    fn status(&self) -> (StatusCode, i32) {
        match self {
            Self::Path => (StatusCode::NOT_FOUND, 12),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, 12),
            Self::ContentType | Self::Encoding => (StatusCode::UNSUPPORTED_MEDIA_TYPE, 3),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 8),
            Self::Cut(_) | Self::Malformed(_) => (StatusCode::BAD_REQUEST, 3),
            Self::Unwritten(_) => (StatusCode::SERVICE_UNAVAILABLE, 14),
        }
    }

    fn into_response(self) -> Reply {
        complain(&format!("a request was refused: {self}"));
        let (status, code) = self.status();
        let mut reply = reply(status, Status { code, message: self.to_string() }.encode_to_vec());
        if let Self::Method = self {
            reply.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("POST"));
        }
        reply
    }
}

fn reply(status: StatusCode, body: Vec<u8>) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(otlp::CONTENT_TYPE));
    reply
}
