"""A headless Chromium, told what to do in its DevTools protocol over a pair of pipes; the standard library only."""

import collections
import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading

from local import wait_until

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
MISSING = "Chromium is not on the path (Debian and Ubuntu: apt install chromium)"
# Nothing of its own goes out: no update, no first-run page, no report. It runs as root in containers too, where it cannot have its sandbox.
OPTIONS = ["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions",
           "--no-default-browser-check", "--metrics-recording-only", "--mute-audio", "--no-pings"]
# The protocol's pipes are the file descriptors 3 and 4.
LAUNCH = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
SECONDS = 30


@functools.cache
def find():
    """Where a Chromium is that runs, or `None`: what Ubuntu calls so may only say where to get one."""
    return next((path for path in map(shutil.which, NAMES) if path and _runs(path)), None)


def _runs(path):
    return subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS).returncode == 0


class Browser:
    """One Chromium with a profile of its own, which is gone with it."""

    def __init__(self, directory, options=()):
        to_it, ours = os.pipe()
        theirs, from_it = os.pipe()
        profile = pathlib.Path(directory) / "profile"
        command = [sys.executable, "-c", LAUNCH, str(to_it), str(from_it), find(), *OPTIONS, *options, f"--user-data-dir={profile}", "about:blank"]
        environment = {**os.environ, "HOME": str(directory)}
        with (pathlib.Path(directory) / "chromium.log").open("wb") as log:
            self.process = subprocess.Popen(command, pass_fds=(to_it, from_it), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        os.close(to_it)
        os.close(from_it)
        self.output, self.input = os.fdopen(ours, "wb", 0), os.fdopen(theirs, "rb")
        self.lock, self.last, self.answers, self.events = threading.Lock(), 0, {}, collections.defaultdict(list)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        data = b""
        while part := os.read(self.input.fileno(), 1 << 16):
            *messages, data = (data + part).split(b"\0")
            for message in map(json.loads, messages):
                with self.lock:
                    if "id" in message:
                        self.answers[message["id"]] = message
                    else:
                        self.events[message.get("sessionId")].append((message["method"], message["params"]))

    def call(self, method, session=None, **parameters):
        """The result of one command."""
        with self.lock:
            self.last += 1
            number = self.last
        message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        self.output.write(json.dumps(message).encode() + b"\0")
        answer = wait_until(lambda: self.answers.pop(number, None), SECONDS, f"the browser's answer to {method}")
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, address):
        """A page that shows what is at this address."""
        return Page(self, address)

    def close(self):
        try:
            self.call("Browser.close")
            self.process.wait(10)
        except (AssertionError, OSError, TimeoutError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.output.close()


class Page:
    """One tab: what it shows, and what happened in it."""

    def __init__(self, browser, address):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.target = target
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.go(address)

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def go(self, address):
        self.call("Page.navigate", url=address)
        wait_until(lambda: self.run("document.readyState") == "complete", SECONDS, "the page")

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)

    def run(self, script):
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def happened(self, method):
        """What the browser told of the page by this name."""
        with self.browser.lock:
            return [parameters for name, parameters in self.browser.events[self.session] if name == method]

    def requests(self):
        """Every address that the page asked for, where the browser let it."""
        blocked = {event["requestId"] for event in self.happened("Network.loadingFailed") if event.get("blockedReason")}
        return [event["request"]["url"] for event in self.happened("Network.requestWillBeSent") if event["requestId"] not in blocked]

    def complaints(self):
        """What the browser refused to do, and errors of scripts."""
        logged = [event["entry"]["text"] for event in self.happened("Log.entryAdded")]
        return logged + [event["exceptionDetails"]["text"] for event in self.happened("Runtime.exceptionThrown")]
