//! The only place that names proxy-wasm: host events in, commands out. [`exchange`] and what it uses is plain values, tested
//! natively; [`host`](self) and the contexts exist in the module alone.

pub mod ending;
pub mod exchange;
pub mod governor;
pub mod grpc_web;
pub mod gzip;
pub mod metadata;
pub mod metrics;
pub mod quotas;
pub mod reply;
pub mod step;
pub mod stream;
pub mod tally;
pub mod wire;

#[cfg(target_os = "wasi")]
mod aftermath;
#[cfg(target_os = "wasi")]
mod announce;
#[cfg(target_os = "wasi")]
mod answer;
#[cfg(target_os = "wasi")]
mod carry;
#[cfg(target_os = "wasi")]
mod delivery;
#[cfg(target_os = "wasi")]
mod host;
#[cfg(target_os = "wasi")]
mod http;
#[cfg(target_os = "wasi")]
mod keys;
#[cfg(target_os = "wasi")]
mod native;
#[cfg(target_os = "wasi")]
mod recording;
#[cfg(target_os = "wasi")]
mod report;
#[cfg(target_os = "wasi")]
mod root;
#[cfg(target_os = "wasi")]
mod shared;
#[cfg(target_os = "wasi")]
mod table;
#[cfg(target_os = "wasi")]
mod traces;
#[cfg(target_os = "wasi")]
mod watch;

#[cfg(target_os = "wasi")]
mod start {
    use proxy_wasm::traits::RootContext;

    use super::root::Root;

    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| -> Box<dyn RootContext> { Box::<Root>::default() });
    }}
}

#[cfg(test)]
mod tests;
