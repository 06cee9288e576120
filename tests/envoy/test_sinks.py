"""Log clusters of every kind: through failures each record of some calls arrives exactly once, and what is read back from them, with the
programs of the README, is a chain that verifies."""

import json
import re
import subprocess
import time

import grpc
import jq
import pytest

import clients
import local
import stores
from conftest import ROOT, publish, reference_policy
from test_stats import counters

KINDS = [stores.Lines, stores.CloudEvents, stores.Loki, stores.Elasticsearch, stores.Otlp, stores.OtlpGrpc]
# A status that says that it is busy, and one that it is broken.
BUSY = {stores.OtlpGrpc: grpc.StatusCode.RESOURCE_EXHAUSTED}
BROKEN = {stores.OtlpGrpc: grpc.StatusCode.UNAVAILABLE}
# The programs that make lines of what a kind gives back.
PROGRAMS = dict(re.findall(r"^jq -r '([^']+)' +# ([a-z]+)$", (ROOT / "README.md").read_text(), re.M))
PROGRAMS = {kind: program for program, kind in PROGRAMS.items()}


@pytest.fixture
def store(request):
    with_end = request.param()
    yield with_end
    with_end.close()


def started(start, store, **audit):
    policy = reference_policy()
    policy["audit"] = {"cluster": "logs", "batch": {"records": 10, "interval": "100ms"}, **store.settings(), **audit}
    return start(policy, logs=store, environment={"LOGS_KEY": stores.Elasticsearch.KEY})


def lines(store):
    """What the store gives back, as lines of records."""
    found = store.found()
    program = PROGRAMS.get(store.KIND)
    return jq.compile(program).input_text(found).all() if program else found.splitlines()


def request_ids(store):
    records = [json.loads(line) for line in lines(store)]
    return [record["api"]["request"]["uid"] for record in records if record["metadata"]["event_code"] == "verdict"]


def settle(store, calls, seconds=40):
    """Every call has its record, and each record came once."""
    wanted = sorted(call.id for call in calls)
    local.wait_until(lambda: set(wanted) <= set(request_ids(store)), seconds, "all records")
    time.sleep(1.5)
    assert sorted(request_ids(store)) == wanted


