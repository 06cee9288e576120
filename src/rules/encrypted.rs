//! Fields that must be encrypted: texts in the compact form of JWE (RFC 7516 section 7.1), of which the header says for whom and how.
//! Nothing is decrypted, and no key is known here: that a text has the form and the lengths of a ciphertext is all that can be told.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Violation;
use crate::json::{Document, Kind, Pointer, Value};

/// Which fields must be encrypted, and how.
#[derive(Debug, Clone)]
pub struct Encrypted {
    /// Where they are. One that is not there need not be encrypted.
    pub fields: Vec<Pointer>,
    /// How the content's key may be given to its recipient: `alg`, of [`ALGORITHMS`].
    pub algorithms: Vec<String>,
    /// How the content may be encrypted: `enc`, of [`ENCRYPTIONS`].
    pub encryptions: Vec<String>,
    /// Whom it may be for: `kid`.
    pub recipients: Vec<String>,
}

/// What `alg` may say (RFC 7518 section 4 and its registry), but for RSA1_5, which gives the content's key away to whoever can ask often
/// enough.
pub const ALGORITHMS: &[&str] = &[
    "RSA-OAEP",
    "RSA-OAEP-256",
    "RSA-OAEP-384",
    "RSA-OAEP-512",
    "ECDH-ES",
    "ECDH-ES+A128KW",
    "ECDH-ES+A192KW",
    "ECDH-ES+A256KW",
    "dir",
    "A128KW",
    "A192KW",
    "A256KW",
    "A128GCMKW",
    "A192GCMKW",
    "A256GCMKW",
    "PBES2-HS256+A128KW",
    "PBES2-HS384+A192KW",
    "PBES2-HS512+A256KW",
];

/// What `enc` may say (RFC 7518 section 5).
pub const ENCRYPTIONS: &[&str] = &["A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"];

/// Why a field is not encrypted as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotEncrypted {
    /// Not a string.
    #[error("not a string")]
    Text,
    /// Not five parts in base64url.
    #[error("not the compact form of JWE")]
    Form,
    /// The header is no JSON object that can be read in one way only.
    #[error("its header is not JSON of one reading")]
    Header,
    /// `alg` is none of the policy's.
    #[error("its `alg` is none of the policy's")]
    Algorithm,
    /// `enc` is none of the policy's.
    #[error("its `enc` is none of the policy's")]
    Encryption,
    /// `kid` is none of the policy's.
    #[error("its `kid` is none of the policy's")]
    Recipient,
    /// The header has `crit` or `zip`: what it means is not said, or what it holds is longer than it is.
    #[error("its header has `crit` or `zip`")]
    Extension,
    /// The key in the header is not there, or is a private one.
    #[error("its header lacks the public key that was agreed with")]
    PublicKey,
    /// A part is not as long as the header has it.
    #[error("its parts are not as long as its header has them")]
    Length,
}

impl Encrypted {
    /// Whether the fields of a document are encrypted.
    pub(super) fn check(&self, root: Value<'_, '_>) -> Result<(), Violation> {
        for pointer in &self.fields {
            if let Some(found) = root.at(pointer) {
                let problem = |problem| Violation::NotEncrypted { instance: pointer.to_string(), problem };
                self.check_field(found).map_err(problem)?;
            }
        }
        Ok(())
    }

    fn check_field(&self, found: Value<'_, '_>) -> Result<(), NotEncrypted> {
        let text = found.as_str().ok_or(NotEncrypted::Text)?;
        let [header, key, iv, ciphertext, tag] = parts(&text).ok_or(NotEncrypted::Form)?;
        let header = Document::parse(&header, HEADER_DEPTH).map_err(|_| NotEncrypted::Header)?;
        let header = Some(header.root()).filter(|root| root.kind() == Kind::Object).ok_or(NotEncrypted::Header)?;
        let member = |name, allowed: &[String], problem| {
            let found = header.get(name).and_then(Value::as_str).filter(|found| allowed.iter().any(|known| known == found));
            found.ok_or(problem)
        };
        let algorithm = member("alg", &self.algorithms, NotEncrypted::Algorithm)?;
        let encryption = member("enc", &self.encryptions, NotEncrypted::Encryption)?;
        member("kid", &self.recipients, NotEncrypted::Recipient)?;
        if header.get("crit").or(header.get("zip")).is_some() {
            return Err(NotEncrypted::Extension);
        }
        if algorithm.starts_with("ECDH") {
            let public = header.get("epk").filter(|key| key.kind() == Kind::Object && key.get("d").is_none());
            public.ok_or(NotEncrypted::PublicKey)?;
        }
        // A key that is known or agreed upon is not there.
        let has_key = key.is_empty() == matches!(algorithm.as_ref(), "dir" | "ECDH-ES");
        let has_content = content_fits(&encryption, [&iv, &ciphertext, &tag].map(Vec::len));
        if has_key && has_content { Ok(()) } else { Err(NotEncrypted::Length) }
    }
}

