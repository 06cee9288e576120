//! Whatever the text is, compiling it gives a program or an error; whatever the program is, evaluating it gives a value or an
//! error.

use proptest::prelude::*;

use super::language::{environment, facts};
use crate::cel::Program;

const TEXTS: [&str; 8] = [
    r#"event.data.amount <= 1000 && claims.roles.exists(r, r == "admin") || event.source.startsWith("/orders")"#,
    "event.data.lines.map(l, l.count > 1, l.sku + 'x').size() > 0 ? now : now - duration('1h30m')",
    "{'a': [1, 2.5e3, 0x1F, 7u], 'b': b'\\x00\\377', r'\\n': null}['a'][0] in [1, -9223372036854775808 % -1]",
    "headers.transformMap(k, v, k != 'x', int(v) / 0).existsOne(k, v, v == 0)",
    "type(event.data.price) == double && string(now).matches('^[0-9]{4}-.*Z$') // end",
    "timestamp(event.data.at).getDayOfYear('-02:30') * -3 - int(duration('-1.5s')) << 2",
    "has(event.subject) ? event.subject == \"\"\"a'\"\"\" : !has(claims.sub)",
    "[[1]] + [[2], []] == [event.data.lines, ['\u{e9}\u{1f600}'.size()]] && string(b'\\xff') == ''",
];
const PARTS: [&str; 24] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    "'",
    "\"",
    "\\",
    "!",
    "-",
    "?",
    ":",
    "&&",
    "||",
    " in ",
    "event.data",
    "claims",
    "1",
    "0u",
    "1e308",
    "\u{1f600}",
];

fn judge(text: &str) {
    if let Ok(program) = Program::compile(text, &environment()) {
        let facts = facts();
        let _ = program.evaluate(&facts, 2_000);
    }
}

proptest! {
    #[test]
    fn any_text_is_judged(text in "\\PC{0,80}") {
        judge(&text);
    }

    #[test]
    fn any_row_of_parts_is_judged(parts in prop::collection::vec(prop::sample::select(&PARTS[..]), 0..24)) {
        judge(&parts.concat());
    }

    #[test]
    fn any_change_of_a_condition_is_judged(
        text in prop::sample::select(&TEXTS[..]),
        at in any::<prop::sample::Index>(),
        length in 0_usize..4,
        part in prop::sample::select(&PARTS[..]),
    ) {
        let characters: Vec<char> = text.chars().collect();
        let start = at.index(characters.len());
        let before: String = characters[..start].iter().collect();
        let after: String = characters.iter().skip(start + length).collect();
        judge(&format!("{before}{part}{after}"));
        judge(&format!("{before}{after}"));
    }
}

#[test]
fn the_conditions_that_are_changed_are_good_ones_but_for_one() {
    let refused = TEXTS.iter().filter_map(|text| Program::compile(text, &environment()).err());
    let refused: Vec<_> = refused.map(|error| error.to_string()).collect();
    assert_eq!(refused, ["line 1, column 80: found `<`, expected an expression"]);
}
