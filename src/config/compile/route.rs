//! Routes: which calls, which topic.

use serde_json::Value;

use super::{Names, Place, Problem, Problems, check_different, each, is_token, protocol, raw, required_text, text, texts};
use crate::call::cut;
use crate::policy::path::{PathTemplate, TopicTemplate};
use crate::policy::route::HostPattern;
use crate::policy::{Access, Batches, Matcher, Route};
use crate::protocol::Protocol;
use crate::rules::{Rule, Rules, SignatureRule};
use crate::signature::Settings;

const NO_BATCHES: &str = "calls of this protocol have no events that can be left out: `drop-refused` is for `cloudevents`, \
                          `kafka-rest` and `pubsub`";

/// The routes of a policy, each with its place in the list.
pub(super) fn routes(list: Option<Vec<Value>>, names: &Names<'_>, place: &Place, problems: &mut Problems) -> Vec<(usize, Route)> {
    let entries = each(list.as_deref(), place, problems, |raw, place, problems| Some(entry(raw, place, problems)));
    check_different(list.as_deref(), "name", place, problems);
    check(&entries, names, place, problems);
    entries.into_iter().filter_map(|(index, entry)| Some((index, entry.route?))).collect()
}

/// A route, and what others are held against also where something else of it is wrong.
struct Entry {
    calls: Calls,
    route: Option<Route>,
}

/// Which calls take a route.
struct Calls {
    matcher: Option<Matcher>,
    /// Whether something of `match` is wrong: other calls were meant then.
    wrong: bool,
    /// What `match` says of gRPC.
    method: Option<String>,
    access: Access,
}

impl Calls {
    fn cover(&self, others: &Self) -> bool {
        let both = self.matcher.as_ref().zip(others.matcher.as_ref()).filter(|_| !self.wrong && !others.wrong);
        both.is_some_and(|(own, others)| own.covers(others))
    }
}

fn entry(mut raw: raw::Route, place: &Place, problems: &mut Problems) -> Entry {
    let calls = calls(raw.matches.take(), raw.anonymous, place, problems);
    Entry { route: route(raw, &calls, place, problems), calls }
}

fn calls(matches: Option<raw::Match>, anonymous: Option<bool>, place: &Place, problems: &mut Problems) -> Calls {
    let at = place.key("match");
    let method = matches.as_ref().and_then(|matches| matches.grpc.clone());
    let matcher = problems.required(place, "match", matches).and_then(|raw| matcher(raw, &at, problems));
    let access = if anonymous == Some(true) { Access::Anonymous } else { Access::Token };
    Calls { matcher, wrong: !problems.none_in(&at), method, access }
}

fn route(raw: raw::Route, calls: &Calls, place: &Place, problems: &mut Problems) -> Option<Route> {
    let raw::Route { name, matches: _, protocol, topic, json, grpc, pubsub, components, anonymous: _, batch } = raw;
    let name = required_text(name, place, "name", problems);
    let settings = protocol::Settings { json, grpc, pubsub, components, method: calls.method.as_deref() };
    let protocol = problems.required(place, "protocol", protocol);
    let protocol = protocol.and_then(|raw| protocol::protocol(raw, settings, place, problems));
    let matcher = calls.matcher.clone()?;
    let topic = match topic {
        Some(topic) => Some(problems.ok(&place.key("topic"), TopicTemplate::parse(&topic, matcher.path.as_ref()))?),
        None => matcher.path.as_ref().and_then(TopicTemplate::of_path),
    };
    let (protocol, messages) = protocol?;
    let batch = match batch {
        None | Some(raw::Batches::RefuseAll) => Batches::RefuseAll,
        Some(raw::Batches::DropRefused) if protocol.carries_batches() => Batches::DropRefused,
        Some(raw::Batches::DropRefused) => return problems.wrong(&place.key("batch"), Problem::Contradiction(NO_BATCHES)),
    };
    Some(Route { name: name?.into(), matcher, protocol, messages, topic, access: calls.access, batch })
}

