//! Routes: which calls, which protocol, which topic.

use super::{Names, Place, Problem, Problems, Seen, is_token, raw, required_text, text, texts};
use crate::call::cut;
use crate::json::Pointer;
use crate::policy::path::{PathTemplate, TopicTemplate};
use crate::policy::route::HostPattern;
use crate::policy::{Access, Matcher, Route, Routes};
use crate::protocol::Protocol;
use crate::protocol::json::Envelope;

pub(super) fn route(raw: raw::Route, place: &Place, problems: &mut Problems) -> Option<Route> {
    let raw::Route { name, matches, protocol, topic, json, anonymous } = raw;
    let name = required_text(name, place, "name", problems);
    let matcher = problems.required(place, "match", matches).and_then(|raw| matcher(raw, &place.key("match"), problems));
    let protocol = problems.required(place, "protocol", protocol).and_then(|raw| self::protocol(raw, json, place, problems));
    let matcher = matcher?;
    let topic = match topic {
        Some(topic) => Some(problems.ok(&place.key("topic"), TopicTemplate::parse(&topic, matcher.path.as_ref()))?),
        None => matcher.path.as_ref().and_then(TopicTemplate::of_path),
    };
    let access = if anonymous == Some(true) { Access::Anonymous } else { Access::Token };
    Some(Route { name: name?.into(), matcher, protocol: protocol?, topic, access })
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

fn protocol(raw: raw::Protocol, json: Option<raw::Envelope>, place: &Place, problems: &mut Problems) -> Option<Protocol> {
    if json.is_some() && raw != raw::Protocol::Json {
        problems.add(&place.key("json"), Problem::Contradiction("it means something only with the protocol `json`"));
    }
    match raw {
        raw::Protocol::CloudEvents => Some(Protocol::CloudEvents),
        raw::Protocol::KafkaRest => Some(Protocol::KafkaRest),
        raw::Protocol::PubSub => Some(Protocol::PubSub),
        raw::Protocol::Json => {
            let raw = problems.required(place, "json", json)?;
            envelope(raw, &place.key("json"), problems).map(Protocol::Json)
        }
    }
}

fn envelope(raw: raw::Envelope, place: &Place, problems: &mut Problems) -> Option<Envelope> {
    let raw::Envelope { event_type, id, source, time, subject, data } = raw;
    let event_type = problems.required(place, "type", event_type);
    let mut pointer = |text: Option<String>, key: &str| text.and_then(|text| problems.ok(&place.key(key), Pointer::parse(&text)));
    let event_type = pointer(event_type, "type");
    let (id, source, time) = (pointer(id, "id"), pointer(source, "source"), pointer(time, "time"));
    let (subject, data) = (pointer(subject, "subject"), pointer(data, "data"));
    Some(Envelope { event_type: event_type?, id, source, time, subject, data })
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
