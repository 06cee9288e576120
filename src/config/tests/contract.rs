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
        (json!({}), "events[0].schema.json: is missing"),
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
            "events[0].schema[1]: of several versions each has a `dataschema`, or an `$id`",
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
