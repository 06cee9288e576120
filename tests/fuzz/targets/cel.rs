//! Conditions. The text is a condition on a line and the JSON of its one variable `data`. No text panics, no evaluation takes more steps than it
//! may; one with more steps says the same; what is constant is what it evaluates to.
#![no_main]

use eventguard::cel::{Activation, Condition, Environment, Fault, Program, Type, Value};
use eventguard::json::Document;
use eventguard_fuzz::call::split_at_first;
use libfuzzer_sys::{Corpus, fuzz_target};

struct Known<'d>(&'d Document<'d>);

impl Activation for Known<'_> {
    fn resolve(&self, slot: usize) -> Result<Option<Value<'_>>, Fault> {
        Ok((slot == 0).then(|| Value::from_json(self.0.root())))
    }
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some((text, data)) = split_at_first(bytes, b"\n") else { return Corpus::Reject };
    let (Ok(text), Ok(data)) = (std::str::from_utf8(text), Document::parse(data, 32)) else { return Corpus::Reject };
    let environment = Environment::default().with("data", Type::Dyn).with("absent", Type::String);
    let Ok(program) = Program::compile(text, &environment) else { return Corpus::Keep };
    let known = Known(&data);
    let says = |steps| program.evaluate(&known, steps).map(|value| format!("{value:?}")).map_err(|error| error.to_string());
    let few = says(200);
    assert_eq!(few, says(200), "evaluated twice, it is not the same");
    if few.is_ok() {
        assert_eq!(few, says(20_000), "with more steps it is not the same");
    }
    if let Ok(condition) = Condition::compile(text, &environment)
        && let Some(constant) = condition.constant()
    {
        assert_eq!(condition.holds(&known, 20_000), Ok(constant));
    }
    Corpus::Keep
});
