//! A JWS in an extension attribute of an event into evidence. With its payload in it, that is the event as CloudEvents JSON, and the event
//! must say the same, neither more nor less; with detached content (RFC 7515 appendix F) it is over the event's data alone. Keys come
//! from the policy.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::jws::{Compact, Payload, Protected, algorithm, message};
use super::signers::Verifier;
use super::{EventJws, Scheme, SignatureError, UnsignedAttributes, VerifiedSignature};
use crate::call::cut;
use crate::json::{Document, Kind, Value};
use crate::protocol::{Data, Event};

/// Bytes of the attribute that are looked at: an event of 64 KiB in base64.
const MAX_BYTES: usize = 88 << 10;
/// Levels of nesting in a payload.
const MAX_DEPTH: usize = 64;

const OTHER_EVENT: SignatureError = SignatureError::Digest("the event is not the one that was signed");

/// Judges the event's own JWS; `None` where it has none.
pub(super) fn verify(
    settings: &EventJws,
    event: &Event<'_>,
    verifier: &Verifier<'_>,
) -> Result<Option<VerifiedSignature>, SignatureError> {
    let Some(jws) = event.attribute(&settings.attribute).filter(|value| !value.is_empty()) else { return Ok(None) };
    if jws.len() > MAX_BYTES {
        return Err(SignatureError::malformed(format!("`{}` is longer than {MAX_BYTES} bytes", settings.attribute)));
    }
    let compact = Compact::parse(jws)?;
    let protected = Protected::read(compact.header)?;
    let signer = verifier.signer(&protected.key_id)?;
    let algorithm = algorithm(&signer.key, &protected.algorithm)?;
    let uncovered = if compact.payload.is_empty() { uncovered(settings, event)? } else { Vec::new() };
    verifier.check_key_time(signer)?;
    let signed = match (compact.payload, protected.payload) {
        ("", form) => message(compact.header, form, event.data.bytes()),
        (_, Payload::Base64url) => compact.signed(),
        (_, Payload::AsItIs) => return Err(SignatureError::malformed("a payload that is not encoded is not in a JWS")),
    };
    verifier.verify(signer, algorithm, &signed, &compact.signature)?;
    if !compact.payload.is_empty() {
        compare(compact.payload, event, &settings.attribute)?;
    }
    verifier.evidence(Scheme::EventJws, signer, uncovered).map(Some)
}

/// All attributes, where only the data is signed and the policy lets that pass.
fn uncovered(settings: &EventJws, event: &Event<'_>) -> Result<Vec<String>, SignatureError> {
    if event.data.bytes().is_empty() {
        return Err(SignatureError::Uncovered("data".to_owned()));
    }
    match settings.unsigned_attributes {
        UnsignedAttributes::Refuse => Err(SignatureError::Uncovered("type".to_owned())),
        UnsignedAttributes::Pass => Ok(attributes(event, &settings.attribute).map(|name| cut(name, 64).to_owned()).collect()),
    }
}

/// The names of the attributes that the event has, but for the signature's own.
fn attributes<'e>(event: &'e Event<'_>, own: &'e str) -> impl Iterator<Item = &'e str> {
    const CONTEXT: [&str; 8] = ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"];
    let context = CONTEXT.into_iter().filter(|name| event.attribute(name).is_some());
    context.chain(event.extensions.iter().map(|extension| &*extension.name)).filter(move |name| *name != own)
}

/// Whether the payload says what the event says. The data must be the same byte for byte: rules see what was signed.
fn compare(payload: &str, event: &Event<'_>, own: &str) -> Result<(), SignatureError> {
    let text = URL_SAFE_NO_PAD.decode(payload).map_err(|_| SignatureError::malformed("the payload is not base64url"))?;
    let document =
        Document::parse(&text, MAX_DEPTH).map_err(|error| SignatureError::malformed(format!("the payload: {error}")))?;
    let root = document.root();
    let members = root.members().ok_or_else(|| SignatureError::malformed("the payload is not a JSON object"))?;
    for (name, value) in members.filter(|(name, _)| !matches!(name.as_ref(), "data" | "data_base64")) {
        if name == own || event.attribute(&name) != canonical(value).as_deref() {
            return Err(OTHER_EVENT);
        }
    }
    if let Some(name) = attributes(event, own).find(|name| root.get(name).is_none()) {
        return Err(SignatureError::Uncovered(cut(name, 64).to_owned()));
    }
    if is_data(root.get("data"), root.get("data_base64"), &event.data) { Ok(()) } else { Err(OTHER_EVENT) }
}

/// The canonical string encoding of an attribute (CloudEvents, "Type System"); what is none is no attribute's.
fn canonical<'a>(value: Value<'_, 'a>) -> Option<std::borrow::Cow<'a, str>> {
    match value.kind() {
        Kind::String(text) => Some(text),
        Kind::Bool(_) | Kind::Number(_) => Some(value.raw().into()),
        Kind::Null | Kind::Array | Kind::Object => None,
    }
}

fn is_data(json: Option<Value<'_, '_>>, base64: Option<Value<'_, '_>>, data: &Data<'_>) -> bool {
    match (json, base64, data) {
        (None, None, Data::Absent) => true,
        (Some(value), None, Data::Text(text)) => value.as_str().is_some_and(|signed| signed == *text),
        (Some(value), None, Data::Json(_) | Data::Binary(_)) => value.raw().as_bytes() == data.bytes(),
        (None, Some(value), Data::Binary(bytes)) => {
            value.as_str().and_then(|text| STANDARD.decode(text.as_bytes()).ok()).is_some_and(|signed| signed == **bytes)
        }
        (_, _, _) => false,
    }
}
