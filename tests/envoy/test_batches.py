"""Batches that go on without their refused events: what the upstream gets, what the caller is told, and what is recorded."""

import json
import uuid

import grpc
import pytest
from google.cloud.pubsub_v1.publisher.exceptions import PublishError

from conftest import HOLDS, bearer, publish, recording_at_once, reference_policy
from publishers import PUBLISHERS, TIMEOUT, Event
from test_grpc import metadata_of

BATCH = "application/cloudevents-batch+json"


def policy():
    """The reference policy without its signatures, and with routes that let batches go on."""
    ours = reference_policy()
    events = [{key: value for key, value in rule.items() if key != "signature"} for rule in ours["events"]]
    batches = [route for route in ours["routes"] if route["protocol"] in ("cloudevents", "kafka-rest", "pubsub") and "grpc" not in route]
    for route in batches:
        route["batch"] = "drop-refused"
    return recording_at_once({**ours, "events": events})


@pytest.fixture(scope="module", params=HOLDS)
def dropping(request, start, sink):
    return start(policy(), hold=request.param, logs=sink)


def cart(event_id, event_type="com.shop.cart.ItemAdded"):
    return json.dumps({"specversion": "1.0", "id": event_id, "source": "/shop/cart", "type": event_type, "data": {"quantity": 1}})


def send(proxy, client, path, body, content_type, **options):
    headers = [("content-type", content_type), bearer()]
    return publish(proxy, client, path=path, headers=headers, parts=[body[:40].encode(), body[40:].encode()], **options)


@pytest.mark.parametrize("ending", [{}, {"length": False}, {"length": False, "trailers": [("x-end", "1")]}], ids=["length", "chunked", "trailers"])
def test_a_batch_goes_on_without_its_refused_events(dropping, client, upstream, sink, ending):
    good, evil, other = cart("1"), cart("2", "com.shop.unknown"), cart("3")
    call = send(dropping, client, "/events/carts", f"[{good},{evil},{other}]", BATCH, **ending)
    assert call.response.status == 200
    assert call.response.header("x-eventguard-refused") == "rule.unknown-type=(1)"
    seen = upstream.one(call.id)
    assert seen.body.decode() == f"[{good},{other}]"
    assert seen.header("content-length") in ([], [str(len(seen.body))])
    records = sorted(sink.wait(call.id, 3), key=lambda record: record["index"])
    assert [(record["verdict"], record.get("code")) for record in records] == [("admit", None), ("refuse", "rule.unknown-type"), ("admit", None)]


def test_a_batch_without_a_refused_event_goes_on_as_it_was_sent(dropping, client, upstream):
    body = f"[ {cart('1')} , {cart('2')} ]"
    call = send(dropping, client, "/events/carts", body, BATCH)
    assert (call.response.status, call.response.header("x-eventguard-refused")) == (200, None)
    assert upstream.one(call.id).body.decode() == body


def test_a_batch_of_which_nothing_is_left_is_refused(dropping, client, upstream):
    evil = cart("2", "com.shop.unknown")
    call = send(dropping, client, "/events/carts", f"[{evil},{evil}]", BATCH)
    assert call.response.status == 403
    assert call.response.problem["events"] == [{"index": 0, "code": "rule.unknown-type"}, {"index": 1, "code": "rule.unknown-type"}]
    assert upstream.saw_nothing_of(call.id)


def test_records_of_kafka_rest_are_left_out(dropping, client, upstream):
    good, evil = (f'{{"value":{event}}}' for event in (cart("1"), cart("2", "com.shop.unknown")))
    call = send(dropping, client, "/topics/carts", f'{{"records":[{evil},{good}]}}', "application/vnd.kafka.json.v2+json")
    assert (call.response.status, call.response.header("x-eventguard-refused")) == (200, "rule.unknown-type=(0)")
    assert upstream.one(call.id).body.decode() == f'{{"records":[{good}]}}'


@pytest.fixture(scope="module", params=HOLDS)
def dropping_messages(request, start, sink, grpc_upstream):
    return start(policy(), hold=request.param, logs=sink, upstream=grpc_upstream, http2=True)


def test_a_message_of_pubsub_is_left_out_and_the_metadata_of_the_answer_name_it(dropping_messages, grpc_upstream, sink):
    publisher, request_id = PUBLISHERS["google-cloud-pubsub"], str(uuid.uuid4())
    good, evil = Event(), Event(type="com.shop.unknown")
    method, whole = publisher.expected(good, evil)
    _, left = publisher.expected(good)
    with grpc.insecure_channel(f"127.0.0.1:{dropping_messages.port}") as channel:
        call = channel.unary_unary(method, type(whole).SerializeToString)
        _, answer = call.with_call(whole, metadata=metadata_of(request_id, bearer()), timeout=TIMEOUT)
    assert dict(answer.initial_metadata())["x-eventguard-refused"] == "rule.unknown-type=(1)"
    assert [type(left).FromString(received) for received in grpc_upstream.one(request_id).messages] == [left]
    records = sorted(sink.wait(request_id, 2), key=lambda record: record["index"])
    assert [record["verdict"] for record in records] == ["admit", "refuse"]


def test_the_client_of_pubsub_takes_fewer_ids_than_messages_for_a_failure(dropping_messages, grpc_upstream):
    """Why the README warns of `drop-refused` for this client: it says that nothing was published, and something was."""
    request_id = str(uuid.uuid4())
    with pytest.raises(PublishError):
        PUBLISHERS["google-cloud-pubsub"](dropping_messages.port, metadata_of(request_id, bearer()), Event(), Event(type="com.shop.unknown"))
    assert len(grpc_upstream.one(request_id).messages) == 1
