//! Schemas and conditions, as a policy writes them.

use super::*;

fn schema(value: Value) -> Value {
    let mut document = with("/events/0/schema", value);
    document["schemas"] = json!({
        "order": {"$id": "https://shop.example/order", "type": "object", "properties": {"total": {"$ref": "money"}}},
        "money": {"$id": "https://shop.example/money", "type": "number", "minimum": 0},
    });
    document
}

#[test]
fn a_schema_is_named_or_stands_there_and_may_have_versions() {
    for value in [
        json!({"json": "order"}),
        json!({"json": {"$ref": "https://shop.example/order"}, "unknownFields": "refuse"}),
        json!({"json": false}),
        json!([{"json": "order"}, {"json": "money", "dataschema": "urn:money"}]),
        json!({"json": {"$schema": "http://json-schema.org/draft-07/schema#", "type": "string"}, "unknownFields": "allow"}),
    ] {
        assert!(compiled(schema(value)).rules.find("t.A").unwrap().contract.is_some());
    }
}

#[test]
fn what_is_wrong_with_a_schema_is_told_at_its_place() {
    for (value, expected) in [
        (json!({}), "events[0].schema: it has one of `json`, `protobuf` and `avro`"),
        (json!({"json": true, "protobuf": {}}), "events[0].schema: it has one of `json`, `protobuf` and `avro`"),
        (json!({"json": "orders"}), "events[0].schema.json: no schema is named \"orders\""),
        (json!({"json": 7}), "events[0].schema.json: found a number, expected a JSON Schema"),
        (json!({"json": {"type": "strin"}}), "events[0].schema.json: `/type`"),
        (
            json!({"json": {"$ref": "https://elsewhere.example/x"}}),
            "events[0].schema.json: `/$ref`: `https://elsewhere.example/x` leads to no schema",
        ),
        (json!({"json": {"pattern": "(?=x)"}}), "events[0].schema.json: `/pattern`"),
        (json!([]), "events[0].schema: is empty"),
        (
            json!([{"json": "order"}, {"json": true}]),
            "events[0].schema[1]: of several versions each has a `dataschema`, an `$id`, `ids`, or a `when`",
        ),
        (
            json!([{"json": "order"}, {"json": "money", "dataschema": "https://shop.example/order"}]),
            "events[0].schema[1]: a version is named `https://shop.example/order` already",
        ),
        (json!({"json": "order", "forbidden": ["ssn"]}), "events[0].schema.forbidden[0]: not a JSON Pointer"),
        (json!({"json": "order", "forbidden": []}), "events[0].schema.forbidden: is empty"),
        (json!({"json": "order", "deprecated": {}}), "events[0].schema.deprecated.after: is missing"),
        (json!({"json": "order", "deprecated": {"after": "soon"}}), "events[0].schema.deprecated.after: not a date and time"),
        (
            json!({"json": "order", "deprecated": {"after": "2027-01-01T00:00:00Z", "refuseAfter": "2026-01-01T00:00:00Z"}}),
            "events[0].schema.deprecated: it would be refused before it is old",
        ),
        (json!({"json": "order", "unknownFields": "keep"}), "events[0].schema.unknownFields: `keep` is not one of"),
    ] {
        let found = errors(schema(value.clone()));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{value}: {found:?}");
    }
    for (value, expected) in [
        (json!({}), "schemas: is empty"),
        (json!([]), "schemas: found a list, expected a map"),
        (json!({"a": 1}), "schemas.a: found a number, expected a JSON Schema"),
        (json!({"a": {"$ref": "b"}}), "schemas.a: `/$ref`: `b` leads to no schema"),
    ] {
        let found = errors(with("/schemas", value.clone()));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{value}: {found:?}");
    }
}

