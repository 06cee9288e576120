"""Real gRPC publishers, unchanged, through the real Envoy: what is admitted reaches the upstream as it was sent, and what is refused ends
in the client's own exception, with the status and the code, while the upstream sees nothing."""

import dataclasses
import functools
import uuid

import dapr.conf
import grpc
import pytest
from dapr.clients import DaprClient
from dapr.clients.grpc.interceptors import DaprClientInterceptor
from dapr.proto import api_v1
from google.api_core import exceptions
from google.oauth2.credentials import Credentials
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from conftest import HOLDS, bearer, recording_at_once, reference_policy
from messages import DESCRIPTORS, CloudEvent, PublishRequest, Receipt
from publishers import PUBLISHERS, TIMEOUT, Event, Grpcio, PubSub, refusal

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
    return recording_at_once({**ours, "routes": ours["routes"] + ROUTES, "limits": {**ours["limits"], **limits}})


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
    assert call.method == method
    assert [type(message).FromString(received) for received in call.messages] == [message]
    assert call.values("authorization") == []
    assert call.values("x-eventguard-publisher") == ["shop/cart-service"]


def assert_refused(publish, upstream, request_id, code, status):
    """`publish()` ends with the status, and with the code both in its text and in its details; the upstream saw nothing."""
    with pytest.raises((grpc.RpcError, exceptions.GoogleAPICallError)) as raised:
        publish()
    found, text, reason = refusal(raised.value)
    assert (found.name, text.partition(":")[0], reason) == (status, code, code), text
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


def test_metadata_in_our_name_does_not_reach_the_upstream(proxy, grpc_upstream):
    forged = [("x-eventguard-publisher", "shop/root"), ("x-eventguard-verdict", "admit"), ("x-eventguard-publisher-bin", b"root")]
    for request_id, publisher in with_ids().items():
        event = Event()
        publisher(proxy.port, [*metadata_of(request_id, bearer()), *forged], event)
        assert_published(grpc_upstream, request_id, publisher, event)
        [call] = grpc_upstream.by_id(request_id)
        assert call.values("x-eventguard-publisher-bin") == []


MANY = {"google-cloud-pubsub": PUBLISHERS["google-cloud-pubsub"], "grpcio": PUBLISHERS["grpcio-cloudevents-gzip"],
        "grpcio-described": PUBLISHERS["grpcio-described"], "dapr": PUBLISHERS["dapr"]}


@pytest.fixture(params=MANY.values(), ids=MANY.keys())
def publisher_of_many(request):
    return request.param


def test_five_events_in_one_call_have_five_records(proxy, publisher_of_many, grpc_upstream, sink):
    """Five `publish()` of Pub/Sub's client are one call, too."""
    events, request_id = [Event() for _ in range(5)], str(uuid.uuid4())
    publisher_of_many(proxy.port, metadata_of(request_id, bearer()), *events)
    assert_published(grpc_upstream, request_id, publisher_of_many, *events)
    assert sorted(record["id"] for record in sink.wait(request_id, 5)) == sorted(event.id for event in events)


def test_one_event_of_five_that_is_refused_takes_all_with_it(proxy, publisher_of_many, grpc_upstream, sink):
    events, request_id = [Event() for _ in range(5)], str(uuid.uuid4())
    events[3].type = "com.shop.unknown"
    publish = functools.partial(publisher_of_many, proxy.port, metadata_of(request_id, bearer()), *events)
    assert_refused(publish, grpc_upstream, request_id, "rule.unknown-type", "PERMISSION_DENIED")
    records = sink.wait(request_id, 5)
    assert {(record["verdict"], record["code"]) for record in records} == {("refuse", "rule.unknown-type")}
    # The others say that it was not for their own sake.
    assert [record["id"] for record in records if record["cause"] != "call"] == [events[3].id]


def test_one_event_more_than_the_policy_allows_is_refused(proxy, publisher_of_many, grpc_upstream):
    for count in (20, 21):
        events, request_id = [Event() for _ in range(count)], str(uuid.uuid4())
        publish = functools.partial(publisher_of_many, proxy.port, metadata_of(request_id, bearer()), *events)
        if count == 20:
            publish()
            assert_published(grpc_upstream, request_id, publisher_of_many, *events)
        else:
            assert_refused(publish, grpc_upstream, request_id, "event.too-many", "RESOURCE_EXHAUSTED")


