//! Signers and the ways of signing that are in use.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::identity::jwk;
use super::{Environment, Names, Place, Problem, Problems, fetched, header_name, hmac, raw, required_text, span, text, texts};
use crate::call::{cut, read_hex};
use crate::key::{PublicKey, Secret};
use crate::keyset;
use crate::signature::http_message::is_component;
use crate::signature::{
    Dsse, DsseMode, EventJws, FieldType, HttpMessage, Jws, Settings, Signer, SignerKey, SignerSet, Signers, StandardWebhooks,
    UnsignedAttributes,
};
use crate::time::Timestamp;

pub(super) const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// One signer, or a set of them.
pub(super) enum Entry {
    Signer(Signer),
    Set(SignerSet),
}

pub(super) fn signer(
    raw: raw::Signer,
    env: Environment<'_>,
    fetched: &mut Vec<keyset::Settings>,
    place: &Place,
    problems: &mut Problems,
) -> Option<Entry> {
    let raw::Signer { key_id, publisher, name, remote, public_key, secret, not_before, not_after } = raw;
    if let Some(remote) = remote {
        let others = public_key.is_some() || secret.is_some() || not_before.is_some() || not_after.is_some();
        if others || key_id.is_some() {
            let problem = "with `remote` a signer has no key of its own: the set's keys say what they are";
            problems.add(place, Problem::Contradiction(problem));
        }
        return signer_set(remote, name, publisher, fetched, place, problems).map(Entry::Set);
    }
    if name.is_some() {
        problems.add(&place.key("name"), Problem::Contradiction("it means something only with `remote`"));
    }
    let key_id = required_text(key_id, place, "keyId", problems);
    let publisher = required_text(publisher, place, "publisher", problems);
    let key = match (public_key, secret) {
        (Some(jwk), None) => public(&jwk, &place.key("publicKey"), problems),
        (None, Some(secret)) => self::secret(secret, env, &place.key("secret"), problems).map(SignerKey::Secret),
        (Some(_), Some(_)) | (None, None) => problems.wrong(place, Problem::ExactlyOne("`publicKey` and `secret`")),
    };
    let not_before = time(not_before, &place.key("notBefore"), problems);
    let not_after = time(not_after, &place.key("notAfter"), problems);
    if not_before.zip(not_after).is_some_and(|(from, until)| from > until) {
        problems.add(place, Problem::Contradiction("the key is trusted at no time: `notAfter` is before `notBefore`"));
    }
    Some(Entry::Signer(Signer { key_id: key_id?, publisher: publisher?, key: key?, not_before, not_after }))
}

fn signer_set(
    raw: raw::Remote,
    name: Option<String>,
    publisher: Option<String>,
    fetched: &mut Vec<keyset::Settings>,
    place: &Place,
    problems: &mut Problems,
) -> Option<SignerSet> {
    let name = required_text(name, place, "name", problems);
    let publisher = text(publisher, &place.key("publisher"), problems);
    let owner = fetched::Owner { name: name.as_deref(), issuer: None };
    let settings = fetched::remote(raw, owner, keyset::Kind::Signers, &place.key("remote"), problems)?;
    fetched::check_name(&settings.name, fetched, &place.key("name"), problems);
    Some(SignerSet { set: fetched::add(settings, fetched), publisher })
}

fn public(value: &Value, place: &Place, problems: &mut Problems) -> Option<SignerKey> {
    let jwk = jwk(value, place, problems)?;
    problems.ok(place, PublicKey::from_jwk(&jwk)).map(SignerKey::Public)
}

fn time(text: Option<String>, place: &Place, problems: &mut Problems) -> Option<Timestamp> {
    text.and_then(|text| problems.ok(place, Timestamp::parse(&text)))
}

