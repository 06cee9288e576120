"""Every manifest in envoy/, and what `render` makes, parses, is accepted by Envoy with the module in it (those of Istio as what Istio makes of
them), and carries what an operator must not forget."""

import json
import subprocess

import pytest
import yaml

from conftest import HOLDS, OLD, ROOT, envoy, load
import istio
import local

ENVOY = ["envoy.yaml", "envoy-hold-headers.yaml", "per-route.yaml", "access-log.yaml"]
ISTIO = ["istio-wasmplugin.yaml", "istio-hold-headers.yaml"]
# Without a filter: test_access_log.py.
LOGGERS = ["istio-access-log.yaml"]
# What an older Envoy takes says a comment in it, and test_access_log.py whether it does.
NEW = ["access-log.yaml"]


def documents(name):
    return list(yaml.safe_load_all((ROOT / "envoy" / name).read_text()))


def find(node, wanted):
    """Every value under the key `wanted`, however deep."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == wanted:
                yield value
            yield from find(value, wanted)
    elif isinstance(node, list):
        for value in node:
            yield from find(value, wanted)


def policies(name):
    for document in documents(name):
        yield from find(document, "pluginConfig")
        for configuration in find(document, "configuration"):
            yield json.loads(configuration["value"])


def test_every_manifest_is_known_here():
    assert sorted(ENVOY + ISTIO + LOGGERS) == sorted(path.name for path in (ROOT / "envoy").glob("*.yaml"))


def assert_accepted(version, path):
    done = subprocess.run([envoy(version), "--mode", "validate", "-c", path, "--use-dynamic-base-id"], cwd=ROOT, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("name, version", [(name, version) for name in ENVOY for version in ("1.40.0", OLD) if version != OLD or name not in NEW])
def test_envoy_accepts_it(name, version):
    assert_accepted(version, ROOT / "envoy" / name)


def assert_a_gateway_takes(resources, version, tmp_path):
    """The chain of filters as it stands, and with the configurations in it that its filters would get, which has the module read the policy."""
    chain, extensions = istio.gateway(resources)
    named = [filter["name"] for filter in chain if "config_discovery" in filter]
    assert named == list(extensions) != []
    with_module = [
        {"name": filter["name"], "typed_config": istio.fetched(extensions[filter["name"]], local.MODULE)} if filter["name"] in extensions else filter
        for filter in chain]
    path = tmp_path / "bootstrap.yaml"
    path.write_text(yaml.safe_dump(istio.bootstrap(chain, with_module)))
    assert_accepted(version, path)


def rendered(*arguments):
    command = [local.COMMAND, "render", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


@pytest.mark.parametrize("version", ["1.40.0", OLD])
@pytest.mark.parametrize("name", ISTIO)
def test_envoy_accepts_what_istio_makes_of_it(name, version, tmp_path):
    assert_a_gateway_takes(documents(name), version, tmp_path)


@pytest.mark.parametrize("version", ["1.40.0", OLD])
@pytest.mark.parametrize("hold", HOLDS)
def test_envoy_accepts_what_istio_makes_of_rendered_resources(hold, version, tmp_path):
    text = rendered("istio", "--policy", "examples/policy.yaml", "--hold", hold)
    assert_a_gateway_takes(list(yaml.safe_load_all(text)), version, tmp_path)


@pytest.mark.parametrize("version", ["1.40.0", OLD])
@pytest.mark.parametrize("hold", HOLDS)
def test_envoy_accepts_rendered_filters(hold, version, tmp_path):
    text = rendered("envoy", "--policy", "examples/policy.yaml", "--hold", hold, "--wasm", str(local.MODULE))
    path = tmp_path / "bootstrap.yaml"
    path.write_text(yaml.safe_dump(istio.bootstrap([*yaml.safe_load(text), istio.ROUTER])))
    assert_accepted(version, path)


@pytest.mark.parametrize("name", ENVOY + ISTIO)
def test_it_never_fails_open(name):
    """What the other policies come to: test_trap.py."""
    found = [value for document in documents(name) for key in ("failure_policy", "failStrategy") for value in find(document, key)]
    assert found == ["FAIL_RELOAD"]


@pytest.mark.parametrize("name", ENVOY + ISTIO)
def test_its_policy_is_one_and_its_hold_has_what_it_needs(name, tmp_path):
    [policy] = policies(name)
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(policy))
    done = subprocess.run([local.COMMAND, "check", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    flags = [value for document in documents(name) for value in find(document, "allow_on_headers_stop_iteration")]
    buffers = [value for document in documents(name) for value in find(document, "max_request_bytes")]
    if policy["hold"] == "headers":
        assert (flags, buffers) == ([True], [])
    else:
        assert flags == [] and len(buffers) == 1
        limit = policy.get("limits", {}).get("body", "1MiB")
        units = {"KiB": 1 << 10, "MiB": 1 << 20}
        assert buffers[0] > int(limit[:-3]) * units[limit[-3:]]


def test_the_policy_of_envoy_yaml_is_that_of_the_examples():
    [policy] = policies("envoy.yaml")
    assert policy.pop("hold") == "body"
    assert policy == load(ROOT / "examples/policy.yaml")
