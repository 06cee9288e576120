//! Measures natively what proxy.rs measures in Envoy: a task a line in, a line out. For tests/bench/crypto.py.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark may panic, and needs a clock"
)]

use std::io::{BufRead as _, stdin};

use eventguard as library;
use eventguard::crypto::RustCrypto;

mod measure;

fn main() {
    for line in stdin().lock().lines() {
        println!("{}", measure::measure(&serde_json::from_str(&line.unwrap()).unwrap(), &RustCrypto));
    }
}
