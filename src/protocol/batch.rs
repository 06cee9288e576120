//! A batch without some of its events: what goes on of a call that is admitted in part. Reads once more what was judged, and writes
//! nothing of its own but what stands between events.

use std::borrow::Cow;

use crate::budget::Budget;
use crate::call::Head;
use crate::json::{Document, Sequence, Value};

use super::{Codec, Form, Protocol, cloudevents_proto, content, grpc, pubsub};
use crate::protobuf::raw_fields;

/// Headers that speak of the body as a whole, whoever reads them: digests (RFC 9530, RFC 3230, RFC 1864) and signatures.
const VOUCHERS: [&str; 6] = ["content-digest", "repr-digest", "digest", "content-md5", "signature-input", "webhook-signature"];

impl Protocol {
    /// Whether calls may have events that can be left out.
    #[must_use]
    pub fn carries_batches(&self) -> bool {
        match self {
            Self::CloudEvents | Self::KafkaRest | Self::PubSub(_) => true,
            Self::Json(_) | Self::Dapr(_) | Self::Grpc(_) => false,
        }
    }

    /// The body of a call without those of its events, in their order, for which `left_out` says so. `None` where that cannot be: the
    /// form is none of a batch, the content is encoded, or a header speaks of the body as a whole.
    #[must_use]
    pub fn without(&self, form: Form, head: &Head, body: &[u8], left_out: &[bool], budget: &Budget) -> Option<Vec<u8>> {
        if VOUCHERS.iter().any(|name| head.values(name).next().is_some()) {
            return None;
        }
        let Ok(Cow::Borrowed(content)) = content(head, body, budget) else { return None };
        match (self, form) {
            (Self::CloudEvents, Form::Batch) => items(content, None, left_out, budget),
            (Self::CloudEvents, Form::BatchProtobuf) => fields(content, cloudevents_proto::EVENTS, left_out),
            (Self::KafkaRest, Form::KafkaV2Json | Form::KafkaV2Binary) => items(content, Some("records"), left_out, budget),
            (Self::KafkaRest, Form::KafkaV3) => texts(content, left_out, budget),
            (Self::PubSub(_), Form::PubSubRest) => items(content, Some("messages"), left_out, budget),
            (Self::PubSub(_), Form::Grpc(codec)) => {
                let message = grpc::message(head, content, budget).ok()?;
                grpc::frame(
                    head,
                    &match codec {
                        Codec::Proto => fields(&message, pubsub::MESSAGES, left_out)?,
                        Codec::Json => items(&message, Some("messages"), left_out, budget)?,
                    },
                )
            }
            (Self::CloudEvents | Self::Json(_) | Self::KafkaRest | Self::PubSub(_) | Self::Dapr(_) | Self::Grpc(_), _) => None,
        }
    }
}

/// A document without some items of a list: its own, or that of one of its members.
fn items(content: &[u8], member: Option<&str>, left_out: &[bool], budget: &Budget) -> Option<Vec<u8>> {
    let document = Document::parse(content, budget.depth).ok()?;
    let list = member.map_or(Some(document.root()), |name| document.root().get(name))?;
    let kept = kept(list.items()?.map(Value::raw), left_out)?.join(",");
    let (before, behind) = (content.get(..list.span().start)?, content.get(list.span().end..)?);
    Some([before, b"[", kept.as_bytes(), b"]", behind].concat())
}

/// Texts one behind the other, without some of them.
fn texts(content: &[u8], left_out: &[bool], budget: &Budget) -> Option<Vec<u8>> {
    let texts: Result<Vec<Document<'_>>, _> = Sequence::over(content, budget.depth).ok()?.collect();
    let texts = texts.ok()?;
    Some(kept(texts.iter().map(|text| text.root().raw()), left_out)?.join("\n").into_bytes())
}

/// A message without some values of a repeated field.
fn fields(message: &[u8], number: u32, left_out: &[bool]) -> Option<Vec<u8>> {
    let fields: Result<Vec<_>, _> = raw_fields(message).collect();
    let (events, others): (Vec<_>, Vec<_>) = fields.ok()?.into_iter().partition(|(found, _)| *found == number);
    let kept = kept(events.into_iter(), left_out)?;
    Some(others.into_iter().chain(kept).flat_map(|(_, bytes)| bytes).copied().collect())
}

/// What is not left out. `None` where there are not as many as were judged.
fn kept<T>(all: impl Iterator<Item = T>, left_out: &[bool]) -> Option<Vec<T>> {
    let all: Vec<T> = all.collect();
    if all.len() != left_out.len() {
        return None;
    }
    Some(all.into_iter().zip(left_out).filter(|(_, left_out)| !**left_out).map(|(kept, _)| kept).collect())
}
