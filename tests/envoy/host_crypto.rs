//! Judges the vectors of project Wycheproof through the proxy, when a call comes: answers 200 where every one is judged as it must
//! be, and traps, with the difference in the log, where one is not. For test_host_crypto.py.
#![cfg(target_os = "wasi")]
#![expect(missing_docs, reason = "the macro of the SDK makes a function without")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use library::filter::native::HostCrypto;
use library::{call, crypto, key, time};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

/// The files of the library themselves: the library as a whole brings its own entry point, and a module has one.
#[path = "../../src"]
#[expect(dead_code, unused_imports, reason = "they hold more than is needed here")]
mod library {
    pub mod call;
    pub mod crypto;
    pub mod key;
    pub mod time;
    pub mod filter {
        mod host;
        pub mod native;
        mod wire;
    }
}

#[path = "../wycheproof/vectors.rs"]
#[expect(dead_code, reason = "what would take seconds here is not run")]
mod vectors;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;

impl Context for Root {}

impl RootContext for Root {
    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Judge))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Judge;

impl Context for Judge {}

impl HttpContext for Judge {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let crypto = HostCrypto::probe();
        assert!(crypto.is_available(), "the proxy does not verify");
        vectors::check(&crypto);
        self.send_http_response(200, Vec::new(), Some(b"judged"));
        Action::Pause
    }
}
