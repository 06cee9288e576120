#!/usr/bin/env python3
"""`make run`: Envoy with eventguard, an upstream and a log cluster on this machine, and the calls of examples/ through them. Prints
what each call met, then stays up for more. The standard library only."""

import argparse
import datetime
import http.client
import http.server
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid

from local import COMMAND, ROOT, Envoy, Process, flatten, free_port, is_free, wait_until

EXAMPLES = ROOT / "examples"
RUN = ROOT / ".envoy/run"
# As they stand in envoy/envoy.yaml, and where `audit sink` shows its page.
PORTS = {"publish": 10000, "admin": 9901, "upstream": 8081, "logs": 4318, "page": 4319}
ISSUER, AUDIENCE = "https://idp.shop.example/realms/shop", "event-bus"


class Upstream(http.server.ThreadingHTTPServer):
    """The service behind the proxy: says 200, and remembers each call by its id."""

    daemon_threads = True

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), Service)
        self.seen = {}
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        if self.headers.get("transfer-encoding"):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen[self.headers.get("x-request-id")] = (self.command, self.path, dict(self.headers), body)
        self.send_response(200)
        self.send_header("content-length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_):
        pass


def eventguard(*arguments, given=None):
    """What the command line prints."""
    done = subprocess.run([COMMAND, *map(str, arguments)], input=given, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"eventguard {shlex.join(map(str, arguments))}: {done.stderr.decode()}")
    return done.stdout.decode()


def key_arguments(name):
    """A private key is a JWK; a shared secret is text, and does not know its own id."""
    secret = EXAMPLES / "keys" / f"{name}.secret"
    if secret.exists():
        return ["--secret", secret.read_text().strip(), "--key-id", name]
    return ["--key", EXAMPLES / "keys" / f"{name}.jwk.json"]


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_call(example):
    """The call of an example as in a case file, fresh."""
    call = dict(example["call"])
    body = json.dumps(call.pop("json"), separators=(",", ":")) if "json" in call else call["body"]
    call["body"] = body.replace("{now}", rfc3339(time.time()))
    if "token" in example:
        call["headers"] = [*call["headers"], ("authorization", "Bearer " + make_token(**example["token"]))]
    if "sign" in example:
        call = sign(call, **example["sign"])
    old, new = example.get("afterSigning", {}).get("replace", ("", ""))
    return {**call, "body": call["body"].replace(old, new)}


def send(port, call):
    """(status, body, id) of one call over HTTP/1.1."""
    body = call["body"].encode()
    request_id = str(uuid.uuid4())
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(call["method"], call["path"], skip_host=True, skip_accept_encoding=True)
    for name, value in [("host", call["authority"]), ("x-request-id", request_id), ("content-length", str(len(body))), *call["headers"]]:
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    result = answer.status, answer.read(), request_id
    connection.close()
    return result


def records(path):
    """The records that the log cluster wrote so far, by the id of their call."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        record = flatten(json.loads(line))
        found.setdefault(record.get("requestId"), []).append(record)
    return found


def differences(expect, status, answer, seen, found):
    """What is not as the example says."""
    verdicts = {record.get("verdict") for record in found}
    if verdicts != {expect["verdict"]}:
        yield f"verdict {sorted(map(str, verdicts))} instead of {expect['verdict']}"
    if expect["verdict"] == "refuse":
        if seen:
            yield "the upstream saw a refused call"
        if status != expect["httpStatus"] or problem_code(answer) != expect["code"]:
            yield f"{status} {problem_code(answer)} instead of {expect['httpStatus']} {expect['code']}"
    elif not seen or status != 200:
        yield f"{status}: the upstream did not see it"
    if "code" in expect and expect["code"] not in {record.get("code") for record in found}:
        yield f"no record says {expect['code']}"
    by_index = sorted(found, key=lambda record: record.get("index", 0))
    for event, record in zip(expect.get("events", []), by_index):
        yield from (f"{key} {record.get(key)!r} instead of {event[key]!r}" for key in event if record.get(key) != event[key])


def problem_code(answer):
    try:
        return json.loads(answer)["code"]
    except (ValueError, KeyError, TypeError):
        return ""


def table(rows):
    head = ("call", "verdict", "code", "upstream saw", "record")
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, tuple("-" * width for width in widths), *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def try_examples(port, upstream, output):
    """Sends every call of examples/, prints the table; what differed from what was expected."""
    sent = []
    for path in sorted((EXAMPLES / "calls").glob("*.json")):
        example = json.loads(path.read_text())
        sent.append((example, send(port, make_call(example))))
    wanted = {result[2] for _, result in sent}
    try:
        wait_until(lambda: wanted <= records(output).keys(), 5, "records of all calls")
    except TimeoutError as error:
        print(error)
    everything, rows, wrong = records(output), [], []
    for example, (status, answer, request_id) in sent:
        found, seen = everything.get(request_id, []), upstream.seen.get(request_id)
        verdicts = sorted({record.get("verdict", "") for record in found})
        codes = [record["code"] for record in found if record.get("code")]
        told = seen and seen[2].get("x-eventguard-publisher", "-")
        rows.append((
            example["name"], "/".join(verdicts) or "?", f"{status} {codes[0] if codes else ''}".strip(),
            f"{seen[0]} {seen[1]} from {told}" if seen else "nothing",
            f"{len(found)}: " + ", ".join(dict.fromkeys(record.get("type") or "-" for record in found)),
        ))
        wrong += [f"{example['name']}: {difference}" for difference in differences(example["expect"], status, answer, seen, found)]
    table(rows)
    return wrong


UNITS = {"s": 1, "m": 60, "h": 3600}


def make_token(subject, claims=None, key="shop-ec", age="0s", lifetime="10m"):
    issued = rfc3339(time.time() - int(age[:-1]) * UNITS[age[-1]])
    arguments = [*key_arguments(key), "--issuer", ISSUER, "--audience", AUDIENCE, "--subject", subject, "--now", issued, "--expires-in", lifetime]
    for name, value in (claims or {}).items():
        arguments += ["--claim", f"/{name}={json.dumps(value)}"]
    return eventguard("token", *arguments).strip()


def sign(call, scheme, key):
    """The call (of a case file), signed."""
    printed = eventguard("sign", scheme, *key_arguments(key), "--apply", "-", given=json.dumps({"call": call}).encode())
    return json.loads(printed)["call"]


def choose_ports():
    """The ports that stand in the manifest, but for those that are taken."""
    chosen = {}
    for name, port in PORTS.items():
        chosen[name] = port if is_free(port) else free_port()
        if chosen[name] != port:
            print(f"port {port} ({name}) is taken, using {chosen[name]}")
    return chosen


def configuration(ports):
    """envoy/envoy.yaml with the ports chosen, and the file to start Envoy with."""
    text = (ROOT / "envoy/envoy.yaml").read_text()
    for name, port in PORTS.items():
        text = text.replace(f"port_value: {port}}}", f"port_value: {ports[name]}}}")
    path = RUN / "envoy.yaml"
    path.write_text(text)
    return path


def invite(ports, output):
    event = '{"specversion":"1.0","id":"1","source":"/shop/cart","type":"com.shop.cart.ItemAdded","data":{"itemId":"item-abc"}}'
    curl = f"curl -i http://127.0.0.1:{ports['publish']}/events/carts -H 'content-type: application/cloudevents+json'"
    token = make_token("cart-service", lifetime="50m")
    print(f"""
Try it (the token is good for 50 minutes):

TOKEN={token}
{curl} -H "authorization: Bearer $TOKEN" -d '{event}'
{curl} -H "authorization: Bearer $TOKEN" -d '{event.replace("cart.ItemAdded", "order.ItemShipped")}'
{curl} -d '{event}'

page        http://127.0.0.1:{ports['page']}/ shows verdicts and records as they come, and whether their chains are whole
records     tail -f {output.relative_to(ROOT)}
verdicts    curl -s http://127.0.0.1:{ports['admin']}/stats/prometheus | grep eventguard_
Envoy's log {(RUN / 'envoy.log').relative_to(ROOT)}

Ctrl-C ends all of it.""", flush=True)


def run(once):
    RUN.mkdir(parents=True, exist_ok=True)
    output = RUN / "records.ndjson"
    output.unlink(missing_ok=True)
    ports = choose_ports()
    binary = os.environ.get("EVENTGUARD_ENVOY") or subprocess.run(
        [ROOT / "envoy/get-envoy", "--any"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    parts = []
    try:
        upstream = Upstream(ports["upstream"])
        listen = ["--listen", f"127.0.0.1:{ports['logs']}", "--web", f"127.0.0.1:{ports['page']}"]
        sink = Process([COMMAND, "audit", "sink", *listen, "--output", output, "--format", "ndjson"], RUN / "sink.log")
        parts.append(sink)
        wait_until(lambda: sink.check_alive() or answers(ports["logs"]), 5, "the log cluster")
        parts.append(Envoy(binary, configuration(ports), ports["admin"], RUN / "envoy.log", concurrency=2))
        wrong = try_examples(ports["publish"], upstream, output)
        for line in wrong:
            print(f"NOT AS EXPECTED: {line}")
        if once:
            return 1 if wrong else 0
        invite(ports, output)
        while True:
            time.sleep(0.5)
            for part in parts:
                part.check_alive()
    except KeyboardInterrupt:
        return 0
    finally:
        for part in reversed(parts):
            part.stop()


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="end behind the table, with 1 if anything was not as expected")
    arguments = parser.parse_args()

    def end(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    sys.exit(run(arguments.once))


if __name__ == "__main__":
    main()
