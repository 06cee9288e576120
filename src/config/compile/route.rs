//! Routes: which calls, which topic.

use super::{Names, Place, Problem, Problems, Seen, is_token, protocol, raw, required_text, text, texts};
use crate::call::cut;
use crate::policy::path::{PathTemplate, TopicTemplate};
use crate::policy::route::HostPattern;
use crate::policy::{Access, Matcher, Route, Routes};

pub(super) fn route(raw: raw::Route, place: &Place, problems: &mut Problems) -> Option<Route> {
    let raw::Route { name, matches, protocol, topic, json, grpc, pubsub, components, anonymous } = raw;
    let name = required_text(name, place, "name", problems);
    let method = matches.as_ref().and_then(|matches| matches.grpc.clone());
    let matcher = problems.required(place, "match", matches).and_then(|raw| matcher(raw, &place.key("match"), problems));
    let settings = protocol::Settings { json, grpc, pubsub, components, method: method.as_deref() };
    let protocol = problems.required(place, "protocol", protocol);
    let protocol = protocol.and_then(|raw| protocol::protocol(raw, settings, place, problems));
    let matcher = matcher?;
    let topic = match topic {
        Some(topic) => Some(problems.ok(&place.key("topic"), TopicTemplate::parse(&topic, matcher.path.as_ref()))?),
        None => matcher.path.as_ref().and_then(TopicTemplate::of_path),
    };
    let access = if anonymous == Some(true) { Access::Anonymous } else { Access::Token };
    let (protocol, messages) = protocol?;
    Some(Route { name: name?.into(), matcher, protocol, messages, topic, access })
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
pub(super) fn routes(routes: Vec<(usize, Route)>, names: &Names<'_>, place: &Place, problems: &mut Problems) -> Routes {
    let mut seen = Seen::default();
    for (at, (index, route)) in routes.iter().enumerate() {
        let here = place.index(*index);
        seen.add(&route.name, *index, place, &here.key("name"), problems);
        let former = routes.iter().take(at).find(|(_, former)| former.matcher.covers(&route.matcher));
        if let Some((former, _)) = former {
            problems.add(&here, Problem::Unreachable { by: place.index(*former) });
        }
        if route.access == Access::Token && !names.issuers_are_there {
            let problem = "its calls need a token and there are no `issuers`: name one, or say `anonymous: true`";
            problems.add(&here, Problem::Contradiction(problem));
        }
    }
    Routes::new(routes.into_iter().map(|(_, route)| route).collect())
}
