//! The JSON mapping of a message (Protocol Buffers, "ProtoJSON Format").

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::schema::Any;
use super::{
    Field, JSON_TEXT, JsonForm, Kind, Label, Limits, Message, MessageError, MessageType, Room, Schema, Source, Spent,
    UnknownFields, Value, check_whole, malformed, see, wrong_type,
};
use crate::call::shown;
use crate::json;
use crate::time::Timestamp;

/// The type of an `Any`, as on the wire.
const ANY_TYPE: u32 = 1;

impl Schema<'_> {
    /// Reads a message of the type `root`.
    pub(crate) fn decode_json<'a>(
        self,
        root: usize,
        value: json::Value<'_, 'a>,
        any: Any,
        limits: Limits<'_>,
    ) -> Result<Message<'a>, MessageError> {
        self.json_message(root, value, any, Room::new(limits, &Spent::of(value.raw().len())))
    }

    fn json_message<'a>(
        self,
        root: usize,
        value: json::Value<'_, 'a>,
        any: Any,
        room: Room<'_>,
    ) -> Result<Message<'a>, MessageError> {
        let mut room = room.below()?;
        let message = self.get(root)?;
        let mut fields = Vec::new();
        let text = value.as_str();
        let written = match message.json {
            JsonForm::Members => self.json_members(message, value, any, room, &mut fields)?,
            JsonForm::Wrapped => match message.field(1) {
                Some(field) => {
                    let inside = room.value(field.number)?;
                    fields.push((field.number, self.json_value(field, value, inside)?));
                    Some(())
                }
                None => None,
            },
            JsonForm::Time => text.as_ref().and_then(|text| Timestamp::parse(text).ok()).map(|_| ()),
            JsonForm::Duration => text.as_ref().filter(|text| is_duration(text)).map(|_| ()),
            JsonForm::Text => text.as_ref().map(|_| ()),
            JsonForm::Any => value.members().map(|_| {
                let url = value.get("@type").and_then(json::Value::as_str);
                fields.extend(url.map(|url| (ANY_TYPE, Value::Text(url))));
            }),
            JsonForm::Object => value.members().map(|_| ()),
            JsonForm::Array => value.items().map(|_| ()),
            JsonForm::Anything => Some(()),
        };
        written.ok_or_else(|| malformed(format!("`{}` is not written as its JSON mapping has it", message.name)))?;
        if let (JsonForm::Time | JsonForm::Duration | JsonForm::Text, Some(text)) = (message.json, text) {
            fields.push((JSON_TEXT, Value::Text(text)));
        }
        Ok(Message { source: Source::Json(value.raw()), fields })
    }

    /// `None` where the value is no object.
    fn json_members<'a>(
        self,
        message: &MessageType,
        value: json::Value<'_, 'a>,
        any: Any,
        mut room: Room<'_>,
        fields: &mut Vec<(u32, Value<'a>)>,
    ) -> Result<Option<()>, MessageError> {
        let Some(members) = value.members() else { return Ok(None) };
        let mut seen = Vec::new();
        for (name, value) in members {
            let Some(field) = message.fields.iter().find(|field| field.json_name == name || field.name == name) else {
                if self.unknown == UnknownFields::Keep || (any == Any::Yes && name == "@type") {
                    continue;
                }
                return Err(malformed(format!("`{}` has no field `{}`", message.name, shown(&name))));
            };
            // Both names of a field are read by every reader, so both together are the same field twice.
            see(field, field.number, &mut seen)?;
            if value.kind() != json::Kind::Null {
                if field.slot != field.number {
                    see(field, field.slot, &mut seen)?;
                }
                self.json_field(field, value, &mut room, fields)?;
            }
        }
        check_whole(fields, message).map(Some)
    }

    fn json_field<'a>(
        self,
        field: &Field,
        value: json::Value<'_, 'a>,
        room: &mut Room<'_>,
        fields: &mut Vec<(u32, Value<'a>)>,
    ) -> Result<(), MessageError> {
        let wrong = || wrong_type(field).inside(&field.name, None);
        match (field.label, field.kind) {
            (Label::Map, Kind::Message(entry)) => {
                let entry = self.get(entry)?;
                let [key_field, value_field] = [1, 2].map(|number| entry.field(number).ok_or_else(wrong));
                let (key_field, value_field) = (key_field?, value_field?);
                for (key, value) in value.members().ok_or_else(wrong)? {
                    let key = json_key(key_field.kind, key).ok_or_else(wrong)?;
                    let inside = |error: MessageError| error.inside(&field.name, None);
                    let mut entry = room.value(field.number)?;
                    entry.value(1)?;
                    let inner = vec![(1, key), (2, self.json_value(value_field, value, entry.value(2)?).map_err(inside)?)];
                    fields.push((field.number, Value::Message(Message { source: Source::Json(value.raw()), fields: inner })));
                }
            }
            (Label::Repeated | Label::Map, _) => {
                for (at, item) in value.items().ok_or_else(wrong)?.enumerate() {
                    let inside = |error: MessageError| error.inside(&field.name, Some(at));
                    if field.kind.is_packable() {
                        self.json_value(field, item, *room).map_err(inside)?;
                    } else {
                        let item = self.json_value(field, item, room.value(field.number)?).map_err(inside)?;
                        fields.push((field.number, item));
                    }
                }
            }
            (Label::Singular, _) => {
                let inside = room.value(field.number)?;
                let value = self.json_value(field, value, inside).map_err(|error| error.inside(&field.name, None))?;
                fields.push((field.number, value));
            }
        }
        Ok(())
    }

    fn json_value<'a>(self, field: &Field, value: json::Value<'_, 'a>, room: Room<'_>) -> Result<Value<'a>, MessageError> {
        if let Kind::Message(inner) = field.kind {
            return self.json_message(inner, value, Any::No, room).map(Value::Message);
        }
        let value = match (field.kind, value.kind()) {
            (Kind::String, json::Kind::String(text)) => Some(Value::Text(text)),
            (Kind::Enum(of), json::Kind::String(text)) => self.has_name(of, &text).then_some(Value::Text(text)),
            (Kind::Enum(of), json::Kind::Number(text)) => integer(Kind::Int32, text)
                .filter(|number| matches!(number, Value::Signed(number) if self.has_number(of, *number))),
            (Kind::Bytes, json::Kind::String(text)) => base64_bytes(&text).map(|bytes| Value::Bytes(Cow::Owned(bytes))),
            (Kind::Bool, json::Kind::Bool(value)) => Some(Value::Bool(value)),
            (Kind::Float | Kind::Double, json::Kind::Number(text)) => fits(field.kind, text).then_some(Value::Fraction),
            (Kind::Float | Kind::Double, json::Kind::String(text)) => {
                let is_named = matches!(text.as_ref(), "NaN" | "Infinity" | "-Infinity");
                (is_named || is_decimal(&text) && fits(field.kind, &text)).then_some(Value::Fraction)
            }
            (kind, json::Kind::Number(text)) => integer(kind, text),
            (kind, json::Kind::String(text)) => integer(kind, &text),
            (_, json::Kind::Null | json::Kind::Bool(_) | json::Kind::Array | json::Kind::Object) => None,
        };
        value.ok_or_else(|| wrong_type(field))
    }
}

