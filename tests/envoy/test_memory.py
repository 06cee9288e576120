"""What was published before: replay, order and rates in the proxy's shared data, over all workers."""

import concurrent.futures
import dataclasses
import datetime
import json
import random
import uuid

import pytest

import clients
import local
from conftest import HOLDS, STRUCTURED, assert_refused, bearer, publish, recording_at_once, reference_policy
from proxy import string_value
from test_stats import counters


def policy(memory=None, **rule):
    """The reference policy with a rule of its own for `com.shop.cart.Kept`."""
    ours = reference_policy()
    kept = {"type": "com.shop.cart.Kept", "publishers": [{"issuer": "shop", "subject": "cart-service"}], **rule}
    return recording_at_once({**ours, "events": [kept, *ours["events"]], **({"memory": memory} if memory else {})})


def event(event_id, source="/shop/cart", data=None, **more):
    time = datetime.datetime.now(datetime.UTC).isoformat()
    attributes = {"specversion": "1.0", "id": event_id, "source": source, "type": "com.shop.cart.Kept", "time": time, **more}
    return json.dumps({**attributes, "data": data or {"quantity": 1}}).encode()


def send(proxy, client, body, answer=None):
    headers = [STRUCTURED, bearer(), *([("x-answer-with", answer)] if answer else [])]
    return publish(proxy, client, headers=headers, body=body)


@pytest.fixture(scope="module", params=HOLDS)
def once(request, start, sink):
    routes = [{"name": "hasty", "match": {"prefix": "/events/hasty"}, "route": {"cluster": "upstream", "timeout": "0.3s"}},
              {"name": "bus", "match": {"prefix": "/"}, "route": {"cluster": "upstream"}}]
    return start(policy(replay={"window": "10m"}), hold=request.param, logs=sink, routes=routes, concurrency=2)


def test_of_many_copies_over_all_workers_one_passes(once, upstream):
    token = bearer()
    ids = [str(uuid.uuid4()) for _ in range(100)]
    copies = [event(event_id) for event_id in ids for _ in range(4)]
    random.shuffle(copies)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        calls = list(pool.map(lambda body: publish(once, clients.H1, headers=[STRUCTURED, token], body=body), copies))
    assert sorted({call.response.status for call in calls}) == [200, 409]
    admitted = [json.loads(call.body)["id"] for call in calls if call.response.status == 200]
    assert sorted(admitted) == sorted(ids)
    refused = next(call for call in calls if call.response.status == 409)
    assert refused.response.problem["code"] == "replay.seen"
    assert upstream.saw_nothing_of(refused.id)


@pytest.mark.parametrize("answer", ["503", "404", "302"])
def test_a_retry_passes_where_the_upstream_failed_and_not_where_it_accepted(once, client, upstream, answer):
    body = event(str(uuid.uuid4()))
    assert send(once, client, body, answer).response.status == int(answer)
    assert send(once, client, body, "201").response.status == 201
    assert_refused(send(once, client, body), upstream, "replay.seen", 409)


@pytest.mark.parametrize("wish, status", [(("x-answer-after", "1"), 504), (("x-answer-with", "nothing"), 503)], ids=["timeout", "hung-up"])
def test_what_the_upstream_may_have_accepted_counts_though_the_proxy_answers_with_an_error(once, client, upstream, wish, status):
    body = event(str(uuid.uuid4()))
    call = publish(once, client, path="/events/hasty", headers=[STRUCTURED, bearer(), wish], body=body)
    assert call.response.status == status
    assert upstream.one(call.id).body == body
    assert_refused(send(once, client, body), upstream, "replay.seen", 409)


@dataclasses.dataclass
class Nobody:
    port: int


@pytest.mark.parametrize("hold", HOLDS)
def test_what_was_never_sent_to_the_upstream_may_come_again(start, sink, client, upstream, hold):
    """Nobody listens there; then the upstream does not exist, or another filter of the proxy answers."""
    denied = [{"name": "no", "match": {"prefix": "/events/nowhere"}, "route": {"cluster_header": "x-cluster"}},
              {"name": "own", "match": {"prefix": "/events/own"}, "direct_response": {"status": 503}},
              {"name": "bus", "match": {"prefix": "/"}, "route": {"cluster": "upstream"}}]
    proxy = start(policy(replay={"window": "10m"}), hold=hold, logs=sink, upstream=Nobody(local.free_port()), routes=denied)
    for path in ("/events/carts", "/events/nowhere", "/events/own"):
        body = event(str(uuid.uuid4()))
        for _ in range(2):
            call = publish(proxy, client, path=path, headers=[STRUCTURED, bearer()], body=body)
            assert call.response.status == 503 and "problem" not in (call.response.header("content-type") or ""), call.response


