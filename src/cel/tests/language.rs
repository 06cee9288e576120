//! What a condition of the policy says and costs, with variables as the policy has them.

use crate::cel::{Activation, CompileErrorKind, Condition, Environment, Fault, Place, Program, Table, Type, Value};
use crate::json::Document;

/// `event.type`, `event.source`, `event.subject`, `event.data`, `claims`, `headers`, `now`.
pub(super) struct Facts<'d> {
    data: Document<'d>,
    claims: Document<'d>,
    headers: Headers,
}

#[derive(Debug)]
struct Headers(Vec<(&'static str, &'static str)>);

impl Table for Headers {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn entry(&self, at: usize) -> Result<(&str, Value<'_>), Fault> {
        self.0.get(at).map(|(name, value)| (*name, Value::from(*value))).ok_or(Fault::NoSuchIndex)
    }

    fn find(&self, name: &str) -> Result<Option<Value<'_>>, Fault> {
        Ok(self.0.iter().find(|(own, _)| *own == name).map(|(_, value)| Value::from(*value)))
    }
}

impl Activation for Facts<'_> {
    fn resolve(&self, slot: usize) -> Result<Option<Value<'_>>, Fault> {
        Ok(Some(match slot {
            0 => Value::from("com.shop.OrderPlaced"),
            1 => Value::from("/orders/eu"),
            3 => Value::from_json(self.data.root()),
            4 => Value::from_json(self.claims.root()),
            5 => Value::Map(crate::cel::Map::Table(&self.headers)),
            6 => Value::Timestamp(crate::time::Timestamp::parse("2026-11-23T08:00:00Z").unwrap().into()),
            _ => return Ok(None),
        }))
    }
}

pub(super) fn environment() -> Environment {
    Environment::default()
        .with("event.type", Type::String)
        .with("event.source", Type::String)
        .with("event.subject", Type::String)
        .with("event.data", Type::Dyn)
        .with("claims", Type::map(Type::String, Type::Dyn))
        .with("headers", Type::map(Type::String, Type::String))
        .with("now", Type::Timestamp)
}

pub(super) fn facts() -> Facts<'static> {
    let data = br#"{"amount": 250, "price": 2.5, "big": 9007199254740993, "huge": 18446744073709551615, "none": null,
        "lines": [{"sku": "a\u0041", "count": 2}, {"sku": "b", "count": 3}], "at": "2026-11-23T07:59:00Z"}"#;
    Facts {
        data: Document::parse(data, 8).unwrap(),
        claims: Document::parse(br#"{"roles": ["clerk", "admin"], "sub": "shop"}"#, 8).unwrap(),
        headers: Headers(vec![("x-region", "eu"), ("x-shop", "1")]),
    }
}

const STEPS: u64 = 10_000;

fn holds(text: &str) -> Result<bool, Fault> {
    Condition::compile(text, &environment()).unwrap().holds(&facts(), STEPS).map_err(|error| error.fault)
}

fn refused(text: &str) -> (Place, CompileErrorKind) {
    let error = Condition::compile(text, &environment()).expect_err(text);
    (error.place, error.kind)
}

#[test]
fn conditions_see_the_event_the_claims_and_the_time() {
    for text in [
        r#"event.data.amount <= 1000 && claims.roles.exists(r, r == "admin") && event.source.startsWith("/orders")"#,
        r#"event.data.lines.all(line, line.count > 1) && event.data.lines.map(line, line.sku) == ["aA", "b"]"#,
        r#"event.data["lines"][1].sku == "b" && size(event.data.lines) == 2 && size(claims) == 2"#,
        "now - timestamp(event.data.at) < duration('5m') && now.getHours('+01:00') == 9",
        r#"headers["x-region"] == "eu" && "x-shop" in headers && headers.`x-shop` == "1" && headers.exists(name, name == "x-shop")"#,
        r#"event.type.matches("^com\\.shop\\.[A-Z][A-Za-z]+$") && event.type.lowerAscii().endsWith("placed")"#,
        "has(event.data.none) && event.data.none == null && !has(event.data.missing) && !has(event.subject) && has(event.type)",
        "has(claims.sub) && claims.sub in ['shop', 'stock'] && type(event.data.lines) == list",
        "event.data == {'amount': 250} || event.data.lines[0] == {'count': 2, 'sku': 'aA'}",
    ] {
        assert_eq!(holds(text), Ok(true), "{text}");
    }
}

