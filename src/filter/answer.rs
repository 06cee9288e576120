//! The answer to a call as the proxy shows it: its head, its body and its trailers into what became of the call's events, asked only while
//! that is not settled.

use super::ending::Failure;
use super::grpc_web::WebAnswer;
use super::host;
use super::http::text_property;
use crate::ledger::Ending;

const GRPC_STATUS: &str = "grpc-status";

/// What the head of an answer says.
pub enum Head {
    /// What became of the events.
    Ending(Ending),
    /// The trailers say it.
    Trailers,
    /// The body says it.
    Body(WebAnswer),
}

/// Reads the head. Of gRPC it is the whole only where the call failed at once.
pub fn head(is_grpc: bool) -> Head {
    let status = host::response_header(":status").ok().flatten();
    match (status.as_deref(), is_grpc) {
        (None, _) => Head::Trailers,
        (Some([b'2', _, _]), false) => Head::Ending(Ending::Published),
        (Some([b'2', _, _]), true) => ending_of(host::response_header(GRPC_STATUS)).map_or_else(later, Head::Ending),
        (Some(_), _) => Head::Ending(ending_of_failure()),
    }
}

fn later() -> Head {
    let content_type = host::response_header("content-type").ok().flatten();
    content_type.and_then(|content_type| WebAnswer::of(&content_type)).map_or(Head::Trailers, Head::Body)
}

/// Reads the part of the body that passes, of so many bytes.
pub fn part(answer: &mut WebAnswer, size: usize) -> Option<Ending> {
    let bytes = answer.has_room_for(size).then(|| host::response_body().ok().map(Option::unwrap_or_default)).flatten();
    let status = answer.read(bytes.as_deref())?;
    ending_of(Ok(Some(status)))
}

/// Reads the trailers.
pub fn trailers() -> Option<Ending> {
    ending_of(host::response_trailer(GRPC_STATUS))
}

fn ending_of(status: host::Found) -> Option<Ending> {
    let status = status.ok().flatten()?;
    Some(if status == b"0" { Ending::Published } else { ending_of_failure() })
}

/// Asked only of answers that are errors.
fn ending_of_failure() -> Ending {
    let upstream_chosen = text_property("upstream\0address").is_some();
    let attempts = host::property("upstream\0request_attempt_count").ok().flatten();
    let attempts = attempts.and_then(|count| count.try_into().ok()).map_or(1, u64::from_le_bytes);
    Failure { details: text_property("response\0code_details").as_deref(), upstream_chosen, attempts }.ending()
}
