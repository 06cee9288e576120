//! Lines of records into what can be said of their chains: that they are whole, or the first record that was changed, left out, doubled
//! or put elsewhere. Reads lines of many chains in the order of their files, whatever order the files are in, and keeps no line: what it
//! remembers is a place and a fingerprint for each stretch of a chain without a break.

mod chains;
mod line;

use std::collections::BTreeMap;

use crate::crypto::Crypto;
use crate::key::{Algorithm, PublicKey};

use chains::Pieces;
use line::Attested;

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, counted from zero.
    pub file: usize,
    /// The line, counted from one.
    pub line: u64,
}

/// What is wrong with a record, or with what should be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// The line is no record, or is part of no chain.
    Unchained,
    /// Its content is not what it says that it is.
    Changed,
    /// A record of that place was there before.
    Doubled,
    /// It stands behind one that it should stand before.
    Reordered,
    /// It does not follow the record before it: one of the two is not the one that was sent.
    Broken,
    /// Records are missing before it, and no record tells of it.
    Missing,
    /// Its signature does not verify, is gone, or is by a key that is not known.
    Unsigned,
    /// The chain has no signature that verifies.
    NeverSigned,
    /// The chain is in more pieces than are followed.
    Scattered,
}

impl Wrong {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unchained => "unchained",
            Self::Changed => "changed",
            Self::Doubled => "doubled",
            Self::Reordered => "reordered",
            Self::Broken => "broken",
            Self::Missing => "missing",
            Self::Unsigned => "unsigned",
            Self::NeverSigned => "never-signed",
            Self::Scattered => "scattered",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub wrong: Wrong,
    /// The line at which it is seen.
    pub at: Place,
    /// The chain; empty where there is none.
    pub chain: String,
    /// The record's place in it; of what is missing, the first and the last.
    pub records: (u64, u64),
}

/// What can be said of one chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Its id.
    pub chain: String,
    /// Records that are there.
    pub records: u64,
    /// The last one's place.
    pub last: u64,
    /// The place of the last signature that verifies; 0 where there is none.
    pub signed: u64,
    /// Whether its last record says that it ends.
    pub ended: bool,
    /// Records that the chain itself tells as lost on their way.
    pub lost: u64,
    /// Records that the chain itself tells as dropped before they were part of it.
    pub dropped: u64,
}

/// What came out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Each chain, by its id.
    pub chains: Vec<Summary>,
    /// What is wrong: the first ones by place, at most [`FINDINGS`].
    pub findings: Vec<Finding>,
    /// How much is wrong.
    pub wrong: u64,
    /// Lines that were read.
    pub lines: u64,
}

/// How many findings are kept.
pub const FINDINGS: usize = 1000;

/// Verifies lines as they come.
pub struct Verifier<'k> {
    keys: &'k [PublicKey],
    crypto: &'k dyn Crypto,
    chains: BTreeMap<Box<str>, Pieces>,
    at: Place,
    report: Report,
}

impl<'k> Verifier<'k> {
    /// A verifier that believes these keys. Without any it does not look at signatures.
    #[must_use]
    pub fn new(keys: &'k [PublicKey], crypto: &'k dyn Crypto) -> Self {
        Self { keys, crypto, chains: BTreeMap::new(), at: Place { file: 0, line: 0 }, report: Report::default() }
    }

    /// The lines that come are of another file.
    pub const fn next_file(&mut self) {
        self.at = Place { file: self.at.file + 1, line: 0 };
    }

    /// One line, without its end. An empty one says nothing.
    pub fn line(&mut self, line: &[u8]) {
        self.at.line += 1;
        if line.trim_ascii().is_empty() {
            return;
        }
        self.report.lines += 1;
        let as_sent = Attested::read(line).filter(|attested| attested.content == attested.fingerprint);
        if let Some(attested) = as_sent {
            return self.record(&attested, line);
        }
        let Some(anew) = line::canonical(line) else { return self.wrong(Wrong::Unchained, "", 0) };
        match Attested::read(anew.as_bytes()) {
            Some(attested) => self.record(&attested, anew.as_bytes()),
            None => self.wrong(Wrong::Unchained, "", 0),
        }
    }

    /// What came out of all lines.
    #[must_use]
    pub fn finish(mut self) -> Report {
        for (chain, pieces) in std::mem::take(&mut self.chains) {
            for (wrong, at, records) in pieces.join() {
                self.at = at;
                self.find(wrong, &chain, records);
            }
            let summary = pieces.summary(&chain);
            if summary.signed == 0 && !self.keys.is_empty() {
                self.at = pieces.first_seen();
                self.find(Wrong::NeverSigned, &chain, (1, summary.last));
            }
            self.report.chains.push(summary);
        }
        self.report.findings.sort_by_key(|finding| finding.at);
        self.report
    }

    fn record(&mut self, attested: &Attested<'_>, line: &[u8]) {
        if attested.content != attested.fingerprint {
            self.wrong(Wrong::Changed, attested.chain, attested.place);
        }
        let signed = self.is_signed(attested);
        if signed == Some(false) {
            self.wrong(Wrong::Unsigned, attested.chain, attested.place);
        }
        if !self.chains.contains_key(attested.chain) {
            self.chains.insert(attested.chain.into(), Pieces::new(self.at));
        }
        let Some(pieces) = self.chains.get_mut(attested.chain) else { return };
        if let Err(wrong) = pieces.add(attested, line, self.at, signed == Some(true)) {
            self.wrong(wrong, attested.chain, attested.place);
        }
    }

    /// Whether a signature verifies; `None` where none is due, or there is no key to look at it with.
    fn is_signed(&self, attested: &Attested<'_>) -> Option<bool> {
        let authority = attested.authority.filter(|_| !self.keys.is_empty())?;
        let key = self.keys.iter().find(|key| key.id() == Some(authority));
        let covered = super::chain::signed(&attested.fingerprint);
        let verifies = |key: &PublicKey| {
            let signature = attested.signature.as_deref()?;
            self.crypto.verify(key, Algorithm::EdDsa, covered.as_bytes(), signature).ok()
        };
        Some(key.and_then(verifies).is_some())
    }

    fn wrong(&mut self, wrong: Wrong, chain: &str, place: u64) {
        self.find(wrong, chain, (place, place));
    }

    fn find(&mut self, wrong: Wrong, chain: &str, records: (u64, u64)) {
        self.report.wrong += 1;
        if self.report.findings.len() < FINDINGS {
            self.report.findings.push(Finding { wrong, at: self.at, chain: chain.to_owned(), records });
        }
    }
}

#[cfg(test)]
mod tests;
