//! The records of a call into filter state, for the proxy's own access loggers: one line, bounded.

use std::borrow::Cow;

use super::record::{Record, Written};

/// Bytes of filter state: what the access log is given for one call.
pub const FILTER_STATE: usize = 16 << 10;

impl Record<'_> {
    /// What goes into the filter state for the proxy's access logs: the record of a call with one event, an array of the records
    /// where there are more, each given with whether its event is to blame. It is one line of at most [`FILTER_STATE`] bytes; where
    /// they do not all fit, those that were refused by themselves come first, and `count` still says how many there are.
    #[must_use]
    pub fn filter_state<'w>(records: &[(bool, &'w Written)]) -> Cow<'w, str> {
        match records {
            [(_, record)] => Cow::Borrowed(&record.json),
            records => Cow::Owned(array(records)),
        }
    }
}

/// A JSON array of the records, of at most [`FILTER_STATE`] bytes.
fn array(records: &[(bool, &Written)]) -> String {
    let whole = records.iter().map(|(_, record)| record.json.len() + 1).sum::<usize>() < FILTER_STATE;
    let those = |first: bool| records.iter().filter(move |(to_blame, _)| (*to_blame || whole) == first);
    let mut text = String::from("[");
    for (_, record) in those(true).chain(those(false)) {
        if text.len() + record.json.len() + 1 >= FILTER_STATE {
            break;
        }
        text.push_str(if text.len() > 1 { "," } else { "" });
        text.push_str(&record.json);
    }
    text.push(']');
    text
}
