mod arbitrary;

use super::decimal::{Decimal, Divisor};
use super::{Broken, Compiler, Contract, Limits, Problem, SchemaError, UnknownFields, uri};
use crate::json::Document;

fn compile_with(schema: &str, limits: Limits, unknown: UnknownFields) -> Result<Contract, Vec<SchemaError>> {
    let document = Document::parse(schema.as_bytes(), 20_000).unwrap();
    let mut compiler = Compiler::new(limits);
    let id = compiler.add("", document.root());
    compiler.compile().map(|schemas| schemas.contract(id, unknown).unwrap())
}

fn compile(schema: &str) -> Result<Contract, Vec<SchemaError>> {
    compile_with(schema, Limits::DEFAULT, UnknownFields::Allow)
}

fn errors(schema: &str) -> Vec<(String, Problem)> {
    compile(schema).unwrap_err().into_iter().map(|error| (error.pointer, error.problem)).collect()
}

fn check(contract: &Contract, data: &str) -> Result<(), Broken> {
    contract.check(Document::parse(data.as_bytes(), 20_000).unwrap().root())
}

/// The places of what is broken: instance and keyword.
fn places(contract: &Contract, data: &str) -> Option<(String, String)> {
    match check(contract, data) {
        Ok(()) => None,
        Err(Broken::Keyword { instance, keyword, .. } | Broken::UnknownField { instance, keyword, .. }) => {
            Some((instance, keyword))
        }
        Err(error @ (Broken::TooDear { .. } | Broken::TooDeep { .. })) => panic!("{error}"),
    }
}

fn refuses(schema: &str, data: &str) -> Option<(String, String)> {
    places(&compile_with(schema, Limits::DEFAULT, UnknownFields::Refuse).unwrap(), data)
}

