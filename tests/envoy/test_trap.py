"""Why every manifest says FAIL_RELOAD. eventguard is written not to trap; a filter that does (trap.rs), in each of its callbacks and under
each failure policy, shows what Envoy makes of it."""

import dataclasses
import time
import uuid

import pytest

import clients
import local
import proxy as proxies
from conftest import OLD, TRAP, envoy, publish, written

POLICIES = ["unset", "FAIL_CLOSED", "FAIL_RELOAD", "FAIL_OPEN"]
IN_CALL = ["headers", "body", "trailers"]
IN_ANSWER = ["response-headers", "response-body", "response-trailers"]
PLACES = [*IN_CALL, *IN_ANSWER, "done", "log", "tick", "answer", "grpc-answer"]
# What the filter lets pass; all else it refuses.
PASS = ("x-pass", "yes")


def filter_of(policy, place):
    config = {"name": f"{policy}-{place}", "allow_on_headers_stop_iteration": True,
              "vm_config": {"vm_id": f"{policy}-{place}", "runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": str(TRAP)}}}}
    if policy != "unset":
        config["failure_policy"] = policy
    return {"name": f"{policy}-{place}", "disabled": True, "typed_config": proxies.typed("filters.http.wasm.v3.Wasm", config=config)}


def route_to(policy, place):
    on = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}}
    return {"match": {"path": f"/{policy}/{place}"}, "route": {"cluster": "upstream"}, "typed_per_filter_config": {f"{policy}-{place}": on}}


def call(proxy, filter_, *headers, **options):
    return publish(proxy, clients.H1, path="/" + "/".join(filter_), headers=list(headers), body=b"body", **options)


def half_a_call(proxy, filter_):
    """A call whose body the filter still waits for: its id and its connection."""
    connection, request_id = clients.connect(proxy.port), str(uuid.uuid4())
    connection.sendall(written(request_id, b"bo", [PASS], target="/" + "/".join(filter_), length=4))
    return request_id, connection


@dataclasses.dataclass
class Trapped:
    """What came of the calls to one filter: the one in which it trapped, the id of one that was half there then and the answer to it,
    and later ones: those that the filter would refuse, and one that it would let pass."""
    in_trap: object = None
    half: object = None
    refused: list = dataclasses.field(default_factory=list)
    passed: object = None


@pytest.fixture(scope="module", params=["1.40.0", OLD])
def trapped(request, start):
    """Every filter in one Envoy, each in a VM of its own and on a path of its own."""
    every = {(policy, place): Trapped() for policy in POLICIES for place in PLACES}
    proxy = start(binary=envoy(request.param), module=TRAP, filters=[filter_of(*one) for one in every], routes=[route_to(*one) for one in every])
    for one in every:
        assert (call(proxy, one).response.status, call(proxy, one, PASS).response.status) == (403, 200)
    halves = {one: half_a_call(proxy, one) for one in every}
    time.sleep(0.1)
    for one, found in every.items():
        found.in_trap = call(proxy, one, PASS, ("x-trap", one[1]), ("x-answer-trailer", "x-checksum: 1"), length=False, trailers=[("x-checksum", "1")])
    local.wait_until(lambda: proxy.output().count("panicked") == len(every), 5, "every filter trapped")
    for one, found in sorted(every.items(), key=lambda item: item[0][0] != "FAIL_RELOAD"):
        # Whatever shall come back has done so by the time at which the others are asked.
        until = time.monotonic() + (5 if one[0] == "FAIL_RELOAD" else 0)
        while not found.passed or found.passed.response.status != 200 and time.monotonic() < until:
            found.refused.append(call(proxy, one))
            found.passed = call(proxy, one, PASS)
        found.refused.append(call(proxy, one))
    for one, (request_id, connection) in halves.items():
        try:
            connection.sendall(b"dy")
        except OSError:
            pass
        every[one].half = (request_id, clients.Answers(connection).response())
        connection.close()
    return every


def statuses(calls):
    return {found.response.status for found in calls}


@pytest.mark.parametrize("place", IN_CALL)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_call_in_which_the_filter_traps_is_not_handed_on(trapped, upstream, policy, place):
    found = trapped[policy, place].in_trap
    assert found.response.status == 503
    assert upstream.saw_nothing_of(found.id)


