"""The proxy's own verification, by the vectors that the Rust crates are held to (tests/wycheproof)."""

import pytest

import clients
from conftest import HOST_CRYPTO, OLD, envoy, publish


@pytest.mark.parametrize("version", ["1.40.0", OLD])
def test_the_proxy_judges_as_the_vectors_say(start_once, version):
    proxy = start_once(binary=envoy(version), module=HOST_CRYPTO, vm_id="host_crypto")
    response = publish(proxy, clients.H1).response
    assert (response.status, response.body) == (200, b"judged"), proxy.output()[-3000:]
