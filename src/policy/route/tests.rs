use super::*;

fn head(method: &str, authority: &str, path: &str) -> Head {
    Head::from_map([(":method", method), (":authority", authority), (":path", path)].into_iter().collect()).unwrap()
}

fn route(name: &str, matcher: Matcher) -> Route {
    let topic = matcher.path.as_ref().and_then(TopicTemplate::of_path);
    let (protocol, messages) = (Protocol::CloudEvents, Messages::One);
    Route { name: name.into(), matcher, protocol, messages, topic, access: Access::Token, batch: Batches::RefuseAll }
}

fn matcher(methods: &[&str], hosts: &[&str], path: Option<&str>, route_name: Option<&str>) -> Matcher {
    Matcher {
        methods: methods.iter().map(|method| (*method).to_owned()).collect(),
        hosts: hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect(),
        path: path.map(|path| PathTemplate::parse(path).unwrap()),
        route_name: route_name.map(str::to_owned),
    }
}

fn routes() -> Routes {
    Routes::new(vec![
        route("orders", matcher(&["POST"], &[], Some("/events/orders"), None)),
        route("events", matcher(&["POST", "PUT"], &[], Some("/events/{topic}"), None)),
        route("shop", matcher(&[], &["*.shop.example", "bus:8080"], None, None)),
        route("envoy", matcher(&[], &[], None, Some("publish"))),
    ])
}

#[test]
fn the_first_route_that_matches_is_taken() {
    for (method, authority, path, route_name, expected) in [
        ("POST", "bus", "/events/orders", None, Some("orders")),
        ("POST", "bus", "/events/carts?x", None, Some("events")),
        ("PUT", "bus", "/events/orders", None, Some("events")),
        ("post", "bus", "/events/orders", None, None),
        ("GET", "bus", "/events/orders", None, None),
        ("GET", "bus", "/events/orders", Some("publish"), Some("envoy")),
        ("GET", "bus", "/events/orders", Some("Publish"), None),
        ("GET", "a.SHOP.example:1", "/", None, Some("shop")),
        ("GET", "shop.example", "/", None, None),
        ("GET", ".shop.example", "/", None, None),
        ("GET", "bus:8080", "/", None, Some("shop")),
        ("GET", "bus:80", "/", None, None),
        ("GET", "bus", "/", None, None),
    ] {
        let (routes, head) = (routes(), head(method, authority, path));
        let matched = routes.find(&head, &Hints { route_name, ..Hints::default() });
        assert_eq!(matched.map(|matched| matched.route.name.clone()).as_deref(), expected, "{method} {authority} {path}");
    }
}

#[test]
fn a_match_tells_the_topic_and_the_template() {
    let (routes, head) = (routes(), head("PUT", "bus", "/events/c%61rts"));
    let matched = routes.find(&head, &Hints::default()).unwrap();
    assert_eq!(routes.get(matched.index).map(|route| &*route.name), Some("events"));
    assert_eq!((matched.topic.as_deref(), matched.route.path_template().as_deref()), (Some("carts"), Some("/events/{topic}")));
}

#[test]
fn metadata_names_the_route_whatever_its_match_says() {
    let routes = routes();
    for (path, name, expected) in [
        ("/events/orders", "events", Some(("events", Some("orders")))),
        ("/elsewhere/carts", "events", Some(("events", None))),
        ("/events/orders", "nothing", None),
    ] {
        let head = head("POST", "bus", path);
        let matched = routes.find(&head, &Hints { route: Some(name), ..Hints::default() });
        let found = matched.as_ref().map(|matched| (&*matched.route.name, matched.topic.as_deref()));
        assert_eq!(found, expected, "{path} {name}");
    }
}

#[test]
fn a_host_is_compared_without_case_and_without_a_port_that_nobody_asked_for() {
    for (pattern, authority, matches) in [
        ("bus.shop", "bus.shop", true),
        ("bus.shop", "BUS.shop:8080", true),
        ("Bus.Shop", "bus.shop:", true),
        ("bus.shop:8080", "bus.shop:8080", true),
        ("bus.shop:8080", "bus.shop", false),
        ("bus.shop", "bus.shop.", false),
        ("bus.shop", "x@bus.shop", false),
        ("bus.shop", "bus.shop:80:80", false),
        ("*.shop", "a.b.shop:1", true),
        ("*.shop", "shop", false),
        ("*.shop", "ashop", false),
        ("*.shop", "é.shop", true),
        ("*.shop", "", false),
        ("[::1]", "[::1]:80", true),
        ("[::1]", "[::1]", true),
        ("[::1]:80", "[::1]", false),
    ] {
        assert_eq!(HostPattern::parse(pattern).unwrap().matches(authority), matches, "{pattern} {authority}");
    }
}

#[test]
fn what_is_no_host_is_an_error() {
    for text in ["", "*", "*.", "*.*", "a*", "a b", "*..shop", "bus:", ":80", "::1", "bus/x", "bus@x", "é"] {
        assert_eq!(HostPattern::parse(text), Err(NotAHost), "{text}");
    }
}

#[test]
fn a_matcher_covers_what_is_less_general() {
    let post = matcher(&["POST"], &[], Some("/a/{b}"), None);
    for (other, covers) in [
        (post.clone(), true),
        (matcher(&["POST"], &[], Some("/a/c"), None), true),
        (matcher(&["POST"], &["bus"], Some("/a/{x}"), Some("r")), true),
        (matcher(&["POST", "PUT"], &[], Some("/a/c"), None), false),
        (matcher(&[], &[], Some("/a/c"), None), false),
        (matcher(&["POST"], &[], None, None), false),
    ] {
        assert_eq!(post.covers(&other), covers, "{other:?}");
    }
    let hosts = matcher(&[], &["*.shop", "bus"], None, None);
    for (other, covers) in [
        (&["a.shop"][..], true),
        (&["*.a.shop", "bus:80"], true),
        (&["shop"], false),
        (&["*.bus"], false),
        (&["bus", "other"], false),
        (&[], false),
    ] {
        assert_eq!(hosts.covers(&matcher(&[], other, None, None)), covers, "{other:?}");
    }
    assert!(!matcher(&[], &["bus:80"], None, None).covers(&matcher(&[], &["bus"], None, None)));
    assert!(!matcher(&[], &[], None, Some("a")).covers(&matcher(&[], &[], None, Some("b"))));
}
