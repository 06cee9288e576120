//! The pieces of one chain as they are found, and whether they are all of it.

use crate::audit::json::read_hex;
use std::collections::BTreeMap;

use super::line::{Attested, EXACT};
use super::{Place, Standing, Summary, Wrong};
use crate::json::{Document, Kind, Value};

/// Records in a row, each following the one before it.
#[derive(Debug)]
struct Piece {
    at: Place,
    /// What the first one says of the one before it.
    previous: Option<[u8; 32]>,
    /// What the first one tells as lost.
    lost: Option<Lost>,
    last: u64,
    head: [u8; 32],
}

/// Records that the chain tells as lost: their places, and the fingerprint of the last.
#[derive(Debug, Clone, Copy)]
struct Lost {
    first: u64,
    last: u64,
    head: Option<[u8; 32]>,
}

/// What of a chain was seen.
#[derive(Debug)]
pub(super) struct Pieces {
    first_seen: Place,
    last_seen: Place,
    /// How many pieces and losses are kept.
    most: usize,
    /// By the place of their first record.
    pieces: BTreeMap<u64, Piece>,
    /// The file of the last line, and the highest place in it.
    current: (usize, u64),
    /// The place of the record that says that it is the last.
    stop: Option<u64>,
    lost: Vec<Lost>,
    told: Summary,
    /// What was wrong with records that came.
    wrong: BTreeMap<Wrong, u64>,
}

impl Pieces {
    pub fn new(first_seen: Place, most: usize) -> Self {
        Self {
            first_seen,
            last_seen: first_seen,
            most,
            pieces: BTreeMap::new(),
            current: (0, 0),
            stop: None,
            lost: Vec::new(),
            told: Summary::default(),
            wrong: BTreeMap::new(),
        }
    }

    pub const fn first_seen(&self) -> Place {
        self.first_seen
    }

    pub const fn last_seen(&self) -> Place {
        self.last_seen
    }

    /// Something is wrong with a record that came.
    pub fn count(&mut self, wrong: Wrong) {
        *self.wrong.entry(wrong).or_default() += 1;
    }

    /// Puts a record where it belongs.
    pub fn add(&mut self, attested: &Attested<'_>, line: &[u8], at: Place, signed: bool) -> Result<(), Wrong> {
        let place = attested.place;
        self.last_seen = at;
        if self.pieces.range(..=place).next_back().is_some_and(|(_, piece)| piece.last >= place) {
            return Err(Wrong::Doubled);
        }
        let lost = if attested.is_note { self.read_note(line, place) } else { None };
        self.told.records += 1;
        if signed {
            self.told.signed = self.told.signed.max(place);
        }
        let is_late = self.current.0 == at.file && place < self.current.1;
        self.current = if self.current.0 == at.file { (at.file, place.max(self.current.1)) } else { (at.file, place) };
        let is_full = self.pieces.len() >= self.most;
        let before = self.pieces.range_mut(..=place).next_back().map(|(_, piece)| piece);
        match before.filter(|piece| !is_late && follows(piece, place, attested.previous, lost)) {
            Some(piece) => (piece.last, piece.head) = (place, attested.fingerprint),
            None if is_full => return Err(Wrong::Scattered),
            None => {
                let piece = Piece { at, previous: attested.previous, lost, last: place, head: attested.fingerprint };
                self.pieces.insert(place, piece);
            }
        }
        if is_late { Err(Wrong::Reordered) } else { Ok(()) }
    }

    /// What is wrong at the beginning, and where the pieces meet.
    pub fn join(&self) -> Vec<(Wrong, Place, (u64, u64))> {
        let mut wrong = Vec::new();
        if let Some((first, piece)) = self.pieces.first_key_value() {
            let is_beginning = *first == 1 && piece.previous.is_none();
            wrong.extend(self.broken_before(is_beginning, 0, *first, piece.at));
        }
        wrong.extend(self.breaks());
        wrong
    }

    /// What is wrong where the pieces meet.
    fn breaks(&self) -> impl Iterator<Item = (Wrong, Place, (u64, u64))> {
        self.pieces.values().zip(self.pieces.iter().skip(1)).filter_map(|(before, (first, piece))| {
            let is_joined = follows(before, *first, piece.previous, piece.lost);
            self.broken_before(is_joined, before.last, *first, piece.at)
        })
    }

    /// What is wrong before a piece that begins with `first`, where `end` is the last place before it.
    fn broken_before(&self, is_joined: bool, end: u64, first: u64, at: Place) -> Option<(Wrong, Place, (u64, u64))> {
        match (is_joined, end + 1 < first) {
            (false, true) => (!self.tells_of(end + 1, first - 1)).then_some((Wrong::Missing, at, (end + 1, first - 1))),
            (false, false) => Some((Wrong::Broken, at, (first, first))),
            (true, _) => None,
        }
    }

    /// Whether these places are among those that are told as lost, wherever that is told.
    fn tells_of(&self, from: u64, to: u64) -> bool {
        self.lost.iter().any(|lost| lost.first <= from && to <= lost.last)
    }

    pub fn summary(&self, chain: &str) -> Summary {
        let last = self.pieces.values().next_back().map_or(0, |piece| piece.last);
        Summary { chain: chain.to_owned(), last, ended: self.stop == Some(last), ..self.told.clone() }
    }

    /// How it stands. What is before its first record is not missed.
    pub fn standing(&self, chain: &str) -> Standing {
        let mut wrong = self.wrong.clone();
        for (what, _, (first, last)) in self.breaks() {
            *wrong.entry(what).or_default() += last - first + 1;
        }
        let first = self.pieces.first_key_value().map_or(0, |(first, _)| *first);
        Standing { summary: self.summary(chain), first, wrong }
    }

    /// What the stream tells of itself.
    fn read_note(&mut self, line: &[u8], place: u64) -> Option<Lost> {
        let document = Document::parse(line, 8).ok()?;
        let root = document.root();
        let code = root.get("metadata")?.get("event_code")?.as_str()?;
        let told = root.get("unmapped")?;
        match code.as_ref() {
            "stop" => self.stop = Some(place),
            "checkpoint" => self.told.checkpoints += 1,
            "drop" => self.told.dropped = self.told.dropped.saturating_add(number(told, "dropped")?),
            "gap" => {
                self.told.lost = self.told.lost.saturating_add(number(told, "dropped")?);
                let head = told.get("head").and_then(Value::as_str).and_then(|head| read_hex(&head));
                let lost = Lost { first: number(told, "first")?, last: number(told, "last")?, head };
                if self.lost.len() < self.most {
                    self.lost.push(lost);
                }
                return Some(lost);
            }
            _ => {}
        }
        None
    }
}

/// Whether a record at `place` follows a piece: it names the piece's end, or tells as lost what is between them. What is told as lost and
/// is there all the same is bound by the fingerprint of its end.
fn follows(piece: &Piece, place: u64, previous: Option<[u8; 32]>, lost: Option<Lost>) -> bool {
    match lost {
        Some(Lost { first, last, head }) if last + 1 == place => {
            let is_gone = piece.last + 1 == first && previous == Some(piece.head);
            let is_there = piece.last == last && head == Some(piece.head);
            is_gone || is_there
        }
        Some(_) | None => piece.last + 1 == place && previous == Some(piece.head),
    }
}

fn number(value: Value<'_, '_>, name: &str) -> Option<u64> {
    match value.get(name)?.kind() {
        Kind::Number(number) => number.parse().ok().filter(|number| *number < EXACT),
        Kind::Null | Kind::Bool(_) | Kind::String(_) | Kind::Array | Kind::Object => None,
    }
}
