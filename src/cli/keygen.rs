//! `eventguard keygen`: a key pair as two JWKs, for examples and trials.

use std::process::ExitCode;

use jwt_simple::algorithms::{ES256KeyPair, ES384KeyPair, Ed25519KeyPair, RS256KeyPair};
use serde_json::{Value, json};

/// The least that RSA keys have here; more makes verification slower and nothing safer within their time.
const RSA_BITS: usize = 2048;

/// Make a key pair: `{"private": JWK, "public": JWK}`
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The type of the key
    #[arg(long = "type", value_enum, default_value_t = Type::Ed25519)]
    kind: Type,
    /// The key id, instead of the thumbprint (RFC 7638)
    #[arg(long)]
    kid: Option<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Type {
    Ed25519,
    P256,
    P384,
    Rsa,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    println!("{:#}", pair(arguments.kind, arguments.kid.as_deref())?);
    Ok(ExitCode::SUCCESS)
}

fn pair(kind: Type, kid: Option<&str>) -> anyhow::Result<Value> {
    let (private, public) = match kind {
        Type::Ed25519 => {
            let key = Ed25519KeyPair::generate();
            let thumbprint = key.jwk_thumbprint();
            let key = key.with_key_id(kid.unwrap_or(&thumbprint));
            (key.to_jwk(), key.public_key().to_jwk())
        }
        Type::P256 => {
            let key = ES256KeyPair::generate();
            let thumbprint = key.jwk_thumbprint();
            let key = key.with_key_id(kid.unwrap_or(&thumbprint));
            (key.to_jwk(), key.public_key().to_jwk())
        }
        Type::P384 => {
            let key = ES384KeyPair::generate();
            let thumbprint = key.jwk_thumbprint();
            let key = key.with_key_id(kid.unwrap_or(&thumbprint));
            (key.to_jwk(), key.public_key().to_jwk())
        }
        Type::Rsa => {
            let key = RS256KeyPair::generate(RSA_BITS)?;
            let thumbprint = key.jwk_thumbprint();
            let key = key.with_key_id(kid.unwrap_or(&thumbprint));
            (key.to_jwk(), key.public_key().to_jwk())
        }
    };
    let (private, public): (Value, Value) = (serde_json::from_str(&private)?, serde_json::from_str(&public)?);
    Ok(json!({ "private": private, "public": public }))
}
