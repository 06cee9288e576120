"""What Envoy's own statistics say: counters with tags, and the names that they have without."""

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

import pytest

import clients
import local
import proxy as proxies
from conftest import ROOT, STRUCTURED, bearer, cart_event, publish, reference_policy

MONITORING = ROOT / "envoy/monitoring"


def documented():
    """The metrics of the README's table: name, kind, labels. Those of key sets are where one is fetched: see test_keysets.py."""
    rows = re.findall(r"^\| `(eventguard_\w+)` \| (\w+) \| (.*?) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    return [(name, kind, set(re.findall(r"\w+", labels))) for name, kind, labels in rows if not name.startswith("eventguard_key_set_")]


def counters(proxy, name, **labels):
    """The sum of the samples of this name that carry these labels."""
    return sum(value for sample, found, value in proxy.prometheus() if sample == name and labels.items() <= found.items())


def test_events_are_counted_by_verdict_code_route_and_type(start_once, sink):
    proxy = start_once(logs=sink)
    batch = b"[" + cart_event("1") + b"," + cart_event("2") + b"," + cart_event("3") + b"]"
    for _ in range(2):
        publish(proxy, clients.H1)
    publish(proxy, clients.H1, headers=[("content-type", "application/cloudevents-batch+json"), bearer()], body=batch)
    publish(proxy, clients.H1, headers=[STRUCTURED])
    publish(proxy, clients.H1, body=cart_event(event_type="com.shop.unknown"))
    publish(proxy, clients.H1, body=cart_event(event_type="com.shop.other"))
    publish(proxy, clients.H1, path="/elsewhere")

    def count(**labels):
        return counters(proxy, "eventguard_events_total", **labels)

    local.wait_until(lambda: count() == 9, 5, "nine events counted")
    assert count(verdict="admit", route="cloudevents", type="com.shop.cart.*") == 5
    assert count(verdict="refuse", code="token.missing", route="cloudevents") == 1
    # What outside puts into a type never becomes a series of its own.
    assert count(verdict="refuse", code="rule.unknown-type", type="other") == 2
    assert count(verdict="refuse", code="route.unmatched") == 1
    assert {"verdict", "code", "route", "type"} <= set(next(labels for name, labels, _ in proxy.prometheus() if name == "eventguard_events_total"))


def test_a_verified_token_is_a_hit_the_next_time(start_once, sink):
    proxy = start_once(logs=sink)
    token = bearer()
    for _ in range(5):
        publish(proxy, clients.H1, headers=[STRUCTURED, token])
    local.wait_until(lambda: counters(proxy, "eventguard_token_cache_hits_total") == 4, 5, "four hits")
    assert counters(proxy, "eventguard_token_cache_misses_total") == 1


def test_records_sent_are_counted_and_none_is_left_in_the_queue(start_once, sink):
    proxy = start_once(logs=sink)
    calls = [publish(proxy, clients.H1) for _ in range(10)]
    for call in calls:
        sink.wait(call.id)
    local.wait_until(lambda: counters(proxy, "eventguard_audit_sent_total") == 10, 5, "ten records sent")
    assert counters(proxy, "eventguard_audit_dropped_total") == 0
    assert counters(proxy, "eventguard_audit_queued") == 0


def test_time_spent_is_a_histogram(start_once):
    proxy = start_once()
    for _ in range(3):
        publish(proxy, clients.H1)
    # Histograms are merged every five seconds.
    local.wait_until(lambda: counters(proxy, "eventguard_call_microseconds_count") == 3, 12, "three calls timed")
    whole = counters(proxy, "eventguard_call_microseconds_sum")
    assert 0 < whole < 3e5
    stages = [counters(proxy, "eventguard_stage_microseconds_sum", stage=stage) for stage in ("head", "body", "record")]
    assert [counters(proxy, "eventguard_stage_microseconds_count", stage=stage) for stage in ("head", "body", "record")] == [3, 3, 3]
    # Envoy takes the middle of a bucket for each value.
    assert all(stages) and sum(stages) < 1.2 * whole


def test_what_waits_for_the_log_cluster_is_weighed(start_once, sink):
    proxy = start_once({**reference_policy(), "audit": {"cluster": "logs", "queue": {"bytes": "1MiB"}}}, logs=sink)
    sink.mode = 503
    try:
        calls = [publish(proxy, clients.H1) for _ in range(5)]
        local.wait_until(lambda: counters(proxy, "eventguard_audit_queued") == 5, 5, "five records that wait")
        assert 5 * 800 < counters(proxy, "eventguard_audit_queue_bytes") < 5 * 4000
        assert counters(proxy, "eventguard_audit_queue_limit_bytes", plugin="eventguard") == 1 << 20
    finally:
        sink.mode = "ok"
    for call in calls:
        sink.wait(call.id, seconds=10)
    local.wait_until(lambda: counters(proxy, "eventguard_audit_queue_bytes") == 0, 5, "an empty queue")
    # The chain has one more: its start.
    assert counters(proxy, "eventguard_audit_chained_total") == 6


def test_without_the_regexes_the_flat_names_are_there(start_once, sink):
    proxy = start_once(tags=False, logs=sink)
    publish(proxy, clients.H1)
    names = proxy.stats("eventguard_events_total")
    assert any("verdict=.=admit" in name for name in names), names


def test_events_are_counted_by_verdict_without_tags_too(start_once, sink):
    policy = reference_policy()
    next(rule for rule in policy["events"] if rule["type"] == "com.shop.cart.*")["mode"] = "observe"
    proxy = start_once(policy, tags=False, logs=sink)
    batch = b"[" + cart_event("1") + b"," + cart_event("2") + b"]"
    publish(proxy, clients.H1, headers=[("content-type", "application/cloudevents-batch+json"), bearer()], body=batch)
    publish(proxy, clients.H1, path="/events/orders")
    publish(proxy, clients.H1, headers=[STRUCTURED])
    local.wait_until(lambda: totals(proxy) == (2, 1, 1), 5, "two events admitted, one observed, one call refused")


def totals(proxy):
    return tuple(counters(proxy, f"eventguard_{verdict}_total") for verdict in ("admitted", "observed", "refused"))


def test_a_type_that_tries_to_forge_a_label_is_only_other(start_once, client, sink):
    proxy = start_once(logs=sink)
    publish(proxy, client, body=cart_event(event_type="a;.;verdict=.=admit;.;"))
    assert counters(proxy, "eventguard_events_total", verdict="refuse", type="other") == 1
    assert counters(proxy, "eventguard_events_total", verdict="admit") == 0


def everything():
    """A policy with all that there is to count: a shadow that would let nothing pass, and a chain that is signed."""
    return {**reference_policy(), "shadow": {"events": [{"type": "com.shop.none", "publishers": [{"issuer": "shop"}]}]},
            "audit": {"cluster": "logs", "checkpoint": {"records": 1, "key": {"env": "AUDIT_KEY"}}}}


@pytest.fixture(scope="session")
def audit_key():
    printed = subprocess.run([local.COMMAND, "keygen", "--kid", "audit-1"], check=True, capture_output=True, text=True).stdout
    return {"AUDIT_KEY": json.dumps(json.loads(printed)["private"])}


def test_every_documented_metric_is_there_with_its_labels_and_no_other_is(start_once, sink, audit_key):
    """Before any call only what is counted of calls is missing: counters start at 0, so that their first count is an increase."""
    proxy = start_once(everything(), logs=sink, environment=audit_key)
    found = documented()
    assert len(found) > 10

    def shown():
        return {name: set(labels) for name, labels, _ in proxy.prometheus() if name.startswith("eventguard_")}

    plain = {name for name, kind, labels in found if kind == "counter" and not labels}
    local.wait_until(lambda: plain <= shown().keys(), 5, "counters")
    assert all(counters(proxy, name) == 0 for name in plain)
    assert counters(proxy, "eventguard_audit_signed_timestamp_seconds") == 0
    publish(proxy, clients.H1)
    # Histograms are merged every five seconds.
    local.wait_until(lambda: counters(proxy, "eventguard_call_microseconds_count"), 12, "a call timed")
    series = {name + suffix: labels for name, kind, labels in found for suffix in (["_bucket", "_sum", "_count"] if kind == "histogram" else [""])}
    local.wait_until(lambda: series.keys() <= shown().keys(), 5, "all metrics")
    assert {name: labels - {"le"} for name, labels in shown().items()} == series
    local.wait_until(lambda: abs(counters(proxy, "eventguard_audit_signed_timestamp_seconds") - time.time()) < 60, 5, "a checkpoint")


def test_a_policy_says_what_of_it_refuses_nothing_and_since_when(start_once):
    policy = reference_policy()
    first, second, *others = policy["events"]
    trials = [{**first, "mode": "observe"}, {**second, "mode": "observe"}, *others]
    proxy = start_once({**policy, "events": trials}, dynamic=True, concurrency=2)

    def gauge(name):
        return counters(proxy, name, plugin="eventguard")

    local.wait_until(lambda: gauge("eventguard_rules_observe") == 2, 5, "rules that observe")
    assert gauge("eventguard_policy_observe") == 0
    loaded = gauge("eventguard_policy_loaded_timestamp_seconds")
    observing = {**proxy.policy, "mode": "observe", "events": policy["events"]}
    proxy.write_dynamic(proxy.wasm(policy=observing))
    local.wait_until(lambda: gauge("eventguard_policy_observe") == 1, 10, "the new policy")
    local.wait_until(lambda: gauge("eventguard_rules_observe") == 0, 5, "no rule observes")
    assert gauge("eventguard_policy_loaded_timestamp_seconds") >= loaded > 1.7e9


def test_the_policies_in_force_are_told_by_their_digest(start_once):
    proxy = start_once(dynamic=True, concurrency=2)

    def instances():
        return {labels["digest"]: value for name, labels, value in proxy.prometheus() if name == "eventguard_policy_instances"}

    # Those of the two workers, and the main thread's.
    local.wait_until(lambda: list(instances().values()) == [3], 5, "three instances")
    [first] = instances()
    proxy.write_dynamic(proxy.wasm(policy={**proxy.policy, "mode": "observe"}))
    local.wait_until(lambda: sorted(instances().values()) == [0, 3], 15, "the new policy in the place of the old one")
    assert instances()[first] == 0 and all(len(digest) == 64 for digest in instances())


def test_a_policy_that_is_not_taken_is_counted_once(start_once):
    proxy = start_once(dynamic=True, concurrency=2)
    local.wait_until(lambda: any(name == "eventguard_policy_refused_total" for name, _, _ in proxy.prometheus()), 5, "the counter")
    assert counters(proxy, "eventguard_policy_refused_total") == 0
    proxy.write_dynamic(proxy.wasm(configuration=proxies.string_value('{"version": 1}')))
    local.wait_until(lambda: counters(proxy, "eventguard_policy_refused_total"), 10, "a policy refused")
    assert counters(proxy, "eventguard_policy_refused_total") == 1


def test_tokens_that_are_remembered_are_counted_and_forgotten_with_their_policy(start_once):
    proxy = start_once(dynamic=True)
    for number in range(3):
        publish(proxy, clients.H1, headers=[STRUCTURED, bearer(jti=str(number))])
    local.wait_until(lambda: counters(proxy, "eventguard_token_cache_entries") == 3, 5, "three tokens")
    proxy.write_dynamic(proxy.wasm(policy={**proxy.policy, "mode": "observe"}))
    local.wait_until(lambda: counters(proxy, "eventguard_token_cache_entries") == 0, 15, "no tokens")


def test_prometheus_takes_what_is_shipped(start_once, sink, tmp_path, audit_key):
    """A real one scrapes with the configuration that is shipped, and knows every metric that the rules and the dashboard ask for."""
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is not on the path (Debian and Ubuntu: apt install prometheus)")
    proxy = start_once(everything(), logs=sink, environment=audit_key)
    publish(proxy, clients.H1)
    port = local.free_port()
    config = (MONITORING / "prometheus.yaml").read_text()
    for shipped, tried in [("127.0.0.1:9901", f"127.0.0.1:{proxy.admin_port}"), ("15s", "200ms"), ("alerts.yaml", str(MONITORING / "alerts.yaml"))]:
        assert shipped in config
        config = config.replace(shipped, tried)
    (tmp_path / "prometheus.yaml").write_text(config)
    server = local.Process(["prometheus", f"--config.file={tmp_path}/prometheus.yaml", f"--storage.tsdb.path={tmp_path}/data",
                            f"--web.listen-address=127.0.0.1:{port}"], tmp_path / "prometheus.log")

    def ask(path, **parameters):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=5) as answer:
                return json.load(answer)["data"]
        except OSError:
            server.check_alive()
            return None

    try:
        names = {name + ("_bucket" if kind == "histogram" else "") for name, kind, _ in documented()}
        local.wait_until(lambda: names <= set(ask("label/__name__/values") or []), 20, "every metric scraped")
        stored = ask("label/__name__/values")
        assert all(name.startswith(("eventguard_", "up", "scrape_", "ALERTS")) for name in stored), stored
        health = [rule["health"] for group in ask("rules")["groups"] for rule in group["rules"]]
        assert len(health) > 10 and "err" not in health
        admitted = ask("query", query='eventguard_events_total{verdict="admit", route="cloudevents", type="com.shop.cart.*"}')["result"]
        assert [float(sample["value"][1]) for sample in admitted] == [1]
    finally:
        server.stop()
