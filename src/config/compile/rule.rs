//! Rules: what each event type demands.

use std::collections::BTreeMap;

use serde_json::Value;

use super::schemas::Named;
use super::{
    Names, Place, Problem, Problems, audit, check_different, contract, count, each, memory, mode, optional, raw, required_text,
    text, texts,
};
use crate::call::cut;
use crate::identity::Issuer;
use crate::json::Pointer;
use crate::rules::{Claim, ClaimValue, PublisherRule, Quorum, Recording, Rule, Rules, SignatureRule, check_types};
use crate::signature::{Scheme, Settings};

/// What rules refer to.
pub(super) struct Context<'a> {
    pub names: &'a Names<'a>,
    pub signatures: &'a Settings,
    pub schemas: &'a Named,
    /// How much is recorded where a rule does not say.
    pub recording: Recording,
}

/// The rules of a policy. `issuers` are those whose tokens are good for its events.
pub(super) fn rules(
    list: Option<Vec<Value>>,
    context: &Context<'_>,
    issuers: &[(usize, Issuer)],
    place: &Place,
    problems: &mut Problems,
) -> Rules {
    let rules = each(list.as_deref(), place, problems, |raw, place, problems| rule(raw, context, place, problems));
    check_different(list.as_deref(), "type", place, problems);
    by_type(memory::with_leeway(rules, issuers))
}

fn rule(raw: raw::Event, context: &Context<'_>, place: &Place, problems: &mut Problems) -> Option<Rule> {
    let raw::Event {
        event_type,
        topics,
        sources,
        publishers,
        signature,
        schema,
        conditions,
        replay,
        sequence,
        rate,
        mode,
        audit,
    } = raw;
    let event_type = required_text(event_type, place, "type", problems);
    let event_type = event_type.filter(|types| problems.ok(&place.key("type"), check_types(types)).is_some());
    let topics = texts(topics, &place.key("topics"), problems);
    let sources = texts(sources, &place.key("sources"), problems);
    let publishers = problems.required(place, "publishers", publishers);
    let publishers = each(publishers.as_deref(), &place.key("publishers"), problems, |raw, place, problems| {
        publisher(raw, context, place, problems)
    });
    let signature = match signature {
        Some(raw) => signature_rule(raw, context, &place.key("signature"), problems),
        None => Some((SignatureRule::Optional, None)),
    };
    let contract = schema.map(|raw| contract::versions(raw, context.schemas, &place.key("schema"), problems));
    let conditions = contract::conditions(conditions, &place.key("conditions"), problems);
    let replay = replay.map(|raw| memory::replay(raw, &place.key("replay"), problems));
    let sequence = sequence.map(|raw| memory::sequence(raw, &place.key("sequence"), problems));
    let recording = audit.map(|raw| audit::recording(raw, context.recording, &place.key("audit"), problems));
    let rates = memory::rates(rate, &place.key("rate"), problems);
    let (signature, quorum) = signature?;
    Some(Rule {
        event_type: event_type?.into(),
        topics: topics.map(|topics| topics.into_iter().collect()),
        sources: sources.map(|sources| sources.into_iter().collect()),
        publishers: publishers.into_iter().map(|(_, publisher)| publisher).collect(),
        signature,
        quorum,
        contract: optional(contract)?,
        conditions: conditions?,
        replay: optional(replay)?,
        sequence: optional(sequence)?,
        rates,
        mode: mode.map(self::mode),
        recording: optional(recording)?.unwrap_or(context.recording),
    })
}

fn publisher(raw: raw::Publisher, context: &Context<'_>, place: &Place, problems: &mut Problems) -> Option<PublisherRule> {
    if let raw::Publisher { issuer: None, subject: None, peer: None, client: None, actor: None, scopes: None, claims: None } =
        &raw
    {
        return problems.wrong(place, Problem::Empty);
    }
    let raw::Publisher { issuer, subject, peer, client, actor, scopes, claims } = raw;
    if let Some(name) = issuer.as_deref().filter(|name| !context.names.issuers.may_have(name)) {
        problems.add(&place.key("issuer"), Problem::NoSuch { what: "issuer", name: cut(name, 64).to_owned() });
    }
    let subject = text(subject, &place.key("subject"), problems);
    let peer = peer.and_then(|peer| self::peer(peer, &place.key("peer"), problems));
    let claims = claims.map(|claims| self::claims(&claims, &place.key("claims"), problems)).unwrap_or_default();
    let client = text(client, &place.key("client"), problems);
    let actor = text(actor, &place.key("actor"), problems);
    let scopes = scopes.and_then(|scopes| self::scopes(scopes, &place.key("scopes"), problems)).unwrap_or_default();
    Some(PublisherRule { issuer, subject, peer, client, actor, scopes, claims })
}

/// A certificate's name is compared whole, so a name without a scheme would never be met.
fn peer(peer: String, place: &Place, problems: &mut Problems) -> Option<String> {
    match peer.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && !rest.is_empty() => Some(peer),
        Some(_) | None => {
            problems.wrong(place, Problem::Value("not a URI such as `spiffe://cluster.local/ns/shop/sa/crm`".to_owned()))
        }
    }
}

fn scopes(scopes: Vec<String>, place: &Place, problems: &mut Problems) -> Option<Vec<String>> {
    let scopes = texts(Some(scopes), place, problems)?;
    for (index, word) in scopes.iter().enumerate().filter(|(_, word)| word.contains(' ')) {
        let problem = format!("`{}` has a space: name each word by itself", cut(word, 64));
        problems.add(&place.index(index), Problem::Value(problem));
    }
    Some(scopes)
}

