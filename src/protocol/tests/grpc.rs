use prop::sample::Index;
use proptest::prelude::*;

use super::content::gzip;
use super::*;
use crate::protocol::grpc::{Frame, Frames};

fn frames(headers: &[(&str, &str)], messages: Option<u64>) -> Frames {
    Frames::of(&head(headers), messages, &BUDGET).unwrap()
}

/// Reads what arrives in parts, as a proxy hands it on: what is not consumed is kept.
fn read_parts(frames: &mut Frames, parts: &[&[u8]]) -> Result<Vec<Vec<u8>>, ProtocolError> {
    let (mut kept, mut messages) = (Vec::new(), Vec::new());
    for part in parts {
        kept.extend_from_slice(part);
        while let Some(Frame { message, consumed }) = frames.next(&kept)? {
            messages.push(message.into_owned());
            kept.drain(..consumed);
        }
    }
    frames.end(&kept)?;
    Ok(messages)
}

#[test]
fn messages_come_one_by_one_with_the_bytes_that_they_took() {
    let mut frames = frames(&[], None);
    let bytes = [frame(0, b"one"), frame(0, b""), frame(0, b"three")].concat();
    let first = frames.next(&bytes).unwrap().unwrap();
    assert_eq!((first.message.as_ref(), first.consumed), (b"one".as_slice(), 8));
    assert_eq!(frames.next(&bytes[8..]).unwrap().unwrap(), Frame { message: b"".as_slice().into(), consumed: 5 });
    assert_eq!(frames.next(&bytes[13..]).unwrap().unwrap().message.as_ref(), b"three");
    assert_eq!(frames.next(b""), Ok(None));
    assert_eq!(frames.end(b""), Ok(()));
}

#[test]
fn grpc_compressed_flag_without_an_encoding() {
    let compressed = frame(1, &gzip(b"message"));
    for headers in [&[][..], &[("grpc-encoding", "identity")]] {
        assert!(is_malformed(&frames(headers, None).next(&compressed)));
        assert!(is_malformed(&frames(headers, None).next(&[1])), "before the message is there");
    }
    let mut named = frames(&[("grpc-encoding", "gzip")], None);
    assert_eq!(named.next(&compressed).unwrap().unwrap().message.as_ref(), b"message");
    assert_eq!(named.next(&frame(0, b"plain")).unwrap().unwrap().message.as_ref(), b"plain");
    assert!(is_malformed(&named.next(&frame(1, b"not gzip"))));
    assert!(is_malformed(&named.next(&frame(1, b""))));
}

#[test]
fn grpc_length_longer_than_the_body() {
    let mut frames = frames(&[], None);
    let whole = frame(0, b"message");
    for cut in 1..whole.len() {
        assert_eq!(frames.next(&whole[..cut]), Ok(None));
        assert!(is_malformed(&frames.end(&whole[..cut])));
    }
    assert_eq!(frames.next(&[0, 0xff, 0xff, 0xff, 0xff]), Err(ProtocolError::TooLarge { limit: BUDGET.body }));
    let largest = frame(0, &vec![0; BUDGET.body]);
    assert!(frames.next(&largest).unwrap().is_some());
    assert_eq!(frames.next(&largest[..5]), Ok(None));
    let larger = frame(0, &vec![0; BUDGET.body + 1]);
    assert_eq!(frames.next(&larger[..5]), Err(ProtocolError::TooLarge { limit: BUDGET.body }), "before the message is there");
}

#[test]
fn a_message_is_bounded_when_it_is_decompressed_too() {
    let mut frames = frames(&[("grpc-encoding", "gzip")], None);
    assert!(frames.next(&frame(1, &gzip(&vec![0; BUDGET.body]))).unwrap().is_some());
    assert_eq!(frames.next(&frame(1, &gzip(&vec![0; BUDGET.body + 1]))), Err(ProtocolError::TooLarge { limit: BUDGET.body }));
}

#[test]
fn no_more_messages_than_a_call_may_have() {
    let one = frame(0, b"x");
    assert_eq!(read_parts(&mut frames(&[], Some(2)), &[&one, &one]).unwrap().len(), 2);
    assert!(is_malformed(&read_parts(&mut frames(&[], Some(2)), &[&one, &one, &one])));
    assert!(is_malformed(&read_parts(&mut frames(&[], Some(2)), &[&one, &one, &one[..1]])), "at its first byte");
    assert_eq!(read_parts(&mut frames(&[], None), &[one.repeat(10_000).as_slice()]).unwrap().len(), 10_000);
}

#[test]
fn a_flag_that_no_request_has_is_refused() {
    for flag in (2..=0xff_u8).filter(|flag| *flag != 1) {
        assert!(is_malformed(&frames(&[("grpc-encoding", "gzip")], None).next(&[flag])), "{flag}");
    }
}

#[test]
fn a_stream_is_not_of_text() {
    for (content_type, streams) in [
        ("application/grpc", true),
        ("application/grpc-web+json", true),
        ("application/grpc-web-text", false),
        ("application/grpc-web-text+proto", false),
    ] {
        assert_eq!(Frames::of(&head(&[("content-type", content_type)]), None, &BUDGET).is_ok(), streams, "{content_type}");
    }
}

#[test]
fn encodings_are_compared_as_they_are() {
    for (name, read) in
        [("identity", true), ("gzip", true), ("GZIP", false), ("deflate", false), ("gzip, identity", false), ("", false)]
    {
        assert_eq!(Frames::of(&head(&[("grpc-encoding", name)]), None, &BUDGET).is_ok(), read, "{name}");
    }
    assert!(Frames::of(&head(&[("grpc-encoding", "gzip"), ("grpc-encoding", "identity")]), None, &BUDGET).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// PITFALLS: "gRPC: frame split anywhere".
    #[test]
    fn grpc_frame_split_anywhere(
        messages in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..300), any::<bool>()), 0..6),
        cuts in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        let encode = |(message, compressed): &(Vec<u8>, bool)| if *compressed { frame(1, &gzip(message)) } else { frame(0, message) };
        let bytes: Vec<u8> = messages.iter().flat_map(encode).collect();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([bytes.len()]).collect();
        ends.sort_unstable();
        let starts = [0].into_iter().chain(ends.iter().copied());
        let parts: Vec<&[u8]> = starts.zip(&ends).map(|(start, end)| &bytes[start..*end]).collect();
        let read = read_parts(&mut frames(&[("grpc-encoding", "gzip")], None), &parts).unwrap();
        prop_assert_eq!(read, messages.into_iter().map(|(message, _)| message).collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_make_the_frames_panic_or_take_more_than_there_is(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut frames = frames(&[("grpc-encoding", "gzip")], None);
        let mut rest = bytes.as_slice();
        while let Ok(Some(frame)) = frames.next(rest) {
            rest = &rest[frame.consumed..];
        }
    }
}
