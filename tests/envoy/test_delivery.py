"""Calls that go on only with their records: what the upstream saw is in the log cluster, whatever that does, and what is not there did not
go on."""

import collections
import concurrent.futures
import pathlib
import socket
import subprocess
import threading
import time
import uuid

import pytest

import clients
import local
from conftest import HOLDS, STRUCTURED, assert_admitted, assert_refused, bearer, publish, reference_policy, written
from sink import Sink
from test_stats import counters


def first(**audit):
    return {**reference_policy(), "audit": {"cluster": "logs", "delivery": "before-forward", "timeout": "2s", **audit}}


@pytest.fixture
def logs(sink):
    sink.mode, sink.retry_after, sink.delay = "ok", None, 0.0
    yield sink
    sink.mode = "ok"
    if sink.server is None:
        sink.back()


@pytest.fixture(scope="module")
def proxies_first(start, sink):
    return {hold: start(first(), hold=hold, logs=sink) for hold in HOLDS}


@pytest.fixture(params=HOLDS)
def proxy(request, proxies_first, logs):
    proxy = proxies_first[request.param]
    # What an earlier test did to the log cluster is over for it: it may still wait before it tries again.
    local.wait_until(lambda: publish(proxy, clients.H1).response.status == 200, 15, "a record is taken")
    return proxy


def verdicts(sink, call):
    return [(record["verdict"], record.get("code")) for record in sink.of(call.id)]


def closed(proxy):
    """The log cluster is not counted as away any more."""
    local.wait_until(lambda: counters(proxy, "eventguard_audit_circuit_open") == 0, 15, "the circuit breaker closed")


def test_a_call_goes_on_when_the_log_cluster_has_its_record(proxy, logs, upstream, client):
    publish(proxy, client)
    began = time.monotonic()
    call = publish(proxy, client)
    assert_admitted(call, upstream)
    assert time.monotonic() - began < 0.25, "a call does not wait for the next tick"
    assert verdicts(logs, call) == [("admit", None)]
    logs.mode, logs.delay = "slow", 0.5
    began = time.monotonic()
    waiting = concurrent.futures.ThreadPoolExecutor(1).submit(publish, proxy, client)
    time.sleep(0.3)
    assert not logs.of(call.id)[1:] and not waiting.done()
    call = waiting.result()
    assert time.monotonic() - began > 0.5
    assert_admitted(call, upstream)
    assert verdicts(logs, call) == [("admit", None)]


def test_refused_calls_and_what_is_not_recorded_wait_for_nothing(start_once, logs, upstream):
    policy = first()
    policy["events"] = [{**rule, "audit": {"level": "none"}} for rule in policy["events"]]
    proxy = start_once(policy, logs=logs)
    logs.mode, logs.delay = "slow", 1.5
    began = time.monotonic()
    assert_refused(publish(proxy, clients.H1, headers=[STRUCTURED]), upstream, "token.missing", 401)
    assert_admitted(publish(proxy, clients.H1), upstream)
    assert time.monotonic() - began < 1


def test_calls_share_a_round_trip(proxy, logs, upstream):
    logs.mode, logs.delay = "slow", 0.2
    known, began = len(logs.exports), time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        calls = list(pool.map(lambda _: publish(proxy, clients.H1), range(40)))
    assert [call.response.status for call in calls] == [200] * 40
    assert time.monotonic() - began < 4 and len(logs.exports) - known < 15, "not one after another"
    for call in calls:
        assert verdicts(logs, call) == [("admit", None)]


def test_without_the_log_cluster_nothing_goes_on_and_it_comes_back(proxy, logs, upstream, client):
    logs.away()
    began = time.monotonic()
    call = publish(proxy, client)
    assert_refused(call, upstream, "audit.unavailable", 503)
    assert 1.8 < time.monotonic() - began < 4
    logs.back()
    local.wait_until(lambda: len(logs.of(call.id)) == 2, 15, "both records")
    admitted, refused = logs.of(call.id)
    assert (admitted["verdict"], refused["verdict"], refused["code"]) == ("admit", "refuse", "audit.unavailable")
    assert refused["correlation"] == admitted["uid"], "the later one counts, and says which it is about"
    assert '"audit.unavailable"' in proxy.logged(call.id)
    assert_admitted(publish(proxy, client), upstream)


