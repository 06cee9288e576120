//! The only place that names proxy-wasm: host events in, commands out.
