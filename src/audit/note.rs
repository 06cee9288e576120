//! What the stream tells of itself, as records of OCSF's class Event Log Activity: that it starts and stops, what was dropped before it
//! was sent, what was sent and not taken, and the checkpoints that a key signs.

use super::drops::Counts;
use super::json::Writer;
use super::record::{PRODUCT, Uid, VERSION, Written, millis, write_uid};
use crate::time::Timestamp;

/// One thing that the stream tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The first record: by which policy is judged.
    Start {
        /// The policy's digest.
        policy: String,
    },
    /// The last record.
    Stop,
    /// A record that a key signs, so that nothing before it can be made anew.
    Checkpoint,
    /// There was no room for records, which are no part of the chain.
    Drop {
        /// How many.
        counts: Counts,
        /// Records that were lost so far, for whatever reason.
        total: u64,
    },
    /// Records were sent, and the log cluster did not take them.
    Gap {
        /// Which, and how many.
        gap: Gap,
        /// Records that were lost so far, for whatever reason.
        total: u64,
    },
}

/// Records that the log cluster did not take, by their places in the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gap {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// The fingerprint of the last, in hexadecimal: should they be there after all, they are bound too.
    pub head: String,
    /// Records of events that were lost.
    pub counts: Counts,
    /// Records that were lost besides, of which the log cluster did not say which.
    pub partly: u64,
}

impl Note {
    /// What tells it from others: `metadata.event_code`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Stop => "stop",
            Self::Checkpoint => "checkpoint",
            Self::Drop { .. } => "drop",
            Self::Gap { .. } => "gap",
        }
    }

    /// Whether it tells of a loss.
    #[must_use]
    pub const fn is_loss(&self) -> bool {
        matches!(self, Self::Drop { .. } | Self::Gap { .. })
    }

    /// `activity_id` and `activity_name` of Event Log Activity.
    const fn activity(&self) -> (&'static str, &'static str) {
        match self {
            Self::Start { .. } => ("6", "Start"),
            Self::Stop => ("7", "Stop"),
            Self::Checkpoint => ("99", "Checkpoint"),
            Self::Drop { .. } => ("99", "Drop"),
            Self::Gap { .. } => ("99", "Gap"),
        }
    }

    /// The record.
    pub(super) fn write(&self, uid: Uid<'_>, now: Timestamp) -> Written {
        let (activity, name) = self.activity();
        let mut json = Writer(String::with_capacity(768));
        json.raw("{\"activity_id\":");
        json.raw(activity);
        json.raw(",\"activity_name\":\"");
        json.raw(name);
        json.raw("\",");
        let gap = json.0.len();
        json.raw("\"category_uid\":1,\"class_uid\":1008,\"log_name\":\"eventguard\",\"message\":\"");
        json.raw(self.code());
        if let Self::Drop { counts: Counts { admitted, refused }, .. } = self {
            json.number(" ", admitted + refused, " records");
        }
        json.raw("\",\"metadata\":{\"event_code\":\"");
        json.raw(self.code());
        json.raw("\"");
        json.raw(PRODUCT);
        write_uid(&mut json, ",\"uid\":\"", Some(uid));
        json.raw(VERSION);
        json.raw(if self.is_loss() { ",\"severity_id\":4" } else { ",\"severity_id\":1" });
        json.number(",\"time\":", millis(now), ",\"type_uid\":1008");
        json.raw(if activity.len() == 1 { "0" } else { "" });
        json.raw(activity);
        json.raw(",\"unmapped\":{");
        self.write_unmapped(&mut json);
        json.raw("}}");
        Written { json: json.0, gap }
    }

    fn write_unmapped(&self, json: &mut Writer) {
        match self {
            Self::Start { policy } => json.text("\"policy\":", Some(policy), 64, ""),
            Self::Stop | Self::Checkpoint => {}
            Self::Drop { counts: Counts { admitted, refused }, total } => {
                json.number("\"admitted\":", *admitted, ",");
                json.number("\"dropped\":", admitted + refused, ",");
                json.number("\"refused\":", *refused, ",");
                json.number("\"total\":", *total, "");
            }
            Self::Gap { gap: Gap { first, last, head, counts: Counts { admitted, refused }, partly }, total } => {
                json.number("\"admitted\":", *admitted, ",");
                json.number("\"dropped\":", admitted + refused + partly, ",");
                json.number("\"first\":", *first, ",");
                json.text("\"head\":", Some(head).filter(|head| !head.is_empty()).map(String::as_str), 64, ",");
                json.number("\"last\":", *last, ",");
                json.number("\"refused\":", *refused, ",");
                json.number("\"total\":", *total, "");
            }
        }
    }
}