pub(super) fn claims(raw: &BTreeMap<String, Value>, place: &Place, problems: &mut Problems) -> Vec<Claim> {
    if raw.is_empty() {
        problems.add(place, Problem::Empty);
    }
    raw.iter().filter_map(|(pointer, value)| claim(pointer, value, &place.key(pointer), problems)).collect()
}

fn claim(pointer: &str, value: &Value, place: &Place, problems: &mut Problems) -> Option<Claim> {
    if pointer.is_empty() {
        return problems.wrong(place, Problem::Value("this points to all claims: name one, as in `/sub`".to_owned()));
    }
    let at = problems.ok(place, Pointer::parse(pointer))?;
    let values: Vec<_> = match value.as_array() {
        Some(items) if items.is_empty() => return problems.wrong(place, Problem::Empty),
        Some(items) => items.iter().enumerate().map(|(index, item)| claim_value(item, &place.index(index), problems)).collect(),
        None => vec![claim_value(value, place, problems)],
    };
    Some(Claim { at, values: values.into_iter().collect::<Option<_>>()? })
}

fn claim_value(value: &Value, place: &Place, problems: &mut Problems) -> Option<ClaimValue> {
    match value {
        Value::String(text) => Some(ClaimValue::Text(text.clone())),
        Value::Bool(value) => Some(ClaimValue::Bool(*value)),
        Value::Number(number) if number.as_i64().is_some() => number.as_i64().map(ClaimValue::Integer),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            let expected = "a text, a whole number, `true` or `false`".to_owned();
            problems.wrong(place, Problem::Type { found: super::describe(value), expected })
        }
        // Noted as a key without a value.
        Value::Null => None,
    }
}

fn signature_rule(
    raw: raw::SignatureRule,
    context: &Context<'_>,
    place: &Place,
    problems: &mut Problems,
) -> Option<(SignatureRule, Option<Quorum>)> {
    let raw::SignatureRule { required, schemes, signers, at_least } = raw;
    let required = problems.required(place, "required", required);
    let schemes = schemes.map(|raw| self::schemes(&raw, context, &place.key("schemes"), problems));
    let quorum = quorum(signers, at_least, context, place, problems)?;
    let rule = match required? {
        true if !context.names.signers_are_there => {
            return problems.wrong(place, Problem::Contradiction("a signature is required and there are no `signers`"));
        }
        true => SignatureRule::Required { schemes },
        false if schemes.is_some() => {
            return problems
                .wrong(&place.key("schemes"), Problem::Contradiction("it means something only with `required: true`"));
        }
        false if quorum.is_some() => {
            return problems
                .wrong(&place.key("signers"), Problem::Contradiction("it means something only with `required: true`"));
        }
        false => SignatureRule::Optional,
    };
    Some((rule, quorum))
}

fn quorum(
    signers: Option<Vec<String>>,
    at_least: Option<u32>,
    context: &Context<'_>,
    place: &Place,
    problems: &mut Problems,
) -> Option<Option<Quorum>> {
    let Some(signers) = texts(signers, &place.key("signers"), problems) else {
        let problem = || Problem::Contradiction("it means something only with `signers`");
        return if at_least.is_some() { problems.wrong(&place.key("atLeast"), problem()) } else { Some(None) };
    };
    for (index, owner) in signers.iter().enumerate().filter(|(_, owner)| !context.names.owners.may_have(owner)) {
        let name = cut(owner, 64).to_owned();
        problems.add(&place.key("signers").index(index), Problem::NoSuch { what: "publisher of a signer", name });
    }
    if signers.is_empty() {
        return None;
    }
    let at_least = count(at_least, signers.len(), &place.key("atLeast"), problems)?;
    if at_least > signers.len() {
        return problems.wrong(&place.key("atLeast"), Problem::Contradiction("more than there are in `signers`"));
    }
    Some(Some(Quorum { at_least, signers }))
}

fn schemes(raw: &[raw::Scheme], context: &Context<'_>, place: &Place, problems: &mut Problems) -> Vec<Scheme> {
    if raw.is_empty() {
        problems.add(place, Problem::Empty);
    }
    let settings = context.signatures;
    let mut schemes = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let (scheme, key, in_use) = match raw {
            raw::Scheme::HttpMessage => (Scheme::HttpMessage, "httpMessage", settings.http_message.is_some()),
            raw::Scheme::StandardWebhooks => (Scheme::StandardWebhooks, "standardWebhooks", settings.standard_webhooks.is_some()),
            raw::Scheme::Jws => (Scheme::Jws, "jws", settings.jws.is_some()),
            raw::Scheme::Hmac => (Scheme::Hmac, "hmac", !settings.hmac.is_empty()),
            raw::Scheme::Dsse => (Scheme::Dsse, "dsse", settings.dsse.is_some()),
            raw::Scheme::EventJws => (Scheme::EventJws, "eventJws", settings.event_jws.is_some()),
        };
        if !in_use && !context.names.schemes.contains(&key) {
            problems.add(&place.index(index), Problem::SchemeNotInUse);
        }
        schemes.push(scheme);
    }
    schemes
}

fn by_type(rules: Vec<(usize, Rule)>) -> Rules {
    let mut compiled = Rules::default();
    for (_, rule) in rules {
        // What is wrong with its types was told.
        compiled.add(rule).unwrap_or_default();
    }
    compiled
}
