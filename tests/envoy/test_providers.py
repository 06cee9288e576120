"""Tokens and keys of identity providers of others, found by their metadata: a certified OpenID provider, and one whose keys rotate."""

import base64
import json
import threading
import time

import jwt
import pytest
import requests

import clients
import local
from conftest import HOLDS, STRUCTURED, assert_admitted, assert_refused, publish
from providers import Provider, are_there, private_jwk, proof_of_possession
from test_stats import counters

pytestmark = pytest.mark.skipif(not are_there(), reason="without Node.js and the packages of tests/idp; make test-envoy installs them")

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
BUS, OTHER = "urn:shop:event-bus", "urn:shop:other"


def policy(issuer, publishers, audience, *, typ=None, **discovery):
    return {
        "version": 1,
        "issuers": [{"name": "idp", "issuer": issuer, "audiences": [audience], "algorithms": ALGORITHMS, **({"typ": typ} if typ else {}),
                     "jwks": {"discovery": {"cluster": "idp", "timeout": "2s", **discovery}}}],
        "routes": [{"name": "events", "match": {"path": "/events/{topic}"}, "protocol": "cloudevents"}],
        "events": [{"type": "com.shop.cart.*", "publishers": publishers}],
    }


def send(proxy, token, client=clients.H1):
    return publish(proxy, client, headers=[STRUCTURED, ("authorization", f"Bearer {token}")])


@pytest.fixture(scope="module")
def provider():
    with_end = Provider("provider.mjs")
    yield with_end
    with_end.close()


@pytest.fixture(scope="module", params=HOLDS)
def proxy(request, start, provider):
    publishers = [{"issuer": "idp", "client": algorithm, "scopes": ["events:publish"]} for algorithm in ALGORITHMS]
    return start(policy(provider.issuer, publishers, BUS, typ="at+jwt"), hold=request.param, concurrency=2, clusters={"idp": provider.port})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_by_each_algorithm_of_the_provider_is_admitted(proxy, provider, upstream, algorithm):
    token = provider.token(algorithm, scope="events:publish events:read", resource=BUS)
    assert (header := jwt.get_unverified_header(token))["alg"] == algorithm and header["typ"] == "at+jwt"
    for client in [*clients.BOTH, clients.H1]:
        assert assert_admitted(send(proxy, token, client), upstream).header("x-eventguard-publisher") == [f"idp/{algorithm}"]
    assert counters(proxy, "eventguard_key_set_fetches_total", set="idp", result="ok") == 1
    assert counters(proxy, "eventguard_key_set_used", set="idp") == len(ALGORITHMS)


def introspected(provider):
    """What the provider says of a token, signed by the same key as its tokens (RFC 9701)."""
    token = provider.token("ES256", scope="events:publish")
    answer = provider.post("/token/introspection", {"token": token}, auth=("ES256", "secret"),
                           headers={"accept": "application/token-introspection+jwt"})
    return answer.text


def renamed(provider):
    """A token by a key for PS256 whose header says RS256."""
    header, rest = provider.token("PS256", scope="events:publish", resource=BUS).split(".", 1)
    header = {**json.loads(base64.urlsafe_b64decode(header + "==")), "alg": "RS256"}
    return base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=") + "." + rest


def borrowed(provider):
    """The claims of one token with the signature of another by the same key."""
    one, other = (provider.token("EdDSA", scope=scope, resource=BUS) for scope in ["events:publish", "events:read"])
    return one.rpartition(".")[0] + "." + other.rpartition(".")[2]


def bound(provider):
    proof = proof_of_possession(provider.issuer + "/token")
    return provider.token("ES256", headers={"dpop": proof}, scope="events:publish", resource=BUS)


