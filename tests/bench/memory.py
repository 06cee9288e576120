#!/usr/bin/env python3
"""Whether what was published is remembered exactly, under load and over two workers: so many distinct events, all of which must pass,
then all of them again, none of which may; then a rate of 1,000 events a second for ten seconds. Fails where one event is wrong or the
rate is off by more than 1 %; prints times and the memory of the proxy."""

import argparse
import concurrent.futures
import datetime
import http.client
import json
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "envoy"), str(ROOT / "tests/envoy")]

import conftest  # noqa: E402
from proxy import Proxy  # noqa: E402
from upstream import Upstream  # noqa: E402

BATCH = 100
CONNECTIONS = 8


def policy(**more):
    ours = conftest.reference_policy()
    rule = {"type": "com.shop.cart.Kept", "publishers": [{"issuer": "shop", "subject": "cart-service"}], **more.pop("rule")}
    return {**ours, "events": [rule], "limits": {"events": BATCH}, **more}


def memory_of(proxy):
    """Bytes that the proxy has in memory."""
    status = pathlib.Path(f"/proc/{proxy.child.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) << 10


def event(number, now):
    return {"specversion": "1.0", "id": str(number), "source": "/shop/cart", "type": "com.shop.cart.Kept", "time": now, "data": 1}


def publisher(proxy, token):
    """A connection of its own, as a function from a body and a content type to a status and a body."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port)

    def publish(body, content_type):
        connection.request("POST", "/events/carts", body, {"content-type": content_type, "authorization": token})
        answer = connection.getresponse()
        return answer.status, answer.read()

    return publish


def batches(proxy, token, ranges, now):
    """What became of the events of these batches: how many passed, and how many were refused as seen."""
    publish, passed, seen = publisher(proxy, token), 0, 0
    for first in ranges:
        body = json.dumps([event(number, now) for number in range(first, first + BATCH)])
        status, answer = publish(body, "application/cloudevents-batch+json")
        if status == 200:
            passed += BATCH
        else:
            seen += sum(refused["code"] == "replay.seen" for refused in json.loads(answer)["events"])
    return passed, seen


def everything_once(proxy, token, numbers, now):
    """All events, over all connections at once."""
    began = time.monotonic()
    parts = [range(numbers.start + part * BATCH, numbers.stop, CONNECTIONS * BATCH) for part in range(CONNECTIONS)]
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        found = list(pool.map(lambda part: batches(proxy, token, part, now), parts))
    return sum(passed for passed, _ in found), sum(seen for _, seen in found), time.monotonic() - began


def replays(start, count):
    proxy = start(policy(rule={"replay": {"window": "1d"}}, memory={"entries": count}))
    token, now = conftest.bearer(exp=int(time.time()) + 86_400)[1], datetime.datetime.now(datetime.UTC).isoformat()
    before = memory_of(proxy)
    for name, expected in [("distinct", (count, 0)), ("again", (0, count)), ("a third time", (0, count))]:
        passed, seen, seconds = everything_once(proxy, token, range(count), now)
        grown = (memory_of(proxy) - before) / 2**20
        print(f"{count} events {name}: {passed} passed, {seen} refused as seen, {seconds:.1f} s, {grown:.0f} MiB more", flush=True)
        if (passed, seen) != expected:
            sys.exit(f"expected {expected}")


def rate(start, per_second, seconds):
    proxy = start(policy(rule={"rate": {"limit": per_second, "per": "1s", "burst": 10}}))
    token = conftest.bearer()[1]
    end = time.monotonic() + seconds

    def hammer(number):
        publish, statuses = publisher(proxy, token), []
        while time.monotonic() < end:
            body = json.dumps(event(f"{number}-{len(statuses)}", "2026-01-01T00:00:00Z"))
            statuses.append(publish(body, "application/cloudevents+json")[0])
        return statuses

    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        statuses = [status for found in pool.map(hammer, range(CONNECTIONS)) for status in found]
    admitted, wanted = statuses.count(200), per_second * seconds
    print(f"a rate of {per_second}/s for {seconds} s: {admitted} of {len(statuses)} passed ({100 * admitted / wanted - 100:+.2f} %)", flush=True)
    if set(statuses) != {200, 429} or abs(admitted - wanted) > wanted / 100:
        sys.exit("the rate was not held, or never met: is the machine fast enough?")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=1_000_000)
    count = arguments.parse_args().events
    upstream, started = Upstream(), []
    with tempfile.TemporaryDirectory() as directory:
        def start(what):
            proxy = Proxy(conftest.envoy("1.40.0"), f"{directory}/{len(started)}", what, upstream=upstream, concurrency=2, access_log=False)
            started.append(proxy)
            return proxy

        try:
            rate(start, 1000, 10)
            replays(start, count)
        finally:
            for proxy in started:
                proxy.stop()
            upstream.close()


if __name__ == "__main__":
    main()
