#!/usr/bin/env python3
"""What a call costs: Envoy without a filter, with its native filters for the same task, with a filter of ours that only reads, with one
that also asks the proxy for all that eventguard does, and with eventguard, on the same 1 KB CloudEvent. One worker each; the rounds are
interleaved, so that a noisy minute meets all alike.

Prints a table: requests per second and latency under load (wrk), CPU per call of the whole Envoy process (schedstat), best round
each; before it the module's size and the time until an Envoy with it is ready. With `--stages`, also eventguard stopped early and
with one thing more, so that the differences between neighbours are the cost of each stage."""

import argparse
import dataclasses
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "envoy"), str(ROOT / "tests/envoy")]

import keys  # noqa: E402
import local  # noqa: E402
import proxy as proxies  # noqa: E402

EXAMPLES = ROOT / "target/wasm32-wasip1/release/examples"
ISSUER = "https://idp.shop.example/realms/shop"
SECRET = "whsec_Zm9yIHRyeWluZyBldmVudGd1YXJkLCBub3QgYSBzZWNyZXQ="
TYPE = "com.shop.order.ItemShipped"


def event():
    """A CloudEvent of 1,024 bytes."""
    text = json.dumps({"specversion": "1.0", "id": "e-1", "source": "/shop/shipping", "type": TYPE, "time": "2026-11-23T07:59:58Z",
                       "datacontenttype": "application/json", "data": {"orderId": "order-789", "note": "PAD"}}, separators=(",", ":"))
    return text.replace("PAD", "a" * (1024 - len(text) + 3)).encode()


def policy(signature):
    jwk = {**keys.jwk_of(keys.private_for("EC", "bench")), "kid": "bench", "alg": "ES256", "use": "sig"}
    rule = {"type": TYPE, "topics": ["orders"], "sources": ["/shop/shipping"], "publishers": [
        {"issuer": "shop", "subject": "shipping-service", "claims": {"/realm_access/roles": "publisher"}}]}
    if signature:
        rule["signature"] = {"required": True}
    return {
        "version": 1,
        "issuers": [{"name": "shop", "issuer": ISSUER, "audiences": ["event-bus"], "algorithms": ["ES256"], "maxAge": "1h", "jwks": {"inline": {"keys": [jwk]}}}],
        "signers": [
            {"keyId": "hmac", "publisher": "shipping-service", "secret": {"value": SECRET}},
            {"keyId": "ed", "publisher": "shipping-service", "publicKey": keys.jwk_of(keys.private_for("OKP", "bench"))},
        ],
        "signatures": {"httpMessage": {"components": ["@method", "@authority", "@path", "content-digest"], "maxAge": "1h"}, "standardWebhooks": {"tolerance": "1h"}},
        "routes": [{"name": "cloudevents", "match": {"methods": ["POST"], "path": "/events/{topic}"}, "protocol": "cloudevents"}],
        "events": [rule],
    }


SCHEMA = {"type": "object", "required": ["orderId"], "properties": {
    "orderId": {"type": "string", "pattern": "^order-[0-9]+$"}, "note": {"type": "string", "maxLength": 2000}}}
CONDITION = 'event.data.orderId.startsWith("order-") && claims.realm_access.roles.exists(role, role == "publisher")'


# What a rule may demand of an event beside who publishes it, and where.
CHECKS = {
    "schema": {"schema": {"json": SCHEMA, "unknownFields": "refuse"}},
    "condition": {"conditions": [CONDITION]},
    "rate": {"rate": {"limit": 1_000_000, "per": "1s", "by": ["publisher"]}},
    "replay": {"replay": {"window": "3650d"}},
}
ALL_CHECKS = {key: value for check in CHECKS.values() for key, value in check.items()}


def with_rules(**more):
    """The policy with more in its one rule, and room for what it has to remember."""
    ours = policy(None)
    return {**ours, "events": [{**ours["events"][0], **more}], "memory": {"entries": 1_000_000}}


