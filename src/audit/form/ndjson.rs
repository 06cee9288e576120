//! Records as lines of JSON, for whoever takes a body as it is: a collector's HTTP source, an object store's gateway, a script.

use super::Linked;

pub(super) const CONTENT_TYPE: &str = "application/x-ndjson";

/// A line for each record.
pub(super) fn body(records: &[Linked]) -> Vec<u8> {
    let mut body = Vec::with_capacity(records.iter().map(|record| record.json.len() + 1).sum());
    for record in records {
        body.extend_from_slice(record.json.as_bytes());
        body.push(b'\n');
    }
    body
}
