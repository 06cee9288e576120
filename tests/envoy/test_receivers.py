"""Receivers that somebody else wrote, between the proxy and what keeps the records: what arrives is a chain that verifies."""

import json
import subprocess
import time

import pytest

import clients
import local
import rotel
from access_log import OTLP, Logging, calls, logger
from conftest import STRUCTURED, publish, reference_policy
from local import flatten, wait_until
from log_cluster import LogCluster


@pytest.fixture
def cluster(tmp_path):
    with_end = LogCluster(tmp_path)
    yield with_end
    with_end.stop()


@pytest.fixture
def agent(cluster, tmp_path):
    if rotel.get() is None:
        pytest.skip("Rotel, a package of PyPI, could not be installed for this Python")
    with_end = rotel.Rotel(tmp_path, cluster.port)
    yield with_end
    with_end.stop()


def records(directory):
    path = directory / "records.ndjson"
    return [flatten(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(directory, sent, seconds=20):
    """Until every call has its record, and one only."""
    wanted = sorted(call.id for call in sent)
    wait_until(lambda: sorted(set(record["requestId"] for record in records(directory) if record.get("verdict"))) == wanted, seconds, "every record")
    time.sleep(1)
    assert sorted(record["requestId"] for record in records(directory) if record.get("verdict")) == wanted


def test_records_go_through_an_agent_that_ends_and_comes_back_and_their_chains_verify(start_once, cluster, agent, tmp_path):
    pair = json.loads(subprocess.run([local.COMMAND, "keygen", "--kid", "audit-1"], check=True, capture_output=True, text=True).stdout)
    key = tmp_path / "key.json"
    key.write_text(json.dumps(pair["public"]))
    checkpoint = {"records": 10, "interval": "1s", "key": {"env": "AUDIT_KEY"}}
    policy = {**reference_policy(), "audit": {"cluster": "agent", "batch": {"records": 5, "interval": "100ms"}, "checkpoint": checkpoint}}
    proxy = start_once(policy, clusters={"agent": agent.http}, concurrency=2, environment={"AUDIT_KEY": json.dumps(pair["private"])})
    sent = [publish(proxy, clients.H1, before_body=0) for _ in range(20)]
    sent += [publish(proxy, clients.H1, headers=[STRUCTURED]) for _ in range(5)]
    wait_for(tmp_path, sent)
    agent.stop()
    sent += [publish(proxy, clients.H1, before_body=0) for _ in range(20)]
    time.sleep(1.5)
    again = rotel.Rotel(tmp_path, cluster.port, agent.http, agent.grpc)
    try:
        wait_for(tmp_path, sent)
    finally:
        again.stop()
    done = subprocess.run([local.COMMAND, "audit", "verify", "--json", "--key", key, tmp_path / "records.ndjson"], capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert (done.returncode, report["wrong"]) == (0, 0), report
    assert sum(chain["records"] for chain in report["chains"]) == len(records(tmp_path)) >= len(sent)
    assert all(chain["checkpoints"] and not chain["lost"] and not chain["dropped"] for chain in report["chains"]), report


def test_what_envoy_s_own_logger_sends_an_agent_is_a_record_to_the_sink(binary, upstream, agent, tmp_path):
    proxy = Logging(binary, tmp_path, upstream, {"otlp": agent.grpc}, loggers=[logger(OTLP)])
    try:
        sent = calls(proxy)
        wait_until(lambda: len(records(tmp_path)) >= 4, 10, "four records")
        found = records(tmp_path)
        assert sorted((record["verdict"], record.get("code")) for record in found) == [("admit", None)] * 3 + [("refuse", "rule.unknown-type")]
        assert {record["requestId"] for record in found} == {call.id for call in sent.values()}
    finally:
        proxy.envoy.stop()
