//! Lines of records into what can be said of their chains: that they are whole, or the first record that was changed, left out, doubled
//! or put elsewhere. Reads lines of many chains in the order of their files, whatever order the files are in, and keeps no line: what it
//! remembers is a place and a fingerprint for each stretch of a chain without a break. Says at the end what came out, or meanwhile how each
//! chain stands.

mod chains;
mod line;

use std::borrow::Cow;
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
    /// Checkpoints that are there, whoever signed them.
    pub checkpoints: u64,
    /// Whether its last record says that it ends.
    pub ended: bool,
    /// Records that the chain itself tells as lost on their way.
    pub lost: u64,
    /// Records that the chain itself tells as dropped before they were part of it.
    pub dropped: u64,
}

/// How a chain stands that may not be complete yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// What can be said of it.
    pub summary: Summary,
    /// The place of the first record that is there. What is before it may be elsewhere: it is not wrong that it is not here.
    pub first: u64,
    /// What is wrong, and with how many records.
    pub wrong: BTreeMap<Wrong, u64>,
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

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Chains. For one more, the one that was quiet for longest is forgotten.
    pub chains: usize,
    /// Pieces of one chain that are followed, and losses that it tells of.
    pub pieces: usize,
}

impl Room {
    /// All chains. One that is in more pieces than these is not one that somebody could make sense of.
    pub const ALL: Self = Self { chains: usize::MAX, pieces: 10_000 };
}

/// Verifies lines as they come.
pub struct Verifier<'k> {
    keys: Cow<'k, [PublicKey]>,
    crypto: &'k dyn Crypto,
    room: Room,
    chains: BTreeMap<Box<str>, Pieces>,
    at: Place,
    report: Report,
    unchained: u64,
    forgotten: u64,
}

impl<'k> Verifier<'k> {
    /// A verifier that believes these keys. Without any it does not look at signatures.
    #[must_use]
    pub fn new(keys: impl Into<Cow<'k, [PublicKey]>>, crypto: &'k dyn Crypto) -> Self {
        Self {
            keys: keys.into(),
            crypto,
            room: Room::ALL,
            chains: BTreeMap::new(),
            at: Place { file: 0, line: 0 },
            report: Report::default(),
            unchained: 0,
            forgotten: 0,
        }
    }

    /// The verifier that remembers no more than this.
    #[must_use]
    pub const fn within(mut self, room: Room) -> Self {
        self.room = room;
        self
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
        let anew = line::canonical(line).unwrap_or_default();
        match Attested::read(anew.as_bytes()) {
            Some(attested) => self.record(&attested, anew.as_bytes()),
            None => {
                self.unchained += 1;
                self.wrong(Wrong::Unchained, "", 0);
            }
        }
    }

    /// How each chain stands, by its id.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        self.chains.iter().map(|(chain, pieces)| pieces.standing(chain))
    }

    /// Lines so far that are part of no chain.
    #[must_use]
    pub const fn unchained(&self) -> u64 {
        self.unchained
    }

    /// Chains so far that were forgotten for others.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
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
        let signed = self.is_signed(attested);
        if !self.chains.contains_key(attested.chain) {
            self.make_room();
            self.chains.insert(attested.chain.into(), Pieces::new(self.at, self.room.pieces));
        }
        let Some(pieces) = self.chains.get_mut(attested.chain) else { return };
        let changed = (attested.content != attested.fingerprint).then_some(Wrong::Changed);
        let unsigned = (signed == Some(false)).then_some(Wrong::Unsigned);
        let misplaced = pieces.add(attested, line, self.at, signed == Some(true)).err();
        let wrong = [changed, unsigned, misplaced];
        wrong.into_iter().flatten().for_each(|wrong| pieces.count(wrong));
        wrong.into_iter().flatten().for_each(|wrong| self.wrong(wrong, attested.chain, attested.place));
    }

    /// Room for one chain more.
    fn make_room(&mut self) {
        if self.chains.len() < self.room.chains {
            return;
        }
        let quiet = self.chains.iter().min_by_key(|(_, pieces)| pieces.last_seen()).map(|(chain, _)| chain.clone());
        if let Some(chain) = quiet {
            self.chains.remove(&chain);
            self.forgotten += 1;
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
