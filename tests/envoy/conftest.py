"""What the tests share: one Envoy per kind and module of tests, an upstream and a log cluster of our own, and calls.

EVENTGUARD_CASES names another directory of cases than tests/cases; EVENTGUARD_KEEP=1 says where the logs of each Envoy are."""

import dataclasses
import os
import pathlib
import subprocess
import sys
import time
import uuid

import pytest
import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "envoy"))

import clients  # noqa: E402
import keys  # noqa: E402
import local  # noqa: E402
from fresh import Fresh, body_of  # noqa: E402
from grpc_upstream import GrpcUpstream  # noqa: E402
from pki import Pki  # noqa: E402
from proxy import Proxy  # noqa: E402
from sink import Sink  # noqa: E402
from upstream import Upstream  # noqa: E402

CASES = pathlib.Path(os.environ.get("EVENTGUARD_CASES", ROOT / "tests/cases"))
# Filters of the tests' own.
HOST_CRYPTO, TRAP = (local.MODULE.parent / "examples" / f"{name}.wasm" for name in ("host_crypto", "trap"))
OLD = "1.36.4"
HOLDS = ["body", "headers"]


def envoy(version):
    return subprocess.run([ROOT / "envoy/get-envoy", version], check=True, capture_output=True, text=True).stdout.strip()


def load(path):
    with open(path) as file:
        return yaml.safe_load(file)


def policy_for(directory):
    """The policy that the cases in `directory` are judged by: the nearest one above them."""
    for place in [directory, *directory.parents][:4]:
        for name in ("policy.yaml", "policy.json"):
            if (place / name).exists():
                return place / name
    raise FileNotFoundError(f"no policy above {directory}")


def reference_policy():
    """The policy of the reference cases, with keys of ours."""
    return keys.with_our_keys(load(policy_for(CASES)))


def recording_at_once(policy):
    """The policy with a log cluster that records do not wait to fill a batch for: they leave with the next tick."""
    return {**policy, "audit": {"cluster": "logs", "batch": {"records": 1}}}


def pytest_configure():
    for path in (local.MODULE, local.COMMAND, HOST_CRYPTO, TRAP):
        if not path.exists():
            pytest.exit(f"{path.relative_to(ROOT)} is not there: make test-envoy builds it", 3)


@pytest.fixture(scope="session")
def binary():
    return envoy("1.40.0")


@pytest.fixture(scope="session")
def old_binary():
    return envoy(OLD)


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def upstream():
    with_end = Upstream()
    yield with_end
    with_end.close()


@pytest.fixture(scope="module")
def grpc_upstream():
    with_end = GrpcUpstream()
    yield with_end
    with_end.close()


@pytest.fixture(scope="module")
def sink():
    with_end = Sink()
    yield with_end
    with_end.close()


@dataclasses.dataclass
class Factory:
    """Starts Envoys and stops them again."""
    binary: str
    directory: pathlib.Path
    upstream: Upstream
    started: list = dataclasses.field(default_factory=list)

    def __call__(self, policy=None, *, binary=None, **options):
        options.setdefault("upstream", self.upstream)
        directory = self.directory / str(len(self.started))
        if os.environ.get("EVENTGUARD_KEEP"):
            print(f"Envoy in {directory}", file=sys.stderr)
        proxy = Proxy(binary or self.binary, directory, policy or reference_policy(), **options)
        self.started.append(proxy)
        return proxy

    def stop(self):
        # Nothing that a client can do may crash the proxy or trap eventguard: every test ends with this.
        ours = [proxy for proxy in self.started if proxy.module == str(local.MODULE)]
        broken = [proxy for proxy in ours if any(word in proxy.output() for word in ("Caught ", "panicked", "wasm vm failed", "Function: proxy_on"))]
        for proxy in self.started:
            proxy.stop()
        assert not broken, "\n".join(proxy.output()[-3000:] for proxy in broken)


@pytest.fixture(scope="module")
def start(binary, upstream, tmp_path_factory):
    factory = Factory(binary, tmp_path_factory.mktemp("envoy"), upstream)
    yield factory
    factory.stop()


@pytest.fixture
def start_once(binary, upstream, tmp_path):
    """For a test that takes its Envoy down or changes it."""
    factory = Factory(binary, tmp_path, upstream)
    yield factory
    factory.stop()


