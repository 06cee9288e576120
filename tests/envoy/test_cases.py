"""Every case again, in a real proxy: over HTTP/1.1 and HTTP/2, in both ways of holding. All calls of a way are made first, since
records come in batches; then each is looked at."""

import collections
import dataclasses

import pytest

import clients
import local
from conftest import HOLDS, OLD, Fresh, assert_refused, cases, envoy, is_grpc, load, policy_for, publish, split
import keys

ALL = cases()
# The older Envoy is one where both ways of holding exist, and nothing else of what 1.40 brought.
WAYS = [(version, hold, client) for version in ("1.40.0", OLD) for hold in HOLDS for client in clients.BOTH]


@dataclasses.dataclass
class Run:
    sink: object
    calls: dict


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: f"{way[0]}-{way[1]}-{way[2].name}")
def run(request, start, upstream, sink, pki):
    """All cases made in one way. One Envoy per policy."""
    version, hold, client = request.param
    proxies, calls = {}, {}
    for path, case in ALL:
        place = policy_for(path.parent)
        if place not in proxies:
            policy = load(place)
            proxies[place] = (start(keys.with_our_keys(policy), binary=envoy(version), hold=hold, logs=sink, pki=pki), Fresh(policy))
        proxy, fresh = proxies[place]
        calls[path] = (proxy, send(proxy, client, case, fresh, pki))
    yield Run(sink, calls)
    for proxy, _ in proxies.values():
        proxy.check_alive()


def send(proxy, client, case, fresh, pki):
    call = case["call"]
    headers, body = fresh(case)
    # HTTP/1.1 cannot say `te` twice, and a length is the client's to send.
    headers = [(name, value) for name, value in headers if name not in ("te", "content-length")]
    peer = call.get("peer")
    where = {"port": proxy.tls_port, "tls": pki.peer(peer)} if peer else {}
    # Two parts, late: a proxy that lets the headers go ahead has time to.
    return publish(proxy, client, method=call["method"], authority=call["authority"], path=call["path"], headers=headers,
                   parts=split(body), **where)


@pytest.mark.parametrize("path, case", ALL, ids=[case["name"] for _, case in ALL])
def test_the_verdict_in_the_proxy_is_the_one_expected(path, case, run, upstream):
    proxy, call = run.calls[path]
    expect = case["expect"]
    if expect["verdict"] == "refuse" and is_grpc(case):
        assert_refused_in_grpc(call, upstream, expect["code"], expect["httpStatus"])
    elif expect["verdict"] == "refuse":
        assert_refused(call, upstream, expect["code"], expect["httpStatus"])
    else:
        assert call.response.status == 200, call.response
        seen = upstream.one(call.id)
        assert seen.body == call.body
        assert seen.header("authorization") == []
        assert len(seen.header("x-eventguard-publisher")) == 1
    check_records(run, proxy, call, expect)


def test_the_statistics_count_what_the_cases_expect(run):
    """Each event of each call, with the call's verdict and its own code."""
    expected = collections.defaultdict(collections.Counter)
    for path, case in ALL:
        proxy, call = run.calls[path]
        verdict, code = case["expect"]["verdict"], case["expect"].get("code", "none")
        records = run.sink.wait(call.id, count_of(run, call))
        for record in records:
            # In a batch that is refused there may be events with which nothing is wrong.
            own = code if len(records) == 1 else record.get("code", "none")
            expected[proxy][verdict, own] += 1
    for proxy, counted in expected.items():
        found = collections.Counter()
        for name, labels, value in proxy.prometheus():
            if name == "eventguard_events_total":
                found[labels["verdict"], labels["code"]] += value
        assert found == counted


def count_of(run, call):
    """How many records the call has: the first one says so."""
    return max(1, local.wait_until(lambda: run.sink.of(call.id), 6, f"records of {call.id}")[0]["count"])


# What a status of HTTP is in gRPC; what is not to be decompressed is UNIMPLEMENTED (12).
GRPC_STATUS = {400: "3", 401: "16", 403: "7", 413: "8", 415: "3", 422: "3"}


def assert_refused_in_grpc(call, upstream, code, status):
    """The answer has the status of gRPC and the code, also of gRPC-Web, and not a byte went to the upstream."""
    response = call.response
    assert response.status == 200, response
    assert response.header("grpc-status") == ("12" if code == "call.encoding" else GRPC_STATUS[status]), response
    assert response.header("grpc-message").startswith(code), response
    assert upstream.saw_nothing_of(call.id)


def check_records(run, proxy, call, expect):
    """One record per event, or one of the call where no event was read, each with the call's verdict; and the access log has it."""
    wanted = expect.get("events", [])
    def are_there():
        # The records of one call may leave in two batches: the first says how many there are.
        found = run.sink.of(call.id)
        return found and len(found) >= max(len(wanted), found[0]["count"])

    local.wait_until(are_there, 6, f"records of {call.id}")
    records = run.sink.of(call.id)
    assert len(records) == records[0]["count"] or records[0]["count"] == 0, records
    assert {record["verdict"] for record in records} == {expect["verdict"]}
    if "code" in expect:
        assert expect["code"] in {record["code"] for record in records}
    for event, record in zip(wanted, sorted(records, key=lambda record: record.get("index", 0))):
        for key in ("type", "id", "topic"):
            assert key not in event or record[key] == event[key], record
    logged = proxy.logged(call.id)
    assert f'"verdict":"{expect["verdict"]}"' in logged and expect.get("code", "") in logged
