//! Which calls carry events, and how: the head of a call into the route that it takes. Trusts the proxy for the name of its own
//! route and that route's metadata; knows nothing of bodies.

use std::borrow::Cow;
use std::sync::Arc;

use super::path::{CallPath, PathTemplate, TopicTemplate};
use crate::call::Head;
use crate::protocol::Protocol;
use crate::rules::Mode;

/// A kind of publish call.
#[derive(Debug, Clone)]
pub struct Route {
    /// The policy's name for it.
    pub name: Arc<str>,
    /// Which calls take it.
    pub matcher: Matcher,
    /// How they carry events.
    pub protocol: Protocol,
    /// How many messages a call may have, where it is one of gRPC.
    pub messages: Messages,
    /// What names the topic of events that do not name one themselves.
    pub topic: Option<TopicTemplate>,
    /// Whether calls need a token.
    pub access: Access,
    /// What becomes of a batch with a refused event.
    pub batch: Batches,
}

/// What becomes of a batch with a refused event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batches {
    /// It is refused whole.
    RefuseAll,
    /// It goes on without its refused events, where that can be; else it is refused whole.
    DropRefused,
}

/// How many messages a gRPC call may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Messages {
    /// One.
    One,
    /// Any number (client streaming); each is judged by itself.
    Many,
}

/// Whether a call needs a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A call without a token is refused.
    Token,
    /// No token is asked for and none is read: the publisher is the signer's, where there is a signature.
    Anonymous,
}

/// Which calls take a route: those that keep all that is said here. What is empty or absent asks nothing; `config` sees to it
/// that something is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matcher {
    /// One of these methods, exactly (RFC 9110 section 9.1: methods have case).
    pub methods: Vec<String>,
    /// One of these hosts.
    pub hosts: Vec<HostPattern>,
    /// A path of this template.
    pub path: Option<PathTemplate>,
    /// Envoy's name of its own route.
    pub route_name: Option<String>,
}

/// What the proxy's configuration says of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hints<'a> {
    /// Envoy's name of the route that it chose.
    pub route_name: Option<&'a str>,
    /// The policy's route, where the metadata of Envoy's route names one.
    pub route: Option<&'a str>,
    /// Whether refusals are carried out, where the metadata of Envoy's route says so.
    pub mode: Option<Mode>,
}

/// The route that a call takes.
#[derive(Debug, Clone)]
pub struct Matched<'a> {
    /// The route's place among the policy's, for [`Routes::get`].
    pub index: usize,
    /// The route.
    pub route: &'a Route,
    /// The topic that the route and the call's path name.
    pub topic: Option<Cow<'a, str>>,
}

/// The routes of a policy, in their order.
#[derive(Debug, Clone)]
pub struct Routes(Vec<Route>);

impl Routes {
    /// From routes with different names.
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        Self(routes)
    }

    /// All routes, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter()
    }

    /// The route at that place.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Route> {
        self.0.get(index)
    }

    /// Whether a route asks for the name of Envoy's own route.
    #[must_use]
    pub fn ask_for_route_name(&self) -> bool {
        self.0.iter().any(|route| route.matcher.route_name.is_some())
    }

    /// The route that a call takes: the first that matches. Where the metadata of Envoy's route names a route of the policy, it is
    /// that one, whatever its `match` says, so that such a call is never left unjudged; `None` where the policy has no such route.
    #[must_use]
    pub fn find<'a>(&'a self, head: &'a Head, hints: &Hints<'_>) -> Option<Matched<'a>> {
        let path = CallPath::new(head.path());
        let takes = |route: &Route| match hints.route {
            Some(name) => *route.name == *name,
            None => route.matcher.matches(head, &path, hints.route_name),
        };
        let (index, route) = self.0.iter().enumerate().find(|(_, route)| takes(route))?;
        Some(Matched { index, route, topic: route.topic(&path) })
    }
}

impl Route {
    /// The path template (or gRPC path) as text, for the record: the path itself may hold secrets, and has no bound.
    #[must_use]
    pub fn path_template(&self) -> Option<Arc<str>> {
        self.matcher.path.as_ref().map(PathTemplate::shared_text)
    }

