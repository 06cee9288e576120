"""A publisher over tonic (tests/tonic), unchanged, through the real Envoy: another gRPC, HTTP/2 and Protocol Buffers than grpcio's. What is
admitted reaches the upstream as it was sent, and what is refused ends in tonic's own status, with the code in its details."""

import dataclasses
import json
import os
import subprocess
import uuid

import grpc
import pytest

from conftest import HOLDS, ROOT, bearer
from publishers import Event, PubSub, cloud_events, items
from test_grpc import REFUSED, TOKENS, assert_published, policy
from test_streams import BAD, ENVOYS_ROUTES, KINDS, assert_ended_by, assert_got, broken_off, verdicts
from test_streams import ROUTES as STREAMS

MANIFEST = ROOT / "tests/tonic/Cargo.toml"
TIMEOUT = 30
# Its first test waits until the publisher is built.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def program():
    build = [os.environ.get("CARGO", "cargo"), "build", "--locked", "--manifest-path", MANIFEST, "--target-dir", ROOT / "target"]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"{MANIFEST.relative_to(ROOT)} does not build:\n{done.stderr}", pytrace=False)
    return ROOT / "target/debug/tonic-publisher"


@pytest.fixture(scope="module")
def proxies(start, sink, grpc_upstream):
    ours = policy()
    ours["routes"] = ours["routes"] + STREAMS
    routes = [*ENVOYS_ROUTES, {"name": "bus", "match": {"prefix": "/"}, "route": {"cluster": "upstream"}}]
    return {hold: start(ours, hold=hold, logs=sink, upstream=grpc_upstream, http2=True, routes=routes) for hold in HOLDS}


@dataclasses.dataclass
class Kind:
    """What `expected` says reaches the upstream, and whether tonic compresses it."""
    expected: object
    gzip: bool


MESSAGES = {"cloudevents": cloud_events, "described": items, "pubsub": PubSub().expected}
UNARY = {f"{name}{'-gzip' * gzip}": Kind(expected, gzip) for name, expected in MESSAGES.items() for gzip in (False, True)}
one_message = pytest.mark.parametrize("kind", UNARY.values(), ids=UNARY.keys())
STREAMED = {f"{method.rpartition('/')[2]}{'-gzip' * gzip}": (method, gzip) for method in KINDS for gzip in (False, True)}
streams = pytest.mark.parametrize("method, gzip", STREAMED.values(), ids=STREAMED.keys())


class Call:
    """A call by tonic, whose events the test sends one by one. Without `claims` there is no token."""

    def __init__(self, program, port, method, gzip=False, claims={}):
        self.id, self.method = str(uuid.uuid4()), method
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        metadata = [("x-request-id", self.id), *([] if claims is None else [bearer(**claims)])]
        self._write({"port": port, "method": method, "gzip": gzip, "metadata": metadata})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.end()
        self.process.stdout.close()

    def _write(self, *documents):
        self.process.stdin.write("".join(json.dumps(document) + "\n" for document in documents))
        self.process.stdin.flush()

    def send(self, *events):
        """All in one go."""
        self._write(*[{**dataclasses.asdict(event), "data": event.data.decode()} for event in events])

    def end(self):
        self.process.stdin.close()

    def message(self, event):
        """As it must reach the upstream."""
        return KINDS[self.method](event)[1].SerializeToString()

    def answer(self):
        """The next answer, once it is there."""
        return int(self.process.stdout.readline())

    def outcome(self):
        """The answers until the end, and how the call ended, whether or not the test has ended its side."""
        assert self.process.wait(TIMEOUT) == 0
        *answers, ended = self.process.stdout.read().splitlines()
        return [int(answer) for answer in answers], json.loads(ended)


def publish(program, proxy, kind, *events, claims={}):
    """A call with one message: its id and its outcome."""
    with Call(program, proxy.port, kind.expected(*events)[0], kind.gzip, claims) as call:
        call.send(*events)
        call.end()
        return call.id, call.outcome()


OK = {"code": 0, "message": "", "details": None}


def assert_ends(outcome, code, status):
    """Without an answer, with the same status, text and code in the trailers and in their details."""
    answers, ended = outcome
    number, message = grpc.StatusCode[status].value[0], ended["message"]
    assert message.partition(":")[0] == code, ended
    assert ended == {"code": number, "message": message, "details": {"code": number, "message": message, "reason": code, "domain": "eventguard"}}
    assert answers == []


@one_message
def test_an_honest_publish_reaches_the_upstream_as_it_was_sent(program, proxy, kind, grpc_upstream, sink):
    event = Event()
    request_id, outcome = publish(program, proxy, kind, event)
    assert outcome == ([1], OK)
    assert_published(grpc_upstream, request_id, kind, event)
    [record] = sink.wait(request_id)
    assert (record["verdict"], record["type"], record["id"], record["topic"], record["publisher"]) == (
        "admit", event.type, event.id, "carts", "cart-service")


@pytest.mark.parametrize("changes, code, status", REFUSED.values(), ids=REFUSED.keys())
def test_a_publish_is_refused_in_tonics_own_status(program, proxy, grpc_upstream, sink, changes, code, status):
    calls = [publish(program, proxy, kind, Event(**changes)) for kind in UNARY.values()]
    for request_id, outcome in calls:
        assert_ends(outcome, code, status)
        assert grpc_upstream.saw_nothing_of(request_id)
        [record] = sink.wait(request_id)
        assert (record["verdict"], record["code"], record["publisher"]) == ("refuse", code, "cart-service")


