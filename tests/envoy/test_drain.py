"""What becomes of records that wait when their policy, their module or the proxy itself ends: each arrives where the proxy grants the time,
and what is lost otherwise is what the README says."""

import collections
import json
import subprocess
import time

import pytest

import clients
import local
import proxy as proxies
from conftest import cart_event, publish, reference_policy
from sink import Sink
from test_stats import counters

# A log cluster that is known to be away is not even dialled: Envoy refuses to send at once.
CHECKED = {"health_checks": [{"timeout": "0.2s", "interval": "0.2s", "no_traffic_interval": "0.2s", "unhealthy_threshold": 1,
                              "healthy_threshold": 1, "tcp_health_check": {}}],
           "common_lb_config": {"healthy_panic_threshold": {"value": 0}}}
# One request, and the connection ends.
CLOSING = {"typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": proxies.typed(
    "upstreams.http.v3.HttpProtocolOptions", explicit_http_config={"http_protocol_options": {}},
    common_http_protocol_options={"max_requests_per_connection": 1})}}
NEW = {"type": "com.shop.new", "topics": ["carts"], "publishers": [{"issuer": "shop", "subject": "cart-service"}]}


# Records that wait for two others.
BY_THREE = {**reference_policy(), "audit": {"cluster": "logs", "batch": {"records": 3, "interval": "60s"}}}


@pytest.fixture
def logs():
    with_end = Sink()
    yield with_end
    with_end.close()


def chains(logs):
    """What each chain tells, by its id."""
    found = collections.defaultdict(list)
    for line in dict.fromkeys(logs.lines()):
        record = json.loads(line)
        found[record["attestation_list"][0]["chain_uid"]].append(record["metadata"]["event_code"])
    return found


def verify(logs, directory):
    (directory / "records.ndjson").write_text("".join(line + "\n" for line in dict.fromkeys(logs.lines())))
    done = subprocess.run([local.COMMAND, "audit", "verify", directory / "records.ndjson"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def another(proxy):
    """The same with another policy, which is in force when this returns."""
    proxy.write_dynamic(proxy.wasm(policy={**proxy.policy, "events": [*proxy.policy["events"], NEW]}))
    calls = []

    def is_new():
        calls.append(publish(proxy, clients.H1, body=cart_event(event_type="com.shop.new"), before_body=0))
        return calls[-1].response.status == 200
    local.wait_until(is_new, 10, "the new policy")
    return calls


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"logs": CHECKED}], ids=["nobody-answers", "nobody-is-asked"])
def test_records_outlive_their_policy_while_the_log_cluster_is_away(start_once, logs, tmp_path, settings):
    proxy = start_once(logs=logs, dynamic=True, settings=settings)
    calls = [publish(proxy, clients.H1)]
    logs.wait(calls[0].id)
    logs.away()
    if settings:
        local.wait_until(lambda: proxy.stats("cluster.logs.membership_healthy") == {"cluster.logs.membership_healthy": 0}, 5, "nobody to ask")
    calls += [publish(proxy, clients.H1) for _ in range(5)]
    calls += another(proxy)
    time.sleep(2)
    logs.back()
    local.wait_until(lambda: {call.id for call in calls} <= {record.get("requestId") for record in logs.events()}, 30, "every record")
    # The policy that is gone has ended its chain; the one in force has not.
    local.wait_until(lambda: sorted(codes[-1] for codes in chains(logs).values())[:1] == ["stop"], 10, "the end of a chain")
    assert all(codes[0] == "start" for codes in chains(logs).values())
    assert all(len(logs.of(call.id)) == 1 for call in calls)
    verify(logs, tmp_path)
    assert counters(proxy, "eventguard_audit_dropped_total") == 0
    local.wait_until(lambda: counters(proxy, "eventguard_audit_queued") == 0, 5, "an empty queue")


@pytest.mark.slow
def test_what_the_log_cluster_has_not_taken_for_a_minute_is_given_up_and_counted(start_once, logs):
    """Policies may follow one another for as long as it is away: what they leave behind does not pile up."""
    proxy = start_once(logs=logs, dynamic=True, settings={"logs": CHECKED})
    first = publish(proxy, clients.H1)
    logs.wait(first.id)
    logs.away()
    local.wait_until(lambda: proxy.stats("cluster.logs.membership_healthy") == {"cluster.logs.membership_healthy": 0}, 5, "nobody to ask")
    for _ in range(5):
        publish(proxy, clients.H1)
    later = another(proxy)
    lost = local.wait_until(lambda: counters(proxy, "eventguard_audit_dropped_total"), 75, "records given up")
    # Those of the tries by which it was seen that the new policy is in force are some of the old one's, but for the last.
    assert 5 <= lost < 5 + len(later)
    assert f"{lost:.0f} records of a policy that is gone were given up" in proxy.output()
    assert counters(proxy, "eventguard_audit_queued") == 5 + len(later) - lost
    logs.back()
    logs.wait(later[-1].id, seconds=40)
    assert list(chains(logs).values())[0] == ["start", "verdict"], "its end was given up too"


def ended(proxy):
    """The proxy is ended as an orchestrator does it."""
    proxy.stop()


def replaced(proxy):
    """The module in another VM, as where its file, its environment or the name of the VM are others."""
    def reloads():
        return sum(proxy.stats("config_reload$").values())

    before, proxy.vm_id = reloads(), "another"
    # No call looks whether it is there: its record would be one more that waits.
    proxy.write_dynamic(proxy.wasm())
    local.wait_until(lambda: reloads() > before, 10, "another module")
    # Whatever the old one could still have sent has arrived by then.
    time.sleep(1)


def chain_of(logs, call):
    """What the chain tells that has the record of this call."""
    [uid] = {json.loads(line)["attestation_list"][0]["chain_uid"] for line in logs.lines() if call.id in line}
    return chains(logs)[uid]


@pytest.mark.slow
@pytest.mark.parametrize("end", [ended, replaced])
def test_records_that_wait_may_be_lost_with_their_module_and_then_its_chain_has_no_end(start_once, logs, tmp_path, end):
    """With a log cluster that is well: what is sent last dies with the module before the proxy has a connection for it, as a rule."""
    proxy = start_once(BY_THREE, logs=logs, dynamic=True, settings={"logs": CLOSING})
    sent = [publish(proxy, clients.H1) for _ in range(3)]
    for call in sent:
        logs.wait(call.id)
    waiting = [publish(proxy, clients.H1) for _ in range(2)]
    end(proxy)
    arrived = any(logs.of(call.id) for call in waiting)
    assert chain_of(logs, sent[0]) == ["start"] + ["verdict"] * 3 + (["verdict"] * 2 + ["stop"] if arrived else [])
    # What was taken is whole. That it has no end is for whoever reads it to see.
    verify(logs, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("end", [ended, replaced])
def test_what_is_sent_last_arrives_where_a_connection_is_open(start_once, logs, tmp_path, end):
    """Nobody hears the answer."""
    proxy = start_once(BY_THREE, logs=logs, dynamic=True)
    calls = [publish(proxy, clients.H1) for _ in range(3)]
    for call in calls:
        logs.wait(call.id)
    waiting = publish(proxy, clients.H1)
    end(proxy)
    assert logs.wait(waiting.id)
    assert chain_of(logs, waiting)[-1] == "stop"
    verify(logs, tmp_path)
