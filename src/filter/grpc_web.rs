//! The end of a gRPC-Web answer: the parts of its body, as they pass, into the status that its last frame has for trailers (gRPC-Web,
//! "Protocol differences vs gRPC over HTTP2"). It holds nothing back, and trusts nothing: what it cannot read says nothing.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How much of an answer is looked at. The answer to a publish call is a few bytes.
const LONGEST: usize = 64 << 10;

/// Of a frame's first byte: it has trailers in it.
const TRAILERS: u8 = 0x80;

const STATUS: &[u8] = b"grpc-status";

/// An answer of which the status is still to come.
#[derive(Debug)]
pub struct WebAnswer {
    form: Form,
    /// How many bytes may still be looked at.
    room: usize,
    /// Characters of base64 that are no whole group yet.
    group: Vec<u8>,
    /// A frame that is not whole yet.
    frame: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Binary,
    /// Base64, each part of the answer for itself, with its own padding.
    Text,
}

impl WebAnswer {
    /// By the answer's content type; `None` where it is not gRPC-Web.
    #[must_use]
    pub fn of(content_type: &[u8]) -> Option<Self> {
        let rest = content_type.strip_prefix(b"application/grpc-web")?;
        let form = if rest.starts_with(b"-text") { Form::Text } else { Form::Binary };
        Some(Self { form, room: LONGEST, group: Vec::new(), frame: Vec::new() })
    }

    /// Whether a part of so many bytes is still looked at.
    #[must_use]
    pub fn has_room_for(&self, part: usize) -> bool {
        part <= self.room
    }

    /// Reads the next part, `None` where it cannot be had: the status, once it is there. After a part that was not read nothing more is.
    pub fn read(&mut self, part: Option<&[u8]>) -> Option<Vec<u8>> {
        let found = part.and_then(|part| self.bytes(part)).and_then(|bytes| self.status(&bytes));
        if found.is_none() {
            self.room = 0;
        }
        found.flatten()
    }

    /// The bytes of the part; `None` where it cannot be read.
    fn bytes<'p>(&mut self, part: &'p [u8]) -> Option<Cow<'p, [u8]>> {
        self.room = self.room.checked_sub(part.len())?;
        if self.form == Form::Binary {
            return Some(Cow::Borrowed(part));
        }
        self.group.extend_from_slice(part);
        let mut bytes = Vec::with_capacity(self.group.len());
        let groups = self.group.chunks_exact(4);
        let rest = groups.remainder().to_vec();
        for group in groups {
            STANDARD.decode_vec(group, &mut bytes).ok()?;
        }
        self.group = rest;
        Some(Cow::Owned(bytes))
    }

    /// The status, `Some(None)` where it is still to come, `None` where it never comes.
    fn status(&mut self, bytes: &[u8]) -> Option<Option<Vec<u8>>> {
        self.frame.extend_from_slice(bytes);
        let mut frames = self.frame.as_slice();
        while let [flags, a, b, c, d, rest @ ..] = frames {
            let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?;
            let Some((content, next)) = rest.split_at_checked(length) else { break };
            if flags & TRAILERS != 0 {
                return status_of(content).map(|status| Some(status.to_vec()));
            }
            frames = next;
        }
        self.frame = frames.to_vec();
        Some(None)
    }
}

/// Trailers are written as headers of HTTP/1, a line each.
fn status_of(trailers: &[u8]) -> Option<&[u8]> {
    trailers.split(|byte| *byte == b'\n').find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        name.trim_ascii().eq_ignore_ascii_case(STATUS).then(|| value.get(1..).unwrap_or_default().trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINARY: &[u8] = b"application/grpc-web+proto";
    const TEXT: &[u8] = b"application/grpc-web-text";

    fn frame(flags: u8, content: &[u8]) -> Vec<u8> {
        [&[flags][..], &u32::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
    }

    fn answer(trailers: &[u8]) -> Vec<u8> {
        [frame(0, b"a message"), frame(TRAILERS, trailers)].concat()
    }

    fn read(content_type: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
        let mut web = WebAnswer::of(content_type).unwrap();
        parts.iter().find_map(|part| web.read(Some(part)))
    }

    #[test]
    fn the_status_is_found_however_the_answer_is_cut() {
        let whole = answer(b"grpc-message:no\r\nGrpc-Status: 13\r\n");
        // As Envoy has it: each part for itself, with its own padding.
        let text = [STANDARD.encode(frame(0, b"a message")), STANDARD.encode(frame(TRAILERS, b"grpc-status:13"))].concat();
        for (content_type, whole) in [(BINARY, whole.as_slice()), (TEXT, text.as_bytes())] {
            for cut in 0..=whole.len() {
                let (start, end) = whole.split_at(cut);
                assert_eq!(read(content_type, &[start, end]).as_deref(), Some(&b"13"[..]), "{cut}");
            }
            let bytes: Vec<&[u8]> = whole.chunks(1).collect();
            assert_eq!(read(content_type, &bytes).as_deref(), Some(&b"13"[..]));
            assert_eq!(read(content_type, &[&whole[..whole.len() - 4]]), None, "it is not whole");
        }
    }

    /// One case a line.
    #[rustfmt::skip]
    #[test]
    fn what_cannot_be_read_says_nothing() {
        for (what, body) in [
            ("no trailers", frame(0, b"a message")),
            ("trailers without a status", answer(b"grpc-message:no\r\n")),
            ("a status in a message", frame(0, b"grpc-status:13\r\n")),
            ("compressed trailers", frame(TRAILERS | 1, b"\x1f\x8b\x08")),
            ("more than was announced", answer(b"x:grpc-status:13")),
            ("not even a frame", b"no".to_vec()),
            ("a frame of four gigabytes", b"\x80\xff\xff\xff\xffgrpc-status:13\r\n".to_vec()),
        ] {
            assert_eq!(read(BINARY, &[&body]), None, "{what}");
        }
        assert_eq!(read(TEXT, &[b"!!!!", STANDARD.encode(answer(b"grpc-status:13")).as_bytes()]), None, "no base64");
        assert!(WebAnswer::of(b"application/grpc").is_none() && WebAnswer::of(b"text/plain").is_none());
    }

    #[test]
    fn no_more_is_looked_at_than_an_answer_should_have() {
        let longest = frame(0, &vec![0; LONGEST - answer(b"grpc-status:13").len() - 5]);
        let status = answer(b"grpc-status:13");
        assert_eq!(read(BINARY, &[&longest, &status]).as_deref(), Some(&b"13"[..]));
        assert_eq!(read(BINARY, &[&longest, b"\0\0\0\0\0", &status]), None);
        let mut web = WebAnswer::of(BINARY).unwrap();
        assert!(web.has_room_for(LONGEST) && !web.has_room_for(LONGEST + 1));
        assert_eq!((web.read(None), web.read(Some(&status))), (None, None), "after a part that was not read");
    }
}
