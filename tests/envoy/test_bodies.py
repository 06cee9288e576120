"""Bodies as they come: in pieces, with trailers, empty, at the limit and one over it, compressed, never finished. Over both versions
of HTTP and in both ways of holding; and whatever is refused, the upstream has seen nothing of it."""

import gzip
import time
import uuid

import pytest

import clients
from conftest import STRUCTURED, assert_admitted, assert_refused, bearer, cart_event, publish, reference_policy, split, written

LIMIT = 64 * 1024


def of_size(size):
    """An admitted event of exactly `size` bytes."""
    event = cart_event(data='{"x":"PAD"}')
    return event.replace(b"PAD", b"a" * (size - len(event) + 3))


UNKNOWN = cart_event(event_type="com.shop.unknown")


def bytes_of(body):
    return [body[index:index + 1] for index in range(len(body))]


@pytest.mark.parametrize("length", [True, False], ids=["length", "no-length"])
def test_a_body_in_one_byte_parts_is_judged_whole(proxy, client, upstream, length):
    assert_admitted(publish(proxy, client, parts=bytes_of(cart_event()), length=length, pause=0.0005), upstream)
    assert_refused(publish(proxy, client, parts=bytes_of(UNKNOWN), length=length, pause=0.0005), upstream, "rule.unknown-type", 403)


def test_a_body_that_ends_with_trailers_is_judged(proxy, client, upstream):
    trailers = [("x-checksum", "1")]
    assert_admitted(publish(proxy, client, parts=split(cart_event()), length=False, trailers=trailers), upstream)
    assert_refused(publish(proxy, client, parts=split(UNKNOWN), length=False, trailers=trailers), upstream, "rule.unknown-type", 403)


def test_trailers_without_a_body_are_judged(proxy, client, upstream):
    assert_refused(publish(proxy, client, parts=[], length=False, trailers=[("x-checksum", "1")]), upstream, "event.malformed", 400)


def test_trailers_do_not_stand_in_for_headers(proxy, client, upstream):
    call = publish(proxy, client, headers=[STRUCTURED], parts=split(cart_event()), length=False, trailers=[bearer()])
    assert_refused(call, upstream, "token.missing", 401)


def test_an_empty_body_is_no_event(proxy, client, upstream):
    assert_refused(publish(proxy, client, parts=[]), upstream, "event.malformed", 400)


def test_an_empty_chunked_body_is_no_event(proxy, upstream):
    assert_refused(publish(proxy, clients.H1, parts=[], length=False), upstream, "event.malformed", 400)


def test_empty_data_frames_change_nothing(proxy, upstream):
    assert_refused(publish(proxy, clients.H2, parts=[b""], length=False), upstream, "event.malformed", 400)
    event = cart_event()
    assert_admitted(publish(proxy, clients.H2, parts=[b"", event[:9], b"", event[9:], b""], length=False), upstream)


@pytest.mark.parametrize("length", [True, False], ids=["length", "no-length"])
def test_a_body_at_the_limit_is_admitted_and_one_byte_more_is_not(proxy, client, upstream, length):
    assert_admitted(publish(proxy, client, parts=split(of_size(LIMIT)), length=length), upstream)
    assert_refused(publish(proxy, client, parts=split(of_size(LIMIT + 1)), length=length), upstream, "call.too-large", 413)


def test_a_body_far_over_the_limit_is_refused_before_it_ends(proxy, client, upstream):
    parts = [b"a" * 16384] * 64
    assert_refused(publish(proxy, client, parts=parts, length=False), upstream, "call.too-large", 413)


def test_trailers_behind_a_body_over_the_limit_end_nothing(proxy, client, upstream):
    call = publish(proxy, client, parts=[b"a" * 16384] * 5, length=False, trailers=[("x-checksum", "1")])
    assert_refused(call, upstream, "call.too-large", 413)


def test_a_gzip_body_is_judged_and_passed_on_as_it_came(proxy, client, upstream):
    headers = [STRUCTURED, bearer(), ("content-encoding", "gzip")]
    body = gzip.compress(cart_event())
    assert_admitted(publish(proxy, client, headers=headers, parts=split(body)), upstream, body)
    assert_refused(publish(proxy, client, headers=headers, parts=split(gzip.compress(UNKNOWN))), upstream, "rule.unknown-type", 403)


