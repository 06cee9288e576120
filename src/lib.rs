//! eventguard

pub mod audit;
pub mod budget;
pub mod call;
pub mod config;
pub mod crypto;
pub mod decision;
pub mod filter;
pub mod identity;
pub mod inspect;
pub mod json;
pub mod key;
pub mod policy;
pub mod protocol;
pub mod rules;
pub mod signature;
pub mod time;
