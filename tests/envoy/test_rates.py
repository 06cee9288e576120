"""What callers are told of their rates: in answers of the upstream's and in refusals, over HTTP, gRPC and gRPC-Web; and nobody else."""

import uuid

import grpc
import pytest

import clients
import test_grpc_web
from conftest import HOLDS, STRUCTURED, assert_admitted, assert_refused, bearer, publish
from limiter import OK, OVER_LIMIT, Limiter, Response, status
from messages import CloudEvent, Receipt
from publishers import TIMEOUT
from test_memory import event, policy, send

BATCH = ("content-type", "application/cloudevents-batch+json")
# Counted apart for each test, by its source.
RATE = {"limit": 3, "per": "1h", "by": ["source"], "name": "kept", "headers": True}


def told(call):
    """Every value of both headers."""
    headers = call.response.headers
    return [value for wanted in ("ratelimit-policy", "ratelimit") for name, value in headers if name == wanted]


def seconds(text):
    """The `t` of a header with one rate."""
    return int(text.partition(";t=")[2])


@pytest.fixture
def source():
    return f"/{uuid.uuid4()}"


@pytest.fixture(scope="module", params=HOLDS)
def told_proxy(request, start, sink):
    return start(policy(rate=RATE), hold=request.param, logs=sink, concurrency=2)


def test_answers_tell_what_is_left_until_nothing_is(told_proxy, client, upstream, source):
    for left in (2, 1, 0):
        call = send(told_proxy, client, event(str(uuid.uuid4()), source))
        assert_admitted(call, upstream)
        [quota, limit] = told(call)
        assert quota == '"kept";q=3;w=3600' and limit.startswith(f'"kept";r={left};t='), limit
        assert 1190 <= seconds(limit) <= 1200, "a third of an hour for each"
    refused = send(told_proxy, client, event(str(uuid.uuid4()), source))
    assert_refused(refused, upstream, "rate.limited", 429)
    [quota, limit] = told(refused)
    assert quota == '"kept";q=3;w=3600' and limit.startswith('"kept";r=0;t='), limit
    assert int(refused.response.header("retry-after")) >= seconds(limit), "no earlier than there is more"


def test_a_batch_that_never_fits_is_told_what_would_and_not_when(told_proxy, client, upstream, source):
    bodies = [event(str(number), source) for number in range(4)]
    refused = publish(told_proxy, client, headers=[BATCH, bearer()], body=b"[" + b",".join(bodies) + b"]")
    assert_refused(refused, upstream, "rate.limited", 429)
    assert told(refused) == ['"kept";q=3;w=3600', '"kept";r=3'] and refused.response.header("retry-after") is None
    whole = publish(told_proxy, client, headers=[BATCH, bearer()], body=b"[" + b",".join(bodies[:3]) + b"]")
    assert_admitted(whole, upstream)
    again = publish(told_proxy, client, headers=[BATCH, bearer()], body=b"[" + b",".join(bodies[:3]) + b"]")
    assert 3590 <= int(again.response.header("retry-after")) <= 3600, "room for all of them"


def test_what_the_upstream_says_of_its_own_stays(told_proxy, client, source):
    headers = [STRUCTURED, bearer(), ("x-answer-header", 'RateLimit: "up";r=9'), ("x-answer-header", 'RateLimit-Policy: "up";q=10')]
    values = told(publish(told_proxy, client, headers=headers, body=event("1", source)))
    assert sorted(value.partition(";")[0] for value in values) == ['"kept"', '"kept"', '"up"', '"up"'], values


def test_an_answer_of_the_upstreams_that_is_an_error_tells_it_too(told_proxy, client, source):
    assert len(told(send(told_proxy, client, event("1", source), "503"))) == 2


# Made when they are sent: the whole suite takes longer than tokens live.
@pytest.mark.parametrize("change, code", [
    (lambda: {"headers": [STRUCTURED]}, "token.missing"),
    (lambda: {"headers": [STRUCTURED, bearer("order-service")]}, "rule.publisher"),
    (lambda: {"body": b"{}"}, "event.missing-attribute"),
])
def test_who_is_refused_for_another_reason_learns_nothing(told_proxy, client, source, change, code):
    call = publish(told_proxy, client, **{"headers": [STRUCTURED, bearer()], "body": event("1", source), **change()})
    assert call.response.problem["code"] == code
    assert told(call) == []


def test_a_rate_that_only_observes_tells_nothing(start, sink, client, upstream, source):
    proxy = start(policy(rate=RATE, mode="observe"), logs=sink)
    for number in range(5):
        call = send(proxy, client, event(str(number), source))
        assert_admitted(call, upstream)
        assert told(call) == []


