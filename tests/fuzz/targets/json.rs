//! Strict JSON accepts what serde_json accepts but for names that are there twice and nesting beyond the bound, and reads the same;
//! so does a sequence of texts. Every value's bytes are its own.
#![no_main]

use eventguard::json::{Document, JsonError, Kind, Owned, Sequence, Value};
use eventguard_fuzz::json::Tree;
use libfuzzer_sys::fuzz_target;

const DEPTH: usize = 8;

fuzz_target!(|bytes: &[u8]| {
    let tree = Tree::parse(bytes).ok();
    let document = Document::parse(bytes, DEPTH);
    let expected = tree.as_ref().is_some_and(|tree| tree.is_unambiguous() && tree.depth() <= DEPTH);
    assert_eq!(document.is_ok(), expected, "{document:?}");
    let owned = Owned::parse(bytes.to_vec(), DEPTH);
    match (document, tree) {
        (Ok(document), Some(tree)) => {
            assert_is(document.root(), &tree);
            assert_is(owned.expect("the same, read").root(), &tree);
        }
        (Err(error), _) => {
            assert!(place(&error).is_none_or(|at| at <= bytes.len()), "{error:?}");
            assert_eq!(owned.err(), Some(error));
        }
        (Ok(_), None) => unreachable!("compared above"),
    }
    assert_sequence_is_read_alike(bytes);
});

fn place(error: &JsonError) -> Option<usize> {
    match error {
        JsonError::Syntax { at } | JsonError::DuplicateKey { at } | JsonError::Number { at } => Some(*at),
        JsonError::TooDeep { .. } => None,
    }
}

fn assert_is(value: Value<'_, '_>, tree: &Tree) {
    assert_eq!(Tree::parse(value.raw().as_bytes()).ok().as_ref(), Some(tree), "{}", value.raw());
    match (value.kind(), tree) {
        (Kind::Null, Tree::Null) => {}
        (Kind::Bool(value), Tree::Bool(expected)) => assert_eq!(value, *expected),
        (Kind::Number(text), Tree::Number(number)) => assert_eq!(text.parse().ok(), number.as_f64(), "{text}"),
        (Kind::String(text), Tree::Text(expected)) => assert_eq!(&text, expected),
        (Kind::Array, Tree::Array(expected)) => {
            let items: Vec<_> = value.items().expect("an array").collect();
            assert_eq!(items.len(), expected.len());
            items.into_iter().zip(expected).for_each(|(item, expected)| assert_is(item, expected));
        }
        (Kind::Object, Tree::Object(expected)) => {
            let members: Vec<_> = value.members().expect("an object").collect();
            assert_eq!(members.len(), expected.len());
            for ((name, member), (expected_name, expected)) in members.into_iter().zip(expected) {
                assert_eq!(&name, expected_name);
                assert_eq!(value.get(&name).map(Value::raw), Some(member.raw()));
                assert_is(member, expected);
            }
        }
        (kind, _) => panic!("{kind:?} of {tree:?}"),
    }
}

/// Objects alone: serde_json wants white space between other values, where it is not needed to part them.
fn assert_sequence_is_read_alike(bytes: &[u8]) {
    let Ok(sequence) = Sequence::over(bytes, DEPTH) else { return };
    let Ok(documents) = sequence.collect::<Result<Vec<_>, _>>() else { return };
    if documents.iter().all(|document| document.root().kind() == Kind::Object) {
        let trees = serde_json::Deserializer::from_slice(bytes).into_iter().collect::<Result<Vec<Tree>, _>>();
        let trees = trees.expect("serde_json reads it too");
        assert_eq!(documents.len(), trees.len());
        documents.iter().zip(&trees).for_each(|(document, tree)| assert_is(document.root(), tree));
    }
}
