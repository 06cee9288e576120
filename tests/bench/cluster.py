#!/usr/bin/env python3
"""Whether two proxies remember exactly what either has published, over a rate limit service and Redis: so many distinct events, half of
them through each, all of which must pass; then each of them through the other proxy, and again through its own, which none may. Fails where
one event is wrong; prints times."""

import argparse
import datetime
import sys
import tempfile
import time

from memory import BATCH, everything_once, policy

import conftest
from proxy import Proxy
from redis_limiter import REPLAY, Redis, RedisLimiter, build
from upstream import Upstream


def through(proxies, token, count, now):
    """The first half of the events through the first proxy, the other half through the second."""
    half, found = count // 2, [0, 0, 0.0]
    for proxy, first in zip(proxies, (0, half)):
        found = [sum(pair) for pair in zip(found, everything_once(proxy, token, range(first, first + half), now))]
    return found


def replays(proxies, count):
    token, now = conftest.bearer(exp=int(time.time()) + 86_400)[1], datetime.datetime.now(datetime.UTC).isoformat()
    for name, order, expected in [("distinct", proxies, (count, 0)), ("through the other proxy", proxies[::-1], (0, count)),
                                  ("again through their own", proxies, (0, count))]:
        passed, seen, seconds = through(order, token, count, now)
        print(f"{count} events {name}: {passed} passed, {seen} refused as seen, {seconds:.1f} s", flush=True)
        if (passed, seen) != expected:
            sys.exit(f"expected {expected}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=100_000)
    count = arguments.parse_args().events // (2 * BATCH) * 2 * BATCH
    what = policy(rule={"replay": {"window": "1d", "scope": "cluster"}}, memory={"entries": count},
                  limiter={"cluster": "limits", "timeout": "5s"})
    upstream, started = Upstream(), []
    with tempfile.TemporaryDirectory() as directory:
        redis = Redis(directory)
        limiter = RedisLimiter(build(), redis, [REPLAY])
        try:
            for name in ("first", "second"):
                started.append(Proxy(conftest.envoy("1.40.0"), f"{directory}/{name}", what, upstream=upstream, limits=limiter, concurrency=2,
                                     access_log=False))
            replays(started, count)
        finally:
            for proxy in started:
                proxy.stop()
            limiter.close()
            redis.stop()
            upstream.close()


if __name__ == "__main__":
    main()
