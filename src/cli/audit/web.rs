//! The live view as a page: one document without anything from elsewhere, and the records as server-sent events. What is sent are
//! callers' strings: the page makes text of them and nothing else, and its policy (CSP) lets nothing else run or load.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eventguard::crypto::sha256;
use http_body_util::{Either, Full};
use hyper::body::{Body, Bytes, Frame};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::sync::mpsc::Receiver;

use super::live::Live;

/// How often pages are told how the chains stand.
const PAUSE: Duration = Duration::from_millis(500);

const PAGE: &str = include_str!("page.html");

/// Messages on their way to a page.
pub struct Events(Receiver<Bytes>);

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|message| message.map(|bytes| Ok(Frame::data(bytes))))
    }
}

type Reply = Response<Either<Full<Bytes>, Events>>;

/// What is served.
pub struct Web {
    live: Rc<RefCell<Live>>,
    policy: HeaderValue,
}

impl Web {
    pub fn new(live: Rc<RefCell<Live>>) -> anyhow::Result<Self> {
        Ok(Self { live, policy: HeaderValue::from_str(&content_security_policy(PAGE))? })
    }

    /// Answers one request.
    pub fn answer<B>(&self, request: &Request<B>) -> Reply {
        let mut reply = match (request.method(), request.uri().path()) {
            _ if !is_addressed(request.headers()) => text(StatusCode::MISDIRECTED_REQUEST, "ask by an address, or as localhost"),
            (&Method::GET, "/") => self.page(),
            (&Method::GET, "/events") => self.events(),
            (_, "/" | "/events") => {
                let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "there is only GET");
                reply.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
                reply
            }
            (_, _) => text(StatusCode::NOT_FOUND, "there are only / and /events"),
        };
        for (name, value) in ALWAYS {
            reply.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        reply
    }

    fn page(&self) -> Reply {
        let mut reply = with(StatusCode::OK, "text/html; charset=utf-8", Either::Left(PAGE.into()));
        reply.headers_mut().insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        reply
    }

    fn events(&self) -> Reply {
        match self.live.borrow_mut().watch() {
            Some(messages) => with(StatusCode::OK, "text/event-stream", Either::Right(Events(messages))),
            None => text(StatusCode::SERVICE_UNAVAILABLE, "too many pages look on"),
        }
    }
}

/// Tells the pages how the chains stand, where something has come.
pub async fn tell_chains(live: &RefCell<Live>) -> Infallible {
    let mut told = 0;
    loop {
        let total = live.borrow().total();
        if told != total {
            live.borrow_mut().tell_chains();
            told = total;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// No other page may read, frame or guess at what this one is.
const ALWAYS: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// The page's own script and style, by their digests, and a connection to where it came from; nothing else. Text cannot become markup
/// even where the script would try (Trusted Types).
fn content_security_policy(page: &str) -> String {
    let [script, style] = ["script", "style"].map(|element| digest(inside(page, element)));
    format!(
        "default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// What stands between the tags of the only element of this name.
fn inside<'p>(page: &'p str, element: &str) -> &'p str {
    let behind = page.split_once(&format!("<{element}>")).map_or("", |(_, behind)| behind);
    behind.split_once(&format!("</{element}>")).map_or("", |(inside, _)| inside)
}

fn digest(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(sha256(text.as_bytes())))
}

/// Whether the request names its host by an address or as `localhost`: a name that somebody else may point here (DNS rebinding) would
/// make this page one of theirs.
fn is_addressed(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

fn text(status: StatusCode, text: &'static str) -> Reply {
    with(status, "text/plain; charset=utf-8", Either::Left(text.into()))
}

fn with(status: StatusCode, content_type: &'static str, body: Either<Full<Bytes>, Events>) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &str, target: &str, host: &str) -> u16 {
        let web = Web::new(Rc::default()).unwrap();
        let request = Request::builder().method(method).uri(target).header(HOST, host).body(()).unwrap();
        web.answer(&request).status().as_u16()
    }

    #[test]
    fn only_the_page_and_its_events_are_served_and_only_by_address() {
        for (method, target, host, expected) in [
            ("GET", "/", "127.0.0.1:4319", 200),
            ("GET", "/", "[::1]:4319", 200),
            ("GET", "/", "LOCALHOST", 200),
            ("GET", "/events", "localhost:4319", 200),
            ("POST", "/events", "localhost:4319", 405),
            ("GET", "/page.html", "localhost:4319", 404),
            ("GET", "/", "evil.example:4319", 421),
            ("GET", "/events", "127.0.0.1.evil.example", 421),
            ("GET", "/events", "localhost.evil.example", 421),
            ("GET", "/", "", 421),
        ] {
            assert_eq!(status(method, target, host), expected, "{method} {target} {host}");
        }
    }

    #[test]
    fn the_policy_of_the_page_names_its_own_script_and_style_and_nothing_from_elsewhere() {
        assert_eq!(PAGE.matches("<script").count() + PAGE.matches("<style").count(), 2);
        let policy = content_security_policy(PAGE);
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains(&digest("")), "{policy}");
        for word in [
            "://",
            " src=",
            " href=",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            " style=",
            " onclick=",
        ] {
            assert!(!PAGE.contains(word), "{word}");
        }
    }
}
