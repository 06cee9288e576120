"""Every kind of key that signs tokens and messages, in a real proxy: what it verifies itself, and what the module does."""

import base64
import dataclasses
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import clients
import keys
from conftest import STRUCTURED, assert_admitted, assert_refused, cart_event, claims, publish, reference_policy

MAKERS = {
    "RS256-2048": lambda: rsa.generate_private_key(65537, 2048),
    "RS384-3072": lambda: rsa.generate_private_key(65537, 3072),
    "RS512-4096": lambda: rsa.generate_private_key(65537, 4096),
    "PS256-2048": lambda: rsa.generate_private_key(65537, 2048),
    "PS384-3072": lambda: rsa.generate_private_key(65537, 3072),
    "PS512-4096": lambda: rsa.generate_private_key(65537, 4096),
    "ES256-P256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384-P384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EdDSA-Ed25519": ed25519.Ed25519PrivateKey.generate,
}
SIGNING = ["ES256-P256", "ES384-P384", "EdDSA-Ed25519"]


@dataclasses.dataclass
class Bench:
    proxy: object
    private: dict

    def bearer(self, name, **more):
        return ("authorization", "Bearer " + keys.token(claims(**more), name, name.split("-")[0], self.private[name]))


@pytest.fixture(scope="module")
def bench(start):
    private = {name: make() for name, make in MAKERS.items()}
    policy = reference_policy()
    policy["issuers"][0]["algorithms"] = sorted({name.split("-")[0] for name in MAKERS})
    policy["issuers"][0]["jwks"]["inline"]["keys"] = [{**keys.jwk_of(key), "kid": name, "alg": name.split("-")[0]} for name, key in private.items()]
    policy["signers"] = [{"keyId": name, "publisher": "cart-service", "publicKey": keys.jwk_of(private[name])} for name in SIGNING]
    return Bench(start(policy), private)


@pytest.mark.parametrize("name", MAKERS)
def test_a_token_by_every_kind_of_key_is_admitted_and_one_by_another_key_refused(bench, upstream, name):
    assert_admitted(publish(bench.proxy, clients.H1, headers=[STRUCTURED, bench.bearer(name)]), upstream)
    forged = keys.token(claims(), name, name.split("-")[0], MAKERS[name]())
    call = publish(bench.proxy, clients.H1, headers=[STRUCTURED, ("authorization", f"Bearer {forged}")])
    assert_refused(call, upstream, "token.signature", 401)


@pytest.mark.parametrize("name", SIGNING)
def test_a_message_signed_by_every_kind_of_key_is_admitted_and_a_changed_one_refused(bench, upstream, name):
    body = cart_event()
    headers = [STRUCTURED, bench.bearer("EdDSA-Ed25519"), ("content-digest", keys.content_digest(body))]
    headers += keys.http_message(bench.private[name], name, int(time.time()), "POST", "bus.shop.example", "/events/carts", headers)
    assert_admitted(publish(bench.proxy, clients.H1, headers=headers, body=body), upstream)
    call = publish(bench.proxy, clients.H1, headers=headers, body=body, path="/events/carts?a=1", authority="other.shop.example")
    assert_refused(call, upstream, "signature.invalid", 401)


def test_fields_are_signed_in_every_form_and_a_401_tells_what_should_be_signed(start, upstream):
    private, policy, body = ed25519.Ed25519PrivateKey.generate(), reference_policy(), cart_event()
    policy["signers"] = [{"keyId": "cart", "publisher": "cart-service", "publicKey": keys.jwk_of(private)}]
    policy["signatures"] = {"httpMessage": {"structuredFields": {"x-tags": "list"}, "tag": "bus"}, "standardWebhooks": {}}
    next(rule for rule in policy["events"] if rule["type"] == "com.shop.cart.*")["signature"] = {"required": True}
    proxy, token = start(policy), ("authorization", "Bearer " + keys.token(claims()))
    digest = keys.content_digest(body)
    headers = [STRUCTURED, token, ("content-digest", digest), ("x-tags", "a,   b"), ("x-dict", "a=1,  b=2"), ("x-raw", "one"), ("x-raw", "two")]
    encoded = ", ".join(f":{base64.b64encode(line).decode()}:" for line in (b"one", b"two"))
    lines = [('"@method"', "POST"), ('"@authority"', "bus.shop.example"), ('"@path"', "/events/carts"), ('"content-digest"', digest),
             ('"x-tags";sf', "a, b"), ('"x-dict";key="b"', "2"), ('"x-raw";bs', encoded), ('"@query-param";name="id"', "7")]
    parameters = "(" + " ".join(name for name, _ in lines) + f');created={int(time.time())};keyid="cart";tag="bus"'
    base = "\n".join([f"{name}: {value}" for name, value in lines] + [f'"@signature-params": {parameters}'])
    signed = [("signature-input", f"s={parameters}"), ("signature", f"s=:{base64.b64encode(keys.sign(private, base.encode())).decode()}:")]
    assert_admitted(publish(proxy, clients.H1, headers=headers + signed, body=body, path="/events/carts?id=7"), upstream)
    other = publish(proxy, clients.H1, headers=headers + signed, body=body, path="/events/carts?id=8")
    assert_refused(other, upstream, "signature.invalid", 401)
    unsigned = publish(proxy, clients.H1, headers=headers, body=body)
    assert_refused(unsigned, upstream, "signature.missing", 401)
    asked = 'sig1=("@method" "@authority" "@path" "content-digest");created;keyid;tag="bus"'
    assert [call.response.header("accept-signature") for call in (other, unsigned)] == [asked, asked]
