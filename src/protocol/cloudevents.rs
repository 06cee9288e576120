//! CloudEvents 1.0.2 over HTTP: binary, structured and batched content mode, the JSON and Protobuf formats; and a CloudEvent as the
//! message of a gRPC call. Sources: the specification's "HTTP Protocol Binding" and "JSON Event Format".

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::budget::Budget;
use crate::call::{Head, HeaderError};
use crate::json::{Document, Kind, Value};

use super::attributes::{Attributes, is_core};
use super::binding::Binding;
use super::grpc::{self, Codec};
use super::media::{MediaType, unsupported};
use super::{Data, Event, Form, ProtocolError, cloudevents_proto, collect, malformed, shown};
use crate::protobuf::known;

const PREFIX: &str = "ce-";

/// The content mode of a call (HTTP binding section 3).
pub(super) fn form(head: &Head) -> Result<Form, ProtocolError> {
    let Some((media, text)) = MediaType::of(head)? else {
        return if has_attributes(head) { Ok(Form::Binary) } else { Err(unsupported("")) };
    };
    if let Some(codec) = grpc::codec(media) {
        return Ok(Form::Grpc(codec));
    }
    let form = if media.is_application("cloudevents+json") {
        Form::Structured
    } else if media.is_application("cloudevents+protobuf") {
        Form::StructuredProtobuf
    } else if media.is_application("cloudevents-batch+protobuf") {
        Form::BatchProtobuf
    } else if media.is_application("cloudevents-batch+json") {
        Form::Batch
    } else if media.is_cloudevents() || !has_attributes(head) {
        return Err(unsupported(text));
    } else {
        Form::Binary
    };
    if media.is_json() && !media.is_utf8() { Err(unsupported(text)) } else { Ok(form) }
}

/// The event of a call in binary mode: attributes in headers, the body is the data.
pub(super) fn binary<'a>(
    head: &'a Head,
    content: &'a [u8],
    topic: Option<&'a str>,
    budget: &Budget,
) -> Result<Vec<Event<'a>>, ProtocolError> {
    // Only the content type says what the data is (HTTP binding section 3.1.1), and here it says nothing.
    if head.text("content-type")?.is_none() && head.header("ce-datacontenttype")?.is_some() {
        return Err(ProtocolError::HeaderMismatch("ce-datacontenttype".to_owned()));
    }
    let data = if content.is_empty() { Data::Absent } else { Data::Binary(Cow::Borrowed(content)) };
    Ok(vec![headers(head, budget)?.event(data, topic, budget)?])
}

/// The event of a call in structured mode: the body is the event.
pub(super) fn structured<'a>(
    head: &'a Head,
    content: &'a [u8],
    topic: Option<&'a str>,
    budget: &Budget,
) -> Result<Vec<Event<'a>>, ProtocolError> {
    let document = Document::parse(content, budget.depth)?;
    let event = event(document.root(), topic, budget)?;
    headers(head, budget)?.agree_with(&event)?;
    Ok(vec![event])
}

/// The events of a call in batched mode.
pub(super) fn batch<'a>(
    head: &'a Head,
    content: &'a [u8],
    topic: Option<&'a str>,
    budget: &Budget,
) -> Result<Vec<Event<'a>>, ProtocolError> {
    refuse_attributes(head)?;
    let document = Document::parse(content, budget.depth)?;
    let items = document.root().items().ok_or_else(|| malformed("a batch is not a JSON array"))?;
    collect(items.map(|item| event(item, topic, budget)), budget)
}

/// The event of a call in structured mode, in the Protobuf format.
pub(super) fn structured_protobuf<'a>(
    head: &'a Head,
    content: &'a [u8],
    topic: Option<&'a str>,
    budget: &Budget,
) -> Result<Vec<Event<'a>>, ProtocolError> {
    grpc(Codec::Proto, head, content, topic, budget)
}

