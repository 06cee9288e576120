//! What a policy says of what it fetches.

use std::time::Duration;

use super::*;
use crate::keyset::{Discovery, Host, Kind, Location, Settings};

fn jwks(jwks: Value) -> Value {
    with("/issuers/0/jwks", jwks)
}

fn shop(settings: Settings) -> Value {
    let mut document = good();
    document["issuers"][0]["issuer"] = json!(settings.discovery.map_or("https://idp".to_owned(), |found| found.issuer));
    document
}

fn settings() -> Settings {
    Settings {
        name: "shop".to_owned(),
        kind: Kind::Keys,
        cluster: "idp".to_owned(),
        location: Location { authority: "idp.example".to_owned(), path: "/certs".to_owned() },
        discovery: None,
        timeout: Duration::from_secs(5),
        refresh: Duration::from_secs(600),
        max_stale: Duration::from_secs(3600),
    }
}

#[test]
fn a_set_that_is_fetched_has_defaults_and_what_is_said() {
    let policy = compiled(jwks(json!({"remote": {"cluster": "idp", "uri": "https://idp.example/certs"}})));
    assert_eq!(policy.fetched, [settings()]);
    assert!(policy.issuers[0].keys.find(Some("1")).is_err());
    let said = json!({"cluster": "c", "uri": "http://h:8080/k?a", "timeout": "1s", "refresh": "2s", "maxStale": "0s"});
    let policy = compiled(jwks(json!({"remote": said})));
    let Settings { cluster, location, timeout, refresh, max_stale, .. } = policy.fetched[0].clone();
    assert_eq!((cluster.as_str(), location.authority.as_str(), location.path.as_str()), ("c", "h:8080", "/k?a"));
    assert_eq!([timeout, refresh, max_stale].map(|time| time.as_secs()), [1, 2, 0]);
    assert!(compiled(good()).fetched.is_empty());
}

#[test]
fn metadata_are_where_the_issuer_is_unless_the_policy_says_otherwise() {
    let host = |authority: &str, cluster: &str| Host { authority: authority.to_owned(), cluster: cluster.to_owned() };
    for (issuer, uri, authority, path) in [
        ("https://idp.example", None, "idp.example", "/.well-known/openid-configuration"),
        ("https://idp.example/", None, "idp.example", "/.well-known/openid-configuration"),
        ("https://idp.example/a/b/", None, "idp.example", "/a/b/.well-known/openid-configuration"),
        ("accounts", Some("https://x/.well-known/oauth-authorization-server"), "x", "/.well-known/oauth-authorization-server"),
    ] {
        let mut document = shop(settings());
        document["issuers"][0]["issuer"] = json!(issuer);
        let mut discovery = json!({"cluster": "idp", "hosts": {"keys.example:8443": "keys"}});
        if let Some(uri) = uri {
            discovery["uri"] = json!(uri);
        }
        document["issuers"][0]["jwks"] = json!({"discovery": discovery});
        let found = compiled(document).fetched[0].clone();
        assert_eq!((found.location.authority.as_str(), found.location.path.as_str()), (authority, path), "{issuer}");
        let hosts = vec![host("keys.example:8443", "keys"), host(authority, "idp")];
        assert_eq!(found.discovery, Some(Discovery { issuer: issuer.to_owned(), hosts }));
    }
    let own = json!({"cluster": "idp", "uri": "https://idp/x", "hosts": {"idp": "other"}});
    let hosts = compiled(jwks(json!({"discovery": own}))).fetched[0].discovery.clone().unwrap().hosts;
    assert_eq!(hosts, [host("idp", "other")], "its own host may have another cluster for the keys");
}

#[test]
fn what_is_wrong_with_a_set_that_is_fetched_has_its_place() {
    let remote = |change: Value| {
        let mut remote = json!({"cluster": "idp", "uri": "https://idp.example/certs"});
        remote.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        jwks(json!({"remote": remote}))
    };
    let discovery = |change: Value| {
        let mut discovery = json!({"cluster": "idp"});
        discovery.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        jwks(json!({"discovery": discovery}))
    };
    let inline = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": ED25519, "kid": "1"}]});
    let some = json!({"cluster": "idp", "uri": "https://idp.example/certs"});
    let address = "not an address of the form `https://HOST/PATH`, without user and fragment";
    let one = "issuers[0].jwks: exactly one of `inline`, `remote` and `discovery` must be there";
    let mut no_uri = jwks(json!({"discovery": {"cluster": "idp"}}));
    no_uri["issuers"][0]["issuer"] = json!("accounts");
    for (document, expected) in [
        (jwks(json!({})), one.to_owned()),
        (jwks(json!({"inline": inline, "remote": some})), one.to_owned()),
        (jwks(json!({"remote": some, "discovery": {"cluster": "idp"}})), one.to_owned()),
        (remote(json!({"cluster": ""})), "issuers[0].jwks.remote.cluster: is empty".to_owned()),
        (jwks(json!({"remote": {"cluster": "idp"}})), "issuers[0].jwks.remote.uri: is missing".to_owned()),
        (remote(json!({"uri": "/certs"})), format!("issuers[0].jwks.remote.uri: {address}")),
        (remote(json!({"uri": "https://a@b/"})), format!("issuers[0].jwks.remote.uri: {address}")),
        (
            remote(json!({"timeout": "0s"})),
            "issuers[0].jwks.remote.timeout: nothing could keep it: it must be longer than 0".to_owned(),
        ),
        (remote(json!({"refresh": "999ms"})), "issuers[0].jwks.remote.refresh: too often: 1s or longer is meant".to_owned()),
        (
            remote(json!({"maxStale": "never"})),
            "issuers[0].jwks.remote.maxStale: not a duration: a whole number and `ms`, `s`, `m`, `h` or `d`, as in `30s`"
                .to_owned(),
        ),
        (remote(json!({"interval": "1s"})), "issuers[0].jwks.remote.interval: there is no such key".to_owned()),
        (no_uri, format!("issuers[0].jwks.discovery: {address}")),
        (discovery(json!({"uri": "x"})), format!("issuers[0].jwks.discovery.uri: {address}")),
        (discovery(json!({"hosts": {}})), "issuers[0].jwks.discovery.hosts: is empty".to_owned()),
        (
            discovery(json!({"hosts": {"Keys": "c"}})),
            "issuers[0].jwks.discovery.hosts.Keys: not a host in lower case, with a port where that is not the scheme's own"
                .to_owned(),
        ),
        (discovery(json!({"hosts": {"keys": ""}})), "issuers[0].jwks.discovery.hosts.keys: is empty".to_owned()),
    ] {
        assert_eq!(errors(document), [expected]);
    }
}
