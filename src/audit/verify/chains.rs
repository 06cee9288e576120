//! The pieces of one chain as they are found, and whether they are all of it.

use crate::audit::json::read_hex;
use std::collections::BTreeMap;

use super::line::Attested;
use super::{Place, Summary, Wrong};
use crate::json::{Document, Kind, Value};

/// Pieces of one chain that are followed: a chain in more of them is not one that somebody could make sense of.
const PIECES: usize = 10_000;

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
    /// By the place of their first record.
    pieces: BTreeMap<u64, Piece>,
    /// The file of the last line, and the highest place in it.
    current: (usize, u64),
    /// The place of the record that says that it is the last.
    stop: Option<u64>,
    lost: Vec<Lost>,
    told: Summary,
}

impl Pieces {
    pub fn new(first_seen: Place) -> Self {
        Self { first_seen, pieces: BTreeMap::new(), current: (0, 0), stop: None, lost: Vec::new(), told: Summary::default() }
    }

    pub const fn first_seen(&self) -> Place {
        self.first_seen
    }

    /// Puts a record where it belongs.
    pub fn add(&mut self, attested: &Attested<'_>, line: &[u8], at: Place, signed: bool) -> Result<(), Wrong> {
        let place = attested.place;
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
        let is_full = self.pieces.len() >= PIECES;
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

    /// What is wrong where the pieces meet.
    pub fn join(&self) -> Vec<(Wrong, Place, (u64, u64))> {
        let mut wrong = Vec::new();
        let mut before: Option<&Piece> = None;
        for (first, piece) in &self.pieces {
            let end = before.map_or(0, |before| before.last);
            let is_joined = match before {
                Some(before) => follows(before, *first, piece.previous, piece.lost),
                None => *first == 1 && piece.previous.is_none(),
            };
            match (is_joined, end + 1 < *first) {
                (false, true) if !self.tells_of(end + 1, *first - 1) => {
                    wrong.push((Wrong::Missing, piece.at, (end + 1, *first - 1)));
                }
                (false, false) => wrong.push((Wrong::Broken, piece.at, (*first, *first))),
                (true, _) | (false, true) => {}
            }
            before = Some(piece);
        }
        wrong
    }

    /// Whether these places are among those that are told as lost, wherever that is told.
    fn tells_of(&self, from: u64, to: u64) -> bool {
        self.lost.iter().any(|lost| lost.first <= from && to <= lost.last)
    }

    pub fn summary(&self, chain: &str) -> Summary {
        let last = self.pieces.values().next_back().map_or(0, |piece| piece.last);
        Summary { chain: chain.to_owned(), last, ended: self.stop == Some(last), ..self.told.clone() }
    }

    /// What the stream tells of itself.
    fn read_note(&mut self, line: &[u8], place: u64) -> Option<Lost> {
        let document = Document::parse(line, 8).ok()?;
        let root = document.root();
        let code = root.get("metadata")?.get("event_code")?.as_str()?;
        let told = root.get("unmapped")?;
        match code.as_ref() {
            "stop" => self.stop = Some(place),
            "drop" => self.told.dropped += number(told, "dropped")?,
            "gap" => {
                self.told.lost += number(told, "dropped")?;
                let head = told.get("head").and_then(Value::as_str).and_then(|head| read_hex(&head));
                let lost = Lost { first: number(told, "first")?, last: number(told, "last")?, head };
                if self.lost.len() < PIECES {
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
        Kind::Number(number) => number.parse().ok(),
        Kind::Null | Kind::Bool(_) | Kind::String(_) | Kind::Array | Kind::Object => None,
    }
}
