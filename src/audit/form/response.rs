//! What a log cluster answers, as far as it is looked at, whatever it speaks.

use std::time::Duration;

use super::Answer;
use crate::time::Timestamp;

/// The longest time that a log cluster may put us off: beyond this it is asked again.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// What a log cluster answers.
#[derive(Clone, Copy)]
pub struct Response<'a> {
    /// The HTTP status.
    pub status: u16,
    /// A header of that name, or else a trailer.
    pub header: &'a dyn Fn(&str) -> Option<String>,
    /// The first bytes of the body.
    pub body: &'a [u8],
}

impl Response<'_> {
    /// What plain HTTP says: 2xx took the batch; what tells of a log cluster that is busy or broken asks for it again; any other status
    /// will not have it.
    pub(super) fn read(&self, now: Timestamp) -> Answer {
        match self.status {
            200..=299 => Answer::Accepted,
            408 | 429 | 500..=599 => Answer::Retryable { retry_after: self.retry_after(now) },
            _ => Answer::Permanent,
        }
    }

    /// The header `retry-after`, in seconds or as a date (RFC 9110 section 10.2.3); one that cannot be read is as good as none.
    pub(super) fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = (self.header)("retry-after")?;
        let seconds = || text.parse().ok().map(Duration::from_secs);
        let date = || Some(read_http_date(&text)?.since(now));
        seconds().or_else(date).map(bounded)
    }
}

pub(super) fn bounded(wait: Duration) -> Duration {
    wait.min(LONGEST_RETRY_AFTER)
}

/// Reads the preferred form of an HTTP date (RFC 9110 section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
fn read_http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split(' ').skip(1);
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    Timestamp::parse(&format!("{year}-{month:02}-{day}T{time}Z")).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub const NOW: i64 = 1_795_420_800;

    pub fn now() -> Timestamp {
        Timestamp::from_unix_seconds(NOW).unwrap()
    }

    /// Has an answer with these headers and trailers read.
    pub fn answered<R>(status: u16, headers: &[(&str, &str)], body: &[u8], read: impl FnOnce(&Response<'_>) -> R) -> R {
        let header = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        read(&Response { status, header: &header, body })
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date_and_bounded() {
        for (text, seconds) in [
            ("7", Some(7)),
            ("0", Some(0)),
            ("99999999", Some(300)),
            ("Mon, 23 Nov 2026 08:00:30 GMT", Some(30)),
            ("Mon, 23 Nov 2026 07:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("Mon, 23 Nov", None),
            ("18446744073709551616", None),
        ] {
            let retry_after = answered(429, &[("retry-after", text)], b"", |response| response.retry_after(now()));
            assert_eq!(retry_after, seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn every_status_of_plain_http_has_its_answer() {
        let read = |status| answered(status, &[], b"", |response| response.read(now()));
        for status in [200, 202, 204] {
            assert_eq!(read(status), Answer::Accepted);
        }
        for status in [408, 429, 500, 503, 599] {
            assert_eq!(read(status), Answer::Retryable { retry_after: None });
        }
        for status in [0, 100, 301, 400, 401, 403, 404, 413, 600] {
            assert_eq!(read(status), Answer::Permanent);
        }
    }
}
