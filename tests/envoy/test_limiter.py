"""What many proxies remember together, by a rate limit service: what it is asked, and what becomes of a call for each of its answers."""

import contextlib
import dataclasses
import json
import socket
import threading
import uuid

import grpc
import h2.config
import h2.connection
import h2.events
import pytest

import clients
import local
from conftest import HOLDS, STRUCTURED, assert_admitted, assert_refused, bearer, publish, split, written
from key_server import Answer, KeyServer, key_set
from limiter import OK, OVER_LIMIT, UNKNOWN, Limiter, Response, slow, status
from test_keysets import bearer as bearer_by
from test_keysets import policy as fetching
from test_memory import event, policy, send
from test_stats import counters

BATCH = ("content-type", "application/cloudevents-batch+json")


def cluster_policy(on_unavailable="refuse", timeout="1s", batch=None, mode="enforce", **rule):
    ours = policy(**(rule or {"replay": {"window": "10m", "scope": "cluster"}}), mode=mode)
    if batch:
        ours["events"] = ours["events"][:1]
        ours["routes"] = [{**route, "batch": batch} for route in ours["routes"] if route["protocol"] == "cloudevents"]
    return {**ours, "limiter": {"cluster": "limits", "timeout": timeout, "onUnavailable": on_unavailable}}


@pytest.fixture(scope="module")
def limits():
    with_end = Limiter()
    yield with_end
    with_end.close()


@pytest.fixture
def limiter(limits):
    limits.reset()
    yield limits
    limits.reset()


@pytest.fixture(scope="module", params=HOLDS)
def pair(request, start, sink, limits):
    """Two proxies that share a limiter."""
    return [start(cluster_policy(), hold=request.param, logs=sink, limits=limits, concurrency=2) for _ in range(2)]


@pytest.fixture(scope="module", params=HOLDS)
def alone(request, start, sink, limits):
    """A proxy that goes on without the limiter."""
    return start(cluster_policy("proxy"), hold=request.param, logs=sink, limits=limits)


def new_event(**more):
    return event(str(uuid.uuid4()), **more)


def entries(descriptor):
    return [(entry.key, entry.value) for entry in descriptor.entries]


def test_an_event_passes_once_through_two_proxies(pair, client, upstream, limiter, sink):
    first, second = pair
    body = new_event()
    admitted = send(first, client, body)
    assert_admitted(admitted, upstream)
    refused = send(second, client, body)
    assert_refused(refused, upstream, "replay.seen", 409)
    assert sink.wait(refused.id)[0]["code"] == "replay.seen"
    assert_refused(send(first, client, body), upstream, "replay.seen", 409)
    [one, other] = limiter.requests
    assert one == other and one.domain == "eventguard", "the proxy's own table asks nobody"
    [descriptor] = one.descriptors
    [(replay, kind), (tag, value)] = entries(descriptor)
    assert (replay, kind, tag, len(value)) == ("replay", "event", "tag", 32)


def test_the_parts_of_a_body_and_its_trailers_wait_together(pair, upstream, limiter):
    for options in ({"parts": split(new_event())}, {"parts": split(new_event()), "trailers": [("x-end", "1"), ("x-eventguard-end", "1")]}):
        call = publish(pair[0], clients.H2, headers=[STRUCTURED, bearer()], **options)
        seen = assert_admitted(call, upstream)
        assert_refused(publish(pair[1], clients.H2, headers=[STRUCTURED, bearer()], **options), upstream, "replay.seen", 409)
        assert len(seen.header("x-end")) <= 1 and seen.header("x-eventguard-end") == []


def test_a_call_without_a_body_waits_with_its_head(pair, client, upstream, limiter):
    time_now = json.loads(new_event())["time"]
    headers = [("ce-specversion", "1.0"), ("ce-id", str(uuid.uuid4())), ("ce-source", "/shop/cart"), ("ce-type", "com.shop.cart.Kept"),
               ("ce-time", time_now), bearer()]
    calls = [publish(proxy, client, headers=headers, parts=[]) for proxy in pair]
    assert_admitted(calls[0], upstream, b"")
    assert_refused(calls[1], upstream, "replay.seen", 409)


def test_all_events_of_a_call_are_one_question(pair, client, limiter, upstream):
    bodies = [new_event() for _ in range(3)]
    batch = b"[" + b",".join(bodies) + b"]"
    call = publish(pair[0], client, headers=[BATCH, bearer()], body=batch)
    assert_admitted(call, upstream)
    [request] = limiter.requests
    assert len({entries(descriptor)[1] for descriptor in request.descriptors}) == 3
    refused = publish(pair[1], client, headers=[BATCH, bearer()], body=b"[" + new_event() + b"," + bodies[1] + b"]")
    assert assert_refused(refused, upstream, "replay.seen", 409)["events"] == [{"index": 1, "code": "replay.seen"}]


