//! The raw document into a policy: what is missing, what contradicts what, what refers to nothing. Every part is compiled whatever
//! is wrong with the others, so that all errors are found in one go; a policy comes out only where there are none.

mod audit;
mod contract;
mod fetched;
mod hmac;
mod identity;
mod limiter;
mod memory;
mod protocol;
mod route;
mod rule;
mod schemas;
mod shadow;
mod signature;
mod sink;
mod traces;
mod trust;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{ConfigError, Place, Problem, Problems};
use super::read::{Part, UnknownKeys, describe, has_null, note_nulls, read};
use super::{digest, raw, units};
use crate::budget::Budget;
use crate::call::cut;
use crate::json::distinct;
use crate::policy::{Hold, Policy, Routes, Unmatched};
use crate::rules::{Mode, Rules};
use trust::Trust;

/// The variables of the environment that secrets may come from.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Compiles a document.
pub(super) fn compile(document: &Value, env: Environment<'_>) -> Result<Policy, Vec<ConfigError>> {
    let mut problems = Problems::default();
    let policy = compile_at(document, &Place::default(), env, &mut problems);
    let errors = problems.into_errors();
    match policy {
        Some(policy) if errors.is_empty() => Ok(policy),
        Some(_) | None => Err(errors),
    }
}

/// Compiles what stands at `root`.
fn compile_at(document: &Value, root: &Place, env: Environment<'_>, problems: &mut Problems) -> Option<Policy> {
    if has_null(document) {
        note_nulls(document, Part::Policy, root, problems);
    }
    let raw: raw::Policy = read(document, UnknownKeys::Note, root, problems)?;
    check_version(raw.version, root, problems);
    compile_policy(raw, &Source { document, root, env }, problems)
}

/// What a policy is compiled from, besides its parts.
struct Source<'a> {
    document: &'a Value,
    /// Where it stands.
    root: &'a Place,
    env: Environment<'a>,
}

/// What the parts of a document may refer to, also where that is otherwise wrong: a reference to it is no error besides.
struct Names<'a> {
    issuers: Told<'a>,
    issuers_are_there: bool,
    signers_are_there: bool,
    /// Who owns signers' keys.
    owners: Told<'a>,
    key_ids: Told<'a>,
    /// The keys of `signatures`.
    schemes: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn of(document: &'a Value) -> Self {
        let schemes = document.get("signatures").and_then(Value::as_object);
        Self {
            issuers: Told::of(document.get("issuers"), "name"),
            issuers_are_there: document.get("issuers").is_some(),
            signers_are_there: document.get("signers").is_some(),
            owners: Told::of(document.get("signers"), "publisher"),
            key_ids: Told::of(document.get("signers"), "keyId"),
            schemes: schemes.into_iter().flatten().map(|(key, _)| key.as_str()).collect(),
        }
    }
}

/// What the items of a list say under one key.
struct Told<'a> {
    texts: Vec<&'a str>,
    /// Whether there is one that cannot be read: it was told, and may have been meant to be anything.
    unread: bool,
}

impl<'a> Told<'a> {
    fn of(list: Option<&'a Value>, key: &str) -> Self {
        let items = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let texts: Vec<&str> = items.iter().filter_map(|item| text_of(item, key)).collect();
        // What is fetched need not say it here.
        let said_elsewhere = items.iter().filter(|item| item.get(key).is_none() && item.get("remote").is_some()).count();
        let unread = list.is_some_and(|list| !list.is_array()) || texts.len() + said_elsewhere < items.len();
        Self { texts, unread }
    }

    /// Whether a text is, or may be, one of them.
    fn may_have(&self, text: &str) -> bool {
        self.unread || self.texts.contains(&text)
    }
}

/// What a map says under a key, where that is a text that says something.
fn text_of<'a>(item: &'a Value, key: &str) -> Option<&'a str> {
    item.get(key)?.as_str().filter(|text| !text.is_empty())
}

