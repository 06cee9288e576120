//! "Verifiable CloudEvents with DSSE" (CloudEvents extension, payload type v0.1; DSSE 1.0.2) into evidence: the attribute
//! `dssematerial` holds an envelope with signed digests of the event. Trusts the event to be what was read from the call, its data
//! byte for byte.
//!
//! The digests do not tell an absent attribute from an empty one, so that somebody on the way could turn one into the other. The
//! specification leaves that to deployments; here an empty attribute that the signature covers is refused.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::signers::{MessageAlgorithm, Verifier};
use super::{Coverage, Dsse, DsseMode, Scheme, SignatureError, Signer, VerifiedSignature};
use crate::call::cut;
use crate::crypto::sha256;
use crate::json::{Document, Kind, Value};
use crate::protocol::Event;

const ATTRIBUTE: &str = "dssematerial";
/// The attribute where it stands in a header.
pub(super) const HEADER: &str = "ce-dssematerial";
const PAYLOAD_TYPE: &str = "https://cloudevents.io/verifiability/dsse/v0.1";

/// What is neither an extension nor to be named as one.
const NO_EXTENSIONS: [&str; 9] =
    ["id", "source", "specversion", "type", "datacontenttype", "dataschema", "subject", "time", ATTRIBUTE];

/// Bytes of `dssematerial`; one with four RSA signatures and 64 names has less than half of it.
const MAX_MATERIAL: usize = 16 << 10;
/// Signatures in one envelope. Each costs a verification.
const MAX_SIGNATURES: usize = 4;
/// Names in `signedextattrs`.
const MAX_NAMES: usize = 64;
/// Levels of nesting in the envelope, which may have members that are not known.
const MAX_DEPTH: usize = 16;

/// Judges the event's own signatures: all of one envelope by keys that are known. An empty `dssematerial` counts as none, as the specification says.
pub(super) fn verify(
    settings: &Dsse,
    event: &Event<'_>,
    verifier: &Verifier<'_>,
) -> Result<Vec<VerifiedSignature>, SignatureError> {
    let Some(encoded) = extension(event, ATTRIBUTE).filter(|value| !value.is_empty()) else { return Ok(Vec::new()) };
    let envelope = Envelope::read(encoded)?;
    let material = Material::read(&envelope.payload)?;
    refuse_empty_attributes(event, &material)?;
    let signers = verify_envelope(&envelope, verifier)?;
    material.check_core(event)?;
    let coverage = material.coverage(settings, event)?;
    let unsigned = check_coverage(settings, event, &material)?;
    let evidence = |signer| {
        let verified = verifier.evidence(Scheme::Dsse, signer, unsigned.clone())?;
        Ok(VerifiedSignature { coverage: Some(coverage), ..verified })
    };
    signers.into_iter().map(evidence).collect()
}

fn extension<'e>(event: &'e Event<'_>, name: &str) -> Option<&'e str> {
    event.extensions.iter().find_map(|extension| (extension.name == name).then_some(&*extension.value))
}

/// A DSSE envelope as it was read.
struct Envelope {
    payload: Vec<u8>,
    /// Key ids and signatures: one at least.
    signatures: Vec<(String, Vec<u8>)>,
}

impl Envelope {
    fn read(encoded: &str) -> Result<Self, SignatureError> {
        if encoded.len() > MAX_MATERIAL {
            return Err(SignatureError::malformed(format!("`{ATTRIBUTE}` is longer than {MAX_MATERIAL} bytes")));
        }
        let text = STANDARD.decode(encoded).map_err(|_| SignatureError::malformed(format!("`{ATTRIBUTE}` is not base64")))?;
        let document = parse(&text, "the envelope")?;
        let envelope = document.root();
        if text_of(envelope, "payloadType")? != PAYLOAD_TYPE {
            return Err(SignatureError::malformed(format!("the payload type is not `{PAYLOAD_TYPE}`")));
        }
        Ok(Self { payload: base64_of(envelope, "payload")?, signatures: read_signatures(envelope)? })
    }
}

fn read_signatures(envelope: Value<'_, '_>) -> Result<Vec<(String, Vec<u8>)>, SignatureError> {
    let signatures: Vec<Value<'_, '_>> = envelope
        .get("signatures")
        .and_then(Value::items)
        .ok_or_else(|| SignatureError::malformed("`signatures` is not a list"))?
        .take(MAX_SIGNATURES + 1)
        .collect();
    if signatures.is_empty() || signatures.len() > MAX_SIGNATURES {
        return Err(SignatureError::malformed(format!("an envelope has 1 to {MAX_SIGNATURES} signatures")));
    }
    signatures
        .into_iter()
        .map(|signature| Ok((text_of(signature, "keyid")?.into_owned(), base64_of(signature, "sig")?)))
        .collect()
}