/// The events of a call in batched mode, in the Protobuf format.
pub(super) fn batch_protobuf<'a>(
    head: &'a Head,
    content: &'a [u8],
    topic: Option<&'a str>,
    budget: &Budget,
) -> Result<Vec<Event<'a>>, ProtocolError> {
    refuse_attributes(head)?;
    let batch =
        grpc::decode(Codec::Proto, content, known::SCHEMA, known::CLOUD_EVENT_BATCH, &[cloudevents_proto::EVENTS], budget)?;
    cloudevents_proto::batch(&batch, topic, budget)
}

/// The event that the message of a gRPC call is. Metadata with the names of attributes may only say the same.
pub(super) fn grpc<'a>(
    codec: Codec,
    head: &'a Head,
    message: &'a [u8],
    topic: Option<&'a str>,
    budget: &Budget,
) -> Result<Vec<Event<'a>>, ProtocolError> {
    let message = grpc::decode(codec, message, known::SCHEMA, known::CLOUD_EVENT, &[], budget)?;
    let event = cloudevents_proto::event(&message, topic, budget)?;
    headers(head, budget)?.agree_with(&event)?;
    Ok(vec![event])
}

/// Attributes in headers could not be those of every event.
pub(super) fn refuse_attributes(head: &Head) -> Result<(), ProtocolError> {
    match head.headers_with(PREFIX).next() {
        Some((name, _)) => Err(ProtocolError::HeaderMismatch(shown(name))),
        None => Ok(()),
    }
}

/// The event that the data of a message is.
pub(super) fn event_of_bytes<'a>(data: Cow<'a, [u8]>, budget: &Budget) -> Result<Event<'a>, ProtocolError> {
    match data {
        Cow::Borrowed(data) => event(Document::parse(data, budget.depth)?.root(), None, budget),
        Cow::Owned(data) => event_of_text(&data, None, budget),
    }
}

/// The event that a text is, where the text is not the call's own: decoded from base64, or unescaped.
pub(super) fn event_of_text(text: &[u8], topic: Option<&str>, budget: &Budget) -> Result<Event<'static>, ProtocolError> {
    let document = Document::parse(text, budget.depth)?;
    event(document.root(), topic, budget).map(Event::into_owned)
}

/// The event that a JSON value is (JSON format section 3).
pub(super) fn event<'a>(value: Value<'_, 'a>, topic: Option<&'a str>, budget: &Budget) -> Result<Event<'a>, ProtocolError> {
    let members = value.members().ok_or_else(|| malformed("an event is not a JSON object"))?;
    let mut attributes = Attributes::up_to(budget.attributes);
    let (mut data, mut base64) = (None, None);
    for (name, value) in members {
        match name.as_ref() {
            "data" => data = Some(value),
            "data_base64" => base64 = Some(value),
            _ => {
                let value = attribute(&name, value)?;
                attributes.add(name, value)?;
            }
        }
    }
    let data = match (data, base64) {
        (None, None) => Data::Absent,
        (Some(value), None) => member_data(value, &attributes),
        (None, Some(value)) => Data::Binary(Cow::Owned(base64_text(value, "data_base64")?)),
        (Some(_), Some(_)) => return Err(malformed("an event has both `data` and `data_base64`")),
    };
    attributes.event(data, topic)
}

/// The canonical string encoding of an attribute's value (JSON format section 2.2); `None` for `null`, which is as absent.
fn attribute<'a>(name: &str, value: Value<'_, 'a>) -> Result<Option<Cow<'a, str>>, ProtocolError> {
    match value.kind() {
        Kind::Null => Ok(None),
        Kind::String(text) => Ok(Some(text)),
        Kind::Bool(value) if !is_core(name) => Ok(Some(Cow::Borrowed(if value { "true" } else { "false" }))),
        Kind::Number(text) if !is_core(name) && is_integer(text) => Ok(Some(Cow::Borrowed(text))),
        Kind::Bool(_) | Kind::Number(_) | Kind::Array | Kind::Object => {
            Err(malformed(format!("the attribute `{}` is of a type that it cannot have", shown(name))))
        }
    }
}

