#!/usr/bin/env python3
"""What `eventguard audit verify` costs: a file of chained records as four workers would have sent them, so many bytes of it, is verified, then
once more with one of its bytes changed. Prints bytes per second of user time and the most memory it had; fails where that is more than 64 MB,
where the whole file is not whole, or where the changed byte is not found."""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
COMMAND = ROOT / "target/release/eventguard"
CASE = ROOT / "tests/cases/29-wildcard-type.json"
MOST = 64 << 20
WORKERS = 4


def template():
    """A record that the filter would send, around its attestation: before it, and behind it with the places of its number and its time."""
    explain = [COMMAND, "explain", "--records", "--policy", ROOT / "tests/cases/policy.yaml", CASE]
    lines = subprocess.run(explain, check=True, capture_output=True, text=True).stdout.splitlines()
    record = json.loads(next(line for line in lines if line.startswith("{")))
    record["metadata"]["uid"], record["time"] = "UID", "TIME"
    # RFC 8785: there are whole numbers and ASCII names only.
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    before, name, behind = text.partition('"category_uid"')
    return before, (name + behind).replace("%", "%%").replace('"TIME"', "%(time)d").replace("UID", "%(uid)s")


class Chain:
    """Records in a row, as src/audit/chain.rs links them."""

    def __init__(self, index, pieces):
        self.uid, self.length, self.previous = f"{index:024x}", 0, ""
        self.before, self.behind = pieces

    def link(self):
        self.length += 1
        uid = f"{self.uid}-{self.length}"
        opening = f'{self.before}"attestation_list":[{{"chain_uid":"{self.uid}"'
        closing = f'{self.previous},"uid":"{self.length}"}}],' + self.behind % {"uid": uid, "time": 1795420800000 + self.length}
        value = hashlib.sha256((opening + closing).encode()).hexdigest()
        fingerprint = f'"fingerprint":{{"algorithm_id":3,"encoding_id":1,"serialization_id":2,"value":"{value}"}}'
        self.previous = f',"prev_event":{{{fingerprint},"uid":"{uid}"}}'
        return f"{opening},{fingerprint}{closing}\n"


def write(path, size):
    """Records in turn until there are so many bytes; how many there are."""
    pieces = template()
    chains, written, records = [Chain(index, pieces) for index in range(WORKERS)], 0, 0
    with path.open("w") as file:
        while written < size:
            for chain in chains:
                written += file.write(chain.link())
                records += 1
    return records


def change(path):
    """Changes one byte in the middle, of a record's digest of its data: the line that it is in."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.readline()
        start = file.tell()
        line = file.readline()
        at = start + line.index(b'"data_sha256":"') + 20
        file.seek(at)
        [byte] = file.read(1)
        file.seek(at)
        file.write(b"1" if byte == ord("0") else b"0")
        return line


def most_memory(pid):
    """The most bytes that the process had until it ended. (What `wait4` gives begins with those of its parent.)"""
    most = 0
    while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        most = next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM")), most)
        time.sleep(0.005)
    return most


def verify(path):
    """The report, with the exit code, the seconds on the processor and on the clock, and the most bytes of memory."""
    begin = time.monotonic()
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen([COMMAND, "audit", "verify", "--json", path], stdout=output)
        memory = most_memory(child.pid)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return json.load(output), child.returncode, used.ru_utime, time.monotonic() - begin, memory


def show(what, size, user, clock, memory):
    print(f"{what}: {user:.2f} s of user time ({size / user / 1e6:.0f} MB/s), {clock:.2f} s in all, {memory / 1e6:.1f} MB of memory at most")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bytes", type=float, default=1e9, help="of records (1e9)")
    arguments = parser.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as directory:
        path = pathlib.Path(directory) / "records.ndjson"
        records = write(path, arguments.bytes)
        size = path.stat().st_size
        print(f"{size / 1e6:.0f} MB: {records} records of {WORKERS} chains")
        report, code, *whole = verify(path)
        show("whole", size, *whole)
        if (code, report["wrong"], report["lines"], sum(chain["records"] for chain in report["chains"])) != (0, 0, records, records):
            wrong.append(f"what is whole is not found whole: exit code {code}, {report['wrong']} wrong of {report['lines']} lines: {report['findings'][:3]}")
        chain = json.loads(change(path))["attestation_list"][0]
        report, code, *changed = verify(path)
        show("with a byte changed", size, *changed)
        found = [(finding["wrong"], finding["chain"], str(finding["first"])) for finding in report["findings"]]
        if code != 1 or found != [("changed", chain["chain_uid"], chain["uid"])]:
            wrong.append(f"the changed byte is not what is found: exit code {code}: {found[:3]}")
    if max(whole[-1], changed[-1]) > MOST:
        wrong.append(f"more memory than {MOST / 1e6:.0f} MB")
    sys.exit("\n".join(wrong) or None)


if __name__ == "__main__":
    main()
