//! The official tests of JSON Schema, all that are required and most that are optional, of both drafts. Documents that the suite expects to be fetched are handed
//! over by name, as a policy would.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use eventguard::json::{Document, Value};
use eventguard::schema::{Compiler, DocumentId, Limits, Schemas, UnknownFields};

/// Groups whose schema is refused, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "vocabulary",
        "schema that uses custom metaschema with with no validation vocabulary",
        "a `$schema` of one's own could switch checks off; it is refused",
    ),
    ("vocabulary", "ignore unrecognized optional vocabulary", "as above"),
];

#[test]
fn draft_7_is_judged_as_the_suite_says() {
    assert_eq!(run(include_str!("json_schema/draft7.json"), include_str!("json_schema/draft7-documents.json"), true), (1033, 0));
}

#[test]
fn draft_2020_12_is_judged_as_the_suite_says() {
    let documents = include_str!("json_schema/draft2020-12-documents.json");
    assert_eq!(run(include_str!("json_schema/draft2020-12.json"), documents, false), (1451, 5));
}

/// The tests that were judged as they say, and those of schemas that are refused with a reason.
fn run(suite: &str, documents: &str, is_draft_7: bool) -> (usize, usize) {
    let suite = Document::parse(suite.as_bytes(), 128).unwrap();
    let documents = Document::parse(documents.as_bytes(), 128).unwrap();
    let (mut passed, mut excepted, mut wrong) = (0, 0, Vec::new());
    for (file, groups) in suite.root().members().unwrap() {
        for group in groups.items().unwrap() {
            let description = group.get("description").and_then(Value::as_str).unwrap();
            let tests = group.get("tests").and_then(Value::items).unwrap();
            let exception = EXCEPTIONS.iter().any(|(of, named, _)| *of == file && *named == description);
            let compiled = compile(group.get("schema").unwrap(), documents.root(), is_draft_7);
            match compiled {
                Ok(_) if exception => wrong.push(format!("{file}: {description}: is no exception")),
                Err(_) if exception => excepted += tests.count(),
                Err(error) => wrong.push(format!("{file}: {description}: {error}")),
                Ok((schemas, id)) => {
                    let contract = schemas.contract(id, UnknownFields::Allow).unwrap();
                    for test in tests {
                        let checked = contract.check(test.get("data").unwrap());
                        if checked.is_ok() == (test.get("valid").unwrap().raw() == "true") {
                            passed += 1;
                        } else {
                            let case = test.get("description").and_then(Value::as_str).unwrap();
                            wrong.push(format!("{file}: {description}: {case}: {checked:?}"));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong, {passed} passed: {wrong:#?}", wrong.len());
    (passed, excepted)
}

/// A schema of the suite among the documents. What is written in draft-07 does not say so there.
fn compile(schema: Value<'_, '_>, documents: Value<'_, '_>, is_draft_7: bool) -> Result<(Schemas, DocumentId), String> {
    let text = schema.raw().to_owned();
    let said = if is_draft_7 && text.starts_with('{') && schema.get("$schema").is_none() {
        let separator = if schema.members().unwrap().next().is_some() { "," } else { "" };
        text.replacen('{', &format!(r#"{{"$schema":"http://json-schema.org/draft-07/schema#"{separator}"#), 1)
    } else {
        text
    };
    let schema = Document::parse(said.as_bytes(), 128).unwrap();
    let texts: Vec<(String, String)> = documents
        .members()
        .unwrap()
        .map(|(name, document)| {
            let text = document.raw().to_owned();
            let says = is_draft_7 && document.get("$schema").is_none() && document.members().unwrap().next().is_some();
            let draft = r#"{"$schema":"http://json-schema.org/draft-07/schema#","#;
            (name.into_owned(), if says { text.replacen('{', draft, 1) } else { text })
        })
        .collect();
    let parsed: Vec<(&String, Document<'_>)> =
        texts.iter().map(|(name, text)| (name, Document::parse(text.as_bytes(), 128).unwrap())).collect();
    let mut compiler = Compiler::new(Limits::DEFAULT);
    for (name, document) in &parsed {
        compiler.add(name, document.root());
    }
    let id = compiler.add("", schema.root());
    let schemas = compiler.compile().map_err(|errors| errors.iter().map(|error| format!("{error}; ")).collect::<String>())?;
    Ok((schemas, id))
}
