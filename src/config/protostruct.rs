//! `google.protobuf.Struct`: how Envoy hands on a plugin configuration that its own configuration writes as a map, and the metadata
//! of routes. Field numbers: protobuf, `google/protobuf/struct.proto`.

use serde_json::{Map, Number};

/// The tag before the value of a map's entry: what tells a message from JSON, which never has this control character. How it starts
/// does not: a line feed is the tag of an entry, and `{` may be that entry's length.
pub(super) const VALUE_TAG: u8 = 0x12;

/// A map, as its entries (protobuf, "Maps", backwards compatibility): of two of one name the last one counts.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Struct {
    /// In their order.
    #[prost(message, repeated, tag = "1")]
    pub fields: Vec<Field>,
}

/// An entry of a map.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Field {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// What it is; absent is null.
    #[prost(message, optional, tag = "2")]
    pub value: Option<Value>,
}

/// A value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Value {
    /// What it is; absent is null.
    #[prost(oneof = "value::Kind", tags = "1, 2, 3, 4, 5, 6")]
    pub kind: Option<value::Kind>,
}

/// What a value can be.
pub mod value {
    /// One of these.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Kind {
        /// Null; the number says nothing.
        #[prost(int32, tag = "1")]
        NullValue(i32),
        /// Every number is a double.
        #[prost(double, tag = "2")]
        NumberValue(f64),
        /// A text.
        #[prost(string, tag = "3")]
        StringValue(String),
        /// `true` or `false`.
        #[prost(bool, tag = "4")]
        BoolValue(bool),
        /// A map.
        #[prost(message, tag = "5")]
        StructValue(super::Struct),
        /// A list.
        #[prost(message, tag = "6")]
        ListValue(super::ListValue),
    }
}

/// A list.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListValue {
    /// In their order.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

impl Struct {
    /// As JSON. Nesting is bounded: protobuf messages are read to a depth of 100 only.
    pub(super) fn into_json(self) -> serde_json::Value {
        let mut members = Map::new();
        for Field { name, value } in self.fields {
            members.insert(name, value.unwrap_or_default().into_json());
        }
        serde_json::Value::Object(members)
    }
}

impl Value {
    fn into_json(self) -> serde_json::Value {
        match self.kind {
            None | Some(value::Kind::NullValue(_)) => serde_json::Value::Null,
            // A number that JSON does not have (`NaN`) becomes null, which no policy may hold.
            Some(value::Kind::NumberValue(number)) => Number::from_f64(number).map_or(serde_json::Value::Null, Into::into),
            Some(value::Kind::StringValue(text)) => text.into(),
            Some(value::Kind::BoolValue(value)) => value.into(),
            Some(value::Kind::StructValue(map)) => map.into_json(),
            Some(value::Kind::ListValue(list)) => list.values.into_iter().map(Self::into_json).collect(),
        }
    }
}
