"""Calls as no client sends them: lengths that lie, targets in another form, upgrades, calls one behind the other. Much of it Envoy answers
by itself; what the filter relies on is that the call it judged is the call that the upstream gets, and no other."""

import time
import uuid

import pytest

import clients
import keys
from conftest import HOLDS, STRUCTURED, assert_admitted, assert_refused, bearer, cart_event, publish, reference_policy, written

UNKNOWN = cart_event(event_type="com.shop.unknown")


def answers(port, *parts, count=1, seconds=clients.TIMEOUT):
    """Sends the parts one by one on a connection of their own, and gives the answers."""
    connection = clients.connect(port)
    connection.settimeout(seconds)
    try:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.02)
        reader = clients.Answers(connection)
        return [reader.response() for _ in range(count)]
    finally:
        connection.close()


LYING = {
    "two lengths": ("content-length:", "content-length: 3\r\ncontent-length:"),
    "a length, and chunks": ("content-length:", "transfer-encoding: chunked\r\ncontent-length:"),
    "a length with a sign": ("content-length: ", "content-length: +"),
    "chunks that are coded": ("content-length:", "transfer-encoding: chunked, identity\r\nx-length:"),
    "a space behind a name": ("content-length:", "content-length :"),
}


@pytest.mark.parametrize("change", LYING.values(), ids=LYING.keys())
def test_a_length_that_has_two_readings_is_refused_by_envoy(proxies, upstream, change):
    request_id = str(uuid.uuid4())
    call = written(request_id, cart_event()).decode().replace(*change, 1).encode()
    assert answers(proxies["headers"].port, call)[0].status in (400, 501)
    assert upstream.saw_nothing_of(request_id)


LYING_H2 = {
    "a length that is too short": ("content-length", "5"),
    "a length that is too long": ("content-length", "5000"),
    "chunks": ("transfer-encoding", "chunked"),
    "a second path": (":path", "/events/orders"),
    "a token under a name in another case": ("Authorization", "Bearer x"),
    "a name of ours with a space behind": ("x-eventguard-publisher ", "forged"),
}


@pytest.mark.parametrize("header", LYING_H2.values(), ids=LYING_H2.keys())
def test_what_http_2_forbids_never_gets_through(proxies, upstream, header):
    call = publish(proxies["headers"], clients.H2, headers=[STRUCTURED, bearer(), header], length=False)
    assert call.response.reset
    assert upstream.saw_nothing_of(call.id)


def test_what_follows_the_declared_length_is_a_call_of_its_own(proxy, upstream):
    first, second, event = str(uuid.uuid4()), str(uuid.uuid4()), cart_event()
    hidden = written(second, event, [STRUCTURED])
    admitted, refused = answers(proxy.port, written(first, event + hidden, length=len(event)), count=2)
    assert (admitted.status, refused.status, refused.problem["code"]) == (200, 401, "token.missing")
    assert upstream.one(first).body == event
    assert upstream.saw_nothing_of(second)


@pytest.mark.parametrize("target, host, code", [
    ("http://bus.shop.example/events/orders", "other.example", None),
    ("http://other.example/events/orders", "bus.shop.example", "signature.invalid"),
])
def test_of_two_authorities_the_one_that_goes_on_is_the_one_that_was_signed(proxy, upstream, target, host, code):
    """Of an absolute target and `host` (RFC 9112 section 3.2.2)."""
    body = cart_event(event_type="com.shop.order.ItemShipped").replace(b"/shop/cart", b"/shop/shipping")
    headers = [("content-digest", keys.content_digest(body))]
    headers += keys.http_message(keys.private_for("OKP", "shipping-ed"), "shipping-ed", int(time.time()), "POST", "bus.shop.example", "/events/orders", headers)
    request_id = str(uuid.uuid4())
    [answer] = answers(proxy.port, written(request_id, body, [STRUCTURED, bearer("shipping-service"), *headers], target=target, host=host))
    if code:
        assert (answer.status, answer.problem["code"]) == (401, code)
        assert upstream.saw_nothing_of(request_id)
    else:
        assert answer.status == 200, answer
        assert upstream.one(request_id).header("host") == ["bus.shop.example"]
        assert upstream.one(request_id).path == "/events/orders"


def test_a_host_beside_the_authority_counts_for_nothing(proxy, upstream):
    seen = assert_admitted(publish(proxy, clients.H2, headers=[STRUCTURED, bearer(), ("host", "other.example")]), upstream)
    assert seen.header("host") == ["bus.shop.example"]


