//! gRPC-Web, binary and in text: an admitted call has the events that the same frames have in plain gRPC, and the message that a browser
//! would have written has the same events in a generated decoder.
#![no_main]

use eventguard::call::Head;
use eventguard::protocol::pubsub::Attributes;
use eventguard::protocol::{Form, Protocol};
use eventguard_fuzz::call::Call;
use eventguard_fuzz::event::{BUDGET, read};
use eventguard_fuzz::messages::{PublishRequest, framed};
use libfuzzer_sys::{Corpus, fuzz_target};
use prost::Message;

const PROTOCOL: Protocol = Protocol::PubSub(Attributes::CloudEvents);

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some(call) = Call::read(bytes) else { return Corpus::Reject };
    let Ok(Some(content_type)) = call.head.text("content-type") else { return Corpus::Reject };
    let content_type = content_type.to_ascii_lowercase();
    let Some(web) = content_type.trim_start().strip_prefix("application/grpc-web") else { return Corpus::Reject };
    let (in_text, codec) = web.strip_prefix("-text").map_or((false, web), |codec| (true, codec));
    read(&PROTOCOL, &call, |form, content, events| {
        let frames = if in_text { decode_as_it_comes(content) } else { content.to_vec() };
        let head = with_content_type(&call.head, format!("application/grpc{codec}"));
        assert_eq!(PROTOCOL.form(&head), Ok(form));
        let plain = PROTOCOL.events(form, &head, &frames, None, &BUDGET);
        assert_eq!(plain.as_deref(), Ok(events), "in plain gRPC it is not the same");
        let Form::Grpc(_) = form else { return };
        if let Some(message) = framed(form, &frames) {
            let request = PublishRequest::decode(message).expect("a generated decoder reads it too");
            assert_eq!(request.messages.len(), events.len());
            for (event, message) in events.iter().zip(&request.messages) {
                assert_eq!(event.data.bytes(), message.data);
                let said = message.attributes.get("ce-type").is_none_or(|event_type| *event_type == event.event_type);
                assert!(said, "another type: {event:?}");
            }
        }
    });
    Corpus::Keep
});

/// The head with another content type.
fn with_content_type(head: &Head, content_type: String) -> Head {
    let pseudo = [(":method", head.method()), (":authority", head.authority()), (":path", head.path())];
    let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let others = head.headers().filter(|(name, _)| *name != "content-type");
    let others = others.map(|(name, value)| (name.to_owned(), value.to_vec()));
    let content_type = ("content-type".to_owned(), content_type.into_bytes());
    Head::from_map(pseudo.into_iter().chain(others).chain([content_type]).collect()).expect("it was a head before")
}

/// As the decoder of grpc-web's browsers and of Envoy's filter does it: four characters at a time, wherever a part ends.
fn decode_as_it_comes(text: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    for group in text.chunks(4) {
        assert_eq!(group.len(), 4, "base64 comes in fours");
        let ends = group.iter().position(|byte| *byte == b'=').unwrap_or(4);
        assert!(ends >= 2 && group[ends..].iter().all(|byte| *byte == b'='), "{group:?}");
        let bits = group[..ends].iter().fold(0_u32, |bits, byte| bits << 6 | sextet(*byte)) << (6 * (4 - ends));
        let [_, bytes @ ..] = bits.to_be_bytes();
        assert!(bytes[ends - 1..].iter().all(|byte| *byte == 0), "bits behind the end");
        frames.extend_from_slice(&bytes[..ends - 1]);
    }
    frames
}

fn sextet(byte: u8) -> u32 {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let place = ALPHABET.iter().position(|known| *known == byte).expect("a character of base64");
    u32::try_from(place).expect("one of 64")
}
