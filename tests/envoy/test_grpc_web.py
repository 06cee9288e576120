"""Callers of gRPC-Web: whether their events count as published is read in the answer's body, and nothing of it is held back or changed."""

import base64
import datetime
import uuid

import pytest

import clients
from conftest import HOLDS, bearer, publish
from messages import CloudEvent, Receipt
from proxy import typed
from test_memory import policy

PATH = "/shop.v1.Events/Publish"
WEB = {"name": "envoy.filters.http.grpc_web", "typed_config": typed("filters.http.grpc_web.v3.GrpcWeb")}
BINARY, TEXT = "application/grpc-web+proto", "application/grpc-web-text"


def frame(content, flags=0):
    return bytes([flags]) + len(content).to_bytes(4, "big") + content


def event():
    """A message with an event that may come once."""
    made = CloudEvent(spec_version="1.0", id=str(uuid.uuid4()), source="/shop/cart", type="com.shop.cart.Kept", binary_data=b"1")
    made.attributes["time"].ce_timestamp.FromDatetime(datetime.datetime.now(datetime.UTC))
    return frame(made.SerializeToString())


def send(proxy, client, body, *wishes, content_type=BINARY):
    sent = base64.b64encode(body) if content_type == TEXT else body
    return publish(proxy, client, path=PATH, headers=[("content-type", content_type), ("x-grpc-web", "1"), bearer(), *wishes], body=sent)


def status(call):
    """The status in the last frame of the answer, or in its head where there is nothing else."""
    response = call.response
    assert response.status == 200, response
    body = response.body
    if "-text" in response.header("content-type"):
        body = b"".join(base64.b64decode(body[at:at + 4]) for at in range(0, len(body), 4))
    while body:
        flags, length = body[0], int.from_bytes(body[1:5], "big")
        content, body = body[5:5 + length], body[5 + length:]
        if flags & 0x80:
            [found] = [line.partition(b":")[2] for line in content.split(b"\r\n") if line.lower().startswith(b"grpc-status:")]
            return int(found)
    return int(response.header("grpc-status"))


@pytest.fixture(scope="module", params=HOLDS)
def behind(request, start, sink, grpc_upstream):
    """Envoy's gRPC-Web filter stands behind ours, which sees gRPC-Web."""
    return start(policy(replay={"window": "10m"}), hold=request.param, logs=sink, upstream=grpc_upstream, http2=True, behind=[WEB])


@pytest.fixture(scope="module", params=HOLDS)
def before(request, start, sink, grpc_upstream):
    """It stands before ours, which sees gRPC."""
    return start(policy(replay={"window": "10m"}), hold=request.param, logs=sink, upstream=grpc_upstream, http2=True, before=[WEB])


@pytest.fixture(scope="module", params=HOLDS)
def spoken(request, start, sink):
    """The upstream speaks gRPC-Web itself."""
    return start(policy(replay={"window": "10m"}), hold=request.param, logs=sink)


def may_come_again(proxy, client, content_type, wish, failed, seen=6):
    """An event whose first answer is `failed`: it passes again, and then no more, with the status `seen`."""
    body = event()
    first = send(proxy, client, body, *wish, content_type=content_type)
    assert status(first) == failed
    again = send(proxy, client, body, content_type=content_type)
    assert status(again) == 0, "the upstream had said that it failed"
    refused = send(proxy, client, body, content_type=content_type)
    assert status(refused) == seen and refused.response.header("grpc-message").startswith("replay.seen"), refused.response.headers


def test_an_event_may_come_again_where_the_service_behind_envoys_filter_failed(behind, client):
    may_come_again(behind, client, BINARY, [("x-answer-status", "13")], 13)


def test_the_answer_comes_whole(behind, client, grpc_upstream):
    call = send(behind, client, event())
    [message, trailers] = [Receipt(count=1).SerializeToString(), b"grpc-status:0\r\ngrpc-message:\r\n"]
    assert call.response.body == frame(message) + frame(trailers, 0x80), call.response
    assert len(grpc_upstream.one(call.id).messages) == 1


@pytest.mark.parametrize("content_type", [BINARY, TEXT])
def test_an_event_may_come_again_where_ours_stands_behind_envoys_filter(before, client, content_type):
    # Envoy's filter makes UNKNOWN of the status of an answer that the proxy itself gives.
    may_come_again(before, client, content_type, [("x-answer-status", "13")], 13, seen=2)


def answer(content_type, trailers, message=b"a message"):
    frames = [frame(message), frame(trailers, 0x80)]
    body = b"".join(base64.b64encode(part) for part in frames) if content_type == TEXT else b"".join(frames)
    return [("x-answer-type", content_type), ("x-answer-body", base64.b64encode(body).decode())]


@pytest.mark.parametrize("content_type", [BINARY, TEXT])
@pytest.mark.parametrize("trailers, failed", [(b"grpc-status:14\r\ngrpc-message:later\r\n", 14), (b"Grpc-Status: 14\r\n", 14)])
def test_an_event_may_come_again_where_the_upstream_itself_says_so(spoken, client, content_type, trailers, failed):
    body = event()
    for _ in range(2):
        wish = answer(content_type, trailers)
        call = send(spoken, client, body, *wish)
        assert status(call) == failed
        assert call.response.body == base64.b64decode(wish[1][1]), "byte for byte"
    assert status(send(spoken, client, body, *answer(content_type, b"grpc-status:0\r\n"))) == 0
    assert status(send(spoken, client, body)) == 6


@pytest.mark.parametrize("wish", [
    answer("text/plain", b"grpc-status:14\r\n"),
    [("x-answer-type", BINARY), ("x-answer-body", base64.b64encode(frame(b"grpc-status:14\r\n")).decode())],
    [("x-answer-type", TEXT), ("x-answer-body", base64.b64encode(b"!" * 40).decode())],
], ids=["of-another-type", "in-a-message", "no-base64"])
def test_what_cannot_be_read_counts_as_published(spoken, client, wish):
    body = event()
    call = send(spoken, client, body, *wish)
    assert call.response.body == base64.b64decode(wish[1][1])
    assert status(send(spoken, client, body)) == 6


def test_an_answer_in_pieces_is_read_all_the_same(behind):
    """HTTP/2 with a small window: the answer's frames come one after the other."""
    body = event()
    for expected in (13, 0, 6):
        wish = [("x-answer-status", "13")] if expected == 13 else []
        assert status(send(behind, clients.H2, body, *wish)) == expected
