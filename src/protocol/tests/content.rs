use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn decoded(encoding: &str, body: &[u8], limit: usize) -> Result<Vec<u8>, ProtocolError> {
    let budget = Budget { body: limit, ..BUDGET };
    content(&head(&[("content-encoding", encoding)]), body, &budget).map(Cow::into_owned)
}

#[test]
fn identity_and_gzip_are_read() {
    for encoding in ["identity", "Identity", " identity "] {
        assert_eq!(decoded(encoding, b"abc", 3), Ok(b"abc".to_vec()), "{encoding}");
    }
    for encoding in ["gzip", "GZIP", "x-gzip"] {
        assert_eq!(decoded(encoding, &gzip(b"abc"), 100), Ok(b"abc".to_vec()), "{encoding}");
        assert_eq!(decoded(encoding, &gzip(b""), 100), Ok(Vec::new()), "{encoding}");
    }
    assert_eq!(content(&head(&[]), b"abc", &BUDGET).unwrap(), Cow::Borrowed(b"abc"));
}

#[test]
fn any_other_encoding_is_refused_on_the_headers_too() {
    for encoding in ["", "br", "zstd", "deflate", "gzip, gzip", "identity, gzip", "gzip,", "gzip;q=1", "gzipx"] {
        let head = head(&[("content-encoding", encoding)]);
        assert!(matches!(readable(&head, Form::Structured), Err(ProtocolError::Encoding { .. })), "{encoding}");
        assert!(matches!(content(&head, b"", &BUDGET), Err(ProtocolError::Encoding { .. })), "{encoding}");
    }
    let twice = head(&[("content-encoding", "gzip"), ("content-encoding", "gzip")]);
    assert!(matches!(readable(&twice, Form::Structured), Err(ProtocolError::Header(_))));
    assert!(matches!(content(&twice, b"", &BUDGET), Err(ProtocolError::Header(_))));
}

#[test]
fn the_bound_holds_for_the_body_as_sent() {
    assert_eq!(decoded("identity", b"abc", 3), Ok(b"abc".to_vec()));
    assert_eq!(decoded("identity", b"abcd", 3), Err(ProtocolError::TooLarge { limit: 3 }));
    let body = gzip(b"a");
    assert_eq!(decoded("gzip", &body, body.len()), Ok(b"a".to_vec()));
    assert_eq!(decoded("gzip", &body, body.len() - 1), Err(ProtocolError::TooLarge { limit: body.len() - 1 }));
}

#[test]
fn the_bound_holds_for_what_is_decompressed() {
    let body = gzip(&[b'a'; 1000]);
    assert_eq!(decoded("gzip", &body, 1000), Ok(vec![b'a'; 1000]));
    assert_eq!(decoded("gzip", &body, 999), Err(ProtocolError::TooLarge { limit: 999 }));
    let bomb = gzip(&vec![0; 64 << 20]);
    assert_eq!(decoded("gzip", &bomb, bomb.len()), Err(ProtocolError::TooLarge { limit: bomb.len() }));
}

#[test]
fn a_gzip_stream_that_is_cut_broken_or_followed_is_refused() {
    let body = gzip(b"{\"a\":1}");
    for end in 0..body.len() {
        assert!(is_malformed(&decoded("gzip", &body[..end], 1000)), "cut at {end}");
    }
    let mut broken = body.clone();
    let checksum = body.len() - 5;
    broken[checksum] ^= 1;
    assert!(is_malformed(&decoded("gzip", &broken, 1000)));
    assert!(is_malformed(&decoded("gzip", &[body.clone(), b"\0".to_vec()].concat(), 1000)));
    assert!(is_malformed(&decoded("gzip", &[body.clone(), body].concat(), 1000)), "a second member");
    assert!(is_malformed(&decoded("gzip", b"plain", 1000)));
}

#[test]
fn the_declared_length_is_held_against_the_bound() {
    let declare = |length: &str| declared(&head(&[("content-length", length)]), &BUDGET);
    let limit = BUDGET.body;
    assert_eq!(declared(&head(&[]), &BUDGET), Ok(()));
    assert_eq!(declare("0"), Ok(()));
    assert_eq!(declare("65536"), Ok(()));
    assert_eq!(declare("65537"), Err(ProtocolError::TooLarge { limit }));
    assert_eq!(declare("99999999999999999999999999"), Err(ProtocolError::TooLarge { limit }));
    for length in ["", "-1", "+1", " 1", "1, 1", "0x10", "1.0", "\u{661}"] {
        assert!(matches!(declare(length), Err(ProtocolError::Broken(_))), "{length}");
    }
    let twice = head(&[("content-length", "1"), ("content-length", "1")]);
    assert!(matches!(declared(&twice, &BUDGET), Err(ProtocolError::Header(_))));
}

#[test]
fn a_body_that_is_not_as_long_as_it_is_said_to_be_is_refused() {
    for (length, body, is_broken) in
        [("3", "abc", false), ("0", "", false), ("2", "abc", true), ("4", "abc", true), ("x", "abc", true)]
    {
        let found = content(&head(&[("content-length", length)]), body.as_bytes(), &BUDGET);
        assert_eq!(matches!(found, Err(ProtocolError::Broken(_))), is_broken, "{length}: {found:?}");
    }
    let body = gzip(b"abc");
    let said = |length: usize| head(&[("content-length", &length.to_string()), ("content-encoding", "gzip")]);
    assert_eq!(content(&said(body.len()), &body, &BUDGET), Ok(Cow::Owned(b"abc".to_vec())), "it is that of what was sent");
    assert!(matches!(content(&said(3), &body, &BUDGET), Err(ProtocolError::Broken(_))));
}
