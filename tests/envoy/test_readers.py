"""Arbitrary bodies to our reader and to readers of others, as a consumer behind us may have them: Python's `json`, with the last and with the
first of two equal keys, and Node's JSON.parse. Whatever we admit, all read alike. Needs no Envoy; EVENTGUARD_SEED repeats a run."""

import base64
import collections
import json
import os
import random
import shutil
import subprocess

import pytest

from arbitrary import Arbitrary
from conftest import HERE, ROOT

READER = ROOT / "target/debug/examples/reader"
# Bodies of each form.
COUNT = 2000

# Of each form: our protocol, the path and the content type.
FORMS = {
    "structured": ("cloudevents", "/events/carts", "application/cloudevents+json"),
    "batch": ("cloudevents", "/events/carts", "application/cloudevents-batch+json"),
    "envelope": ("json", "/events/carts", "application/json"),
    "kafka-v2-json": ("kafka-rest", "/topics/carts", "application/vnd.kafka.json.v2+json"),
    "kafka-v2-binary": ("kafka-rest", "/topics/carts", "application/vnd.kafka.binary.v2+json"),
    "kafka-v3": ("kafka-rest", "/kafka/v3/clusters/c/topics/carts/records", "application/json"),
    "pubsub": ("pubsub", "/v1/projects/shop/topics/carts:publish", "application/json"),
    "dapr": ("dapr", "/v1.0/publish/bus/orders", "application/cloudevents+json"),
}


def first_wins(pairs):
    return dict(reversed(pairs))


def decoded(text):
    """As Protocol Buffers and Node have it: of either alphabet, with or without padding."""
    return base64.b64decode(text.translate(str.maketrans("-_", "+/")) + "==")


class Python:
    """How a consumer on Python reads a call."""

    def __init__(self, hook=None):
        self.decoder = json.JSONDecoder(object_pairs_hook=hook)

    def parse(self, body):
        return self.decoder.decode(body.decode("utf-8", "surrogatepass") if isinstance(body, bytes) else body)

    def stream(self, body):
        rest = body.decode().lstrip()
        while rest:
            value, end = self.decoder.raw_decode(rest)
            yield value
            rest = rest[end:].lstrip()

    def bound(self, prefix, named, data):
        if named.get("content-type", "").lower().startswith("application/cloudevents") or f"{prefix}type" not in named:
            return data()
        return {name: named[prefix + name] for name in ("type", "id", "source")}

    def record(self, record):
        value = record.get("value") or {}
        data = {"JSON": lambda: value["data"], "STRING": lambda: self.parse(value["data"]), "BINARY": lambda: self.parse(decoded(value["data"]))}
        named = {header["name"]: decoded(header.get("value") or "").decode() for header in record.get("headers") or []}
        return self.bound("ce_", named, lambda: data[value["type"]]())

    def message(self, message):
        return self.bound("ce-", message.get("attributes") or {}, lambda: self.parse(decoded(message["data"])))

    def enveloped(self, value):
        meta = value.get("meta")
        return {"type": value["eventType"], "id": meta.get("id") if isinstance(meta, dict) else None, "source": value.get("source")}

    def events(self, form, body):
        readers = {
            "batch": lambda: self.parse(body),
            "envelope": lambda: [self.enveloped(self.parse(body))],
            "kafka-v2-json": lambda: [record["value"] for record in self.parse(body)["records"]],
            "kafka-v2-binary": lambda: [self.parse(decoded(record["value"])) for record in self.parse(body)["records"]],
            "kafka-v3": lambda: [self.record(record) for record in self.stream(body)],
            "pubsub": lambda: [self.message(message) for message in self.parse(body)["messages"]],
        }
        return readers.get(form, lambda: [self.parse(body)])()

    def read(self, call):
        try:
            return [[*(event[name] for name in ("type", "id", "source")), call["topic"]] for event in self.events(call["form"], base64.b64decode(call["body"]))]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            return repr(error)


def call(form, body):
    return {"form": form, "topic": "orders" if form == "dapr" else "carts", "body": base64.b64encode(body).decode()}


def ours(call):
    protocol, path, content_type = FORMS[call["form"]]
    return {"protocol": protocol, "path": path, "contentType": content_type, "body": call["body"]}


def answers(command, calls):
    """What a reader that is a program says of each call."""
    lines = "".join(json.dumps(call) + "\n" for call in calls)
    run = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    read = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(read) == len(calls)
    return read


def node():
    found = shutil.which("node")
    if found is None:
        pytest.fail("Node.js is not on the path; install it (18 or later)")
    return [found, HERE / "readers.js"]


def test_the_readers_differ_where_a_key_is_there_twice():
    """Else that they agree would mean little."""
    twice = call("structured", b'{"specversion":"1.0","id":"1","source":"/s","type":"t","type":"u"}')
    assert [Python(hook).read(twice)[0][0] for hook in (None, first_wins)] == ["u", "t"]
    assert answers(node(), [twice])[0][0][0] == "u"
    assert answers([READER], [ours(twice)]) == [None]


@pytest.mark.parametrize("seed", [20261123, int(os.environ.get("EVENTGUARD_SEED") or random.SystemRandom().getrandbits(32))], ids=["fixed", "fresh"])
def test_whatever_is_admitted_all_readers_read_alike(seed):
    arbitrary = Arbitrary(random.Random(seed))
    calls = [call(form, arbitrary.body(form)) for form in FORMS for _ in range(COUNT)]
    read = answers([READER], [ours(call) for call in calls])
    admitted = [(call, events) for call, events in zip(calls, read) if events is not None]
    shares = collections.Counter(call["form"] for call, _ in admitted)
    assert all(COUNT * 0.1 < shares[form] < COUNT * 0.9 for form in FORMS), (seed, shares)
    readable = [call for call, _ in admitted]
    others = {"Node": answers(node(), readable)}
    others |= {name: [Python(hook).read(call) for call in readable] for name, hook in [("Python", None), ("Python, first wins", first_wins)]}
    for name, readings in others.items():
        for (one, events), theirs in zip(admitted, readings):
            assert theirs == events, f"EVENTGUARD_SEED={seed}: {one['form']}, {name}: {base64.b64decode(one['body'])}"
