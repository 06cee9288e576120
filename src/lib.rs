//! eventguard
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod budget;
pub mod call;
pub mod crypto;
pub mod json;
pub mod key;
pub mod time;