def native_filters():
    """What comes nearest with Envoy's own filters: token, type by json_to_metadata, and who may publish it by rbac."""
    jwks = {"keys": [{**keys.jwk_of(keys.private_for("EC", "bench")), "kid": "bench", "alg": "ES256", "use": "sig"}]}

    def metadata(filter_name, path, exact):
        return {"metadata": {"filter": filter_name, "path": [{"key": key} for key in path], "value": {"string_match": {"exact": exact}}}}

    return [
        {"name": "envoy.filters.http.jwt_authn", "typed_config": proxies.typed(
            "filters.http.jwt_authn.v3.JwtAuthentication",
            providers={"shop": {"issuer": ISSUER, "audiences": ["event-bus"], "local_jwks": {"inline_string": json.dumps(jwks)},
                                "payload_in_metadata": "payload", "jwt_cache_config": {"jwt_cache_size": 1000}}},
            rules=[{"match": {"prefix": "/"}, "requires": {"provider_name": "shop"}}])},
        {"name": "envoy.filters.http.json_to_metadata", "typed_config": proxies.typed(
            "filters.http.json_to_metadata.v3.JsonToMetadata", request_rules={
                "allow_content_types": ["application/cloudevents+json"],
                "rules": [{"selectors": [{"key": key}], "on_present": {"metadata_namespace": "event", "key": key}} for key in ("type", "source")]})},
        {"name": "envoy.filters.http.rbac", "typed_config": proxies.typed("filters.http.rbac.v3.RBAC", rules={
            "action": "ALLOW", "policies": {"shipped": {
                "permissions": [{"and_rules": {"rules": [
                    {"url_path": {"path": {"exact": "/events/orders"}}}, metadata("event", ["type"], TYPE), metadata("event", ["source"], "/shop/shipping")]}}],
                "principals": [metadata("envoy.filters.http.jwt_authn", ["payload", "sub"], "shipping-service")]}}})},
    ]


def buffer():
    return {"name": "envoy.filters.http.buffer", "typed_config": proxies.typed("filters.http.buffer.v3.Buffer", max_request_bytes=1 << 20)}


@dataclasses.dataclass
class Kind:
    """One Envoy and the calls that go through it."""
    name: str
    proxy: proxies.Proxy
    headers: list
    path: str = "/events/orders"
    tokens: list = dataclasses.field(default_factory=list)
    unique: bool = False
    rounds: list = dataclasses.field(default_factory=list)


