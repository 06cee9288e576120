"""Proxies that do not give the filter all that it asks for: what it does without, and what it refuses to do without."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import clients
import keys
import local
from conftest import STRUCTURED, assert_admitted, assert_refused, claims, publish, reference_policy
from key_server import KeyServer, key_set
from module import functions
from test_keysets import call
from test_keysets import policy as fetching
from test_memory import event, send
from test_memory import policy as remembering

VERIFY = ["proxy_call_foreign_function"]
SHARE = ["proxy_get_shared_data", "proxy_set_shared_data"]


def without(*names):
    """All that the filter may use, but for these."""
    found = functions(local.MODULE)
    assert found >= set(names)
    return sorted(found - set(names))


def p384_policy():
    ours = reference_policy()
    ours["issuers"][0]["algorithms"].append("ES384")
    ours["issuers"][0]["jwks"]["inline"]["keys"].append({**keys.jwk_of(ec.generate_private_key(ec.SECP384R1())), "kid": "p384", "alg": "ES384"})
    return ours


def refused_because(start, policy, **options):
    """Why Envoy does not start with this policy."""
    with pytest.raises(RuntimeError) as raised:
        start(policy, **options)
    [reason] = {line.partition("the policy is refused: ")[2] for line in str(raised.value).splitlines() if "the policy is refused: " in line}
    return reason


@pytest.fixture
def idp():
    with_end = KeyServer(certs=key_set("new-1"))
    yield with_end
    with_end.close()


def test_where_the_proxy_does_not_verify_the_module_does(start_once, upstream):
    proxy = start_once(allowed=without(*VERIFY))
    for algorithm, kid in [("RS256", "rsa-1"), ("ES256", "ec-1"), ("EdDSA", "ed-1")]:
        for private, admitted in [(None, True), (keys.private_for(keys.KINDS[algorithm], "another"), False)]:
            token = keys.token(claims(), kid, algorithm, private)
            made = publish(proxy, clients.H1, headers=[STRUCTURED, ("authorization", f"Bearer {token}")])
            if admitted:
                assert_admitted(made, upstream)
            else:
                assert_refused(made, upstream, "token.signature", 401)


def test_a_policy_with_p384_is_refused_where_the_proxy_does_not_verify(start_once, upstream):
    reason = refused_because(start_once, p384_policy(), allowed=without(*VERIFY))
    assert reason == "it uses ES384, which this proxy does not verify: take other keys, or Envoy 1.30 or later"
    assert_admitted(publish(start_once(p384_policy(), allowed=without()), clients.H1), upstream)


def test_where_workers_cannot_share_what_was_published_before_is_not_known(start_once, upstream):
    proxy = start_once(remembering(replay={"window": "10m"}), allowed=without(*SHARE))
    assert_refused(send(proxy, clients.H1, event("e-1")), upstream, "limiter.unavailable", 503)
    assert "shared data cannot be used" in proxy.output()
    assert_admitted(publish(proxy, clients.H1), upstream)


def test_where_workers_cannot_share_each_fetches_keys_for_itself(start_once, idp, upstream):
    proxy = start_once(fetching(), concurrency=2, clusters={"idp": idp.port}, allowed=without(*SHARE))
    for _ in range(12):
        assert_admitted(call(proxy, "new-1"), upstream)
    # The two workers, and the instance on the main thread.
    assert 2 <= idp.times("/certs") <= 3


def test_without_randomness_the_filter_does_not_start(start_once):
    with pytest.raises(RuntimeError) as raised:
        start_once(allowed=without("random_get"))
    assert "Plugin configured failed" in str(raised.value) or "failed" in str(raised.value), raised.value


def test_a_secret_from_the_environment_must_be_there(start_once, upstream):
    ours = reference_policy()
    ours["signers"].append({"keyId": "hooks", "publisher": "cart-service", "secret": {"env": "HOOKS_SECRET"}})
    assert "HOOKS_SECRET" in refused_because(start_once, ours)
    secret = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, or more").decode()
    proxy = start_once(ours, environment={"HOOKS_SECRET": secret})
    assert_admitted(publish(proxy, clients.H1), upstream)