@pytest.mark.parametrize("hold", HOLDS)
def test_what_another_proxy_has_seen_is_left_out_of_a_batch(start, sink, limits, limiter, client, upstream, hold):
    proxy = start(cluster_policy(batch="drop-refused"), hold=hold, logs=sink, limits=limits)
    old, new = new_event(), new_event()
    limiter.answer = lambda request: Response(overall_code=OVER_LIMIT, statuses=[status(OVER_LIMIT), status()])
    call = publish(proxy, client, headers=[BATCH, bearer()], body=b"[" + old + b"," + new + b"]")
    assert_admitted(call, upstream, b"[" + new + b"]")
    assert call.response.header("x-eventguard-refused") == "replay.seen=(0)"


ANSWERS = {
    "an-error": lambda request: grpc.StatusCode.UNAVAILABLE,
    "not-implemented": lambda request: grpc.StatusCode.UNIMPLEMENTED,
    "unknown": lambda request: Response(overall_code=UNKNOWN),
    "one-unknown": lambda request: Response(overall_code=OK, statuses=[status(UNKNOWN)]),
    "nothing": lambda request: Response(),
    "too-many": lambda request: Response(overall_code=OK, statuses=[status(), status()]),
    "no-limit": lambda request: Response(overall_code=OK, statuses=[status(limit=None)]),
    "late": slow(1.5),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_without_a_whole_answer_the_policy_decides(pair, alone, upstream, limiter, sink, answer):
    limiter.answer = answer
    body = new_event()
    before = counters(pair[0], "eventguard_limiter_failed_total")
    refused = send(pair[0], clients.H2, body)
    assert_refused(refused, upstream, "limiter.unavailable", 503)
    assert sink.wait(refused.id)[0]["code"] == "limiter.unavailable"
    assert counters(pair[0], "eventguard_limiter_failed_total") == before + 1
    assert_admitted(send(alone, clients.H2, body), upstream)
    assert_refused(send(alone, clients.H2, body), upstream, "replay.seen", 409)
    assert counters(alone, "eventguard_limiter_failed_total") > 0


def test_fewer_statuses_than_descriptors_are_no_answer(pair, upstream, limiter):
    limiter.answer = lambda request: Response(overall_code=OK, statuses=[status()])
    call = publish(pair[0], clients.H2, headers=[BATCH, bearer()], body=b"[" + new_event() + b"," + new_event() + b"]")
    assert_refused(call, upstream, "limiter.unavailable", 503)


def test_a_limiter_that_gives_no_statuses_is_believed_where_it_is_clear(pair, upstream, limiter):
    limiter.answer = lambda request: Response(overall_code=OK)
    body = new_event()
    assert_admitted(send(pair[0], clients.H2, body), upstream)
    limiter.answer = lambda request: Response(overall_code=OVER_LIMIT)
    assert_refused(send(pair[1], clients.H2, body), upstream, "replay.seen", 409)


@dataclasses.dataclass
class Elsewhere:
    port: int


def old_web(connection):
    """HTTP/1.1, which is not what the proxy speaks to it."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno")


def web(connection):
    """HTTP/2 without gRPC."""
    http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    http.initiate_connection()
    while received := connection.recv(65536):
        for event in http.receive_data(received):
            if isinstance(event, h2.events.StreamEnded):
                http.send_headers(event.stream_id, [(":status", "200"), ("content-type", "text/plain")])
                http.send_data(event.stream_id, b"no", end_stream=True)
        connection.sendall(http.data_to_send())


@contextlib.contextmanager
def server(answer):
    """Answers each connection so, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(ConnectionError):
                answer(connection)
    threading.Thread(target=serve, daemon=True).start()
    with listener:
        yield Elsewhere(listener.getsockname()[1])


@pytest.mark.parametrize("hold", HOLDS)
def test_where_there_is_no_limiter_the_policy_decides(start, sink, upstream, client, hold):
    with server(old_web) as old, server(web) as new:
        for limits in (None, Elsewhere(local.free_port()), old, new):
            proxy = start(cluster_policy(), hold=hold, logs=sink, limits=limits)
            body = new_event()
            assert_refused(send(proxy, client, body), upstream, "limiter.unavailable", 503)
            assert_refused(send(proxy, client, body), upstream, "limiter.unavailable", 503)
            assert counters(proxy, "eventguard_limiter_failed_total") == 2


def test_a_caller_who_hangs_up_meanwhile_publishes_nothing(pair, upstream, limiter, sink):
    asked, go_on = threading.Event(), threading.Event()

    def wait(request):
        asked.set()
        go_on.wait(5)
        return Response(overall_code=OK, statuses=[status()])
    limiter.answer = wait
    body, request_id = new_event(), str(uuid.uuid4())
    with socket.create_connection(("127.0.0.1", pair[0].port)) as connection:
        connection.sendall(written(request_id, body))
        assert asked.wait(5)
    assert sink.wait(request_id)[0]["code"] == "call.malformed"
    go_on.set()
    limiter.reset()
    assert upstream.saw_nothing_of(request_id)
    assert_admitted(send(pair[0], clients.H1, body), upstream)


@pytest.fixture
def idp():
    with_end = KeyServer(certs=Answer(key_set("new-1"), delay=1))
    yield with_end
    with_end.close()


def binary(body):
    """The event in headers alone."""
    return [(f"ce-{name}", value) for name, value in json.loads(body).items() if name != "data"]


@pytest.mark.parametrize("hold", HOLDS)
def test_a_call_that_has_waited_for_its_keys_waits_for_the_limiter_then(start_once, idp, limits, limiter, upstream, sink, hold):
    """The question is asked by another context than the call's, which the answer must find."""
    ours = {**cluster_policy(), "issuers": fetching()["issuers"]}
    proxy = start_once(ours, hold=hold, logs=sink, limits=limits, concurrency=2, clusters={"idp": idp.port})
    token, whole = bearer_by("new-1"), new_event()
    structured, made = {"headers": [STRUCTURED, token]}, {}
    calls = {
        "h1": (clients.H1, {**structured, "body": whole}),
        "h2": (clients.H2, {**structured, "parts": split(new_event())}),
        "trailers": (clients.H2, {**structured, "parts": split(new_event()), "trailers": [("x-eventguard-end", "1")]}),
        "no-body": (clients.H2, {"headers": [token, *binary(new_event())], "parts": []}),
    }
    limiter.answer = slow(0.3)
    threads = [threading.Thread(target=lambda name=name, client=client, options=options: made.update({name: publish(proxy, client, **options)}))
               for name, (client, options) in calls.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for call in made.values():
        seen = assert_admitted(call, upstream)
        assert seen.header("x-eventguard-publisher") == ["shop/cart-service"] and seen.header("x-eventguard-end") == []
        assert sink.wait(call.id)[0]["verdict"] == "admit"
    assert len(limiter.requests) == len(calls)
    assert_refused(publish(proxy, clients.H1, headers=[STRUCTURED, token], body=whole), upstream, "replay.seen", 409)


@pytest.mark.parametrize("hold", HOLDS)
def test_a_call_that_has_waited_for_its_keys_is_refused_as_the_limiter_says(start_once, idp, limits, limiter, client, upstream, sink, hold):
    ours = {**cluster_policy(), "issuers": fetching()["issuers"]}
    proxy = start_once(ours, hold=hold, logs=sink, limits=limits, clusters={"idp": idp.port})
    limiter.answer = lambda request: Response(overall_code=OVER_LIMIT, statuses=[status(OVER_LIMIT)])
    refused = publish(proxy, client, headers=[STRUCTURED, bearer_by("new-1")], parts=split(new_event()))
    assert_refused(refused, upstream, "replay.seen", 409)
    idp.answers["/certs"] = Answer(key_set("new-2"), delay=1)
    limiter.answer = lambda request: grpc.StatusCode.UNAVAILABLE
    # The set may be asked for again five seconds after the last time.
    refused = publish(proxy, client, headers=[STRUCTURED, bearer_by("new-2")], parts=split(new_event()))
    assert_refused(refused, upstream, "limiter.unavailable", 503)
    assert sink.wait(refused.id)[0]["code"] == "limiter.unavailable"


def test_what_is_refused_for_another_reason_asks_nobody(pair, upstream, limiter):
    body = new_event(source=None)
    assert_refused(publish(pair[0], clients.H1, headers=[STRUCTURED], body=new_event()), upstream, "token.missing", 401)
    assert publish(pair[0], clients.H1, headers=[STRUCTURED, bearer()], body=body).response.status == 400
    assert_admitted(publish(pair[0], clients.H1), upstream)
    assert limiter.requests == []


def test_a_rule_that_observes_lets_pass_what_the_limiter_has_seen(start, sink, limits, limiter, client, upstream):
    proxy = start(cluster_policy(mode="observe"), logs=sink, limits=limits)
    limiter.answer = lambda request: Response(overall_code=OVER_LIMIT, statuses=[status(OVER_LIMIT)])
    call = send(proxy, client, new_event())
    assert_admitted(call, upstream)
    record = sink.wait(call.id)[0]
    assert (record["verdict"], record["code"]) == ("observe", "replay.seen")


def test_a_rate_holds_over_two_proxies_and_counts_bytes(start, sink, upstream, client):
    rates = [{"limit": 10, "per": "1h", "scope": "cluster", "name": "events", "by": ["publisher"]},
             {"limit": 1000, "per": "1h", "unit": "bytes", "scope": "cluster", "name": "bytes"}]
    limits = Limiter({("rate", "events"): 10, ("rate", "bytes"): 80})
    try:
        pair = [start(cluster_policy(rate=rates), logs=sink, limits=limits) for _ in range(2)]
        calls = [send(pair[number % 2], client, event(f"{number}", data="x" * 18)) for number in range(5)]
        assert [call.response.status for call in calls] == [200] * 4 + [429], "20 bytes each"
        assert_refused(calls[-1], upstream, "rate.limited", 429)
        assert calls[-1].response.header("retry-after") == "7"
        [of_events, of_bytes] = limits.requests[0].descriptors
        assert [key for key, _ in entries(of_events)] == ["rate", "by"] and not of_events.HasField("hits_addend")
        assert entries(of_bytes) == [("rate", "bytes")] and of_bytes.hits_addend.value == 20
    finally:
        limits.close()