/// The signers whose keys are known: one at least, and all of their signatures verify.
fn verify_envelope<'a>(envelope: &Envelope, verifier: &Verifier<'a>) -> Result<Vec<&'a Signer>, SignatureError> {
    let mut unknown = Ok(());
    let mut known = Vec::new();
    for (key_id, signature) in &envelope.signatures {
        match verifier.signer(key_id) {
            Ok(signer) => known.push((signer, algorithm(signer)?, signature)),
            Err(error) => unknown = unknown.and(Err(error)),
        }
    }
    if known.is_empty() {
        unknown?;
    }
    let message = pre_authentication_encoding(&envelope.payload);
    known
        .into_iter()
        .map(|(signer, algorithm, signature)| {
            verifier.check_key_time(signer)?;
            verifier.verify(signer, algorithm, &message, signature)?;
            Ok(signer)
        })
        .collect()
}

/// DSSE names no algorithm: it is the key's, which must leave no choice.
fn algorithm(signer: &Signer) -> Result<MessageAlgorithm, SignatureError> {
    let open = || SignatureError::malformed("the key does not say which algorithm it is for, and DSSE does not either");
    signer.key.algorithm().ok_or_else(open)
}

/// What is signed (DSSE protocol 1.0.2, "PAE"): no two pairs of type and payload become the same bytes.
fn pre_authentication_encoding(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// The verification material: what the envelope carries.
struct Material {
    core: [u8; 32],
    extensions: Option<SignedExtensions>,
}

struct SignedExtensions {
    digest: [u8; 32],
    names: Vec<String>,
}

impl Material {
    fn read(payload: &[u8]) -> Result<Self, SignatureError> {
        let document = parse(payload, "the payload")?;
        let material = document.root();
        let extensions = match (material.get("ext"), material.get("signedextattrs")) {
            (None, None) => None,
            (Some(_), Some(names)) => Some(SignedExtensions { digest: digest_of(material, "ext")?, names: read_names(names)? }),
            (Some(_), None) | (None, Some(_)) => {
                return Err(SignatureError::malformed("`ext` and `signedextattrs` are there together or not at all"));
            }
        };
        Ok(Self { core: digest_of(material, "core")?, extensions })
    }

    fn names(&self) -> &[String] {
        self.extensions.as_ref().map_or(&[], |extensions| &extensions.names)
    }

    fn to_json(&self) -> String {
        let core = STANDARD.encode(self.core);
        match &self.extensions {
            None => serde_json::json!({ "core": core }),
            Some(SignedExtensions { digest, names }) => {
                serde_json::json!({ "core": core, "ext": STANDARD.encode(digest), "signedextattrs": names })
            }
        }
        .to_string()
    }

    fn check_core(&self, event: &Event<'_>) -> Result<(), SignatureError> {
        if core_digest(event) == self.core {
            return Ok(());
        }
        Err(SignatureError::Digest("the event is not the one that was signed"))
    }

    /// What is covered, if the extension attributes are the ones that were signed, or need not be.
    fn coverage(&self, settings: &Dsse, event: &Event<'_>) -> Result<Coverage, SignatureError> {
        match &self.extensions {
            None => Ok(Coverage::Core),
            Some(_) if settings.mode == DsseMode::CoreOnly => Ok(Coverage::ExtensionsSkipped),
            Some(signed) if extensions_digest(event, &signed.names) == signed.digest => Ok(Coverage::CoreAndExtensions),
            Some(_) => Err(SignatureError::Digest("the extension attributes are not the ones that were signed")),
        }
    }
}

fn read_names(names: Value<'_, '_>) -> Result<Vec<String>, SignatureError> {
    let names: Option<Vec<String>> =
        names.items().and_then(|names| names.take(MAX_NAMES + 1).map(|name| name.as_str().map(Cow::into_owned)).collect());
    let names = names.ok_or_else(|| SignatureError::malformed("`signedextattrs` is not a list of names"))?;
    check_names(&names)?;
    Ok(names)
}

/// The rules for `signedextattrs`, the same for signing and verifying.
fn check_names(names: &[String]) -> Result<(), SignatureError> {
    if names.is_empty() || names.len() > MAX_NAMES {
        return Err(SignatureError::malformed(format!("`signedextattrs` has 1 to {MAX_NAMES} names")));
    }
    for (index, name) in names.iter().enumerate() {
        if NO_EXTENSIONS.contains(&name.as_str()) {
            return Err(SignatureError::malformed(format!("`signedextattrs` names `{name}`, which is no extension")));
        }
        if names.iter().take(index).any(|earlier| earlier == name) {
            return Err(SignatureError::malformed(format!("`signedextattrs` names `{}` twice", cut(name, 64))));
        }
    }
    Ok(())
}

/// The core attributes but for the time, in the order of their digests.
fn core_attributes<'e>(event: &'e Event<'_>) -> [Option<&'e str>; 7] {
    [
        event.id.as_deref(),
        event.source.as_deref(),
        event.spec_version.as_deref(),
        Some(&*event.event_type),
        event.data_content_type.as_deref(),
        event.data_schema.as_deref(),
        event.subject.as_deref(),
    ]
}

