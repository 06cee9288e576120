//! Avro. The text is a schema on a line and data. No schema and no data panics; of a schema that `apache-avro` takes too the fingerprint is
//! the same, and it reads all of what is admitted.
#![no_main]
#![expect(deprecated, reason = "what it is replaced with says no more")]

use apache_avro::rabin::Rabin;
use apache_avro::{Schema as Theirs, from_avro_datum};
use eventguard::avro::Schema;
use eventguard::json::Document;
use eventguard_fuzz::call::split_at_first;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;

const DEPTH: usize = 32;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some((schema, data)) = split_at_first(bytes, b"\n") else { return Corpus::Reject };
    let Ok(document) = Document::parse(schema, 64) else { return Corpus::Reject };
    let Ok(ours) = Schema::compile(document.root()) else { return Corpus::Keep };
    if let Ok(data) = Document::parse(data, 64) {
        let _ = ours.check_json(data.root(), DEPTH);
    }
    let admitted = ours.check_binary(data, DEPTH);
    assert_eq!(admitted, ours.check_binary(data, DEPTH), "checked twice, it is not the same");
    // It takes the logical types into account, of which it has its own opinion.
    let is_plain = !document.root().raw().contains("logicalType") && !document.root().raw().contains('\\');
    if let Some(theirs) = std::str::from_utf8(schema).ok().filter(|_| is_plain).and_then(|text| Theirs::parse_str(text).ok()) {
        if serde_json::from_slice(schema).is_ok_and(|schema| has_own_attributes(&schema)) {
            assert_eq!(ours.fingerprint().to_le_bytes().as_slice(), theirs.fingerprint::<Rabin>().bytes);
        }
        if admitted.is_ok() {
            let mut rest = data;
            from_avro_datum(&theirs, &mut rest, None).expect("another reader reads it too");
            assert!(rest.is_empty(), "another reader leaves something");
        }
    }
    Corpus::Keep
});

/// Whether every type has the attributes of its own kind alone. It keeps those of others (the `size` of an enum) in the canonical form, which
/// the reference implementation does not.
fn has_own_attributes(schema: &Value) -> bool {
    const OWNED: [(&str, &str); 5] =
        [("fields", "record"), ("symbols", "enum"), ("items", "array"), ("values", "map"), ("size", "fixed")];
    match schema {
        Value::Array(items) => items.iter().all(has_own_attributes),
        Value::Object(members) => {
            let owns =
                |(name, kind): &(&str, &str)| members.get(*name).is_none() || members.get("type").is_some_and(|of| of == kind);
            OWNED.iter().all(owns) && members.values().all(has_own_attributes)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}
