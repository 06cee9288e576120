//! A filter that reads what eventguard reads, the whole header map and the whole body, holds the body as long, and judges nothing:
//! what any filter of this kind costs at least. `make bench` measures eventguard against it.
#![cfg(target_os = "wasi")]
#![expect(missing_docs, reason = "the macro of the SDK makes a function without")]

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Warn);
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;

impl Context for Root {}

impl RootContext for Root {
    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Reader { headers: 0 }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Reader {
    headers: usize,
}

impl Context for Reader {}

impl HttpContext for Reader {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        self.headers = self.get_http_request_headers_bytes().len();
        Action::Continue
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if !end_of_stream {
            return Action::Pause;
        }
        let body = self.get_http_request_body(0, size);
        // Never true; it keeps both reads from being taken out.
        if self.headers == 0 && body.is_none() {
            self.send_http_response(500, Vec::new(), None);
            return Action::Pause;
        }
        Action::Continue
    }
}
