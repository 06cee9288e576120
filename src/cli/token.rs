//! `eventguard token`: a JWT for examples and trials, as an identity provider would issue it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eventguard::time::Timestamp;
use serde_json::{Map, Value, json};

use super::case;
use super::private_key::PrivateKey;

/// Make a token: a compact JWS
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The private key: a JWK, or what `keygen` printed
    #[arg(long)]
    key: PathBuf,
    /// The claim `iss`
    #[arg(long)]
    issuer: String,
    /// The claim `aud`; more than one make it a list
    #[arg(long, required = true)]
    audience: Vec<String>,
    /// The claim `sub`
    #[arg(long)]
    subject: String,
    /// Another claim: where it stands (RFC 6901) and its JSON, e.g. `/realm_access/roles=["publisher"]`
    #[arg(long = "claim", value_name = "/POINTER=JSON")]
    claims: Vec<String>,
    /// How long it holds: a number with `s`, `m`, `h` or `d`
    #[arg(long, default_value = "5m", value_parser = duration)]
    expires_in: Duration,
    /// When it is issued (RFC 3339), instead of now
    #[arg(long)]
    now: Option<String>,
    /// The key id, instead of the JWK's
    #[arg(long)]
    kid: Option<String>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (key, kid) = PrivateKey::read(&arguments.key)?;
    let now = match &arguments.now {
        Some(text) => Timestamp::parse(text).with_context(|| format!("`{text}`"))?,
        None => case::now()?,
    };
    let header = header(key.algorithm(), arguments.kid.as_ref().or(kid.as_ref()));
    println!("{}", compact(&key, &header, &payload(arguments, now)?)?);
    Ok(ExitCode::SUCCESS)
}

fn header(algorithm: &str, kid: Option<&String>) -> Value {
    match kid {
        Some(kid) => json!({ "alg": algorithm, "kid": kid, "typ": "JWT" }),
        None => json!({ "alg": algorithm, "typ": "JWT" }),
    }
}

fn payload(arguments: &Arguments, now: Timestamp) -> anyhow::Result<Value> {
    let audience = match arguments.audience.as_slice() {
        [one] => json!(one),
        more => json!(more),
    };
    let mut claims = json!({
        "iss": arguments.issuer,
        "sub": arguments.subject,
        "aud": audience,
        "iat": now.unix_seconds(),
        "exp": now.after(arguments.expires_in).unix_seconds(),
    });
    for claim in &arguments.claims {
        let (pointer, value) = claim.split_once('=').with_context(|| format!("`{claim}` has no `=`"))?;
        let value =
            serde_json::from_str(value).with_context(|| format!("the value of `{pointer}` is not JSON (a text needs quotes)"))?;
        put(&mut claims, pointer, value)?;
    }
    Ok(claims)
}

/// Puts a claim where `pointer` says, and makes the objects on the way there.
fn put(claims: &mut Value, pointer: &str, value: Value) -> anyhow::Result<()> {
    let Some(path) = pointer.strip_prefix('/') else { bail!("`{pointer}` does not start with `/`") };
    let mut at = claims;
    for name in path.split('/') {
        let object = at.as_object_mut().with_context(|| format!("`{pointer}` leads through what is no object"))?;
        at = object.entry(name.replace("~1", "/").replace("~0", "~")).or_insert_with(|| Value::Object(Map::new()));
    }
    *at = value;
    Ok(())
}

/// RFC 7515 section 7.1.
fn compact(key: &PrivateKey, header: &Value, payload: &Value) -> anyhow::Result<String> {
    let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{payload}");
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())?);
    Ok(format!("{signed}.{signature}"))
}

/// A whole number with a unit, as in a policy.
pub fn duration(text: &str) -> anyhow::Result<Duration> {
    let unit = text.find(|letter: char| !letter.is_ascii_digit()).context("no unit: `s`, `m`, `h` or `d`")?;
    let (number, unit) = text.split_at_checked(unit).context("no number")?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => bail!("the unit is none of `s`, `m`, `h`, `d`"),
    };
    let number: u64 = number.parse().context("not a whole number")?;
    number.checked_mul(seconds).map(Duration::from_secs).context("too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_put_where_its_pointer_says() {
        let mut claims = json!({ "iss": "x" });
        put(&mut claims, "/realm_access/roles", json!(["publisher"])).expect("a claim");
        put(&mut claims, "/a~1b/m~0n", json!(1)).expect("a claim");
        assert_eq!(claims, json!({ "iss": "x", "realm_access": { "roles": ["publisher"] }, "a/b": { "m~n": 1 } }));
        assert!(put(&mut claims, "realm", json!(1)).is_err());
        assert!(put(&mut claims, "/iss/x", json!(1)).is_err());
    }

    #[test]
    fn a_duration_has_a_number_and_a_unit() {
        for (text, seconds) in [("0s", 0), ("5m", 300), ("2h", 7_200), ("1d", 86_400)] {
            assert_eq!(duration(text).expect("a duration").as_secs(), seconds, "{text}");
        }
        for text in ["", "5", "m", "-1s", "1.5h", "5 m", "5w", "99999999999999999999s", "18446744073709551615d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