fn compile_policy(raw: raw::Policy, source: &Source<'_>, problems: &mut Problems) -> Option<Policy> {
    let raw::Policy {
        version: _,
        mode: policy_mode,
        issuers,
        token,
        signers,
        revoked,
        signatures,
        routes,
        unmatched,
        schemas,
        events,
        rate,
        memory,
        limiter,
        limits,
        hold,
        audit,
        traces,
        shadow,
    } = raw;
    let (root, names) = (source.root, &Names::of(source.document));
    let parts = trust::Parts { issuers, token, signers, revoked, signatures };
    let Trust { issuers, token, signers, revoked, signatures, mut fetched } = trust::trust(parts, names, source, problems);
    let routes = route::routes(problems.required(root, "routes", routes), names, &root.key("routes"), problems);
    let events = problems.required(root, "events", events);
    let schemas = &schemas::Named::read(schemas, &root.key("schemas"), problems);
    let recording = audit::default_recording(audit.as_ref(), &root.key("audit"), problems);
    let context = rule::Context { names, signatures: &signatures, schemas, recording };
    let rules = rule::rules(events, &context, &issuers, &root.key("events"), problems);
    route::check_batches(&routes, &rules, &signatures, &root.key("routes"), problems);
    let rates = memory::rates(rate, &root.key("rate"), problems);
    let memory = memory::settings(memory.unwrap_or_default(), &root.key("memory"), problems);
    let limiter = limiter::limiter(limiter, &rules, &rates, &routes, root, problems);
    let budget = budget(limits.unwrap_or_default(), &root.key("limits"), problems);
    let audit = audit::settings(audit, source.env, &root.key("audit"), problems);
    audit::check(audit.as_ref(), budget.as_ref(), &routes, root, problems);
    let traces = traces::settings(traces, &root.key("traces"), problems);
    let shadow = shadow.map(|shadow| shadow::shadow(&shadow, source, memory, &mut fetched, problems));
    Some(Policy {
        mode: policy_mode.map_or(Mode::Enforce, mode),
        issuers: issuers.into_iter().map(|(_, issuer)| issuer).collect(),
        token: token?,
        signers: signers?.with_cosigners(cosigners(&rules)),
        revoked: revoked?,
        fetched,
        signatures: signatures.into(),
        routes: Arc::new(Routes::new(routes.into_iter().map(|(_, route)| route).collect())),
        unmatched: self::unmatched(unmatched),
        rules: Arc::new(rules),
        rates,
        memory: memory?,
        limiter: limiter?,
        budget: budget?,
        hold: self::hold(hold),
        audit: audit?.into(),
        traces: traces?.into(),
        digest: digest(source.document),
        shadow: optional(shadow)?,
    })
}

fn unmatched(raw: Option<raw::Unmatched>) -> Unmatched {
    match raw {
        None | Some(raw::Unmatched::Refuse) => Unmatched::Refuse,
        Some(raw::Unmatched::Pass) => Unmatched::Pass,
    }
}

fn hold(raw: Option<raw::Hold>) -> Hold {
    match raw {
        None | Some(raw::Hold::Body) => Hold::Body,
        Some(raw::Hold::Headers) => Hold::Headers,
    }
}

/// Everybody who may sign beside a publisher.
fn cosigners(rules: &Rules) -> Vec<String> {
    let quorums = rules.iter().filter_map(|rule| rule.quorum.as_ref());
    distinct(quorums.flat_map(|quorum| quorum.signers.iter().cloned()))
}

fn check_version(version: Option<u64>, root: &Place, problems: &mut Problems) {
    if let Some(version) = problems.required(root, "version", version).filter(|version| *version != 1) {
        problems.add(&root.key("version"), Problem::Value(format!("version {version} is not known here: 1 is")));
    }
}

fn mode(raw: raw::Mode) -> Mode {
    match raw {
        raw::Mode::Enforce => Mode::Enforce,
        raw::Mode::Observe => Mode::Observe,
    }
}

/// What one call may cost, and how many checks of one source may fail in a second.
fn budget(raw: raw::Limits, place: &Place, problems: &mut Problems) -> Option<Budget> {
    let raw::Limits { body, events, depth, attributes, checks, failed_checks } = raw;
    let body = size(body, Budget::DEFAULT.body, &place.key("body"), problems);
    let events = count(events, Budget::DEFAULT.events, &place.key("events"), problems);
    let depth = count(depth, Budget::DEFAULT.depth, &place.key("depth"), problems);
    let attributes = count(attributes, Budget::DEFAULT.attributes, &place.key("attributes"), problems);
    let checks = count(checks, Budget::checks_for(events.unwrap_or_default()), &place.key("checks"), problems);
    let failed = count(failed_checks, 1, &place.key("failedChecks"), problems);
    let failed_checks = failed.map(|_| failed_checks.and_then(NonZeroU32::new))?;
    Some(Budget { body: body?, events: events?, depth: depth?, attributes: attributes?, checks: checks?, failed_checks })
}

/// Reads and compiles the maps of a list. What comes out keeps its place in the list.
fn each<R: DeserializeOwned, T>(
    list: Option<&[Value]>,
    place: &Place,
    problems: &mut Problems,
    mut compile: impl FnMut(R, &Place, &mut Problems) -> Option<T>,
) -> Vec<(usize, T)> {
    let Some(list) = list else { return Vec::new() };
    if list.is_empty() {
        problems.add(place, Problem::Empty);
    }
    let mut compiled = Vec::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        let place = place.index(index);
        if let Some(item) = read(value, UnknownKeys::Note, &place, problems).and_then(|raw| compile(raw, &place, problems)) {
            compiled.push((index, item));
        }
    }
    compiled
}

/// One map, or a list of them. What stood in a list has its place there; what stood alone has none.
fn one_or_each<R: DeserializeOwned, T>(
    raw: Value,
    place: &Place,
    problems: &mut Problems,
    mut compile: impl FnMut(R, &Place, &mut Problems) -> Option<T>,
) -> Vec<(Option<usize>, T)> {
    match raw {
        Value::Array(list) => {
            each(Some(&list), place, problems, compile).into_iter().map(|(index, item)| (Some(index), item)).collect()
        }
        one @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            let raw = read(&one, UnknownKeys::Note, place, problems);
            raw.and_then(|raw| compile(raw, place, problems)).map(|item| (None, item)).into_iter().collect()
        }
    }
}

