"""Calls that are signed as a whole (RFC 9421), and key sets of signers."""

import json
import time

import clients
import keys
from conftest import STRUCTURED, bearer, cart_event, publish


def signer_key(kid, kind="OKP", **more):
    """A key of a set of signers; `more` are members such as `owner`."""
    return {**keys.jwk_of(keys.private_for(kind, kid)), "kid": kid, **more}


def signer_set(*listed):
    return json.dumps({"keys": listed}).encode()


COMPONENTS = ("@method", "@authority", "@path", "content-digest")


def signed_headers(kid, kind="OKP", *, subject="cart-service", token=None, body=b"", attributes=None):
    """The headers of a call with a token that is signed by the key `kid`. `attributes` are those of an event that has no other body."""
    event = [STRUCTURED] if attributes is None else [(f"ce-{name}", value) for name, value in attributes.items()]
    headers = [*event, token or bearer(subject), ("content-digest", keys.content_digest(body))]
    covered = COMPONENTS if attributes is None else (*COMPONENTS, *(name for name, _ in event))
    return headers + keys.http_message(keys.private_for(kind, kid), kid, int(time.time()), "POST", "bus.shop.example", "/events/carts", headers, covered)


def publish_signed(proxy, kid, kind="OKP", *, client=clients.H1, subject="cart-service", token=None, body=None, parts=None, **options):
    body = cart_event() if body is None else body
    headers = signed_headers(kid, kind, subject=subject, token=token, body=body)
    return publish(proxy, client, headers=headers, body=body, parts=parts(body) if parts else None, **options)
