"""gRPC calls of many messages, by grpcio, through the real Envoy: each message is judged before it goes on, an admitted one does not wait for
the next, and a refused one ends the stream before it or anything behind it has reached the upstream."""

import contextlib
import queue
import time
import uuid

import grpc
import pytest

import local
from conftest import HOLDS, bearer, reference_policy
from messages import DESCRIPTORS, Receipt
from proxy import typed
from publishers import Event, cloud_events, items, refusal

FIELDS = {"event": "items", "type": "kind", "id": "id", "source": "origin", "topic": ".topic", "data": "body"}
ROUTES = [
    {"name": "collect", "match": {"grpc": "shop.v1.Feed/Collect"}, "protocol": "cloudevents", "topic": "carts", "grpc": {"descriptors": DESCRIPTORS}},
    {"name": "exchange", "match": {"grpc": "shop.v1.Feed/Exchange"}, "protocol": "grpc", "grpc": {"descriptors": DESCRIPTORS, **FIELDS}},
]
# As envoy/per-route.yaml has it for streams.
ENVOYS_ROUTES = [{
    "name": "streams", "match": {"prefix": "/shop.v1.Feed/", "grpc": {}}, "route": {"cluster": "upstream", "timeout": "0s"},
    "typed_per_filter_config": {"envoy.filters.http.buffer": typed("filters.http.buffer.v3.BufferPerRoute", disabled=True)},
}]
# One answer when all messages have come, or one to each of them: what becomes of an event on its way.
KINDS = {"/shop.v1.Feed/Collect": cloud_events, "/shop.v1.Feed/Exchange": items}
BAD = "com.shop.unknown"


@pytest.fixture(scope="module")
def proxies(start, sink, grpc_upstream):
    audit = {"cluster": "logs", "batch": {"records": 1000, "interval": "100ms"}, "queue": {"records": 100_000, "bytes": "256MiB"}}
    policy = {**reference_policy(), "routes": ROUTES, "audit": audit}
    windows = {"initial_stream_window_size": 65535, "initial_connection_window_size": 65535}
    return {hold: start(policy, hold=hold, logs=sink, upstream=grpc_upstream, http2=True, routes=ENVOYS_ROUTES,
                        manager={"http2_protocol_options": windows}) for hold in HOLDS}


@pytest.fixture(params=KINDS.keys(), ids=lambda method: method.rpartition("/")[2])
def method(request):
    return request.param