/// Whether a number is an Integer of the type system, 32 bits with a sign, written the one way that its canonical form is.
fn is_integer(text: &str) -> bool {
    text != "-0" && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) && text.parse::<i32>().is_ok()
}

/// JSON format section 3.1.2: a string is JSON too, unless the content type says that the data is something else.
fn member_data<'a>(value: Value<'_, 'a>, attributes: &Attributes<'_>) -> Data<'a> {
    match value.as_str() {
        Some(text) if !attributes.declare_json() => Data::Text(text),
        Some(_) | None => Data::Json(Cow::Borrowed(value.raw())),
    }
}

/// The bytes of a string in base64 (RFC 4648 section 4), padded, with nothing but its alphabet.
pub(super) fn base64_text(value: Value<'_, '_>, name: &str) -> Result<Vec<u8>, ProtocolError> {
    let text = value.as_str().ok_or_else(|| malformed(format!("`{name}` is not a string")))?;
    STANDARD.decode(text.as_bytes()).map_err(|_| malformed(format!("`{name}` is not base64")))
}

/// Whether a header of this name is an attribute.
pub(super) fn is_attribute(name: &[u8]) -> bool {
    name.starts_with(PREFIX.as_bytes())
}

fn has_attributes(head: &Head) -> bool {
    head.headers_with(PREFIX).next().is_some()
}

/// The attributes in the headers of a call.
fn headers<'a>(head: &'a Head, budget: &Budget) -> Result<Binding<'a>, ProtocolError> {
    head.check_once(&is_attribute)?;
    let mut binding = Binding::new(PREFIX, head.text("content-type")?.map(Cow::Borrowed));
    for (header, value) in head.headers_with(PREFIX) {
        if let Some(name) = header.strip_prefix(PREFIX) {
            binding.add(Cow::Borrowed(name), header_value(header, value)?, budget)?;
        }
    }
    Ok(binding)
}

/// HTTP binding section 3.1.3.2: a quoted string is unescaped, then percent-encoding is decoded once. Bytes that a sender had to
/// encode are refused, since some readers take them for Latin-1.
fn header_value<'a>(header: &str, value: &'a [u8]) -> Result<Cow<'a, str>, ProtocolError> {
    let text = std::str::from_utf8(value).map_err(|_| HeaderError::NotText(header.to_owned()))?;
    let wrong = || malformed(format!("the value of the header `{}` is not encoded as CloudEvents has it", shown(header)));
    if !text.bytes().all(|byte| matches!(byte, b'\t' | 0x20..0x7f)) {
        return Err(wrong());
    }
    let text = unquote(text).ok_or_else(wrong)?;
    percent_decode(text).ok_or_else(wrong)
}

/// A quoted string (RFC 9110 section 5.6.4) without its quotes and escapes, anything else as it is. `None` where quotes stand
/// otherwise than around the whole value.
fn unquote(text: &str) -> Option<Cow<'_, str>> {
    let Some(inside) = text.strip_prefix('"') else {
        return (!text.contains('"')).then_some(Cow::Borrowed(text));
    };
    let mut unescaped = String::with_capacity(inside.len());
    let mut chars = inside.chars();
    loop {
        match chars.next()? {
            '"' => return chars.next().is_none().then_some(Cow::Owned(unescaped)),
            '\\' => unescaped.push(chars.next()?),
            char => unescaped.push(char),
        }
    }
}

/// `None` where a `%` has no two digits behind it or the bytes are not UTF-8, which overlong encodings are not either.
pub(super) fn percent_decode(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(text);
    }
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.as_bytes().split_first_chunk::<2>()?;
        let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
        bytes.push(u8::try_from(high? * 16 + low?).ok()?);
        bytes.extend_from_slice(rest);
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
