//! The simple conformance cases of cel-spec, see `tests/cel/README.md`: each one passes, or is an exception with a reason.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::cel::{Activation, Environment, Moment, Program, Type, TypeName, Value};

const CASES: &str = include_str!("../../../tests/cel/simple.json");
const EXCEPTIONS: &str = include_str!("../../../tests/cel/exceptions.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    expr: String,
    /// Name, type, value.
    #[serde(default)]
    variables: Vec<(String, String, Json)>,
    value: Option<Json>,
    /// The type that the checker finds.
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    fails: bool,
    /// Not type-checked there; here everything is.
    #[serde(default)]
    unchecked: bool,
    #[serde(rename = "container")]
    _container: Option<String>,
    /// Its variables or its value are of no type that is supported: it must be refused.
    inexpressible: Option<String>,
}

/// A reason why cases are refused when they are compiled, or differ.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    /// What the names of the cases start with.
    cases: String,
    /// What the error of each of them says.
    says: String,
    /// How many there are.
    count: usize,
    reason: String,
}

struct Bindings(Vec<Option<Value<'static>>>);

impl Activation for Bindings {
    fn resolve(&self, slot: usize) -> Result<Option<Value<'_>>, crate::cel::Fault> {
        Ok(self.0.get(slot).cloned().flatten())
    }
}

fn value(json: &Json) -> Value<'static> {
    let (kind, inside) = json.as_object().unwrap().iter().next().unwrap();
    let text = || inside.as_str().unwrap();
    match kind.as_str() {
        "null" => Value::Null,
        "bool" => Value::Bool(inside.as_bool().unwrap()),
        "int" => Value::Int(text().parse().unwrap()),
        "uint" => Value::Uint(text().parse().unwrap()),
        "double" => Value::Double(text().parse().unwrap()),
        "string" => Value::from(text().to_owned()),
        "bytes" => Value::from(bytes(text())),
        "type" => Value::Type(TypeName::parse(text()).unwrap()),
        "duration" => Value::Duration(crate::cel::Duration(text().parse().unwrap())),
        "timestamp" => {
            let part = |at: usize| inside[at].as_str().unwrap().parse().unwrap();
            Value::Timestamp(Moment::from_unix(part(0), part(1)).unwrap())
        }
        "list" => Value::list(inside.as_array().unwrap().iter().map(value).collect()),
        "map" => Value::map(inside.as_array().unwrap().iter().map(|entry| (value(&entry[0]), value(&entry[1]))).collect()),
        other => panic!("a value of `{other}`"),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
}

fn kind(text: &str) -> Type {
    let plain = [
        Type::Dyn,
        Type::Null,
        Type::Bool,
        Type::Int,
        Type::Uint,
        Type::Double,
        Type::String,
        Type::Bytes,
        Type::Timestamp,
        Type::Duration,
        Type::Type,
    ];
    if let Some(items) = text.strip_prefix("list(").and_then(|rest| rest.strip_suffix(')')) {
        return Type::list(kind(items));
    }
    if let Some((keys, values)) = text.strip_prefix("map(").and_then(|rest| rest.strip_suffix(')')?.split_once(", ")) {
        return Type::map(kind(keys), kind(values));
    }
    plain.into_iter().find(|plain| plain.to_string() == text).unwrap_or_else(|| panic!("a type `{text}`"))
}

/// The same value of the same type, unlike `==`, to which 1 is 1.0 and NaN nothing.
fn same(one: &Value<'_>, two: &Value<'_>) -> bool {
    match (one, two) {
        (Value::Double(one), Value::Double(two)) => one.to_bits() == two.to_bits() || (one.is_nan() && two.is_nan()),
        (Value::List(one), Value::List(two)) => {
            one.len() == two.len() && one.iter().zip(two.iter()).all(|(one, two)| same(&one, &two))
        }
        (Value::Map(one), Value::Map(two)) => {
            one.len() == two.len()
                && one.entries().unwrap().all(|(key, value)| two.find(&key).unwrap().is_some_and(|other| same(&value, &other)))
        }
        (Value::Type(one), Value::Type(two)) => one == two,
        (one, two) => one.type_name() == two.type_name() && format!("{:?}", one.kept()) == format!("{:?}", two.kept()),
    }
}

/// Nothing where the case passes, else what is wrong.
fn run(case: &Case) -> Result<(), String> {
    let environment =
        case.variables.iter().fold(Environment::default(), |environment, (name, of, _)| environment.with(name, kind(of)));
    let bindings = Bindings(case.variables.iter().map(|(_, _, bound)| (!bound.is_null()).then(|| value(bound))).collect());
    let program = match Program::compile(&case.expr, &environment) {
        Err(_) if case.fails && case.unchecked => return Ok(()),
        compiled => compiled.map_err(|error| error.to_string())?,
    };
    if let Some(expected) = &case.kind
        && program.kind() != &kind(expected)
    {
        return Err(format!("the type is {}, not {expected}", program.kind()));
    }
    if let Some(feature) = &case.inexpressible {
        return Err(format!("compiled, with a {feature}"));
    }
    match (program.evaluate(&bindings, 100_000), &case.value) {
        (Err(_), _) if case.fails => Ok(()),
        (Ok(found), Some(expected)) if same(&found, &value(expected)) => Ok(()),
        // Only checked.
        (_, None) if !case.fails => Ok(()),
        (found, expected) => Err(format!("the value is {found:?}, not {expected:?}")),
    }
}

#[test]
fn every_case_passes_or_is_an_exception_that_still_applies() {
    let cases: Vec<Case> = serde_json::from_str(CASES).unwrap();
    let exceptions: Vec<Exception> = serde_json::from_str(EXCEPTIONS).unwrap();
    let mut applied: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut passed, mut wrong) = (0, Vec::new());
    for case in &cases {
        match run(case) {
            Ok(()) => passed += 1,
            Err(error) => {
                match exceptions
                    .iter()
                    .position(|exception| case.name.starts_with(&exception.cases) && error.contains(&exception.says))
                {
                    Some(at) => *applied.entry(at).or_default() += 1,
                    None => wrong.push(format!("{}: `{}`: {error}", case.name, case.expr)),
                }
            }
        }
    }
    for (at, exception) in exceptions.iter().enumerate() {
        let count = applied.get(&at).copied().unwrap_or_default();
        if count != exception.count || exception.reason.is_empty() {
            wrong.push(format!("the exception `{}` `{}` applies {count} times", exception.cases, exception.says));
        }
    }
    assert!(wrong.is_empty(), "{} of {} passed\n{}", passed, cases.len(), wrong.join("\n"));
    assert_eq!(passed, 1197);
}