/// Whether the initialization vector, the ciphertext and the tag have the lengths of an encryption.
fn content_fits(encryption: &str, [iv, ciphertext, tag]: [usize; 3]) -> bool {
    // Blocks of CBC are filled up, so that there is one at least.
    let blocks = ciphertext > 0 && ciphertext.is_multiple_of(16);
    match encryption {
        "A128CBC-HS256" => (iv, tag) == (16, 16) && blocks,
        "A192CBC-HS384" => (iv, tag) == (16, 24) && blocks,
        "A256CBC-HS512" => (iv, tag) == (16, 32) && blocks,
        _ => (iv, tag) == (12, 16),
    }
}

/// How deep a header may be: a key in it, and what that may hold.
const HEADER_DEPTH: usize = 4;

/// The five parts, without padding and with nothing but the alphabet.
fn parts(text: &str) -> Option<[Vec<u8>; 5]> {
    let mut parts = text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let mut next = || parts.next().flatten();
    let five = [next()?, next()?, next()?, next()?, next()?];
    parts.next().is_none().then_some(five)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"vault-1"}"#;

    fn vault() -> Encrypted {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Encrypted {
            fields: ["/card", "/owner/0"].map(|text| Pointer::parse(text).unwrap()).to_vec(),
            algorithms: names(&["RSA-OAEP-256", "ECDH-ES", "dir"]),
            encryptions: names(&["A256GCM", "A128CBC-HS256"]),
            recipients: names(&["vault-1"]),
        }
    }

    fn jwe(header: &str, lengths: [usize; 4]) -> String {
        let parts = lengths.map(|length| format!(".{}", URL_SAFE_NO_PAD.encode(vec![7; length])));
        format!("{}{}", URL_SAFE_NO_PAD.encode(header), parts.concat())
    }

    fn problem(data: &str) -> Option<(String, NotEncrypted)> {
        match vault().check(Document::parse(data.as_bytes(), 8).unwrap().root()) {
            Ok(()) => None,
            Err(Violation::NotEncrypted { instance, problem }) => Some((instance, problem)),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn problem_of(text: &str) -> Option<NotEncrypted> {
        problem(&format!(r#"{{"card": "{text}"}}"#)).map(|(_, problem)| problem)
    }

    #[test]
    fn what_has_the_form_of_a_ciphertext_for_a_recipient_passes() {
        for (header, lengths) in [
            (HEADER, [256, 12, 20, 16]),
            (HEADER, [256, 12, 0, 16]),
            (r#"{"alg":"dir","enc":"A128CBC-HS256","kid":"vault-1","cty":"text/plain"}"#, [0, 16, 32, 16]),
            (r#"{"alg":"ECDH-ES","enc":"A256GCM","kid":"vault-1","epk":{"kty":"OKP","crv":"X25519","x":"AA"}}"#, [0, 12, 1, 16]),
        ] {
            assert_eq!(problem_of(&jwe(header, lengths)), None, "{header}");
        }
        assert_eq!(problem(r#"{"owner": []}"#), None, "what is not there need not be encrypted");
    }

    #[test]
    fn plain_text_is_refused_at_its_place() {
        let good = jwe(HEADER, [256, 12, 20, 16]);
        for (data, place, expected) in [
            (r#"{"card": 4111111111111111}"#.to_owned(), "/card", NotEncrypted::Text),
            (r#"{"card": null}"#.to_owned(), "/card", NotEncrypted::Text),
            (r#"{"card": "4111111111111111"}"#.to_owned(), "/card", NotEncrypted::Form),
            (format!(r#"{{"card": "{good}", "owner": ["Jane"]}}"#), "/owner/0", NotEncrypted::Form),
            (format!(r#"{{"card": {{"jwe": "{good}"}}}}"#), "/card", NotEncrypted::Text),
        ] {
            assert_eq!(problem(&data), Some((place.to_owned(), expected)), "{data}");
        }
    }

    #[test]
    fn the_compact_form_has_five_parts_in_base64url_without_padding() {
        let good = jwe(HEADER, [256, 12, 20, 16]);
        // The last letter of the tag holds two bits that mean nothing; they are zero.
        let (rest, _) = good.split_at(good.len() - 1);
        for text in [
            format!("{good}.AA"),
            format!("{good}."),
            good.rsplit_once('.').unwrap().0.to_owned(),
            format!("{good}=="),
            good.replacen('.', "+.", 1),
            format!("{rest}x"),
            format!(" {good}"),
            ".....".to_owned(),
            String::new(),
        ] {
            assert_eq!(problem_of(&text), Some(NotEncrypted::Form), "{text}");
        }
    }

    #[test]
    fn the_header_says_for_whom_and_how_in_one_reading() {
        for (header, expected) in [
            ("", NotEncrypted::Header),
            ("[]", NotEncrypted::Header),
            (r#"{"alg":"dir","alg":"RSA-OAEP-256","enc":"A256GCM","kid":"vault-1"}"#, NotEncrypted::Header),
            (r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"vault-1","\u0061lg":"none"}"#, NotEncrypted::Header),
            (r#"{"enc":"A256GCM","kid":"vault-1"}"#, NotEncrypted::Algorithm),
            (r#"{"alg":"rsa-oaep-256","enc":"A256GCM","kid":"vault-1"}"#, NotEncrypted::Algorithm),
            (r#"{"alg":"RSA-OAEP","enc":"A256GCM","kid":"vault-1"}"#, NotEncrypted::Algorithm),
            (r#"{"alg":["RSA-OAEP-256"],"enc":"A256GCM","kid":"vault-1"}"#, NotEncrypted::Algorithm),
            (r#"{"alg":"RSA-OAEP-256","enc":"A128GCM","kid":"vault-1"}"#, NotEncrypted::Encryption),
            (r#"{"alg":"RSA-OAEP-256","kid":"vault-1"}"#, NotEncrypted::Encryption),
            (r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"vault-2"}"#, NotEncrypted::Recipient),
            (r#"{"alg":"RSA-OAEP-256","enc":"A256GCM"}"#, NotEncrypted::Recipient),
            (r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"vault-1","zip":"DEF"}"#, NotEncrypted::Extension),
            (r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"vault-1","crit":[]}"#, NotEncrypted::Extension),
            (r#"{"alg":"ECDH-ES","enc":"A256GCM","kid":"vault-1"}"#, NotEncrypted::PublicKey),
            (r#"{"alg":"ECDH-ES","enc":"A256GCM","kid":"vault-1","epk":{"d":"AA"}}"#, NotEncrypted::PublicKey),
        ] {
            assert_eq!(problem_of(&jwe(header, [256, 12, 20, 16])), Some(expected), "{header}");
        }
    }

    #[test]
    fn each_part_is_as_long_as_the_header_has_it() {
        let cbc = HEADER.replace("A256GCM", "A128CBC-HS256");
        let direct = HEADER.replace("RSA-OAEP-256", "dir");
        for (header, lengths) in [
            (HEADER, [0, 12, 20, 16]),
            (HEADER, [256, 11, 20, 16]),
            (HEADER, [256, 13, 20, 16]),
            (HEADER, [256, 12, 20, 15]),
            (HEADER, [256, 12, 20, 17]),
            (HEADER, [256, 0, 20, 0]),
            (cbc.as_str(), [256, 16, 0, 16]),
            (cbc.as_str(), [256, 16, 20, 16]),
            (cbc.as_str(), [256, 12, 16, 16]),
            (direct.as_str(), [32, 12, 20, 16]),
        ] {
            assert_eq!(problem_of(&jwe(header, lengths)), Some(NotEncrypted::Length), "{header} {lengths:?}");
        }
    }
}