#[test]
fn conditions_are_checked_before_any_event_comes() {
    let conditions = json!(["event.data.total <= 100", "has(event.subject) && claims.roles.exists(role, role == 'x')"]);
    assert_eq!(compiled(with("/events/0/conditions", conditions)).rules.find("t.A").unwrap().conditions.len(), 2);
    for (text, expected) in [
        ("event.typ == 'x'", "events[0].conditions[0]: line 1, column"),
        ("event.type ==\n 7", "events[0].conditions[0]: line 1, column"),
        ("event.type", "events[0].conditions[0]: line 1, column 7"),
        ("1 < 2", "events[0].conditions[0]: this is always true"),
        ("", "events[0].conditions[0]: line 1, column"),
        ("now.getHours('Europe/Berlin') > 8", "events[0].conditions[0]: line 1, column"),
    ] {
        let found = errors(with("/events/0/conditions", json!([text])));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{text}: {found:?}");
    }
    assert_eq!(errors(with("/events/0/conditions", json!([]))), ["events[0].conditions: is empty"]);
}

/// `message A {}` of the package `t`, in base64.
const SET: &str = "CggSAXQiAwoBQQ==";

#[test]
fn a_message_type_is_of_descriptors_that_are_named_or_stand_there() {
    let document = |value: Value| {
        let mut document = schema(value);
        document["schemas"]["set"] = json!({"protobuf": SET});
        document
    };
    for value in [
        json!({"protobuf": {"descriptors": "set", "message": "t.A"}}),
        json!({"protobuf": {"descriptors": SET, "message": ".t.A"}, "unknownFields": "allow"}),
        json!([{"protobuf": {"descriptors": "set", "message": "t.A"}, "when": {"/v": 2}}, {"json": true, "when": {"/v": [1, "1"]}}]),
    ] {
        assert!(compiled(document(value)).rules.find("t.A").unwrap().contract.is_some());
    }
    for (value, expected) in [
        (json!({"protobuf": {}}), "events[0].schema.protobuf.descriptors: is missing"),
        (json!({"protobuf": {"descriptors": "set"}}), "events[0].schema.protobuf.message: is missing"),
        (
            json!({"protobuf": {"descriptors": "set", "message": "A"}}),
            "events[0].schema.protobuf.message: no message is named `A`",
        ),
        (json!({"protobuf": {"descriptors": "sets", "message": "t.A"}}), "events[0].schema.protobuf.descriptors: not"),
        (
            json!({"protobuf": {"descriptors": "set", "message": "t.A"}, "forbidden": ["/a"]}),
            "events[0].schema.forbidden: it means something only with `json`",
        ),
        (json!({"json": true, "when": {}}), "events[0].schema.when: is empty"),
        (json!({"json": true, "when": {"v": 1}}), "events[0].schema.when.v: not a JSON Pointer"),
        (
            json!([{"json": true, "when": {"/v": 1}}, {"json": false, "when": {"/v": 1}}]),
            "events[0].schema[1]: a version before it is named by the same",
        ),
    ] {
        let found = errors(document(value.clone()));
        assert!(!found.is_empty() && found[0].starts_with(expected), "{value}: {found:?}");
    }
    for (entry, expected) in [
        (json!({"protobuf": 7}), "schemas.set.protobuf: found a number, expected a text"),
        (json!({"protobuf": "YWJj"}), "schemas.set.protobuf: not a `FileDescriptorSet`: a message is cut"),
    ] {
        let mut document = document(json!({"protobuf": {"descriptors": "set", "message": "t.A"}}));
        document["schemas"]["set"] = entry;
        let found = errors(document);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
    }
}