def verify(directory, store):
    """What `eventguard audit verify` finds in what the store gives back."""
    path = directory / "records.ndjson"
    path.write_text("".join(line + "\n" for line in lines(store)))
    done = subprocess.run([local.COMMAND, "audit", "verify", "--json", path], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done
    return json.loads(done.stdout)


def calls_of(proxy, count):
    return [publish(proxy, clients.H1, before_body=0) for _ in range(count)]


@pytest.mark.parametrize("store", KINDS, indirect=True, ids=lambda kind: kind.KIND)
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_each_record_arrives_once_through_failures_and_the_chain_verifies(start_once, store, compression, tmp_path):
    proxy = started(start_once, store, compression=compression)
    calls = calls_of(proxy, 15)
    settle(store, calls)
    store.mode = BROKEN.get(type(store), 503)
    before = store.attempts
    calls += calls_of(proxy, 15)
    local.wait_until(lambda: store.attempts > before + 1, 20, "a second attempt")
    store.retry_after = 3
    store.mode = BUSY.get(type(store), 429)
    before = store.attempts
    local.wait_until(lambda: store.attempts > before, 20, "another attempt")
    asked, before = time.monotonic(), store.attempts
    store.mode = "ok"
    local.wait_until(lambda: store.attempts > before, 20, "the attempt that it asked for")
    assert time.monotonic() - asked > 2
    calls += calls_of(proxy, 15)
    settle(store, calls)
    report = verify(tmp_path, store)
    assert report["wrong"] == 0 and sum(chain["records"] for chain in report["chains"]) == len(lines(store)), report
    assert counters(proxy, "eventguard_audit_dropped_total") == 0
    assert counters(proxy, "eventguard_audit_sent_total") == len(calls)


@pytest.mark.parametrize("store", [kind for kind in KINDS if kind is not stores.OtlpGrpc], indirect=True, ids=lambda kind: kind.KIND)
def test_what_is_compressed_is_smaller_and_says_so(start_once, store):
    proxy = started(start_once, store, compression="gzip")
    settle(store, calls_of(proxy, 20))
    assert all(headers["content-encoding"] == "gzip" for _, headers in store.requests)
    sizes = [int(headers["content-length"]) for _, headers in store.requests]
    assert sum(sizes) < len(store.found()) / 2, sizes


@pytest.mark.parametrize("store", [stores.OtlpGrpc], indirect=True)
def test_a_compressed_message_is_smaller_over_grpc(start_once, store):
    proxy = started(start_once, store, compression="gzip")
    settle(store, calls_of(proxy, 20))
    sent = counters(proxy, "envoy_cluster_upstream_cx_tx_bytes_total", envoy_cluster_name="logs")
    assert 0 < sent < len(store.found()) / 2


@pytest.mark.parametrize("store", [stores.Loki, stores.Elasticsearch], indirect=True, ids=lambda kind: kind.KIND)
def test_a_batch_whose_answer_is_lost_is_stored_once(start_once, store, tmp_path):
    """These know a record that they have. The answer comes after the time that the policy gives it."""
    proxy = started(start_once, store, timeout="500ms")
    store.mode, store.delay = "slow", 1.0
    calls = calls_of(proxy, 12)
    local.wait_until(lambda: store.attempts > 2, 20, "a second attempt")
    store.mode = "ok"
    settle(store, calls)
    assert verify(tmp_path, store)["wrong"] == 0
    assert counters(proxy, "eventguard_audit_dropped_total") == 0


@pytest.mark.parametrize("store", [stores.Elasticsearch], indirect=True)
def test_what_elasticsearch_could_not_index_alone_is_sent_again(start_once, store, tmp_path):
    proxy = started(start_once, store)
    failures = {429: 2, 503: 3, 500: 5}
    tried = {}

    def outcome(name, _):
        tried[name] = tried.get(name, 0) + 1
        number = int(name.rsplit("-", 1)[1])
        return next((status for status, every in failures.items() if number % every == 0 and tried[name] == 1), 201)

    store.outcome = outcome
    calls = calls_of(proxy, 30)
    settle(store, calls)
    assert store.conflicts == 0 and max(tried.values()) == 2 and min(tried.values()) == 1
    assert verify(tmp_path, store)["wrong"] == 0
    assert counters(proxy, "eventguard_audit_dropped_total") == 0


@pytest.mark.parametrize("store", [stores.Elasticsearch], indirect=True)
def test_what_elasticsearch_will_not_have_is_counted_and_told_in_the_chain(start_once, store, tmp_path):
    proxy = started(start_once, store)
    settle(store, calls_of(proxy, 1))
    refused = set()

    def outcome(name, _):
        if len(refused) < 3:
            refused.add(name)
        return 400 if name in refused else 201

    store.outcome = outcome
    calls = calls_of(proxy, 10)
    local.wait_until(lambda: counters(proxy, "eventguard_audit_dropped_total") == 3, 20, "three that are dropped")
    local.wait_until(lambda: any(json.loads(line)["metadata"]["event_code"] == "gap" for line in lines(store)), 20, "the gap")
    assert len(set(request_ids(store)) & {call.id for call in calls}) == 7
    report = verify(tmp_path, store)
    assert report["wrong"] == 0, report


@pytest.mark.parametrize("store", [stores.Otlp, stores.OtlpGrpc], indirect=True, ids=lambda kind: kind.KIND)
def test_a_partial_success_is_counted_and_told_in_the_chain(start_once, store, tmp_path):
    proxy = started(start_once, store)
    settle(store, calls_of(proxy, 1))
    store.partial = 2
    calls = calls_of(proxy, 10)
    local.wait_until(lambda: counters(proxy, "eventguard_audit_dropped_total") >= 2, 20, "two that are dropped")
    store.partial = 0
    local.wait_until(lambda: any(json.loads(line)["metadata"]["event_code"] == "gap" for line in lines(store)), 20, "the gap")
    time.sleep(1.5)
    dropped = counters(proxy, "eventguard_audit_dropped_total")
    assert len(set(request_ids(store)) & {call.id for call in calls}) == 10 - dropped
    assert verify(tmp_path, store)["wrong"] == 0


@pytest.mark.parametrize("store", [stores.OtlpGrpc], indirect=True)
def test_a_receiver_that_is_full_and_does_not_say_for_how_long_gets_the_batch_no_more(start_once, store):
    proxy = started(start_once, store)
    store.mode = grpc.StatusCode.RESOURCE_EXHAUSTED
    calls_of(proxy, 1)
    local.wait_until(lambda: counters(proxy, "eventguard_audit_dropped_total") == 1, 10, "one that is dropped")
    store.mode = "ok"
    settle(store, calls_of(proxy, 3))


@pytest.mark.parametrize("store", [stores.Loki], indirect=True)
def test_labels_of_loki_say_nothing_of_callers(start_once, store):
    proxy = started(start_once, store)
    settle(store, calls_of(proxy, 3))
    refused = publish(proxy, clients.H1, path="/events/orders")
    local.wait_until(lambda: refused.id in request_ids(store), 10, "the refusal")
    names = {name for labels in store.streams for name, _ in labels}
    assert names == {"event", "level", "service_name", "verdict"}
    assert {dict(labels)["event"] for labels in store.streams} == {"start", "verdict"}
    assert len(store.streams) == 3, "the start, what was admitted, what was refused"
    metadata = [metadata for entries in store.streams.values() for _, _, metadata in entries if "eventguard_code" in metadata]
    assert [entry["eventguard_code"] for entry in metadata] == ["rule.topic"]


@pytest.mark.parametrize("store", [stores.Elasticsearch], indirect=True)
def test_a_secret_of_a_header_is_nowhere_to_be_read(start_once, store):
    proxy = started(start_once, store)
    settle(store, calls_of(proxy, 1))
    assert store.KEY not in proxy.output() and store.KEY not in store.found()


def test_a_policy_whose_header_has_no_variable_is_refused(start_once, sink):
    policy = reference_policy()
    policy["audit"] = {"cluster": "logs", "headers": {"Authorization": {"env": "NOT_THERE"}}}
    with pytest.raises(RuntimeError, match="audit.headers.Authorization.env: the environment variable `NOT_THERE` is not set"):
        start_once(policy, logs=sink)
