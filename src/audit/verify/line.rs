//! One line into what its attestation says, and whether its content is what was attested. A line as it was sent is read as bytes; one
//! that a log store has written anew is brought into canonical form first.

use crate::audit::json::read_hex;
use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::audit::chain::FINGERPRINT;
use crate::crypto::sha256_of;
use crate::json::{Document, Kind, Value};

const ATTESTATION: &[u8] = b",\"attestation_list\":[{";
const AUTHORITY: &[u8] = b"\"authority_uid\":\"";
const CHAIN: &[u8] = b"\"chain_uid\":\"";
const PREVIOUS: &[u8] = b",\"prev_event\":{";
const SIGNATURES: &[u8] = b",\"signatures\":[{\"algorithm\":\"Ed25519\",\"algorithm_id\":99,\"serialization_id\":2,\"value\":\"";
const UID: &[u8] = b",\"uid\":\"";
/// What follows the attestation of what the stream tells of itself.
const NOTE: &[u8] = b"\"category_uid\":1,\"class_uid\":1008,";

/// Bytes of a chain's id. The filter's have 24.
const CHAIN_ID: usize = 128;

/// Numbers below are the same to every reader of JSON (RFC 8259 section 6), and far from where sums of them would end.
pub(super) const EXACT: u64 = 1 << 53;

/// The nesting of a record is four; others may be deeper.
const DEPTH: usize = 32;

/// What a line says of its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attested<'l> {
    /// Who signs.
    pub authority: Option<&'l str>,
    /// Which chain.
    pub chain: &'l str,
    /// Its place there, counted from one.
    pub place: u64,
    /// What it says its content is.
    pub fingerprint: [u8; 32],
    /// What it says the content of the record before it is.
    pub previous: Option<[u8; 32]>,
    /// The signature.
    pub signature: Option<Vec<u8>>,
    /// What its content is.
    pub content: [u8; 32],
    /// Whether the stream tells of itself.
    pub is_note: bool,
}

/// Reads bytes from the front.
struct Reader<'l> {
    rest: &'l [u8],
}

impl<'l> Reader<'l> {
    fn skip(&mut self, literal: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(literal)?;
        Some(())
    }

    fn is_at(&self, literal: &[u8]) -> bool {
        self.rest.starts_with(literal)
    }

    /// A text in which nothing is escaped, and the quote behind it.
    fn text(&mut self) -> Option<&'l str> {
        let end = self.rest.iter().position(|byte| *byte == b'"')?;
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..)?;
        let text = std::str::from_utf8(text).ok()?;
        (!text.contains('\\')).then_some(text)
    }

    fn fingerprint(&mut self) -> Option<[u8; 32]> {
        self.skip(FINGERPRINT.as_bytes())?;
        let fingerprint = read_hex(self.text()?)?;
        self.skip(b"}")?;
        Some(fingerprint)
    }
}

impl<'l> Attested<'l> {
    /// Reads a line as it was sent.
    pub fn read(line: &'l [u8]) -> Option<Self> {
        // No text in JSON has a quote that is not escaped, so this is a member and nothing that only looks like one.
        let start = find(line, ATTESTATION)?;
        let mut reader = Reader { rest: line.get(start + ATTESTATION.len()..)? };
        let authority = if reader.is_at(AUTHORITY) {
            reader.skip(AUTHORITY)?;
            let authority = reader.text()?;
            reader.skip(b",")?;
            Some(authority)
        } else {
            None
        };
        reader.skip(CHAIN)?;
        let chain = reader.text().filter(|chain| chain.len() <= CHAIN_ID)?;
        let before = line.get(..line.len() - reader.rest.len())?;
        reader.skip(b",")?;
        let fingerprint = reader.fingerprint()?;
        let previous_start = reader.rest;
        let previous = if reader.is_at(PREVIOUS) {
            reader.skip(PREVIOUS)?;
            let previous = reader.fingerprint()?;
            reader.skip(UID)?;
            reader.text()?;
            reader.skip(b"}")?;
            Some(previous)
        } else {
            None
        };
        let between = previous_start.get(..previous_start.len() - reader.rest.len())?;
        let signature = if reader.is_at(SIGNATURES) {
            reader.skip(SIGNATURES)?;
            let signature = URL_SAFE_NO_PAD.decode(reader.text()?).ok()?;
            reader.skip(b"}]")?;
            Some(signature)
        } else {
            None
        };
        let behind = reader.rest;
        reader.skip(UID)?;
        let place = reader.text()?.parse().ok().filter(|place| (1..EXACT).contains(place))?;
        reader.skip(b"}],")?;
        let content = sha256_of(&[before, between, behind]);
        Some(Self { authority, chain, place, fingerprint, previous, signature, content, is_note: reader.is_at(NOTE) })
    }
}

