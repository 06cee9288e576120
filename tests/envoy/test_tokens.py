"""Tokens that are bound to the certificate of their caller (RFC 8705), in a proxy that callers reach with TLS."""

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import clients
import keys
from conftest import HOLDS, STRUCTURED, assert_admitted, assert_refused, bearer, publish, reference_policy

CART, OTHER = "spiffe://cluster.local/ns/shop/sa/cart", "spiffe://cluster.local/ns/shop/sa/other"


def thumbprint(pem):
    with open(pem, "rb") as file:
        certificate = x509.load_pem_x509_certificate(file.read())
    return keys.b64url(hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest())


@pytest.fixture(scope="module", params=HOLDS)
def tls(request, start, pki):
    return start(hold=request.param, pki=pki)


@pytest.fixture
def bound(pki):
    """A token for `CART`, the same for each of its calls: a worker has verified it before."""
    return bearer(cnf={"x5t#S256": thumbprint(pki.peer(CART))})


def over_tls(tls, pki, peer, token):
    return publish(tls, clients.H1, headers=[STRUCTURED, token], port=tls.tls_port, tls=pki.peer(peer))


def test_a_token_that_is_bound_is_good_for_the_peer_of_its_certificate_alone(tls, pki, upstream, bound):
    for _ in range(2):
        assert_admitted(over_tls(tls, pki, CART, bound), upstream)
        assert_refused(over_tls(tls, pki, OTHER, bound), upstream, "token.binding", 401)
        assert_refused(publish(tls, clients.H1, headers=[STRUCTURED, bound]), upstream, "token.binding", 401)


def test_a_token_that_is_not_bound_is_good_for_every_peer(tls, pki, upstream):
    assert_admitted(over_tls(tls, pki, OTHER, bearer()), upstream)


def test_where_tokens_must_be_bound_others_are_refused(start, pki, upstream, bound):
    policy = reference_policy()
    policy["issuers"][0]["binding"] = "require"
    strict = start(policy, pki=pki)
    assert_admitted(over_tls(strict, pki, CART, bound), upstream)
    assert_refused(over_tls(strict, pki, CART, bearer()), upstream, "token.binding", 401)


def test_where_nothing_is_compared_a_bound_token_is_good_without_a_certificate(start, upstream, bound):
    policy = reference_policy()
    policy["issuers"][0]["binding"] = "ignore"
    assert_admitted(publish(start(policy), clients.H1, headers=[STRUCTURED, bound]), upstream)
