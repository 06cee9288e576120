use proptest::prelude::*;

use super::*;

const DEPTH: usize = 16;

fn refusal(text: impl AsRef<[u8]>) -> Option<JsonError> {
    Document::parse(text.as_ref(), DEPTH).err()
}

/// Ours as serde_json has it. Recursive: the depth is bounded.
fn translate(value: Value<'_, '_>) -> serde_json::Value {
    match value.kind() {
        Kind::Null => serde_json::Value::Null,
        Kind::Bool(it) => it.into(),
        Kind::Number(text) => serde_json::from_str(text).unwrap(),
        Kind::String(text) => text.into_owned().into(),
        Kind::Array => value.items().unwrap().map(translate).collect(),
        Kind::Object => value.members().unwrap().map(|(key, value)| (key.into_owned(), translate(value))).collect(),
    }
}

#[test]
fn what_is_json_is_read_as_serde_json_reads_it() {
    for text in [
        "null",
        "true",
        "false",
        " \t\r\n0 ",
        "-0",
        "-0.0e-0",
        "12345678901234567890123",
        "1.5E+3",
        "1e-400",
        "1e308",
        r#""""#,
        r#""a\"\\\/\b\f\n\r\tz""#,
        r#""\u0000\u00e9\uD83D\uDE00""#,
        r#""seven b""#,
        r#""eight by""#,
        r#""nine byte""#,
        "\"é\u{7f}\u{ffff}\u{10ffff}\"",
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[[],{},[[]]]",
        r#"{"a":{"b":[1,{"c":null}]},"d":"e"}"#,
        r#" { "a" : 1 , "b" : [ 2 , 3 ] } "#,
        r#"{"":1,"A":2,"a":3}"#,
    ] {
        let document = Document::parse(text.as_bytes(), DEPTH).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(translate(document.root()), serde_json::from_str::<serde_json::Value>(text).unwrap(), "{text}");
    }
}

