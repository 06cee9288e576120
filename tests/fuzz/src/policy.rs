//! The policy of the cases with other keys, so that nothing that was ever signed is signed by one of them.

use eventguard::config;
use eventguard::policy::Policy;
use eventguard::time::Timestamp;
use serde_json::{Value, json};

/// The policy that the cases are judged by.
pub const TEXT: &str = include_str!("../../cases/policy.json");

/// `now` of the cases.
pub const NOW: Timestamp = Timestamp::from_unix_nanos(1_795_420_800_000_000_000);

/// The policy, its keys replaced.
#[must_use]
pub fn with_other_keys() -> Policy {
    let mut document: Value = serde_json::from_str(TEXT).expect("the policy of the cases is JSON");
    let keys = document.pointer_mut("/issuers/0/jwks/inline/keys").and_then(Value::as_array_mut).expect("an issuer's keys");
    keys.iter_mut().for_each(replace_key);
    for signer in document["signers"].as_array_mut().expect("signers") {
        match signer.get_mut("publicKey") {
            Some(key) => replace_key(key),
            None => signer["secret"]["value"] = "nobody signs with this".into(),
        }
    }
    config::from_value(document, &|_name| None).expect("the policy of the cases")
}

/// The public keys of RFC 7517 appendix A.1 and RFC 8037 appendix A.2.
fn replace_key(jwk: &mut Value) {
    match jwk["kty"].as_str() {
        Some("RSA") => {
            jwk["n"] = json!(
                "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
            );
        }
        Some("EC") => {
            jwk["x"] = json!("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4");
            jwk["y"] = json!("4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");
        }
        Some("OKP") => jwk["x"] = json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
        other => panic!("no key to replace one of the type {other:?}"),
    }
}