fn core_digest(event: &Event<'_>) -> [u8; 32] {
    let time = event.time.as_ref().map(|time| time.at.to_seconds_text());
    let digests = core_attributes(event).into_iter().map(|attribute| sha256(attribute.unwrap_or("").as_bytes()));
    let behind = [sha256(time.unwrap_or_default().as_bytes()), sha256(event.data.bytes())];
    sha256(digests.chain(behind).collect::<Vec<_>>().as_flattened())
}

fn extensions_digest(event: &Event<'_>, names: &[String]) -> [u8; 32] {
    let digests = names.iter().map(|name| sha256(extension(event, name).unwrap_or("").as_bytes()));
    sha256(digests.collect::<Vec<_>>().as_flattened())
}

/// See the module: an empty attribute hashes as an absent one does.
fn refuse_empty_attributes(event: &Event<'_>, material: &Material) -> Result<(), SignatureError> {
    let core = core_attributes(event).into_iter().flatten();
    let signed = material.names().iter().filter_map(|name| extension(event, name));
    if core.chain(signed).any(str::is_empty) {
        return Err(SignatureError::malformed("the signature covers an attribute that is there but empty"));
    }
    Ok(())
}

/// The extension attributes that the signature does not cover, if the settings let them pass.
fn check_coverage(settings: &Dsse, event: &Event<'_>, material: &Material) -> Result<Vec<String>, SignatureError> {
    let looked_at = if settings.mode == DsseMode::CoreOnly { &[] } else { material.names() };
    let is_unsigned = |name: &str| name != ATTRIBUTE && !looked_at.iter().any(|signed| signed == name);
    let names = event.extensions.iter().map(|extension| &*extension.name);
    let unsigned: Vec<String> = names.filter(|name| is_unsigned(name)).map(str::to_owned).collect();
    match settings.mode {
        DsseMode::Passthrough | DsseMode::CoreOnly => Ok(unsigned),
        DsseMode::Strict => match unsigned.iter().find(|name| !settings.allow_unsigned.contains(name)) {
            Some(name) => Err(SignatureError::Uncovered(cut(name, 64).to_owned())),
            None => Ok(unsigned),
        },
    }
}

fn parse<'a>(text: &'a [u8], what: &str) -> Result<Document<'a>, SignatureError> {
    let document = Document::parse(text, MAX_DEPTH).map_err(|error| SignatureError::malformed(format!("{what}: {error}")))?;
    match document.root().kind() {
        Kind::Object => Ok(document),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) | Kind::Array => {
            Err(SignatureError::malformed(format!("{what} is not a JSON object")))
        }
    }
}

fn text_of<'a>(object: Value<'_, 'a>, name: &str) -> Result<Cow<'a, str>, SignatureError> {
    let text = object.get(name).and_then(Value::as_str);
    text.ok_or_else(|| SignatureError::malformed(format!("the DSSE material has no text `{name}`")))
}

/// DSSE allows both alphabets of base64 (envelope 1.0.2), and wants its padding.
fn base64_of(object: Value<'_, '_>, name: &str) -> Result<Vec<u8>, SignatureError> {
    let text = text_of(object, name)?;
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    engine.decode(text.as_bytes()).map_err(|_| SignatureError::malformed(format!("`{name}` is not base64")))
}

fn digest_of(object: Value<'_, '_>, name: &str) -> Result<[u8; 32], SignatureError> {
    let digest = base64_of(object, name)?;
    digest.try_into().map_err(|_| SignatureError::malformed(format!("`{name}` is not a digest of 32 bytes")))
}

/// The value of `dssematerial` for an event of which the core attributes, the data and the named extension attributes are signed.
/// `sign` turns what is signed into the signature's bytes. Verification compares with the very same digests.
///
/// # Errors
///
/// [`SignatureError::Malformed`] where `names` breaks a rule, or an attribute that would be covered is there but empty.
pub fn material(
    event: &Event<'_>,
    names: &[String],
    key_id: &str,
    sign: &dyn Fn(&[u8]) -> Vec<u8>,
) -> Result<String, SignatureError> {
    let extensions = match names {
        [] => None,
        names => {
            check_names(names)?;
            Some(SignedExtensions { digest: extensions_digest(event, names), names: names.to_vec() })
        }
    };
    let material = Material { core: core_digest(event), extensions };
    refuse_empty_attributes(event, &material)?;
    let payload = material.to_json();
    let signature = sign(&pre_authentication_encoding(payload.as_bytes()));
    let envelope = serde_json::json!({
        "payloadType": PAYLOAD_TYPE,
        "payload": STANDARD.encode(&payload),
        "signatures": [{ "keyid": key_id, "sig": STANDARD.encode(signature) }],
    });
    Ok(STANDARD.encode(envelope.to_string()))
}
