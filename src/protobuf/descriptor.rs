//! A `google.protobuf.FileDescriptorSet`, as `protoc --include_imports --descriptor_set_out` writes it, into message types, and
//! names of messages, methods and fields into their places. Read by the same decoder as everything else; trusts whoever writes
//! policies, but for slips.

use std::borrow::Cow;

use super::schema::JsonForm;
use super::{EnumType, Field, Kind, Label, Message, MessageError, MessageType, Schema, UnknownFields, known};
use crate::call::cut;

/// The message types and methods of a descriptor set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptors {
    types: Cow<'static, [MessageType]>,
    enums: Vec<EnumType>,
    methods: Vec<Method>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Method {
    /// `package.Service/Method`
    name: String,
    input: usize,
    is_stream: bool,
}

/// What a descriptor set lacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// Not a descriptor set.
    #[error("not a `FileDescriptorSet`: {0}")]
    NotASet(MessageError),
    /// A type that others refer to.
    #[error("the descriptor set lacks `{0}`: make it with `protoc --include_imports --descriptor_set_out`")]
    Lacks(String),
    /// No message of that name.
    #[error("no message is named `{0}`")]
    NoMessage(String),
    /// No method of that name.
    #[error("no method is named `{0}`: name its message with `message`")]
    NoMethod(String),
    /// No field of that name.
    #[error("`{message}` has no field `{field}`")]
    NoField {
        /// The message type.
        message: String,
        /// The name.
        field: String,
    },
    /// A field that is not what is asked for.
    #[error("the field `{field}` is not {expected}")]
    Wrong {
        /// Its name.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// The numbers of the fields that lead to one.
pub(crate) type Numbers = Vec<u32>;

impl Descriptors {
    /// The messages that are known without any descriptor set.
    #[must_use]
    pub fn known() -> Self {
        Self { types: Cow::Borrowed(known::SCHEMA.types), enums: Vec::new(), methods: Vec::new() }
    }

    /// Reads a descriptor set.
    ///
    /// # Errors
    ///
    /// [`DescriptorError::NotASet`], [`DescriptorError::Lacks`].
    pub fn read(set: &[u8]) -> Result<Self, DescriptorError> {
        let schema = Schema { unknown: UnknownFields::Keep, ..known::SCHEMA };
        let set = schema.decode_trusted(known::FILE_SET, set).map_err(DescriptorError::NotASet)?;
        let mut found = Found::default();
        for file in set.messages(FILE) {
            let package = file.text(PACKAGE).unwrap_or_default();
            file.messages(FILE_MESSAGE).for_each(|message| found.gather(&package, message));
            found.gather_enums(&package, file, FILE_ENUM);
        }
        let mut types = Vec::with_capacity(found.messages.len());
        for (name, message) in &found.messages {
            types.push(message_type(name, message, &found)?);
        }
        let methods = methods(&set, &found.messages)?;
        let enums = found.enums.iter().map(|(_, described)| enum_type(described)).collect();
        Ok(Self { types: Cow::Owned(types), enums, methods })
    }

    /// The message type of that name, with its package.
    ///
    /// # Errors
    ///
    /// [`DescriptorError::NoMessage`].
    pub fn message(&self, name: &str) -> Result<usize, DescriptorError> {
        let name = name.trim_start_matches('.');
        self.types.iter().position(|message| message.name == name).ok_or_else(|| DescriptorError::NoMessage(shown(name)))
    }

    /// The message that a method takes, and whether it takes many of them.
    ///
    /// # Errors
    ///
    /// [`DescriptorError::NoMethod`].
    pub fn input(&self, method: &str) -> Result<(usize, bool), DescriptorError> {
        let found = self.methods.iter().find(|known| known.name == method);
        found.map(|method| (method.input, method.is_stream)).ok_or_else(|| DescriptorError::NoMethod(shown(method)))
    }

    pub(crate) fn schema(&self, unknown: UnknownFields) -> Schema<'_> {
        Schema { types: &self.types, enums: &self.enums, unknown }
    }

    /// The name of a message type.
    #[must_use]
    pub fn name(&self, message: usize) -> &str {
        self.types.get(message).map_or("", |message| message.name.as_ref())
    }

    /// Follows the names of fields, each behind a dot, from a message type to a field. All but the last are messages that are there
    /// once, and not such as the JSON mapping writes in another way.
    pub(crate) fn field(&self, message: usize, path: &str) -> Result<(Numbers, &Field), DescriptorError> {
        let (parents, last) = path.rsplit_once('.').map_or((None, path), |(parents, last)| (Some(parents), last));
        let (mut numbers, mut at) = (Vec::new(), message);
        for name in parents.into_iter().flat_map(|parents| parents.split('.')) {
            let field = self.member(at, name)?;
            at = self.inside(field)?;
            numbers.push(field.number);
        }
        let field = self.member(at, last)?;
        numbers.push(field.number);
        Ok((numbers, field))
    }

    fn member(&self, message: usize, name: &str) -> Result<&Field, DescriptorError> {
        let fields = self.types.get(message).map(|message| message.fields.as_ref()).unwrap_or_default();
        let no_field = || DescriptorError::NoField { message: self.name(message).to_owned(), field: shown(name) };
        fields.iter().find(|field| field.name == name).ok_or_else(no_field)
    }

    /// The type of a field that is looked into.
    fn inside(&self, field: &Field) -> Result<usize, DescriptorError> {
        let wrong = |expected| DescriptorError::Wrong { field: field.name.clone().into_owned(), expected };
        let (Kind::Message(inner), Label::Singular) = (field.kind, field.label) else {
            return Err(wrong("a message that is there once"));
        };
        match self.types.get(inner).map(|message| message.json) {
            Some(JsonForm::Members | JsonForm::Wrapped) => Ok(inner),
            _ => Err(wrong("a message that is looked into")),
        }
    }
}

