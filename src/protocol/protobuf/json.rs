//! The JSON mapping of a message (Protocol Buffers, "ProtoJSON Format").

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Field, JSON_TEXT, JsonForm, Kind, Label, Message, Schema, Source, UnknownFields, Value, see, too_deep, wrong_type};
use crate::json;
use crate::protocol::{ProtocolError, malformed, shown};

impl Schema<'_> {
    /// Reads a message of the type `root`, nested so deep at most.
    pub(in crate::protocol) fn decode_json<'a>(
        self,
        root: usize,
        value: json::Value<'_, 'a>,
        depth: usize,
    ) -> Result<Message<'a>, ProtocolError> {
        let Some(depth) = Self::levels(depth).checked_sub(1) else { return Err(too_deep(depth)) };
        let message = self.get(root)?;
        let mut fields = Vec::new();
        let wrong = || malformed(format!("`{}` is not written as its JSON mapping has it", message.name));
        match message.json {
            JsonForm::Opaque => {}
            JsonForm::Text => fields.push((JSON_TEXT, Value::Text(value.as_str().ok_or_else(wrong)?))),
            JsonForm::Wrapped => {
                let field = message.field(1).ok_or_else(wrong)?;
                fields.push((field.number, self.json_value(field, value, depth)?));
            }
            JsonForm::Members => {
                let mut seen = Vec::new();
                for (name, value) in value.members().ok_or_else(wrong)? {
                    let Some(field) = message.fields.iter().find(|field| field.json_name == name || field.name == name) else {
                        match self.unknown {
                            UnknownFields::Keep => continue,
                            UnknownFields::Refuse => {
                                return Err(malformed(format!("`{}` has no field `{}`", message.name, shown(&name))));
                            }
                        }
                    };
                    // Both names of a field are read by every reader, so both together are the same field twice.
                    see(field, field.number, &mut seen)?;
                    if value.kind() != json::Kind::Null {
                        if field.slot != field.number {
                            see(field, field.slot, &mut seen)?;
                        }
                        self.json_field(field, value, depth, &mut fields)?;
                    }
                }
            }
        }
        Ok(Message { source: Source::Json(value.raw()), fields })
    }

    fn json_field<'a>(
        self,
        field: &Field,
        value: json::Value<'_, 'a>,
        depth: usize,
        fields: &mut Vec<(u32, Value<'a>)>,
    ) -> Result<(), ProtocolError> {
        match (field.label, field.kind) {
            (Label::Map, Kind::Message(entry)) => {
                let entry = self.get(entry)?.field(2).ok_or_else(|| wrong_type(field))?;
                for (key, value) in value.members().ok_or_else(|| wrong_type(field))? {
                    let inner = vec![(1, Value::Text(key)), (2, self.json_value(entry, value, depth)?)];
                    fields.push((field.number, Value::Message(Message { source: Source::Json(value.raw()), fields: inner })));
                }
            }
            (Label::Repeated | Label::Map, _) => {
                for item in value.items().ok_or_else(|| wrong_type(field))? {
                    let item = self.json_value(field, item, depth)?;
                    if !field.kind.is_packable() {
                        fields.push((field.number, item));
                    }
                }
            }
            (Label::Singular, _) => fields.push((field.number, self.json_value(field, value, depth)?)),
        }
        Ok(())
    }

    fn json_value<'a>(self, field: &Field, value: json::Value<'_, 'a>, depth: usize) -> Result<Value<'a>, ProtocolError> {
        if let Kind::Message(inner) = field.kind {
            return self.decode_json(inner, value, depth).map(Value::Message);
        }
        let value = match (field.kind, value.kind()) {
            (Kind::String | Kind::Enum, json::Kind::String(text)) => Some(Value::Text(text)),
            (Kind::Bytes, json::Kind::String(text)) => base64_bytes(&text).map(|bytes| Value::Bytes(Cow::Owned(bytes))),
            (Kind::Bool, json::Kind::Bool(value)) => Some(Value::Bool(value)),
            (Kind::Float | Kind::Double, json::Kind::Number(_)) => Some(Value::Fraction),
            (Kind::Float | Kind::Double, json::Kind::String(text)) => {
                (matches!(text.as_ref(), "NaN" | "Infinity" | "-Infinity") || is_decimal(&text)).then_some(Value::Fraction)
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
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Enum => {
            text.parse().ok().filter(|value: &i64| i32::try_from(*value).is_ok()).map(Value::Signed)
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => text.parse().ok().map(Value::Signed),
        Kind::Uint32 | Kind::Fixed32 => {
            text.parse().ok().filter(|value: &u64| u32::try_from(*value).is_ok()).map(Value::Unsigned)
        }
        Kind::Uint64 | Kind::Fixed64 => text.parse().ok().map(Value::Unsigned),
        Kind::Bool | Kind::Float | Kind::Double | Kind::String | Kind::Bytes | Kind::Message(_) => None,
    }
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
