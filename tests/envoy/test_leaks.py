"""No token, key, secret or data leaves: calls of many kinds are made, admitted and refused, and all that leaves is searched for them."""

import gzip
import json
import subprocess
import time
import uuid

import pytest

import clients
import keys
import local
from conftest import HOLDS, STRUCTURED, bearer, cart_event, claims, publish, reference_policy
from leaks import Secrets, left
from limiter import Limiter
from messages import CloudEvent
from sink import Sink

TRACED = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
BATCH = ("content-type", "application/cloudevents-batch+json")
# The upstream gets what was published, and how it was signed.
UPSTREAMS = ("data", "a message's signature")


class Collector(Sink):
    """Keeps spans as they come."""

    def take(self, path, headers, body, mode):
        with self.lock:
            self.taken.append(body)
        return 200, "application/x-protobuf", b""


def unguessable(what):
    return f"{what}-{uuid.uuid4()}"


class World:
    """A proxy with every secret that a policy can have, its surroundings, and the calls that were made."""

    def __init__(self, start, upstream, hold):
        self.secrets, self.upstream, self.known = Secrets(), upstream, len(upstream.raw)
        self.sink, self.spans, self.limits = Sink(), Collector(), Limiter({("replay", "jti"): 1})
        self.data = self.secrets.add("data", unguessable("data"))
        self.hooks = self.secrets.add("a signer's secret", unguessable("hooks").encode())
        self.proxy = start(self.policy(), hold=hold, logs=self.sink, limits=self.limits, clusters={"collector": self.spans.port},
                           environment=self.environment())
        self.proxy.admin("/logging?wasm=trace", "POST")
        self.calls = []

    def policy(self):
        ours = reference_policy()
        for signer in ours["signers"]:
            if "secret" in signer:
                self.secrets.add("a signer's secret", signer["secret"]["value"].removeprefix("whsec_"))
                self.secrets.add("a signer's secret", keys.secret_bytes(signer["secret"]["value"]))
        ours["signers"].append({"keyId": "hooks", "publisher": "cart-service", "secret": {"env": "HOOKS"}})
        once = {"type": "com.shop.cart.Once", "publishers": [{"issuer": "shop", "subject": "cart-service"}],
                "replay": {"window": "10m", "scope": "cluster", "key": "jti"}}
        checkpoint = {"records": 2, "interval": "1s", "key": {"env": "AUDIT_KEY"}}
        return {**ours, "events": [once, *ours["events"]], "limiter": {"cluster": "limits"}, "traces": {"cluster": "collector"},
                "audit": {"cluster": "logs", "batch": {"records": 1}, "headers": {"Authorization": {"env": "LOGS_KEY"}}, "checkpoint": checkpoint}}

    def environment(self):
        made = subprocess.run([local.COMMAND, "keygen", "--kid", "audit-1"], check=True, capture_output=True, text=True)
        private = json.loads(made.stdout)["private"]
        self.secrets.add("the checkpoints' key", keys.unb64url(private["d"]))
        header = self.secrets.add("the log cluster's header", unguessable("logs"))
        return {"HOOKS": "whsec_" + keys.base64.b64encode(self.hooks).decode(), "AUDIT_KEY": json.dumps(private), "LOGS_KEY": f"ApiKey {header}"}

    def token(self, subject="cart-service", private=None, **more):
        """A bearer token whose parts, and the claims that nobody asks for, are secrets."""
        jti, email = (self.secrets.add("a claim", unguessable(name)) for name in ("jti", "email"))
        compact = keys.token(claims(subject, jti=jti, email=email, **more), private=private)
        return self.secrets.add_token(compact)

    def publish(self, code, *, status=200, **options):
        """One call, which must end with this code, or be admitted and end with the status."""
        options["headers"] = [*(options.get("headers") or self.headers()), TRACED]
        options.setdefault("body", cart_event(data=json.dumps(self.data)))
        call = publish(self.proxy, clients.H1, **options)
        found = call.response.problem["code"] if code else call.response.status
        assert found == (code or status), call.response
        self.calls.append(call)

    def headers(self, *more, token=None):
        return [STRUCTURED, ("authorization", f"Bearer {token or self.token()}"), *more]

    def left(self):
        return left(self.proxy, records=self.sink.exports, answers=[call.response for call in self.calls], upstream=self.upstream.raw[self.known:],
                    spans=self.spans.lines(), asked=self.limits.requests)

    def close(self):
        for end in (self.sink, self.spans, self.limits):
            end.close()


