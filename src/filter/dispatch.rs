//! What the proxy calls (proxy-wasm ABI 0.2.1) into callbacks of the plugin and of its calls. By hand: the SDK exports every callback that
//! the ABI has, each of which the proxy then makes for every call, looks a context up in three tables, and panics where it finds none.
#![expect(unsafe_code, reason = "the proxy finds what it calls by names that are not mangled")]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::host;
use super::http::Call;
use super::root::Root;

/// Whether the proxy hands on what it has just told us.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It does.
    Continue = 0,
    /// It holds it.
    Pause = 1,
}

/// Whom the proxy asks for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// A cluster that speaks HTTP.
    Http,
    /// One that speaks gRPC.
    Grpc,
}

/// By the proxy's numbers.
type Numbered<T> = RefCell<HashMap<u32, T, BuildHasherDefault<Spread>>>;

/// The contexts of one thread.
struct Contexts {
    plugins: Numbered<Root>,
    calls: Numbered<Call>,
    /// Which of them the proxy has called.
    active: Cell<u32>,
    /// Which of them has asked somebody, by the number of the question.
    http: Numbered<u32>,
    grpc: Numbered<u32>,
}

const fn numbered<T>() -> Numbered<T> {
    RefCell::new(HashMap::with_hasher(BuildHasherDefault::new()))
}

thread_local! {
    static CONTEXTS: Contexts = const {
        Contexts { plugins: numbered(), calls: numbered(), active: Cell::new(0), http: numbered(), grpc: numbered() }
    };
}

/// Numbers that the proxy gives one after the other, spread over all bits (D. Knuth, multiplicative hashing).
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 | u64::from(*byte));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = u64::from(number);
    }

    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl Contexts {
    fn asked(&self, protocol: Protocol) -> &Numbered<u32> {
        match protocol {
            Protocol::Http => &self.http,
            Protocol::Grpc => &self.grpc,
        }
    }
}

/// Somebody is asked, for the context that the proxy has called: the answer, which comes by this number, goes there.
pub fn asked(protocol: Protocol, number: u32) -> u32 {
    CONTEXTS.with(|contexts| contexts.asked(protocol).borrow_mut().insert(number, contexts.active.get()));
    number
}

/// The context that has asked this, once. What follows is done on its behalf.
fn answered(protocol: Protocol, number: u32) -> Option<u32> {
    let id = CONTEXTS.with(|contexts| contexts.asked(protocol).borrow_mut().remove(&number))?;
    host::set_effective_context(id).ok().map(|()| id)
}

/// A callback of one context. The proxy makes no other before this one is over; if it did, that one would find nothing.
fn within<C: 'static, T>(table: fn(&Contexts) -> &Numbered<C>, id: u32, act: impl FnOnce(&mut C) -> T) -> Option<T> {
    CONTEXTS.with(|contexts| {
        let mut table = table(contexts).try_borrow_mut().ok()?;
        let context = table.get_mut(&id)?;
        contexts.active.set(id);
        Some(act(context))
    })
}

fn call<T>(id: u32, act: impl FnOnce(&mut Call) -> T) -> Option<T> {
    within(|contexts| &contexts.calls, id, act)
}

fn plugin<T>(id: u32, act: impl FnOnce(&mut Root) -> T) -> Option<T> {
    within(|contexts| &contexts.plugins, id, act)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    // SAFETY: the linker makes it, and the proxy calls this once, before anything else.
    unsafe { __wasm_call_ctors() };
}

/// The proxy writes here what it hands over: see `host::returned`.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    let room: Box<[std::mem::MaybeUninit<u8>]> = Box::new_uninit_slice(size);
    Box::into_raw(room).cast()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(id: u32, parent: u32) {
    if parent == 0 {
        CONTEXTS.with(|contexts| contexts.plugins.borrow_mut().insert(id, Root::default()));
    } else if let Some(Some(call)) = plugin(parent, |plugin| plugin.call(id)) {
        CONTEXTS.with(|contexts| contexts.calls.borrow_mut().insert(id, call));
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_id: u32, _size: usize) -> bool {
    true
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(id: u32, _size: usize) -> bool {
    plugin(id, Root::on_configure).unwrap_or(false)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(id: u32) {
    plugin(id, Root::on_tick);
}

/// A call of a plugin without a policy has no context, and goes no further.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(id: u32, _count: usize, end_of_stream: bool) -> Action {
    call(id, |call| call.on_http_request_headers(end_of_stream)).unwrap_or_else(|| {
        if let Err(error) = host::reply(503, "eventguard", &[], &[], None) {
            host::log(host::Level::Error, &format!("eventguard: {error} to an answer; the call does not go on"));
        }
        Action::Pause
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(id: u32, size: usize, end_of_stream: bool) -> Action {
    call(id, |call| call.on_http_request_body(size, end_of_stream)).unwrap_or(Action::Pause)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(id: u32, _count: usize) -> Action {
    call(id, Call::on_http_request_trailers).unwrap_or(Action::Pause)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(id: u32, _count: usize, _end_of_stream: bool) -> Action {
    call(id, Call::on_http_response_headers).unwrap_or(Action::Continue)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(id: u32, size: usize, _end_of_stream: bool) -> Action {
    call(id, |call| call.on_http_response_body(size)).unwrap_or(Action::Continue)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(id: u32, _count: usize) -> Action {
    call(id, Call::on_http_response_trailers).unwrap_or(Action::Continue)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(_id: u32, number: u32, headers: usize, size: usize, _trailers: usize) {
    if let Some(id) = answered(Protocol::Http, number) {
        plugin(id, |plugin| plugin.on_http_call_response(number, headers, size));
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_receive(id: u32, number: u32, _size: usize) {
    proxy_on_grpc_close(id, number, 0);
}

/// Also without an answer; behind one it says nothing new.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_close(_id: u32, number: u32, status: u32) {
    let Some(id) = answered(Protocol::Grpc, number) else { return };
    if call(id, |call| call.on_grpc_call_response(status)).is_none() {
        plugin(id, |plugin| plugin.on_grpc_call_response(number, status));
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_done(id: u32) -> bool {
    call(id, Call::on_done).or_else(|| plugin(id, Root::on_done)).unwrap_or(true)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(id: u32) {
    call(id, |call| call.on_log());
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(id: u32) {
    // What a context does when it goes is done when it is out of the table.
    let call = CONTEXTS.with(|contexts| contexts.calls.borrow_mut().remove(&id));
    let plugin = CONTEXTS.with(|contexts| contexts.plugins.borrow_mut().remove(&id));
    drop((call, plugin));
}
