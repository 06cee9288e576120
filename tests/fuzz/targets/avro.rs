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
        assert_eq!(ours.fingerprint().to_le_bytes().as_slice(), theirs.fingerprint::<Rabin>().bytes);
        if admitted.is_ok() {
            let mut rest = data;
            from_avro_datum(&theirs, &mut rest, None).expect("another reader reads it too");
            assert!(rest.is_empty(), "another reader leaves something");
        }
    }
    Corpus::Keep
});