@pytest.fixture(params=HOLDS)
def world(request, start_once, upstream):
    made = World(start_once, upstream, request.param)
    yield made
    made.close()


def events(world):
    """What is wrong with the event, its data among it."""
    data = json.dumps(world.data)
    world.publish(None)
    world.publish("rule.unknown-type", body=cart_event(event_type="com.shop.unknown", data=data))
    world.publish("rule.topic", path="/events/orders", body=cart_event(data=data))
    world.publish("rule.schema", body=cart_event(event_type="com.shop.cart.Checkout", data=f'{{"total":{data}}}'))
    world.publish("rule.schema", body=cart_event(event_type="com.shop.cart.Checkout", data=f'{{"total":1,"lines":[{{"sku":{data}}}]}}'))
    world.publish("rule.condition", body=cart_event(event_type="com.shop.cart.Conditional", data=f'{{"total":{data}}}'))
    world.publish("event.malformed", body=cart_event(data=data)[:-2])
    world.publish("event.malformed", body=cart_event(data=data) + data.encode())
    world.publish("event.malformed", body=cart_event(data=f"[{data} {data}]"))
    world.publish("call.content-type", headers=[("content-type", "text/plain"), bearer()])
    world.publish("call.encoding", headers=world.headers(("content-encoding", "br")))
    world.publish("event.malformed", headers=world.headers(("content-encoding", "gzip")), body=gzip.compress(cart_event(data=data)[:-1]))
    world.publish("rule.unknown-type", headers=[BATCH, *world.headers()[1:]],
                  body=b"[" + cart_event("1", data=data) + b"," + cart_event("2", event_type="com.shop.unknown", data=data) + b"]")


def tokens(world):
    whole = world.token()
    header, payload, signature = whole.split(".")
    rogue = keys.private_for("OKP", "a rogue")
    expired = world.token(exp=int(time.time()) - 100)
    for code, token in [
        ("token.signature", world.token(private=rogue)), ("token.expired", expired), ("token.issuer", world.token(iss="https://idp.example")),
        ("token.malformed", f"{header}.{payload}"), ("token.malformed", f"{whole}.{signature}"), ("token.malformed", f"{header}.{payload}=.{signature}"),
        ("token.malformed", f"{payload}.{payload}.{signature}"[1:]), ("token.signature", f"{header}.{payload}.{signature[:-8]}AAAAAAAA"),
    ]:
        world.publish(code, headers=world.headers(token=token))
    # The second time the answer is remembered.
    world.publish("token.signature", headers=world.headers(token=f"{header}.{payload}.{signature[:-8]}AAAAAAAA"))
    # Envoy makes one header of two.
    world.publish("token.malformed", headers=world.headers(("authorization", f"Bearer {world.token()}")))
    world.publish("token.missing", headers=[STRUCTURED, ("x-token", world.token()), ("cookie", f"token={world.token()}")])
    world.publish("rule.publisher", headers=world.headers(token=world.token("order-service")))


def signatures(world):
    body = cart_event(data=json.dumps(world.data))
    world.publish(None, headers=signed(world, body), body=body)
    world.publish("signature.digest", headers=signed(world, body), body=body + b" ")
    world.publish("signature.unknown-key", headers=signed(world, body, "nobodys"), body=body)
    world.publish("signature.invalid", headers=signed(world, body, private=keys.private_for("OKP", "a rogue")), body=body)
    world.publish(None, headers=hooked(world, body, world.hooks), body=body)
    world.publish("signature.invalid", headers=hooked(world, body, b"another secret of no use"), body=body)


def signed(world, body, kid="cart-ed", private=None):
    headers = [*world.headers(), ("content-digest", keys.content_digest(body))]
    made = keys.http_message(private or keys.private_for("OKP", kid), kid, int(time.time()), "POST", "bus.shop.example", "/events/carts", headers)
    world.secrets.add("a message's signature", made[1][1].partition(":")[2].rstrip(":"))
    return headers + made


