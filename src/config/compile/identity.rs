//! Issuers and where tokens are.

use std::time::Duration;

use serde_json::Value;

use super::{
    Place, Problem, Problems, UnknownKeys, duration, fetched, header_name, is_token, raw, read, required_text, span, text, texts,
};
use crate::call::cut;
use crate::identity::{Binding, Forward, Issuer, TokenSettings, media_type};
use crate::key::{Algorithm, Jwk, KeySet, KeySetError};
use crate::keyset::{self, Keys};

const LEEWAY: Duration = Duration::from_secs(30);

pub(super) fn issuer(
    raw: raw::Issuer,
    fetched: &mut Vec<keyset::Settings>,
    place: &Place,
    problems: &mut Problems,
) -> Option<Issuer> {
    let raw::Issuer { name, issuer, audiences, algorithms, leeway, max_age, typ, binding, jwks } = raw;
    let name = issuer_name(name, place, problems);
    let issuer = required_text(issuer, place, "issuer", problems);
    let audiences = problems.required(place, "audiences", audiences);
    let audiences = texts(audiences, &place.key("audiences"), problems);
    let algorithms = self::algorithms(algorithms, place, problems);
    let leeway = duration(leeway, LEEWAY, &place.key("leeway"), problems);
    let max_age = max_age.map(|text| span(Some(text), Duration::ZERO, &place.key("maxAge"), problems));
    let jwks = problems.required(place, "jwks", jwks);
    let owner = fetched::Owner { name: name.as_deref(), issuer: issuer.as_deref() };
    let keys = jwks.and_then(|jwks| self::jwks(jwks, owner, fetched, &place.key("jwks"), problems));
    Some(Issuer {
        name: name?,
        issuer: issuer?,
        audiences: audiences?,
        algorithms: algorithms?,
        leeway: leeway?,
        max_age: match max_age {
            Some(max_age) => Some(max_age?),
            None => None,
        },
        typ: text(typ, &place.key("typ"), problems).map(|typ| media_type(&typ)),
        binding: match binding {
            None | Some(raw::Binding::Verify) => Binding::Verify,
            Some(raw::Binding::Require) => Binding::Require,
            Some(raw::Binding::Ignore) => Binding::Ignore,
        },
        keys: keys?,
    })
}

/// `signer` is taken: the upstream is told `signer/...` of publishers without a token.
fn issuer_name(name: Option<String>, place: &Place, problems: &mut Problems) -> Option<String> {
    let name = required_text(name, place, "name", problems)?;
    if name == "signer" {
        let problem = "`signer` is what publishers without a token are told by: take another name";
        return problems.wrong(&place.key("name"), Problem::Contradiction(problem));
    }
    Some(name)
}

fn algorithms(names: Option<Vec<String>>, place: &Place, problems: &mut Problems) -> Option<Vec<Algorithm>> {
    let names = problems.required(place, "algorithms", names);
    let place = place.key("algorithms");
    let names = texts(names, &place, problems)?;
    let mut algorithms = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        match Algorithm::parse(name) {
            Some(algorithm) => algorithms.push(algorithm),
            None => problems.add(&place.index(index), unknown_algorithm(name)),
        }
    }
    Some(algorithms)
}

fn unknown_algorithm(name: &str) -> Problem {
    let expected = "`RS256`, `RS384`, `RS512`, `PS256`, `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA`".to_owned();
    Problem::Unknown { found: cut(name, 64).to_owned(), expected }
}

fn jwks(
    raw: raw::Jwks,
    owner: fetched::Owner<'_>,
    fetched: &mut Vec<keyset::Settings>,
    place: &Place,
    problems: &mut Problems,
) -> Option<Keys> {
    let raw::Jwks { inline, remote, discovery } = raw;
    match (inline, remote, discovery) {
        (Some(inline), None, None) => self::inline(inline, &place.key("inline"), problems).map(Keys::inline),
        (None, Some(remote), None) => {
            let settings = fetched::remote(remote, owner, keyset::Kind::Keys, &place.key("remote"), problems)?;
            Some(Keys::fetched(fetched::add(settings, fetched), None))
        }
        (None, None, Some(discovery)) => {
            let settings = fetched::discovery(discovery, owner, &place.key("discovery"), problems)?;
            Some(Keys::fetched(fetched::add(settings, fetched), None))
        }
        _ => problems.wrong(place, Problem::ExactlyOne("`inline`, `remote` and `discovery`")),
    }
}

fn inline(raw: raw::KeySet, place: &Place, problems: &mut Problems) -> Option<KeySet> {
    let raw::KeySet { keys } = raw;
    let keys = problems.required(place, "keys", keys)?;
    let place = place.key("keys");
    let jwks: Vec<Option<Jwk>> = keys.iter().enumerate().map(|(index, key)| jwk(key, &place.index(index), problems)).collect();
    let jwks: Vec<Jwk> = jwks.into_iter().collect::<Option<_>>()?;
    KeySet::from_jwks(&jwks).map_err(|errors| errors.into_iter().for_each(|error| note_key(error, &place, problems))).ok()
}

fn note_key(error: KeySetError, place: &Place, problems: &mut Problems) {
    match error {
        KeySetError::Empty => problems.add(place, Problem::Empty),
        KeySetError::Key { index, error } => problems.add(&place.index(index), Problem::Value(error.to_string())),
        KeySetError::DuplicateId { index, id } => {
            let problem = Problem::Value(format!("another key has the id `{id}`"));
            problems.add(&place.index(index).key("kid"), problem);
        }
        KeySetError::Unreachable { index } => {
            let problem = Problem::Value("a key without an id (`kid`) can only stand alone".to_owned());
            problems.add(&place.index(index), problem);
        }
    }
}

/// A JWK as it was written. A policy is read by many: a private key in it is noted, whatever becomes of the public one.
pub(super) fn jwk(value: &Value, place: &Place, problems: &mut Problems) -> Option<Jwk> {
    for private in ["d", "p", "q", "k"].iter().filter(|member| value.get(member).is_some()) {
        let problem =
            "this is the private part of a key: it does not belong into a policy, and is to be replaced now that it was here";
        problems.add(&place.key(private), Problem::Contradiction(problem));
    }
    read(value, UnknownKeys::Ignore, place, problems)
}

pub(super) fn token(raw: raw::Token, place: &Place, problems: &mut Problems) -> Option<TokenSettings> {
    let raw::Token { header, scheme, forward } = raw;
    let header = header_name(header, "authorization", &place.key("header"), problems);
    let scheme = scheme.unwrap_or_else(|| "Bearer".to_owned());
    if !scheme.is_empty() && !is_token(&scheme) {
        problems.add(&place.key("scheme"), Problem::Value(format!("`{}` is not the name of a scheme", cut(&scheme, 64))));
    }
    Some(TokenSettings {
        header: header?,
        scheme: Some(scheme).filter(|scheme| !scheme.is_empty()),
        forward: if forward == Some(true) { Forward::Keep } else { Forward::Remove },
    })
}