def test_a_connection_header_takes_nothing_away_that_the_filter_says(proxy, upstream):
    assert_admitted(publish(proxy, clients.H1, headers=[STRUCTURED, bearer(), ("connection", "x-eventguard-publisher")]), upstream)


H2C = [("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA")]


def test_an_offer_to_speak_http_2_is_not_taken(proxy, upstream):
    headers = [STRUCTURED, bearer(), *H2C]
    assert_admitted(publish(proxy, clients.H1, headers=headers), upstream)
    assert_refused(publish(proxy, clients.H1, headers=headers, body=UNKNOWN), upstream, "rule.unknown-type", 403)


WEBSOCKET = [("connection", "Upgrade"), ("upgrade", "websocket")]


@pytest.fixture(scope="module", params=HOLDS)
def upgrading(request, start, sink):
    """As Istio has it: every listener takes WebSockets."""
    return start({**reference_policy(), "unmatched": "pass"}, hold=request.param, logs=sink, manager={"upgrade_configs": [{"upgrade_type": "websocket"}]})


def test_an_upgrade_gets_nothing_to_the_upstream_that_was_not_judged(upgrading, upstream):
    """Its body has no end, so there is no verdict: what would come is held, up to the limit."""
    request_id = str(uuid.uuid4())
    with pytest.raises(TimeoutError):
        answers(upgrading.port, written(request_id, b"", [STRUCTURED, bearer(), *WEBSOCKET]), cart_event(), seconds=0.5)
    assert upstream.saw_nothing_of(request_id)
    [answer] = answers(upgrading.port, written(str(uuid.uuid4()), b"", [STRUCTURED, *WEBSOCKET]))
    assert answer.problem["code"] == "token.missing"
    request_id = str(uuid.uuid4())
    [answer] = answers(upgrading.port, written(request_id, b"", [STRUCTURED, bearer(), *WEBSOCKET]), *[b"a" * 16384] * 5)
    assert answer.problem["code"] == "call.too-large"
    assert upstream.saw_nothing_of(request_id)


@pytest.mark.parametrize("upgrading", ["headers"], indirect=True)
def test_an_upgrade_that_is_no_publish_call_passes(upgrading, upstream):
    """With `hold: body` the buffer filter holds it: Envoy's own, which has an off-switch per route."""
    request_id = str(uuid.uuid4())
    answers(upgrading.port, written(request_id, b"", WEBSOCKET, target="/chat"))
    assert [request.path for request in upstream.by_id(request_id)] == ["/chat"]


@pytest.fixture(scope="module")
def beside_envoy(start, sink):
    """Envoy answers two paths by itself, without asking eventguard: one behind its buffer filter, when the body is there, one at once."""
    off = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
    names = ["eventguard", "envoy.filters.http.buffer"]
    direct = [{"match": {"path": path}, "direct_response": {"status": 403}, "typed_per_filter_config": dict.fromkeys(names[:count], off)}
              for path, count in (("/behind-its-body", 1), ("/at-once", 2))]
    return start(hold="body", logs=sink, routes=[*direct, {"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}])


PIPELINED = {
    "answered before its body": ({"headers": [STRUCTURED], "body": UNKNOWN}, {"target": "/at-once", "body": UNKNOWN}, ("close", None)),
    "answered behind its body": ({"body": UNKNOWN}, {"target": "/behind-its-body", "body": UNKNOWN}, (None, 200)),
    "answered without a body": ({"headers": [STRUCTURED]}, {"target": "/at-once"}, (None, 200)),
}


@pytest.mark.parametrize("ours, envoys, behind", PIPELINED.values(), ids=PIPELINED.keys())
def test_a_call_that_is_pipelined_behind_a_refused_one_fares_as_behind_an_answer_of_envoys_own(beside_envoy, upstream, ours, envoys, behind):
    """Envoy ends a connection of HTTP/1.1 whose call it answers before the body has come, and with it the calls that wait behind; the
    answer says so. It makes no difference whether eventguard answers."""
    for refused in (ours, envoys):
        first, second = str(uuid.uuid4()), str(uuid.uuid4())
        calls = written(first, **refused) + written(second, cart_event())
        answer, next_answer = answers(beside_envoy.port, calls, count=2)
        assert answer.status in (401, 403)
        assert (answer.header("connection"), next_answer.status or None) == behind, refused
        assert upstream.saw_nothing_of(first)
        assert upstream.saw_nothing_of(second) == (behind[1] is None)