REFUSED = {
    "for-another-audience": (lambda provider: provider.token("RS256", scope="events:publish", resource=OTHER), "token.audience", 401),
    "for-another-scope": (lambda provider: provider.token("RS256", scope="events:read", resource=BUS), "rule.publisher", 403),
    "for-no-scope": (lambda provider: provider.token("RS256", resource=BUS), "rule.publisher", 403),
    "opaque": (lambda provider: provider.token("RS256", scope="events:publish"), "token.malformed", 401),
    "of-another-type": (introspected, "token.type", 401),
    "of-another-algorithm": (renamed, "token.algorithm", 401),
    "with-another-signature": (borrowed, "token.signature", 401),
    "bound-to-a-key": (bound, "token.binding", 401),
}


@pytest.mark.parametrize("make, code, status", REFUSED.values(), ids=REFUSED.keys())
def test_another_token_of_the_provider_is_refused(proxy, provider, upstream, make, code, status):
    assert_refused(send(proxy, make(provider)), upstream, code, status)


class Rotating:
    """A provider at one address, whose keys change as keys of providers do: it ends, and starts again with others."""

    def __init__(self, *kids):
        self.port = local.free_port()
        self.start(*kids)
        self.issuer = self.provider.issuer

    def start(self, *kids):
        self.provider = Provider("rotating.mjs", port=self.port, keys=[private_jwk(kid) for kid in kids])

    def close(self):
        self.provider.close()

    def rotate(self, *kids):
        self.close()
        self.start(*kids)

    def token(self):
        """As soon as there is somebody to give one."""
        while True:
            try:
                return self.provider.token(aud="event-bus")
            except requests.ConnectionError:
                time.sleep(0.05)


@pytest.fixture
def rotating():
    with_end = Rotating("first")
    yield with_end
    with_end.close()


def rotating_policy(rotating, **discovery):
    return policy(rotating.issuer, [{"subject": "cart-service"}], "event-bus", **discovery)


@pytest.mark.slow
def test_a_provider_that_rotates_its_keys_under_load_has_no_honest_call_refused(start_once, rotating, upstream):
    proxy = start_once(rotating_policy(rotating, refresh="1s"), concurrency=2, clusters={"idp": rotating.port})
    end, made = threading.Event(), []

    def publish_on(client):
        while not end.is_set():
            token = rotating.token()
            made.append((jwt.get_unverified_header(token)["kid"], send(proxy, token, client).response.status))

    threads = [threading.Thread(target=publish_on, args=(client,)) for client in clients.BOTH * 2]
    for thread in threads:
        thread.start()
    old = rotating.token()
    for kids in [("first", "second"), ("second",), ("second", "third")]:
        time.sleep(2)
        rotating.rotate(*kids)
    time.sleep(3)
    end.set()
    for thread in threads:
        thread.join()
    assert {status for _, status in made} == {200} and len(made) > 100, made
    assert {kid for kid, _ in made} == {"first", "second", "third"}
    # It has not ended, but its key has, and it was verified before.
    assert_refused(send(proxy, old), upstream, "token.unknown-key", 401)


@pytest.mark.slow
def test_a_provider_that_is_gone_is_done_without_for_so_long_and_found_again(start_once, rotating, upstream):
    proxy = start_once(rotating_policy(rotating, refresh="1s", maxStale="4s"), clusters={"idp": rotating.port})
    token = rotating.token()
    assert_admitted(send(proxy, token), upstream)
    rotating.close()
    gone = time.monotonic()
    while time.monotonic() < gone + 3:
        assert_admitted(send(proxy, token), upstream)
    # The set was fetched a second before, at most.
    local.wait_until(lambda: send(proxy, token).response.status == 503, 4, "the end of the keys")
    assert_refused(send(proxy, token), upstream, "keys.unavailable", 503)
    rotating.start("first", "second")
    # A retry that was due while nobody was there has put the next one off.
    local.wait_until(lambda: send(proxy, token).response.status == 200, 40, "the keys again")
    for _ in range(2):
        assert_admitted(send(proxy, rotating.token()), upstream)
