"""`eventguard audit sink` as a log cluster with a page, and records as a worker of the filter sends them, written in Python from what the
README says of them."""

import hashlib
import json
import urllib.request

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

import local


class LogCluster:
    """A sink that can be ended and started again, on the same ports."""

    def __init__(self, directory, arguments=()):
        self.directory, self.arguments = directory, arguments
        self.port, self.page = local.free_port(), local.free_port()
        self.address = f"http://127.0.0.1:{self.page}/"
        self.start()

    def start(self):
        command = [local.COMMAND, "audit", "sink", "--listen", f"127.0.0.1:{self.port}", "--web", f"127.0.0.1:{self.page}",
                   "--output", self.directory / "records.ndjson", *self.arguments]
        self.process = local.Process(command, self.directory / "sink.log")
        local.wait_until(lambda: self.process.check_alive() or "showing them on" in self.process.output(), 10, "the sink")

    def stop(self):
        self.process.stop()

    def send(self, *lines, event_name="eventguard.verdict"):
        """These records, in one request."""
        export = logs_service_pb2.ExportLogsServiceRequest()
        records = export.resource_logs.add().scope_logs.add().log_records
        for line in lines:
            records.add(event_name=event_name, time_unix_nano=1_795_420_800_000_000_000).body.string_value = line
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/logs", export.SerializeToString(), {"content-type": "application/x-protobuf"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200


def record(verdict="admit", code=None, event_type="com.shop.cart.ItemAdded", publisher="cart-service", detail=None, event_id="e-1"):
    """The record of one event."""
    return {"class_uid": 6003, "time": 1_795_420_800_000, "unmapped": {"verdict": verdict}, "actor": {"user": {"uid": publisher}},
            "resources": [{"name": event_type, "uid": event_id}, {"name": "carts"}],
            **({"status_code": code} if code else {}), **({"status_detail": detail} if detail else {})}


def note(code):
    """What a stream tells of itself."""
    return {"activity_id": 99, "category_uid": 1, "class_uid": 1008, "message": code, "metadata": {"event_code": code}, "time": 1_795_420_800_000, "unmapped": {}}


def canonical(document):
    """The form of RFC 8785, for documents of whole numbers and names in ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Chain:
    """Records in a row, each of which names the one before it."""

    def __init__(self, uid):
        self.uid, self.length, self.last = uid, 0, None

    def link(self, document):
        """The record as the next one of the chain: a line."""
        self.length += 1
        attestation = {"chain_uid": self.uid, "uid": str(self.length)}
        if self.last:
            attestation["prev_event"] = {"fingerprint": self.last, "uid": f"{self.uid}-{self.length - 1}"}
        covered = canonical({**document, "attestation_list": [attestation]})
        self.last = {"algorithm_id": 3, "encoding_id": 1, "serialization_id": 2, "value": hashlib.sha256(covered.encode()).hexdigest()}
        return canonical({**document, "attestation_list": [{**attestation, "fingerprint": self.last}]})
