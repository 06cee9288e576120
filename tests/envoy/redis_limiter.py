"""Redis, and the rate limit service of tests/limiter over it."""

import json
import os
import pathlib
import shutil
import socket
import subprocess

import local

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MANIFEST = ROOT / "tests/limiter/Cargo.toml"

# As the configuration of Limitador's own server has them.
REPLAY = {"max_value": 1, "seconds": 86_400, "conditions": ["descriptors[0]['replay'] == 'event'"], "variables": ["descriptors[0].tag"]}


def rate(name, max_value, seconds):
    return {"max_value": max_value, "seconds": seconds, "conditions": [f"descriptors[0]['rate'] == '{name}'"], "variables": []}


def build():
    command = [os.environ.get("CARGO", "cargo"), "build", "--locked", "--manifest-path", MANIFEST, "--target-dir", ROOT / "target"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return ROOT / "target/debug/limiter"


class Redis:
    """Keeps everything in memory, and nothing when it ends."""

    def __init__(self, directory):
        server = shutil.which("redis-server")
        if server is None:
            raise FileNotFoundError("redis-server is not on the path; install it (Debian: redis-server)")
        self.port, self.directory = local.free_port(), pathlib.Path(directory)
        self.command = [server, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(directory)]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        local.wait_until(self._answers, 10, "Redis")

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait()


class RedisLimiter:
    """The service, with these limits."""

    def __init__(self, program, redis, limits):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        settings = {"redis": f"redis://127.0.0.1:{redis.port}", "domain": "eventguard", "limits": limits}
        self.process.stdin.write(json.dumps(settings) + "\n")
        self.process.stdin.flush()
        self.port = int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