def test_the_tightest_of_several_rates_stands_first(start, sink, client, source):
    rates = [{"limit": 100, "per": "1m", "name": "wide", "headers": True}, {"limit": 5, "per": "1m", "by": ["source"]},
             {**RATE, "burst": 10, "name": "tight"}, {"limit": 1000, "per": "90m", "unit": "bytes", "by": ["source"], "name": "bytes", "headers": True}]
    proxy = start(policy(rate=rates), logs=sink)
    [policies, limits] = told(send(proxy, client, event("1", source, data="x" * 898)))
    assert policies == '"bytes";q=1000;qu="content-bytes";w=5400, "wide";q=100;w=60, "tight";q=3;w=3600;eventguard-burst=10'
    assert [item.rpartition(";")[0] for item in limits.split(", ")] == ['"bytes";r=100', '"wide";r=99', '"tight";r=9']


def grpc_call(proxy, source, request_id):
    """The metadata of the answer, and of its end, and its status."""
    made = CloudEvent(spec_version="1.0", id=request_id, source=source, type="com.shop.cart.Kept", binary_data=b"1")
    with grpc.insecure_channel(f"127.0.0.1:{proxy.port}") as channel:
        call = channel.unary_unary(test_grpc_web.PATH, CloudEvent.SerializeToString, Receipt.FromString)
        future = call.future(made, metadata=[("x-request-id", request_id), bearer()], timeout=TIMEOUT)
        code = future.code()
        return dict(future.initial_metadata()), dict(future.trailing_metadata()), code


@pytest.mark.parametrize("hold", HOLDS)
def test_callers_of_grpc_are_told_in_the_head_of_an_answer_and_in_a_refusal(start, sink, grpc_upstream, source, hold):
    proxy = start(policy(rate=RATE), hold=hold, logs=sink, upstream=grpc_upstream, http2=True)
    for left in (2, 1, 0):
        head, end, code = grpc_call(proxy, source, str(uuid.uuid4()))
        assert code == grpc.StatusCode.OK
        assert head["ratelimit-policy"] == '"kept";q=3;w=3600' and head["ratelimit"].startswith(f'"kept";r={left};t=')
        assert "ratelimit" not in end, "never in trailers"
    request_id = str(uuid.uuid4())
    head, end, code = grpc_call(proxy, source, request_id)
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED and grpc_upstream.saw_nothing_of(request_id)
    assert end["ratelimit"].startswith('"kept";r=0;t=') and int(end["retry-after"]) >= seconds(end["ratelimit"])


def test_callers_of_grpc_web_are_told_too(start, sink, client, grpc_upstream):
    proxy = start(policy(rate={**RATE, "limit": 1}), logs=sink, upstream=grpc_upstream, http2=True, behind=[test_grpc_web.WEB])
    for expected, left in ((0, 0), (8, 0)):
        call = test_grpc_web.send(proxy, client, test_grpc_web.event())
        assert test_grpc_web.status(call) == expected
        assert [value.partition(";t=")[0] for value in told(call)] == ['"kept";q=1;w=3600', f'"kept";r={left}']
    assert 3590 <= int(call.response.header("retry-after")) <= 3600


def test_of_what_all_proxies_count_the_smaller_count_is_told(start, sink, client, upstream):
    limits = Limiter()
    try:
        rate = {"limit": 10, "per": "1h", "scope": "cluster", "name": "all", "headers": True}
        proxy = start({**policy(rate=rate), "limiter": {"cluster": "limits", "timeout": "1s"}}, logs=sink, limits=limits)

        def answered(code, answer):
            limits.answer = lambda request: Response(overall_code=code, statuses=[answer])
            return send(proxy, client, event(str(uuid.uuid4())))
        fewer = answered(OK, status(OK, 10, reset=77, remaining=4))
        assert_admitted(fewer, upstream)
        assert told(fewer) == ['"all";q=10;w=3600', '"all";r=4;t=77']
        [_, more] = told(answered(OK, status(OK, 10, reset=77, remaining=9)))
        assert more.startswith('"all";r=8;t=36')
        [_, silent] = told(answered(OK, status(OK, 10)))
        assert silent.startswith('"all";r=7;t=36'), "a service that says nothing of it"
        spent = answered(OVER_LIMIT, status(OVER_LIMIT, 10, reset=7))
        assert_refused(spent, upstream, "rate.limited", 429)
        assert (told(spent)[1], spent.response.header("retry-after")) == ('"all";r=0;t=7', "7")
        unknown = answered(OK, status(0, 10))
        assert_refused(unknown, upstream, "limiter.unavailable", 503)
        assert told(unknown) == []
    finally:
        limits.close()
