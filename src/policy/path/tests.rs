use super::*;

fn topic(template: &str, path: &str) -> Option<String> {
    let template = PathTemplate::parse(template).unwrap();
    let path = CallPath::new(path);
    assert!(template.matches(&path), "{path:?}");
    TopicTemplate::of_path(&template).unwrap().topic(Some(&template), &path).map(Cow::into_owned)
}

#[test]
fn a_template_matches_whole_paths_as_they_were_sent() {
    for (template, path, matches) in [
        ("/events/{topic}", "/events/orders", true),
        ("/events/{topic}", "/events/orders?x=/y", true),
        ("/events/{topic}", "/%65v%65nts/orders", true),
        ("/events/{topic}", "/Events/orders", false),
        ("/events/{topic}", "/events", false),
        ("/events/{topic}", "/events/orders/", false),
        ("/events/{topic}", "//events/orders", false),
        ("/events/{topic}", "/x/../events/orders", false),
        ("/events/{topic}", "/./events/orders", false),
        ("/events/{topic}", "events/orders", false),
        ("/events/{topic}", "http://bus/events/orders", false),
        ("/events/{topic}", "/events%2forders", false),
        ("/events/{topic}", "*", false),
        ("/events/{topic}", "", false),
        ("/events", "/events#x", false),
        ("/events", "/events;v=1", false),
        ("/events/", "/events/", true),
        ("/events/", "/events", false),
        ("/", "/", true),
        ("/", "", false),
        ("/", "//", false),
        ("/{a}/x/{b}", "/1/x/2", true),
    ] {
        assert_eq!(PathTemplate::parse(template).unwrap().matches(&CallPath::new(path)), matches, "{template} {path}");
    }
}

#[test]
fn a_topic_is_the_segment_with_unreserved_characters_decoded() {
    for (path, expected) in [
        ("/events/orders", "orders"),
        ("/events/or%64ers", "orders"),
        ("/events/or%2dders%2E", "or-ders."),
        ("/events/%20orders", "%20orders"),
        ("/events/%2564", "%2564"),
        ("/events/%2%35", "%25"),
        ("/events/%c0%a0", "%c0%a0"),
        ("/events/%00", "%00"),
        ("/events/%", "%"),
        ("/events/%4", "%4"),
        ("/events/%+4", "%+4"),
        ("/events/%zz%é", "%zz%é"),
        ("/events/a;b=c", "a;b=c"),
        ("/events/a\\b", "a\\b"),
    ] {
        assert_eq!(topic("/events/{topic}", path).as_deref(), Some(expected), "{path}");
    }
}

#[test]
fn case_trailing_slash_double_slash_dots_semicolon_encoded_bytes_white_space_and_a_fragment_name_another_topic_or_none() {
    let template = PathTemplate::parse("/events/{topic}").unwrap();
    let topics = TopicTemplate::of_path(&template).unwrap();
    let names_carts = |path: &str| {
        let path = CallPath::new(path);
        template.matches(&path) && topics.topic(Some(&template), &path).as_deref() == Some("carts")
    };
    assert!(names_carts("/events/carts"));
    for path in [
        "/EVENTS/carts",
        "/events/Carts",
        "/events/carts/",
        "//events/carts",
        "/events//carts",
        "/events/./carts",
        "/events/carts/.",
        "/x/../events/carts",
        "/events/x/%2e%2e/carts",
        "/events/carts;a=b",
        "/events/%2fcarts",
        "/events/carts%2f",
        "/events/%c0%a0carts",
        "/events/ carts",
        "/events/carts ",
        "/events/carts%20",
        "/events/carts#orders",
        "/events\\carts",
        "/events/carts%00",
    ] {
        assert!(!names_carts(path), "{path}");
    }
}

#[test]
fn a_path_that_another_reader_may_take_elsewhere_names_no_topic() {
    for path in ["/", "/.", "/..", "/%2e%2E", "/.%2e", "/orders%2fx", "/orders%2F", "/%2%66"] {
        assert_eq!(topic("/events/{topic}", &format!("/events{path}")), None, "{path}");
    }
    assert_eq!(topic("/{tenant}/{topic}", "/../orders"), None);
    assert_eq!(topic("/{tenant}/{topic}", "/a%2fb/orders"), None);
    assert_eq!(topic("/{tenant}/{topic}/", "/a/orders/").as_deref(), Some("orders"));
}