#[test]
fn what_is_broken_is_named_by_its_places_and_never_by_its_value() {
    let schema = r##"{"properties": {"a/b": {"items": {"$ref": "#/$defs/n"}}, "c": {"propertyNames": {"maxLength": 3}}},
        "required": ["x", "id"], "$defs": {"n": {"maximum": 5}}, "dependentRequired": {"c": ["d"]}}"##;
    let contract = compile(schema).unwrap();
    for (data, instance, keyword) in [
        (r#"{"id": 1, "x": 1, "a/b": [1, 6]}"#, "/a~1b/1", "/$defs/n/maximum"),
        (r#"{"x": 1}"#, "", "/required/1"),
        ("{}", "", "/required/0"),
        (r#"{"id": 1, "x": 1, "d": 1, "c": {"long": 1}}"#, "/c/long", "/properties/c/propertyNames/maxLength"),
        (r#"{"id": 1, "x": 1, "c": 1}"#, "", "/dependentRequired"),
    ] {
        assert_eq!(places(&contract, data), Some((instance.to_owned(), keyword.to_owned())), "{data}");
    }
    assert_eq!(places(&contract, r#"{"id": 1, "x": 1, "a/b": [5]}"#), None);
    let message = check(&contract, r#"{"id": 1, "x": 1, "a/b": [424242]}"#).unwrap_err().to_string();
    assert_eq!(message, "`/a~1b/0` breaks `#/$defs/n/maximum`");
}

#[test]
fn a_long_place_is_cut() {
    let contract = compile(r#"{"additionalProperties": {"type": "string"}}"#).unwrap();
    let (instance, _) = places(&contract, &format!(r#"{{"{}": 1}}"#, "é".repeat(1000))).unwrap();
    assert!(instance.len() <= 256 + '…'.len_utf8() && instance.ends_with('…'), "{instance}");
}

#[test]
fn every_error_of_a_schema_is_reported_with_its_place() {
    let schema = r##"{"type": "text", "minLength": -1, "required": ["a", "a"], "properties": {"a": 1, "b": {"pattern": "("}},
        "patternProperties": {"(?=a)": {}}, "allOf": [], "items": [{}], "uniqueItems": 1, "multipleOf": 0, "anyOf": {},
        "$ref": "#/nowhere", "enum": 1}"##;
    let found = errors(schema);
    let mut places: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
    places.sort_unstable();
    let expected = [
        "/$ref",
        "/allOf",
        "/anyOf",
        "/enum",
        "/items",
        "/minLength",
        "/multipleOf",
        "/patternProperties/(?=a)",
        "/properties/a",
        "/properties/b/pattern",
        "/required",
        "/type",
        "/uniqueItems",
    ];
    assert_eq!(places, expected, "{found:#?}");
}

#[test]
fn a_schema_of_an_unknown_draft_is_refused() {
    for draft in
        ["http://json-schema.org/draft-04/schema#", "https://json-schema.org/draft/2019-09/schema", "https://example.com"]
    {
        let found = errors(&format!(r#"{{"$schema": "{draft}"}}"#));
        assert_eq!(found, [("/$schema".to_owned(), Problem::UnknownDraft)]);
    }
}

#[test]
fn nothing_is_fetched() {
    let found = errors(r#"{"$ref": "https://example.com/schema.json"}"#);
    let reference = "https://example.com/schema.json".to_owned();
    assert_eq!(found, [("/$ref".to_owned(), Problem::UnknownReference { reference })]);
}

#[test]
fn references_that_make_no_progress_are_refused() {
    for schema in [
        r##"{"$ref": "#"}"##,
        r##"{"allOf": [{"$ref": "#"}]}"##,
        r##"{"not": {"anyOf": [true, {"$ref": "#"}]}}"##,
        r##"{"dependentSchemas": {"a": {"$ref": "#"}}}"##,
        r##"{"if": {"$ref": "#"}}"##,
        r##"{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}"##,
    ] {
        assert!(errors(schema).iter().all(|(_, problem)| *problem == Problem::Endless), "{schema}");
    }
    assert!(compile(r##"{"properties": {"a": {"$ref": "#"}}}"##).is_ok());
    assert!(compile(r##"{"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}], "$defs": {"a": {}}}"##).is_ok());
}

#[test]
fn documents_refer_to_each_other_by_name() {
    let texts = [
        ("order", r#"{"properties": {"lines": {"items": {"$ref": "line"}}}}"#),
        ("line", r##"{"properties": {"n": {"type": "integer"}, "of": {"$ref": "order#/properties/lines"}}}"##),
    ];
    let documents = texts.map(|(name, text)| (name, Document::parse(text.as_bytes(), 32).unwrap()));
    let mut compiler = Compiler::new(Limits::DEFAULT);
    let ids: Vec<_> = documents.iter().map(|(name, document)| compiler.add(name, document.root())).collect();
    let contract = compiler.compile().unwrap().contract(ids[0], UnknownFields::Allow).unwrap();
    assert_eq!(check(&contract, r#"{"lines": [{"n": 1, "of": [{"n": 2}]}]}"#), Ok(()));
    let broken = check(&contract, r#"{"lines": [{"n": 1, "of": [{"n": 2.5}]}]}"#).unwrap_err();
    let (instance, schema, keyword) = ("/lines/0/of/0/n".into(), "line".into(), "/properties/n/type".into());
    assert_eq!(broken, Broken::Keyword { instance, schema, keyword });
}

#[test]
fn two_documents_of_one_name_are_refused() {
    let document = Document::parse(b"{}", 32).unwrap();
    let mut compiler = Compiler::new(Limits::DEFAULT);
    compiler.add("a", document.root());
    let second = compiler.add("a", document.root());
    let errors = compiler.compile().unwrap_err();
    assert_eq!(errors.iter().map(|error| (error.document(), &error.problem)).collect::<Vec<_>>(), [(second, &Problem::Twice)]);
}

#[test]
fn unknown_fields_are_refused_where_properties_describe_an_object() {
    let at = |instance: &str, keyword: &str| Some((instance.to_owned(), keyword.to_owned()));
    let plain = r#"{"properties": {"a": {"properties": {"b": {}}}, "free": {}}}"#;
    assert_eq!(refuses(plain, r#"{"a": {"b": 1}, "free": {"x": 1}}"#), None);
    assert_eq!(refuses(plain, r#"{"x": 1}"#), at("/x", "/properties"));
    assert_eq!(refuses(plain, r#"{"a": {"b": 1, "c": 2}}"#), at("/a/c", "/properties/a/properties"));

    // All schemas that apply to a place count together, inside of what they describe too.
    let parts = r#"{"allOf": [{"properties": {"a": {"properties": {"x": {}}}}}, {"properties": {"a": {"properties": {"y": {}}}, "b": {}}}]}"#;
    assert_eq!(refuses(parts, r#"{"a": {"x": 1, "y": 2}, "b": 1}"#), None);
    assert!(refuses(parts, r#"{"a": {"z": 1}}"#).is_some());

    // What says itself what happens to other members stays as it is.
    assert_eq!(refuses(r#"{"properties": {"a": {}}, "additionalProperties": true}"#, r#"{"x": 1}"#), None);
    assert_eq!(refuses(r#"{"properties": {"a": {}}, "unevaluatedProperties": {"type": "integer"}}"#, r#"{"x": 1}"#), None);
    assert_eq!(refuses(r#"{"properties": {"a": {}}, "patternProperties": {"^x": {}}}"#, r#"{"x": 1}"#), None);
    assert_eq!(refuses(r#"{"type": "object"}"#, r#"{"x": 1}"#), None);
}

#[test]
fn refusing_unknown_fields_only_adds_refusals() {
    // Were the inside of `not` closed, it would not hold, and what is refused without would pass.
    let not = r#"{"not": {"properties": {"a": {"properties": {"b": {"const": 1}}}}, "required": ["a"]}}"#;
    assert!(places(&compile(not).unwrap(), r#"{"a": {"b": 1, "c": 1}}"#).is_some());
    assert!(refuses(not, r#"{"a": {"b": 1, "c": 1}}"#).is_some());
    // Only the branch that holds describes.
    let one = r#"{"oneOf": [{"properties": {"k": {"const": 1}, "a": {}}, "required": ["k"]}, {"properties": {"k": {"const": 2}, "b": {}}, "required": ["k"]}]}"#;
    assert_eq!(refuses(one, r#"{"k": 1, "a": 1}"#), None);
    assert!(refuses(one, r#"{"k": 1, "b": 1}"#).is_some());
}

#[test]
fn numbers_are_exact_beyond_what_a_double_holds() {
    for (schema, yes, no) in [
        (r#"{"maximum": 9007199254740993}"#, "9007199254740993", "9007199254740994"),
        (r#"{"exclusiveMinimum": 9007199254740992}"#, "9007199254740993", "9007199254740992"),
        (r#"{"const": 0.1}"#, "1.0e-1", "0.1000000000000000055511151231257827"),
        (r#"{"enum": [9007199254740993]}"#, "9007199254740993.0", "9007199254740992"),
        (r#"{"multipleOf": 0.01}"#, "19.99", "19.999"),
        (r#"{"multipleOf": 3}"#, "9007199254740993e290", "9007199254740992e290"),
        (r#"{"multipleOf": 1e2}"#, "5e2", "550"),
        (r#"{"type": "integer"}"#, "1.50e1", "1.55e1"),
        (r#"{"type": "integer"}"#, "-0.0", "1e-400"),
        (r#"{"minimum": -1.5}"#, "-1.50", "-1.51"),
        (r#"{"const": [{"a": 1, "b": [2]}]}"#, r#"[{"b": [2.0], "a": 1e0}]"#, r#"[{"b": [2], "a": 1, "c": 1}]"#),
    ] {
        let contract = compile(schema).unwrap();
        assert_eq!(check(&contract, yes), Ok(()), "{schema} {yes}");
        assert!(check(&contract, no).is_err(), "{schema} {no}");
    }
}

#[test]
fn an_exponent_without_end_is_a_number_like_others() {
    let tiny = format!("1e-{}", "9".repeat(1000));
    let contract = compile(r#"{"exclusiveMinimum": 0, "maximum": 1e-300, "multipleOf": 1}"#).unwrap();
    assert_eq!(places(&contract, &tiny).unwrap().1, "/multipleOf");
}

#[test]
fn every_count_keeps_both_neighbours_of_its_bound() {
    for (schema, below, at, above) in [
        (r#"{"minLength": 2}"#, r#""é""#, r#""éé""#, r#""ééé""#),
        (r#"{"minItems": 2}"#, "[1]", "[1,1]", "[1,1,1]"),
        (r#"{"minProperties": 2}"#, r#"{"a":1}"#, r#"{"a":1,"b":1}"#, r#"{"a":1,"b":1,"c":1}"#),
        (r#"{"contains": {"const": 1}, "minContains": 2}"#, "[1]", "[1,1]", "[1,1,1]"),
        (r#"{"minimum": 2}"#, "1", "2", "3"),
    ] {
        let most = schema.replace("min", "max");
        let (least, most) = (compile(schema).unwrap(), compile(&most).unwrap());
        let judged = [below, at, above].map(|data| (check(&least, data).is_ok(), check(&most, data).is_ok()));
        assert_eq!(judged, [(false, true), (true, true), (true, false)], "{schema}");
    }
}

fn nested(levels: usize) -> String {
    format!("{}true{}", r#"{"not":"#.repeat(levels), "}".repeat(levels))
}

#[test]
fn a_schema_is_nested_up_to_the_limit() {
    // The innermost `true` is a level of its own.
    assert!(compile(&nested(127)).is_ok());
    for levels in [128, 10_000] {
        assert!(errors(&nested(levels)).iter().all(|(_, problem)| *problem == Problem::TooDeep { limit: 128 }), "{levels}");
    }
}

#[test]
fn there_are_as_many_schemas_as_the_limit_says() {
    let limits = Limits { schemas: 3, ..Limits::DEFAULT };
    assert!(compile_with(r#"{"allOf": [true, true]}"#, limits, UnknownFields::Allow).is_ok());
    let errors = compile_with(r#"{"allOf": [true, true, true]}"#, limits, UnknownFields::Allow).unwrap_err();
    assert_eq!(errors.first().map(|error| &error.problem), Some(&Problem::TooMany { limit: 3 }));
}

#[test]
fn data_is_followed_up_to_the_limit() {
    let limits = Limits { depth: 8, ..Limits::DEFAULT };
    let contract = compile_with(r##"{"items": {"$ref": "#"}}"##, limits, UnknownFields::Allow).unwrap();
    let data = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    // One level for the root, two for each array inside.
    assert_eq!(check(&contract, &data(4)), Ok(()));
    assert_eq!(check(&contract, &data(5)), Err(Broken::TooDeep { limit: 8 }));
    let constant = compile_with(r#"{"enum": [[]]}"#, limits, UnknownFields::Allow).unwrap();
    assert!(matches!(check(&constant, &data(8)), Err(Broken::Keyword { .. })));
    assert_eq!(check(&constant, &data(9)), Err(Broken::TooDeep { limit: 8 }));
    let unique = compile_with(r#"{"uniqueItems": true}"#, limits, UnknownFields::Refuse).unwrap();
    assert_eq!(check(&unique, &data(8)), Ok(()));
    assert_eq!(check(&unique, &data(9)), Err(Broken::TooDeep { limit: 8 }));
}

#[test]
fn a_check_takes_as_many_steps_as_the_limit_says() {
    let schema = r#"{"items": {"type": "integer"}}"#;
    let judge = |steps| {
        let limits = Limits { steps, ..Limits::DEFAULT };
        check(&compile_with(schema, limits, UnknownFields::Allow).unwrap(), "[1,2,3]")
    };
    // The array and its keyword, each item and its keyword.
    assert_eq!(judge(8), Ok(()));
    assert_eq!(judge(7), Err(Broken::TooDear { limit: 7 }));
}

#[test]
fn a_failure_that_somebody_waits_for_does_not_hide_that_a_check_is_too_dear() {
    let limits = Limits { steps: 100, ..Limits::DEFAULT };
    let contract = compile_with(r#"{"not": {"items": {"type": "integer"}}}"#, limits, UnknownFields::Allow).unwrap();
    assert_eq!(check(&contract, &format!("[{}1]", "1,".repeat(100))), Err(Broken::TooDear { limit: 100 }));
}

/// Two references at each level double the work, level by level.
#[test]
fn data_and_references_that_multiply_are_bounded() {
    let schema = r##"{"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}"##;
    let data = format!("{}{}", "[".repeat(30), "]".repeat(30));
    assert_eq!(check(&compile(schema).unwrap(), &data), Err(Broken::TooDear { limit: Limits::DEFAULT.steps }));
}

#[test]
fn many_items_are_told_apart_without_comparing_each_with_each() {
    let contract = compile(r#"{"uniqueItems": true}"#).unwrap();
    let items: Vec<String> = (0..100_000).map(|number| number.to_string()).collect();
    assert_eq!(check(&contract, &format!("[{}]", items.join(","))), Ok(()));
    assert!(matches!(check(&contract, &format!("[{},99.0]", items.join(","))), Err(Broken::Keyword { .. })));
}

#[test]
fn a_uri_is_resolved_as_rfc_3986_says() {
    // RFC 3986 sections 5.4.1 and 5.4.2, without fragments.
    for (reference, resolved) in [
        ("g:h", "g:h"),
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        (";x", "http://a/b/c/;x"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../g", "http://a/g"),
        ("../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"),
        ("./g/.", "http://a/b/c/g/"),
        ("g/../h", "http://a/b/c/h"),
        ("http:g", "http:g"),
    ] {
        assert_eq!(uri::resolve("http://a/b/c/d;p?q", reference), resolved, "{reference}");
    }
}

#[test]
fn a_fragment_is_decoded_or_refused() {
    assert_eq!(uri::decode("a%25%c3%A9"), Some("a%é".to_owned()));
    for broken in ["%", "%2", "%zz", "%+1", "%ff"] {
        assert_eq!(uri::decode(broken), None, "{broken}");
    }
}
