"""Modes, settings of single Envoy routes, forms of configuration, and a hold that is missing."""

import json
import subprocess
import time
import uuid

import pytest

import clients
import local
import proxy as proxies
from conftest import HOLDS, STRUCTURED, assert_admitted, assert_refused, bearer, cart_event, publish, reference_policy, written
from test_stats import counters


def upstream_route(name, match, metadata=None, **more):
    route = {"name": name, "match": match, "route": {"cluster": "upstream"}, **more}
    if metadata:
        route["metadata"] = {"filter_metadata": {"eventguard": metadata}}
    return route


@pytest.fixture(scope="module", params=HOLDS)
def observing(request, start, sink):
    return start({**reference_policy(), "mode": "observe"}, hold=request.param, logs=sink)


REFUSED = [
    ("token.missing", {"headers": [STRUCTURED]}),
    ("rule.unknown-type", {"body": cart_event(event_type="com.shop.unknown")}),
    ("event.malformed", {"body": b"{nope"}),
    ("call.content-type", {"headers": [("content-type", "text/xml"), bearer()]}),
    ("route.unmatched", {"path": "/elsewhere"}),
]


@pytest.mark.parametrize("code, options", REFUSED, ids=[code for code, _ in REFUSED])
def test_in_observe_mode_everything_passes_and_the_record_says_what_would_have_been(observing, client, upstream, sink, code, options):
    options = {**options, "headers": [*options.get("headers", [STRUCTURED, bearer()]), ("x-eventguard-verdict", "forged"), ("x-eventguard-publisher", "forged")]}
    call = publish(observing, client, **options)
    assert call.response.status == 200, call.response
    seen = upstream.one(call.id)
    assert seen.body == call.body
    assert not any("forged" in value for _, value in seen.headers)
    record = sink.wait(call.id)[0]
    assert (record["verdict"], record["code"]) == ("observe", code)


def test_a_call_that_is_broken_off_did_not_go_on_in_any_mode(observing, upstream, sink):
    request_id = str(uuid.uuid4())
    with clients.connect(observing.port) as connection:
        connection.sendall(written(request_id, b"{", length=100))
        time.sleep(0.2)
    record = sink.wait(request_id)[0]
    assert (record["verdict"], record["code"], record["mode"]) == ("refuse", "call.malformed", "observe")
    assert not any(request.complete for request in upstream.by_id(request_id))


def test_in_observe_mode_the_upstream_is_told_of_an_honest_call(observing, client, upstream, sink):
    seen = assert_admitted(publish(observing, client), upstream)
    assert seen.header("x-eventguard-verdict") in ([], ["admit"])


def test_a_dry_run_is_visible_in_the_metric_the_record_and_the_access_log(start_once, upstream, sink):
    policy = reference_policy()
    next(rule for rule in policy["events"] if rule["type"] == "com.shop.cart.*")["mode"] = "observe"
    proxy = start_once(policy, logs=sink)
    call = publish(proxy, clients.H1, headers=[STRUCTURED, bearer("order-service")])
    assert upstream.one(call.id).body == call.body
    assert (sink.wait(call.id)[0]["verdict"], sink.wait(call.id)[0]["mode"]) == ("observe", "enforce")
    assert counters(proxy, "eventguard_events_total", verdict="observe", code="rule.publisher", type="com.shop.cart.*") == 1
    assert counters(proxy, "eventguard_events_total", verdict="admit") == 0, "what would be refused is no success"
    local.wait_until(lambda: '"verdict":"observe"' in proxy.access_log.read_text(), 12, "the access log")


def test_a_rule_that_observes_lets_its_events_pass_and_no_others(start_once, client, upstream, sink):
    policy = reference_policy()
    next(rule for rule in policy["events"] if rule["type"] == "com.shop.cart.*")["mode"] = "observe"
    proxy = start_once(policy, logs=sink)
    call = publish(proxy, client, headers=[STRUCTURED, bearer("order-service")])
    assert call.response.status == 200
    assert upstream.one(call.id).body == call.body
    record = sink.wait(call.id)[0]
    assert (record["verdict"], record["code"]) == ("observe", "rule.publisher")
    assert_refused(publish(proxy, client, body=cart_event(event_type="com.shop.unknown")), upstream, "rule.unknown-type", 403)