#[test]
fn a_bom_lone_surrogates_nan_and_trailing_bytes_are_refused_where_the_text_stops_being_json() {
    for (text, at) in [
        ("", 0),
        (" ", 1),
        ("nul", 0),
        ("nulll", 4),
        ("NaN", 0),
        ("Infinity", 0),
        ("-", 1),
        ("-a", 1),
        ("+1", 0),
        ("01", 1),
        ("-01", 2),
        ("1.", 2),
        (".1", 0),
        ("1e", 2),
        ("1e+", 3),
        ("0x1", 1),
        ("1 2", 2),
        ("\u{feff}1", 0),
        ("\"", 1),
        ("\"abcdefghij", 11),
        ("\"\u{1f}\"", 1),
        ("\"0123456\n\"", 8),
        ("\"\0\"", 1),
        (r#""\x""#, 1),
        (r#""\u12""#, 1),
        (r#""\u123g""#, 1),
        (r#""\u+123""#, 1),
        (r#""\ud800""#, 1),
        (r#""\udc00""#, 1),
        (r#""\ud800\ud800""#, 1),
        (r#""\ud800\u0041""#, 1),
        (r#""\udc00\ud800""#, 1),
        (r#""\"#, 1),
        ("'a'", 0),
        ("[", 1),
        ("[1", 2),
        ("[1,", 3),
        ("[1,]", 3),
        ("[,1]", 1),
        ("[1 2]", 3),
        ("[1}", 2),
        ("{\"a\":1]", 6),
        ("{", 1),
        ("{a:1}", 1),
        ("{1:1}", 1),
        ("{\"a\"}", 4),
        ("{\"a\":}", 5),
        ("{\"a\":1,}", 7),
        ("{\"a\":1 \"b\":2}", 7),
        ("{}{}", 2),
        ("[] //", 3),
        ("]", 0),
    ] {
        assert_eq!(refusal(text), Some(JsonError::Syntax { at }), "{text}");
    }
    assert_eq!(refusal(b"\"\xc0\x80\""), Some(JsonError::Syntax { at: 1 }));
    assert_eq!(refusal(b"\"\xed\xa0\x80\""), Some(JsonError::Syntax { at: 1 }));
}

#[test]
fn duplicate_json_keys_are_refused_also_through_u_escapes_and_deep_inside() {
    for (text, at) in [
        (r#"{"a":1,"a":1}"#, 7),
        (r#"{"a":1,"\u0061":1}"#, 7),
        (r#"{"\/":1,"/":1}"#, 8),
        (r#"[[{"x":{"é":1,"b":2,"\u00E9":3}}]]"#, 21),
        (r#"{"":0,"":0}"#, 6),
    ] {
        assert_eq!(refusal(text), Some(JsonError::DuplicateKey { at }), "{text}");
    }
    assert_eq!(refusal(r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#), None);
    assert_eq!(refusal("{\"\u{e9}\":1,\"e\u{301}\":1}"), None, "another normal form is another key");
}

#[test]
fn thousands_of_keys_are_compared_without_comparing_each_with_each() {
    let members = |count: usize| (0..count).map(|index| format!("\"{index:07}\":0")).collect::<Vec<_>>();
    for count in [COMPARED_BOTH_WAYS - 1, COMPARED_BOTH_WAYS, COMPARED_BOTH_WAYS + 1, 200_000] {
        let mut members = members(count);
        assert_eq!(refusal(format!("{{{}}}", members.join(","))), None);
        members.push("\"000000\\u0030\":0".to_owned());
        members.push("\"0000001\":0".to_owned());
        let at = 1 + count * 12;
        assert_eq!(refusal(format!("{{{}}}", members.join(","))), Some(JsonError::DuplicateKey { at }));
    }
}

/// Around the border between comparing pairs and sorting.
const COMPARED_BOTH_WAYS: usize = 12;

#[test]
fn integers_beyond_2_53_are_kept_as_they_were_written() {
    for text in ["9007199254740991", "9007199254740993", "-9007199254740993", "18446744073709551616"] {
        let document = Document::parse(text.as_bytes(), 0).unwrap();
        assert_eq!(document.root().raw(), text);
        assert!(document.root().as_str().is_none(), "a number is no text: {text}");
    }
}

#[test]
fn nesting_bombs_are_refused_and_cost_nothing() {
    for (text, depth, fits) in [
        ("1", 0, true),
        ("[]", 0, false),
        ("[1]", 1, true),
        ("{\"a\":{}}", 1, false),
        ("{\"a\":{}}", 2, true),
        ("[[],[],[[]]]", 3, true),
        ("[[],[],[[]]]", 2, false),
    ] {
        let expected = (!fits).then_some(JsonError::TooDeep { limit: depth });
        assert_eq!(Document::parse(text.as_bytes(), depth).err(), expected, "{text} in {depth}");
    }
    assert_eq!(refusal("[".repeat(1 << 20)), Some(JsonError::TooDeep { limit: DEPTH }));
    let deep = 100_000;
    let text = "[".repeat(deep) + &"]".repeat(deep);
    assert!(Document::parse(text.as_bytes(), deep).is_ok());
}

#[test]
fn a_number_that_no_double_holds_such_as_1e400_is_refused() {
    for text in ["1e400", "-1e400", "1e99999999999999999999", &"9".repeat(400)] {
        assert_eq!(refusal(text), Some(JsonError::Number { at: 0 }), "{text}");
    }
    for text in [&"9".repeat(300), &"9".repeat(308), &format!("0.{}", "9".repeat(1000)), "0e400"] {
        assert_eq!(refusal(text), None, "{text}");
    }
}

#[test]
fn every_value_knows_the_bytes_that_it_was_written_as() {
    let text = r#" {"data" : [ 1.0 , "\u0041" ], "x":{ } } "#;
    let document = Document::parse(text.as_bytes(), DEPTH).unwrap();
    let root = document.root();
    assert_eq!(root.raw(), text.trim());
    assert_eq!(root.get("data").unwrap().raw(), r#"[ 1.0 , "\u0041" ]"#);
    assert_eq!(root.get("x").unwrap().raw(), "{ }");
    let items: Vec<_> = root.get("data").unwrap().items().unwrap().map(Value::raw).collect();
    assert_eq!(items, ["1.0", r#""\u0041""#]);
}

#[test]
fn strings_are_borrowed_unless_escaped() {
    let document = Document::parse(br#"["plain","esc\taped"]"#, DEPTH).unwrap();
    let strings: Vec<_> = document.root().items().unwrap().map(|item| item.as_str().unwrap()).collect();
    assert!(matches!(strings[0], Cow::Borrowed("plain")));
    assert!(matches!(strings[1], Cow::Owned(_)));
    assert_eq!(strings[1], "esc\taped");
}

#[test]
fn a_value_is_only_what_it_is() {
    let document = Document::parse(br#"{"n":1,"s":"1"}"#, DEPTH).unwrap();
    let root = document.root();
    assert!(root.items().is_none() && root.as_str().is_none() && root.get("absent").is_none());
    let number = root.get("n").unwrap();
    assert!(number.as_str().is_none() && number.items().is_none() && number.members().is_none() && number.get("n").is_none());
    assert_eq!(root.get("s").unwrap().kind(), Kind::String("1".into()));
}

#[test]
fn a_document_that_owns_its_text_reads_the_same() {
    let text = br#"{"a":["b"]}"#;
    let owned = Owned::parse(text.to_vec(), DEPTH).unwrap();
    assert_eq!(translate(owned.root()), translate(Document::parse(text, DEPTH).unwrap().root()));
    assert_eq!(Owned::parse(b"\"\xff\"".to_vec(), DEPTH).err(), Some(JsonError::Syntax { at: 1 }));
    assert_eq!(Owned::parse(b"1 1".to_vec(), DEPTH).err(), Some(JsonError::Syntax { at: 2 }));
}

#[test]
fn texts_one_behind_the_other_are_read_one_at_a_time() {
    let raws = |text: &str| {
        let sequence = Sequence::over(text.as_bytes(), DEPTH).unwrap();
        sequence.map(|document| document.map(|document| document.root().raw().to_owned())).collect::<Result<Vec<_>, _>>()
    };
    assert_eq!(raws(" \n"), Ok(vec![]));
    assert_eq!(raws("{}"), Ok(vec!["{}".to_owned()]));
    assert_eq!(raws("{\"a\":1}{}\n {\"b\":[2]} "), Ok(vec!["{\"a\":1}".into(), "{}".into(), "{\"b\":[2]}".into()]));
    assert_eq!(raws("{},{}"), Err(JsonError::Syntax { at: 2 }));
    assert_eq!(raws("{}{"), Err(JsonError::Syntax { at: 3 }));
    let after_an_error = Sequence::over(b"} {}", DEPTH).unwrap();
    assert_eq!(after_an_error.count(), 1);
}

#[test]
fn pointers_lead_as_rfc_6901_says() {
    // The document and the answers of RFC 6901 section 5.
    let text =
        r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8,"~1":9,"0":{"00":10}}"#;
    let document = Document::parse(text.as_bytes(), DEPTH).unwrap();
    let at = |pointer: &str| document.root().at(&Pointer::parse(pointer).unwrap()).map(Value::raw);
    for (pointer, expected) in [
        ("", Some(text)),
        ("/foo", Some(r#"["bar","baz"]"#)),
        ("/foo/0", Some("\"bar\"")),
        ("/foo/1", Some("\"baz\"")),
        ("/foo/2", None),
        ("/foo/00", None),
        ("/foo/01", None),
        ("/foo/+1", None),
        ("/foo/-1", None),
        ("/foo/-", None),
        ("/foo/", None),
        ("/foo/99999999999999999999999", None),
        ("/foo/0/0", None),
        ("/", Some("0")),
        ("//", None),
        ("/a~1b", Some("1")),
        ("/c%d", Some("2")),
        ("/e^f", Some("3")),
        ("/g|h", Some("4")),
        ("/i\\j", Some("5")),
        ("/k\"l", Some("6")),
        ("/ ", Some("7")),
        ("/m~0n", Some("8")),
        ("/~01", Some("9")),
        ("/0/00", Some("10")),
        ("/absent/x", None),
    ] {
        assert_eq!(at(pointer), expected, "{pointer}");
    }
}

#[test]
fn what_is_not_a_pointer_is_refused() {
    for text in ["a", "a/b", "/~", "/~2", "/a~", "/~~0", "#/a", " /a"] {
        assert_eq!(Pointer::parse(text), Err(NotAPointer), "{text}");
    }
}

/// Texts that are JSON or nearly so.
fn nearly_json() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"\\u0061\"",
        "\"b\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "1",
        "-",
        "0",
        ".5",
        "e9",
        "e999",
        "null",
        "true",
        "fals",
        " ",
        "\n",
        "\"",
        "\\",
        "é",
        "\u{feff}",
        "\t",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// JSON that serde_json writes.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 24, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..24).prop_map(Into::into),
            prop::collection::hash_map(any::<String>(), inner, 0..24).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Admitted only if serde_json admits it too, and then alike; refused only if serde_json refuses it or it is ambiguous.
fn agrees_with_serde_json(bytes: &[u8]) -> Result<(), TestCaseError> {
    let theirs = serde_json::from_slice::<serde_json::Value>(bytes);
    match Document::parse(bytes, DEPTH) {
        Ok(document) => prop_assert_eq!(translate(document.root()), theirs.unwrap()),
        Err(JsonError::Syntax { .. } | JsonError::Number { .. }) => prop_assert!(theirs.is_err()),
        Err(JsonError::DuplicateKey { .. } | JsonError::TooDeep { .. }) => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nearly_json_is_judged_as_serde_json_judges_it(text in nearly_json()) {
        agrees_with_serde_json(text.as_bytes())?;
    }

    #[test]
    fn a_text_is_judged_as_serde_json_judges_it(text in "[\\[\\]{}:, \"\\\\untrfalse0-9.eE+-]{0,24}") {
        agrees_with_serde_json(text.as_bytes())?;
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        agrees_with_serde_json(&bytes)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_serde_json_writes_is_read_back_alike(value in json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let document = Document::parse(text.as_bytes(), DEPTH).unwrap();
        let theirs: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(translate(document.root()), theirs);
    }

    #[test]
    fn one_changed_byte_is_judged_as_serde_json_judges_it(value in json(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = serde_json::to_vec(&value).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        agrees_with_serde_json(&text)?;
    }
}

#[test]
fn a_pointer_is_written_as_it_was_read() {
    for text in ["", "/", "/a/b", "/a~1b/~0~01", "/0"] {
        assert_eq!(Pointer::parse(text).unwrap().to_string(), text);
    }
}