@pytest.mark.parametrize("reason", TOKENS.keys())
def test_a_publish_without_a_good_token_is_refused(program, proxy, grpc_upstream, reason):
    for kind in UNARY.values():
        request_id, outcome = publish(program, proxy, kind, Event(), claims=TOKENS[reason])
        assert_ends(outcome, f"token.{reason}", "UNAUTHENTICATED")
        assert grpc_upstream.saw_nothing_of(request_id)


def test_five_events_in_one_message_share_their_fate(program, proxy, grpc_upstream, sink):
    # The upstream counts messages, Pub/Sub's answer events.
    for kind, counted in ((UNARY["described-gzip"], 1), (UNARY["pubsub"], 5)):
        good = [Event() for _ in range(5)]
        request_id, outcome = publish(program, proxy, kind, *good)
        assert outcome == ([counted], OK)
        assert_published(grpc_upstream, request_id, kind, *good)
        assert sorted(record["id"] for record in sink.wait(request_id, 5)) == sorted(event.id for event in good)

        request_id, outcome = publish(program, proxy, kind, *good[:3], Event(BAD), good[4])
        assert_ends(outcome, "rule.unknown-type", "PERMISSION_DENIED")
        assert grpc_upstream.saw_nothing_of(request_id)


def test_what_tonic_compresses_is_read_and_goes_on_compressed(program, proxy, grpc_upstream):
    def sent():
        return sum(proxy.stats("^cluster.upstream.upstream_cx_tx_bytes_total$").values())

    event, grown = Event(data=b"a" * 50_000), {}
    for name in ("cloudevents", "cloudevents-gzip"):
        before = sent()
        request_id, _ = publish(program, proxy, UNARY[name], event)
        assert_published(grpc_upstream, request_id, UNARY[name], event)
        grown[name] = sent() - before
    assert grown["cloudevents"] > 50_000 and grown["cloudevents-gzip"] < 5_000, grown


@streams
def test_the_messages_of_a_stream_go_on_one_by_one(program, proxy, method, gzip, grpc_upstream, sink):
    events, each = [Event() for _ in range(5)], method.endswith("Exchange")
    with Call(program, proxy.port, method, gzip) as call:
        for count, event in enumerate(events, 1):
            call.send(event)
            assert_got(grpc_upstream, call, [call.message(event) for event in events[:count]])
            assert not each or call.answer() == count
        call.end()
        assert call.outcome() == ([] if each else [5], OK)
    assert verdicts(sink, call, 5) == {event.id: "admit" for event in events}
    assert grpc_upstream.one(call.id).values("x-eventguard-publisher") == ["shop/cart-service"]


@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
def test_a_bad_message_ends_the_stream_with_its_status(program, proxy, gzip, grpc_upstream, sink):
    """Although tonic has more to send, and has not ended its side."""
    first, bad, behind = Event(), Event(BAD), Event()
    with broken_off(proxy), Call(program, proxy.port, "/shop.v1.Feed/Collect", gzip) as call:
        call.send(first)
        assert_got(grpc_upstream, call, [call.message(first)])
        call.send(bad, behind)
        assert_ends(call.outcome(), "rule.unknown-type", "PERMISSION_DENIED")
    assert_got(grpc_upstream, call, [call.message(first)])
    assert verdicts(sink, call, 2) == {first.id: "admit", bad.id: "rule.unknown-type"}


def test_of_many_messages_in_a_rush_none_from_the_bad_one_on_goes_on(program, proxy, grpc_upstream, sink):
    good, bad = [Event() for _ in range(200)], Event(BAD)
    with broken_off(proxy), Call(program, proxy.port, "/shop.v1.Feed/Collect") as call:
        call.send(*good, bad, *[Event() for _ in range(50)])
        assert_ends(call.outcome(), "rule.unknown-type", "PERMISSION_DENIED")
    assert_ended_by(bad, call, grpc_upstream, sink, good)


def test_a_stream_that_was_answered_already_can_only_be_reset(program, proxy, grpc_upstream, sink):
    """Envoy's limit: the answer's headers have gone. tonic, too, takes it for no good end."""
    first, bad = Event(), Event(BAD)
    with broken_off(proxy), Call(program, proxy.port, "/shop.v1.Feed/Exchange") as call:
        call.send(first)
        assert call.answer() == 1
        call.send(bad)
        answers, ended = call.outcome()
    assert (answers, ended["code"], ended["details"]) == ([], grpc.StatusCode.UNKNOWN.value[0], None), ended
    assert_got(grpc_upstream, call, [call.message(first)])
    assert verdicts(sink, call, 2)[bad.id] == "rule.unknown-type"


@streams
def test_a_stream_whose_first_message_is_bad_publishes_nothing(program, proxy, method, gzip, grpc_upstream):
    with Call(program, proxy.port, method, gzip) as call:
        call.send(Event(BAD), Event())
        call.end()
        assert_ends(call.outcome(), "rule.unknown-type", "PERMISSION_DENIED")
    assert all(not received.messages for received in grpc_upstream.by_id(call.id))


def test_without_a_good_token_a_stream_does_not_begin(program, proxy, grpc_upstream):
    with Call(program, proxy.port, "/shop.v1.Feed/Collect", claims=None) as call:
        call.send(Event())
        assert_ends(call.outcome(), "token.missing", "UNAUTHENTICATED")
    assert grpc_upstream.saw_nothing_of(call.id)
