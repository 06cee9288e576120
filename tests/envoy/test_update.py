"""Another configuration while calls come in: accepted or refused, no call is lost, and none is judged by a policy that is not whole."""

import collections
import json
import threading
import time

import pytest

import clients
import keys
import local
import proxy as proxies
from conftest import HOLDS, STRUCTURED, assert_admitted, assert_refused, bearer, cart_event, publish, reference_policy


class Load:
    """Calls in two threads until told to end; statuses are counted."""

    def __init__(self, proxy):
        self.proxy, self.statuses, self.ended = proxy, collections.Counter(), threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(client,)) for client in clients.BOTH]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def _run(self, client):
        while not self.ended.is_set():
            try:
                self.statuses[publish(self.proxy, client, before_body=0.002).response.status] += 1
            except OSError as error:
                self.statuses[repr(error)] += 1


def admits(proxy, event_type):
    return publish(proxy, clients.H1, body=cart_event(event_type=event_type)).response.status == 200


@pytest.fixture(params=HOLDS)
def proxy(request, start_once, sink):
    return start_once(hold=request.param, dynamic=True, logs=sink, concurrency=2)


def rejected(proxy):
    return sum(value for name, value in proxy.stats("extension_config_discovery").items() if name.endswith(("update_rejected", "config_fail")))


@pytest.mark.slow
def test_a_new_policy_takes_over_without_losing_a_call(proxy, upstream, sink):
    policy = {**proxy.policy, "events": [*proxy.policy["events"], {"type": "com.shop.new", "topics": ["carts"], "publishers": [{"issuer": "shop", "subject": "cart-service"}]}]}
    assert not admits(proxy, "com.shop.new")
    with Load(proxy) as load:
        time.sleep(0.5)
        proxy.write_dynamic(proxy.wasm(policy=policy))
        local.wait_until(lambda: admits(proxy, "com.shop.new"), 10, "the new policy")
        time.sleep(0.5)
    assert set(load.statuses) == {200}, load.statuses
    assert load.statuses[200] > 50
    call = publish(proxy, clients.H2)
    assert_admitted(call, upstream)
    sink.wait(call.id)


@pytest.mark.slow
@pytest.mark.parametrize("text", ['{"version": 1, "colour": "red"}', "not json", ""], ids=["unknown-key", "not-json", "empty"])
def test_a_policy_that_is_refused_leaves_the_old_one_in_force(proxy, upstream, text):
    assert rejected(proxy) == 0
    with Load(proxy) as load:
        time.sleep(0.3)
        proxy.write_dynamic(proxy.wasm(configuration=proxies.string_value(text)))
        local.wait_until(lambda: rejected(proxy), 10, "the update refused")
        time.sleep(0.5)
    assert set(load.statuses) == {200}, load.statuses
    assert_refused(publish(proxy, clients.H1, headers=[STRUCTURED]), upstream, "token.missing", 401)
    if "colour" in text:
        assert "colour" in proxy.output()


@pytest.mark.slow
def test_a_token_that_the_old_policy_verified_means_nothing_to_the_new_one(proxy, upstream):
    """The cache of verified tokens is bound to the policy."""
    token = bearer()
    assert_admitted(publish(proxy, clients.H1, headers=[STRUCTURED, token]), upstream)
    text = json.dumps(proxy.policy)
    for jwk in proxy.policy["issuers"][0]["jwks"]["inline"]["keys"]:
        if jwk["kty"] == "OKP":
            text = text.replace(jwk["x"], keys.jwk_of(keys.private_for("OKP", "another"))["x"])
    proxy.write_dynamic(proxy.wasm(configuration=proxies.string_value(text)))
    local.wait_until(lambda: publish(proxy, clients.H1, headers=[STRUCTURED, token]).response.status == 401, 10, "the new keys")
    for _ in range(20):
        assert_refused(publish(proxy, clients.H1, headers=[STRUCTURED, token]), upstream, "token.signature", 401)


@pytest.mark.slow
def test_records_that_wait_when_the_policy_changes_still_arrive(proxy, sink):
    """Many updates in a row, a record waiting at each."""
    calls = []
    for index in range(5):
        calls += [publish(proxy, clients.H1) for _ in range(5)]
        proxy.write_dynamic(proxy.wasm(policy={**proxy.policy, "limits": {**proxy.policy["limits"], "events": 20 + index}}))
        time.sleep(0.3)
    arrived = local.wait_until(lambda: {call.id for call in calls} <= {record.get("requestId") for record in sink.events()}, 20, "all records")
    assert arrived
    assert all(len(sink.of(call.id)) == 1 for call in calls)
