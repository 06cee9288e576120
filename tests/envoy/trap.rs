//! A filter that lets a call go on only with the header `x-pass`, holds it until it is whole as eventguard does, and traps where the
//! header `x-trap`, or its configuration, says so. What then becomes of calls is the proxy's doing; test_trap.py looks at it.
#![cfg(target_os = "wasi")]
#![expect(missing_docs, reason = "the macro of the SDK makes a function without")]
#![expect(clippy::panic, reason = "that is what it is for")]

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

/// Asked for by a call, done in the root context.
static AT_TICK: AtomicBool = AtomicBool::new(false);
static AT_ANSWER: AtomicBool = AtomicBool::new(false);
static AT_GRPC_ANSWER: AtomicBool = AtomicBool::new(false);

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::<Root>::default());
}}

#[derive(Default)]
struct Root {
    /// What its configuration asks for: `configure` or `end`.
    trap: Vec<u8>,
}

impl Context for Root {
    fn on_grpc_call_response(&mut self, _: u32, _: u32, _: usize) {
        panic!("in the answer to a gRPC call of ours");
    }

    fn on_done(&mut self) -> bool {
        assert!(self.trap != b"end", "in its end");
        true
    }

    fn on_http_call_response(&mut self, _: u32, _: usize, _: usize, _: usize) {
        panic!("in the answer to a call of ours");
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        self.trap = self.get_plugin_configuration().unwrap_or_default();
        assert!(self.trap != b"configure", "in its configuration");
        self.set_tick_period(Duration::from_millis(50));
        true
    }

    fn on_tick(&mut self) {
        assert!(!AT_TICK.load(Relaxed), "in a tick");
        if AT_ANSWER.swap(false, Relaxed) {
            let head = vec![(":method", "GET"), (":path", "/"), (":authority", "upstream")];
            let sent = self.dispatch_http_call("upstream", head, None, Vec::new(), Duration::from_secs(1));
            assert!(sent.is_ok(), "the call was not made");
        }
        if AT_GRPC_ANSWER.swap(false, Relaxed) {
            let sent = self.dispatch_grpc_call("upstream", "s.S", "M", Vec::new(), None, Duration::from_secs(1));
            assert!(sent.is_ok(), "the gRPC call was not made");
        }
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Call { trap: Vec::new() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Call {
    trap: Vec<u8>,
}

impl Call {
    fn reached(&self, place: &str) {
        assert!(self.trap != place.as_bytes(), "in the {place}");
    }
}

impl Context for Call {
    fn on_done(&mut self) -> bool {
        self.reached("done");
        true
    }
}

impl HttpContext for Call {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.trap = self.get_http_request_header_bytes("x-trap").unwrap_or_default();
        self.reached("headers");
        AT_TICK.fetch_or(self.trap == b"tick", Relaxed);
        AT_ANSWER.fetch_or(self.trap == b"answer", Relaxed);
        AT_GRPC_ANSWER.fetch_or(self.trap == b"grpc-answer", Relaxed);
        if self.get_http_request_header_bytes("x-pass").is_none() {
            self.send_http_response(403, Vec::new(), None);
            return Action::Pause;
        }
        if end_of_stream { Action::Continue } else { Action::Pause }
    }

    fn on_http_request_body(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.reached("body");
        if end_of_stream { Action::Continue } else { Action::Pause }
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.reached("trailers");
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.reached("response-headers");
        Action::Continue
    }

    fn on_http_response_body(&mut self, _: usize, _: bool) -> Action {
        self.reached("response-body");
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.reached("response-trailers");
        Action::Continue
    }

    fn on_log(&mut self) {
        self.reached("log");
    }
}
