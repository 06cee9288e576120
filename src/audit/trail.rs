//! The stream of records as it is sent: each gets its number and its place in the chain, and the stream tells of itself between them,
//! signed where a key stands for all that came before.

use std::sync::Arc;
use std::time::Duration;

use super::aftermath::Aftermath;
use super::chain::{Chain, Mark};
use super::envelope::Envelope;
use super::form::Linked;
use super::note::{Gap, Note};
use super::record::{Record, Uid, Written};
use super::settings::{Checkpoint, Integrity};
use crate::key::SigningKey;
use crate::time::Timestamp;

/// The stream of one worker and boot.
#[derive(Debug)]
pub(super) struct Trail {
    integrity: Integrity,
    checkpoint: Option<Checkpoint>,
    /// The digest of the policy, for the first record.
    policy: String,
    chain: Chain,
    /// The number of the record that was written last.
    number: u64,
    /// Since when records are sent and not signed, and how many.
    unsigned: Option<(Duration, u64)>,
    /// When it was signed last.
    signed: Option<Timestamp>,
    stopped: bool,
}

impl Trail {
    pub fn new(integrity: Integrity, checkpoint: Option<Checkpoint>, policy: &str, seed: [u8; 16]) -> Self {
        let policy = policy.to_owned();
        Self { integrity, checkpoint, policy, chain: Chain::new(seed), number: 0, unsigned: None, signed: None, stopped: false }
    }

    /// Writes a record under the next number.
    pub fn write(&mut self, record: &Record<'_>) -> (u64, Written) {
        self.number += 1;
        (self.number, record.write(Some(Uid { chain: self.chain.uid(), number: self.number })))
    }

    /// The same for what is known of a call when it has ended.
    pub fn write_aftermath(&mut self, aftermath: &Aftermath<'_>) -> (u64, Written) {
        self.number += 1;
        (self.number, aftermath.write(Uid { chain: self.chain.uid(), number: self.number }))
    }

    /// The chain's id.
    pub fn chain(&self) -> &str {
        self.chain.uid()
    }

    /// Where it stands.
    pub fn mark(&self) -> Mark {
        self.chain.mark()
    }

    /// Records that have their place in the chain, where they are one.
    pub fn chained(&self) -> u64 {
        match self.integrity {
            Integrity::Chain => self.chain.length(),
            Integrity::None => 0,
        }
    }

    /// When it was signed last.
    pub fn signed(&self) -> Option<Timestamp> {
        self.signed
    }

    /// Whether it has begun and not ended.
    pub fn is_open(&self) -> bool {
        self.chain.length() > 0 && !self.stopped
    }

    /// Whether what was sent is to be signed, with `more` records that are about to be.
    pub fn is_checkpoint_due(&self, now: Duration, more: u64) -> bool {
        let Some(Checkpoint { records, interval, .. }) = &self.checkpoint else { return false };
        let enough = |(since, count)| count + more >= *records || now.saturating_sub(since) >= *interval;
        self.unsigned.map_or(more >= *records, enough)
    }

    /// The first record, where it was not sent yet.
    pub fn start(&mut self, records: &mut Vec<Linked>, now: Timestamp) {
        if self.chain.length() == 0 {
            let policy = std::mem::take(&mut self.policy);
            self.tell(&Note::Start { policy }, records, now);
        }
    }

    /// The end of a batch that stands behind `mark`: the last record of all, or a checkpoint where one is due.
    pub fn close(&mut self, mark: &Mark, last: bool, records: &mut Vec<Linked>, now: Timestamp, elapsed: Duration) {
        let more = self.chain.length() - mark.length;
        if last && self.is_open() {
            self.stopped = true;
            self.tell(&Note::Stop, records, now);
        } else if self.is_checkpoint_due(elapsed, more) {
            self.tell(&Note::Checkpoint, records, now);
        } else {
            let (since, count) = self.unsigned.unwrap_or((elapsed, 0));
            self.unsigned = Some((since, count + more));
        }
    }

    /// Adds what the stream tells of itself.
    pub fn tell(&mut self, note: &Note, records: &mut Vec<Linked>, now: Timestamp) {
        self.number += 1;
        let written = note.write(Uid { chain: self.chain.uid(), number: self.number }, now);
        let signs = matches!(note, Note::Checkpoint | Note::Stop);
        let key = self.checkpoint.as_ref().filter(|_| signs).map(|checkpoint| Arc::clone(&checkpoint.key));
        if signs {
            self.unsigned = None;
            self.signed = key.is_some().then_some(now).or(self.signed);
        }
        let json = self.link(self.number, written, key.as_deref());
        records.push(Linked { number: self.number, envelope: Envelope::of_note(note, now), json });
    }

    /// The record with its place in the chain.
    pub fn link(&mut self, number: u64, record: Written, key: Option<&SigningKey>) -> String {
        match self.integrity {
            Integrity::Chain => self.chain.link(number, &record, key),
            Integrity::None => {
                self.chain.count();
                record.json
            }
        }
    }

    /// What was sent behind `mark` was not taken, or not all of it: the next record follows the one at the mark.
    pub fn lose(&mut self, mark: &Mark, elapsed: Duration) -> Gap {
        let gap = Gap { first: mark.length + 1, last: self.chain.length(), head: self.chain.head(), ..Gap::default() };
        self.chain.go_back(mark);
        self.stopped = false;
        self.unsigned.get_or_insert((elapsed, 1));
        gap
    }
}