/// An integer in its one decimal form. `1e2` and `1.0`, which some readers take, are refused.
fn integer(kind: Kind, text: &str) -> Option<Value<'static>> {
    if !is_decimal(text) {
        return None;
    }
    match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            text.parse().ok().filter(|value: &i64| i32::try_from(*value).is_ok()).map(Value::Signed)
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => text.parse().ok().map(Value::Signed),
        Kind::Uint32 | Kind::Fixed32 => {
            text.parse().ok().filter(|value: &u64| u32::try_from(*value).is_ok()).map(Value::Unsigned)
        }
        Kind::Uint64 | Kind::Fixed64 => text.parse().ok().map(Value::Unsigned),
        Kind::Bool | Kind::Float | Kind::Double | Kind::Enum(_) | Kind::String | Kind::Bytes | Kind::Message(_) => None,
    }
}

/// Whether a `float` or `double` can hold the number: of what is too large some readers make infinity.
fn fits(kind: Kind, text: &str) -> bool {
    text.parse().is_ok_and(|number| if kind == Kind::Float { json::fits_float(number) } else { f64::is_finite(number) })
}

/// The key of a map, in the form that it has as a string.
fn json_key(kind: Kind, key: Cow<'_, str>) -> Option<Value<'_>> {
    let is_text = kind == Kind::String || (kind == Kind::Bool && matches!(key.as_ref(), "true" | "false"));
    if is_text { Some(Value::Text(key)) } else { integer(kind, &key) }
}

/// Seconds with up to nine digits behind the point, and an `s`.
fn is_duration(text: &str) -> bool {
    let Some(number) = text.strip_suffix('s') else { return false };
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = seconds.strip_prefix('-').unwrap_or(seconds);
    is_decimal(digits)
        && !digits.starts_with('-')
        && (1..=9).contains(&fraction.len())
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits without a zero in front, with a minus where it means something.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = text == "0" || !digits.starts_with('0');
    canonical && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Base64 in either alphabet (RFC 4648 sections 4 and 5), padded or not.
fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}
