#!/usr/bin/env python3
"""What a call costs in the module's own code, function by function: the module under Node, with a host that does nothing, on the calls of
`make bench`. Tells where to look before a change, and whether it helped, in seconds and without a proxy; `make bench` has the last word,
since in a proxy caches are cold and the host's functions are not free (a call of the host takes 0.1 us, 1 us where it returns bytes).

Prints the microseconds of a call of each kind, how much more that is than of the first, and how often it asks the host; with `--functions N`
also for what, and the N functions that take longest, with all that they call and by themselves."""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import bench

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# As V8 runs in a proxy: everything compiled at once, and well.
NODE = ["node", "--no-liftoff"]


def kinds():
    """The policies of `make bench`, by name: the first one, and those that demand more."""
    checks = {name: bench.with_rules(**check) for name, check in bench.CHECKS.items()}
    return {"eventguard": bench.policy(None), "logs": {**bench.policy(None), "audit": {"cluster": "logs"}}, **checks,
            "all": bench.with_rules(**bench.ALL_CHECKS)}


def given(policy):
    """What a proxy would show the module."""
    body = bench.event()
    head = [(":method", "POST"), (":path", "/events/orders"), (":authority", "bus.shop.example"), (":scheme", "http"), *bench.calls()["plain"],
            ("x-forwarded-proto", "http"), ("x-request-id", "b4f8a2c1-0d3e-4f5a-9b6c-7d8e9f0a1b2c"), ("content-length", str(len(body)))]
    return json.dumps({"policy": json.dumps(policy), "headers": head, "body": body.decode()})


def run(module, path, calls, *options):
    done = subprocess.run([*NODE, *options, pathlib.Path(__file__).with_suffix(".mjs"), module, path, str(calls)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def functions(profile, whole):
    """Of each function of the module the time with all that it calls, and by itself, us per call; from a profile of V8's."""
    nodes = {node["id"]: node for node in profile["nodes"]}
    parents = {child: node["id"] for node in profile["nodes"] for child in node.get("children", ())}
    own = collections.Counter()
    for sample, delta in zip(profile["samples"], profile["timeDeltas"], strict=True):
        own[sample] += delta
    inside, alone, total = collections.Counter(), collections.Counter(), 0
    for leaf, time in own.items():
        stack, at = [], leaf
        while at is not None:
            frame = nodes[at]["callFrame"]
            stack.append((frame["functionName"], "wasm" in frame["url"]))
            at = parents.get(at)
        if ("call", False) not in stack:
            continue
        total += time
        for name in {name for name, is_wasm in stack if is_wasm}:
            inside[name] += time
        alone[stack[0][0]] += time
    return [(inside[name] / total * whole, alone[name] / total * whole, name) for name, _ in inside.most_common()]


def readable(name):
    """A mangled name (`_ZN`, then each part of the path behind its length) as its path, without the hash at its end."""
    parts, rest = [], name.removeprefix("_ZN") if name.startswith("_ZN") else ""
    while found := re.match(r"\d+", rest):
        end = found.end() + int(found[0])
        parts.append(rest[found.end():end])
        rest = rest[end:]
    text = "::".join(parts[:-1]) if parts else name
    text = re.sub(r"\$u([0-9a-f]{2})\$", lambda code: chr(int(code[1], 16)), text)
    for code, sign in (("$LT$", "<"), ("$GT$", ">"), ("$RF$", "&"), ("$C$", ", "), ("$LP$", "("), ("$RP$", ")"), ("..", "::")):
        text = text.replace(code, sign)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", type=pathlib.Path, default=ROOT / "target/named/wasm32-wasip1/release/eventguard.wasm")
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--kinds", nargs="*", choices=list(kinds()), default=list(kinds()))
    parser.add_argument("--functions", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    print(f"{'1 KB CloudEvent':<16}{'us/call':>9}{'more':>8}{'calls of the host':>20}")
    first = None
    with tempfile.TemporaryDirectory() as directory:
        for kind in arguments.kinds:
            path = pathlib.Path(directory) / f"{kind}.json"
            path.write_text(given(kinds()[kind]))
            whole, asked = run(arguments.module, path, arguments.calls), run(arguments.module, path, 0)
            first = whole if first is None else first
            print(f"{kind:<16}{whole:>9.2f}{whole - first:>+8.2f}{sum(asked.values()):>20.2f}", flush=True)
            if arguments.functions:
                print("  " + ", ".join(f"{name.removeprefix('proxy_')} {times:g}" for name, times in sorted(asked.items(), key=lambda each: -each[1])))
                run(arguments.module, path, arguments.calls, "--cpu-prof", "--cpu-prof-interval", "100", f"--cpu-prof-dir={directory}/{kind}")
                profile = json.loads(next(pathlib.Path(directory, kind).glob("*.cpuprofile")).read_text())
                for inside, alone, name in functions(profile, whole)[:arguments.functions]:
                    print(f"{inside:10.2f} {alone:6.2f}  {readable(name)}")


if __name__ == "__main__":
    main()