@pytest.fixture(scope="module", params=HOLDS)
def routed(request, start, sink):
    policy = reference_policy()
    policy["routes"].insert(0, {"name": "carts-only", "match": {"methods": ["POST"], "path": "/nowhere"}, "protocol": "cloudevents", "topic": "carts"})
    routes = [
        upstream_route("legacy", {"path": "/v1/publish"}, {"route": "carts-only"}),
        upstream_route("watched", {"path": "/events/orders"}, {"mode": "observe"}),
        upstream_route("unknown", {"path": "/v1/unknown"}, {"route": "no such route"}),
        upstream_route("number", {"path": "/v1/number"}, {"route": 7}),
        upstream_route("off", {"path": "/healthz"}, typed_per_filter_config={
            "eventguard": {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}}),
        upstream_route("rest", {"prefix": "/"}),
    ]
    return start(policy, hold=request.param, logs=sink, routes=routes)


def test_route_metadata_names_the_route_of_the_policy(routed, client, upstream, sink):
    call = publish(routed, client, path="/v1/publish")
    assert_admitted(call, upstream)
    record = sink.wait(call.id)[0]
    assert (record["route"], record["topic"]) == ("carts-only", "carts")
    assert_refused(publish(routed, client, path="/v1/publish", headers=[STRUCTURED]), upstream, "token.missing", 401)


def test_route_metadata_sets_the_mode(routed, client, upstream, sink):
    call = publish(routed, client, path="/events/orders")
    assert call.response.status == 200
    assert upstream.one(call.id).body == call.body
    record = sink.wait(call.id)[0]
    assert (record["verdict"], record["code"]) == ("observe", "rule.topic")
    # Its neighbour enforces.
    assert_refused(publish(routed, client, path="/events/customers"), upstream, "rule.topic", 403)


@pytest.mark.parametrize("path", ["/v1/unknown", "/v1/number"])
def test_route_metadata_that_means_nothing_lets_nothing_pass(routed, client, upstream, path):
    call = publish(routed, client, path=path)
    assert call.response.status >= 400
    assert upstream.saw_nothing_of(call.id)


@pytest.mark.parametrize("hold", HOLDS)
def test_what_goes_on_unjudged_has_neither_its_token_nor_forged_headers(start_once, upstream, sink, hold):
    """Where the metadata means nothing and the policy only observes."""
    routes = [upstream_route("number", {"path": "/events/carts"}, {"route": 7}), upstream_route("rest", {"prefix": "/"})]
    proxy = start_once({**reference_policy(), "mode": "observe"}, hold=hold, logs=sink, routes=routes)
    for client in clients.BOTH:
        call = publish(proxy, client, headers=[STRUCTURED, bearer(), FORGED, ("x_eventguard_publisher", "shop/root")])
        assert call.response.status == 200, call.response
        seen = upstream.one(call.id)
        assert seen.body == call.body
        assert not any(value == FORGED[1] or name == "authorization" for name, value in seen.headers), seen.headers
        assert seen.header("x-eventguard-verdict") == ["observe"]
        record = sink.wait(call.id)[0]
        assert (record["verdict"], record["code"]) == ("observe", "call.malformed")
        assert "route" in record["detail"]


def test_where_the_filter_is_off_nothing_is_judged(routed, client, upstream):
    call = publish(routed, client, path="/healthz", headers=[("authorization", "Basic eDp5")])
    assert call.response.status == 200
    assert upstream.one(call.id).header("authorization") == ["Basic eDp5"]