#[test]
fn numbers_of_json_keep_their_digits_and_compare_with_all_numbers() {
    for text in [
        "event.data.amount == 250 && event.data.amount == 250.0 && event.data.amount == 250u",
        "event.data.big > 9007199254740992 && event.data.big == 9007199254740993 && event.data.big != 9007199254740992.0",
        "event.data.huge == 18446744073709551615u && event.data.huge > 1",
        "event.data.price < 3 && event.data.price * 2.0 == 5.0 && event.data.amount + 1 == 251",
    ] {
        assert_eq!(holds(text), Ok(true), "{text}");
    }
    assert_eq!(holds("event.data.amount * 1.5 > 1.0"), Err(Fault::NoOverload { operation: "*" }));
}

#[test]
fn what_has_no_value_is_an_error_and_never_true() {
    for (text, fault) in [
        ("event.subject == 'a'", Fault::Absent("event.subject".into())),
        ("event.data.missing == 1", Fault::NoSuchKey("missing".to_owned())),
        ("event.data.amount.deep == 1", Fault::NoOverload { operation: "." }),
        ("event.data.lines[2] == 1", Fault::NoSuchIndex),
        ("event.data.amount / 0 == 1", Fault::DivisionByZero),
        ("event.data.huge + 1u == 1u", Fault::Overflow),
        ("event.data.amount", Fault::NotBool),
        ("event.data.amount && true", Fault::NotBool),
        ("timestamp(event.type) < now", Fault::Conversion { to: "timestamp" }),
        ("{event.type: 1, event.type: 2}.size() == 1", Fault::DuplicateKey),
        ("{event.data.price: 1}.size() == 1", Fault::KeyType),
    ] {
        assert_eq!(holds(text), Err(fault), "{text}");
    }
    let error = Program::compile("1 == 1 &&\n  claims.missing", &environment()).unwrap().evaluate(&facts(), STEPS).unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 10: no such key `missing`");
}

#[test]
fn an_error_counts_only_where_nothing_else_decides() {
    assert_eq!(holds("event.data.missing == 1 || event.data.amount == 250"), Ok(true));
    assert_eq!(holds("event.data.missing == 1 && event.data.amount != 250"), Ok(false));
    assert!(holds("event.data.missing == 1 || event.data.amount != 250").is_err());
    assert!(holds("event.data.missing == 1 && event.data.amount == 250").is_err());
}

#[test]
fn mistakes_are_found_with_their_place() {
    for (text, line, column, message) in [
        ("", 1, 1, "found the end, expected an expression"),
        ("event.typ == 'a'", 1, 7, "nothing is named `event.typ`"),
        ("event == 'a'", 1, 1, "`event` is no value itself, name a member of it"),
        ("1 == 1 &&\n  evnt.type == 'a'", 2, 3, "nothing is named `evnt`"),
        ("event.type == 1", 1, 12, "`==` does not take (string, int)"),
        ("event.type + 1 == 'a'", 1, 12, "`+` does not take (string, int)"),
        ("event.type.size", 1, 12, "string has no members"),
        ("event.type && true", 1, 7, "found string, expected bool"),
        ("event.type", 1, 7, "found string, expected bool"),
        ("headers['a'] == 1", 1, 14, "`==` does not take (string, int)"),
        ("event.type.startsWith(1)", 1, 12, "`startsWith` does not take (string, int)"),
        ("foo(1)", 1, 1, "no function is named `foo`"),
        ("math.greatest(1, 2) == 2", 1, 6, "no function is named `math.greatest`"),
        ("claims.?sub == 'a'", 1, 8, "optional values are not supported"),
        ("Point{x: 1}.x == 1", 1, 1, "messages are not supported"),
        ("event.type.matches(event.source)", 1, 26, "the pattern must be a constant string"),
        (
            "now.getHours('Europe/Berlin') == 1",
            1,
            14,
            "the time zone `Europe/Berlin` is not supported, only `UTC` and offsets such as `+02:00`",
        ),
        ("now.getHours(event.type) == 1", 1, 20, "a time zone must be a constant string"),
        ("has(event)", 1, 5, "`has` takes a member, as in `has(a.b)`"),
        ("claims.all(event.type, true)", 1, 18, "the variable of `all` must be a plain name, and used once"),
        ("'a", 1, 1, "a string without an end"),
        ("'\\ud800' == ''", 1, 1, "not an escape sequence"),
        ("9223372036854775808 == 1", 1, 1, "a number out of range"),
        ("1 == 1 @", 1, 8, "unexpected character `@`"),
        ("true true", 1, 6, "found `true`, expected an operator or the end"),
        ("(true", 1, 6, "found the end, expected )"),
        ("while == 1", 1, 1, "`while` is a reserved word"),
    ] {
        let (place, kind) = refused(text);
        assert_eq!((place, kind.to_string().as_str()), (Place { line, column }, message), "{text}");
    }
    assert!(matches!(refused("'a'.matches('(')").1, CompileErrorKind::Pattern { .. }));
    assert!(matches!(refused("'a'.matches('(a{1000}){1000}')").1, CompileErrorKind::Pattern { .. }));
}

