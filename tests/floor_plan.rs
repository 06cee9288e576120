//! Holds the floor plan of `src/lib.rs`: which module may name which, that its table there is the one held here, that what must stay at
//! the border (proxy-wasm, clock, sockets, `clap`) does, and that the core has no randomness, no input and no output.
#![allow(clippy::unwrap_used, clippy::string_slice, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every module but the two that stand at the border.
const CORE: &[&str] = &[
    "time",
    "budget",
    "key",
    "call",
    "json",
    "schema",
    "avro",
    "cel",
    "crypto",
    "keyset",
    "ledger",
    "protobuf",
    "protocol",
    "identity",
    "signature",
    "rules",
    "decision",
    "policy",
    "inspect",
    "audit",
    "config",
];

/// A module and the modules that it may name besides itself.
const PLAN: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("budget", &["key", "crypto", "time"]),
    ("key", &[]),
    ("call", &[]),
    ("json", &[]),
    ("schema", &["json"]),
    ("avro", &["json"]),
    ("cel", &["json", "time"]),
    ("crypto", &["key"]),
    ("keyset", &["json", "key", "crypto", "time"]),
    ("ledger", &["crypto", "time"]),
    ("protobuf", &["call", "json", "time"]),
    ("protocol", &["call", "budget", "json", "protobuf", "time"]),
    ("identity", &["call", "key", "keyset", "crypto", "time", "json"]),
    ("signature", &["call", "protocol", "identity", "key", "keyset", "crypto", "time", "json"]),
    (
        "rules",
        &["avro", "call", "cel", "schema", "crypto", "ledger", "protobuf", "protocol", "identity", "signature", "time", "json"],
    ),
    ("decision", &["call", "crypto", "keyset", "ledger", "protocol", "identity", "signature", "rules", "time"]),
    ("policy", &["call", "budget", "key", "keyset", "ledger", "json", "time", "protocol", "identity", "signature", "rules"]),
    (
        "inspect",
        &[
            "call",
            "budget",
            "crypto",
            "keyset",
            "ledger",
            "time",
            "protocol",
            "identity",
            "signature",
            "rules",
            "decision",
            "policy",
        ],
    ),
    ("audit", &["call", "key", "crypto", "time", "json", "protocol", "identity", "signature", "rules", "decision"]),
    (
        "config",
        &[
            "avro",
            "call",
            "budget",
            "key",
            "cel",
            "schema",
            "crypto",
            "keyset",
            "ledger",
            "json",
            "time",
            "protobuf",
            "protocol",
            "identity",
            "signature",
            "rules",
            "policy",
        ],
    ),
    ("filter", CORE),
    ("cli", CORE),
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Source texts by top-level module, comments and test modules left out.
fn modules() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut modules: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for file in files {
        let relative = file.strip_prefix(&root).unwrap().to_path_buf();
        let first = relative.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
        if first == "lib" || relative.ends_with("tests.rs") || relative.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code = without_tests(&text);
        let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        modules.entry(first).or_default().push((relative, code.join("\n")));
    }
    modules
}

/// A text without its test modules: those in files of their own, and the one in it, which is always its end.
fn without_tests(text: &str) -> String {
    let mut code = String::new();
    for part in text.split_inclusive("#[cfg(test)]\n") {
        let rest = code.is_empty() || {
            let line = part.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
            assert!(
                line.contains("mod ") || line.ends_with(';') || line.ends_with('{'),
                "what is it that is for tests: `{line}`?"
            );
            !(line.contains("mod ") && line.ends_with('{'))
        };
        if !rest {
            break;
        }
        code.push_str(part);
    }
    code
}

/// The modules of this crate that a text names, from `crate::a::b`, `crate::{a, b::c}` and the command line's `eventguard::a`.
fn named(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for root in ["crate::", "eventguard::"] {
        for (at, _) in code.match_indices(root) {
            if code[..at].chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_') {
                continue;
            }
            let rest = &code[at + root.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let mut depth = 0;
                let mut word = String::new();
                for character in group.chars() {
                    match character {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => word.clear(),
                        ':' if depth == 0 && !word.is_empty() => names.push(std::mem::take(&mut word)),
                        character if character.is_alphanumeric() || character == '_' => word.push(character),
                        _ => {}
                    }
                    if depth == 0 && !word.is_empty() && PLAN.iter().any(|(module, _)| *module == word) {
                        names.push(word.clone());
                    }
                }
            } else {
                names.push(rest.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect());
            }
        }
    }
    names
}