def test_a_gzip_body_over_the_limit_once_decompressed_is_refused(proxy, client, upstream):
    headers = [STRUCTURED, bearer(), ("content-encoding", "gzip")]
    assert_admitted(publish(proxy, client, headers=headers, body=gzip.compress(of_size(LIMIT))), upstream)
    assert_refused(publish(proxy, client, headers=headers, body=gzip.compress(of_size(LIMIT + 1))), upstream, "call.too-large", 413)


@pytest.mark.parametrize("broken", [gzip.compress(cart_event())[:-9], gzip.compress(cart_event()) + b"more", b"not gzip"], ids=["cut", "surplus", "other"])
def test_a_broken_gzip_body_is_refused(proxy, upstream, broken):
    headers = [STRUCTURED, bearer(), ("content-encoding", "gzip")]
    assert_refused(publish(proxy, clients.H1, headers=headers, body=broken), upstream, "event.malformed", 400)


def test_an_encoding_that_is_not_read_is_refused(proxy, client, upstream):
    headers = [STRUCTURED, bearer(), ("content-encoding", "br")]
    assert_refused(publish(proxy, client, headers=headers), upstream, "call.encoding", 415)


def test_a_client_that_waits_for_100_continue_is_served(proxy, upstream):
    call = publish(proxy, clients.H1, expect=True)
    assert call.response.interim == [100]
    assert_admitted(call, upstream)


def test_that_envoy_tells_a_client_to_go_on_admits_nothing(proxy, upstream):
    """It does so by itself, before any filter is asked."""
    call = publish(proxy, clients.H1, headers=[STRUCTURED], expect=True)
    assert call.response.interim == [100]
    assert_refused(call, upstream, "token.missing", 401)


def test_a_client_that_goes_away_in_mid_body_leaves_nothing_upstream(proxy, upstream):
    connection, request_id = clients.connect(proxy.port), str(uuid.uuid4())
    connection.sendall(written(request_id, b'{"spec', length=100))
    time.sleep(0.1)
    connection.close()
    time.sleep(0.1)
    assert upstream.saw_nothing_of(request_id)
    assert_admitted(publish(proxy, clients.H1), upstream)


def test_a_call_that_the_proxy_itself_answers_in_mid_body_leaves_a_record(start_once, client, upstream, sink):
    """The policy's limit is beyond the proxy's own buffers: Envoy answers 413, and the filter never sees the end."""
    policy = reference_policy()
    policy["limits"] = {**policy.get("limits", {}), "body": "4MiB"}
    proxy = start_once(policy, logs=sink)
    call = publish(proxy, client, parts=[cart_event()[:-1], *[b" " * 65536] * 24, b"}"])
    assert call.response.status in (413, None), call.response
    assert upstream.saw_nothing_of(call.id)
    [record] = sink.wait(call.id)
    assert (record["verdict"], record["code"]) == ("refuse", "call.malformed"), record


def test_calls_on_one_connection_do_not_mix(proxy, upstream):
    """An admitted, a refused, an admitted one, each behind the answer to the last."""
    connection = clients.connect(proxy.port)
    answers = clients.Answers(connection)
    for body, status in [(cart_event(), 200), (UNKNOWN, 403), (cart_event(), 200)]:
        request_id = str(uuid.uuid4())
        connection.sendall(written(request_id, body))
        assert answers.response().status == status
        if status == 200:
            assert upstream.one(request_id).body == body
        else:
            assert upstream.saw_nothing_of(request_id)
    connection.close()


def test_streams_of_one_connection_do_not_mix(proxy, upstream):
    """Part by part in turn: an admitted call, a refused one, one that the client resets before its end, an admitted one."""
    bodies = [cart_event("1"), UNKNOWN, cart_event("3"), cart_event("4")]
    ids = [str(uuid.uuid4()) for _ in bodies]
    headers = [[("x-request-id", request_id), STRUCTURED, bearer()] for request_id in ids]
    statuses = clients.H2.in_turn(proxy.port, "bus.shop.example", "/events/carts", headers, bodies, reset=2)
    assert statuses == [200, 403, None, 200]
    assert [upstream.one(ids[index]).body for index in (0, 3)] == [bodies[0], bodies[3]]
    assert all(upstream.saw_nothing_of(ids[index]) for index in (1, 2))


def test_nothing_of_all_this_ended_a_vm(proxies):
    for proxy in proxies.values():
        proxy.check_alive()
        assert sum(proxy.stats("vm_reload").values()) == 0
