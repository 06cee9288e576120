"""A second policy judged beside the first: records and statistics tell where it differs, and callers and the upstream nothing."""

import datetime
import json
import uuid

import pytest

import clients
import local
from conftest import HOLDS, STRUCTURED, assert_admitted, assert_refused, bearer, cart_event, publish, recording_at_once, reference_policy
from test_stats import counters

CARTS = {"type": "com.shop.cart.*", "topics": ["carts"], "publishers": [{"issuer": "shop", "subject": "cart-service"}]}


def policy(**shadow):
    ours = reference_policy()
    once = {"type": "com.shop.cart.Once", "publishers": CARTS["publishers"]}
    return recording_at_once({**ours, "events": [once, *ours["events"]], "shadow": shadow})


@pytest.fixture(scope="module", params=HOLDS)
def shadowed(request, start, sink):
    events = [{**CARTS, "conditions": ['event.data.quantity < 5']}, {**CARTS, "type": "com.shop.cart.Once", "replay": {"window": "10m"}},
              {**CARTS, "type": "com.shop.unknown"}]
    return start(policy(events=events), hold=request.param, logs=sink, concurrency=2)


def told(record):
    return {key: record.get(key) for key in ("verdict", "code", "shadow_verdict", "shadow_code")}


def test_what_the_shadow_would_refuse_goes_on_as_ever_and_is_told(shadowed, client, upstream, sink):
    call = publish(shadowed, client, body=cart_event(data='{"quantity":7}'))
    seen = assert_admitted(call, upstream)
    assert [(name, value) for name, value in seen.headers if "shadow" in name + value or name == "x-eventguard-verdict"] == []
    record = sink.wait(call.id)[0]
    assert told(record) == {"verdict": "admit", "code": None, "shadow_verdict": "refuse", "shadow_code": "rule.condition"}
    assert record["shadow_detail"] == "the condition 0 is false"


def test_what_the_shadow_would_admit_is_refused_as_ever_and_is_told(shadowed, client, upstream, sink):
    call = publish(shadowed, client, body=cart_event(event_type="com.shop.unknown"))
    problem = assert_refused(call, upstream, "rule.unknown-type", 403)
    assert "shadow" not in json.dumps(problem)
    assert told(sink.wait(call.id)[0]) == {"verdict": "refuse", "code": "rule.unknown-type", "shadow_verdict": "admit", "shadow_code": None}


def test_where_they_agree_nothing_is_told(shadowed, client, upstream, sink):
    call = publish(shadowed, client)
    assert_admitted(call, upstream)
    nobody = publish(shadowed, client, headers=[STRUCTURED])
    assert_refused(nobody, upstream, "token.missing", 401)
    for id in (call.id, nobody.id):
        assert not any("shadow" in key for key in sink.wait(id)[0])


def test_the_shadow_remembers_what_was_published_over_all_workers(shadowed, client, upstream, sink):
    time = datetime.datetime.now(datetime.UTC).isoformat()
    attributes = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "/s", "type": "com.shop.cart.Once", "time": time}
    body = json.dumps(attributes).encode()

    def code(answer):
        call = publish(shadowed, client, headers=[STRUCTURED, bearer(), ("x-answer-with", answer)], body=body)
        assert call.response.status == int(answer)
        assert upstream.one(call.id).body == body
        return sink.wait(call.id)[0].get("shadow_code")

    assert [code("503"), code("200"), code("200"), code("200")] == [None, None, "replay.seen", "replay.seen"]


def test_differences_are_counted(start_once, sink):
    proxy = start_once(policy(events=[{**CARTS, "topics": ["baskets"]}], token={"header": "x-token"}), logs=sink)
    publish(proxy, clients.H1)
    publish(proxy, clients.H1, headers=[STRUCTURED, bearer(), ("x-token", bearer()[1])])
    publish(proxy, clients.H1, headers=[STRUCTURED, ("x-token", bearer()[1])])

    def count(**labels):
        return counters(proxy, "eventguard_shadow_differences_total", **labels)

    local.wait_until(lambda: count() == 3, 5, "three differences counted")
    assert count(verdict="refuse", code="token.missing", route="cloudevents", type="com.shop.cart.*") == 1
    assert count(verdict="refuse", code="rule.topic") == 1
    assert count(verdict="undecided", code="token.missing", type="none") == 1
    assert counters(proxy, "eventguard_events_total", verdict="admit") == 2


def test_a_shadow_that_is_wrong_is_a_policy_that_is_refused(start_once, tmp_path):
    with pytest.raises(RuntimeError, match=r"shadow\.hold: a shadow has no such key"):
        start_once(policy(hold="headers"))
