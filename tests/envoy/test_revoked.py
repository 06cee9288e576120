"""What is revoked, in the policy or in a list that is fetched: tokens, keys and subjects, those among it that were good a moment ago."""

import json
import threading
import time
import uuid

import pytest

import clients
import keys
import local
from conftest import HOLDS, STRUCTURED, assert_admitted, assert_refused, bearer, cart_event, claims, publish, reference_policy, written
from key_server import Answer, KeyServer
from publishers import Event
from signed import publish_signed
from test_stats import counters
from test_streams import ENVOYS_ROUTES, ROUTES, Stream, assert_ends, assert_got


def token(kid="ed-1", algorithm="EdDSA", subject="cart-service", **more):
    return ("authorization", "Bearer " + keys.token(claims(subject, **more), kid, algorithm))


def send(proxy, token, client=clients.H1, **options):
    return publish(proxy, client, headers=[STRUCTURED, token], **options)


def listing(**lists):
    return Answer(json.dumps(lists).encode())


def fetching(**settings):
    """The reference policy with a list that is fetched."""
    remote = {"cluster": "idp", "uri": "https://idp.shop.example/revoked", "timeout": "1s", "refresh": "1s", **settings}
    return {**reference_policy(), "revoked": {"remote": remote}}


@pytest.fixture
def server():
    with_end = KeyServer(revoked=listing())
    yield with_end
    with_end.close()


@pytest.fixture(scope="module", params=HOLDS)
def proxy(request, start):
    revoked = {"tokens": ["stolen"], "keys": ["ec-1", "cart-ed"], "subjects": ["order-service"]}
    return start({**reference_policy(), "revoked": revoked}, hold=request.param)


# Made when they are used: the whole suite takes longer than they live.
REVOKED = {
    "token": lambda: token(jti="stolen"),
    "key": lambda: token("ec-1", "ES256"),
    "subject": lambda: token(subject="order-service"),
}


@pytest.mark.parametrize("revoked", REVOKED.values(), ids=REVOKED.keys())
def test_what_the_policy_revokes_is_refused(proxy, client, upstream, revoked):
    sent = revoked()
    # The second time the token is one that was verified before.
    for _ in range(2):
        assert_refused(send(proxy, sent, client), upstream, "token.revoked", 401)
    assert_admitted(send(proxy, token(jti="kept"), client), upstream)
    assert_admitted(send(proxy, token("rsa-1", "RS256"), client), upstream)


def test_a_message_by_a_revoked_key_or_owner_is_refused(start, proxy, upstream):
    assert_refused(publish_signed(proxy, "cart-ed"), upstream, "signature.revoked", 401)
    owner = start({**reference_policy(), "revoked": {"subjects": ["shipping-service"]}})
    assert_admitted(publish_signed(owner, "cart-ed"), upstream)
    # The key's owner, and not the token's subject.
    assert publish_signed(owner, "shipping-ed").response.problem["code"] == "signature.signer"
    assert_refused(publish_signed(owner, "shipping-ed", subject="shipping-service"), upstream, "token.revoked", 401)


def test_what_is_revoked_under_load_is_refused_from_then_on_and_nothing_else_is(start_once, server, upstream):
    proxy = start_once(fetching(), concurrency=2, clusters={"idp": server.port})
    held = {"cart-service": token(jti="kept"), "cart-intern": token(subject="cart-intern", jti="taken", realm_access={"roles": ["cart-admin"]})}
    end, made = threading.Event(), []

    def publish_on(name, client):
        while not end.is_set():
            began = time.monotonic()
            made.append((began, name, send(proxy, held[name], client).response.status))

    threads = [threading.Thread(target=publish_on, args=(name, client)) for name in held for client in clients.BOTH]
    for thread in threads:
        thread.start()
    time.sleep(1.5)
    revoked = time.monotonic()
    server.answers["/revoked"] = listing(tokens=["taken"])
    # A second and what a fetch and the next tick of the other worker take.
    time.sleep(2.5)
    known = time.monotonic()
    time.sleep(1)
    end.set()
    for thread in threads:
        thread.join()
    assert {status for _, name, status in made if name == "cart-service"} == {200}
    assert {status for began, name, status in made if name == "cart-intern" and began < revoked - 0.5} == {200}
    after = [status for began, name, status in made if name == "cart-intern" and began > known]
    assert set(after) == {401} and len(after) > 10
    assert_refused(send(proxy, held["cart-intern"]), upstream, "token.revoked", 401)
    assert counters(proxy, "eventguard_token_cache_hits_total") > 10
    # What is taken off the list is good again.
    server.answers["/revoked"] = listing()
    local.wait_until(lambda: send(proxy, held["cart-intern"]).response.status == 200, 5, "the token that is not revoked any more")


def test_a_signer_that_is_revoked_meanwhile_is_refused(start_once, server, upstream):
    proxy = start_once(fetching(), clusters={"idp": server.port})
    assert_admitted(publish_signed(proxy, "cart-ed"), upstream)
    server.answers["/revoked"] = listing(keys=["cart-ed"])
    local.wait_until(lambda: publish_signed(proxy, "cart-ed").response.status != 200, 5, "the list")
    assert_refused(publish_signed(proxy, "cart-ed"), upstream, "signature.revoked", 401)
    assert_admitted(send(proxy, bearer()), upstream)


