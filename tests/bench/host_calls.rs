//! A filter that asks the proxy for all that eventguard asks it for with a call like that of `make bench`, and thinks nothing: what is between
//! it and eventguard is what judging takes, and what is between it and `read_only` nobody can save who tells as much.
#![cfg(target_os = "wasi")]
#![expect(missing_docs, reason = "the macro of the SDK makes a function without")]
#![expect(clippy::disallowed_methods, reason = "reading the clock is one of the calls")]

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel, MetricType};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Warn);
    proxy_wasm::set_root_context(|_| Box::<Root>::default());
}}

/// As long as a record.
const RECORD: [u8; 1400] = [b'a'; 1400];

#[derive(Default)]
struct Root {
    /// The times of the head, the body, the record and the whole call; calls.
    metrics: Rc<Vec<u32>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        let define = |name: &&str| {
            let kind = if *name == "calls" { MetricType::Counter } else { MetricType::Histogram };
            hostcalls::define_metric(kind, &format!("host_calls_{name}")).ok()
        };
        self.metrics = Rc::new(["head", "body", "record", "call", "calls"].iter().filter_map(define).collect());
        self.metrics.len() == 5
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Caller { metrics: Rc::clone(&self.metrics), found: 0 }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Caller {
    metrics: Rc<Vec<u32>>,
    found: usize,
}

impl Caller {
    fn took(&self, metric: usize, since: u64) {
        if let Some(id) = self.metrics.get(metric) {
            // What is measured is the call, whatever comes of it; so below.
            let _ = hostcalls::record_metric(*id, now().saturating_sub(since));
        }
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn property(path: [&str; 2]) -> usize {
    hostcalls::get_property(path.to_vec()).ok().flatten().map_or(0, |found| found.len())
}

impl Context for Caller {}

impl HttpContext for Caller {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let began = now();
        self.found = property(["xds", "route_metadata"]) + property(["connection", "uri_san_peer_certificate"]);
        self.found += self.get_http_request_headers_bytes().len();
        self.set_http_request_header("authorization", None);
        self.set_http_request_header("x-eventguard-publisher", Some("https://idp.shop.example/realms/shop/shipping-service"));
        self.took(0, began);
        Action::Continue
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if !end_of_stream {
            return Action::Pause;
        }
        let began = now();
        self.found += property(["upstream", "address"]);
        let body = self.get_http_request_body(0, size);
        self.took(1, began);
        let _ = hostcalls::set_property(vec!["host_calls"], Some(&RECORD));
        self.took(2, began);
        if let Some(id) = self.metrics.get(4) {
            let _ = hostcalls::increment_metric(*id, 1);
        }
        self.took(3, began);
        // Never true; it keeps what was read from being taken out.
        if self.found == 0 && body.is_none() {
            self.send_http_response(500, Vec::new(), None);
            return Action::Pause;
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        Action::Continue
    }
}