def test_the_events_of_a_refused_batch_may_come_again(once, client):
    body, batch = event(str(uuid.uuid4())), ("content-type", "application/cloudevents-batch+json")
    call = publish(once, client, headers=[batch, bearer()], body=b"[" + body + b"," + body + b"]")
    assert call.response.problem["events"] == [{"index": 1, "code": "replay.seen"}]
    assert send(once, client, body).response.status == 200


def test_numbers_of_a_source_go_up_and_what_is_missing_is_recorded(start, sink, client, upstream):
    proxy = start(policy(sequence={}), logs=sink, concurrency=2)
    source = f"/{uuid.uuid4()}"
    assert send(proxy, client, event("1", source, sequence="7")).response.status == 200
    later = send(proxy, client, event("2", source, sequence="10"))
    assert later.response.status == 200
    assert sink.wait(later.id)[0]["missing"] == 2
    assert_refused(send(proxy, client, event("3", source, sequence="10")), upstream, "order.regression", 409)


def test_a_rate_holds_over_all_workers_and_says_when_to_come_again(start, sink, upstream):
    proxy = start(policy(rate={"limit": 20, "per": "1h"}), logs=sink, concurrency=2)
    token = bearer()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        bodies = [event(str(number)) for number in range(60)]
        calls = list(pool.map(lambda body: publish(proxy, clients.H1, headers=[STRUCTURED, token], body=body), bodies))
    assert sum(call.response.status == 200 for call in calls) == 20
    refused = next(call for call in calls if call.response.status != 200)
    assert_refused(refused, upstream, "rate.limited", 429)
    assert 1 <= int(refused.response.header("retry-after")) <= 180
    assert counters(proxy, "eventguard_events_total", code="rate.limited") == 40


def test_a_table_without_room_is_a_decision_of_the_policy(start, sink, client, upstream):
    bodies = [event(str(number)) for number in range(49)]
    refusing = start(policy({"entries": 1}, replay={"window": "10m"}), logs=sink)
    full = "eventguard_table_full_total"
    statuses = [send(refusing, client, body).response.status for body in bodies[:-1]]
    assert statuses == [200] * 48
    assert counters(refusing, full) == 0
    assert_refused(send(refusing, client, bodies[-1]), upstream, "limiter.unavailable", 503)
    local.wait_until(lambda: counters(refusing, full) == 1, 5, "a full table counted")
    admitting = start(policy({"entries": 1, "whenFull": "admit"}, replay={"window": "10m"}), logs=sink)
    assert {send(admitting, client, body).response.status for body in bodies} == {200}
    local.wait_until(lambda: counters(admitting, full) == 1, 5, "a full table counted")


@pytest.mark.slow
@pytest.mark.parametrize("hold", HOLDS)
def test_what_was_published_is_remembered_by_another_policy_and_by_another_vm(start_once, sink, upstream, client, hold):
    """Another configuration of the VM, and Envoy makes another VM."""
    proxy = start_once(policy(replay={"window": "10m"}), hold=hold, logs=sink, dynamic=True, concurrency=2)

    def created():
        return sum(proxy.stats("wasm.envoy.wasm.runtime.v8.created").values())

    def takes(count):
        """Whether so many events may be in one call."""
        batch = b"[" + b",".join(event(str(uuid.uuid4())) for _ in range(count)) + b"]"
        call = publish(proxy, client, headers=[("content-type", "application/cloudevents-batch+json"), bearer()], body=batch)
        return call.response.status == 200

    body, before = event(str(uuid.uuid4())), created()
    assert send(proxy, client, body).response.status == 200
    for most, configuration in ((3, None), (2, "another")):
        wasm = proxy.wasm(policy={**proxy.policy, "limits": {"events": most}})
        if configuration:
            wasm["config"]["vm_config"]["configuration"] = string_value(configuration)
        proxy.write_dynamic(wasm)
        local.wait_until(lambda: not takes(most + 1), 20, "the new policy")
        for _ in range(20):
            assert_refused(send(proxy, client, body), upstream, "replay.seen", 409)
    assert created() > before
