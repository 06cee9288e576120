//! One case a line.

use super::*;

const ORDER: &str = r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
    {"name": "id", "type": "string"}, {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line",
        "fields": [{"name": "sku", "type": "string"}, {"name": "count", "type": ["null", "int"], "default": null}]}}},
    {"name": "tags", "type": {"type": "map", "values": "boolean"}}]}"#;

#[test]
fn a_schema_that_is_none_is_refused_at_its_place() {
    for (schema, place, problem) in [
        ("7", "", "not a schema"),
        ("{}", "", "a schema without a `type`"),
        (r#""text""#, "", "a type that is not known here"),
        (r#"{"type": ["int", {"type": "array"}]}"#, "/type/1", "it lacks `items` or `values`"),
        (r#"["int", "int"]"#, "/1", "a union in a union, or a type that the union has already"),
        (r#"["int", ["null"]]"#, "/1", "a union in a union, or a type that the union has already"),
        ("[]", "", "an empty union"),
        (r#"{"type": "fixed", "name": "f", "size": -1}"#, "", "its `size` is none"),
        (r#"{"type": "fixed", "size": 1}"#, "", "it lacks a `name`"),
        (r#"{"type": "fixed", "name": "1f", "size": 1}"#, "", "its `name` is none that it can have, or is there twice"),
        (r#"{"type": "fixed", "name": "int", "size": 1}"#, "", "its `name` is none that it can have, or is there twice"),
        (r#"{"type": "enum", "name": "e", "symbols": ["A", "A"]}"#, "", "a name is there twice"),
        (r#"{"type": "enum", "name": "e", "symbols": ["A-B"]}"#, "", "a symbol is no name"),
        (r#"{"type": "record", "name": "r"}"#, "", "it lacks `fields`"),
        (r#"{"type": "record", "name": "r", "fields": [{"name": "a"}]}"#, "/fields/0", "a field has a `name` and a `type`"),
        (
            r#"{"type": "record", "name": "r", "fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]}"#,
            "",
            "a name is there twice",
        ),
        (
            r#"{"type": "record", "name": "a.r", "fields": [{"name": "a", "type": "b.r"}]}"#,
            "/fields/0/type",
            "a type that is not known here",
        ),
    ] {
        let expected = SchemaError { pointer: place.to_owned(), problem };
        assert_eq!(compile(schema), Err(expected), "{schema}");
    }
    let many = format!(
        r#"{{"type": "record", "name": "r", "fields": [{}]}}"#,
        (0..10_000).fold(String::new(), |all, at| {
            format!(r#"{all}{}{{"name": "a{at}", "type": "int"}}"#, if at == 0 { "" } else { "," })
        })
    );
    assert_eq!(compile(&many).unwrap_err().problem, "too many schemas");
}

/// The specification's own ("Schema Fingerprints") for the primitive types, as its reference implementation has them.
#[test]
fn a_fingerprint_is_that_of_the_canonical_form() {
    for (schema, fingerprint) in [
        (r#""null""#, 0x63dd_24e7_cc25_8f8a_u64),
        (r#"{"type": "int", "logicalType": "date"}"#, 0x7275_d51a_3f39_5c8f),
        (r#""string""#, 0x8f01_4872_6345_03c7),
        (r#"{"type": {"type": "bytes"}}"#, 0x4fc0_16da_c320_1965),
    ] {
        assert_eq!(compile(schema).unwrap().fingerprint(), fingerprint, "{schema}");
    }
    let written =
        r#"{"doc": "x", "fields": [{"type": {"type": "int"}, "name": "a", "default": 1}], "name": "s.r", "type": "record"}"#;
    let canonical = r#"{"name":"s.r","type":"record","fields":[{"name":"a","type":"int"}]}"#;
    assert_eq!(compile(written).unwrap().fingerprint(), compile(canonical).unwrap().fingerprint());
}

#[test]
fn a_value_is_read_to_its_end_and_no_further() {
    let good = b"\x02a\x02\x02b\x02\x04\x00\x02\x02t\x01\x00";
    assert_eq!(binary(ORDER, good), Ok(()));
    for cut in 0..good.len() {
        assert!(binary(ORDER, &good[..cut]).is_err(), "{cut}");
    }
    let surplus = binary(ORDER, &[&good[..], b"\0"].concat()).unwrap_err();
    assert_eq!((surplus.instance.as_str(), surplus.problem), ("", Problem::Surplus));
}

#[test]
fn what_is_broken_is_named_by_its_places() {
    for (bytes, instance, schema, problem) in [
        (&b"\x02\xff\x00\x00"[..], "/id", "/fields/0/type", Problem::Type("string")),
        (b"\x03", "/id", "/fields/0/type", Problem::Type("string")),
        (b"\x00\x04\x00\x00\x02s\x04\x00", "/lines/1/count", "/fields/1/type/items/fields/1/type", Problem::Type("branch")),
        (b"\x00\x02\x00\x02\x80\x80\x80\x80\x10", "/lines/0/count", "/fields/1/type/items/fields/1/type/1", Problem::Type("int")),
        (b"\x00\x00\x02\x02t\x02", "/tags/0", "/fields/2/type/values", Problem::Type("boolean")),
        (b"\x00\x00\x04\x02t\x01\x02t\x00\x00", "/tags", "/fields/2/type", Problem::Twice),
        (b"\x00\x00", "/tags", "/fields/2/type", Problem::Type("block")),
    ] {
        let expected = Broken { instance: instance.to_owned(), schema: schema.to_owned(), problem };
        assert_eq!(binary(ORDER, bytes), Err(expected), "{bytes:?}");
    }
}

#[test]
fn a_number_is_one_that_every_reader_holds() {
    for (schema, bytes, fits) in [
        (r#""int""#, &b"\xfe\xff\xff\xff\x0f"[..], true),
        (r#""int""#, b"\xff\xff\xff\xff\x0f", true),
        (r#""int""#, b"\x80\x80\x80\x80\x10", false),
        (r#""long""#, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", true),
        (r#""long""#, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", false),
        (r#""long""#, b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", false),
        (r#""boolean""#, b"\x01", true),
        (r#""boolean""#, b"\x02", false),
        (r#""float""#, b"\x00\x00\x00\x00", true),
        (r#""double""#, b"\x00\x00\x00\x00", false),
        (r#"{"type": "fixed", "name": "f", "size": 2}"#, b"ab", true),
        (r#"{"type": "fixed", "name": "f", "size": 2}"#, b"abc", false),
        (r#"{"type": "enum", "name": "e", "symbols": ["A", "B"]}"#, b"\x02", true),
        (r#"{"type": "enum", "name": "e", "symbols": ["A", "B"]}"#, b"\x04", false),
        (r#"{"type": "enum", "name": "e", "symbols": ["A", "B"]}"#, b"\x01", false),
    ] {
        assert_eq!(binary(schema, bytes).is_ok(), fits, "{schema} {bytes:?}");
    }
}

#[test]
fn a_block_is_as_long_as_it_says() {
    let schema = r#"{"type": "array", "items": "int"}"#;
    for (bytes, fits) in [
        (&b"\x00"[..], true),
        (b"\x04\x02\x04\x00", true),
        (b"\x02\x02\x02\x04\x00", true),
        (b"\x03\x04\x02\x04\x00", true),
        (b"\x03\x02\x02\x04\x00", false),
        (b"\x03\x06\x02\x04\x00", false),
        (b"\x03\x03\x02\x04\x00", false),
    ] {
        assert_eq!(binary(schema, bytes).is_ok(), fits, "{bytes:?}");
    }
}

#[test]
fn values_that_are_written_as_nothing_are_bounded() {
    let nulls = r#"{"type": "array", "items": "null"}"#;
    assert_eq!(binary(nulls, b"\xc8\x01\x00"), Ok(()));
    // 2^62 of them in ten bytes, and as many blocks as can be.
    for count in [&b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x00"[..], b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00"] {
        assert_eq!(binary(nulls, count).unwrap_err().problem, Problem::TooDear);
    }
    let endless = r#"{"type": "record", "name": "r", "fields": [{"name": "r", "type": "r"}]}"#;
    assert_eq!(binary(endless, b"").unwrap_err().problem, Problem::TooDeep(64));
}

#[test]
fn values_are_nested_up_to_the_limit() {
    let schema = compile(r#"{"type": "record", "name": "r", "fields": [{"name": "r", "type": ["null", "r"]}]}"#).unwrap();
    // A record and its union are two levels, the `null` one more.
    let nested = |levels: usize| [vec![2; levels], vec![0]].concat();
    assert_eq!(schema.check_binary(&nested(3), 9), Ok(()));
    assert_eq!(schema.check_binary(&nested(4), 9).unwrap_err().problem, Problem::TooDeep(9));
    assert_eq!(schema.check_binary(&nested(200_000), usize::MAX).unwrap_err().problem, Problem::TooDeep(100));
}

#[test]
fn the_json_encoding_names_what_a_union_holds() {
    for (text, expected) in [
        (r#"{"id": "a", "lines": [{"sku": "b", "count": {"int": 2}}], "tags": {"t": true}}"#, None),
        (r#"{"tags": {}, "lines": [{"sku": "b", "count": null}], "id": "\u00e9"}"#, None),
        (r#"{"id": "a", "lines": [{"sku": "b", "count": 2}], "tags": {}}"#, Some(("/lines/0/count", Problem::Type("branch")))),
        (
            r#"{"id": "a", "lines": [{"sku": "b", "count": {"long": 2}}], "tags": {}}"#,
            Some(("/lines/0/count", Problem::Type("branch"))),
        ),
        (
            r#"{"id": "a", "lines": [{"sku": "b", "count": {"int": 2, "null": null}}], "tags": {}}"#,
            Some(("/lines/0/count", Problem::Type("branch"))),
        ),
        (
            r#"{"id": "a", "lines": [{"sku": "b", "count": {"int": 2147483648}}], "tags": {}}"#,
            Some(("/lines/0/count", Problem::Type("int"))),
        ),
        (
            r#"{"id": "a", "lines": [{"sku": "b", "count": {"int": 2.0}}], "tags": {}}"#,
            Some(("/lines/0/count", Problem::Type("int"))),
        ),
        (r#"{"id": "a", "lines": [{"sku": "b"}], "tags": {}}"#, Some(("/lines/0", Problem::Missing))),
        (r#"{"id": "a", "lines": [], "tags": {}, "note": 1}"#, Some(("", Problem::Unknown))),
        (r#"{"id": "a", "lines": {}, "tags": {}}"#, Some(("/lines", Problem::Type("array")))),
        (r#"{"id": "a", "lines": [], "tags": {"t": 1}}"#, Some(("/tags/0", Problem::Type("boolean")))),
        ("[]", Some(("", Problem::Type("record")))),
    ] {
        let found = json(ORDER, text).err().map(|broken| (broken.instance, broken.problem));
        assert_eq!(found, expected.map(|(place, problem)| (place.to_owned(), problem)), "{text}");
    }
    for (schema, text, fits) in [
        (r#""bytes""#, r#""\u00ff""#, true),
        (r#""bytes""#, r#""\u0100""#, false),
        (r#"{"type": "fixed", "name": "f", "size": 2}"#, r#""\u00ffa""#, true),
        (r#"{"type": "fixed", "name": "f", "size": 2}"#, r#""a""#, false),
        (r#""float""#, "1e38", true),
        // The largest one, as it is written as a rule: a little more than it is, and nothing else is nearer.
        (r#""float""#, "3.4028235e38", true),
        (r#""float""#, "-3.4028235e38", true),
        (r#""float""#, "3.4028236e38", false),
        (r#""float""#, "1e39", false),
        (r#""double""#, "1e39", true),
        (r#""long""#, "-9223372036854775808", true),
        (r#""long""#, "9223372036854775808", false),
        (r#"{"type": "enum", "name": "s.e", "symbols": ["A"]}"#, r#""A""#, true),
        (r#"{"type": "enum", "name": "s.e", "symbols": ["A"]}"#, r#""a""#, false),
        (r#"["null", {"type": "enum", "name": "s.e", "symbols": ["A"]}]"#, r#"{"s.e": "A"}"#, true),
        (r#"["null", {"type": "enum", "name": "s.e", "symbols": ["A"]}]"#, r#"{"e": "A"}"#, false),
        (r#"["int", "string"]"#, "null", false),
    ] {
        assert_eq!(json(schema, text).is_ok(), fits, "{schema} {text}");
    }
}
