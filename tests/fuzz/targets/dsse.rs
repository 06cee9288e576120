//! DSSE on CloudEvents. The text is two events in the JSON format with an empty line between them. Material that is signed for the
//! first one is evidence for it, and for the second one only where that says the same. What nobody signed is evidence of nothing.
#![no_main]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use eventguard::call::Head;
use eventguard::crypto::{Crypto, RustCrypto};
use eventguard::policy::Policy;
use eventguard::protocol::{Event, Extension, Form, Protocol};
use eventguard::signature::{Scheme, SignatureError, VerifiedSignature, dsse, verify_event};
use eventguard_fuzz::call::{Call, split_at_first};
use eventguard_fuzz::crypto::{DigestCrypto, sign_with_digest};
use eventguard_fuzz::event::{BUDGET, names};
use eventguard_fuzz::policy::{NOW, with_other_keys};
use libfuzzer_sys::{Corpus, fuzz_target};

static POLICY: LazyLock<Policy> = LazyLock::new(with_other_keys);

static HEAD: LazyLock<Head> = LazyLock::new(|| Call::read(b"POST bus /\n\n").expect("a head").head);

const MATERIAL: &str = "dssematerial";

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let (first, second) = split_at_first(bytes, b"\n\n").unwrap_or((bytes, &[]));
    let Some(first) = event(first) else { return Corpus::Reject };
    if let Ok(evidence) = verify(&first, &RustCrypto) {
        let has_none = first.attribute(MATERIAL).is_none_or(str::is_empty);
        assert!(evidence.is_none() && has_none, "nobody signed this event: {evidence:?}");
    }
    let signed: Vec<String> = first.extensions.iter().map(|extension| extension.name.to_string()).collect();
    let signed: Vec<String> = signed.into_iter().filter(|name| name != MATERIAL).collect();
    let has_empty = |event: &Event<'_>| names(event).any(|name| name != MATERIAL && event.attribute(name) == Some(""));
    let material = dsse::material(&first, &signed, "shipping-ed", &sign_with_digest);
    assert_eq!(material.is_err(), has_empty(&first), "{material:?}");
    let Ok(material) = material else { return Corpus::Keep };

    assert_is_evidence(&verify(&with(&first, &material), &DigestCrypto));
    if let Some(second) = event(second) {
        let verified = verify(&with(&second, &material), &DigestCrypto);
        if says(&first) == says(&second) {
            assert_is_evidence(&verified);
        } else {
            assert!(verified.is_err(), "{second:?} is not {first:?}");
        }
    }
    Corpus::Keep
});

fn event(text: &[u8]) -> Option<Event<'_>> {
    let events = Protocol::CloudEvents.events(Form::Structured, &HEAD, text, None, &BUDGET).ok()?;
    events.into_iter().next()
}

fn verify(event: &Event<'_>, crypto: &dyn Crypto) -> Result<Option<VerifiedSignature>, SignatureError> {
    Ok(verify_event(&POLICY.signatures, &POLICY.signers, event, None, NOW, crypto)?.into_iter().next())
}

/// The event with that material, instead of its own.
fn with<'a>(event: &Event<'a>, material: &'a str) -> Event<'a> {
    let mut event = event.clone();
    event.extensions.retain(|extension| extension.name != MATERIAL);
    event.extensions.push(Extension { name: Cow::Borrowed(MATERIAL), value: Cow::Borrowed(material) });
    event
}

fn assert_is_evidence(verified: &Result<Option<VerifiedSignature>, SignatureError>) {
    let Ok(Some(signature)) = verified else { panic!("what was signed does not verify: {verified:?}") };
    assert_eq!((signature.scheme(), signature.key_id()), (Scheme::Dsse, "shipping-ed"));
    assert!(signature.uncovered().is_empty());
}

/// What strict mode covers: every attribute, the time to the second, the data.
fn says(event: &Event<'_>) -> (BTreeMap<String, String>, Vec<u8>) {
    let attributes = names(event).filter(|name| *name != MATERIAL).map(|name| {
        let value = match (name, &event.time) {
            ("time", Some(time)) => time.at.to_seconds_text(),
            _ => event.attribute(name).expect("it was named").to_owned(),
        };
        (name.to_owned(), value)
    });
    (attributes.collect(), event.data.bytes().to_vec())
}
