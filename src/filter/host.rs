//! The proxy's calls (proxy-wasm ABI 0.2.1), each with every status as a value. The SDK's own wrappers panic on a status that
//! they do not expect and on a header name that is not UTF-8, and a panic takes the worker's VM with it
//! (proxy-wasm-rust-sdk #25, #82, #217, #282); so this file, and no other, calls the host by itself.
#![expect(unsafe_code, reason = "the SDK's wrappers panic on unexpected statuses; see above")]

use std::ptr::null_mut;
use std::time::Duration;

use crate::call::HeaderMap;

/// A host call that did not succeed, with the ABI's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proxy answered with status {0}")]
pub struct HostError(pub u32);

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const REQUEST_HEADERS: u32 = 0;
const REQUEST_TRAILERS: u32 = 1;
const RESPONSE_HEADERS: u32 = 2;
const RESPONSE_TRAILERS: u32 = 3;
const HTTP_CALL_RESPONSE_HEADERS: u32 = 6;
const HTTP_CALL_RESPONSE_TRAILERS: u32 = 7;
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const HTTP_CALL_RESPONSE_BODY: u32 = 4;
const GRPC_CALL_RESPONSE: u32 = 5;
const PLUGIN_CONFIGURATION: u32 = 7;

/// What the host has of something; `None` where it has nothing.
pub type Found = Result<Option<Vec<u8>>, HostError>;

mod abi {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
        pub fn proxy_get_buffer_bytes(kind: u32, start: usize, max: usize, data: *mut *mut u8, size: *mut usize) -> u32;
        pub fn proxy_set_buffer_bytes(kind: u32, start: usize, max: usize, data: *const u8, size: usize) -> u32;
        pub fn proxy_get_header_map_pairs(kind: u32, data: *mut *mut u8, size: *mut usize) -> u32;
        pub fn proxy_get_header_map_value(
            kind: u32,
            key: *const u8,
            key_size: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub fn proxy_add_header_map_value(kind: u32, key: *const u8, key_size: usize, value: *const u8, size: usize) -> u32;
        pub fn proxy_replace_header_map_value(kind: u32, key: *const u8, key_size: usize, value: *const u8, size: usize) -> u32;
        pub fn proxy_remove_header_map_value(kind: u32, key: *const u8, key_size: usize) -> u32;
        pub fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
        pub fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, size: usize) -> u32;
        pub fn proxy_send_local_response(
            status: u32,
            details: *const u8,
            details_size: usize,
            body: *const u8,
            body_size: usize,
            headers: *const u8,
            headers_size: usize,
            grpc_status: i32,
        ) -> u32;
        pub fn proxy_call_foreign_function(
            name: *const u8,
            name_size: usize,
            argument: *const u8,
            size: usize,
            data: *mut *mut u8,
            data_size: *mut usize,
        ) -> u32;
        pub fn proxy_http_call(
            cluster: *const u8,
            cluster_size: usize,
            headers: *const u8,
            headers_size: usize,
            body: *const u8,
            body_size: usize,
            trailers: *const u8,
            trailers_size: usize,
            timeout: u32,
            number: *mut u32,
        ) -> u32;
        pub fn proxy_grpc_call(
            cluster: *const u8,
            cluster_size: usize,
            service: *const u8,
            service_size: usize,
            method: *const u8,
            method_size: usize,
            metadata: *const u8,
            metadata_size: usize,
            message: *const u8,
            message_size: usize,
            timeout: u32,
            number: *mut u32,
        ) -> u32;
        pub fn proxy_define_metric(kind: u32, name: *const u8, size: usize, id: *mut u32) -> u32;
        pub fn proxy_increment_metric(id: u32, offset: i64) -> u32;
        pub fn proxy_record_metric(id: u32, value: u64) -> u32;
        pub fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
        pub fn proxy_set_effective_context(context: u32) -> u32;
        pub fn proxy_done() -> u32;
        pub fn proxy_continue_stream(kind: u32) -> u32;
        pub fn proxy_get_shared_data(key: *const u8, key_size: usize, data: *mut *mut u8, size: *mut usize, cas: *mut u32)
        -> u32;
        pub fn proxy_set_shared_data(key: *const u8, key_size: usize, value: *const u8, size: usize, cas: u32) -> u32;
    }
}