@pytest.fixture(scope="module")
def proxies(start, sink):
    """One Envoy for each way of holding."""
    return {hold: start(hold=hold, logs=sink) for hold in HOLDS}


@pytest.fixture(params=HOLDS)
def proxy(request, proxies):
    return proxies[request.param]


@pytest.fixture(params=clients.BOTH, ids=lambda client: client.name)
def client(request):
    return request.param


def claims(subject="cart-service", **more):
    now = int(time.time())
    return {"iss": "https://idp.shop.example/realms/shop", "sub": subject, "aud": "event-bus", "iat": now - 60, "exp": now + 600,
            "realm_access": {"roles": ["publisher"]}, **more}


def bearer(subject="cart-service", **more):
    return ("authorization", "Bearer " + keys.token(claims(subject, **more)))


@dataclasses.dataclass
class Call:
    """One call and what came of it."""
    id: str
    response: clients.Response
    body: bytes


def cart_event(event_id="e-1", data='{"quantity":1}', event_type="com.shop.cart.ItemAdded"):
    """A CloudEvent that `cart-service` may publish to `carts`."""
    return f'{{"specversion":"1.0","id":"{event_id}","source":"/shop/cart","type":"{event_type}","data":{data}}}'.encode()


STRUCTURED = ("content-type", "application/cloudevents+json")


def publish(proxy, client, *, method="POST", authority="bus.shop.example", path="/events/carts", headers=None, body=None, parts=None,
            port=None, request_id=None, **options):
    """Sends one call, by default one that is admitted, and gives it back with its id."""
    request_id = request_id or str(uuid.uuid4())
    body = cart_event(request_id) if body is None else body
    headers = [STRUCTURED, bearer()] if headers is None else headers
    if parts is None:
        parts = [body] if body else []
    response = client.send(port or proxy.port, method, authority, path, [("x-request-id", request_id), *headers], parts, **options)
    return Call(request_id, response, b"".join(parts))


def written(request_id, body=b"", headers=None, *, target="/events/carts", host="bus.shop.example", length=None):
    """A call of HTTP/1.1 as bytes, for what no client would send. `length` other than the body's lies."""
    lines = [f"POST {target} HTTP/1.1", f"host: {host}", f"x-request-id: {request_id}", f"content-length: {len(body) if length is None else length}"]
    lines += [f"{name}: {value}" for name, value in ([STRUCTURED, bearer()] if headers is None else headers)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def assert_admitted(proxy_call, upstream, body=None):
    """The upstream answered, and saw exactly what was sent, without the token and with the publisher."""
    assert proxy_call.response.status == 200, proxy_call.response
    seen = upstream.one(proxy_call.id)
    assert seen.body == (proxy_call.body if body is None else body)
    assert seen.header("authorization") == []
    assert len(seen.header("x-eventguard-publisher")) == 1
    return seen


def assert_refused(proxy_call, upstream, code, status):
    """The answer says why, in the form of RFC 9457, and not a byte went to the upstream."""
    response = proxy_call.response
    assert response.status == status, response
    problem = response.problem
    assert problem["code"] == code, problem
    assert problem["status"] == status and problem["type"] and problem["title"], problem
    assert upstream.saw_nothing_of(proxy_call.id)
    if status == 401:
        assert response.header("www-authenticate"), response.headers
    return problem


def split(body):
    """A body in two parts, so that its end comes later than its beginning."""
    return [part for part in (body[:len(body) // 2], body[len(body) // 2:]) if part]


def is_grpc(case):
    """Whether a case is a call of gRPC or of gRPC-Web."""
    content_types = [value for name, value in case["call"]["headers"] if name.lower() == "content-type"]
    return any(value.lower().startswith("application/grpc") for value in content_types)


def cases():
    """Every case: (path, case). A certificate of a digest that a case names is nobody's; test_tokens.py has others."""
    found = [(path, load(path)) for path in sorted(CASES.rglob("*.json")) if path.name != "policy.json"]
    return [(path, case) for path, case in found if isinstance(case, dict) and "peerCertificate" not in case.get("call", {"peerCertificate"})]


__all__ = ["Fresh", "body_of"]
