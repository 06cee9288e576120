"""Contracts, with data that others' producers write: what joserfc encrypts passes, and what it does not encrypt does not."""

import itertools
import json

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

import clients
from conftest import STRUCTURED, assert_admitted, assert_refused, bearer, publish, reference_policy

KEYS = {
    "RSA-OAEP": RSAKey.generate_key(2048, {"kid": "vault"}),
    "RSA-OAEP-256": RSAKey.generate_key(2048, {"kid": "vault"}),
    "ECDH-ES": ECKey.generate_key("P-256", {"kid": "vault"}),
    "ECDH-ES+A128KW": OKPKey.generate_key("X25519", {"kid": "vault"}),
    "ECDH-ES+A256KW": ECKey.generate_key("P-521", {"kid": "vault"}),
    "A256KW": OctKey.generate_key(256, {"kid": "vault"}),
    "A256GCMKW": OctKey.generate_key(256, {"kid": "vault"}),
    "PBES2-HS256+A128KW": OctKey.generate_key(256, {"kid": "vault"}),
}
ENCRYPTIONS = ["A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"]
REGISTRY = jwe.JWERegistry(algorithms=[*KEYS, *ENCRYPTIONS, "DEF"])
CARD = "4111111111111111"
JSON_TYPE = "com.shop.cart.Paid"


def rule(event_type, schema):
    return {"type": event_type, "publishers": [{"issuer": "shop", "subject": "cart-service"}], "schema": schema}


def encrypted(algorithm, encryption, **more):
    header = {"alg": algorithm, "enc": encryption, "kid": "vault", **more}
    return jwe.encrypt_compact(header, CARD.encode(), KEYS[algorithm], registry=REGISTRY)


@pytest.fixture(scope="module")
def proxy(start):
    fields = {"fields": ["/card"], "alg": list(KEYS), "enc": ENCRYPTIONS, "kid": ["vault"]}
    policy = reference_policy()
    policy["events"] = [rule(JSON_TYPE, {"json": {"required": ["card"]}, "encrypted": fields}), *policy["events"]]
    return start(policy)


def paid(proxy, card):
    event = {"specversion": "1.0", "id": "1", "source": "/shop/cart", "type": JSON_TYPE, "data": {"card": card}}
    return publish(proxy, clients.H1, headers=[STRUCTURED, bearer()], body=json.dumps(event).encode())


@pytest.mark.parametrize("algorithm, encryption", list(itertools.product(KEYS, ENCRYPTIONS)))
def test_what_joserfc_encrypts_passes_and_can_be_read_behind_the_proxy(proxy, upstream, algorithm, encryption):
    call = paid(proxy, encrypted(algorithm, encryption))
    seen = assert_admitted(call, upstream)
    card = json.loads(seen.body)["data"]["card"]
    assert jwe.decrypt_compact(card, KEYS[algorithm], registry=REGISTRY).plaintext == CARD.encode()


NOT_ENCRYPTED = {
    "plain text": lambda: CARD,
    "a number": lambda: int(CARD),
    "for nobody": lambda: encrypted("RSA-OAEP-256", "A256GCM", kid="mallory"),
    "compressed": lambda: encrypted("RSA-OAEP-256", "A256GCM", zip="DEF"),
    "JSON form": lambda: {"ciphertext": encrypted("RSA-OAEP-256", "A256GCM")},
    "two texts": lambda: encrypted("RSA-OAEP-256", "A256GCM") + "." + CARD,
}


@pytest.mark.parametrize("how", NOT_ENCRYPTED)
def test_what_is_not_encrypted_does_not_pass(proxy, upstream, how):
    assert_refused(paid(proxy, NOT_ENCRYPTED[how]()), upstream, "rule.schema", 422)