fn done(status: u32) -> Result<(), HostError> {
    if status == OK { Ok(()) } else { Err(HostError(status)) }
}

/// Takes over what the host allocated with the module's own allocator and wrote.
fn returned(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Found {
    let (mut data, mut size) = (null_mut(), 0);
    match call(&raw mut data, &raw mut size) {
        OK if data.is_null() => Ok(None),
        // SAFETY: on success the host has asked `proxy_on_memory_allocate` for `size` bytes, which `dispatch` answers with the
        // buffer of a `Vec` of exactly that capacity, has written all of them, and keeps no pointer to them.
        OK => Ok(Some(unsafe { Vec::from_raw_parts(data, size, size) })),
        NOT_FOUND => Ok(None),
        status => Err(HostError(status)),
    }
}

/// How loud a line of the proxy's log is.
#[derive(Debug, Clone, Copy)]
pub enum Level {
    /// Of interest when all is well.
    Info = 2,
    /// Something that an operator should look at.
    Warn = 3,
    /// Something that an operator must mend.
    Error = 4,
}

/// Writes a line to the proxy's log. It cannot fail in a way that anybody could act on.
pub fn log(level: Level, message: &str) {
    let level = match level {
        Level::Info => 2,
        Level::Warn => 3,
        Level::Error => 4,
    };
    // SAFETY: the pointer and the length are those of a live string.
    unsafe { abi::proxy_log(level, message.as_ptr(), message.len()) };
}

/// More than any buffer holds.
pub const ALL: usize = usize::MAX >> 1;

fn buffer(kind: u32, max: usize) -> Found {
    // SAFETY: the host writes to the two out-pointers only, before it returns.
    returned(|data, size| unsafe { abi::proxy_get_buffer_bytes(kind, 0, max, data, size) })
}

/// The part of the request's body that the proxy holds.
pub fn request_body() -> Found {
    buffer(REQUEST_BODY, ALL)
}

/// Its first bytes.
pub fn request_body_start(bytes: usize) -> Found {
    buffer(REQUEST_BODY, bytes)
}

/// The part of the answer's body that passes.
pub fn response_body() -> Found {
    buffer(RESPONSE_BODY, ALL)
}

/// Puts these bytes in the place of those of the request's body that the proxy holds.
pub fn replace_request_body(bytes: &[u8]) -> Result<(), HostError> {
    // SAFETY: pointer and length are those of a live slice.
    done(unsafe { abi::proxy_set_buffer_bytes(REQUEST_BODY, 0, ALL, bytes.as_ptr(), bytes.len()) })
}

/// The body of the answer to a call of ours, or so much of it.
pub fn call_response_body(max: usize) -> Found {
    buffer(HTTP_CALL_RESPONSE_BODY, max)
}

/// The message that answers a gRPC call of ours.
pub fn grpc_call_response() -> Found {
    buffer(GRPC_CALL_RESPONSE, ALL)
}

/// The plugin's configuration, as it came.
pub fn plugin_configuration() -> Found {
    buffer(PLUGIN_CONFIGURATION, ALL)
}

/// The request's headers with the pseudo-headers, in their order.
pub fn request_headers() -> Result<HeaderMap, HostError> {
    pairs(REQUEST_HEADERS)
}

fn pairs(kind: u32) -> Result<HeaderMap, HostError> {
    // SAFETY: as for `buffer`.
    let map = returned(|data, size| unsafe { abi::proxy_get_header_map_pairs(kind, data, size) })?;
    map.map_or(Ok(HeaderMap::default()), |bytes| super::wire::read_pairs(bytes).ok_or(HostError(u32::MAX)))
}

/// One header of the answer to a call of ours.
pub fn call_response_header(name: &str) -> Found {
    header(HTTP_CALL_RESPONSE_HEADERS, name)
}

/// One trailer of the answer to a call of ours.
pub fn call_response_trailer(name: &str) -> Found {
    header(HTTP_CALL_RESPONSE_TRAILERS, name)
}

/// Sets a request header to one value, whatever was there.
pub fn set_request_header(name: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: pointers and lengths are those of live slices.
    done(unsafe { abi::proxy_replace_header_map_value(REQUEST_HEADERS, name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// The first value of a header of the answer.
pub fn response_header(name: &str) -> Found {
    header(RESPONSE_HEADERS, name)
}

/// The first value of a trailer of the answer.
pub fn response_trailer(name: &str) -> Found {
    header(RESPONSE_TRAILERS, name)
}

fn header(kind: u32, name: &str) -> Found {
    // SAFETY: as for `buffer`; the name lives until the call returns.
    returned(|data, size| unsafe { abi::proxy_get_header_map_value(kind, name.as_ptr(), name.len(), data, size) })
}

/// Sets a header of the answer, once it is there: all that were there of that name are gone.
pub fn set_response_header(name: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: pointers and lengths are those of live slices.
    done(unsafe { abi::proxy_replace_header_map_value(RESPONSE_HEADERS, name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// Adds a header to the answer, once it is there, beside those of that name.
pub fn add_response_header(name: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: as in `set_response_header`.
    done(unsafe { abi::proxy_add_header_map_value(RESPONSE_HEADERS, name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// Removes every request header of that name.
pub fn remove_request_header(name: &str) -> Result<(), HostError> {
    remove(REQUEST_HEADERS, name)
}

/// Removes every request trailer whose name is one of those.
pub fn remove_request_trailers(those: fn(&[u8]) -> bool) -> Result<(), HostError> {
    pairs(REQUEST_TRAILERS)?.named(those).try_for_each(|(name, _)| remove(REQUEST_TRAILERS, name))
}

fn remove(kind: u32, name: &str) -> Result<(), HostError> {
    // SAFETY: pointer and length are those of a live string.
    done(unsafe { abi::proxy_remove_header_map_value(kind, name.as_ptr(), name.len()) })
}

/// A property of the stream; the parts of its path are joined with NUL. `None` where there is none.
pub fn property(path: &str) -> Found {
    // SAFETY: as for `buffer`; the path lives until the call returns.
    returned(|data, size| unsafe { abi::proxy_get_property(path.as_ptr(), path.len(), data, size) })
}

/// Sets the filter state `wasm.NAME` of the stream.
pub fn set_filter_state(name: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: pointers and lengths are those of live slices.
    done(unsafe { abi::proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// Answers the call in the upstream's stead. `grpc_status` is for gRPC callers, `None` for others.
pub fn reply(
    status: u16,
    details: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    grpc_status: Option<u8>,
) -> Result<(), HostError> {
    let headers = super::wire::write_pairs(headers);
    // SAFETY: pointers and lengths are those of live slices.
    done(unsafe {
        abi::proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            grpc_status.map_or(-1, i32::from),
        )
    })
}

/// Starts an HTTP call to a cluster of the proxy; its number. `dispatch` remembers who has asked.
pub fn http_call(cluster: &str, headers: &[(&str, &str)], body: &[u8], timeout: Duration) -> Result<u32, HostError> {
    let (headers, trailers) = (super::wire::write_pairs(headers), super::wire::write_pairs(&[]));
    let mut number = 0;
    // SAFETY: pointers and lengths are those of live slices; the host writes the number before it returns.
    done(unsafe {
        abi::proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            millis(timeout),
            &raw mut number,
        )
    })?;
    Ok(number)
}

/// The same for a gRPC call with one message.
pub fn grpc_call(cluster: &str, service: &str, method: &str, message: &[u8], timeout: Duration) -> Result<u32, HostError> {
    let metadata = super::wire::write_pairs(&[]);
    let mut number = 0;
    // SAFETY: as for `http_call`.
    done(unsafe {
        abi::proxy_grpc_call(
            cluster.as_ptr(),
            cluster.len(),
            service.as_ptr(),
            service.len(),
            method.as_ptr(),
            method.len(),
            metadata.as_ptr(),
            metadata.len(),
            message.as_ptr(),
            message.len(),
            millis(timeout),
            &raw mut number,
        )
    })?;
    Ok(number)
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

/// Calls a function that the proxy offers beyond the ABI.
pub fn foreign_function(name: &str, argument: &[u8]) -> Found {
    // SAFETY: as for `buffer`; name and argument live until the call returns.
    returned(|data, size| unsafe {
        abi::proxy_call_foreign_function(name.as_ptr(), name.len(), argument.as_ptr(), argument.len(), data, size)
    })
}

/// What a metric counts.
#[derive(Debug, Clone, Copy)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// Defines a metric, or finds it. Each call makes a new id that is never freed: ask once for a name.
pub fn define_metric(kind: MetricKind, name: &str) -> Result<u32, HostError> {
    let kind = match kind {
        MetricKind::Counter => 0,
        MetricKind::Gauge => 1,
        MetricKind::Histogram => 2,
    };
    let mut id = 0;
    // SAFETY: pointer and length are those of a live string; the host writes the id before it returns.
    done(unsafe { abi::proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id) })?;
    Ok(id)
}

/// Adds to a counter (not zero, which the host refuses) or moves a gauge.
pub fn increment_metric(id: u32, offset: i64) -> Result<(), HostError> {
    // SAFETY: values only.
    done(unsafe { abi::proxy_increment_metric(id, offset) })
}

/// Records a value of a histogram.
pub fn record_metric(id: u32, value: u64) -> Result<(), HostError> {
    // SAFETY: values only.
    done(unsafe { abi::proxy_record_metric(id, value) })
}

/// Asks for ticks of the root context.
pub fn set_tick_period(period: Duration) -> Result<(), HostError> {
    // SAFETY: values only.
    done(unsafe { abi::proxy_set_tick_period_milliseconds(millis(period)) })
}

/// Makes the following calls on behalf of another context.
pub fn set_effective_context(context: u32) -> Result<(), HostError> {
    // SAFETY: values only.
    done(unsafe { abi::proxy_set_effective_context(context) })
}

/// Lets a request go on that was held back.
pub fn resume_request() -> Result<(), HostError> {
    const REQUEST: u32 = 0;
    // SAFETY: values only.
    done(unsafe { abi::proxy_continue_stream(REQUEST) })
}

/// A value that all workers see, and the counter of its changes; both `None` where there is none.
pub fn shared_data(key: &str) -> Result<(Option<Vec<u8>>, Option<u32>), HostError> {
    let mut cas = 0;
    // SAFETY: as for `buffer`; the host writes the counter before it returns.
    let value = returned(|data, size| unsafe { abi::proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut cas) })?;
    Ok((value, Some(cas).filter(|cas| *cas != 0)))
}

/// Whether a value was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// It was.
    Done,
    /// Somebody else has changed it meanwhile.
    TooLate,
}

/// Changes a value that all workers see, where its counter is still `cas`, or where there is none.
pub fn set_shared_data(key: &str, value: &[u8], cas: u32) -> Result<Swap, HostError> {
    const CAS_MISMATCH: u32 = 8;
    // SAFETY: pointers and lengths are those of live slices.
    match unsafe { abi::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) } {
        OK => Ok(Swap::Done),
        CAS_MISMATCH => Ok(Swap::TooLate),
        status => Err(HostError(status)),
    }
}

/// Says that a context that asked for time when it was told to end is done.
pub fn context_done() -> Result<(), HostError> {
    // SAFETY: no arguments.
    done(unsafe { abi::proxy_done() })
}

/// The proxy's wall clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the adapter is where the clock is read")]
pub fn now() -> crate::time::Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    crate::time::Timestamp::from_unix_nanos(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
}

/// A number for jitter; nothing that needs secrecy may use it.
#[must_use]
pub fn random() -> u64 {
    use std::hash::BuildHasher;
    std::hash::RandomState::new().hash_one(())
}

/// A seed that nobody can guess.
#[must_use]
pub fn seed() -> [u8; 16] {
    use std::hash::BuildHasher;
    // The keys of a `RandomState` come from the proxy's own source of randomness (`random_get`).
    let keys = std::hash::RandomState::new();
    (u128::from(keys.hash_one(0)) << 64 | u128::from(keys.hash_one(1))).to_le_bytes()
}