#[test]
fn nothing_is_allocated_where_nothing_is_encoded() {
    let template = PathTemplate::parse("/events/{topic}").unwrap();
    let topics = TopicTemplate::of_path(&template).unwrap();
    assert!(matches!(topics.topic(Some(&template), &CallPath::new("/events/orders?%41")), Some(Cow::Borrowed("orders"))));
}

#[test]
fn a_topic_template_puts_variables_into_text() {
    let path = PathTemplate::parse("/{tenant}/bus/{topic}").unwrap();
    for (template, expected) in [
        ("fixed", Some("fixed")),
        ("{topic}", Some("orders")),
        ("{tenant}.{topic}", Some("shop.orders")),
        ("t-{tenant}-{topic}-x", Some("t-shop-orders-x")),
    ] {
        let template = TopicTemplate::parse(template, Some(&path)).unwrap();
        assert_eq!(template.topic(Some(&path), &CallPath::new("/shop/bus/orders")).as_deref(), expected);
    }
    for (template, error) in [
        ("", TopicError::Empty),
        ("{name}", TopicError::NoVariable("name".to_owned())),
        ("{}", TopicError::NoVariable(String::new())),
        ("{topic", TopicError::Brace),
        ("topic}", TopicError::Brace),
    ] {
        assert_eq!(TopicTemplate::parse(template, Some(&path)), Err(error), "{template}");
    }
    assert_eq!(TopicTemplate::parse("{topic}", None), Err(TopicError::NoVariable("topic".to_owned())));
}

#[test]
fn a_template_that_no_call_could_match_is_an_error() {
    for (text, error) in [
        ("", TemplateError::NoSlash),
        ("events", TemplateError::NoSlash),
        ("/a?b", TemplateError::Query),
        ("/a#b", TemplateError::Query),
        ("//a", TemplateError::DotSegment),
        ("/a/./b", TemplateError::DotSegment),
        ("/a/..", TemplateError::DotSegment),
        ("/a%20b", TemplateError::Encoded("a%20b".to_owned())),
        ("/a b", TemplateError::Encoded("a b".to_owned())),
        ("/ä", TemplateError::Encoded("ä".to_owned())),
        ("/{}", TemplateError::Variable("{}".to_owned())),
        ("/v{n}", TemplateError::Variable("v{n}".to_owned())),
        ("/{a}{b}", TemplateError::Variable("{a}{b}".to_owned())),
        ("/{a}/{a}", TemplateError::Twice("a".to_owned())),
    ] {
        assert_eq!(PathTemplate::parse(text), Err(error), "{text}");
    }
}

#[test]
fn a_grpc_method_is_a_path_of_two_segments() {
    let method = PathTemplate::grpc("google.pubsub.v1.Publisher/Publish").unwrap();
    assert_eq!(method.text(), "/google.pubsub.v1.Publisher/Publish");
    assert!(method.matches(&CallPath::new("/google.pubsub.v1.Publisher/Publish")));
    for text in ["", "Publisher", "/a.B/C", "a.B/C/D", "a.B/", "{a}/B", "a.B/{c}"] {
        assert!(PathTemplate::grpc(text).is_err(), "{text}");
    }
}

#[test]
fn a_template_covers_what_is_less_general() {
    for (one, other, covers) in [
        ("/a/{b}", "/a/{c}", true),
        ("/a/{b}", "/a/c", true),
        ("/a/c", "/a/{b}", false),
        ("/a/{b}", "/a", false),
        ("/{x}/{y}", "/a/b", true),
        ("/a", "/b", false),
    ] {
        let (one, other) = (PathTemplate::parse(one).unwrap(), PathTemplate::parse(other).unwrap());
        assert_eq!(one.covers(&other), covers, "{} {}", one.text(), other.text());
    }
}

proptest::proptest! {
    #[test]
    fn decoding_never_fails_and_never_makes_a_slash(path in "[/%a-f0-9.é]{0,40}") {
        let decoded = decode_unreserved(&path);
        proptest::prop_assert_eq!(decoded.matches('/').count(), path.matches('/').count());
    }
}
