//! Measures in Envoy: the body of a call is a task, the answer what it costs. `by` says who verifies: `module`, `proxy`, or `bare`, the
//! proxy with nothing of ours around it, on `arguments` as `verify_signature` takes them. For tests/bench/crypto.py.
#![cfg(target_os = "wasi")]
#![expect(missing_docs, reason = "the macro of the SDK makes a function without")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a benchmark may panic, and needs a clock"
)]

use std::cell::Cell;

use library::crypto::RustCrypto;
use library::filter::host::foreign_function;
use library::filter::native::HostCrypto;
use library::{avro, budget, call, cel, crypto, decision, identity, json, key, keyset, ledger, policy, protobuf};
use library::{protocol, rules, schema, signature, time};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};
use serde_json::{Value, json};

/// The files of the library themselves: the library as a whole brings its own entry point, and a module has one.
#[path = "../../../src"]
#[expect(dead_code, unused_imports, reason = "they hold more than is needed here")]
mod library {
    pub mod avro;
    pub mod budget;
    pub mod call;
    pub mod cel;
    pub mod config;
    pub mod crypto;
    pub mod decision;
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
    pub mod filter {
        pub mod host;
        pub mod native;
        mod wire;
    }
}

mod measure;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;

impl Context for Root {}

impl RootContext for Root {
    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Bench))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Bench;

impl Context for Bench {}

impl HttpContext for Bench {
    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if end_of_stream {
            let task: Value = serde_json::from_slice(&self.get_http_request_body(0, size).unwrap()).unwrap();
            self.send_http_response(200, Vec::new(), Some(answer(&task).to_string().as_bytes()));
        }
        Action::Pause
    }
}

fn answer(task: &Value) -> Value {
    match task["by"].as_str().unwrap() {
        "module" => measure::measure(task, &RustCrypto),
        "proxy" => measure::measure(task, &HostCrypto::probe()),
        _ => {
            let (arguments, done) = (measure::bytes(task, "arguments"), Cell::new(true));
            let ns = measure::best(task["rounds"].as_u64().unwrap_or(100), || {
                let answer = foreign_function("verify_signature", &arguments).ok().flatten();
                done.set(done.get() && answer.as_deref() == Some(&[8, 1]));
            });
            json!({ "ns": ns, "done": done.get() })
        }
    }
}