/// `google.protobuf.FileDescriptorSet` and what it holds.
const FILE: u32 = 1;
const PACKAGE: u32 = 2;
const FILE_MESSAGE: u32 = 4;
const FILE_ENUM: u32 = 5;
const FILE_SERVICE: u32 = 6;
/// `DescriptorProto`, `ServiceDescriptorProto`, `MethodDescriptorProto`, `FieldDescriptorProto`: all begin with it.
const NAME: u32 = 1;
const MESSAGE_FIELD: u32 = 2;
const NESTED: u32 = 3;
const NESTED_ENUM: u32 = 4;
/// `EnumDescriptorProto`, `EnumValueDescriptorProto`
const ENUM_VALUE: u32 = 2;
const VALUE_NUMBER: u32 = 2;
const OPTIONS: u32 = 7;
const MAP_ENTRY: u32 = 7;
const FIELD_NUMBER: u32 = 3;
const FIELD_LABEL: u32 = 4;
const FIELD_TYPE: u32 = 5;
const TYPE_NAME: u32 = 6;
/// `TYPE_ENUM`
const ENUM: i64 = 14;
const ONEOF_INDEX: u32 = 9;
const JSON_NAME: u32 = 10;
const SERVICE_METHOD: u32 = 2;
const INPUT_TYPE: u32 = 2;
const CLIENT_STREAMING: u32 = 5;

/// Descriptors by their full names; each becomes the type at its place.
type Named<'m, 'a> = [(String, &'m Message<'a>)];

/// The descriptors of a set.
#[derive(Default)]
struct Found<'m, 'a> {
    messages: Vec<(String, &'m Message<'a>)>,
    enums: Vec<(String, &'m Message<'a>)>,
}

impl<'m, 'a> Found<'m, 'a> {
    /// A message type and what is inside of it.
    fn gather(&mut self, scope: &str, message: &'m Message<'a>) {
        let full = full_name(scope, message);
        message.messages(NESTED).for_each(|nested| self.gather(&full, nested));
        self.gather_enums(&full, message, NESTED_ENUM);
        self.messages.push((full, message));
    }

    fn gather_enums(&mut self, scope: &str, parent: &'m Message<'a>, number: u32) {
        self.enums.extend(parent.messages(number).map(|described| (full_name(scope, described), described)));
    }
}

fn full_name(scope: &str, described: &Message<'_>) -> String {
    let name = described.text(NAME).unwrap_or_default();
    if scope.is_empty() { name.into_owned() } else { format!("{scope}.{name}") }
}

fn enum_type(described: &Message<'_>) -> EnumType {
    let number = |value: &Message<'_>| value.integer(VALUE_NUMBER).and_then(|number| i32::try_from(number).ok()).unwrap_or(0);
    let values = described.messages(ENUM_VALUE);
    values.map(|value| (value.text(NAME).unwrap_or_default().into(), number(value))).collect()
}

fn methods(set: &Message<'_>, named: &Named<'_, '_>) -> Result<Vec<Method>, DescriptorError> {
    let mut methods = Vec::new();
    for file in set.messages(FILE) {
        let package = file.text(PACKAGE).map_or_else(String::new, |package| format!("{package}."));
        for service in file.messages(FILE_SERVICE) {
            let service_name = service.text(NAME).unwrap_or_default();
            for method in service.messages(SERVICE_METHOD) {
                let name = format!("{package}{service_name}/{}", method.text(NAME).unwrap_or_default());
                let input = lookup(&method.text(INPUT_TYPE).unwrap_or_default(), named)?;
                methods.push(Method { name, input, is_stream: method.is(CLIENT_STREAMING) });
            }
        }
    }
    Ok(methods)
}

