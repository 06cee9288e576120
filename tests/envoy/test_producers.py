"""Producers whose webhooks are signed in forms of their own, in a real proxy: signed here as their documentation says."""

import base64
import hashlib
import hmac
import time

import pytest

import clients
from conftest import STRUCTURED, assert_admitted, assert_refused, cart_event, publish

SECRETS = {"github": "It's a Secret to Everybody", "stripe": "whsec_c2l4dGVlbiBieXRlcyAhIQ==", "slack": "8f742231b10e8888abcd99yyyzzz85a5",
           "shopify": "hush-hush-hush-hush"}
PROFILES = [
    {"keyIds": ["github"], "header": "X-Hub-Signature-256", "prefix": "sha256="},
    {"keyIds": ["stripe"], "header": "Stripe-Signature", "parameter": "v1", "timestampParameter": "t", "message": "{timestamp}.{body}"},
    {"keyIds": ["slack"], "header": "X-Slack-Signature", "prefix": "v0=", "timestampHeader": "X-Slack-Request-Timestamp",
     "message": "v0:{timestamp}:{body}"},
    {"keyIds": ["shopify"], "header": "X-Shopify-Hmac-Sha256", "encoding": "base64"},
]
POLICY = {
    "version": 1,
    "signers": [{"keyId": name, "publisher": name, "secret": {"value": secret, "encoding": "text"}} for name, secret in SECRETS.items()],
    "signatures": {"hmac": PROFILES},
    "routes": [{"name": "hooks", "match": {"methods": ["POST"], "path": "/events/{topic}"}, "protocol": "cloudevents", "anonymous": True}],
    "events": [{"type": "com.shop.cart.*", "publishers": [{"subject": name} for name in SECRETS], "signature": {"required": True, "schemes": ["hmac"]}}],
}


def headers(name, body, now):
    mac = lambda message: hmac.new(SECRETS[name].encode(), message, hashlib.sha256)  # noqa: E731
    dated = f"{now}.".encode() + body
    return {
        "github": [("x-hub-signature", "sha1=0"), ("x-hub-signature-256", "sha256=" + mac(body).hexdigest())],
        "stripe": [("stripe-signature", f"t={now},v1={'0' * 64},v1={mac(dated).hexdigest()},v0=old")],
        "slack": [("x-slack-request-timestamp", str(now)), ("x-slack-signature", "v0=" + mac(b"v0:%d:" % now + body).hexdigest())],
        "shopify": [("x-shopify-hmac-sha256", base64.b64encode(mac(body).digest()).decode())],
    }[name]


@pytest.fixture(scope="module")
def proxy(start):
    # Held headers: with an anonymous route the publisher is told to the upstream only so.
    return start(POLICY, hold="headers")


@pytest.mark.parametrize("name", SECRETS)
def test_a_webhook_is_admitted_as_its_producer_signs_it_and_refused_where_it_was_changed(proxy, upstream, name):
    body, now = cart_event(), int(time.time())
    signed = headers(name, body, now)
    seen = assert_admitted(publish(proxy, clients.H1, headers=[STRUCTURED, *signed], body=body), upstream)
    assert seen.header("x-eventguard-publisher") == [f"signer/{name}"]
    assert_refused(publish(proxy, clients.H1, headers=[STRUCTURED, *signed], body=body + b" "), upstream, "signature.invalid", 401)
    assert_refused(publish(proxy, clients.H1, headers=[STRUCTURED], body=body), upstream, "signature.missing", 401)


@pytest.mark.parametrize("name", ["stripe", "slack"])
def test_a_webhook_of_ten_minutes_ago_is_refused(proxy, upstream, name):
    body = cart_event()
    call = publish(proxy, clients.H1, headers=[STRUCTURED, *headers(name, body, int(time.time()) - 600)], body=body)
    assert_refused(call, upstream, "signature.expired", 401)
