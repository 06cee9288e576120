//! The first tests hold the reader against another one, `apache-avro`, with schemas and values of any kind.

// `apache-avro` is not built for WebAssembly: see `Cargo.toml`.
#[cfg(not(target_arch = "wasm32"))]
mod differential;
mod readings;

use super::{Broken, Problem, Schema, SchemaError};
use crate::json::Document;

fn compile(schema: &str) -> Result<Schema, SchemaError> {
    Schema::compile(Document::parse(schema.as_bytes(), 200).unwrap().root())
}

fn binary(schema: &str, bytes: &[u8]) -> Result<(), Broken> {
    compile(schema).unwrap().check_binary(bytes, 64)
}

fn json(schema: &str, text: &str) -> Result<(), Broken> {
    compile(schema).unwrap().check_json(Document::parse(text.as_bytes(), 200).unwrap().root(), 64)
}
