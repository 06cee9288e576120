//! Documents that were fetched, read strictly: key sets, the metadata that say where one is, lists of what is revoked. A key that is
//! not fit for use is left out; a document that is not what it should be says nothing at all.

use std::sync::Arc;

use super::{Content, Discovery, Failure, Kind, ListedKey, Location, Revoked};
use crate::json::{Document, Kind as JsonKind, Value, distinct};
use crate::key::{Jwk, PublicKey};
use crate::time::Timestamp;

/// The largest document that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// The most keys of a set: each costs a parse, and nobody has so many.
const MAX_KEYS: usize = 200;

/// Levels of nesting: a set of keys with their certificates has four.
const DEPTH: usize = 16;

/// Reads the document of a set.
pub(super) fn content(kind: Kind, body: &[u8]) -> Result<Content, Failure> {
    let document = parse(body)?;
    match kind {
        Kind::Keys => keys(document.root(), false),
        Kind::Signers => keys(document.root(), true),
        Kind::Revoked => revoked(document.root()).map(|revoked| Content::Revoked(Arc::new(revoked))),
    }
}

/// Where the metadata of an issuer say that its keys are (OpenID Connect Discovery 1.0 sections 3 and 4.3: `issuer` is exactly the one
/// that was asked for), with the cluster that leads there.
pub(super) fn key_location<'d>(discovery: &'d Discovery, body: &[u8]) -> Result<(&'d str, Location), Failure> {
    let document = parse(body)?;
    let member = |name| document.root().get(name)?.as_str();
    if member("issuer").ok_or(Failure::Malformed)? != discovery.issuer {
        return Err(Failure::Issuer);
    }
    let uri = member("jwks_uri").ok_or(Failure::Malformed)?;
    let location = Location::parse(&uri).map_err(|_| Failure::Address)?;
    let host = discovery.hosts.iter().find(|host| host.authority == location.authority).ok_or(Failure::Address)?;
    Ok((&host.cluster, location))
}

fn parse(body: &[u8]) -> Result<Document<'_>, Failure> {
    if body.len() > MAX_BYTES {
        return Err(Failure::TooLarge);
    }
    Document::parse(body, DEPTH).map_err(|_| Failure::Malformed)
}

/// A JWK Set (RFC 7517 section 5), of which every key may be unfit but one.
fn keys(root: Value<'_, '_>, with_owners: bool) -> Result<Content, Failure> {
    let items = root.get("keys").and_then(Value::items).ok_or(Failure::Malformed)?;
    let (mut keys, mut unfit) = (Vec::new(), Vec::new());
    for (index, item) in items.enumerate() {
        if index == MAX_KEYS {
            return Err(Failure::TooLarge);
        }
        match listed(item, with_owners) {
            Ok(key) => keys.push(key),
            Err(why) => unfit.push(format!("keys[{index}]: {why}")),
        }
    }
    leave_out_ambiguous(&mut keys, &mut unfit);
    if keys.is_empty() { Err(Failure::Empty) } else { Ok(Content::Keys { keys: keys.into(), unfit }) }
}

/// Two different keys of one id leave open which one it names: neither is used. One key that is there twice is one.
fn leave_out_ambiguous(keys: &mut Vec<ListedKey>, unfit: &mut Vec<String>) {
    let id = |key: &ListedKey| key.key.id().map(str::to_owned);
    let ids = distinct(keys.iter().filter_map(id));
    for id in ids {
        let is_it = |key: &ListedKey| key.key.id() == Some(id.as_str());
        let mut same = keys.iter().filter(|key| is_it(key));
        let first = same.next().cloned();
        let ambiguous = same.any(|other| first.as_ref() != Some(other));
        let mut seen = false;
        keys.retain(|key| !is_it(key) || (!ambiguous && !std::mem::replace(&mut seen, true)));
        if ambiguous {
            unfit.push(format!("several keys have the id {id:?}"));
        }
    }
}

fn listed(item: Value<'_, '_>, with_owners: bool) -> Result<ListedKey, String> {
    let jwk = jwk(item)?;
    let key = Arc::new(PublicKey::from_jwk(&jwk).map_err(|error| error.to_string())?);
    if !with_owners {
        return Ok(ListedKey { key, owner: None, not_before: None, not_after: None });
    }
    if key.id().is_none() {
        return Err("`kid` is absent".to_owned());
    }
    let owner = item.get("owner").map(text).transpose()?;
    Ok(ListedKey { key, owner, not_before: date(item.get("nbf"))?, not_after: date(item.get("exp"))? })
}

/// The public members of a JWK. A set whose server publishes secrets says nothing about who signs with them.
fn jwk(item: Value<'_, '_>) -> Result<Jwk, String> {
    let mut jwk = Jwk::default();
    for (name, value) in item.members().ok_or("not an object")? {
        let member = match name.as_ref() {
            "kty" => {
                jwk.kty = text(value)?;
                continue;
            }
            "key_ops" => {
                jwk.key_ops = Some(value.items().ok_or("`key_ops` is not a list")?.map(text).collect::<Result<_, _>>()?);
                continue;
            }
            "kid" => &mut jwk.kid,
            "alg" => &mut jwk.alg,
            "use" => &mut jwk.use_,
            "crv" => &mut jwk.crv,
            "n" => &mut jwk.n,
            "e" => &mut jwk.e,
            "x" => &mut jwk.x,
            "y" => &mut jwk.y,
            "d" | "p" | "q" | "dp" | "dq" | "qi" | "oth" | "k" => return Err("its secret part is published".to_owned()),
            _ => continue,
        };
        *member = Some(text(value)?);
    }
    Ok(jwk)
}

fn text(value: Value<'_, '_>) -> Result<String, String> {
    value.as_str().map(std::borrow::Cow::into_owned).ok_or_else(|| "a member is not a text".to_owned())
}

/// Seconds since 1970 (NumericDate of RFC 7519 section 2, as OpenID Federation 1.0 has it in a JWK).
fn date(value: Option<Value<'_, '_>>) -> Result<Option<Timestamp>, String> {
    let Some(value) = value else { return Ok(None) };
    let JsonKind::Number(written) = value.kind() else { return Err("a date is not a number".to_owned()) };
    let at = written.parse().ok().and_then(Timestamp::from_unix_seconds);
    at.map(Some).ok_or_else(|| "a date is not a number of seconds".to_owned())
}

/// An object of lists of names. A key that means nothing may be a list that was meant: none is passed over.
fn revoked(root: Value<'_, '_>) -> Result<Revoked, Failure> {
    let (mut tokens, mut keys, mut subjects) = (Vec::new(), Vec::new(), Vec::new());
    for (name, value) in root.members().ok_or(Failure::Malformed)? {
        let list = match name.as_ref() {
            "tokens" => &mut tokens,
            "keys" => &mut keys,
            "subjects" => &mut subjects,
            _ => return Err(Failure::Malformed),
        };
        for item in value.items().ok_or(Failure::Malformed)? {
            list.push(text(item).map_err(|_| Failure::Malformed)?);
        }
    }
    Ok(Revoked::new(tokens, keys, subjects))
}
