//! JSON Schema. The text is a schema on a line and data. No schema and no data panics; a check is the same each time, one that refuses
//! unknown fields refuses no less, and one with fewer steps says the same or that it takes too many.
#![no_main]

use eventguard::json::Document;
use eventguard::schema::{Broken, Compiler, Contract, Limits, UnknownFields};
use eventguard_fuzz::call::split_at_first;
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some((schema, data)) = split_at_first(bytes, b"\n") else { return Corpus::Reject };
    let (Ok(schema), Ok(data)) = (Document::parse(schema, 64), Document::parse(data, 64)) else { return Corpus::Reject };
    let check = |steps, unknown| {
        compile(&schema, Limits { steps, ..Limits::DEFAULT }, unknown).map(|contract| contract.check(data.root()))
    };
    let Some(open) = check(100_000, UnknownFields::Allow) else { return Corpus::Keep };
    assert_eq!(check(100_000, UnknownFields::Allow).as_ref(), Some(&open), "checked twice, it is not the same");
    let closed = check(100_000, UnknownFields::Refuse).expect("it compiles as before");
    assert!(open.is_ok() || closed.is_err(), "refusing unknown fields lets more pass");
    let hurried = check(100, UnknownFields::Allow).expect("it compiles as before");
    assert!(hurried == open || matches!(hurried, Err(Broken::TooDear { limit: 100 })), "{hurried:?} and {open:?}");
    Corpus::Keep
});

fn compile(schema: &Document<'_>, limits: Limits, unknown: UnknownFields) -> Option<Contract> {
    let mut compiler = Compiler::new(limits);
    let id = compiler.add("", schema.root());
    compiler.compile().ok()?.contract(id, unknown)
}