fn secret(raw: raw::Secret, env: Environment<'_>, place: &Place, problems: &mut Problems) -> Option<Secret> {
    let raw::Secret { value, env: variable, encoding } = raw;
    let (text, place) = match (value, variable) {
        (Some(value), None) => (value, place.key("value")),
        (None, Some(variable)) => {
            let place = place.key("env");
            (super::variable(&variable, env, &place, problems)?, place)
        }
        (Some(_), Some(_)) | (None, None) => return problems.wrong(place, Problem::ExactlyOne("`value` and `env`")),
    };
    let (bytes, wrong) = match encoding {
        None => (secret_bytes(text), "`whsec_` and then no base64"),
        Some(raw::Encoding::Text) => (Some(text.into_bytes()), ""),
        Some(raw::Encoding::Hex) => (read_hex(text.as_bytes()), "not hexadecimal digits"),
        Some(raw::Encoding::Base64) => (BASE64.decode(text).ok(), "not base64"),
    };
    let bytes = bytes.or_else(|| problems.wrong(&place, Problem::Value(wrong.to_owned())))?;
    problems.ok(&place, Secret::new(bytes))
}

/// With padding and without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Standard Webhooks writes secrets as `whsec_` and base64; any other text is the secret itself.
fn secret_bytes(text: String) -> Option<Vec<u8>> {
    match text.strip_prefix("whsec_") {
        Some(encoded) => BASE64.decode(encoded).ok(),
        None => Some(text.into_bytes()),
    }
}

/// `None` where a key id is there twice, which was told.
pub(super) fn signers(entries: Vec<(usize, Entry)>) -> Option<Signers> {
    let (mut signers, mut sets) = (Vec::new(), Vec::new());
    for (_, entry) in entries {
        match entry {
            Entry::Signer(signer) => signers.push(signer),
            Entry::Set(set) => sets.push(set),
        }
    }
    Signers::new(signers).map(|signers| signers.with_sets(sets)).ok()
}

/// The schemes in use: those that are named, or without a word all where there are signers and none where there are none.
pub(super) fn settings(
    raw: Option<raw::Signatures>,
    names: &Names<'_>,
    signers: &mut Signers,
    place: &Place,
    problems: &mut Problems,
) -> Settings {
    let raw = match raw {
        Some(raw::Signatures {
            http_message: None,
            standard_webhooks: None,
            jws: None,
            hmac: None,
            dsse: None,
            event_jws: None,
        }) => {
            problems.add(place, Problem::Empty);
            raw::Signatures::default()
        }
        Some(raw) => raw,
        None if !names.signers_are_there => raw::Signatures::default(),
        None => raw::Signatures {
            http_message: Some(raw::HttpMessage::default()),
            standard_webhooks: Some(raw::StandardWebhooks::default()),
            jws: Some(raw::Jws::default()),
            hmac: None,
            event_jws: None,
            dsse: Some(raw::Dsse::default()),
        },
    };
    let raw::Signatures { http_message, standard_webhooks, jws, hmac, dsse, event_jws } = raw;
    Settings {
        http_message: http_message.and_then(|raw| self::http_message(raw, &place.key("httpMessage"), problems)),
        standard_webhooks: standard_webhooks
            .and_then(|raw| self::standard_webhooks(raw, &place.key("standardWebhooks"), problems)),
        jws: jws.and_then(|raw| self::jws(raw, &place.key("jws"), problems)),
        hmac: hmac::profiles(hmac, names, signers, &place.key("hmac"), problems),
        dsse: dsse.map(|raw| self::dsse(raw, &place.key("dsse"), problems)),
        event_jws: event_jws.and_then(|raw| self::event_jws(raw, &place.key("eventJws"), problems)),
    }
}

fn http_message(raw: raw::HttpMessage, place: &Place, problems: &mut Problems) -> Option<HttpMessage> {
    let raw::HttpMessage { components, max_age, tag, structured_fields } = raw;
    let components =
        components.unwrap_or_else(|| ["@method", "@authority", "@path", "content-digest"].map(str::to_owned).to_vec());
    let components = texts(Some(components), &place.key("components"), problems)?;
    check_components(&components, &place.key("components"), problems);
    let max_age = span(max_age, FIVE_MINUTES, &place.key("maxAge"), problems)?;
    let tag = text(tag, &place.key("tag"), problems);
    let structured_fields = self::structured_fields(structured_fields, &place.key("structuredFields"), problems);
    Some(HttpMessage { components, max_age, tag, structured_fields })
}