/// The canonical form (RFC 8785) of a record in one line; `None` where it is not JSON of one reading only, or has a number that is not
/// whole, which no record has.
pub(super) fn canonical(line: &[u8]) -> Option<String> {
    let document = Document::parse(line, DEPTH).ok()?;
    let mut json = String::with_capacity(line.len());
    write(&mut json, document.root())?;
    Some(json)
}

fn write(json: &mut String, value: Value<'_, '_>) -> Option<()> {
    match value.kind() {
        Kind::Null => json.push_str("null"),
        Kind::Bool(value) => json.push_str(if value { "true" } else { "false" }),
        Kind::Number(number) => {
            let whole = number.parse::<u64>().ok().filter(|whole| *whole < EXACT)?;
            // Writing to a `String` does not fail.
            let _ = write!(json, "{whole}");
        }
        Kind::String(text) => write_text(json, &text),
        Kind::Array => {
            for (index, item) in value.items()?.enumerate() {
                json.push(if index == 0 { '[' } else { ',' });
                write(json, item)?;
            }
            json.push_str(if value.items()?.next().is_none() { "[]" } else { "]" });
        }
        Kind::Object => write_members(json, value.members()?.collect())?,
    }
    Some(())
}

/// Names are in the order of their UTF-16 units (RFC 8785 section 3.2.3).
fn write_members(json: &mut String, mut members: Vec<(Cow<'_, str>, Value<'_, '_>)>) -> Option<()> {
    members.sort_by(|(name, _), (other, _)| name.encode_utf16().cmp(other.encode_utf16()));
    json.push('{');
    for (index, (name, member)) in members.into_iter().enumerate() {
        json.push_str(if index == 0 { "" } else { "," });
        write_text(json, &name);
        json.push(':');
        write(json, member)?;
    }
    json.push('}');
    Some(())
}

fn write_text(json: &mut String, text: &str) {
    json.push('"');
    for char in text.chars() {
        let escaped = match char {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            control if control < ' ' => {
                let _ = write!(json, "\\u{:04x}", u32::from(control));
                continue;
            }
            plain => {
                json.push(plain);
                continue;
            }
        };
        json.push_str(escaped);
    }
    json.push('"');
}

fn find(line: &[u8], needle: &[u8]) -> Option<usize> {
    line.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_was_written_anew_has_one_canonical_form() {
        // The example of RFC 8785 section 3.2.3, and its escapes of section 3.2.2.2, without numbers that are not whole.
        let anew = "{ \"\\ud83d\\ude02\":1, \"\\u20ac\":\"\\u0007\\n\\/\\\"\", \"1\":[ ], \"\\ufb33\":[true,null], \"\\r\":{} }";
        let canonical = canonical(anew.as_bytes()).unwrap();
        assert_eq!(canonical, "{\"\\r\":{},\"1\":[],\"€\":\"\\u0007\\n/\\\"\",\"😂\":1,\"\u{fb33}\":[true,null]}");
    }

    #[test]
    fn what_has_two_readings_has_no_canonical_form() {
        for text in ["{\"a\":1,\"a\":2}", "{\"a\":1.5}", "{\"a\":9007199254740993}", "{\"a\":1} ,", "\u{feff}{}", "[1,]"] {
            assert_eq!(canonical(text.as_bytes()), None, "{text}");
        }
    }
}
