"""Records on their way to the log cluster: what they hold, and that none is lost without being counted when the cluster is away,
slow, overloaded or cuts the connection."""

import hashlib
import json
import subprocess
import time

import pytest

import clients
import local
import proxy as proxies
from conftest import STRUCTURED, bearer, cart_event, publish, reference_policy
from leaks import Secrets
from test_stats import counters


@pytest.fixture
def proxy(start_once, sink):
    sink.mode, sink.retry_after = "ok", None
    yield start_once(logs=sink)
    sink.mode = "ok"


def settle(sink, calls, seconds=30):
    """Every call has its record, and each record came once."""
    local.wait_until(lambda: {call.id for call in calls} <= {record.get("requestId") for record in sink.events()}, seconds, "all records")
    time.sleep(1.5)
    for call in calls:
        assert len(sink.of(call.id)) == 1, sink.of(call.id)


def test_a_record_says_who_what_where_and_why(proxy, sink):
    call = publish(proxy, clients.H1, headers=[STRUCTURED, bearer(), ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")],
                   body=cart_event("e-77", data='{"quantity":1}'))
    record = sink.wait(call.id)[0]
    assert record["verdict"] == "admit" and record["mode"] == "enforce"
    assert (record["type"], record["id"], record["source"], record["topic"]) == ("com.shop.cart.ItemAdded", "e-77", "/shop/cart", "carts")
    assert record["publisher"] == "cart-service"
    assert (record["route"], record["protocol"], record["authority"]) == ("cloudevents", "cloudevents", "bus.shop.example")
    assert record["path_template"] == "/events/{topic}"
    assert record["data_size"] == len('{"quantity":1}')
    assert record["rule"] == "com.shop.cart.*"
    assert record["data_sha256"] == hashlib.sha256(b'{"quantity":1}').hexdigest()
    assert len(record["policy"]) == 64
    path, headers, export = sink.exports[-1]
    assert path == "/v1/logs"
    assert {name.lower(): value for name, value in headers.items()}["content-type"] == "application/x-protobuf"
    said = {attribute.key: attribute.value.string_value for attribute in export.resource_logs[0].resource.attributes}
    # The name of the node in Envoy's configuration.
    assert (said["service.name"], said["service.instance.id"]) == ("eventguard", "test")
    log = [entry for resource in export.resource_logs for scope in resource.scope_logs for entry in scope.log_records][-1]
    assert abs(log.time_unix_nano - time.time_ns()) < 60e9
    assert log.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c" and log.span_id.hex() == "b7ad6b7169203331"


def test_a_record_holds_no_token_no_payload_and_no_control_character(proxy, sink):
    token = bearer()
    secrets = Secrets.of_call(token, "do-not-tell-anybody")
    body = cart_event(event_id="a\\u001b[31m\\nb", data='{"secret":"do-not-tell-anybody"}')
    call = publish(proxy, clients.H1, headers=[STRUCTURED, token], body=body)
    sink.wait(call.id)
    for _, _, export in sink.exports:
        text = str(export)
        # protobuf's text form writes a control character as an octal escape.
        assert secrets.found_in(text) == {}
        assert not any(character in str(value) for record in sink.of(call.id) for value in record.values() for character in "\x1b\n")
    logged = proxy.logged(call.id)
    assert secrets.found_in(logged) == {} and "\x1b" not in logged


def test_what_the_log_cluster_got_is_a_chain_that_verifies(start_once, sink, tmp_path, monkeypatch):
    """Over two workers and a while in which the log cluster is overloaded; with a key, and without what was cut out."""
    sink.mode = "ok"
    pair = json.loads(subprocess.run([local.COMMAND, "keygen", "--kid", "audit-1"], check=True, capture_output=True, text=True).stdout)
    key = tmp_path / "key.json"
    key.write_text(json.dumps(pair["public"]))
    policy = reference_policy()
    checkpoint = {"records": 10, "interval": "1s", "key": {"env": "AUDIT_KEY"}}
    policy["audit"] = {"cluster": "logs", "batch": {"records": 5, "interval": "100ms"}, "checkpoint": checkpoint}
    known = len(sink.lines())
    proxy = start_once(policy, logs=sink, concurrency=2, environment={"AUDIT_KEY": json.dumps(pair["private"])})
    calls = [publish(proxy, clients.H1, before_body=0) for _ in range(30)]
    sink.mode = 503
    calls += [publish(proxy, clients.H1, before_body=0) for _ in range(30)]
    time.sleep(1)
    sink.mode = "ok"
    settle(sink, calls)
    # Every record that is not signed yet is, a second later.
    local.wait_until(lambda: sum(record.get("event") == "checkpoint" for record in sink.records) >= 2, 10, "checkpoints")
    time.sleep(1.5)
    lines = sink.lines()[known:]
    report = verify(tmp_path, lines, key)
    assert report["wrong"] == 0, report
    assert sum(chain["records"] for chain in report["chains"]) == len(lines) >= 60 + len(report["chains"])
    assert all(chain["signed"] == chain["last"] for chain in report["chains"]), report
    findings = verify(tmp_path, lines[:7] + lines[8:], key)["findings"]
    assert [finding["wrong"] for finding in findings] == ["missing"], findings


def verify(directory, lines, key):
    path = directory / "records.ndjson"
    path.write_text("".join(line + "\n" for line in lines))
    done = subprocess.run([local.COMMAND, "audit", "verify", "--json", "--key", key, path], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done
    return json.loads(done.stdout)


@pytest.mark.parametrize("when_full", ["drop-oldest", "refuse"])
def test_a_full_batch_does_not_wait_for_the_next_tick(start_once, sink, when_full):
    """More than what may wait, from one tick to the next: a log cluster that takes records gets all of them."""
    sink.mode = "ok"
    policy = reference_policy()
    policy["audit"] = {"cluster": "logs", "batch": {"records": 20}, "queue": {"records": 160}, "whenFull": when_full, "outcomes": "none"}
    proxy = start_once(policy, logs=sink)
    headers = [("content-type", "application/cloudevents-batch+json"), bearer()]
    body = b"[" + b",".join(cart_event(f"e-{number}") for number in range(20)) + b"]"
    calls = []
    while len(calls) < 20:
        calls.append(publish(proxy, clients.H1, headers=headers, body=body, before_body=0))
        time.sleep(0.015)
    assert [call.response.status for call in calls] == [200] * 20
    local.wait_until(lambda: sum(len(sink.of(call.id)) for call in calls) >= 400, 5, "all records")
    assert counters(proxy, "eventguard_audit_dropped_total") == 0


def test_a_rule_says_how_much_is_recorded(start_once, sink):
    sink.mode = "ok"
    policy = reference_policy()
    policy["audit"] = {"cluster": "logs", "batch": {"interval": "100ms"}, "sample": 3}
    levels = {"com.shop.cart.*": {"level": "metadata"}, "ItemAddedToCart": {"level": "none"}}
    for rule in policy["events"]:
        rule.update({"audit": levels[rule["type"]]} if rule["type"] in levels else {})
    proxy = start_once(policy, logs=sink)
    calls = [publish(proxy, clients.H1, before_body=0) for _ in range(90)]
    refused = [publish(proxy, clients.H1, path="/events/orders", before_body=0) for _ in range(5)]
    for call in refused:
        assert "data_sha256" not in sink.wait(call.id)[0]
    kept = [record for call in calls for record in sink.of(call.id)]
    # A third of 90, give or take five standard deviations.
    assert 8 <= len(kept) <= 52, len(kept)
    assert all(record["sample"] == 3 and "data_sha256" not in record for record in kept)
    none = [publish(proxy, clients.H1, headers=[STRUCTURED, bearer("order-service")], body=cart_event(event_type="ItemAddedToCart"))
            for _ in range(3)]
    last = publish(proxy, clients.H1, path="/events/orders")
    sink.wait(last.id)
    assert [sink.of(call.id) for call in none] == [[], [], []] and all(call.response.status == 200 for call in none)


def test_an_admitted_event_that_the_upstream_did_not_take_is_told(proxy, sink):
    """In a record of its own, which names the first; where it was taken nothing more is told."""
    taken = publish(proxy, clients.H1)
    call = publish(proxy, clients.H1, headers=[STRUCTURED, bearer(), ("x-answer-with", "503")])
    assert call.response.status == 503
    first = sink.wait(call.id)[0]
    told = local.wait_until(lambda: ended(sink, call), 6, "the outcome")
    assert [(record["event"], record["status"], record["correlation"], record["count"]) for record in told] == [("outcome", 503, first["uid"], 1)]
    assert told[0]["detail"] == "via_upstream"
    assert ended(sink, taken) == []


def test_a_call_that_another_filter_refused_is_told(start_once, sink):
    sink.mode = "ok"
    deny = proxies.typed("filters.http.rbac.v3.RBAC", rules={"action": "DENY", "policies": {"all": {
        "permissions": [{"header": {"name": "x-deny", "present_match": True}}], "principals": [{"any": True}]}}})
    proxy = start_once(logs=sink, before=[{"name": "envoy.filters.http.rbac", "typed_config": deny}])
    call = publish(proxy, clients.H1, headers=[STRUCTURED, bearer(), ("x-deny", "1")])
    assert call.response.status == 403
    told = local.wait_until(lambda: ended(sink, call), 6, "the refusal of another filter")
    assert [(record["event"], record["status"], record["authority"]) for record in told] == [("refused-before", 403, "bus.shop.example")]
    assert told[0]["detail"].startswith("rbac_access_denied")
    refused = publish(proxy, clients.H1, headers=[STRUCTURED])
    sink.wait(refused.id)
    time.sleep(1.5)
    assert ended(sink, refused) == [] and sink.of(call.id) == []


def ended(sink, call):
    return [record for record in sink.records if record.get("requestId") == call.id and record["event"] != "verdict"]


def test_long_names_are_cut(proxy, sink):
    call = publish(proxy, clients.H1, body=cart_event(event_id="x" * 20000))
    record = sink.wait(call.id)[0]
    assert len(record["id"]) < 1000


def test_a_batch_has_one_record_per_event(proxy, sink):
    batch = b"[" + cart_event("1") + b"," + cart_event("2", event_type="com.shop.unknown") + b"]"
    call = publish(proxy, clients.H1, headers=[("content-type", "application/cloudevents-batch+json"), bearer()], body=batch)
    first, second = sorted(sink.wait(call.id, 2), key=lambda record: record["index"])
    assert (first["id"], first["verdict"], second["id"], second["code"]) == ("1", "refuse", "2", "rule.unknown-type")


@pytest.mark.slow
def test_the_log_cluster_goes_away_and_comes_back_and_each_record_arrives_once(proxy, sink):
    calls = [publish(proxy, clients.H1) for _ in range(5)]
    settle(sink, calls)
    sink.away()
    calls += [publish(proxy, clients.H1) for _ in range(30)]
    time.sleep(2.5)
    calls += [publish(proxy, clients.H1, headers=[STRUCTURED]) for _ in range(10)]
    sink.back()
    calls += [publish(proxy, clients.H1) for _ in range(5)]
    settle(sink, calls)
    assert counters(proxy, "eventguard_audit_dropped_total") == 0


@pytest.mark.slow
@pytest.mark.parametrize("mode", [429, 502, 503, 504, "cut"])
def test_a_log_cluster_that_refuses_for_a_while_gets_each_record_once(proxy, sink, mode):
    sink.mode = mode
    before = sink.attempts
    calls = [publish(proxy, clients.H1) for _ in range(20)]
    local.wait_until(lambda: sink.attempts > before + 1, 20, "a second attempt")
    sink.mode = "ok"
    settle(sink, calls)
    assert counters(proxy, "eventguard_audit_dropped_total") == 0


@pytest.mark.slow
def test_a_log_cluster_that_asks_to_wait_is_not_hammered(proxy, sink):
    sink.mode, sink.retry_after = 429, 4
    before = sink.attempts
    calls = [publish(proxy, clients.H1)]
    local.wait_until(lambda: sink.attempts > before, 10, "a first attempt")
    time.sleep(3)
    assert sink.attempts == before + 1
    sink.mode = "ok"
    settle(sink, calls)


@pytest.mark.slow
def test_a_slow_log_cluster_slows_no_call(proxy, sink):
    sink.mode, sink.delay = "slow", 2.0
    begin = time.monotonic()
    calls = [publish(proxy, clients.H1, before_body=0) for _ in range(100)]
    assert time.monotonic() - begin < 5
    settle(sink, calls)


@pytest.mark.parametrize("mode", [400, 401, 500])
def test_a_batch_that_the_log_cluster_will_never_take_is_dropped_counted_and_told(proxy, sink, mode):
    """Only 429, 502, 503 and 504 ask for the batch again (OTLP/HTTP, "Failures")."""
    sink.mode, known = mode, len(sink.records)
    call = publish(proxy, clients.H1)
    local.wait_until(lambda: counters(proxy, "eventguard_audit_dropped_total") == 1, 10, "a drop counted")
    sink.mode = "ok"
    after = publish(proxy, clients.H1)
    sink.wait(after.id)
    assert sink.of(call.id) == []
    # The stream tells of its own gap.
    local.wait_until(lambda: any(record.get("dropped") for record in sink.records[known:]), 10, "a record of the drop")


@pytest.mark.slow
def test_what_does_not_fit_the_queue_is_dropped_and_told(start_once, sink):
    sink.mode = "ok"
    policy = reference_policy()
    policy["audit"] = {"cluster": "logs", "batch": {"records": 10}, "queue": {"records": 20}}
    proxy = start_once(policy, logs=sink)
    sink.away()
    calls = [publish(proxy, clients.H1, before_body=0) for _ in range(60)]
    time.sleep(1)
    known = len(sink.records)
    sink.back()

    def told():
        with sink.lock:
            new = sink.records[known:]
        arrived = {record["requestId"] for record in new if record.get("verdict") and record.get("requestId") in {call.id for call in calls}}
        return len(arrived) + max([record.get("total", 0) for record in new] or [0])

    local.wait_until(lambda: told() >= 60, 30, "60 records arrived or told as dropped")
    assert told() == 60
    assert counters(proxy, "eventguard_audit_dropped_total") >= 38


def test_a_log_cluster_that_envoy_does_not_know_harms_no_call(start_once, upstream):
    policy = reference_policy()
    policy["audit"] = {"cluster": "nowhere"}
    proxy = start_once(policy)
    for _ in range(3):
        assert publish(proxy, clients.H1).response.status == 200
    time.sleep(1.5)
    assert publish(proxy, clients.H2).response.status == 200
    assert '"verdict":"admit"' in proxy.access_log.read_text()