#[test]
fn what_must_be_encrypted_is_said_in_full() {
    let whole = json!({"fields": ["/card"], "alg": ["RSA-OAEP-256"], "enc": ["A256GCM"], "kid": ["vault-1"]});
    let document = |encrypted: Value| schema(json!({"json": true, "encrypted": encrypted}));
    assert!(compiled(document(whole.clone())).rules.find("t.A").unwrap().contract.is_some());
    for (key, value, expected) in [
        ("fields", json!(["card"]), "events[0].schema.encrypted.fields[0]: not a JSON Pointer"),
        ("fields", json!([]), "events[0].schema.encrypted.fields: is empty"),
        ("alg", json!(["RSA1_5"]), "events[0].schema.encrypted.alg[0]: `RSA1_5` is none of RFC 7518 that is fit for use"),
        ("alg", json!(["none"]), "events[0].schema.encrypted.alg[0]: `none` is none"),
        ("enc", json!(["A256GCM", "A256"]), "events[0].schema.encrypted.enc[1]: `A256` is none"),
        ("kid", json!([""]), "events[0].schema.encrypted.kid[0]: is empty"),
        ("keys", json!(["vault-1"]), "events[0].schema.encrypted.keys: there is no such key"),
    ] {
        let mut encrypted = whole.clone();
        encrypted[key] = value;
        let found = errors(document(encrypted));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{key}: {found:?}");
    }
    for key in ["fields", "alg", "enc", "kid"] {
        let mut encrypted = whole.clone();
        encrypted.as_object_mut().unwrap().remove(key);
        assert_eq!(errors(document(encrypted)), [format!("events[0].schema.encrypted.{key}: is missing")]);
    }
}

#[test]
fn null_is_a_value_in_a_schema_and_nowhere_else() {
    let optional = json!({"type": "record", "name": "A", "fields": [{"name": "a", "type": ["null", "int"], "default": null}]});
    for value in [json!({"json": {"enum": ["a", null]}}), json!([{"avro": optional}])] {
        let mut document = schema(value);
        document["schemas"]["maybe"] = json!({"const": null});
        assert!(compiled(document).rules.find("t.A").unwrap().contract.is_some());
    }
    for (pointer, value, place) in [
        ("/schemas", json!({"a": null}), "schemas.a"),
        ("/events/0/schema", json!({"json": null}), "events[0].schema.json"),
        ("/events/0/schema", json!([{"json": true, "when": {"/a": null}}]), r#"events[0].schema[0].when["/a"]"#),
        ("/routes/0/json", json!({"type": null}), "routes[0].json.type"),
    ] {
        let found = errors(with(pointer, value));
        assert!(found.iter().any(|error| error.starts_with(&format!("{place}: no value"))), "{place}: {found:?}");
    }
}

#[test]
fn avro_is_named_or_stands_there_and_says_its_framing() {
    let document = |value: Value| {
        let mut document = schema(value);
        document["schemas"]["line"] = json!({"avro": {"type": "array", "items": "int"}});
        document
    };
    for value in [
        json!({"avro": "line"}),
        json!({"avro": {"type": "int"}, "framing": "single-object"}),
        json!([{"avro": "line", "framing": "confluent", "ids": [1]}, {"avro": ["null", "int"], "ids": [2]}]),
    ] {
        assert!(compiled(document(value)).rules.find("t.A").unwrap().contract.is_some());
    }
    for (value, expected) in [
        (json!({"avro": "lines"}), "events[0].schema.avro: no Avro schema is named \"lines\""),
        (json!({"avro": {"type": "text"}}), "events[0].schema.avro: ``: a type that is not known here"),
        (json!({"avro": "line", "json": true}), "events[0].schema: it has one of `json`, `protobuf` and `avro`"),
        (
            json!({"avro": "line", "framing": "confluent"}),
            "events[0].schema.framing: the framing has an id, and there are no `ids`",
        ),
        (
            json!({"json": true, "framing": "confluent", "ids": [1]}),
            "events[0].schema.framing: it means something only with `avro`",
        ),
        (json!({"avro": "line", "unknownFields": "refuse"}), "events[0].schema.unknownFields: Avro has no fields"),
        (json!({"avro": "line", "ids": []}), "events[0].schema.ids: is empty"),
        (json!({"avro": "line", "encrypted": {}}), "events[0].schema.encrypted: it means something only with `json`"),
    ] {
        let found = errors(document(value.clone()));
        assert!(!found.is_empty() && found[0].starts_with(expected), "{value}: {found:?}");
    }
}
