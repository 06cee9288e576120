//! The messages that are known here, as their definitions have them: `google/pubsub/v1/pubsub.proto`, CloudEvents'
//! `cloudevents.proto`, `dapr/proto/runtime/v1/pubsub.proto`, and of `google/protobuf/descriptor.proto` what is read of it.

use std::borrow::Cow;

use super::{Field, JsonForm, Kind, Label, MessageType, Schema, UnknownFields};

/// The known messages; a field that one does not have is refused.
pub(crate) const SCHEMA: Schema<'static> = Schema { types: &TYPES, enums: &[], unknown: UnknownFields::Refuse };

/// The places of the messages in the table. A test holds them against the names.
pub(crate) const PUBLISH_REQUEST: usize = 0;
const PUBSUB_MESSAGE: usize = 1;
const STRING_ENTRY: usize = 2;
const TIMESTAMP: usize = 3;
pub(crate) const CLOUD_EVENT: usize = 4;
pub(crate) const CLOUD_EVENT_BATCH: usize = 5;
const ATTRIBUTE_ENTRY: usize = 6;
const ATTRIBUTE_VALUE: usize = 7;
const ANY: usize = 8;
pub(super) const FILE_SET: usize = 9;
const FILE: usize = 10;
const MESSAGE: usize = 11;
const MESSAGE_OPTIONS: usize = 12;
const FIELD: usize = 13;
const SERVICE: usize = 14;
const METHOD: usize = 15;
pub(crate) const DAPR_PUBLISH: usize = 16;
pub(crate) const DAPR_BULK_PUBLISH: usize = 17;
const DAPR_BULK_ENTRY: usize = 18;
const ENUM: usize = 19;
const ENUM_VALUE: usize = 20;

static TYPES: [MessageType; 21] = [
    message("google.pubsub.v1.PublishRequest", &PUBLISH_REQUEST_FIELDS),
    message("google.pubsub.v1.PubsubMessage", &PUBSUB_MESSAGE_FIELDS),
    message("map<string, string>", &STRING_ENTRY_FIELDS),
    message_written("google.protobuf.Timestamp", JsonForm::Time, &TIMESTAMP_FIELDS),
    message("io.cloudevents.v1.CloudEvent", &CLOUD_EVENT_FIELDS),
    message("io.cloudevents.v1.CloudEventBatch", &CLOUD_EVENT_BATCH_FIELDS),
    message("map<string, CloudEventAttributeValue>", &ATTRIBUTE_ENTRY_FIELDS),
    message("io.cloudevents.v1.CloudEvent.CloudEventAttributeValue", &ATTRIBUTE_VALUE_FIELDS),
    message_written("google.protobuf.Any", JsonForm::Any, &ANY_FIELDS),
    message("google.protobuf.FileDescriptorSet", &FILE_SET_FIELDS),
    message("google.protobuf.FileDescriptorProto", &FILE_FIELDS),
    message("google.protobuf.DescriptorProto", &MESSAGE_FIELDS),
    message("google.protobuf.MessageOptions", &MESSAGE_OPTIONS_FIELDS),
    message("google.protobuf.FieldDescriptorProto", &FIELD_FIELDS),
    message("google.protobuf.ServiceDescriptorProto", &SERVICE_FIELDS),
    message("google.protobuf.MethodDescriptorProto", &METHOD_FIELDS),
    message("dapr.proto.runtime.v1.PublishEventRequest", &DAPR_PUBLISH_FIELDS),
    message("dapr.proto.runtime.v1.BulkPublishRequest", &DAPR_BULK_PUBLISH_FIELDS),
    message("dapr.proto.runtime.v1.BulkPublishRequestEntry", &DAPR_BULK_ENTRY_FIELDS),
    message("google.protobuf.EnumDescriptorProto", &ENUM_FIELDS),
    message("google.protobuf.EnumValueDescriptorProto", &ENUM_VALUE_FIELDS),
];

static PUBLISH_REQUEST_FIELDS: [Field; 2] = [
    one(1, "topic", "topic", Kind::String), //
    many(2, "messages", "messages", PUBSUB_MESSAGE),
];

static PUBSUB_MESSAGE_FIELDS: [Field; 5] = [
    one(1, "data", "data", Kind::Bytes),
    map(2, "attributes", STRING_ENTRY),
    one(3, "message_id", "messageId", Kind::String),
    one(4, "publish_time", "publishTime", Kind::Message(TIMESTAMP)),
    one(5, "ordering_key", "orderingKey", Kind::String),
];

static STRING_ENTRY_FIELDS: [Field; 2] = [
    one(1, "key", "key", Kind::String), //
    one(2, "value", "value", Kind::String),
];

static TIMESTAMP_FIELDS: [Field; 2] = [
    one(1, "seconds", "seconds", Kind::Int64), //
    one(2, "nanos", "nanos", Kind::Int32),
];

static CLOUD_EVENT_FIELDS: [Field; 8] = [
    one(1, "id", "id", Kind::String),
    one(2, "source", "source", Kind::String),
    one(3, "spec_version", "specVersion", Kind::String),
    one(4, "type", "type", Kind::String),
    map(5, "attributes", ATTRIBUTE_ENTRY),
    either(6, "binary_data", "binaryData", Kind::Bytes),
    either(7, "text_data", "textData", Kind::String),
    either(8, "proto_data", "protoData", Kind::Message(ANY)),
];

