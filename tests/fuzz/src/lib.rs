//! What the fuzz targets share: calls out of a fuzzer's bytes, crypto that can be signed for, a policy whose keys never signed
//! anything, and the readings that the library's own are held against. A target panics where its property does not hold.

pub mod call;
pub mod crypto;
pub mod event;
pub mod json;
pub mod messages;
pub mod policy;
pub mod pool;