    /// Whether an event of a call that takes this route can have that topic.
    #[must_use]
    pub fn may_give(&self, topic: &str) -> bool {
        self.protocol.names_topics() || self.topic.as_ref().is_some_and(|template| template.may_be(topic))
    }

    fn topic<'a>(&'a self, path: &CallPath<'a>) -> Option<Cow<'a, str>> {
        let template = self.matcher.path.as_ref();
        let topic = self.topic.as_ref()?;
        // Only a route that the proxy's metadata chose can have another path than its template: then there are no variables.
        if template.is_some_and(|template| !template.matches(path)) {
            return topic.literal().map(Cow::Borrowed);
        }
        topic.topic(template, path)
    }
}

impl Matcher {
    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn matches(&self, head: &Head, path: &CallPath<'_>, route_name: Option<&str>) -> bool {
        (self.methods.is_empty() || self.methods.iter().any(|method| method == head.method()))
            && self.path.as_ref().is_none_or(|template| template.matches(path))
            && (self.hosts.is_empty() || self.hosts.iter().any(|host| host.matches(head.authority())))
            && self.route_name.as_deref().is_none_or(|wanted| route_name == Some(wanted))
    }

    /// Whether every call that matches `other` matches this too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let methods = || !other.methods.is_empty() && other.methods.iter().all(|method| self.methods.contains(method));
        let host = |host: &HostPattern| self.hosts.iter().any(|own| own.covers(host));
        let hosts = || !other.hosts.is_empty() && other.hosts.iter().all(host);
        (self.methods.is_empty() || methods())
            && (self.hosts.is_empty() || hosts())
            && self.path.as_ref().is_none_or(|own| other.path.as_ref().is_some_and(|other| own.covers(other)))
            && (self.route_name.is_none() || self.route_name == other.route_name)
    }
}

/// A host, or with `*.` before it every host below it; compared without case (RFC 9110 section 4.2.3). Without a port it stands
/// for every port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    below: Below,
    /// In lower case; with the dot before it where it stands for hosts below.
    name: String,
    port: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Below {
    No,
    Yes,
}

/// The text is no host pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a host is a name or an address, or `*.` and a name, with or without a port")]
pub struct NotAHost;

impl HostPattern {
    /// Reads a pattern: `bus.shop`, `*.shop`, `bus.shop:8080`, `[::1]`.
    ///
    /// # Errors
    ///
    /// [`NotAHost`].
    pub fn parse(text: &str) -> Result<Self, NotAHost> {
        let (name, port) = split_port(text);
        let (below, bare) = match name.strip_prefix("*.") {
            Some(bare) => (Below::Yes, bare),
            None => (Below::No, name),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'[' | b']' | b':');
        let bracketed = bare.starts_with('[') && bare.ends_with(']');
        if bare.is_empty()
            || bare.starts_with('.')
            || !bare.bytes().all(plain)
            || port == Some("")
            || (bare.contains(':') && !bracketed)
        {
            return Err(NotAHost);
        }
        let name = if below == Below::Yes { format!(".{bare}") } else { bare.to_owned() };
        Ok(Self { below, name: name.to_ascii_lowercase(), port: port.map(str::to_owned) })
    }

    fn matches(&self, authority: &str) -> bool {
        let (name, port) = split_port(authority);
        self.port.as_deref().is_none_or(|wanted| port == Some(wanted)) && self.names(name)
    }

    fn names(&self, name: &str) -> bool {
        match self.below {
            Below::No => name.eq_ignore_ascii_case(&self.name),
            Below::Yes => name
                .len()
                .checked_sub(self.name.len())
                .and_then(|start| name.as_bytes().get(start..).filter(|_| start > 0))
                .is_some_and(|end| end.eq_ignore_ascii_case(self.name.as_bytes())),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        let names = match (self.below, other.below) {
            (Below::Yes, Below::Yes) => other.name.ends_with(&self.name),
            (Below::Yes | Below::No, Below::No) => self.names(&other.name),
            (Below::No, Below::Yes) => false,
        };
        names && (self.port.is_none() || self.port == other.port)
    }
}

/// The host and the port of an authority; an IPv6 address keeps its brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && (!host.contains(':') || host.ends_with(']')) => {
            (host, Some(port))
        }
        _ => (authority, None),
    }
}

#[cfg(test)]
mod tests;
