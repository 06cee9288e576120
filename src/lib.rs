//! eventguard judges every event that a call publishes: who publishes it, whether it is what the publisher signed, and whether
//! this publisher may publish this type to this topic. It runs in Envoy and Istio as a proxy-wasm filter, and on a desk as the
//! command line `eventguard`; both run the code of this library.
//!
//! # The path
//!
//! ```text
//! call -> events -> publisher -> signature -> rules -> verdict -> record
//! ```
//!
//! [`inspect`] composes it, and is read first. Each stage turns a less trusted value into a more trusted type with private fields
//! and one constructor: `fn(earlier values, its settings, now) -> Result<its type, its error>`. The first failure of a call is its
//! refusal, [`decision`] gives it its stable code, and every event gets its record, admitted or not.
//!
//! # The floor plan
//!
//! A module may name only the modules on the right of its row; `tests/floor_plan.rs` holds this table.
//!
//! | module | turns what into what | may name |
//! |---|---|---|
//! | `time` | wall-clock values | - |
//! | `budget` | what one call may cost, and one source of calls that come to nothing | `key` `crypto` `time` |
//! | `key` | a JWK into a key that is fit for use | - |
//! | `call` | a call as the wire gave it | - |
//! | `json` | bytes into JSON of one reading only | - |
//! | `schema` | a JSON Schema into a compiled contract, and data into nothing or where it breaks it | `json` |
//! | `avro` | an Avro schema into a compiled one, and data into nothing or where it breaks it | `json` |
//! | `cel` | the text of a condition into a checked program, and that into true, false or an error | `json` `time` |
//! | `crypto` | a key, bytes and a signature into nothing or an error: the one place that verifies | `key` |
//! | `keyset` | what key servers answer into the keys that may be used now, and what to fetch next | `json` `key` `crypto` `time` |
//! | `ledger` | what was published before, into nothing or why an event may not pass | `crypto` `time` |
//! | `protobuf` | message descriptors and bytes into a message of one reading only | `call` `json` `time` |
//! | `protocol` | a call into events | `call` `budget` `json` `protobuf` `time` |
//! | `identity` | a token into a publisher | `call` `key` `keyset` `crypto` `time` `json` |
//! | `signature` | covered bytes and a key into evidence | `call` `protocol` `identity` `key` `keyset` `crypto` `time` `json` |
//! | `rules` | facts into nothing or a violation | `avro` `call` `cel` `schema` `crypto` `ledger` `protobuf` `protocol` `identity` `signature` `time` `json` |
//! | `decision` | errors into refusals with codes; what is known of a judged call | `call` `crypto` `keyset` `ledger` `protocol` `identity` `signature` `rules` `time` |
//! | `policy` | everything that a call is judged by, compiled | `call` `budget` `key` `keyset` `ledger` `json` `time` `protocol` `identity` `signature` `rules` |
//! | `inspect` | a call into its outcome: the whole path | `call` `budget` `crypto` `keyset` `ledger` `time` `protocol` `identity` `signature` `rules` `decision` `policy` |
//! | `audit` | outcomes into records and spans, records into chains and batches, and chains into what is wrong with them | `call` `key` `crypto` `time` `json` `protocol` `identity` `signature` `rules` `decision` |
//! | `config` | policy text into a policy, or every error with its place | `avro` `call` `budget` `key` `cel` `schema` `crypto` `keyset` `ledger` `json` `time` `protobuf` `protocol` `identity` `signature` `rules` `policy` |
//! | `filter` | the proxy's events into commands to the proxy | all |
//! | `cli` | arguments and files into an exit code (the binary `eventguard`) | all but `filter` |
//!
//! # The trust boundary
//!
//! Trusted: the policy, the proxy's word on the peer's certificate and on its own route, and the clock. Everything else, every
//! header and every byte of a body, is an attacker's until a stage has said otherwise.
//!
//! What there is not, and where that is held:
//!
//! - no panic outside of tests (clippy lints in `Cargo.toml`), no `unsafe` outside of `filter` (`tests/floor_plan.rs`);
//! - no clock, no randomness, no environment, no input or output in the core: time and chance are arguments (`tests/floor_plan.rs`;
//!   the clock also in `clippy.toml`);
//! - no dependence on the machine: the tests of this library pass natively and as WebAssembly on 32 bits, and the cases also on a host that
//!   has nothing (`make test-node`);
//! - no error that lets a call pass: every stage's error is a refusal, and only the policy's `observe` says otherwise;
//! - no second reading: events are parsed once, strictly, and rules see the bytes that were signed;
//! - no token, key or data in a reply, a record, a span, the statistics or the log (`tests/record.rs`, `tests/envoy/test_leaks.py`).
//!
//! # Judging one call
//!
//! ```
//! use eventguard::call::Head;
//! use eventguard::crypto::RustCrypto;
//! use eventguard::identity::TokenCache;
//! use eventguard::inspect::{self, HeadMeans, Incoming, Means, Opening};
//! use eventguard::ledger::Memory;
//! use eventguard::policy::Hints;
//! use eventguard::time::Timestamp;
//!
//! let policy = eventguard::config::from_json(
//!     br#"{"version": 1,
//!          "routes": [{"name": "open", "match": {"path": "/events/{topic}"}, "protocol": "cloudevents", "anonymous": true}],
//!          "events": [{"type": "com.shop.*", "topics": ["carts"], "publishers": [{"subject": "cart-service"}]}]}"#,
//!     &|_name| None,
//! )
//! .expect("a policy");
//! let map = [(":method", "POST"), (":authority", "bus"), (":path", "/events/carts"), ("content-type", "application/cloudevents+json")];
//! let head = Head::from_map(map.into_iter().collect()).expect("a head");
//! let now = Timestamp::parse("2026-11-23T08:00:00Z").expect("a time");
//!
//! let opening = inspect::head(
//!     &policy,
//!     Incoming { head, hints: Hints::default(), peer: None },
//!     HeadMeans { now, tokens: &mut TokenCache::new(0, [0; 16]), crypto: &RustCrypto },
//! );
//! let Opening::Judge(opened) = opening else { panic!("the head is in order") };
//! let body = br#"{"specversion":"1.0","id":"1","source":"/cart","type":"com.shop.ItemAdded"}"#;
//! let outcome = inspect::body(&policy, &opened, body, Means { now, crypto: &RustCrypto, store: &Memory::default() });
//!
//! // Nobody signed the event, so nobody is known to publish it.
//! assert_eq!(outcome.refusal.expect("a refusal").code().as_str(), "rule.publisher");
//! ```

pub mod audit;
pub mod avro;
pub mod budget;
pub mod call;
pub mod cel;
pub mod config;
pub mod crypto;
pub mod decision;
pub mod filter;
pub mod identity;
pub mod inspect;
pub mod json;
pub mod key;
pub mod keyset;
pub mod ledger;
pub mod policy;
pub mod protobuf;
pub mod protocol;
pub mod rules;
pub mod schema;
pub mod signature;
pub mod time;
