"""`make run`, once: every call of examples/ gets what it says it must get."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

import local
from conftest import ROOT


def environment(binary):
    return {**os.environ, "EVENTGUARD_ENVOY": binary}


def test_every_call_of_the_examples_gets_what_it_expects(binary):
    done = subprocess.run([sys.executable, ROOT / "envoy/run.py", "--once"], env=environment(binary), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    for path in (ROOT / "examples/calls").glob("*.json"):
        assert json.loads(path.read_text())["name"] in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT], ids=lambda end: end.name)
def test_it_stays_up_until_it_is_told_to_end_and_leaves_nothing_behind(binary, tmp_path, end):
    """Also by Ctrl-C, which a terminal tells all of its processes."""
    log = tmp_path / "log"
    with log.open("w") as output:
        # Whoever is started in the background does not hear of SIGINT, and who it starts does not either.
        child = subprocess.Popen([sys.executable, "-u", ROOT / "envoy/run.py"], env=environment(binary), stdout=output, stderr=subprocess.STDOUT,
                                 start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        local.wait_until(lambda: "Ctrl-C" in log.read_text() or child.poll() is not None, 40, "the run stays up")
        assert child.poll() is None, log.read_text()
        page = re.search(r"^page +(\S+)", log.read_text(), re.MULTILINE).group(1)
        with urllib.request.urlopen(page, timeout=5) as answer:
            assert b"<title>eventguard</title>" in answer.read()
        begin = time.monotonic()
        os.killpg(child.pid, end)
        assert child.wait(10) == 0, log.read_text()
        assert time.monotonic() - begin < 5
    finally:
        child.kill()
    left = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True).stdout
    assert str(ROOT / ".envoy/run/") not in left
