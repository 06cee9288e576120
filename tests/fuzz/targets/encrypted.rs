//! Fields that must be encrypted. The text is the header of a JWE on a line and the rest of it, or data that has such a field. Nothing panics,
//! and what passes says in one reading of its header what the policy allows.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eventguard::json::{Document, Pointer};
use eventguard::rules::encrypted::{ALGORITHMS, ENCRYPTIONS, Encrypted};
use eventguard_fuzz::call::split_at_first;
use eventguard_fuzz::json::Tree;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    judge(bytes);
    if let Some((header, rest)) = split_at_first(bytes, b"\n") {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), String::from_utf8_lossy(rest));
        judge(json!({"a": text}).to_string().as_bytes());
    }
});

fn judge(data: &[u8]) {
    let Ok(document) = Document::parse(data, 16) else { return };
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let encrypted = Encrypted {
        fields: vec![Pointer::parse("/a").expect("a pointer")],
        algorithms: owned(ALGORITHMS),
        encryptions: owned(ENCRYPTIONS),
        recipients: owned(&["k"]),
    };
    let Some(field) = document.root().get("a") else { return };
    if encrypted.check(document.root()).is_err() {
        return;
    }
    let text = field.as_str().expect("a text");
    let parts: Vec<Vec<u8>> = text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url")).collect();
    let [header, key, iv, _, tag] = parts.as_slice() else { panic!("{} parts", parts.len()) };
    assert!(Tree::parse(header).expect("JSON").is_unambiguous());
    let header: Value = serde_json::from_slice(header).expect("JSON");
    let says = |name: &str, allowed: &[&str]| header[name].as_str().is_some_and(|found| allowed.contains(&found));
    assert!(says("alg", ALGORITHMS) && says("enc", ENCRYPTIONS) && says("kid", &["k"]), "{header}");
    assert!(header.get("crit").is_none() && header.get("zip").is_none(), "{header}");
    assert!((iv.len() == 12 || iv.len() == 16) && tag.len() >= 16);
    assert_eq!(key.is_empty(), header["alg"] == "dir" || header["alg"] == "ECDH-ES");
}
