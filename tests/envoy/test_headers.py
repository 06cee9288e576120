"""What callers put into headers and paths, and what the upstream gets of it."""

import time

import pytest

import clients
from conftest import STRUCTURED, assert_admitted, assert_refused, bearer, cart_event, publish, reference_policy
from leaks import Secrets

ISSUER = "https://idp.shop.example/realms/shop"


FORGED = [("x-eventguard-publisher", "forged"), ("x-eventguard-publisher", "forged again"), ("x-eventguard-verdict", "forged"),
          ("x-eventguard-anything", "forged"), ("x_eventguard_publisher", "forged")]


def test_the_upstream_is_told_the_publisher_and_not_the_token(proxy, client, upstream):
    seen = assert_admitted(publish(proxy, client), upstream)
    publisher = seen.header("x-eventguard-publisher")[0]
    assert publisher.endswith("/cart-service") and publisher.startswith(("shop", ISSUER)), publisher
    assert not any("eyJ" in value for _, value in seen.headers)
    assert seen.header("content-type") == ["application/cloudevents+json"]


def test_headers_that_only_the_filter_sets_are_taken_from_the_caller(proxy, client, upstream):
    seen = assert_admitted(publish(proxy, client, headers=[STRUCTURED, bearer(), *FORGED]), upstream)
    assert not any("forged" in value for _, value in seen.headers), seen.headers
    assert {name for name, _ in seen.headers if "eventguard" in name} == {"x-eventguard-publisher"}


def test_what_only_the_filter_says_does_not_go_on_as_trailers(proxies, client, upstream):
    """With `hold: body` the buffer filter gives the call a length, and HTTP/1.1 has no trailers then."""
    trailers = [*FORGED, ("x-checksum", "1")]
    call = publish(proxies["headers"], client, parts=[cart_event()], length=False, trailers=trailers)
    assert assert_admitted(call, upstream).trailers == [("x-checksum", "1")]


def test_the_case_of_a_header_name_hides_nothing(proxy, upstream):
    seen = assert_admitted(publish(proxy, clients.H1, headers=[STRUCTURED, bearer(), ("X-EventGuard-Publisher", "forged")]), upstream)
    assert not any("forged" in value for _, value in seen.headers)


def test_forged_headers_are_removed_on_calls_that_no_route_matches(start_once, client, upstream):
    proxy = start_once({**reference_policy(), "unmatched": "pass"})
    call = publish(proxy, client, path="/elsewhere", headers=[*FORGED, ("authorization", "Basic eDp5")])
    assert call.response.status == 200
    seen = upstream.one(call.id)
    assert not [name for name, _ in seen.headers if "eventguard" in name], seen.headers
    # Not a publish call: its credentials are none of ours.
    assert seen.header("authorization") == ["Basic eDp5"]
    assert seen.body == call.body


def test_a_token_goes_on_where_the_policy_says_so(start_once, upstream):
    proxy = start_once({**reference_policy(), "token": {"header": "authorization", "scheme": "Bearer", "forward": True}})
    token = bearer()
    call = publish(proxy, clients.H1, headers=[STRUCTURED, token])
    assert call.response.status == 200
    assert upstream.one(call.id).header("authorization") == [token[1]]


def test_a_header_that_is_not_utf_8_passes_where_nobody_reads_it(proxy, client, upstream):
    call = publish(proxy, client, headers=[STRUCTURED, bearer(), ("x-odd", b"\xff\xfe caf\xe9")])
    seen = assert_admitted(call, upstream)
    assert [value.encode("latin-1") for value in seen.header("x-odd")] == [b"\xff\xfe caf\xe9"]


COVERED = '("@method" "@authority" "@path" "content-digest")'
NOT_TEXT = [
    ("authorization", b"Bearer \xff", "call.malformed", 400),
    ("content-type", b"application/\xff", "call.malformed", 400),
    ("content-encoding", b"\xff", "call.malformed", 400),
    ("signature-input", b"sig=\xff", "signature.malformed", 401),
    ("content-digest", b"\xff", "signature.malformed", 401),
]


