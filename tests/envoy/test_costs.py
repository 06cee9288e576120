"""What callers can make a proxy spend on signatures: so many checks for a call, and for a source whose calls come to nothing so many in
a second."""

import time
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

import clients
import keys
from conftest import STRUCTURED, assert_admitted, assert_refused, bearer, cart_event, claims, publish, reference_policy

A_SECOND = 5


def limited(**limits):
    """The reference policy with these limits, and a secret that `cart-service` signs with."""
    policy = reference_policy()
    policy["limits"] = {**policy["limits"], **limits}
    policy["signers"].append({"keyId": "cart", "publisher": "cart-service", "secret": {"value": SECRET.decode()}})
    return policy


SECRET = b"a secret of the carts"
STRANGER = ed25519.Ed25519PrivateKey.generate()


def bad_bearer():
    """A token that is good but for who signed it, another one each time."""
    return ("authorization", "Bearer " + keys.token(claims(jti=str(uuid.uuid4())), private=STRANGER))


def webhook(body, wrong):
    """A body that is signed, behind so many signatures that are wrong."""
    now = str(int(time.time()))
    signatures = [keys.standard_webhook(b"another secret %d" % index, "m", now, body) for index in range(wrong)]
    signatures.append(keys.standard_webhook(SECRET, "m", now, body))
    return [("webhook-id", "m"), ("webhook-timestamp", now), ("webhook-signature", " ".join(signatures))]


def flood(proxy, calls, more=lambda number: []):
    """So many calls with bad tokens: how many came to a check, how many were refused without one, and how long that took."""
    began = time.monotonic()
    answers = [publish(proxy, clients.H1, headers=[STRUCTURED, bad_bearer(), *more(number)]).response for number in range(calls)]
    codes = [answer.problem["code"] for answer in answers]
    assert set(codes) <= {"token.signature", "source.limited"}, codes
    for answer, code in zip(answers, codes):
        assert code != "source.limited" or (answer.status == 429 and answer.header("retry-after") == "1")
    return codes.count("token.signature"), codes.count("source.limited"), time.monotonic() - began


@pytest.fixture(scope="module")
def governed(start, pki):
    return start(limited(failedChecks=A_SECOND), pki=pki)


def test_a_flood_of_bad_tokens_costs_no_more_checks_than_its_source_may_have(governed, pki, upstream):
    known = bearer()
    assert_admitted(publish(governed, clients.H1, headers=[STRUCTURED, known]), upstream)
    checked, refused, took = flood(governed, 150)
    assert checked <= A_SECOND * (took + 1) + 1 and refused >= 150 - checked > 0, (checked, refused, took)

    # Whoever shares the address and was verified before is not touched; nor is a peer with a name, though nobody knows its token yet.
    assert_admitted(publish(governed, clients.H1, headers=[STRUCTURED, known]), upstream)
    peer = publish(governed, clients.H1, headers=[STRUCTURED, bearer(jti="new")], port=governed.tls_port, tls=pki.peer("spiffe://cluster.local/ns/shop/sa/cart"))
    assert_admitted(peer, upstream)
    counted = sum(value for name, labels, value in governed.prometheus()
                  if name == "eventguard_events_total" and labels.get("code") == "source.limited")
    assert counted == refused

    time.sleep(1.2)
    assert_admitted(publish(governed, clients.H1, headers=[STRUCTURED, bearer(jti="new, too")]), upstream)


def test_a_source_is_not_what_a_header_says(governed, upstream):
    # Envoy takes the address out of this header unless it is told otherwise.
    checked, refused, took = flood(governed, 100, lambda number: [("x-forwarded-for", f"198.51.100.{number}")])
    assert checked <= A_SECOND * (took + 1) + 1 and refused == 100 - checked > 0, (checked, refused, took)
    assert_admitted(publish(governed, clients.H1, headers=[STRUCTURED, bearer(jti="not forwarded")]), upstream)


def test_no_more_signatures_are_looked_at_than_a_call_may_cost(start, upstream):
    proxy = start(limited(checks=4))
    body = cart_event()

    def signed(wrong):
        return publish(proxy, clients.H1, headers=[STRUCTURED, bearer(jti=str(uuid.uuid4())), *webhook(body, wrong)], body=body)

    assert_admitted(signed(0), upstream)
    # The token, two that are wrong and the one that is right.
    assert_admitted(signed(2), upstream)
    assert_refused(signed(3), upstream, "signature.too-many", 413)
