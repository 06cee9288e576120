//! What a log cluster speaks: linked records into the body of one request, and what it answers into what became of them. In each form a
//! record is the very JSON that its chain binds, so that the chain can be verified wherever it went.

mod bulk;
mod cloudevents;
mod grpc;
mod loki;
mod ndjson;
pub mod otlp;
mod response;
pub(super) mod wire;

use std::borrow::Cow;

use super::envelope::Envelope;
use super::settings::Answer;
use crate::time::Timestamp;
use otlp::Sender;
pub use response::Response;

/// What a log cluster speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// OTLP over HTTP, protobuf.
    Otlp,
    /// OTLP over gRPC.
    OtlpGrpc,
    /// Loki's push interface.
    Loki,
    /// The bulk interface of Elasticsearch and OpenSearch.
    Bulk,
    /// A line of JSON for each record, over HTTP.
    Ndjson,
    /// A batch of CloudEvents, over HTTP.
    CloudEvents,
}

/// A record with its place in the chain, as it goes.
#[derive(Debug)]
pub(super) struct Linked {
    /// Its number: what `metadata.uid` ends in.
    pub number: u64,
    /// What is said of it beside the JSON.
    pub envelope: Envelope,
    /// The JSON.
    pub json: String,
}

/// The body of a request as it goes, and the header that tells how it is compressed.
pub type Payload<'b> = (Cow<'b, [u8]>, Option<(&'static str, &'static str)>);

impl Form {
    /// The content type of a request.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Otlp => otlp::CONTENT_TYPE,
            Self::OtlpGrpc => grpc::CONTENT_TYPE,
            Self::Loki => loki::CONTENT_TYPE,
            Self::Bulk => bulk::CONTENT_TYPE,
            Self::Ndjson => ndjson::CONTENT_TYPE,
            Self::CloudEvents => cloudevents::CONTENT_TYPE,
        }
    }

    /// Bytes of an answer that are worth reading.
    #[must_use]
    pub const fn longest_answer(self) -> usize {
        match self {
            Self::Otlp | Self::OtlpGrpc => 4 << 10,
            Self::Bulk => bulk::ANSWER,
            Self::Loki | Self::Ndjson | Self::CloudEvents => 0,
        }
    }

    /// What goes of a body; `gzip` is the body compressed, where it is to be.
    #[must_use]
    pub fn payload(self, body: &[u8], gzip: Option<Vec<u8>>) -> Payload<'_> {
        match (self, gzip) {
            (Self::OtlpGrpc, Some(gzip)) => (grpc::framed(&gzip, true).into(), Some(("grpc-encoding", "gzip"))),
            (Self::OtlpGrpc, None) => (grpc::framed(body, false).into(), None),
            (Self::Otlp | Self::Loki | Self::Bulk | Self::Ndjson | Self::CloudEvents, gzip) => {
                let header = gzip.is_some().then_some(("content-encoding", "gzip"));
                (gzip.map_or(Cow::Borrowed(body), Cow::Owned), header)
            }
        }
    }

    /// The body of a request with these records of a chain.
    pub(super) fn body(self, sender: &Sender, chain: &str, records: &[Linked]) -> Vec<u8> {
        match self {
            Self::Otlp | Self::OtlpGrpc => sender.request(records),
            Self::Loki => loki::body(records),
            Self::Bulk => bulk::body(chain, records),
            Self::Ndjson => ndjson::body(records),
            Self::CloudEvents => cloudevents::body(chain, records),
        }
    }

    /// The body with the records at these places alone, where the form knows of answers that ask for such.
    pub(super) fn narrowed(self, body: &[u8], these: &[usize]) -> Vec<u8> {
        match self {
            Self::Bulk => bulk::narrowed(body, these),
            Self::Otlp | Self::OtlpGrpc | Self::Loki | Self::Ndjson | Self::CloudEvents => body.to_vec(),
        }
    }

    /// What became of a batch of so many records. The answer is another's, and may be cut or make no sense.
    pub(super) fn read(self, response: &Response<'_>, sent: usize, now: Timestamp) -> Answer {
        match self {
            Self::Otlp => otlp::read(response, now),
            Self::OtlpGrpc => grpc::read(response, now),
            Self::Bulk => bulk::read(response, sent, now),
            Self::Loki | Self::Ndjson | Self::CloudEvents => response.read(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::note::Note;
    use crate::audit::record::Record;
    use crate::audit::record::tests::{circumstances, event, outcome};

    pub fn linked(number: u64, json: &str) -> Linked {
        Linked { number, envelope: Envelope::of_note(&Note::Checkpoint, response::tests::now()), json: json.to_owned() }
    }

    /// The record of an event of that id.
    pub fn of_event(id: &str) -> Linked {
        let outcome = outcome(vec![event(id)]);
        let record = Record::new(&outcome, Some((0, &outcome.events[0])), &circumstances());
        Linked { number: 1, envelope: Envelope::of_record(&record), json: record.write(None).json }
    }

    #[test]
    fn what_is_compressed_says_so_in_the_words_of_its_form() {
        let packed = || Some(b"packed".to_vec());
        assert_eq!(Form::Loki.payload(b"plain", None), (b"plain".as_slice().into(), None));
        assert_eq!(Form::Bulk.payload(b"plain", packed()), (b"packed".as_slice().into(), Some(("content-encoding", "gzip"))));
        assert_eq!(Form::OtlpGrpc.payload(b"plain", None), (b"\0\0\0\0\x05plain".as_slice().into(), None));
        let framed = b"\x01\0\0\0\x06packed".as_slice();
        assert_eq!(Form::OtlpGrpc.payload(b"plain", packed()), (framed.into(), Some(("grpc-encoding", "gzip"))));
    }

    #[test]
    fn every_form_holds_each_record_as_it_is() {
        let records = [of_event("1"), of_event("2")];
        for form in [Form::Otlp, Form::OtlpGrpc, Form::Bulk, Form::Ndjson, Form::CloudEvents] {
            let body = form.body(&Sender::default(), "ab12", &records);
            for Linked { json, .. } in &records {
                // A bulk request has a member in front of it.
                let json = &json.as_bytes()[1..];
                assert!(body.windows(json.len()).any(|window| window == json), "{form:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_answers_never_panic(status: u16, header: Option<String>, body: Vec<u8>, sent: u8) {
            for form in [Form::Otlp, Form::OtlpGrpc, Form::Loki, Form::Bulk, Form::Ndjson, Form::CloudEvents] {
                for status in [status, 200, 429] {
                    let response = Response { status, header: &|_| header.clone(), body: &body };
                    let _ = form.read(&response, sent.into(), response::tests::now());
                }
            }
        }
    }
}