def hooked(world, body, secret):
    now = str(int(time.time()))
    signature = keys.standard_webhook(secret, "m-1", now, body)
    world.secrets.add("a message's signature", signature.removeprefix("v1,"))
    return world.headers(("webhook-id", "m-1"), ("webhook-timestamp", now), ("webhook-signature", signature))


def ends(world):
    """What becomes of calls behind the verdict, and of those that the limiter is asked about."""
    world.publish(None, status=503, headers=world.headers(("x-answer-with", "503")))
    once, token = cart_event(event_type="com.shop.cart.Once", data=json.dumps(world.data)), world.token()
    world.publish(None, headers=world.headers(token=token), body=once)
    world.publish("replay.seen", headers=world.headers(token=token), body=once)


def grpc(world):
    message = CloudEvent(id="g-1", source="/shop/cart", spec_version="1.0", type="com.shop.unknown", text_data=world.data).SerializeToString()
    for token, code in [(world.token(), "rule.unknown-type"), (world.token(exp=1), "token.expired")]:
        headers = [("content-type", "application/grpc"), ("te", "trailers"), ("authorization", f"Bearer {token}"), TRACED]
        call = publish(world.proxy, clients.H2, path="/shop.v1.Events/Publish", headers=headers, body=b"\0" + len(message).to_bytes(4, "big") + message)
        assert call.response.header("grpc-message").startswith(code), call.response
        world.calls.append(call)


def test_no_token_key_secret_or_data_leaves(world):
    for kind in (events, tokens, signatures, ends, grpc):
        kind(world)
    for call in world.calls:
        world.proxy.logged(call.id)
        local.wait_until(lambda: world.sink.of(call.id), 10, f"the record of {call.id}")
    local.wait_until(lambda: any(record["event"] == "checkpoint" for record in world.sink.records), 10, "a checkpoint")
    local.wait_until(lambda: world.spans.lines(), 10, "spans")
    time.sleep(1)
    found = world.left()
    # It was looked where something is to be seen, down to what Envoy writes of every call into the module.
    assert all(found.values()), {place: len(data) for place, data in found.items()}
    assert b"proxy_on_request_headers" in found["Envoy's log"] and b"eventguard_events_total" in found["the statistics"]
    leaks = {place: world.secrets.found_in(data, UPSTREAMS if place == "the upstream" else ()) for place, data in found.items()}
    assert leaks == dict.fromkeys(found, {})


def test_the_token_in_an_address_is_in_no_record_no_answer_and_no_span(world):
    token = world.token()
    world.publish(None, path=f"/events/carts?access_token={token}")
    world.publish("rule.unknown-type", path=f"/events/carts?access_token={token}", body=cart_event(event_type="com.shop.unknown"))
    world.publish("route.unmatched", path=f"/nowhere/{token}")
    for call in world.calls:
        world.sink.wait(call.id, seconds=10)
    local.wait_until(lambda: world.spans.lines(), 10, "spans")
    found = world.left()
    del found["the upstream"], found["the limiter"]
    assert all(found.values()), {place: len(data) for place, data in found.items()}
    assert {place: world.secrets.found_in(data) for place, data in found.items()} == dict.fromkeys(found, {})


def test_the_search_finds_what_it_should():
    secrets = Secrets()
    compact = keys.token(claims())
    header, payload, signature = secrets.add_token(compact).split(".")
    secrets.add("key", bytes(range(200, 232)))
    for text in (header, payload, signature, f"cut `{payload[40:100]}`", signature[3:30], bytes(range(200, 232)).hex(), keys.b64url(bytes(range(200, 232)))):
        assert secrets.found_in(f"before {text} behind"), text
    assert secrets.found_in(b"\0" + bytes(range(205, 225)))
    assert secrets.found_in("nothing of it " + "eyJhbGciOiJub25lIn0") == {}
    assert set(secrets.found_in(compact)) == {"a token's header", "a token's claims", "a token's signature"}
    assert secrets.found_in(signature, spared=("a token's signature",)) == {}
