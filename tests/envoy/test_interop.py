"""Signatures that other libraries make and eventguard judges in a real proxy, and signatures of `eventguard sign` that they judge:
`http-message-signatures`, `standardwebhooks`, `joserfc`."""

import base64
import dataclasses
import datetime
import json
import subprocess
import time

import http_message_signatures as messages
import pytest
import standardwebhooks
from joserfc import jws
from joserfc.jwk import JWKRegistry

import clients
import keys
import local
from conftest import STRUCTURED, assert_admitted, assert_refused, bearer, cart_event, publish, reference_policy

ALGORITHMS = messages.algorithms
SECRET = "whsec_" + base64.b64encode(b"a secret that both sides know").decode()
KINDS = {
    "ed25519": (ALGORITHMS.ED25519, "EdDSA"),
    "p256": (ALGORITHMS.ECDSA_P256_SHA256, "ES256"),
    "p384": (ALGORITHMS.ECDSA_P384_SHA384, "ES384"),
    "rsa": (ALGORITHMS.RSA_V1_5_SHA256, "RS256"),
}
HOST, PATH = "bus.shop.example", "/events/carts"


def command(*arguments):
    return json.loads(subprocess.run([local.COMMAND, *arguments], check=True, capture_output=True, text=True).stdout)


@dataclasses.dataclass
class Desk:
    """Key pairs of `eventguard keygen`, and a proxy that trusts them."""
    proxy: object
    pairs: dict
    directory: object

    def sign(self, scheme, kind, body, *more):
        """What `eventguard sign` adds to a call with that body: headers."""
        call = {"method": "POST", "authority": HOST, "path": PATH, "headers": [list(STRUCTURED)], "body": body.decode()}
        (self.directory / "call.json").write_text(json.dumps(call))
        key = ["--secret", SECRET] if kind == "secret" else ["--key", str(self.directory / f"{kind}.json")]
        return dict(command("sign", scheme, *key, *more, str(self.directory / "call.json")))


@pytest.fixture(scope="module")
def desk(start, tmp_path_factory):
    directory = tmp_path_factory.mktemp("keys")
    pairs = {kind: command("keygen", "--type", kind, "--kid", kind) for kind in KINDS}
    for kind, pair in pairs.items():
        (directory / f"{kind}.json").write_text(json.dumps(pair))
    policy = reference_policy()
    policy["signers"] = [{"keyId": kind, "publisher": "cart-service", "publicKey": pair["public"]} for kind, pair in pairs.items()]
    policy["signers"].append({"keyId": "secret", "publisher": "cart-service", "secret": {"value": SECRET}})
    policy["signatures"]["eventJws"] = {"attribute": "jws"}
    policy["signatures"]["dsse"] = {"mode": "passthrough"}
    next(rule for rule in policy["events"] if rule["type"] == "com.shop.cart.*")["signature"] = {"required": True}
    return Desk(start(policy), pairs, directory)


class Resolver(messages.HTTPSignatureKeyResolver):
    def __init__(self, desk):
        self.desk = desk

    def _pem(self, kind, half):
        if kind == "secret":
            return base64.b64decode(SECRET.removeprefix("whsec_"))
        return JWKRegistry.import_key(self.desk.pairs[kind][half]).as_pem(private=half == "private")

    def resolve_public_key(self, key_id):
        return self._pem(key_id, "public")

    def resolve_private_key(self, key_id):
        return self._pem(key_id, "private")


class Message:
    def __init__(self, headers):
        self.method, self.url, self.headers = "POST", f"http://{HOST}{PATH}", headers


def judged_as_signed(desk, upstream, body, headers, code="signature.invalid"):
    """The call with these headers is admitted, and refused with a byte more."""
    call = [STRUCTURED, bearer(), *headers]
    assert_admitted(publish(desk.proxy, clients.H1, headers=call, body=body), upstream)
    assert_refused(publish(desk.proxy, clients.H1, headers=call, body=body + b" "), upstream, code, 401)


@pytest.mark.parametrize("kind", [*KINDS, "secret"])
def test_a_message_that_http_message_signatures_signed_is_admitted(desk, upstream, kind):
    body = cart_event()
    message = Message({})
    algorithm = KINDS[kind][0] if kind in KINDS else ALGORITHMS.HMAC_SHA256
    signer = messages.HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=Resolver(desk))
    signer.sign(message, key_id=kind, nonce=f"n-{kind}", tag="bus", covered_component_ids=["@method", "@authority", "@path", "content-digest"],
                created=datetime.datetime.now(datetime.UTC), body=body)
    headers = [(name.lower(), value) for name, value in message.headers.items()]
    judged_as_signed(desk, upstream, body, headers, "signature.digest")


