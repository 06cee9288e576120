//! The hash chain of one worker and boot. Each record that is sent names the fingerprint of the one before it, so that none can be
//! changed, left out or put elsewhere without the next one saying so; what a key signs cannot be made anew from there on.
//!
//! A record's attestation is that of OCSF's profile `record_integrity`. Its fingerprint is the SHA-256 of the record in canonical form
//! (RFC 8785) without the attestation's `fingerprint` and `signatures`; a signature is one over the fingerprint's canonical form.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::json::{Writer, push_hex};
use super::record::{Uid, Written, write_uid};
use crate::crypto::sha256_of;
use crate::key::SigningKey;

/// What stands before the value of every fingerprint: SHA-256, in hexadecimal, of the canonical form (JCS).
pub(super) const FINGERPRINT: &str = "\"fingerprint\":{\"algorithm_id\":3,\"encoding_id\":1,\"serialization_id\":2,\"value\":\"";

/// Bytes of an attestation as a rule.
const USUAL: usize = 512;

/// What a record is known by to the one after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// Its number: what `metadata.uid` ends in.
    number: u64,
    fingerprint: [u8; 32],
}

/// The chain so far.
#[derive(Debug)]
pub(super) struct Chain {
    uid: String,
    /// Records in it; the last one's place, counted from one.
    length: u64,
    last: Option<Link>,
}

/// Where a chain stands, to be told when the records behind it were lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// Records up to here.
    pub length: u64,
    last: Option<Link>,
}

impl Chain {
    /// A chain without records. Its id is told in each of them, and must be no other's.
    pub fn new(seed: [u8; 16]) -> Self {
        let mut uid = String::with_capacity(24);
        push_hex(&mut uid, seed.get(..12).unwrap_or_default());
        Self { uid, length: 0, last: None }
    }

    pub fn uid(&self) -> &str {
        &self.uid
    }

    pub fn mark(&self) -> Mark {
        Mark { length: self.length, last: self.last.clone() }
    }

    /// The next record follows the one at `mark`. What is between was sent and is lost: places are not given twice.
    pub fn go_back(&mut self, mark: &Mark) {
        self.last.clone_from(&mark.last);
    }

    /// Records so far.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// A record that is no part of the chain takes a place all the same.
    pub const fn count(&mut self) {
        self.length += 1;
    }

    /// The fingerprint of the last record, in hexadecimal.
    pub fn head(&self) -> String {
        let mut text = String::new();
        push_hex(&mut text, self.last.as_ref().map_or(&[], |last| last.fingerprint.as_slice()));
        text
    }

    /// The record as the next of the chain, signed where there is a key.
    pub fn link(&mut self, number: u64, Written { json, gap }: &Written, key: Option<&SigningKey>) -> String {
        self.length += 1;
        let (before, behind) = json.split_at_checked(*gap).unwrap_or((json, ""));
        let mut opening = Writer(String::with_capacity(USUAL + json.len()));
        opening.raw(before);
        opening.raw("\"attestation_list\":[{");
        opening.text("\"authority_uid\":", key.map(SigningKey::id), 128, ",");
        opening.raw("\"chain_uid\":\"");
        opening.raw(&self.uid);
        opening.raw("\"");
        let previous = self.previous();
        let mut closing = Writer(String::with_capacity(32));
        closing.number(",\"uid\":\"", self.length, "\"}],");
        let parts = [opening.0.as_str(), &previous, &closing.0, behind];
        let fingerprint = sha256_of(&parts.map(str::as_bytes));
        self.last = Some(Link { number, fingerprint });
        let mut linked = opening;
        write_fingerprint(&mut linked, ",", &fingerprint);
        linked.raw(&previous);
        if let Some(key) = key {
            write_signature(&mut linked, key, &fingerprint);
        }
        linked.raw(&closing.0);
        linked.raw(behind);
        linked.0
    }

    /// The member that names the record before.
    fn previous(&self) -> String {
        let Some(Link { number, fingerprint }) = &self.last else { return String::new() };
        let mut json = Writer(String::with_capacity(USUAL / 2));
        write_fingerprint(&mut json, ",\"prev_event\":{", fingerprint);
        write_uid(&mut json, ",\"uid\":\"", Some(Uid { chain: &self.uid, number: *number }));
        json.raw("}");
        json.0
    }
}

fn write_fingerprint(json: &mut Writer, before: &str, fingerprint: &[u8; 32]) {
    json.raw(before);
    json.hex(FINGERPRINT, fingerprint, "\"}");
}

fn write_signature(json: &mut Writer, key: &SigningKey, fingerprint: &[u8; 32]) {
    json.raw(",\"signatures\":[{\"algorithm\":\"Ed25519\",\"algorithm_id\":99,\"serialization_id\":2,\"value\":\"");
    URL_SAFE_NO_PAD.encode_string(key.sign(signed(fingerprint).as_bytes()), &mut json.0);
    json.raw("\"}]");
}

/// What a signature covers: the fingerprint in canonical form.
pub(super) fn signed(fingerprint: &[u8; 32]) -> String {
    let mut json = Writer(String::with_capacity(FINGERPRINT.len() + 70));
    write_fingerprint(&mut json, "", fingerprint);
    // The object, without the name of the member that it is.
    json.0.split_off("\"fingerprint\":".len())
}