@pytest.mark.parametrize("place", IN_ANSWER)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_call_in_whose_answer_the_filter_traps_was_judged_and_has_no_answer(trapped, upstream, policy, place):
    """What is on its way to the caller by then ends there."""
    found = trapped[policy, place].in_trap
    assert upstream.one(found.id).body == found.body
    answer = found.response
    assert answer.status == 503 if place == "response-headers" else answer.reset, answer


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_call_that_was_being_judged_meanwhile_is_not_handed_on(trapped, upstream, policy, place):
    request_id, response = trapped[policy, place].half
    assert response.status == 503
    assert upstream.saw_nothing_of(request_id)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("policy", ["unset", "FAIL_CLOSED"])
def test_without_a_word_and_with_fail_closed_nothing_passes_any_more(trapped, policy, place):
    found = trapped[policy, place]
    assert (statuses(found.refused), found.passed.response.status) == ({503}, 503)


@pytest.mark.parametrize("place", PLACES)
def test_with_fail_reload_nothing_passes_unjudged_and_the_filter_comes_back(trapped, upstream, place):
    found = trapped["FAIL_RELOAD", place]
    assert statuses(found.refused) <= {403, 503}
    assert (found.refused[-1].response.status, found.passed.response.status) == (403, 200)
    assert all(upstream.saw_nothing_of(refused.id) for refused in found.refused)


@pytest.mark.parametrize("place", PLACES)
def test_with_fail_open_everything_passes_unjudged_from_then_on(trapped, upstream, place):
    found = trapped["FAIL_OPEN", place]
    assert statuses(found.refused) == {200}
    assert all(upstream.one(refused.id).body == refused.body for refused in found.refused)


@dataclasses.dataclass
class Changed:
    """A filter that is given another configuration, of which it traps or not: `end`, `configure` or neither."""
    proxy: proxies.Proxy

    def judges(self):
        """What it makes of a call that it would refuse, and of one that it would let pass."""
        return tuple(publish(self.proxy, clients.H1, headers=headers).response.status for headers in ([], [PASS]))

    def to(self, configuration):
        self.proxy.write_dynamic(self.proxy.wasm(configuration=proxies.string_value(configuration)))

    def comes_to(self, statuses, seconds=5):
        """Waits until calls end so; what came of others before that."""
        seen = []

        def is_so():
            seen.append(self.judges())
            return seen[-1] == statuses
        local.wait_until(is_so, seconds, f"{statuses}")
        return seen[:-1]


@pytest.fixture
def changed(start_once):
    def start(policy, configuration, version="1.40.0"):
        proxy = start_once(binary=envoy(version), module=TRAP, hold="headers", dynamic=True, failure=policy.replace("unset", "UNSPECIFIED"),
                           configuration=proxies.string_value(configuration))
        assert Changed(proxy).judges() == (403, 200)
        return Changed(proxy)
    return start


@pytest.mark.parametrize("policy, statuses", [("unset", (503, 503)), ("FAIL_CLOSED", (503, 503)), ("FAIL_OPEN", (200, 200))])
def test_a_trap_at_the_end_of_a_configuration_is_one_of_the_next_which_has_the_same_vm(changed, policy, statuses):
    filter_ = changed(policy, "end")
    filter_.to("another")
    filter_.comes_to(statuses)
    time.sleep(2)
    assert filter_.judges() == statuses


@pytest.mark.parametrize("version", ["1.40.0", OLD])
def test_with_fail_reload_the_next_configuration_is_in_force_after_that_and_nothing_passes_meanwhile(changed, version):
    filter_ = changed("FAIL_RELOAD", "end", version)
    filter_.to("another")
    seen = filter_.comes_to((503, 503)) + filter_.comes_to((403, 200))
    assert {refused for refused, _ in seen} <= {403, 503}


@pytest.mark.parametrize("policy, version", [*((policy, "1.40.0") for policy in POLICIES), ("FAIL_RELOAD", OLD)])
def test_a_configuration_in_which_the_filter_traps_is_not_taken_whatever_the_failure_policy(changed, policy, version):
    filter_ = changed(policy, "one", version)
    filter_.to("configure")
    local.wait_until(lambda: any(value and name.endswith("update_rejected") for name, value in filter_.proxy.stats("extension_config_discovery").items()), 10, "the update refused")
    time.sleep(0.5)
    assert filter_.judges() == (403, 200)
    assert "panicked" in filter_.proxy.output()