@pytest.mark.parametrize("kind", [*KINDS, "secret"])
def test_http_message_signatures_verifies_what_eventguard_signed(desk, kind):
    headers = desk.sign("http-message", kind, cart_event(), "--key-id", kind)
    algorithm = KINDS[kind][0] if kind in KINDS else ALGORITHMS.HMAC_SHA256
    verifier = messages.HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=Resolver(desk))
    assert verifier.verify(Message(headers))[0].parameters["keyid"] == kind
    headers["content-digest"] = keys.content_digest(b"other")
    with pytest.raises(messages.HTTPMessageSignaturesException):
        verifier.verify(Message(headers))


def test_a_webhook_that_standardwebhooks_signed_is_admitted(desk, upstream):
    # The library takes a time without a zone for one in UTC.
    body, now = cart_event(), datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    signature = standardwebhooks.Webhook(SECRET).sign("msg_1", now, body.decode())
    sent = str(int(now.replace(tzinfo=datetime.UTC).timestamp()))
    judged_as_signed(desk, upstream, body, [("webhook-id", "msg_1"), ("webhook-timestamp", sent), ("webhook-signature", signature)])


def test_standardwebhooks_verifies_what_eventguard_signed(desk):
    body = cart_event()
    headers = desk.sign("standard-webhooks", "secret", body)
    assert standardwebhooks.Webhook(SECRET).verify(body, headers) == json.loads(body)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(body + b" ", headers)


FORMS = {
    "detached": ({}, jws.detach_content),
    "embedded": ({}, lambda compact: compact),
    "unencoded": ({"b64": False, "crit": ["b64"]}, lambda compact: compact[:compact.index(".")] + ".." + compact.rpartition(".")[2]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_jws_that_joserfc_signed_is_admitted(desk, upstream, kind, form):
    header, finish = FORMS[form]
    body, algorithm = cart_event(), KINDS[kind][1]
    key = JWKRegistry.import_key(desk.pairs[kind]["private"])
    compact = finish(jws.serialize_compact({"alg": algorithm, "kid": kind, **header}, body, key, algorithms=[algorithm]))
    judged_as_signed(desk, upstream, body, [("x-jws-signature", compact)], "signature.digest" if form == "embedded" else "signature.invalid")


@pytest.mark.parametrize("more", [(), ("--unencoded",)], ids=["detached", "unencoded"])
@pytest.mark.parametrize("kind", KINDS)
def test_joserfc_verifies_a_jws_that_eventguard_signed(desk, kind, more):
    body, algorithm = cart_event(), KINDS[kind][1]
    compact = desk.sign("jws", kind, body, *more)["x-jws-signature"]
    key = JWKRegistry.import_key(desk.pairs[kind]["public"])
    assert jws.deserialize_compact(compact, key, algorithms=[algorithm], payload=body).headers()["kid"] == kind
    with pytest.raises(Exception, match="(?i)bad_signature"):
        jws.deserialize_compact(compact, key, algorithms=[algorithm], payload=body + b" ")


def test_an_event_that_carries_a_jws_of_itself_is_admitted_and_one_that_says_something_else_is_not(desk, upstream):
    event = {"specversion": "1.0", "id": f"e-{time.time_ns()}", "source": "/shop/cart", "type": "com.shop.cart.ItemAdded", "data": {"quantity": 1}}
    key = JWKRegistry.import_key(desk.pairs["p384"]["private"])
    compact = jws.serialize_compact({"alg": "ES384", "kid": "p384"}, json.dumps(event), key, algorithms=["ES384"])
    headers = [STRUCTURED, bearer()]

    def send(**changes):
        return publish(desk.proxy, clients.H1, headers=headers, body=json.dumps({**event, "jws": compact, **changes}).encode())

    assert_admitted(send(), upstream)
    for changes, code in [({"type": "com.shop.cart.ItemRemoved"}, "signature.digest"), ({"data": {"quantity": 2}}, "signature.digest"),
                          ({"subject": "x"}, "signature.uncovered")]:
        assert_refused(send(**changes), upstream, code, 401)