class Upstream(local.Envoy):
    """What answers behind all of them: an Envoy that only answers, which no load generator can outrun."""

    def __init__(self, binary, directory):
        port, admin = local.free_port(), local.free_port()
        manager = proxies.typed(
            "filters.network.http_connection_manager.v3.HttpConnectionManager", stat_prefix="upstream",
            route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}]}]},
            # Without the buffer a direct response would come before the body is there.
            http_filters=[buffer(), {"name": "envoy.filters.http.router", "typed_config": proxies.typed("filters.http.router.v3.Router")}])
        config = {"admin": {"address": proxies.address(admin)}, "static_resources": {"listeners": [{
            "name": "upstream", "address": proxies.address(port),
            "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}]}}
        path = pathlib.Path(directory) / "upstream.yaml"
        path.write_text(json.dumps(config))
        self.port = port
        super().__init__(binary, path, admin, pathlib.Path(directory) / "upstream.log")


def token(number):
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": "shipping-service", "aud": "event-bus", "iat": now - 1, "exp": now + 3000, "jti": number,
              "realm_access": {"roles": ["offline", "publisher"]}, "azp": "shop", "scope": "events", "name": "shipping service", "padding": "a" * 120}
    return keys.token(claims, "bench", "ES256", keys.private_for("EC", "bench"))


def calls():
    """Headers per kind of call, made at once: a run must not take longer than a signature lives."""
    now, body = int(time.time()), event()
    plain = [("content-type", "application/cloudevents+json"), ("authorization", "Bearer " + token("1")),
             ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("accept", "*/*"), ("user-agent", "shipping/1.0")]
    digest = [("content-digest", keys.content_digest(body))]

    def signed(private, key_id):
        return plain + digest + keys.http_message(private, key_id, now, "POST", "bus.shop.example", "/events/orders", digest)

    return {"plain": plain, "hmac": signed(keys.secret_bytes(SECRET), "hmac"), "ed25519": signed(keys.private_for("OKP", "bench"), "ed")}


LUA = """wrk.method = "POST"
wrk.body = %s
%s
done = function(summary, latency)
  io.write(string.format('{"requests":%%d,"us":%%d,"p50":%%d,"p99":%%d,"errors":%%d}\\n', summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


def script(directory, kind):
    """wrk's script: the body and headers of the call."""
    lines = [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in [("Host", "bus.shop.example"), *kind.headers]]
    if kind.tokens:
        # Every call another token, in turn: more of them than the cache holds.
        lines += ["local tokens = {", *(json.dumps(token) + "," for token in kind.tokens), "}", "local turn = 0",
                  'request = function() turn = turn %% #tokens + 1; wrk.headers["authorization"] = tokens[turn]; return wrk.format() end'.replace("%%", "%")]
    if kind.unique:
        lines += ["local count, body = 0, wrk.body", "local run = os.time()",
                  'request = function() count = count + 1; wrk.body = body:gsub("e%-1", "e-" .. run .. "-" .. count); return wrk.format() end']
    path = pathlib.Path(directory) / f"{kind.name.replace(' ', '-')}.lua"
    path.write_text(LUA % (json.dumps(event().decode()), "\n".join(lines)))
    return path


def cpu_ns(pid):
    """CPU time of all threads of a process, ns."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def measure(kind, path, seconds, connections):
    before = cpu_ns(kind.proxy.pid)
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", path, f"http://127.0.0.1:{kind.proxy.port}{kind.path}"],
                          capture_output=True, text=True, check=True)
    used = cpu_ns(kind.proxy.pid) - before
    found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    if found["errors"]:
        raise RuntimeError(f"{kind.name}: {found['errors']} calls did not get 200\n{done.stdout}\n{kind.proxy.output()[-1000:]}")
    # What is lost costs nothing.
    if any(kind.proxy.stats("eventguard_audit_dropped_total").values()):
        raise RuntimeError(f"{kind.name}: records were lost, although the log cluster takes them")
    return {"rate": found["requests"] / found["us"] * 1e6, "p50": found["p50"], "p99": found["p99"], "cpu": used / found["requests"] / 1e3}


def start_time(binary, directory, upstream):
    """Seconds from start to ready: (without a filter, with eventguard), best of three."""
    def once(name, **options):
        best = []
        for index in range(3):
            begin = time.monotonic()
            started = proxies.Proxy(binary, f"{directory}/{name}{index}", policy(None), upstream=upstream, access_log=False, **options)
            best.append(time.monotonic() - begin)
            started.stop()
        return min(best)

    return once("bare", filters=[]), once("guarded")


def starter(binary, directory, upstream):
    made = calls()

    def start(name, headers, given=None, path="/events/orders", tokens=(), unique=False, **options):
        return Kind(name, proxies.Proxy(binary, f"{directory}/{name.replace(' ', '-')}", policy(None) if given is None else given,
                                        upstream=upstream, access_log=False, **options), made[headers], path, list(tokens), unique)

    return start


def kinds(start):

    yield start("no filter", "plain", filters=[buffer()])
    yield start("native filters", "plain", filters=native_filters())
    yield start("read only", "plain", module=EXAMPLES / "read_only.wasm", vm_id="read_only")
    yield start("calls of the host alone", "plain", module=EXAMPLES / "host_calls.wasm", vm_id="host_calls")
    yield start("eventguard", "plain")
    yield start("eventguard hmac", "hmac", given=policy("http-message"))
    yield start("eventguard ed25519", "ed25519", given=policy("http-message"))


def stages(start, logs):
    """eventguard stopped early, and with one thing more than it needs."""
    yield start("no route matches", "plain", given={**policy(None), "unmatched": "pass"}, path="/elsewhere")
    yield start("token not cached", "plain", tokens=["Bearer " + token(str(number)) for number in range(6000)])
    yield start("records to a log cluster", "plain", logs=logs)
    yield start("the same without a chain", "plain", logs=logs, given={**policy(None), "audit": {"cluster": "logs", "integrity": "none"}})
    yield start("records by Envoy's OTLP logger", "plain", manager={"access_log": [otlp_logger()]}, clusters={"otlp": logs.port})
    for check in ("schema", "condition", "rate"):
        yield start(check, "plain", given=with_rules(**CHECKS[check]))
    yield start("another id each", "plain", unique=True)
    yield start("another id each and replay", "plain", given=with_rules(**CHECKS["replay"]), unique=True)
    yield start("another id each and all of these", "plain", given=with_rules(**ALL_CHECKS), unique=True)


def otlp_logger():
    """Envoy's own way of sending the same records, to compare with."""
    return {"name": "envoy.access_loggers.open_telemetry", "typed_config": proxies.typed(
        "access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig",
        http_service={"http_uri": {"uri": "http://127.0.0.1/v1/logs", "cluster": "otlp", "timeout": "5s"}}, buffer_size_bytes=1 << 19,
        body={"string_value": "%FILTER_STATE(wasm.eventguard:PLAIN)%"},
        attributes={"values": [{"key": "event.name", "value": {"string_value": "eventguard.verdict"}}]})}


class LogCluster(local.Process):
    """`eventguard audit sink`, which forgets."""

    def __init__(self, directory):
        self.port = local.free_port()
        super().__init__([local.COMMAND, "audit", "sink", "--listen", f"127.0.0.1:{self.port}", "--output", "/dev/null", "--format", "ndjson"],
                         f"{directory}/sink.log")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--stages", action="store_true")
    parser.add_argument("--json", type=pathlib.Path, help="also write every round to this file")
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("make bench: the load generator `wrk` is not on the path (Debian: apt-get install wrk)")
    binary = subprocess.run([ROOT / "envoy/get-envoy"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    with tempfile.TemporaryDirectory() as directory:
        upstream = Upstream(binary, directory)
        bare, guarded = start_time(binary, directory, upstream)
        size = local.MODULE.stat().st_size
        print(f"module {size:,} bytes; Envoy ready in {guarded:.2f} s with it, {bare:.2f} s without", flush=True)
        start = starter(binary, directory, upstream)
        measured, logs = list(kinds(start)), LogCluster(directory)
        if arguments.stages:
            measured += stages(start, logs)
        try:
            scripts = {kind.name: script(directory, kind) for kind in measured}
            for number in range(arguments.rounds + 1):
                for kind in measured:
                    found = measure(kind, scripts[kind.name], arguments.seconds if number else 1, arguments.connections)
                    # The first round only warms up.
                    if number:
                        kind.rounds.append(found)
        finally:
            for kind in measured:
                kind.proxy.stop()
            logs.stop()
            upstream.stop()
    report(measured)
    if arguments.json:
        arguments.json.write_text(json.dumps({"bytes": size, "ready": [bare, guarded], "kinds": {kind.name: kind.rounds for kind in measured}}, indent=1))


def report(measured):
    print(f"\n{'1 KB CloudEvent, one worker':<28}{'requests/s':>12}{'(median)':>10}{'p50 us':>9}{'p99 us':>9}{'CPU us/call':>13}{'(median)':>10}")
    for kind in measured:
        def best(key, choose=min):
            return choose(found[key] for found in kind.rounds)

        def median(key):
            return statistics.median(found[key] for found in kind.rounds)

        print(f"{kind.name:<28}{best('rate', max):>12,.0f}{median('rate'):>10,.0f}{best('p50'):>9,.0f}{best('p99'):>9,.0f}{best('cpu'):>13.1f}{median('cpu'):>10.1f}")
    by_name = {kind.name: min(found["cpu"] for found in kind.rounds) for kind in measured}
    print(f"\neventguard over the filter that only reads: {by_name['eventguard'] - by_name['read only']:+.1f} us CPU per call (aim: 10 or less)")
    rates = {kind.name: statistics.median(found["rate"] for found in kind.rounds) for kind in measured}
    print(f"eventguard over the native filters: {rates['eventguard'] / rates['native filters']:.2f} times the requests (aim: 0.90 or more)")


if __name__ == "__main__":
    main()
