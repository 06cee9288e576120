//! What is fetched: from where, how often, and for how long it is used.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Place, Problem, Problems, raw, required_text, span};
use crate::keyset::{Discovery, Host, Keys, Kind, Location, SetId, Settings};
use crate::policy::Policy;

const TIMEOUT: Duration = Duration::from_secs(5);
const REFRESH: Duration = Duration::from_secs(600);
const MAX_STALE: Duration = Duration::from_secs(3600);

/// Below this a policy asks a key server, not for keys, but all the time.
const SHORTEST_REFRESH: Duration = Duration::from_secs(1);

/// Whose a set is, where that is known.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub name: Option<&'a str>,
    pub issuer: Option<&'a str>,
}

/// Adds a set to those that the policy fetches.
pub(super) fn add(settings: Settings, fetched: &mut Vec<Settings>) -> SetId {
    fetched.push(settings);
    SetId(fetched.len() - 1)
}

/// What a shadow fetches is fetched with the policy's own, and what both name is fetched once.
pub(super) fn take_in(shadow: &mut Policy, fetched: &mut Vec<Settings>) {
    let mut place = |settings: Settings| match fetched.iter().position(|known| *known == settings) {
        Some(known) => SetId(known),
        None => add(Settings { name: format!("shadow.{}", settings.name), ..settings }, fetched),
    };
    let ids: Vec<SetId> = std::mem::take(&mut shadow.fetched).into_iter().map(&mut place).collect();
    for issuer in &mut shadow.issuers {
        if let Some(id) = issuer.keys.set().and_then(|set| ids.get(set.0)) {
            issuer.keys = Keys::fetched(*id, None);
        }
    }
}

pub(super) fn remote(raw: raw::Remote, owner: Owner<'_>, kind: Kind, place: &Place, problems: &mut Problems) -> Option<Settings> {
    let raw::Remote { cluster, uri, timeout, refresh, max_stale } = raw;
    let cluster = required_text(cluster, place, "cluster", problems);
    let uri = required_text(uri, place, "uri", problems);
    let location = uri.and_then(|uri| location(&uri, &place.key("uri"), problems));
    let times = Times::of(timeout, refresh, max_stale, place, problems);
    times?.settings(owner, kind, cluster?, location?, None)
}

pub(super) fn discovery(raw: raw::Discovery, owner: Owner<'_>, place: &Place, problems: &mut Problems) -> Option<Settings> {
    let raw::Discovery { cluster, uri, hosts, timeout, refresh, max_stale } = raw;
    let cluster = required_text(cluster, place, "cluster", problems);
    // OpenID Connect Discovery 1.0 section 4.1.
    let well_known = |issuer: &str| format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let given = uri.is_some();
    let uri = uri.or_else(|| owner.issuer.map(well_known));
    let uri_place = if given { place.key("uri") } else { place.clone() };
    let location = uri.and_then(|uri| location(&uri, &uri_place, problems));
    let hosts = self::hosts(hosts, &place.key("hosts"), problems);
    let times = Times::of(timeout, refresh, max_stale, place, problems);
    let (cluster, location, mut hosts) = (cluster?, location?, hosts?);
    if !hosts.iter().any(|host| host.authority == location.authority) {
        hosts.push(Host { authority: location.authority.clone(), cluster: cluster.clone() });
    }
    let discovery = Discovery { issuer: owner.issuer?.to_owned(), hosts };
    times?.settings(owner, Kind::Keys, cluster, location, Some(discovery))
}

/// Clusters by host. That the metadata name a host does not make it one that keys may come from.
fn hosts(raw: Option<BTreeMap<String, String>>, place: &Place, problems: &mut Problems) -> Option<Vec<Host>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    if raw.is_empty() {
        problems.add(place, Problem::Empty);
    }
    let host = |(authority, cluster): (String, String)| {
        let here = place.key(&authority);
        let found = Location::parse(&format!("https://{authority}/")).ok().filter(|found| found.authority == authority);
        if found.is_none() {
            problems.add(
                &here,
                Problem::Value("not a host in lower case, with a port where that is not the scheme's own".to_owned()),
            );
        }
        if cluster.is_empty() {
            problems.add(&here, Problem::Empty);
        }
        found.map(|_| Host { authority, cluster })
    };
    raw.into_iter().map(host).collect::<Vec<_>>().into_iter().collect()
}

fn location(uri: &str, place: &Place, problems: &mut Problems) -> Option<Location> {
    problems.ok(place, Location::parse(uri))
}

struct Times {
    timeout: Duration,
    refresh: Duration,
    max_stale: Duration,
}

impl Times {
    fn of(
        timeout: Option<String>,
        refresh: Option<String>,
        max_stale: Option<String>,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<Self> {
        let timeout = span(timeout, TIMEOUT, &place.key("timeout"), problems);
        let refresh = span(refresh, REFRESH, &place.key("refresh"), problems);
        if refresh.is_some_and(|refresh| refresh < SHORTEST_REFRESH) {
            problems.add(&place.key("refresh"), Problem::Value("too often: 1s or longer is meant".to_owned()));
        }
        let max_stale = super::duration(max_stale, MAX_STALE, &place.key("maxStale"), problems);
        Some(Self { timeout: timeout?, refresh: refresh?, max_stale: max_stale? })
    }

    fn settings(
        self,
        owner: Owner<'_>,
        kind: Kind,
        cluster: String,
        location: Location,
        discovery: Option<Discovery>,
    ) -> Option<Settings> {
        let Self { timeout, refresh, max_stale } = self;
        let name = owner.name?.to_owned();
        Some(Settings { name, kind, cluster, location, discovery, timeout, refresh, max_stale })
    }
}