@pytest.mark.parametrize("hold", HOLDS)
def test_a_stream_whose_subject_is_revoked_ends(start_once, server, grpc_upstream, hold):
    proxy = start_once({**fetching(), "routes": ROUTES}, hold=hold, upstream=grpc_upstream, http2=True, routes=ENVOYS_ROUTES,
                       clusters={"idp": server.port})
    events = [Event() for _ in range(3)]
    with Stream(proxy.port, "/shop.v1.Feed/Collect") as stream, Stream(proxy.port, "/shop.v1.Feed/Collect", bearer("cart-admin", realm_access={"roles": ["cart-admin"]})) as other:
        for each in (stream, other):
            each.send(events[0])
            assert_got(grpc_upstream, each, [each.message(events[0])])
        server.answers["/revoked"] = listing(subjects=["cart-service"])
        fetched = server.times("/revoked")
        local.wait_until(lambda: server.times("/revoked") >= fetched + 2, 5, "the list")
        stream.send(events[1])
        assert_ends(stream, "token.revoked", "UNAUTHENTICATED")
        other.send(events[2])
        assert_got(grpc_upstream, other, [other.message(events[0]), other.message(events[2])])
    assert grpc_upstream.by_id(stream.id)[0].messages == [stream.message(events[0])]


@pytest.mark.parametrize("hold", HOLDS)
def test_a_stream_ends_where_the_list_is_not_known_any_more(start_once, server, grpc_upstream, hold):
    proxy = start_once({**fetching(maxStale="1s"), "routes": ROUTES}, hold=hold, upstream=grpc_upstream, http2=True, routes=ENVOYS_ROUTES,
                       clusters={"idp": server.port})
    with Stream(proxy.port, "/shop.v1.Feed/Collect") as stream:
        first = Event()
        stream.send(first)
        assert_got(grpc_upstream, stream, [stream.message(first)])
        server.answers["/revoked"] = Answer(status=503)
        time.sleep(4)
        stream.send(Event())
        assert_ends(stream, "keys.unavailable", "UNAVAILABLE")
    assert grpc_upstream.by_id(stream.id)[0].messages == [stream.message(first)]


@pytest.mark.parametrize("hold", HOLDS)
def test_a_body_that_was_on_its_way_when_its_token_was_revoked_is_refused(start_once, server, upstream, hold):
    proxy = start_once(fetching(), hold=hold, clusters={"idp": server.port})
    answers, ids = {}, {name: str(uuid.uuid4()) for name in ("taken", "kept")}
    for name, request_id in ids.items():
        call = written(request_id, cart_event(), [STRUCTURED, token(jti=name)])
        with clients.connect(proxy.port) as connection:
            connection.sendall(call[:-10])
            time.sleep(0.5)
            server.answers["/revoked"] = listing(tokens=["taken"])
            fetched = server.times("/revoked")
            local.wait_until(lambda: server.times("/revoked") >= fetched + 2, 5, "the list")
            connection.sendall(call[-10:])
            answers[name] = clients.Answers(connection).response()
        server.answers["/revoked"] = listing()
    assert (answers["taken"].status, answers["taken"].problem["code"]) == (401, "token.revoked")
    assert upstream.saw_nothing_of(ids["taken"])
    assert answers["kept"].status == 200 and upstream.one(ids["kept"]).body == cart_event()


LISTLESS = {"away": Answer(status=503), "malformed": Answer(b'{"tokens":"taken"}'), "of-another-form": Answer(b'{"keys":[],"users":[]}')}


@pytest.mark.parametrize("answer", LISTLESS.values(), ids=LISTLESS.keys())
def test_without_the_list_every_call_is_refused(start_once, server, upstream, answer):
    server.answers["/revoked"] = answer
    ours = fetching()
    ours["routes"] = [{"name": "open", "match": {"path": "/open/{topic}"}, "protocol": "cloudevents", "anonymous": True}, *ours["routes"]]
    proxy = start_once(ours, clusters={"idp": server.port})
    assert_refused(send(proxy, bearer()), upstream, "keys.unavailable", 503)
    assert_refused(send(proxy, bearer(), path="/open/carts"), upstream, "keys.unavailable", 503)
    server.answers["/revoked"] = listing()
    local.wait_until(lambda: send(proxy, bearer()).response.status == 200, 15, "the list")


def test_a_list_that_cannot_be_had_again_is_good_for_so_long(start_once, server, upstream):
    server.answers["/revoked"] = listing(tokens=["taken"])
    proxy = start_once(fetching(maxStale="3s"), clusters={"idp": server.port})
    assert_refused(send(proxy, token(jti="taken")), upstream, "token.revoked", 401)
    server.answers["/revoked"] = Answer(status=503)
    time.sleep(2)
    assert_refused(send(proxy, token(jti="taken")), upstream, "token.revoked", 401)
    assert_admitted(send(proxy, token()), upstream)
    time.sleep(4)
    assert_refused(send(proxy, token()), upstream, "keys.unavailable", 503)