class Stream:
    """A call whose messages the test sends one by one."""

    def __init__(self, port, method, token=None, compression=None):
        self.id, self.method, self.queue = str(uuid.uuid4()), method, queue.SimpleQueue()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", compression=compression)
        call = self.channel.stream_stream(method, response_deserializer=Receipt.FromString)
        metadata = [("x-request-id", self.id), token or bearer()]
        self.answers = call(iter(self.queue.get, None), metadata=metadata, timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        self.channel.close()

    def message(self, event):
        return KINDS[self.method](event)[1].SerializeToString()

    def send(self, *events):
        for event in events:
            self.queue.put(event if isinstance(event, bytes) else self.message(event))

    def end(self):
        self.queue.put(None)

    def counts(self):
        """What the upstream said of the messages that it got, until the end of the stream."""
        return [answer.count for answer in self.answers]


def assert_got(upstream, stream, messages):
    """The upstream got these messages of the stream, and no more."""
    local.wait_until(lambda: [len(call.messages) for call in upstream.by_id(stream.id)] == [len(messages)], 10, f"{len(messages)} messages")
    assert upstream.by_id(stream.id)[0].messages == messages


def assert_ends(stream, code, status="PERMISSION_DENIED"):
    with pytest.raises(grpc.RpcError) as raised:
        stream.counts()
    found, text, reason = refusal(raised.value)
    assert (found.name, reason) == (status, code), text


@contextlib.contextmanager
def broken_off(proxy):
    """The proxy resets one stream to the upstream, so that nobody there takes what has come for all there is."""
    def resets():
        return sum(proxy.stats("^cluster.upstream.http2.tx_reset$").values())

    before = resets()
    yield
    local.wait_until(lambda: resets() == before + 1, 5, "a stream to the upstream reset")


def verdicts(sink, stream, count):
    """Of each event by its id."""
    found = sink.wait(stream.id, count, 20)
    assert len({record["id"] for record in found}) == count
    return {record["id"]: record.get("code", record["verdict"]) for record in found}


def test_an_admitted_message_goes_on_without_waiting_for_the_next(proxy, method, grpc_upstream, sink):
    events = [Event() for _ in range(3)]
    with Stream(proxy.port, method) as stream:
        for count, event in enumerate(events, 1):
            stream.send(event)
            assert_got(grpc_upstream, stream, [stream.message(event) for event in events[:count]])
            if method.endswith("Exchange"):
                assert next(stream.answers).count == count
        stream.end()
        assert stream.counts() == ([] if method.endswith("Exchange") else [3])
    assert verdicts(sink, stream, 3) == {event.id: "admit" for event in events}
    call = grpc_upstream.one(stream.id)
    assert (call.values("authorization"), call.values("x-eventguard-publisher")) == ([], ["shop/cart-service"])


def assert_ended_by(bad, stream, upstream, sink, good):
    """Gives how many messages the upstream got. The upstream got at most what was good and came before, from the first on, and each message that it got was recorded as admitted. What
    had come together with the bad one is refused for its sake; what had just gone on, Envoy's reset may overtake."""
    records = sink.wait(stream.id, len(good) + 1, 20)
    assert [record["id"] for record in records] == [event.id for event in [*good, bad]]
    admitted = [record["id"] for record in records if record["verdict"] == "admit"]
    assert admitted == [event.id for event in good[:len(admitted)]]
    assert {(record["code"], record["cause"]) for record in records[len(admitted):-1]} <= {("rule.unknown-type", "call")}
    assert (records[-1]["code"], records[-1]["cause"]) == ("rule.unknown-type", "event")
    got = upstream.by_id(stream.id)[0].messages
    assert got == [stream.message(event) for event in good[:len(got)]]
    assert len(got) <= len(admitted)
    return len(got)


def test_a_refused_message_ends_the_stream_before_the_upstream_has_seen_it(proxy, method, grpc_upstream, sink):
    first, good, bad, behind = Event(), [Event() for _ in range(3)], Event(BAD), Event()
    with broken_off(proxy), Stream(proxy.port, method) as stream:
        stream.send(first)
        assert_got(grpc_upstream, stream, [stream.message(first)])
        # All at once, so that what is good and what is not come in the same part of the body.
        stream.send(*good, bad, behind)
        with pytest.raises(grpc.RpcError):
            stream.counts()
    assert_ended_by(bad, stream, grpc_upstream, sink, [first, *good])


def test_the_refusal_of_a_message_is_the_status_of_the_stream(proxy, grpc_upstream, sink):
    first = Event()
    with broken_off(proxy), Stream(proxy.port, "/shop.v1.Feed/Collect") as stream:
        stream.send(first)
        assert_got(grpc_upstream, stream, [stream.message(first)])
        stream.send(Event(BAD))
        assert_ends(stream, "rule.unknown-type")


def test_a_stream_that_was_answered_already_can_only_be_reset(proxy, grpc_upstream, sink):
    """Envoy's limit: the answer's headers have gone. The record has the reason."""
    bad = Event(BAD)
    with broken_off(proxy), Stream(proxy.port, "/shop.v1.Feed/Exchange") as stream:
        stream.send(Event())
        assert next(stream.answers).count == 1
        stream.send(bad)
        assert_ends(stream, None, "INTERNAL")
    assert verdicts(sink, stream, 2)[bad.id] == "rule.unknown-type"


def test_a_stream_whose_first_message_is_refused_has_no_message(proxy, proxies, method, grpc_upstream, sink):
    with Stream(proxy.port, method) as stream:
        stream.send(Event(BAD), Event())
        assert_ends(stream, "rule.unknown-type")
    sink.wait(stream.id)
    calls = grpc_upstream.by_id(stream.id)
    assert [call.messages for call in calls] == ([] if proxy is proxies["headers"] else [[]])


def test_a_stream_without_a_token_never_begins(proxy, method, grpc_upstream, sink):
    with Stream(proxy.port, method, token=("x-no-token", "1")) as stream:
        stream.send(Event())
        assert_ends(stream, "token.missing", "UNAUTHENTICATED")
    assert grpc_upstream.saw_nothing_of(stream.id)
    assert sink.wait(stream.id)[0]["code"] == "token.missing"


def test_a_token_that_expires_on_the_way_ends_the_stream(proxies, grpc_upstream):
    """The leeway of the policy is 30 s."""
    first = Event()
    with Stream(proxies["headers"].port, "/shop.v1.Feed/Collect", token=bearer(exp=int(time.time()) - 28)) as stream:
        stream.send(first)
        assert_got(grpc_upstream, stream, [stream.message(first)])
        time.sleep(2.5)
        stream.send(Event())
        assert_ends(stream, "token.expired", "UNAUTHENTICATED")
    assert_got(grpc_upstream, stream, [stream.message(first)])


@pytest.mark.parametrize("hold", HOLDS)
def test_a_token_that_is_good_for_one_call_is_good_for_one_stream(start, sink, method, grpc_upstream, hold):
    once = {"type": Event().type, "publishers": [{"issuer": "shop", "subject": "cart-service"}], "replay": {"window": "1m", "key": "jti"}}
    policy = {**reference_policy(), "routes": ROUTES, "events": [once]}
    proxy = start(policy, hold=hold, logs=sink, upstream=grpc_upstream, http2=True, routes=ENVOYS_ROUTES)
    token, events = bearer(jti=str(uuid.uuid4())), [Event() for _ in range(3)]
    with Stream(proxy.port, method, token=token) as stream:
        for count, event in enumerate(events, 1):
            stream.send(event)
            assert_got(grpc_upstream, stream, [stream.message(event) for event in events[:count]])
        with Stream(proxy.port, method, token=token) as other:
            other.send(Event())
            assert_ends(other, "replay.seen", "ALREADY_EXISTS")
        stream.send(events[0])
        assert_got(grpc_upstream, stream, [stream.message(event) for event in [*events, events[0]]])


def test_a_stream_without_a_message_publishes_nothing(proxy, method, grpc_upstream):
    with Stream(proxy.port, method) as stream:
        stream.end()
        assert_ends(stream, "event.malformed", "INVALID_ARGUMENT")
    assert all(not call.messages for call in grpc_upstream.by_id(stream.id))


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip], ids=["plain", "gzip"])
def test_messages_of_every_size_go_through_in_their_order(proxy, method, grpc_upstream, compression):
    """Through windows of 64 KiB, so that a message ends anywhere in a frame of HTTP/2, and the proxy waits for room more than once."""
    events = [Event(data=bytes([97 + size % 26]) * size) for size in (0, 1, 16379, 40000, 100, 65000, 0, 16384, 60000, 3) * 10]
    with Stream(proxy.port, method, compression=compression) as stream:
        stream.send(*events)
        stream.end()
        stream.counts()
    assert_got(grpc_upstream, stream, [stream.message(event) for event in events])


