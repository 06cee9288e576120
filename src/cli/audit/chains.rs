//! How the chains of records stand, for whoever looks on: verified as they come, with the code of `audit verify`. Bounded, whatever is sent.

use eventguard::audit::verify::{Room, Standing, Summary, Verifier};
use eventguard::crypto::RustCrypto;
use eventguard::key::PublicKey;
use serde::Serialize;

/// A chain is of one worker of one proxy; what was ended long ago makes room.
const ROOM: Room = Room { chains: 64, pieces: 256 };

/// Chains that a terminal shows.
const LINES: usize = 10;

/// What is shown of a chain. Its id may be anything.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    pub chain: String,
    pub records: u64,
    pub first: u64,
    pub last: u64,
    pub checkpoints: u64,
    /// The place of the last signature that verified; 0 where none did, or no key is known.
    pub signed: u64,
    /// What the chain tells of itself: records that were lost on their way, and before.
    pub lost: u64,
    pub dropped: u64,
    /// `open`, `ended`, or what is wrong.
    pub state: String,
    pub wrong: bool,
}

/// The chains.
pub struct Chains {
    verifier: Verifier<'static>,
}

impl Default for Chains {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Chains {
    /// Chains whose checkpoints are believed if one of these keys signed them.
    pub fn new(keys: Vec<PublicKey>) -> Self {
        Self { verifier: Verifier::new(keys, &RustCrypto).within(ROOM) }
    }

    /// Takes a record, as it was sent.
    pub fn add(&mut self, line: &str) {
        self.verifier.line(line.as_bytes());
    }

    pub fn rows(&self) -> Vec<Row> {
        self.verifier.standings().map(row).collect()
    }

    /// What is not shown of records; `None` where there is nothing.
    pub fn besides(&self) -> Option<String> {
        let (unchained, forgotten) = (self.verifier.unchained(), self.verifier.forgotten());
        let unchained = (unchained > 0).then(|| format!("{unchained} records are of no chain"));
        let forgotten = (forgotten > 0).then(|| format!("{forgotten} chains are not shown any more"));
        let told: Vec<_> = unchained.into_iter().chain(forgotten).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// The chains in lines for a terminal: first those with which something is wrong.
    pub fn view(&self) -> String {
        let mut rows = self.rows();
        rows.sort_by_key(|row| !row.wrong);
        let mut view = String::new();
        for Row { chain, first, last, checkpoints, signed, lost, dropped, state, .. } in rows.iter().take(LINES) {
            let chain = chain.escape_debug();
            view += &format!("  {chain}  {first} to {last}, {checkpoints} checkpoints, signed up to {signed}, ");
            view += &format!("{lost} lost and {dropped} dropped: {state}\n");
        }
        if let Some(more) = rows.len().checked_sub(LINES).filter(|more| *more > 0) {
            view += &format!("  {more} chains more\n");
        }
        self.besides().into_iter().for_each(|besides| view += &format!("  {besides}\n"));
        view
    }
}

fn row(Standing { summary, first, wrong }: Standing) -> Row {
    let Summary { chain, records, last, signed, checkpoints, ended, lost, dropped } = summary;
    let told: Vec<_> = wrong.iter().map(|(wrong, count)| format!("{count} {}", wrong.as_str())).collect();
    let state = match (told.is_empty(), ended) {
        (false, _) => told.join(", "),
        (true, true) => "ended".to_owned(),
        (true, false) => "open".to_owned(),
    };
    Row { chain, records, first, last, checkpoints, signed, lost, dropped, state, wrong: !wrong.is_empty() }
}