/// References are full names with a dot in front.
fn lookup(name: &str, named: &Named<'_, '_>) -> Result<usize, DescriptorError> {
    let name = name.trim_start_matches('.');
    named.iter().position(|(known, _)| known == name).ok_or_else(|| DescriptorError::Lacks(shown(name)))
}

fn message_type(name: &str, message: &Message<'_>, found: &Found<'_, '_>) -> Result<MessageType, DescriptorError> {
    let mut fields: Vec<Field> = Vec::new();
    for described in message.messages(MESSAGE_FIELD) {
        if let Some(field) = field(described, found)? {
            // Mostly they are in order already, and no sort is compiled for this alone.
            fields.insert(fields.partition_point(|before| before.number < field.number), field);
        }
    }
    Ok(MessageType { name: Cow::Owned(name.to_owned()), json: json_form(name), fields: Cow::Owned(fields) })
}

/// `None` for a group, which no reader of ours takes: it stays unknown.
fn field(described: &Message<'_>, found: &Found<'_, '_>) -> Result<Option<Field>, DescriptorError> {
    const REQUIRED: i64 = 2;
    const REPEATED: i64 = 3;
    let name = described.text(NAME).unwrap_or_default().into_owned();
    let mut label = if described.integer(FIELD_LABEL) == Some(REPEATED) { Label::Repeated } else { Label::Singular };
    let kind = match described.integer(FIELD_TYPE).unwrap_or_default() {
        11 => {
            let inner = lookup(&described.text(TYPE_NAME).unwrap_or_default(), &found.messages)?;
            let options = |(_, message): &(_, &Message<'_>)| message.messages(OPTIONS).any(|options| options.is(MAP_ENTRY));
            if label == Label::Repeated && found.messages.get(inner).is_some_and(options) {
                label = Label::Map;
            }
            Some(Kind::Message(inner))
        }
        ENUM => Some(Kind::Enum(lookup(&described.text(TYPE_NAME).unwrap_or_default(), &found.enums)?)),
        // A number that also has the name of a type is a message to some readers.
        number => scalar(number).filter(|_| described.text(TYPE_NAME).is_none()),
    };
    let number = described.integer(FIELD_NUMBER).and_then(|number| u32::try_from(number).ok());
    let (Some(kind), Some(number)) = (kind, number) else { return Ok(None) };
    let oneof = described.integer(ONEOF_INDEX).and_then(|index| u32::try_from(index).ok());
    let json_name = described.text(JSON_NAME).map_or_else(|| lower_camel(&name), Cow::into_owned);
    Ok(Some(Field {
        number,
        name: Cow::Owned(name),
        json_name: Cow::Owned(json_name),
        kind,
        label,
        required: described.integer(FIELD_LABEL) == Some(REQUIRED),
        slot: oneof.map_or(number, Field::slot_of_oneof),
    }))
}

/// `FieldDescriptorProto.Type`, but for messages, groups and enums.
fn scalar(number: i64) -> Option<Kind> {
    Some(match number {
        1 => Kind::Double,
        2 => Kind::Float,
        3 => Kind::Int64,
        4 => Kind::Uint64,
        5 => Kind::Int32,
        6 => Kind::Fixed64,
        7 => Kind::Fixed32,
        8 => Kind::Bool,
        9 => Kind::String,
        12 => Kind::Bytes,
        13 => Kind::Uint32,
        15 => Kind::Sfixed32,
        16 => Kind::Sfixed64,
        17 => Kind::Sint32,
        18 => Kind::Sint64,
        _ => return None,
    })
}

/// The messages that the JSON mapping writes in a way of their own.
fn json_form(name: &str) -> JsonForm {
    match name.strip_prefix("google.protobuf.") {
        Some("Timestamp") => JsonForm::Time,
        Some("Duration") => JsonForm::Duration,
        Some("FieldMask") => JsonForm::Text,
        Some("Any") => JsonForm::Any,
        Some("Struct") => JsonForm::Object,
        Some("ListValue") => JsonForm::Array,
        Some("Value") => JsonForm::Anything,
        Some(name) if name.ends_with("Value") => JsonForm::Wrapped,
        Some(_) | None => JsonForm::Members,
    }
}

/// The name that the JSON mapping gives a field: no underscores, the letter behind one in upper case.
fn lower_camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut camel = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut chars = part.chars();
        camel.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(chars.as_str());
    }
    camel
}

fn shown(name: &str) -> String {
    cut(name, 64).to_owned()
}
