//! OTLP over gRPC: a message into its frame, and the answers of `LogsService/Export` (OTLP specification, "OTLP/gRPC Response" and "Failures").

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::response::{Response, bounded};
use super::wire::{Field, bytes_of, fields, number_of};
use super::{Answer, otlp};
use crate::time::Timestamp;

pub(super) const CONTENT_TYPE: &str = "application/grpc";

/// Bytes before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// A message as gRPC sends it.
pub(super) fn framed(message: &[u8], compressed: bool) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[u8::from(compressed)], length.to_be_bytes().as_slice(), message].concat()
}

/// What the log cluster said. Where the HTTP status says that nobody spoke gRPC, it means what gRPC says that it means (`http-grpc-status-mapping`).
pub(super) fn read(response: &Response<'_>, now: Timestamp) -> Answer {
    match response.status {
        200 => {}
        429 | 502 | 503 | 504 => return Answer::Retryable { retry_after: response.retry_after(now) },
        _ => return Answer::Permanent,
    }
    let status = (response.header)("grpc-status").and_then(|status| status.parse::<u8>().ok());
    let retry_after = || retry_info(&(response.header)("grpc-status-details-bin")?);
    match (status, status.filter(|status| *status != 0).and_then(|_| retry_after())) {
        (Some(0), _) => otlp::accepted(response.body.get(PREFIX..).unwrap_or_default()),
        // Cancelled, deadline exceeded, aborted, out of range, unavailable, data loss.
        (Some(1 | 4 | 10 | 11 | 14 | 15), retry_after) => Answer::Retryable { retry_after },
        // Resource exhausted: only who says when has room again.
        (Some(8), retry_after @ Some(_)) => Answer::Retryable { retry_after },
        (Some(_), _) => Answer::Permanent,
        // The answer broke off.
        (None, _) => Answer::Retryable { retry_after: None },
    }
}

/// When to come again: the `google.rpc.RetryInfo` among the details of a `google.rpc.Status`.
fn retry_info(details: &str) -> Option<Duration> {
    let status = STANDARD_NO_PAD.decode(details.trim_end_matches('=')).ok()?;
    let mut infos = fields(&status).filter_map(|field| match field {
        (3, Field::Bytes(any)) => {
            let is_retry_info = bytes_of(any, 1).is_some_and(|url| url.ends_with(b"/google.rpc.RetryInfo"));
            is_retry_info.then(|| bytes_of(any, 2).unwrap_or_default())
        }
        _ => None,
    });
    let delay = bytes_of(infos.next()?, 1).unwrap_or_default();
    // A negative number is one beyond those.
    let seconds = number_of(delay, 1).filter(|seconds| i64::try_from(*seconds).is_ok()).unwrap_or(0);
    let nanos = number_of(delay, 2).and_then(|nanos| u32::try_from(nanos).ok()).unwrap_or(0);
    Some(bounded(Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into()))))
}

#[cfg(test)]
mod tests {
    use super::super::response::tests::{answered, now};
    use super::super::wire::Writer;
    use super::*;

    const BUSY: Answer = Answer::Retryable { retry_after: None };

    fn read_status(headers: &[(&str, &str)]) -> Answer {
        answered(200, headers, b"", |response| read(response, now()))
    }

    /// A status with details of two types.
    fn details(seconds: u64, nanos: u64) -> String {
        let mut status = Writer(Vec::new());
        status.number(1, 8);
        status.bytes(2, b"too much");
        for (url, number) in
            [("type.googleapis.com/google.rpc.ErrorInfo", 0), ("type.googleapis.com/google.rpc.RetryInfo", seconds)]
        {
            status.message(3, |any| {
                any.bytes(1, url.as_bytes());
                any.message(2, |info| {
                    info.message(1, |delay| {
                        delay.number(1, number);
                        delay.number(2, nanos);
                    });
                });
            });
        }
        STANDARD_NO_PAD.encode(status.0)
    }

    #[test]
    fn a_message_stands_behind_its_length() {
        assert_eq!(framed(b"abc", false), b"\0\0\0\0\x03abc");
        assert_eq!(framed(&[7; 300], true)[..6], [1, 0, 0, 1, 44, 7]);
    }

    #[test]
    fn every_status_has_its_answer() {
        for status in ["1", "4", "10", "11", "14", "15"] {
            assert_eq!(read_status(&[("grpc-status", status)]), BUSY, "{status}");
        }
        for status in ["2", "3", "5", "6", "7", "8", "9", "12", "13", "16", "99"] {
            assert_eq!(read_status(&[("grpc-status", status)]), Answer::Permanent, "{status}");
        }
        for broken in [&[][..], &[("grpc-status", "ok")]] {
            assert_eq!(read_status(broken), BUSY);
        }
    }

    #[test]
    fn a_receiver_that_says_when_it_has_room_is_asked_again_then() {
        for (seconds, nanos, expected) in [
            (7, 0, Duration::from_secs(7)),
            (0, 250_000_000, Duration::from_millis(250)),
            (u64::MAX, 0, Duration::ZERO),
            (99_999_999, 0, Duration::from_secs(300)),
        ] {
            for padded in ["", "=="] {
                let details = details(seconds, nanos) + padded;
                let answer = read_status(&[("grpc-status", "8"), ("grpc-status-details-bin", &details)]);
                assert_eq!(answer, Answer::Retryable { retry_after: Some(expected) });
            }
        }
        for details in ["", "!", "AAAA", details(7, 0).get(..20).unwrap_or_default()] {
            let answer = read_status(&[("grpc-status", "8"), ("grpc-status-details-bin", details)]);
            assert_eq!(answer, Answer::Permanent, "{details}");
        }
    }

    #[test]
    fn a_partial_success_says_how_many_were_not_taken() {
        let mut message = Writer(Vec::new());
        message.message(1, |partial_success| partial_success.number(1, 2));
        let read = |body: &[u8]| answered(200, &[("grpc-status", "0")], body, |response| read(response, now()));
        assert_eq!(read(&framed(&message.0, false)), Answer::PartlyRejected { rejected: 2 });
        for nothing in [&framed(b"", false)[..], b"", b"\0\0"] {
            assert_eq!(read(nothing), Answer::Accepted);
        }
    }

    #[test]
    fn who_does_not_speak_grpc_is_understood_by_the_http_status() {
        let read = |status| answered(status, &[("grpc-status", "0")], b"", |response| read(response, now()));
        assert_eq!([429, 502, 503, 504].map(read), [BUSY; 4]);
        assert_eq!([0, 301, 400, 404, 500].map(read), [const { Answer::Permanent }; 5]);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_details_never_panic(bytes: Vec<u8>) {
            let _ = retry_info(&STANDARD_NO_PAD.encode(bytes));
        }
    }
}