#[test]
fn a_condition_that_is_constant_says_so() {
    for (text, constant) in [
        ("true", Some(true)),
        ("1 + 1 == 3", Some(false)),
        ("event.type == 'a' || true", Some(true)),
        ("event.type == 'a' && 1 > 2", Some(false)),
        ("[1, 2].all(x, x > 0)", Some(true)),
        ("event.type == 'a' || false", None),
        ("1 / 0 == 1", None),
        ("has(event.type)", None),
    ] {
        assert_eq!(Condition::compile(text, &environment()).unwrap().constant(), constant, "{text}");
    }
}

#[test]
fn the_text_is_bounded_in_length_and_depth() {
    let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Condition::compile(&nested(63), &environment()).is_ok());
    assert_eq!(refused(&nested(64)).1, CompileErrorKind::TooDeep { limit: 64 });
    for open in ["(", "[", "!", "-", "{1:", "a[", "a.b(", "true?true:"] {
        assert!(matches!(refused(&open.repeat(700)).1, CompileErrorKind::TooDeep { .. }), "{open}");
    }
    assert!(matches!(refused(&format!("a{}", ".a".repeat(1000))).1, CompileErrorKind::TooDeep { .. }));
    assert!(matches!(refused(&format!("1{} == 1", " + 1".repeat(1000))).1, CompileErrorKind::TooDeep { .. }));
    assert!(Condition::compile(&format!("true{}", " && true".repeat(900)), &environment()).is_ok());
    let long = |length: usize| format!("true{}", " ".repeat(length - 4));
    assert!(Condition::compile(&long(8192), &environment()).is_ok());
    assert_eq!(refused(&long(8193)).1, CompileErrorKind::TooLong { limit: 8192 });
}

#[test]
fn an_evaluation_stops_at_its_bound_and_nothing_makes_up_for_it() {
    let numbers = "[1,2,3,4,5,6,7,8,9,10]";
    let dear =
        format!("{numbers}.all(a, {numbers}.all(b, {numbers}.all(c, {numbers}.all(d, a + b + c + d + event.data.amount > 0))))");
    for text in [dear.clone(), format!("{dear} || event.type != ''"), format!("!({dear} && event.type == '')")] {
        assert_eq!(holds(&text), Err(Fault::TooDear), "{text}");
    }
    let doubled = (0..40).fold("event.type".to_owned(), |text, _| format!("[{text}].map(s, s + s)[0]"));
    assert!(Condition::compile(&format!("{doubled} == ''"), &environment()).is_err());
    let doubled = (0..20).fold("event.type".to_owned(), |text, _| format!("[{text}].map(s, s + s)[0]"));
    assert_eq!(holds(&format!("{doubled} == ''")), Err(Fault::TooDear));
    let long = "x".repeat(1_000);
    assert_eq!(holds(&format!("(event.type + '{long}').matches('^[a-z]+$')")), Ok(false));
    assert_eq!(holds(&format!("(event.type + '{long}').matches('^(.{{1,100}})$')")), Err(Fault::TooDear));
    let condition = Condition::compile("event.data.amount > 1", &environment()).unwrap();
    let enough = (0..100).find(|steps| condition.holds(&facts(), *steps).is_ok()).unwrap();
    assert_eq!(condition.holds(&facts(), enough - 1).map_err(|error| error.fault), Err(Fault::TooDear));
}

/// `cargo test --release --lib cel:: -- --ignored --nocapture` prints the nanoseconds of a typical condition.
#[test]
#[ignore = "a measurement"]
fn a_typical_condition_takes_less_than_two_microseconds() {
    let text = r#"event.data.amount <= 1000 && claims.roles.exists(r, r == "admin") && event.source.startsWith("/orders")"#;
    let condition = Condition::compile(text, &environment()).unwrap();
    let facts = facts();
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    let start = std::time::Instant::now();
    for _ in 0..100_000 {
        assert_eq!(std::hint::black_box(&condition).holds(&facts, STEPS), Ok(true));
    }
    let nanos = start.elapsed().as_nanos() / 100_000;
    println!("{nanos} ns");
    assert!(nanos < 2_000, "{nanos} ns");
}
