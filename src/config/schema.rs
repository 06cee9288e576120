//! The JSON Schema of the policy document, generated from the raw types. The command line and its tests alone need it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::raw;

/// The JSON Schema (draft 2020-12) of a policy document.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<raw::Policy>().to_value();
    forbid_null(&mut schema);
    schema
}

/// An optional key may be left out; it may not be there without a value, which the generator would allow.
fn forbid_null(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    members.remove("anyOf");
                    members.extend(only);
                }
            }
            members.values_mut().for_each(forbid_null);
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A text, or the environment variable that holds it.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "only its schema is of interest")]
pub(super) enum HeaderValue {
    /// The value. Whoever reads this resource, or Envoy's `config_dump`, reads it too.
    Text(#[schemars(length(min = 1))] String),
    /// The environment variable that holds the value.
    Environment(EnvironmentVariable),
}

/// The environment variable that holds a value.
#[derive(JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is of interest")]
pub(super) struct EnvironmentVariable {
    #[schemars(length(min = 1))]
    env: String,
}

/// One of these, or a list of them.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "only its schema is of interest")]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

/// Gives a type that stands for a form of text its schema, in place.
macro_rules! form {
    ($name:ident, $schema:tt) => {
        #[derive(Debug)]
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

/// The keys of a policy that a second one may have too.
#[derive(Debug)]
pub(super) struct Shadow;

impl JsonSchema for Shadow {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Shadow")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let own = |key: &str| (key.to_owned(), json!({"$ref": format!("#/properties/{key}")}));
        let properties: Map<String, Value> = raw::SHADOW_KEYS.iter().map(|key| own(key)).collect();
        json_schema!({"type": "object", "minProperties": 1, "properties": properties, "additionalProperties": false})
    }
}

form!(Duration, { "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$", "examples": ["250ms", "30s", "5m", "1h"] });
form!(AvroSchema, { "type": ["string", "object", "array"] });
form!(Time, { "type": "string", "format": "date-time" });
form!(Pointer, { "type": "string", "pattern": "^(/([^~]|~[01])*)?$", "examples": ["/realm_access/roles"] });
form!(Size, {
    "anyOf": [
        { "type": "integer", "minimum": 1 },
        { "type": "string", "pattern": "^[0-9]+(KiB|MiB)$", "examples": ["64KiB", "1MiB"] },
    ]
});
form!(Sink, { "enum": ["otlp", "otlp-grpc", "loki", "elasticsearch", "ndjson", "cloudevents"] });
form!(Compression, { "enum": ["none", "gzip"] });
form!(Algorithm, { "enum": ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519"] });
form!(Claims, {
    "type": "object",
    "minProperties": 1,
    "propertyNames": { "pattern": "^/([^~]|~[01])*$" },
    "additionalProperties": {
        "anyOf": [
            { "type": ["string", "integer", "boolean"] },
            { "type": "array", "minItems": 1, "items": { "type": ["string", "integer", "boolean"] } },
        ]
    }
});