fn matcher(raw: raw::Match, place: &Place, problems: &mut Problems) -> Option<Matcher> {
    if let raw::Match { methods: None, hosts: None, path: None, grpc: None, route_name: None } = &raw {
        return problems.wrong(place, Problem::Empty);
    }
    let raw::Match { methods, hosts, path, grpc, route_name } = raw;
    let methods = texts(methods, &place.key("methods"), problems).unwrap_or_default();
    for (index, method) in methods.iter().enumerate().filter(|(_, method)| !is_token(method)) {
        problems.add(&place.key("methods").index(index), Problem::Value(format!("`{}` is not a method", cut(method, 64))));
    }
    let hosts = texts(hosts, &place.key("hosts"), problems).unwrap_or_default();
    let host = |(index, host): (usize, &String)| problems.ok(&place.key("hosts").index(index), HostPattern::parse(host));
    let hosts: Vec<Option<HostPattern>> = hosts.iter().enumerate().map(host).collect();
    let path = match (path, grpc) {
        (Some(path), None) => Some(problems.ok(&place.key("path"), PathTemplate::parse(&path))?),
        (None, Some(grpc)) => Some(problems.ok(&place.key("grpc"), PathTemplate::grpc(&grpc))?),
        (None, None) => None,
        (Some(_), Some(_)) => {
            return problems.wrong(place, Problem::Contradiction("`grpc` is a path: only one of `path` and `grpc` can be there"));
        }
    };
    let route_name = text(route_name, &place.key("routeName"), problems);
    Some(Matcher { methods, hosts: hosts.into_iter().collect::<Option<_>>()?, path, route_name })
}

/// What no call reaches was not meant to be written, and may be what was meant to be stricter.
fn check(entries: &[(usize, Entry)], names: &Names<'_>, place: &Place, problems: &mut Problems) {
    for (at, (index, entry)) in entries.iter().enumerate() {
        let here = place.index(*index);
        if let Some((former, _)) = entries.iter().take(at).find(|(_, former)| former.calls.cover(&entry.calls)) {
            problems.add(&here, Problem::Unreachable { by: place.index(*former) });
        }
        if entry.calls.access == Access::Token && !names.issuers_are_there {
            let problem = "its calls need a token and there are no `issuers`: name one, or say `anonymous: true`";
            problems.add(&here, Problem::Contradiction(problem));
        }
    }
}

/// A batch that has lost events is not what was signed.
pub(super) fn check_batches(
    routes: &[(usize, Route)],
    rules: &Rules,
    signatures: &Settings,
    place: &Place,
    problems: &mut Problems,
) {
    for (index, route) in routes.iter().filter(|(_, route)| route.batch == Batches::DropRefused) {
        let signed = rules.iter().find(|rule| is_signed_whole(rule, signatures) && may_take(rule, route));
        if let Some(rule) = signed {
            let problem = format!(
                "events of the type `{}` may come here and must be signed with all of the body, which would not be what was signed \
                 without some of its events",
                cut(&rule.event_type, 64)
            );
            problems.add(&place.index(*index).key("batch"), Problem::Value(problem));
        }
    }
}

/// Whether nothing but a signature over the whole body will do.
fn is_signed_whole(rule: &Rule, signatures: &Settings) -> bool {
    match &rule.signature {
        SignatureRule::Optional => false,
        SignatureRule::Required { schemes: None } => signatures.dsse.is_none() && signatures.event_jws.is_none(),
        SignatureRule::Required { schemes: Some(schemes) } => schemes.iter().all(|scheme| !scheme.is_of_an_event()),
    }
}

/// Whether events of the rule may go to the topic of the route. Pub/Sub's messages name their topic themselves.
fn may_take(rule: &Rule, route: &Route) -> bool {
    let topic = match &route.topic {
        Some(topic) if !matches!(route.protocol, Protocol::PubSub(_)) => topic.literal(),
        Some(_) | None => None,
    };
    rule.topics.as_ref().is_none_or(|topics| topic.is_none_or(|topic| topics.contains(topic)))
}
