"""A module that is not there, or is no module, with the failure policy of the manifests: nothing is served without it, and what was served
goes on being judged by the one before."""

import subprocess
import time

import pytest

import clients
import local
import proxy as proxies
from conftest import OLD, STRUCTURED, assert_admitted, assert_refused, envoy, publish, reference_policy
from test_update import rejected
from upstream import Upstream


def missing(path):
    """Nothing."""


def empty(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("<html>404 Not Found</html>")


def cut(path):
    """The start of the module, as a download that broke off leaves it."""
    path.write_bytes(local.MODULE.read_bytes()[:100_000])


def foreign(path):
    """A module of WebAssembly that is no filter."""
    path.write_bytes(b"\0asm\1\0\0\0")


# The older Envoy with some of them.
UNLOADABLE = [("1.40.0", make) for make in (missing, empty, text, cut, foreign)] + [(OLD, make) for make in (missing, text)]


@pytest.fixture(params=UNLOADABLE, ids=lambda case: f"{case[0]}-{case[1].__name__}")
def unloadable(request, tmp_path):
    """The Envoy, and the module."""
    version, make = request.param
    path = tmp_path / "module.wasm"
    make(path)
    return envoy(version), path


def assert_nothing_passes(proxy, upstream, status):
    for client in clients.BOTH:
        call = publish(proxy, client)
        assert call.response.status == status, call.response
        assert upstream.saw_nothing_of(call.id)


def test_envoy_does_not_start_with_it(upstream, unloadable, tmp_path):
    binary, module = unloadable

    class Written(proxies.Proxy):
        def is_ready(self):
            return True

    config = Written(binary, tmp_path, reference_policy(), upstream=upstream, module=module)
    config.stop()
    done = subprocess.run([binary, "-c", config.config, "--use-dynamic-base-id"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr[-2000:]
    assert "Unable to create Wasm plugin" in done.stderr or "Invalid path" in done.stderr


def test_where_the_filter_comes_by_itself_every_call_is_answered_with_an_error_until_there_is_one(start_once, upstream, unloadable):
    """As with the resources that Istio makes, whose filter comes by ECDS."""
    binary, module = unloadable
    proxy = start_once(binary=binary, dynamic=True, module=module)
    assert rejected(proxy)
    assert_nothing_passes(proxy, upstream, 500)
    proxy.module = str(local.MODULE)
    proxy.write_dynamic(proxy.wasm())
    local.wait_until(lambda: publish(proxy, clients.H1).response.status == 200, 15, "the filter")
    assert_admitted(publish(proxy, clients.H2), upstream)


@pytest.mark.parametrize("version", ["1.40.0", OLD])
@pytest.mark.parametrize("answer", [None, b"<html>Not what was asked for</html>"], ids=["away", "other"])
def test_a_module_that_envoy_cannot_fetch_lets_nothing_pass(start_once, version, upstream, answer):
    """From a server that is away, or one that serves something else than the digest says."""
    class Fetching(proxies.Proxy):
        def wasm(self, *given, **more):
            wasm = super().wasm(*given, **more)
            http_uri = {"uri": "http://modules/eventguard.wasm", "cluster": "modules", "timeout": "1s"}
            wasm["config"]["vm_config"]["code"] = {"remote": {"http_uri": http_uri, "sha256": "00" * 32}}
            return wasm

    server = Upstream(answer=answer) if answer else None
    proxy = Fetching(envoy(version), start_once.directory, reference_policy(), upstream=upstream,
                     clusters={"modules": server.port if server else local.free_port()})
    start_once.started.append(proxy)
    local.wait_until(lambda: "failed to load" in proxy.output(), 10, "the fetch given up")
    assert_nothing_passes(proxy, upstream, 503)
    time.sleep(1)
    assert_nothing_passes(proxy, upstream, 503)


def test_an_update_to_it_is_not_taken_and_the_module_before_goes_on_judging(start_once, upstream, unloadable):
    binary, module = unloadable
    proxy = start_once(binary=binary, dynamic=True)
    proxy.module = str(module)
    proxy.write_dynamic(proxy.wasm())
    # What looks for traps at the end knows it by its module.
    proxy.module = str(local.MODULE)
    local.wait_until(lambda: rejected(proxy), 10, "the module refused")
    time.sleep(0.5)
    for client in clients.BOTH:
        assert_admitted(publish(proxy, client), upstream)
        assert_refused(publish(proxy, client, headers=[STRUCTURED]), upstream, "token.missing", 401)
