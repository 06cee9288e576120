"""Processes on this machine: free ports, and an Envoy that is started, waited for and stopped. What `make run`, the tests and the
benchmark share; the standard library only, since `make run` installs nothing for Python."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODULE = ROOT / "target/wasm32-wasip1/release/eventguard.wasm"
COMMAND = ROOT / "target/release/eventguard"


def free_port():
    """A port that nobody listens on. Below the range that the kernel gives to outgoing connections, so none takes it meanwhile."""
    for _ in range(200):
        port = 12000 + int.from_bytes(os.urandom(2), "big") % 18000
        if is_free(port):
            return port
    raise RuntimeError("no free port")


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_until(condition, seconds, what):
    """Calls `condition` until it gives something true, which is returned."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def flatten(record):
    """A record (OCSF) by the words that this project uses: what is asked of it is who, what, where and what became of it."""
    def at(*path):
        found = record
        for key in path:
            found = found.get(key, {}) if isinstance(found, dict) else dict(enumerate(found)).get(key, {})
        return None if found == {} else found

    if at("class_uid") != 6003:
        return {"event": at("metadata", "event_code"), **record.get("unmapped", {})}
    named = {
        "code": at("status_code"), "detail": at("status_detail"), "rule": at("firewall_rule", "name"), "policy": at("policy", "uid"),
        "type": at("resources", 0, "name"), "id": at("resources", 0, "uid"), "source": at("resources", 0, "namespace"),
        "topic": at("resources", 1, "name"), "issuer": at("actor", "idp", "name"), "publisher": at("actor", "user", "uid"),
        "peer": at("src_endpoint", "uid"), "protocol": at("api", "service", "name"), "authority": at("dst_endpoint", "hostname"),
        "requestId": at("api", "request", "uid"), "uid": at("metadata", "uid"), "event": at("metadata", "event_code"),
        "status": at("http_response", "code"), "correlation": at("metadata", "correlation_uid"),
    }
    return {**record["unmapped"], **{key: value for key, value in named.items() if value is not None}}


class Process:
    """A child whose output goes to a file. Ends with `stop`, also when it must be forced."""

    def __init__(self, command, log, **options):
        self.log = pathlib.Path(log)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            # A session of its own: Ctrl-C on the terminal is for the parent, which then ends its children in order.
            self.child = subprocess.Popen(
                [str(part) for part in command], stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                start_new_session=True, **options
            )

    @property
    def pid(self):
        return self.child.pid

    def output(self):
        return self.log.read_text(errors="replace")

    def check_alive(self):
        if self.child.poll() is not None:
            raise RuntimeError(f"{self.child.args[0]} ended with {self.child.returncode}:\n{self.output()[-4000:]}")

    def stop(self, seconds=5):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class Envoy(Process):
    """An Envoy that has loaded its configuration and answers; its admin interface."""

    def __init__(self, binary, config, admin_port, log, concurrency=1, seconds=30, arguments=()):
        self.admin_port = admin_port
        super().__init__(
            [binary, "-c", config, "--concurrency", concurrency, "--use-dynamic-base-id", "--log-level", "warn",
             "--component-log-level", "wasm:info", "--file-flush-interval-msec", "50", "--drain-time-s", "1", "--parent-shutdown-time-s", "2", *arguments],
            log, cwd=ROOT,
        )
        try:
            wait_until(self.is_ready, seconds, "Envoy ready")
        except BaseException:
            self.stop()
            raise

    def is_ready(self):
        self.check_alive()
        try:
            return self.admin("/ready").strip() == "LIVE"
        except OSError:
            return False

    def admin(self, path, method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin_port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.read().decode()

    def stats(self, pattern):
        """Counters and gauges whose name matches `pattern`, by their flat name."""
        found = json.loads(self.admin(f"/stats?format=json&filter={pattern}"))["stats"]
        return {entry["name"]: entry["value"] for entry in found if "value" in entry}

    def prometheus(self):
        """Every sample as (name, labels, value)."""
        samples = []
        for line in self.admin("/stats/prometheus").splitlines():
            if line.startswith("#") or not line:
                continue
            head, value = line.rsplit(" ", 1)
            name, _, rest = head.partition("{")
            labels = dict(part.split("=", 1) for part in _split_labels(rest.rstrip("}")))
            samples.append((name, {key: text.strip('"') for key, text in labels.items()}, float(value)))
        return samples


def _split_labels(text):
    """`a="1",b="2,3"` at the commas outside quotes."""
    part, quoted = "", False
    for character in text:
        if character == '"' and not part.endswith("\\"):
            quoted = not quoted
        if character == "," and not quoted:
            yield part
            part = ""
        else:
            part += character
    if part:
        yield part