@pytest.mark.parametrize("name, value, code, status", NOT_TEXT, ids=[name for name, *_ in NOT_TEXT])
def test_a_header_that_is_not_utf_8_is_refused_where_it_is_read(proxy, client, upstream, name, value, code, status):
    headers = [entry for entry in (STRUCTURED, bearer()) if entry[0] != name] + [(name, value)]
    if name == "content-digest":
        headers += [("signature", "sig=:AA==:"), ("signature-input", f'sig={COVERED};created={int(time.time())};keyid="cart-ed"')]
    assert_refused(publish(proxy, client, headers=headers), upstream, code, status)


def test_a_request_id_or_traceparent_that_is_not_utf_8_does_no_harm(proxy, client, upstream):
    for name in ("traceparent", "user-agent"):
        assert_admitted(publish(proxy, client, headers=[STRUCTURED, bearer(), (name, b"\xff")]), upstream)


# Envoy itself joins some repeated headers with a comma; those come as one value, which is then malformed.
DOUBLED = [
    ("authorization", bearer, {"call.duplicate-header", "token.malformed"}),
    ("content-type", lambda: STRUCTURED, {"call.duplicate-header", "call.content-type"}),
    ("content-encoding", lambda: ("content-encoding", "gzip"), {"call.duplicate-header", "call.encoding"}),
    ("signature", lambda: ("signature", "sig=:AA==:"), {"call.duplicate-header"}),
    ("signature-input", lambda: ("signature-input", 'sig=();created=1;keyid="x"'), {"call.duplicate-header"}),
    ("webhook-id", lambda: ("webhook-id", "m"), {"call.duplicate-header"}),
]


@pytest.mark.parametrize("name, make, codes", DOUBLED, ids=[entry[0] for entry in DOUBLED])
def test_a_repeated_header_is_not_concatenated_nor_does_its_first_or_last_value_win(proxy, client, upstream, name, make, codes):
    others = [entry for entry in (STRUCTURED, bearer()) if entry[0] != name]
    more = [("signature-input", 'sig=();created=1;keyid="x"')] if name == "signature" else []
    more += [("webhook-timestamp", "1"), ("webhook-signature", "v1,AA==")] if name == "webhook-id" else []
    more += [("signature", "sig=:AA==:")] if name == "signature-input" else []
    call = publish(proxy, client, headers=[*others, *more, make(), make()])
    assert 400 <= call.response.status < 500
    assert call.response.problem["code"] in codes
    assert upstream.saw_nothing_of(call.id)


def test_a_doubled_attribute_of_a_binary_event_is_refused(proxy, client, upstream):
    headers = [("content-type", "application/json"), bearer(), ("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/shop/cart"),
               ("ce-type", "com.shop.cart.ItemAdded"), ("ce-type", "com.shop.order.ItemShipped")]
    assert_refused(publish(proxy, client, headers=headers, body=b"{}"), upstream, "call.duplicate-header", 400)


@pytest.mark.parametrize("path", ["/events/%63arts", "/events/carts?api-version=1"])
def test_a_path_that_says_the_same_is_the_same(proxy, client, upstream, path):
    assert_admitted(publish(proxy, client, path=path), upstream)


@pytest.mark.parametrize("path", ["/events/carts/", "//events/carts", "/events//carts", "/events/./carts", "/x/../events/carts", "/EVENTS/carts",
                                  "/events/orders%2f..%2fcarts", "/events/carts%00", "/events/carts;a=b", "/events/%c0%a0carts", "/events/carts%20",
                                  "/events/carts#orders", "/events\\carts", "/events/x/%2e%2e/carts", "/events/carts%2f", "/events/carts/."])
