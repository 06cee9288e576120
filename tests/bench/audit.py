#!/usr/bin/env python3
"""Whether records tell what happened while the log cluster is slow, overloaded, broken, takes a part, cuts the connection and is away, under a steady
load, for both deliveries. Every call that the upstream saw has its record in the log cluster, or with `async` is told there as lost; what is
said to have gone on did; the chains are whole. Fails where one call is wrong; prints what came of the calls, times and memory."""

import argparse
import asyncio
import json
import multiprocessing
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import types

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "envoy"), str(ROOT / "tests/envoy")]

import conftest  # noqa: E402
import local  # noqa: E402
from memory import memory_of  # noqa: E402
from proxy import Proxy  # noqa: E402
from sink import Sink  # noqa: E402
from test_stats import counters  # noqa: E402

CONNECTIONS = 400
WEATHER = ["ok", "slow", "ok", 429, "ok", 500, "ok", "partly", "ok", "cut", "ok", "away"]
SECONDS_OF_EACH = 5
ID = re.compile(rb"x-request-id: (\S+)\r\n")


class Lean(Sink):
    """Keeps what it takes in a file, and in mind only what is compared."""

    def __init__(self, path):
        self.file = path.open("w")
        self.uids, self.admitted, self.untrue, self.told, self.twice = set(), {}, set(), 0, 0
        super().__init__()

    def back(self):
        super().back()
        # Who goes away in mid-answer has told nobody, which is what is tried.
        self.server.handle_error = lambda *_: None if isinstance(sys.exc_info()[1], OSError) else traceback.print_exc()

    def keep(self, _path, _headers, _export, lines):
        for line in lines:
            record = local.flatten(json.loads(line))
            uid = json.loads(line)["metadata"]["uid"]
            if uid in self.uids:
                # A batch whose answer was lost comes twice, byte for byte.
                self.twice += 1
                continue
            self.uids.add(uid)
            self.file.write(line + "\n")
            if record["event"] == "verdict" and record["verdict"] == "admit":
                self.admitted.setdefault(record["requestId"], []).append(uid)
            if record.get("correlation") and record["event"] == "verdict":
                self.untrue.add(record["correlation"])
            self.told += record.get("dropped", 0)


def upstream(port, path, ended):
    """An upstream that answers, and keeps which calls it saw."""
    seen = set()

    class Connection(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport, self.data = transport, b""

        def data_received(self, data):
            self.data += data
            while b"\r\n\r\n" in self.data:
                head, _, rest = self.data.partition(b"\r\n\r\n")
                length = int(re.search(rb"content-length: (\d+)", head).group(1))
                if len(rest) < length:
                    return
                seen.add(ID.search(head + b"\r\n").group(1).decode())
                self.data = rest[length:]
                self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    async def serve():
        server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
        while not ended.is_set():
            await asyncio.sleep(0.1)
        server.close()

    asyncio.run(serve())
    path.write_text("\n".join(seen))


def change_weather(logs, proxy, end, most):
    """Takes the log cluster through all that can happen to it, and looks at the proxy's memory meanwhile."""
    turn = 0
    while time.monotonic() < end:
        mode = WEATHER[turn % len(WEATHER)]
        turn += 1
        if mode == "away":
            logs.away()
        else:
            logs.mode, logs.delay = mode, 0.3
        time.sleep(SECONDS_OF_EACH)
        most.append(memory_of(proxy))
        if mode == "away":
            logs.back()
    logs.mode = "ok"


def trial(delivery, arguments, directory):
    directory.mkdir()
    records, seen_by_upstream = directory / "records.ndjson", directory / "seen"
    port, ended = local.free_port(), multiprocessing.Event()
    server = multiprocessing.Process(target=upstream, args=(port, seen_by_upstream, ended))
    # First, so that it does not hold the log cluster's port too.
    server.start()
    logs = Lean(records)
    policy = {**conftest.reference_policy(), "audit": {"cluster": "logs", "delivery": delivery, "timeout": "2s"}}
    proxy = Proxy(conftest.envoy("1.40.0"), directory / "envoy", policy, upstream=types.SimpleNamespace(port=port), logs=logs, concurrency=2, access_log=False)
    try:
        before, most = memory_of(proxy), []
        weather = threading.Thread(target=change_weather, args=(logs, proxy, time.monotonic() + arguments.seconds, most))
        weather.start()
        pause = CONNECTIONS * 1000 // arguments.rate
        token = conftest.bearer(exp=int(time.time()) + 86_400)[1]
        load = subprocess.run(["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{arguments.seconds}s", "--timeout", "10s", "-s", ROOT / "tests/bench/audit.lua",
                               f"http://127.0.0.1:{proxy.port}", "--", token, str(pause)], check=True, capture_output=True, text=True)
        weather.join()
        local.wait_until(lambda: counters(proxy, "eventguard_audit_queued") == 0, 60, "an empty queue")
        dropped = counters(proxy, "eventguard_audit_dropped_total")
        local.wait_until(lambda: logs.told >= dropped, 30, "every loss told")
        print(f"{delivery}: {load.stdout.strip().splitlines()[-1]}; {(max(most) - before) / 2**20:.0f} MiB more at most", flush=True)
    finally:
        ended.set()
        server.join()
        proxy.stop()
        logs.close()
        logs.file.close()
    return compare(delivery, logs, set(seen_by_upstream.read_text().split()), int(dropped), records)


def compare(delivery, logs, seen, dropped, records):
    admitted = {request_id: [uid for uid in uids if uid not in logs.untrue] for request_id, uids in logs.admitted.items()}
    admitted = {request_id: uids for request_id, uids in admitted.items() if uids}
    without, too_many = seen - admitted.keys(), admitted.keys() - seen
    twice = sum(len(uids) > 1 for uids in admitted.values())
    verified = subprocess.run([local.COMMAND, "audit", "verify", records], capture_output=True, text=True, check=False)
    print(f"{delivery}: the upstream saw {len(seen)} calls; {len(without)} have no record, {dropped} records were lost and {logs.told} told as lost; "
          f"{len(too_many)} are said to have gone on and were not seen, {twice} twice; {logs.twice} records came again; "
          f"`audit verify`: {verified.returncode}", flush=True)
    lost = 0 if delivery == "before-forward" else dropped
    return len(without) <= lost and not twice and logs.told == dropped and verified.returncode == 0 and (delivery == "async" or not too_many)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rate", type=int, default=1000, help="calls a second (1000)")
    arguments.add_argument("--seconds", type=int, default=300, help="for each delivery (300)")
    arguments.add_argument("--delivery", choices=["async", "before-forward"], help="only this one")
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        deliveries = [arguments.delivery] if arguments.delivery else ["before-forward", "async"]
        fine = [trial(delivery, arguments, pathlib.Path(directory) / delivery) for delivery in deliveries]
    if not all(fine):
        sys.exit("records do not tell what happened")


if __name__ == "__main__":
    main()