@pytest.fixture(scope="module", params=HOLDS)
def named(request, start, sink):
    """Two routes of the policy that Envoy's routes choose by their names, whatever the path, and one that takes what is left."""
    def route(name, topic, **match):
        return {"name": name, "match": match, "protocol": "cloudevents", "topic": topic}
    policy = {**reference_policy(), "routes": [
        route("of-carts", "carts", routeName="bus-carts"), route("of-orders", "orders", routeName="bus-orders", path="/v1/{any}")]}
    routes = [upstream_route("bus-carts", {"prefix": "/", "headers": [{"name": "x-to", "string_match": {"exact": "carts"}}]}),
              upstream_route("bus-orders", {"prefix": "/", "headers": [{"name": "x-to", "string_match": {"exact": "orders"}}]}),
              upstream_route("bus-carts-too", {"prefix": "/"})]
    return start(policy, hold=request.param, logs=sink, routes=routes)


def test_the_name_of_envoys_route_chooses_the_route_of_the_policy(named, client, upstream, sink):
    call = publish(named, client, path="/v1/publish", headers=[STRUCTURED, bearer(), ("x-to", "carts")])
    assert_admitted(call, upstream)
    assert (sink.wait(call.id)[0]["route"], sink.wait(call.id)[0]["topic"]) == ("of-carts", "carts")
    call = publish(named, client, path="/v1/publish", headers=[STRUCTURED, bearer(), ("x-to", "orders")])
    assert_refused(call, upstream, "rule.topic", 403)
    assert (sink.wait(call.id)[0]["route"], sink.wait(call.id)[0]["topic"]) == ("of-orders", "orders")


@pytest.mark.parametrize("path, to", [("/v1/publish", "elsewhere"), ("/elsewhere", "orders")])
def test_a_route_that_names_envoys_route_takes_no_call_of_another_one(named, client, upstream, path, to):
    """Also none whose name only begins so; and what else the route asks for must hold too."""
    call = publish(named, client, path=path, headers=[STRUCTURED, bearer(), ("x-to", to)])
    assert_refused(call, upstream, "route.unmatched", 403)