/// What is not there is well; what is there must be.
fn optional<T>(compiled: Option<Option<T>>) -> Option<Option<T>> {
    match compiled {
        None => Some(None),
        Some(compiled) => compiled.map(Some),
    }
}

/// A text that says something.
fn text(text: Option<String>, place: &Place, problems: &mut Problems) -> Option<String> {
    match text {
        Some(text) if text.is_empty() => problems.wrong(place, Problem::Empty),
        text => text,
    }
}

/// The path of a request.
fn check_path(path: &str, place: &Place, problems: &mut Problems) {
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        problems.add(place, Problem::Value("a path starts with `/` and has no white space".to_owned()));
    }
}

/// A text that must be there and says something.
fn required_text(value: Option<String>, parent: &Place, key: &str, problems: &mut Problems) -> Option<String> {
    let value = problems.required(parent, key, value);
    text(value, &parent.key(key), problems)
}

/// A list of different texts that say something; `None` where the key is absent.
fn texts(list: Option<Vec<String>>, place: &Place, problems: &mut Problems) -> Option<Vec<String>> {
    let list = list?;
    if list.is_empty() {
        problems.add(place, Problem::Empty);
    }
    let mut seen = Seen::default();
    for (index, item) in list.iter().enumerate() {
        let here = place.index(index);
        if item.is_empty() {
            problems.add(&here, Problem::Empty);
        }
        seen.add(item, index, place, &here, problems);
    }
    Some(list)
}

/// The texts of a list that must differ, with their indices.
#[derive(Default)]
struct Seen<'a>(BTreeMap<&'a str, usize>);

impl<'a> Seen<'a> {
    /// Notes at `here` where `text` was there before, somewhere in the list at `place`.
    fn add(&mut self, text: &'a str, index: usize, place: &Place, here: &Place, problems: &mut Problems) {
        if let Some(former) = self.0.insert(text, index) {
            let former = place.index(former);
            problems.add(here, Problem::Duplicate { value: cut(text, 64).to_owned(), former });
        }
    }
}

/// Notes where the items of a list say the same under a key that tells them apart, also where they are otherwise wrong.
fn check_different(list: Option<&[Value]>, key: &str, place: &Place, problems: &mut Problems) {
    let mut seen = Seen::default();
    for (index, item) in list.unwrap_or_default().iter().enumerate() {
        if let Some(text) = text_of(item, key) {
            seen.add(text, index, place, &place.index(index).key(key), problems);
        }
    }
}

/// A duration, or the one that holds where nothing is said.
fn duration(text: Option<String>, default: Duration, place: &Place, problems: &mut Problems) -> Option<Duration> {
    match text {
        Some(text) => problems.ok(place, units::duration(&text)),
        None => Some(default),
    }
}

/// A duration that is not nothing, or the one that holds where nothing is said.
fn span(text: Option<String>, default: Duration, place: &Place, problems: &mut Problems) -> Option<Duration> {
    match duration(text, default, place, problems) {
        Some(Duration::ZERO) => {
            problems.wrong(place, Problem::Value("nothing could keep it: it must be longer than 0".to_owned()))
        }
        span => span,
    }
}

/// A size that is not nothing, or the one that holds where nothing is said.
fn size(value: Option<Value>, default: usize, place: &Place, problems: &mut Problems) -> Option<usize> {
    let size = value.map_or(Some(default), |value| problems.ok(place, units::size(&value)));
    positive(size, place, problems)
}

/// A number that is not nothing, or the one that holds where nothing is said.
fn count(value: Option<u32>, default: usize, place: &Place, problems: &mut Problems) -> Option<usize> {
    let count = value.map_or(Some(default), |value| usize::try_from(value).ok());
    positive(count, place, problems)
}

fn positive(number: Option<usize>, place: &Place, problems: &mut Problems) -> Option<usize> {
    match number {
        Some(0) => problems.wrong(place, Problem::Value("nothing could keep it: it must be 1 or more".to_owned())),
        number => number,
    }
}

/// A header's name (RFC 9110 section 5.1), in lower case.
fn header_name(text: Option<String>, default: &str, place: &Place, problems: &mut Problems) -> Option<String> {
    let name = text.unwrap_or_else(|| default.to_owned()).to_ascii_lowercase();
    if is_token(&name) {
        return Some(name);
    }
    problems.wrong(place, Problem::Value(format!("`{}` is not the name of a header", cut(&name, 64))))
}

/// What a variable of the environment holds.
fn variable(name: &str, env: Environment<'_>, place: &Place, problems: &mut Problems) -> Option<String> {
    let unset = || Problem::Value(format!("the environment variable `{}` is not set", cut(name, 64)));
    env(name).or_else(|| problems.wrong(place, unset()))
}

/// A token of RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