static CLOUD_EVENT_BATCH_FIELDS: [Field; 1] = [many(1, "events", "events", CLOUD_EVENT)];

static ATTRIBUTE_ENTRY_FIELDS: [Field; 2] = [
    one(1, "key", "key", Kind::String), //
    one(2, "value", "value", Kind::Message(ATTRIBUTE_VALUE)),
];

static ATTRIBUTE_VALUE_FIELDS: [Field; 7] = [
    either(1, "ce_boolean", "ceBoolean", Kind::Bool),
    either(2, "ce_integer", "ceInteger", Kind::Int32),
    either(3, "ce_string", "ceString", Kind::String),
    either(4, "ce_bytes", "ceBytes", Kind::Bytes),
    either(5, "ce_uri", "ceUri", Kind::String),
    either(6, "ce_uri_ref", "ceUriRef", Kind::String),
    either(7, "ce_timestamp", "ceTimestamp", Kind::Message(TIMESTAMP)),
];

static ANY_FIELDS: [Field; 2] = [
    one(1, "type_url", "typeUrl", Kind::String), //
    one(2, "value", "value", Kind::Bytes),
];

static FILE_SET_FIELDS: [Field; 1] = [many(1, "file", "file", FILE)];

static FILE_FIELDS: [Field; 4] = [
    one(2, "package", "package", Kind::String),
    many(4, "message_type", "messageType", MESSAGE),
    many(5, "enum_type", "enumType", ENUM),
    many(6, "service", "service", SERVICE),
];

static MESSAGE_FIELDS: [Field; 5] = [
    one(1, "name", "name", Kind::String),
    many(2, "field", "field", FIELD),
    many(3, "nested_type", "nestedType", MESSAGE),
    many(4, "enum_type", "enumType", ENUM),
    one(7, "options", "options", Kind::Message(MESSAGE_OPTIONS)),
];

static ENUM_FIELDS: [Field; 2] = [
    one(1, "name", "name", Kind::String), //
    many(2, "value", "value", ENUM_VALUE),
];

static ENUM_VALUE_FIELDS: [Field; 2] = [
    one(1, "name", "name", Kind::String), //
    one(2, "number", "number", Kind::Int32),
];

static MESSAGE_OPTIONS_FIELDS: [Field; 1] = [one(7, "map_entry", "mapEntry", Kind::Bool)];

static FIELD_FIELDS: [Field; 7] = [
    one(1, "name", "name", Kind::String),
    one(3, "number", "number", Kind::Int32),
    one(4, "label", "label", Kind::Int32),
    one(5, "type", "type", Kind::Int32),
    one(6, "type_name", "typeName", Kind::String),
    one(9, "oneof_index", "oneofIndex", Kind::Int32),
    one(10, "json_name", "jsonName", Kind::String),
];

static SERVICE_FIELDS: [Field; 2] = [
    one(1, "name", "name", Kind::String), //
    many(2, "method", "method", METHOD),
];

static METHOD_FIELDS: [Field; 3] = [
    one(1, "name", "name", Kind::String),
    one(2, "input_type", "inputType", Kind::String),
    one(5, "client_streaming", "clientStreaming", Kind::Bool),
];

static DAPR_PUBLISH_FIELDS: [Field; 5] = [
    one(1, "pubsub_name", "pubsubName", Kind::String),
    one(2, "topic", "topic", Kind::String),
    one(3, "data", "data", Kind::Bytes),
    one(4, "data_content_type", "dataContentType", Kind::String),
    map(5, "metadata", STRING_ENTRY),
];

static DAPR_BULK_PUBLISH_FIELDS: [Field; 4] = [
    one(1, "pubsub_name", "pubsubName", Kind::String),
    one(2, "topic", "topic", Kind::String),
    many(3, "entries", "entries", DAPR_BULK_ENTRY),
    map(4, "metadata", STRING_ENTRY),
];

static DAPR_BULK_ENTRY_FIELDS: [Field; 4] = [
    one(1, "entry_id", "entryId", Kind::String),
    one(2, "event", "event", Kind::Bytes),
    one(3, "content_type", "contentType", Kind::String),
    map(4, "metadata", STRING_ENTRY),
];

const fn message(name: &'static str, fields: &'static [Field]) -> MessageType {
    message_written(name, JsonForm::Members, fields)
}

const fn message_written(name: &'static str, json: JsonForm, fields: &'static [Field]) -> MessageType {
    MessageType { name: Cow::Borrowed(name), json, fields: Cow::Borrowed(fields) }
}

const fn one(number: u32, name: &'static str, json_name: &'static str, kind: Kind) -> Field {
    field(number, name, json_name, kind, Label::Singular, number)
}

/// A member of the message's one `oneof`.
const fn either(number: u32, name: &'static str, json_name: &'static str, kind: Kind) -> Field {
    field(number, name, json_name, kind, Label::Singular, Field::slot_of_oneof(0))
}

const fn many(number: u32, name: &'static str, json_name: &'static str, item: usize) -> Field {
    field(number, name, json_name, Kind::Message(item), Label::Repeated, number)
}

const fn map(number: u32, name: &'static str, entry: usize) -> Field {
    field(number, name, name, Kind::Message(entry), Label::Map, number)
}

const fn field(number: u32, name: &'static str, json_name: &'static str, kind: Kind, label: Label, slot: u32) -> Field {
    let (name, json_name) = (Cow::Borrowed(name), Cow::Borrowed(json_name));
    Field { number, name, json_name, kind, label, required: false, slot }
}