FORGED = ("x-eventguard-publisher", "shop/root")
STRIP = {"name": "envoy.http.early_header_mutation.header_mutation", "typed_config": proxies.typed(
    "http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=[{"remove": FORGED[0]}])}


@pytest.mark.parametrize("early, verdict", [([], "observe"), ([STRIP], "refuse")], ids=["by-itself", "stripped-early"])
def test_envoy_chooses_the_settings_of_a_route_by_the_headers_as_they_came(start_once, early, verdict):
    """Before any filter takes a forged one away. Settings on a route that such a header selects are the caller's to choose, unless the
    listener strips it first: envoy/per-route.yaml warns of it."""
    by_header = {"prefix": "/", "headers": [{"name": FORGED[0], "string_match": {"exact": FORGED[1]}}]}
    routes = [upstream_route("root", by_header, {"mode": "observe"}), upstream_route("rest", {"prefix": "/"})]
    proxy = start_once(routes=routes, manager={"early_header_mutation_extensions": early})
    call = publish(proxy, clients.H1, headers=[STRUCTURED, bearer(), FORGED], body=cart_event(event_type="com.shop.unknown"))
    assert f'"verdict":"{verdict}"' in proxy.logged(call.id)


@pytest.fixture(scope="module", params=HOLDS)
def by_publisher(request, start, sink):
    """Routes that are told apart by what the filter changes."""
    def by_header(name, **how):
        return {"prefix": "/", "headers": [{"name": name, **how}]}
    return start(hold=request.param, logs=sink, routes=[
        {"match": by_header(FORGED[0], string_match={"exact": FORGED[1]}), "direct_response": {"status": 418}},
        {"match": by_header("authorization", present_match=True), "direct_response": {"status": 421}},
        upstream_route("rest", by_header(FORGED[0], string_match={"exact": "shop/cart-service"})),
    ])


def test_changing_headers_reselects_the_route_after_the_decision_by_what_the_filter_says(by_publisher, client, upstream):
    """A forged publisher and a token that is taken away choose none."""
    assert_admitted(publish(by_publisher, client), upstream)
    assert_admitted(publish(by_publisher, client, headers=[STRUCTURED, bearer(), FORGED]), upstream)


def test_a_policy_that_arrives_as_a_struct_is_read(start_once, client, upstream):
    """As protobuf, where numbers are doubles and keys have no order."""
    policy = {**reference_policy(), "hold": "body"}
    proxy = start_once(configuration=proxies.struct_value(policy))
    assert_admitted(publish(proxy, client), upstream)
    assert_refused(publish(proxy, client, headers=[STRUCTURED]), upstream, "token.missing", 401)


BROKEN = {
    "an unknown key": (lambda policy: policy.update(colour="red"), "colour"),
    "no such issuer": (lambda policy: policy["events"][2]["publishers"][0].update(issuer="shp"), "events[2].publishers[0].issuer"),
    "an empty list": (lambda policy: policy["routes"].clear(), "routes"),
}


@pytest.mark.parametrize("change, place", BROKEN.values(), ids=BROKEN.keys())
def test_a_policy_with_an_error_keeps_envoy_from_starting_and_the_log_names_the_place(binary, tmp_path, upstream, change, place):
    policy = reference_policy()
    change(policy)
    output = validate(binary, tmp_path, upstream, json.dumps(policy))
    assert place in output, output[-2000:]


@pytest.mark.parametrize("text", ["", "not json", "[]", "{}", '{"version": 2}'])
def test_what_is_no_policy_keeps_envoy_from_starting(binary, tmp_path, upstream, text):
    validate(binary, tmp_path, upstream, text)


def validate(binary, directory, upstream, text):
    """What Envoy says of a configuration that it must refuse."""
    class Written(proxies.Proxy):
        def is_ready(self):
            return True

    config = Written(binary, directory, reference_policy(), upstream=upstream, configuration=proxies.string_value(text))
    config.stop()
    done = subprocess.run([binary, "--mode", "validate", "-c", config.config, "--use-dynamic-base-id"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0, done.stderr[-2000:]
    return done.stderr


@pytest.mark.slow
def test_a_hold_that_is_missing_is_noticed_and_nothing_passes(start_once, client, upstream):
    """`hold: headers` without the flag: Envoy delivers no body, so the call would hang until the client gives up."""
    proxy = start_once(hold="headers", flag=False)
    begin = time.monotonic()
    call = publish(proxy, client)
    assert 400 <= call.response.status < 600, call.response
    assert time.monotonic() - begin < 10
    assert upstream.saw_nothing_of(call.id)
    assert "allow_on_headers_stop_iteration" in proxy.output()


def test_a_call_that_is_only_observed_goes_on_though_its_hold_is_missing(start_once, upstream):
    """What was held must be let go, or the caller waits for ever."""
    proxy = start_once({**reference_policy(), "mode": "observe"}, hold="headers", flag=False)
    body = cart_event()
    call = publish(proxy, clients.H1, body=body)
    assert call.response.status == 200, call.response
    assert upstream.one(call.id).body == body


def test_a_caller_that_is_slow_is_not_taken_for_a_missing_hold(start_once, client, upstream):
    """The first call that this proxy sees, and its body begins long after its head."""
    proxy = start_once(hold="headers")
    assert_admitted(publish(proxy, client, before_body=2.5), upstream)


def test_two_workers_judge_alike(start_once, client, upstream, sink):
    proxy = start_once(concurrency=2, logs=sink)
    calls = [publish(proxy, client) for _ in range(20)]
    for call in calls:
        assert_admitted(call, upstream)
    for call in calls:
        sink.wait(call.id)


@pytest.mark.slow
def test_a_buffer_filter_that_is_missing_is_noticed_and_the_body_does_not_pass(start_once, client, upstream):
    """`hold: body` with nothing behind: the headers are gone, but the call is refused and says so."""
    proxy = start_once(hold="body", buffer=False)
    # A warm connection, and a body that comes late.
    publish(proxy, client)
    call = publish(proxy, client, before_body=0.2)
    assert call.response.status == 503, call.response
    assert call.response.problem["code"] == "hold.missing"
    assert not any(request.complete or request.body for request in upstream.by_id(call.id))
    assert "buffer" in proxy.output()
