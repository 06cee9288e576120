"""Rotel, an agent for OpenTelemetry that somebody else wrote: takes what comes by OTLP over HTTP and gRPC, and hands it on."""

import socket
import subprocess
import sys

import local

VERSION = "0.0.1a15"
DIRECTORY = local.ROOT / f".envoy/rotel-{VERSION}"
BINARY = DIRECTORY / "rotel/rotel-agent"


def get():
    """Brings it where it is not there yet; `None` where it cannot be had, as for a Python or a machine that its package is not built for."""
    if not BINARY.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:",
                   "--target", DIRECTORY, f"rotel=={VERSION}"]
        subprocess.run(command, check=False, capture_output=True, timeout=300)
    return BINARY if BINARY.exists() else None


class Rotel(local.Process):
    """Listens at `http` and `grpc`, and hands on to an OTLP/HTTP receiver on this machine."""

    def __init__(self, directory, to, http=None, grpc=None):
        self.http, self.grpc = http or local.free_port(), grpc or local.free_port()
        options = {
            "pid-file": directory / "rotel.pid", "otlp-http-endpoint": f"127.0.0.1:{self.http}", "otlp-grpc-endpoint": f"127.0.0.1:{self.grpc}",
            "exporter": "otlp", "otlp-exporter-endpoint": f"http://127.0.0.1:{to}", "otlp-exporter-protocol": "http", "batch-timeout": "100ms",
        }
        super().__init__([BINARY, "start", *(text for name, value in options.items() for text in (f"--{name}", value))], directory / "rotel.log")
        local.wait_until(self.is_ready, 10, "Rotel")

    def is_ready(self):
        self.check_alive()
        try:
            for port in (self.http, self.grpc):
                socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True
