"""Two proxies that remember together in a real Redis, behind a rate limit service with Limitador's limits (tests/limiter)."""

import concurrent.futures
import json
import random
import shutil
import subprocess
import uuid

import pytest

import clients
from conftest import HOLDS, STRUCTURED, assert_admitted, assert_refused, bearer, publish
from redis_limiter import REPLAY, Redis, RedisLimiter, build, rate
from test_limiter import cluster_policy, new_event
from test_memory import event, send

# Its first test waits until the service is built.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not on the path (Debian and Ubuntu: apt install redis-server)"),
]


@pytest.fixture(scope="session")
def program():
    try:
        return build()
    except subprocess.CalledProcessError as error:
        pytest.fail(f"tests/limiter does not build:\n{error.stderr}", pytrace=False)


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with_end = Redis(tmp_path_factory.mktemp("redis"))
    yield with_end
    with_end.stop()


@pytest.fixture(scope="module")
def limits(program, redis):
    with_end = RedisLimiter(program, redis, [REPLAY, rate("orders", 20, 3600)])
    yield with_end
    with_end.close()


@pytest.fixture(scope="module", params=HOLDS)
def pair(request, start, sink, limits):
    return [start(cluster_policy(), hold=request.param, logs=sink, limits=limits, concurrency=2) for _ in range(2)]


def test_a_replay_through_the_other_proxy_is_refused(pair, client, upstream):
    body = new_event()
    assert_admitted(send(pair[0], client, body), upstream)
    assert_refused(send(pair[1], client, body), upstream, "replay.seen", 409)


def test_of_many_copies_over_both_proxies_one_passes(pair):
    token, ids = bearer(), [str(uuid.uuid4()) for _ in range(100)]
    copies = [(proxy, event(event_id)) for event_id in ids for proxy in pair * 2]
    random.shuffle(copies)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        calls = list(pool.map(lambda copy: publish(copy[0], clients.H1, headers=[STRUCTURED, token], body=copy[1]), copies))
    assert {call.response.status for call in calls} == {200, 409}
    assert {call.response.problem["code"] for call in calls if call.response.status == 409} == {"replay.seen"}
    assert sorted(json.loads(call.body)["id"] for call in calls if call.response.status == 200) == sorted(ids)


def test_a_rate_holds_over_both_proxies(start, sink, limits, upstream):
    rates = {"limit": 20, "per": "1h", "scope": "cluster", "name": "orders"}
    pair = [start(cluster_policy(rate=rates), logs=sink, limits=limits) for _ in range(2)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        calls = list(pool.map(lambda number: send(pair[number % 2], clients.H1, event(str(number))), range(60)))
    assert sum(call.response.status == 200 for call in calls) == 20
    refused = next(call for call in calls if call.response.status != 200)
    assert_refused(refused, upstream, "rate.limited", 429)
    assert 1 <= int(refused.response.header("retry-after")) <= 3600


def test_without_redis_nothing_passes_that_may_have_passed_already(start, sink, program, tmp_path, upstream, client):
    redis = Redis(tmp_path)
    limits = RedisLimiter(program, redis, [REPLAY])
    try:
        proxy = start(cluster_policy(), logs=sink, limits=limits)
        assert_admitted(send(proxy, client, new_event()), upstream)
        redis.stop()
        assert_refused(send(proxy, client, new_event()), upstream, "limiter.unavailable", 503)
    finally:
        limits.close()
        redis.stop()