def test_a_log_cluster_that_takes_nothing_is_not_waited_for(start_once, logs, upstream):
    proxy = start_once(first(timeout="1s"), logs=logs)
    logs.mode = 500
    for _ in range(5):
        assert_refused(publish(proxy, clients.H1), upstream, "audit.unavailable", 503)
    local.wait_until(lambda: counters(proxy, "eventguard_audit_circuit_open") == 1, 5, "the circuit breaker open")
    attempts, began = logs.attempts, time.monotonic()
    for _ in range(20):
        assert_refused(publish(proxy, clients.H2), upstream, "audit.unavailable", 503)
    assert time.monotonic() - began < 3 and logs.attempts - attempts < 5
    assert "the log cluster `logs` takes no records" in proxy.output()
    logs.mode = "ok"
    closed(proxy)
    assert "the log cluster `logs` takes records again" in proxy.output()
    call = publish(proxy, clients.H1)
    assert_admitted(call, upstream)


def test_a_caller_who_hangs_up_meanwhile_has_published_nothing(proxy, logs, upstream):
    logs.mode, logs.delay = "slow", 1
    request_id = str(uuid.uuid4())
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        body = b'{"specversion":"1.0","id":"1","source":"/shop/cart","type":"com.shop.cart.ItemAdded","data":1}'
        connection.sendall(written(request_id, body))
        time.sleep(0.5)
    local.wait_until(lambda: len(logs.of(request_id)) == 2, 10, "both records")
    admitted, ended = logs.of(request_id)
    assert (admitted["verdict"], ended["verdict"], ended["code"]) == ("admit", "refuse", "call.malformed")
    assert ended["correlation"] == admitted["uid"]
    assert upstream.saw_nothing_of(request_id)
    assert_admitted(publish(proxy, clients.H1), upstream)


def test_what_is_only_observed_waits_and_goes_on(start_once, logs, upstream):
    proxy = start_once({**first(timeout="1s"), "mode": "observe"}, logs=logs)
    logs.mode, logs.delay = "slow", 0.5
    began = time.monotonic()
    call = publish(proxy, clients.H1, headers=[STRUCTURED])
    assert call.response.status == 200 and time.monotonic() - began > 0.5
    assert verdicts(logs, call) == [("observe", "token.missing")]
    logs.mode = 503
    call = publish(proxy, clients.H1)
    assert call.response.status == 200 and upstream.one(call.id)
    logs.mode = "ok"
    # The record that was waited for comes late, and behind it what became of the call.
    late = [("admit", None), ("observe", "audit.unavailable")]
    local.wait_until(lambda: verdicts(logs, call) == late, 10, "the records")


def test_a_call_that_waits_outlives_another_policy(start_once, logs, upstream):
    proxy = start_once(first(), logs=logs, dynamic=True)
    publish(proxy, clients.H1)
    logs.mode, logs.delay = "slow", 1.5
    waiting = concurrent.futures.ThreadPoolExecutor(1).submit(publish, proxy, clients.H1)
    time.sleep(0.5)
    proxy.write_dynamic(proxy.wasm(policy={**proxy.policy, "routes": proxy.policy["routes"][1:]}))
    call = waiting.result()
    assert_admitted(call, upstream)
    assert verdicts(logs, call) == [("admit", None)]