def test_calls_of_one_channel_do_not_mix(proxy, grpc_upstream):
    """Sixty calls at once on one connection, every third of them refused."""
    events = [Event("com.shop.unknown") if index % 3 == 0 else Event(data=b"%d" % index * 1000) for index in range(60)]
    with grpc.insecure_channel(f"127.0.0.1:{proxy.port}") as channel:
        method, _ = PUBLISHERS["grpcio-cloudevents"].expected(events[0])
        publish = channel.unary_unary(method, CloudEvent.SerializeToString, Receipt.FromString)
        calls = [publish.future(event.cloud_event(), metadata=metadata_of(event.id, bearer()), timeout=TIMEOUT) for event in events]
        for event, call in zip(events, calls):
            assert call.code().name == ("PERMISSION_DENIED" if event.type == "com.shop.unknown" else "OK")
            if call.code() == grpc.StatusCode.OK:
                assert_published(grpc_upstream, event.id, PUBLISHERS["grpcio-cloudevents"], event)
            else:
                assert grpc_upstream.saw_nothing_of(event.id)


def test_the_emulators_variable_alone_brings_no_token(proxy, grpc_upstream, monkeypatch):
    """Unchanged and pointed here by its environment, Pub/Sub's client is anonymous."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{proxy.port}")
    seen = len(grpc_upstream.calls)
    with pytest.raises(exceptions.Unauthenticated, match="token.missing"):
        PubSub().publish(None, Event())
    assert len(grpc_upstream.calls) == seen


def over_tls(pki):
    with open(pki.authority, "rb") as file:
        return grpc.ssl_channel_credentials(file.read())


def test_the_credentials_of_pubsubs_client_are_the_token(proxy, grpc_upstream, pki):
    def publish(request_id, event):
        credentials = Credentials(bearer()[1].removeprefix("Bearer "))
        with PublisherGrpcTransport.create_channel(f"127.0.0.1:{proxy.tls_port}", credentials=credentials, ssl_credentials=over_tls(pki)) as channel:
            intercepted = grpc.intercept_channel(channel, DaprClientInterceptor(metadata_of(request_id, None)))
            PubSub().publish(PublisherGrpcTransport(channel=intercepted), event)

    admitted, refused, event = str(uuid.uuid4()), str(uuid.uuid4()), Event()
    publish(admitted, event)
    assert_published(grpc_upstream, admitted, PubSub(), event)
    assert_refused(lambda: publish(refused, Event("ItemAddedToCart")), grpc_upstream, refused, "rule.publisher", "PERMISSION_DENIED")


def test_the_call_credentials_of_grpcio_are_the_token(proxy, grpc_upstream, pki):
    token = grpc.access_token_call_credentials(bearer()[1].removeprefix("Bearer "))
    request_id, event, publisher = str(uuid.uuid4()), Event(), PUBLISHERS["grpcio-described"]
    with grpc.secure_channel(f"127.0.0.1:{proxy.tls_port}", grpc.composite_channel_credentials(over_tls(pki), token)) as channel:
        publisher.send(channel, metadata_of(request_id, None), event)
    assert_published(grpc_upstream, request_id, publisher, event)


@pytest.mark.parametrize("wrapped, status", [("com.shop.cart.ItemAdded", None), ("com.shop.unknown", "PERMISSION_DENIED")])
def test_what_dapr_is_to_wrap_is_judged_by_the_type_of_its_metadata(proxy, grpc_upstream, sink, wrapped, status):
    request_id = str(uuid.uuid4())
    metadata = {"cloudevent.type": wrapped, "cloudevent.source": "/shop/cart", "ttlInSeconds": "100"}

    def publish():
        with DaprClient(f"127.0.0.1:{proxy.port}", interceptors=[DaprClientInterceptor(metadata_of(request_id, bearer()))]) as client:
            client.publish_event("bus", "carts", '{"quantity":1}', metadata, data_content_type="application/json")

    if status:
        assert_refused(publish, grpc_upstream, request_id, "rule.unknown-type", status)
    else:
        publish()
        assert dict(api_v1.PublishEventRequest.FromString(grpc_upstream.one(request_id).messages[0]).metadata) == metadata
    assert sink.wait(request_id)[0]["type"] == wrapped


def test_another_component_of_dapr_is_refused(proxy, grpc_upstream):
    request_id = str(uuid.uuid4())
    publish = functools.partial(PUBLISHERS["dapr"], proxy.port, metadata_of(request_id, bearer()), Event(), component="other")
    assert_refused(publish, grpc_upstream, request_id, "event.malformed", "INVALID_ARGUMENT")


MOST = 4 << 20
# Over the edges of frames (16 KiB) and of HTTP/2's first window (64 KiB).
SIZES = [0, 1, 16384 - 5, 16384, 65535 - 5, 65535, 65536, 1 << 20, MOST - 5]


@pytest.fixture(scope="module", params=HOLDS)
def roomy(request, start, sink, grpc_upstream):
    """Takes 4 MiB through windows of 64 KiB. What the filter itself holds, Envoy bounds by the window of the stream, so there only the
    connection's is small."""
    stream = {"body": 65535, "headers": 2 * MOST}[request.param]
    windows = {"initial_stream_window_size": stream, "initial_connection_window_size": 65535}
    return start(policy(body="4MiB"), hold=request.param, logs=sink, upstream=grpc_upstream, http2=True, room=2 * MOST,
                 manager={"http2_protocol_options": windows})