def test_a_message_over_the_limit_ends_the_stream(proxy, grpc_upstream):
    first = Event()
    with Stream(proxy.port, "/shop.v1.Feed/Collect") as stream:
        stream.send(first)
        assert_got(grpc_upstream, stream, [stream.message(first)])
        stream.send(Event(data=b"a" * 65536))
        assert_ends(stream, "call.too-large", "RESOURCE_EXHAUSTED")
    assert_got(grpc_upstream, stream, [stream.message(first)])


def test_of_ten_thousand_messages_none_from_the_bad_one_on_goes_on(proxy, grpc_upstream, sink):
    good, bad = [Event() for _ in range(5000)], Event(BAD)
    with broken_off(proxy), Stream(proxy.port, "/shop.v1.Feed/Collect") as stream:
        stream.send(*good, bad, *[Event() for _ in range(4999)])
        assert_ends(stream, "rule.unknown-type")
    assert assert_ended_by(bad, stream, grpc_upstream, sink, good) > 4000


def test_a_client_that_stops_half_way_leaves_what_was_admitted(proxy, method, grpc_upstream, sink):
    events = [Event() for _ in range(3)]
    with broken_off(proxy), Stream(proxy.port, method) as stream:
        stream.send(*events)
        assert_got(grpc_upstream, stream, [stream.message(event) for event in events])
        stream.answers.cancel()
    assert_got(grpc_upstream, stream, [stream.message(event) for event in events])
    assert set(verdicts(sink, stream, 3).values()) == {"admit"}
    proxy.check_alive()


def resident(pid):
    """The resident memory of a process, in KiB."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


@pytest.mark.slow
def test_a_hundred_thousand_messages_take_no_more_memory_than_twenty_thousand(proxy, grpc_upstream):
    sizes, sent = {}, 0
    with Stream(proxy.port, "/shop.v1.Feed/Collect") as stream:
        message = stream.message(Event())
        for count in (20_000, 100_000):
            stream.send(*[message] * (count - sent))
            sent = count
            local.wait_until(lambda: [len(call.messages) for call in grpc_upstream.by_id(stream.id)] == [count], 120, f"{count} messages")
            sizes[count] = resident(proxy.pid)
        stream.end()
        assert stream.counts() == [100_000]
    assert sizes[100_000] < sizes[20_000] + 8 * 1024, sizes
