//! Connections of HTTP/1.1, each served on its own. Who serves what is the caller's business.

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

/// Serves every connection that comes; on the local task set.
pub async fn accept<B>(
    listener: TcpListener,
    answer: impl AsyncFn(Request<Incoming>) -> Response<B> + Clone + 'static,
) -> Infallible
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::task::spawn_local(serve(stream, answer.clone()))),
            // Out of file handles, or a caller that is gone already: the next one may fare better, a little later.
            Err(error) => {
                complain(&format!("a connection was not accepted: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve<B>(stream: TcpStream, answer: impl AsyncFn(Request<Incoming>) -> Response<B> + Clone + 'static)
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let service = service_fn(move |request| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(answer(request).await) }
    });
    let served = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        complain(&format!("a connection ended early: {error}"));
    }
}

/// Tells whoever started this; where nobody listens any more, `eprintln!` would panic.
pub fn complain(what: &str) {
    let _ = writeln!(io::stderr(), "eventguard: {what}");
}
