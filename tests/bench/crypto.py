#!/usr/bin/env python3
"""What a signature costs: natively, in the module (V8, in Envoy), and by the proxy itself, for each scheme; then what the first call with
a token costs beside the bare check of its signature, and a token that is known beside none. One core, the best of many short rounds,
in turn: what else the machine does spoils few of them."""

import argparse
import base64
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "envoy"), str(ROOT / "tests/envoy"), str(ROOT / "tests/bench")]

import jwt  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa  # noqa: E402

import keys  # noqa: E402
import local  # noqa: E402
import proxy as proxies  # noqa: E402
from bench import Upstream  # noqa: E402

MODULE = ROOT / "target/wasm32-wasip1/release/examples/crypto_proxy.wasm"
NATIVE = ROOT / "target/release/examples/crypto_native"
MESSAGE = b"a" * 300
NOW = int(time.time())
ISSUER = "https://idp.shop.example/realms/shop"


def b64(data):
    return base64.b64encode(data).decode()


def field(number, data):
    """A field of a message of Protocol Buffers."""
    length, rest = bytearray(), len(data)
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    return bytes([number << 3 | 2, *length, rest]) + data


def arguments(private, signature, text, digest=b"sha256"):
    """What `verify_signature` takes."""
    spki = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b64(field(1, digest) + field(2, spki) + field(3, signature) + field(4, text))


def pss(private, message):
    return private.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


def schemes():
    """Name, and the task that measures it; `bare` alone where no key of that kind is fit for use here."""
    secret = b"a secret of thirty-two bytes, ok"
    yield "HMAC-SHA256", {"secret": b64(secret), "signature": b64(keys.sign(secret, MESSAGE))}
    for name, alg, private in [("Ed25519", "EdDSA", ed25519.Ed25519PrivateKey.generate()), ("ES256", "ES256", ec.generate_private_key(ec.SECP256R1())),
                               ("ES384", "ES384", ec.generate_private_key(ec.SECP384R1()))]:
        yield name, {"jwk": keys.jwk_of(private), "alg": alg, "signature": b64(keys.sign(private, MESSAGE))}
    for bits in (2048, 3072, 4096, 8192):
        private = rsa.generate_private_key(65537, bits)
        bare = {"arguments": arguments(private, keys.sign(private, MESSAGE), MESSAGE)}
        if bits > 4096:
            yield f"RS256, {bits} bits", bare
            continue
        yield f"RS256, {bits} bits", {"jwk": keys.jwk_of(private), "alg": "RS256", "signature": b64(keys.sign(private, MESSAGE)), **bare}
        yield f"PS256, {bits} bits", {"jwk": keys.jwk_of(private), "alg": "PS256", "signature": b64(pss(private, MESSAGE))}


def tokens():
    """What a call costs with a token, new and known, beside what it cannot cost less than."""
    private = rsa.generate_private_key(65537, 2048)
    claims = {"iss": ISSUER, "sub": "cart-service", "aud": "event-bus", "iat": NOW - 1, "exp": NOW + 3000, "jti": "1", "azp": "shop", "scope": "events",
              "realm_access": {"roles": ["offline", "publisher"]}, "name": "cart service"}
    token = jwt.encode(claims, private, algorithm="RS256", headers={"kid": "k"})
    signed, _, signature = token.rpartition(".")

    def policy(**more):
        return {"version": 1, "issuers": [{"name": "shop", "issuer": ISSUER, "audiences": ["event-bus"], "algorithms": ["RS256"], "maxAge": "1h",
                                           "jwks": {"inline": {"keys": [{**keys.jwk_of(private), "kid": "k", "alg": "RS256"}]}}}],
                "routes": [{"name": "cloudevents", "match": {"methods": ["POST"], "path": "/events/{topic}"}, "protocol": "cloudevents", **more}],
                "events": [{"type": "com.shop.*", "topics": ["carts"], "publishers": [{"subject": "cart-service"}]}]}

    headers = [[":method", "POST"], [":authority", "bus.shop.example"], [":path", "/events/carts"], [":scheme", "http"], ["content-type", "application/cloudevents+json"],
               ["content-length", "1024"], ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"], ["accept", "*/*"],
               ["user-agent", "carts/1.0"], ["x-request-id", "9ba7fb71-dd88-4bc8-984b-005f2762f07a"], ["authorization", "Bearer " + token]]
    common = {"now": NOW}
    return {
        "the bare check": {"by": "bare", "arguments": arguments(private, keys.unb64url(signature), signed.encode())},
        "the first call's token": {"by": "proxy", **common, "policy": policy(), "token": token},
        "a head without a token": {"by": "proxy", **common, "policy": policy(anonymous=True), "headers": headers},
        "a head with a known token": {"by": "proxy", **common, "policy": policy(), "headers": headers},
    }


class Bench:
    """Where tasks are measured: an Envoy, and a process beside it."""

    def __init__(self, binary, directory):
        self.proxy = proxies.Proxy(binary, directory, {}, upstream=Upstream(binary, directory), access_log=False, module=MODULE, vm_id="bench")
        self.native = subprocess.Popen([NATIVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, task, rounds):
        task = {"message": b64(MESSAGE), "rounds": rounds, **task}
        if task["by"] == "native":
            self.native.stdin.write(json.dumps(task) + "\n")
            self.native.stdin.flush()
            answer = json.loads(self.native.stdout.readline())
        else:
            call = urllib.request.Request(f"http://127.0.0.1:{self.proxy.port}/", json.dumps(task).encode(), method="POST")
            with urllib.request.urlopen(call) as response:
                answer = json.load(response)
        return answer["ns"] / 1000 if answer["done"] else None

    def stop(self):
        self.proxy.stop()
        self.native.stdin.close()
        self.native.wait()


def run(bench, tasks, rounds):
    """The best of each task, in microseconds; `None` where it cannot be done. The tasks take turns."""
    best = {}
    for _ in range(rounds):
        for name, task in tasks.items():
            found = bench.measure(task, 25)
            best[name] = found if best.get(name) is None or found is None else min(best[name], found)
    return best


def text(value):
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    binary = subprocess.run([ROOT / "envoy/get-envoy"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(binary, directory)
        try:
            print("microseconds | natively | in the module | by the proxy")
            for name, task in schemes():
                own = {by: {**task, "by": by} for by in ("native", "module") if "arguments" not in task or "jwk" in task}
                by_proxy = {"proxy": {**task, "by": "bare" if "jwk" not in task else "proxy"}} if name[0] in "RE" and name != "Ed25519" else {}
                best = run(bench, {**own, **by_proxy}, rounds)
                print(f"{name} | {text(best.get('native'))} | {text(best.get('module'))} | {text(best.get('proxy'))}", flush=True)
            for name, value in run(bench, tokens(), rounds * 5).items():
                print(f"RS256, 2048 bits: {name}: {text(value)}", flush=True)
        finally:
            bench.stop()


if __name__ == "__main__":
    main()