def test_case_trailing_slash_double_slash_dots_semicolon_encoded_bytes_white_space_and_a_fragment_name_no_topic(proxy, client, upstream, path):
    call = publish(proxy, client, path=path)
    assert call.response.status in (400, 403), call.response
    assert upstream.saw_nothing_of(call.id)


def test_x_envoy_original_path_does_not_forge_the_path(proxy, client, upstream):
    call = publish(proxy, client, path="/events/orders", headers=[STRUCTURED, bearer(), ("x-envoy-original-path", "/events/carts")])
    assert_refused(call, upstream, "rule.topic", 403)


@pytest.fixture(scope="module")
def normalizing(start, sink):
    """As Istio has it."""
    return start(logs=sink, manager={"normalize_path": True, "merge_slashes": True})


@pytest.mark.parametrize("path", ["//events//carts", "/x/../events/carts", "/events/./carts", "/events/orders/%2e%2e/carts"])
def test_a_path_that_envoy_normalizes_is_judged_as_it_goes_on(normalizing, client, upstream, path):
    assert assert_admitted(publish(normalizing, client, path=path), upstream).path == "/events/carts"
    assert_refused(publish(normalizing, client, path=path.replace("carts", "orders/../customers")), upstream, "rule.topic", 403)


def test_x_forwarded_client_cert_from_the_caller_counts_for_nothing(proxy, client, upstream):
    body = cart_event(event_type="com.shop.customer.Deactivated")
    claim = ("x-forwarded-client-cert", "By=spiffe://cluster.local/ns/bus;URI=spiffe://cluster.local/ns/shop/sa/crm")
    call = publish(proxy, client, path="/events/customers", headers=[STRUCTURED, bearer("crm-service"), claim], body=body)
    assert_refused(call, upstream, "rule.peer", 403)


def test_a_large_head_is_judged_and_goes_on_whole(proxy, client, upstream):
    """As large as Envoy takes it: 60 KiB, 100 headers."""
    many = [(f"x-{index}", "a" * 600) for index in range(80)]
    for more in (many, [("x-one", "a" * 50_000)]):
        seen = assert_admitted(publish(proxy, client, headers=[STRUCTURED, bearer(), *more]), upstream)
        assert set(more) <= set(seen.headers)
        assert_refused(publish(proxy, client, headers=[STRUCTURED, *more]), upstream, "token.missing", 401)
    call = publish(proxy, client, headers=[STRUCTURED, ("authorization", "Bearer " + "a" * 50_000)])
    assert_refused(call, upstream, "token.malformed", 401)


def test_a_problem_never_holds_the_token_or_the_payload(proxy, client, upstream):
    token, data = bearer(), '{"secret":"do-not-tell-anybody"}'
    call = publish(proxy, client, headers=[STRUCTURED, token], body=cart_event(data=data, event_type="com.shop.unknown"))
    assert_refused(call, upstream, "rule.unknown-type", 403)
    everything = call.response.body.decode() + str(call.response.headers)
    assert Secrets.of_call(token, "do-not-tell-anybody").found_in(everything) == {}


def test_a_problem_of_a_batch_names_its_refused_events(proxy, client, upstream):
    batch = b"[" + cart_event("1") + b"," + cart_event("2", event_type="com.shop.unknown") + b"," + cart_event("3") + b"]"
    call = publish(proxy, client, headers=[("content-type", "application/cloudevents-batch+json"), bearer()], body=batch)
    problem = assert_refused(call, upstream, "rule.unknown-type", 403)
    assert [event["index"] for event in problem["events"]] == [1]


def test_a_refusal_names_the_request(proxy, client, upstream):
    call = publish(proxy, client, headers=[STRUCTURED])
    problem = assert_refused(call, upstream, "token.missing", 401)
    assert call.id in problem.values(), problem


def test_a_call_without_a_body_or_a_route_is_answered_at_once(proxy, client, upstream):
    call = publish(proxy, client, method="GET", path="/", parts=[], length=False)
    assert_refused(call, upstream, "route.unmatched", 403)
