"""What the tests sign with is itself checked: against the reference, whose signatures others made, and against a library."""

import base64
import re
import time

import http_message_signatures as library
import pytest

import keys
from conftest import CASES, bearer, body_of, cases, claims, load, policy_for

# The one case whose signature is wrong in itself.
WRONG = {"authority changed after signing"}


def signed():
    for path, case in cases():
        headers = dict(case["call"]["headers"])
        match = re.fullmatch(r'\w+=(\([^)]*\))(.*);keyid="([^"]*)"', headers.get("signature-input", ""))
        signers = {signer["keyId"]: signer for signer in load(policy_for(path.parent)).get("signers", [])}
        well_formed = re.fullmatch(r"\w+=:[A-Za-z0-9+/]+=*:", headers.get("signature", ""))
        if match and well_formed and path.parent == CASES and match[3] in signers and "publicKey" in signers[match[3]]:
            yield case, match, signers[match[3]]


@pytest.mark.parametrize("case, match, signer", list(signed()), ids=lambda value: value["name"] if isinstance(value, dict) and "name" in value else "")
def test_our_signature_base_is_that_of_the_reference(case, match, signer):
    call = case["call"]
    base = keys.signature_base(match[1], f'{match[2]};keyid="{match[3]}"', call["method"], call["authority"], call["path"], call["headers"])
    signature = base64.b64decode(dict(call["headers"])["signature"].split("=", 1)[1].strip(":"))
    assert keys.verifies(keys.public_key(signer["publicKey"]), signature, base) == (case["name"] not in WRONG)


def test_a_library_of_others_verifies_our_http_message_signature():
    private, body = keys.private_for("OKP", "shipping-ed"), b"{}"
    headers = [("content-digest", keys.content_digest(body))]
    headers += keys.http_message(private, "shipping-ed", int(time.time()), "POST", "bus.shop.example", "/events/orders", headers)

    class Message:
        method, url = "POST", "http://bus.shop.example/events/orders"

    Message.headers = dict(headers)

    class Keys(library.HTTPSignatureKeyResolver):
        def resolve_public_key(self, key_id):
            return private.public_key()

        def resolve_private_key(self, key_id):
            raise NotImplementedError

    verifier = library.HTTPMessageVerifier(signature_algorithm=library.algorithms.ED25519, key_resolver=Keys())
    assert verifier.verify(Message())[0].parameters["keyid"] == "shipping-ed"