@pytest.mark.parametrize("delivery", ["async", "before-forward"])
def test_while_there_is_no_room_for_records_calls_are_refused_and_no_record_of_an_admitted_one_is_dropped(start_once, logs, upstream, delivery):
    policy = {**first(delivery=delivery, whenFull="refuse", timeout="5s", queue={"records": 40}, batch={"records": 10}), "limits": {"events": 20}}
    proxy = start_once(policy, logs=logs)
    publish(proxy, clients.H1)
    known = len(logs.records)
    logs.away()
    with concurrent.futures.ThreadPoolExecutor(60) as pool:
        calls = list(pool.map(lambda _: publish(proxy, clients.H1), range(60)))
    admitted = [call for call in calls if call.response.status == 200]
    for call in calls:
        if call not in admitted:
            assert_refused(call, upstream, "audit.unavailable", 503)
    assert len(admitted) == 0 if delivery == "before-forward" else 10 <= len(admitted) <= 30, len(admitted)
    logs.back()
    for call in admitted:
        local.wait_until(lambda: verdicts(logs, call) == [("admit", None)], 15, "the record of an admitted call")
    local.wait_until(lambda: counters(proxy, "eventguard_audit_queued") == 0, 15, "an empty queue")
    closed(proxy)
    # Room that calls kept for their ends was given back.
    for _ in range(40):
        assert_admitted(publish(proxy, clients.H1), upstream)
    told = sum(record.get("dropped", 0) for record in logs.records[known:] if record["event"] == "drop")
    assert told == counters(proxy, "eventguard_audit_dropped_total")


class Weather(threading.Thread):
    """A log cluster that is well, slow, overloaded, broken, cut and away in turn."""

    def __init__(self, logs):
        super().__init__()
        self.logs, self.ended = logs, threading.Event()

    def run(self):
        while not self.ended.is_set():
            for mode in ["ok", "slow", 429, "ok", 500, "ok", "cut", "ok", "away", "ok"]:
                if mode == "away":
                    self.logs.away()
                else:
                    self.logs.mode, self.logs.delay = mode, 0.3
                self.ended.wait(1.2 if mode == "ok" else 0.8)
                if mode == "away":
                    self.logs.back()
        self.logs.mode = "ok"


def memory_of(proxy):
    status = pathlib.Path(f"/proc/{proxy.child.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) << 10


def test_whatever_the_log_cluster_does_nothing_goes_on_without_its_record(start_once, upstream, tmp_path):
    """Under load: what the upstream saw against what the log cluster holds."""
    logs = Sink()
    proxy = start_once(first(timeout="1s"), logs=logs, concurrency=2)
    for _ in range(20):
        publish(proxy, clients.H1)
    before, weather, end = memory_of(proxy), Weather(logs), time.monotonic() + 22
    statuses, ids = collections.Counter(), []

    def load(client):
        while time.monotonic() < end:
            call = publish(proxy, client, before_body=0)
            ids.append(call.id)
            statuses[call.response.status] += 1
            if call.response.status != 200:
                time.sleep(0.02)

    weather.start()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(load, [clients.H1, clients.H2] * 8))
    weather.ended.set()
    weather.join()
    local.wait_until(lambda: counters(proxy, "eventguard_audit_queued") == 0, 20, "an empty queue")
    assert set(statuses) == {200, 503} and statuses[200] > 100, statuses
    assert memory_of(proxy) - before < 64 << 20
    # A batch whose answer was lost comes twice, byte for byte.
    lines = list(dict.fromkeys(logs.lines()))
    (tmp_path / "records.ndjson").write_text("".join(line + "\n" for line in lines))
    done = subprocess.run([local.COMMAND, "audit", "verify", tmp_path / "records.ndjson"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    records = {record["uid"]: record for record in logs.events()}
    untrue = {record["correlation"] for record in records.values() if record.get("correlation")}
    admitted = collections.Counter(record["requestId"] for record in records.values() if record["verdict"] == "admit" and record["uid"] not in untrue)
    known = set(ids)
    with upstream.lock:
        seen = collections.Counter(request.header("x-request-id")[0] for request in upstream.requests)
    seen = {request_id for request_id in seen if request_id in known}
    assert seen <= admitted.keys(), f"{len(seen - admitted.keys())} went on without a record"
    assert all(count == 1 for count in admitted.values())
    # What is said to have gone on did: no answer came too late without that being told.
    assert {request_id for request_id in admitted if request_id in known} == seen
    logs.close()