fn structured_fields(
    raw: Option<BTreeMap<String, raw::FieldType>>,
    place: &Place,
    problems: &mut Problems,
) -> Vec<(String, FieldType)> {
    if raw.as_ref().is_some_and(BTreeMap::is_empty) {
        problems.add(place, Problem::Empty);
    }
    let compile = |(name, of): (String, raw::FieldType)| {
        let place = place.key(&name);
        let name = header_name(Some(name), "", &place, problems)?;
        Some((
            name,
            match of {
                raw::FieldType::Dictionary => FieldType::Dictionary,
                raw::FieldType::List => FieldType::List,
                raw::FieldType::Item => FieldType::Item,
            },
        ))
    };
    raw.unwrap_or_default().into_iter().filter_map(compile).collect()
}

/// A signature that need not cover the content says nothing about the events.
fn check_components(components: &[String], place: &Place, problems: &mut Problems) {
    for (index, name) in components.iter().enumerate().filter(|(_, name)| !is_component(name)) {
        let problem = format!("`{}` is neither the name of a header in lower case nor a component of a request", cut(name, 64));
        problems.add(&place.index(index), Problem::Value(problem));
    }
    if !components.is_empty() && !components.iter().any(|name| name == "content-digest") {
        problems.add(place, Problem::Contradiction("`content-digest` must be among them: without it nobody signed the events"));
    }
}

fn standard_webhooks(raw: raw::StandardWebhooks, place: &Place, problems: &mut Problems) -> Option<StandardWebhooks> {
    let raw::StandardWebhooks { tolerance } = raw;
    Some(StandardWebhooks { tolerance: span(tolerance, FIVE_MINUTES, &place.key("tolerance"), problems)? })
}

fn jws(raw: raw::Jws, place: &Place, problems: &mut Problems) -> Option<Jws> {
    let raw::Jws { header } = raw;
    Some(Jws { header: header_name(header, "x-jws-signature", &place.key("header"), problems)? })
}

fn dsse(raw: raw::Dsse, place: &Place, problems: &mut Problems) -> Dsse {
    let raw::Dsse { mode, allow_unsigned } = raw;
    let allowed = texts(allow_unsigned, &place.key("allowUnsigned"), problems);
    if allowed.is_some() && matches!(mode, Some(raw::DsseMode::Passthrough | raw::DsseMode::CoreOnly)) {
        let problem = Problem::Contradiction("it means something only in `strict` mode: the others allow all");
        problems.add(&place.key("allowUnsigned"), problem);
    }
    for (index, name) in allowed.iter().flatten().enumerate().filter(|(_, name)| !is_attribute(name)) {
        problems.add(&place.key("allowUnsigned").index(index), no_attribute(name));
    }
    Dsse {
        mode: match mode {
            None | Some(raw::DsseMode::Strict) => DsseMode::Strict,
            Some(raw::DsseMode::Passthrough) => DsseMode::Passthrough,
            Some(raw::DsseMode::CoreOnly) => DsseMode::CoreOnly,
        },
        allow_unsigned: allowed.unwrap_or_default(),
    }
}

fn event_jws(raw: raw::EventJws, place: &Place, problems: &mut Problems) -> Option<EventJws> {
    let raw::EventJws { attribute, allow_unsigned_attributes } = raw;
    let attribute = required_text(attribute, place, "attribute", problems)?;
    if !is_attribute(&attribute) {
        return problems.wrong(&place.key("attribute"), no_attribute(&attribute));
    }
    let unsigned_attributes = match allow_unsigned_attributes {
        Some(true) => UnsignedAttributes::Pass,
        Some(false) | None => UnsignedAttributes::Refuse,
    };
    Some(EventJws { attribute, unsigned_attributes })
}

/// The name of an extension attribute (CloudEvents, "Attribute Naming Convention").
fn is_attribute(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn no_attribute(name: &str) -> Problem {
    Problem::Value(format!("`{}` is not the name of an extension attribute: lower-case letters and digits", cut(name, 64)))
}