#[test]
fn every_module_names_only_what_the_floor_plan_allows() {
    let mut broken = Vec::new();
    for (module, files) in modules() {
        let allowed = PLAN.iter().find(|(name, _)| *name == module).unwrap_or_else(|| panic!("`{module}` is not in the plan")).1;
        for (file, code) in files {
            for name in named(&code) {
                let is_module = PLAN.iter().any(|(other, _)| *other == name);
                if is_module && name != module && !allowed.contains(&name.as_str()) {
                    broken.push(format!("{}: `{module}` names `{name}`", file.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_architecture_page_shows_this_plan() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for (module, allowed) in PLAN {
        let allowed = if *module == "filter" {
            "all".to_owned()
        } else if *module == "cli" {
            "all but `filter`".to_owned()
        } else if allowed.is_empty() {
            "-".to_owned()
        } else {
            allowed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ")
        };
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("//! | `{module}` |")))
            .unwrap_or_else(|| panic!("no row for `{module}`"));
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap().trim();
        assert_eq!(cell, allowed, "the row of `{module}`");
    }
}

#[test]
fn what_belongs_to_the_border_stays_there() {
    for (module, files) in modules() {
        for (file, code) in files {
            for (word, home) in [
                ("proxy_wasm", "filter"),
                ("clap", "cli"),
                ("std::net", "cli"),
                ("tokio", "cli"),
                ("std::fs", "cli"),
                ("anyhow", "cli"),
            ] {
                assert!(module == home || !code.contains(&format!("{word}::")), "{} names `{word}`", file.display());
            }
            let reads_clock = code.contains("SystemTime::now") || code.contains("Instant::now");
            assert!(module == "cli" || file.ends_with("filter/host.rs") || !reads_clock, "{} reads a clock", file.display());
            let unsafe_allowed = file.ends_with("filter/host.rs") || file.ends_with("filter/mod.rs");
            assert!(unsafe_allowed || !code.contains("unsafe "), "{} has unsafe code", file.display());
        }
    }
}

/// What the core would have randomness, an environment, input or output by. (Its clock: `what_belongs_to_the_border_stays_there`.)
const OUTSIDE: &[&str] = &[
    "std::env",
    "std::io",
    "std::os",
    "std::process",
    "std::thread",
    "print!",
    "println!",
    "dbg!",
    "rand::",
    "rand_core",
    "getrandom",
    "OsRng",
    "::generate(",
    "RandomState",
    "HashMap::new(",
    "HashMap::from(",
    "HashMap::with_capacity(",
    "HashSet::new(",
    "HashSet::from(",
    "HashSet::with_capacity(",
];

/// What of it is harmless where it is: gzip is read by a trait, from bytes in memory.
const INSIDE: &[(&str, &str)] = &[("protocol/content.rs", "use std::io::Read;")];

/// What of the world outside a text names. Maps without a hasher of their own are seeded by chance.
fn outside(code: &str) -> Vec<String> {
    let named = OUTSIDE.iter().filter(|word| code.contains(**word)).map(|word| (*word).to_owned());
    let seeded = [("HashMap<", 3), ("HashSet<", 2)].into_iter().filter(|(name, all)| {
        let mut places = code.match_indices(name);
        places.any(|(at, _)| arguments(&code[at + name.len()..]) < *all)
    });
    named.chain(seeded.map(|(name, _)| format!("{name} without a hasher"))).collect()
}

/// How many arguments a type has whose text begins behind its `<`.
fn arguments(text: &str) -> usize {
    let (mut depth, mut count) = (0_i32, 1);
    for character in text.chars() {
        match character {
            '<' | '(' | '[' => depth += 1,
            '>' if depth == 0 => break,
            '>' | ')' | ']' => depth -= 1,
            ',' if depth == 0 => count += 1,
            _ => {}
        }
    }
    count
}

#[test]
fn the_core_has_no_randomness_no_environment_no_input_and_no_output() {
    let mut broken = Vec::new();
    for (module, files) in modules() {
        for (file, code) in files.iter().filter(|_| CORE.contains(&module.as_str())) {
            let harmless = INSIDE
                .iter()
                .filter(|(place, _)| file.ends_with(place))
                .fold(code.clone(), |code, (_, line)| code.replace(line, ""));
            broken.extend(outside(&harmless).iter().map(|word| format!("{} names `{word}`", file.display())));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_scan_finds_what_it_should() {
    assert_eq!(outside("let seed = getrandom::fill(&mut bytes);"), ["getrandom"]);
    assert_eq!(outside("eprintln!(\"{token}\"); std::env::var(name)"), ["std::env", "println!"]);
    assert_eq!(outside("let known: HashMap<String, Vec<(u8, u8)>> = HashMap::default();"), ["HashMap< without a hasher"]);
    assert!(outside("type Index = HashMap<String, Vec<(u8, u8)>, BuildHasherDefault<DefaultHasher>>;").is_empty());
    let text = "use a;\n#[cfg(test)]\nmod tests;\nuse crate::json;\n#[cfg(test)]\nmod more {\nuse crate::filter;\n}\n";
    assert_eq!(named(&without_tests(text)), ["json"]);
    assert_eq!(named("use crate::time::Timestamp;"), ["time"]);
    assert!(named("use crate::{json, key::Jwk};").contains(&"json".to_owned()));
    assert!(named("use crate::{json, key::Jwk};").contains(&"key".to_owned()));
    assert!(named("mycrate::time").is_empty());
}