def event_of(size, publisher):
    """An event whose message has that many bytes, or whose data has none."""
    def length(data):
        return publisher.expected(dataclasses.replace(event, data=data))[1].ByteSize()

    event = Event()
    data = b"a" * size
    for _ in range(4):
        # The lengths of what is around the data are written in more bytes where they are longer.
        data = data[:max(0, len(data) - (length(data) - size))] if length(data) > size else data + b"a" * (size - length(data))
    return dataclasses.replace(event, data=data)


def test_messages_of_every_size_go_through_as_they_are(roomy, grpc_upstream):
    for size in SIZES:
        for request_id, publisher in with_ids().items():
            event = event_of(size, publisher)
            publisher(roomy.port, metadata_of(request_id, bearer()), event)
            assert_published(grpc_upstream, request_id, publisher, event)


def test_a_message_one_byte_over_the_limit_is_refused(roomy, grpc_upstream):
    """The limit is that of the body, where a frame has five bytes before the message; compressed, that of the message."""
    for request_id, publisher in with_ids().items():
        compressed = getattr(publisher, "compression", None)
        event = event_of(MOST + (1 if compressed else -4), publisher)
        publish = functools.partial(publisher, roomy.port, metadata_of(request_id, bearer()), event)
        assert_refused(publish, grpc_upstream, request_id, "call.too-large", "RESOURCE_EXHAUSTED")


EMPTY = {
    "cloudevents": ("/shop.v1.Events/Publish", CloudEvent(), "event.missing-attribute"),
    "described": ("/shop.v1.Bus/Publish", PublishRequest(), "event.malformed"),
    "pubsub": ("/google.pubsub.v1.Publisher/Publish", PublishRequest(), "event.malformed"),
}


@pytest.mark.parametrize("method, empty, code", EMPTY.values(), ids=EMPTY.keys())
def test_a_message_of_no_bytes_is_no_event(proxy, grpc_upstream, method, empty, code):
    request_id = str(uuid.uuid4())
    publish = functools.partial(Grpcio(lambda: (method, empty)), proxy.port, metadata_of(request_id, bearer()))
    assert_refused(publish, grpc_upstream, request_id, code, "INVALID_ARGUMENT")


@pytest.mark.parametrize("bound", ["small windows", "small buffers"])
def test_a_call_beyond_what_the_proxy_holds_goes_nowhere(start, grpc_upstream, sink, bound):
    """Envoy answers by itself: what a filter holds of a stream it bounds by the stream's window, the buffer filter by its setting."""
    if bound == "small windows":
        proxy = start(policy(body="4MiB"), hold="headers", logs=sink, upstream=grpc_upstream, http2=True, room=2 * MOST,
                      manager={"http2_protocol_options": {"initial_stream_window_size": 65535}})
    else:
        proxy = start(policy(body="4MiB"), hold="body", logs=sink, upstream=grpc_upstream, http2=True, room=65535)
    calls = {request_id: publisher for request_id, publisher in with_ids().items() if not getattr(publisher, "compression", None)}
    for request_id, publisher in calls.items():
        with pytest.raises((grpc.RpcError, exceptions.GoogleAPICallError)) as raised:
            publisher(proxy.port, metadata_of(request_id, bearer()), event_of(1 << 20, publisher))
        assert refusal(raised.value)[0] == grpc.StatusCode.UNKNOWN
        assert grpc_upstream.saw_nothing_of(request_id)
    for request_id in calls:
        [record] = sink.wait(request_id)
        assert (record["verdict"], record["code"]) == ("refuse", "call.malformed")
