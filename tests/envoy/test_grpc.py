"""Real gRPC publishers, unchanged, through the real Envoy: what is admitted reaches the upstream as it was sent, and what is refused ends
in the client's own exception, with the status and the code, while the upstream sees nothing."""

import functools
import uuid

import dapr.conf
import grpc
import pytest
from google.api_core import exceptions

from conftest import HOLDS, bearer, reference_policy
from grpc_upstream import GrpcUpstream
from messages import DESCRIPTORS
from publishers import PUBLISHERS, Event, refusal

ROUTES = [
    {"name": "events-grpc-batch", "match": {"grpc": "shop.v1.Events/PublishBatch"}, "protocol": "cloudevents", "topic": "carts",
     "grpc": {"descriptors": DESCRIPTORS, "event": "events"}},
    {"name": "events-grpc-return", "match": {"grpc": "shop.v1.Events/Return"}, "protocol": "cloudevents", "topic": "returns"},
    # What Dapr's client calls first; it falls back to the Alpha1 method only where this one is not known.
    {"name": "dapr-grpc-many", "match": {"grpc": "dapr.proto.runtime.v1.Dapr/BulkPublishEvent"}, "protocol": "dapr", "components": ["bus"]},
]
LIMIT = 64 * 1024


def policy(**limits):
    ours = reference_policy()
    return {**ours, "routes": ours["routes"] + ROUTES, "limits": {**ours["limits"], **limits},
            "audit": {"cluster": "logs", "batch": {"records": 1}}}


@pytest.fixture(scope="module")
def grpc_upstream():
    with_end = GrpcUpstream()
    yield with_end
    with_end.close()


@pytest.fixture(scope="module")
def proxies(start, sink, pki, grpc_upstream):
    return {hold: start(policy(), hold=hold, logs=sink, pki=pki, upstream=grpc_upstream, http2=True) for hold in HOLDS}


@pytest.fixture(autouse=True)
def sidecar(monkeypatch, upstream):
    """Where Dapr's client finds a sidecar in good health."""
    monkeypatch.setattr(dapr.conf.settings, "DAPR_HTTP_ENDPOINT", f"http://127.0.0.1:{upstream.port}")


def metadata_of(request_id, token):
    return [("x-request-id", request_id), *([token] if token else [])]


def assert_published(upstream, request_id, publisher, *events):
    """The upstream got this very message, without the token and with the publisher."""
    method, message = publisher.expected(*events)
    call = upstream.one(request_id)
    assert (call.method, call.end) == (method, "complete")
    assert [type(message).FromString(received) for received in call.messages] == [message]
    assert call.values("authorization") == []
    assert call.values("x-eventguard-publisher") == ["shop/cart-service"]


def assert_refused(publish, upstream, request_id, code, status):
    """`publish()` ends with the status, whose text starts with the code; the upstream saw nothing."""
    with pytest.raises((grpc.RpcError, exceptions.GoogleAPICallError)) as raised:
        publish()
    found, details = refusal(raised.value)
    assert (found.name, details.partition(":")[0]) == (status, code), details
    assert upstream.saw_nothing_of(request_id)


def with_ids():
    """Every publisher with an id for its call. They go one after the other, and then their records are waited for: these leave every
    250 ms only."""
    return {str(uuid.uuid4()): publisher for publisher in PUBLISHERS.values()}


def test_an_honest_publish_reaches_the_upstream_as_it_was_sent(proxy, grpc_upstream, sink):
    calls, event = with_ids(), Event()
    for request_id, publisher in calls.items():
        publisher(proxy.port, metadata_of(request_id, bearer()), event)
        assert_published(grpc_upstream, request_id, publisher, event)
    for request_id in calls:
        [record] = sink.wait(request_id)
        assert (record["verdict"], record["type"], record["id"], record["topic"], record["publisher"]) == (
            "admit", event.type, event.id, "carts", "cart-service")


REFUSED = {
    "of-an-unknown-type": ({"type": "com.shop.unknown"}, "rule.unknown-type", "PERMISSION_DENIED"),
    "of-a-type-of-somebody-else": ({"type": "ItemAddedToCart"}, "rule.publisher", "PERMISSION_DENIED"),
    "to-another-topic": ({"topic": "returns"}, "rule.topic", "PERMISSION_DENIED"),
    "without-a-type": ({"type": None}, "event.missing-attribute", "INVALID_ARGUMENT"),
    "over-the-limit": ({"data": b"a" * LIMIT}, "call.too-large", "RESOURCE_EXHAUSTED"),
}


@pytest.mark.parametrize("changes, code, status", REFUSED.values(), ids=REFUSED.keys())
def test_a_publish_is_refused_in_the_clients_own_exception(proxy, grpc_upstream, sink, changes, code, status):
    calls = with_ids()
    for request_id, publisher in calls.items():
        call = functools.partial(publisher, proxy.port, metadata_of(request_id, bearer()), Event(**changes))
        assert_refused(call, grpc_upstream, request_id, code, status)
    for request_id in calls:
        [record] = sink.wait(request_id)
        assert (record["verdict"], record["code"], record["publisher"]) == ("refuse", code, "cart-service")


TOKENS = {"missing": None, "expired": {"exp": 1}, "audience": {"aud": "somebody-else"}}


@pytest.mark.parametrize("reason", TOKENS.keys())
def test_a_publish_without_a_good_token_is_refused(proxy, grpc_upstream, sink, reason):
    calls, code, claims = with_ids(), f"token.{reason}", TOKENS[reason]
    for request_id, publisher in calls.items():
        call = functools.partial(publisher, proxy.port, metadata_of(request_id, claims and bearer(**claims)), Event())
        assert_refused(call, grpc_upstream, request_id, code, "UNAUTHENTICATED")
    for request_id in calls:
        [record] = sink.wait(request_id)
        assert (record["verdict"], record["code"]) == ("refuse", code)
