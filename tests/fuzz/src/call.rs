//! A call as text that a person can read and a fuzzer can take apart: a line `METHOD AUTHORITY PATH`, a line `name: value` for each
//! header, an empty line, the body. A line that starts with a space goes on with the value above it, which then has a line feed.
//! `seeds.py` writes the same form.

use eventguard::call::{Head, Peer};

/// The header that stands for the peer's certificate.
const PEER: &str = "x-peer";

/// A call.
#[derive(Debug)]
pub struct Call<'a> {
    /// Its head.
    pub head: Head,
    /// Its body, as it was sent.
    pub body: &'a [u8],
}

impl<'a> Call<'a> {
    /// Reads the text; `None` where it is none, or its first line is not UTF-8.
    #[must_use]
    pub fn read(text: &'a [u8]) -> Option<Self> {
        let (head, body) = split_at_first(text, b"\n\n").unwrap_or((text, &[]));
        let mut lines = head.split(|byte| *byte == b'\n');
        let mut start = lines.next()?.splitn(3, |byte| *byte == b' ');
        let mut map = Vec::new();
        for name in [":method", ":authority", ":path"] {
            map.push((name.to_owned(), start.next()?.to_vec()));
        }
        for line in lines {
            if let ([b' ', rest @ ..], Some((_, value))) = (line, map.last_mut()) {
                value.push(b'\n');
                value.extend_from_slice(rest);
                continue;
            }
            let (name, value) = split_at_first(line, b": ")?;
            let name = std::str::from_utf8(name).ok().filter(|name| !name.starts_with(':'))?;
            map.push((name.to_ascii_lowercase(), value.to_vec()));
        }
        Some(Self { head: Head::from_map(map.into_iter().collect()).ok()?, body })
    }

    /// The peer, where the call has one.
    #[must_use]
    pub fn peer(&self) -> Option<Peer> {
        self.head.text(PEER).ok().flatten().map(str::to_owned).and_then(Peer::from_uri)
    }
}

/// What is before and behind the first `separator`.
#[must_use]
pub fn split_at_first<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(separator.len()).position(|window| window == separator)?;
    Some((&bytes[..at], &bytes[at + separator.len()..]))
}
