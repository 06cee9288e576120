"""Key sets that are fetched: before the first call, again when they change, and from servers that mean no good."""

import json
import socket
import threading
import time

import pytest

import clients
import keys
import local
from conftest import HOLDS, STRUCTURED, assert_admitted, assert_refused, claims, publish, reference_policy, split, written
from key_server import Answer, KeyServer, key_set
from test_stats import counters

ISSUER = "https://idp.shop.example/realms/shop"


def policy(**remote):
    """The reference policy whose issuer's keys are fetched."""
    return with_jwks({"remote": {"cluster": "idp", "uri": "https://idp.shop.example/certs", "timeout": "2s", **remote}})


def with_jwks(jwks):
    reference = reference_policy()
    return {**reference, "issuers": [{**reference["issuers"][0], "jwks": jwks}]}


@pytest.fixture
def server():
    made = []

    def make(**answers):
        made.append(KeyServer(**answers))
        return made[-1]

    yield make
    for each in made:
        each.close()


def bearer(kid, **more):
    return ("authorization", "Bearer " + keys.token(claims(**more), kid=kid))


def call(proxy, kid, client=clients.H1, **options):
    return publish(proxy, client, headers=[STRUCTURED, bearer(kid)], **options)


@pytest.mark.parametrize("hold", HOLDS)
@pytest.mark.parametrize("flag", [True, False])
def test_calls_that_come_before_the_keys_wait_for_them(start_once, server, upstream, hold, flag):
    if hold == "headers" and not flag:
        pytest.skip("without the flag headers cannot be held for a body")
    idp = server(certs=Answer(key_set("new-1"), delay=1))
    proxy = start_once(policy(), hold=hold, flag=flag, concurrency=2, clusters={"idp": idp.port})
    calls = []

    def send(client, kid, trailers):
        options = {"trailers": [("x-t", "1"), ("x-eventguard-publisher", "shop/root")]} if trailers else {}
        body = b'{"specversion":"1.0","id":"1","source":"/shop/cart","type":"com.shop.cart.ItemAdded","data":{}}'
        calls.append((kid, call(proxy, kid, client, body=body, parts=split(body), **options)))

    threads = [threading.Thread(target=send, args=args) for args in [
        (clients.H1, "new-1", False), (clients.H2, "new-1", False), (clients.H2, "new-1", True), (clients.H1, "other", False)]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for kid, made in calls:
        if kid == "new-1":
            seen = assert_admitted(made, upstream)
            assert seen.header("x-eventguard-publisher") == ["shop/cart-service"]
            assert "x-eventguard-publisher" not in [name for name, _ in seen.trailers]
        else:
            assert_refused(made, upstream, "token.unknown-key", 401)
    # Once for the proxy, and once more for the key that is not there, if that call came after the first fetch had begun.
    assert idp.times("/certs") <= 2


def test_one_worker_fetches_for_all_and_a_new_policy_finds_what_is_there(start_once, server, upstream):
    idp = server(certs=key_set("new-1"))
    proxy = start_once(policy(), concurrency=4, dynamic=True, clusters={"idp": idp.port})
    for _ in range(12):
        assert_admitted(call(proxy, "new-1"), upstream)
    assert idp.asked[0][2] == "idp.shop.example"
    proxy.write_dynamic(proxy.wasm(policy={**proxy.policy, "limits": {"body": "65KiB"}}))
    local.wait_until(lambda: proxy.output().count("loaded, mode") >= 6, 10, "the new policy")
    for _ in range(12):
        assert_admitted(call(proxy, "new-1"), upstream)
    assert idp.times("/certs") == 1
    assert counters(proxy, "eventguard_key_set_fetches_total", set="shop", result="ok") == 1
    assert counters(proxy, "eventguard_key_set_used", set="shop") == 1
    assert any(name == "eventguard_key_set_age_seconds" and labels["set"] == "shop" for name, labels, _ in proxy.prometheus())


def test_a_key_that_is_new_is_fetched_by_the_call_that_needs_it_and_one_that_is_gone_is_not_trusted(start_once, server, upstream):
    idp = server(certs=key_set("new-1"))
    proxy = start_once(policy(), clusters={"idp": idp.port})
    assert_admitted(call(proxy, "new-1"), upstream)
    time.sleep(5)
    idp.answers["/certs"] = Answer(key_set("new-2"))
    assert_admitted(call(proxy, "new-2"), upstream)
    assert idp.times("/certs") == 2
    # The token was verified before, and is in the cache.
    assert_refused(call(proxy, "new-1"), upstream, "token.unknown-key", 401)


def test_keys_rotate_under_load_and_no_honest_call_is_refused(start_once, server, upstream):
    idp = server(certs=key_set("r-0"))
    proxy = start_once(policy(), concurrency=2, clusters={"idp": idp.port})
    current, end, made = ["r-0"], threading.Event(), []

    def publish_on(client):
        while not end.is_set():
            made.append(call(proxy, current[0], client).response.status)

    threads = [threading.Thread(target=publish_on, args=(client,)) for client in [clients.H1, clients.H2] * 2]
    for thread in threads:
        thread.start()
    for number in range(1, 4):
        time.sleep(1.5)
        # Published at the very moment in which it is used. The former ones stay, as long as tokens by them are under way.
        idp.answers["/certs"] = Answer(key_set(*(f"r-{former}" for former in range(number + 1))))
        current[0] = f"r-{number}"
    time.sleep(6)
    end.set()
    for thread in threads:
        thread.join()
    assert set(made) == {200} and len(made) > 100, (len(made), set(made))
    assert idp.times("/certs") <= 5


HOSTILE = {
    "slow": Answer(key_set("new-1"), delay=4),
    "dripping": Answer(key_set("new-1"), drip=0.05),
    "huge": Answer(b'{"keys":[' + b" " * (30 << 20) + key_set("new-1")[9:]),
    "just too large": Answer(key_set("new-1") + b" " * (256 << 10)),
    "wrong": Answer(b'{"keys":"new-1"}'),
    "empty": Answer(b""),
    "no keys": Answer(b'{"keys":[]}'),
    "HTML": Answer(b"<html><body>Sign in</body></html>", headers={"content-type": "text/html"}),
    "redirecting": Answer(status=302, headers={"location": "/elsewhere"}),
    "permanently redirecting": Answer(status=308, headers={"location": "/elsewhere"}),
    "failing": Answer(key_set("new-1"), status=500),
    "created": Answer(key_set("new-1"), status=201),
    "cut": Answer(key_set("new-1")[:-20]),
    "lying of its length": Answer(key_set("new-1"), headers={"content-length": "100000"}),
}


RESULTS = {
    "slow": "no-answer", "dripping": "no-answer", "huge": "too-large", "just too large": "too-large", "wrong": "malformed", "empty": "malformed",
    "no keys": "empty", "HTML": "malformed", "redirecting": "status", "permanently redirecting": "status", "failing": "status",
    "created": "status", "cut": "malformed", "lying of its length": "no-answer",
}


def test_hostile_key_servers_give_no_keys_and_take_none_away(start_once, server, upstream):
    """All at once, each to an issuer of its own."""
    paths = {name: f"/{number}" for number, name in enumerate(HOSTILE)}
    idp = server(elsewhere=key_set("new-1"))

    def answer_with(answers):
        idp.answers.update({paths[name]: answer for name, answer in answers.items()})

    def calls():
        made = {}

        def send(name):
            token = keys.token(claims(iss="https://" + paths[name]), kid="new-1")
            made[name] = publish(proxy, clients.H1, headers=[STRUCTURED, ("authorization", "Bearer " + token)])

        threads = [threading.Thread(target=send, args=(name,)) for name in HOSTILE]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return made

    answer_with(HOSTILE)
    reference = reference_policy()
    issuers = [{**reference["issuers"][0], "name": name, "issuer": "https://" + path, "jwks": {"remote": {
        "cluster": "idp", "uri": f"https://idp.shop.example{path}", "timeout": "1s", "refresh": "1s"}}} for name, path in paths.items()]
    events = [{"type": "com.shop.cart.*", "topics": ["carts"], "publishers": [{"subject": "cart-service"}]}]
    proxy = start_once({**reference, "issuers": issuers, "events": events}, clusters={"idp": idp.port})
    for made in calls().values():
        assert_refused(made, upstream, "keys.unavailable", 503)
    answer_with({name: Answer(key_set("new-1")) for name in HOSTILE})
    local.wait_until(lambda: {made.response.status for made in calls().values()} == {200}, 40, "good keys")
    answer_with(HOSTILE)
    asked = {path: idp.times(path) for path in paths.values()}
    local.wait_until(lambda: all(idp.times(path) >= before + 2 for path, before in asked.items()), 30, "two more fetches of each")
    for made in calls().values():
        assert_admitted(made, upstream)
    assert idp.times("/elsewhere") == 0
    for name in HOSTILE:
        failed = [labels["result"] for sample, labels, _ in proxy.prometheus()
                  if sample == "eventguard_key_set_fetches_total" and labels["set"] == name and labels["result"] != "ok"]
        # On a busy machine 30 MB may take longer than the second that they have.
        assert RESULTS[name] in failed or (name, failed) == ("huge", ["no-answer"]), (name, failed)


def test_keys_are_stale_for_so_long_and_no_longer(start_once, server, upstream):
    idp = server(certs=key_set("new-1"))
    proxy = start_once(policy(refresh="1s", maxStale="3s"), clusters={"idp": idp.port})
    assert_admitted(call(proxy, "new-1"), upstream)
    idp.answers["/certs"] = Answer(status=503)
    time.sleep(2)
    assert_admitted(call(proxy, "new-1"), upstream)
    time.sleep(4)
    assert_refused(call(proxy, "new-1"), upstream, "keys.unavailable", 503)


def test_calls_with_keys_that_do_not_exist_ask_the_key_server_for_little(start_once, server, upstream):
    idp = server(certs=key_set("new-1"))
    proxy = start_once(policy(), clusters={"idp": idp.port})
    assert_admitted(call(proxy, "new-1"), upstream)
    forged, end = [], time.monotonic() + 4
    private = keys.private_for("OKP", "forged")

    def forge(number):
        while time.monotonic() < end:
            token = keys.token(claims(), kid=f"forged-{number}-{len(forged)}", private=private)
            forged.append(publish(proxy, clients.H1, headers=[STRUCTURED, ("authorization", "Bearer " + token)]))

    threads = [threading.Thread(target=forge, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    while time.monotonic() < end:
        assert_admitted(call(proxy, "new-1"), upstream)
    for thread in threads:
        thread.join()
    assert {made.response.status for made in forged} == {401}
    assert idp.times("/certs") <= 4


def test_a_token_that_did_not_verify_is_refused_for_a_while_without_another_look(start_once, server, upstream):
    other = {**keys.jwk_of(keys.private_for("OKP", "other")), "kid": "new-1"}
    idp = server(certs=json.dumps({"keys": [other]}).encode())
    proxy = start_once(policy(refresh="1s"), clusters={"idp": idp.port})
    first, second = (bearer("new-1", jti=jti) for jti in ("first", "second"))

    def send(token):
        return publish(proxy, clients.H1, headers=[STRUCTURED, token])

    assert_refused(send(first), upstream, "token.signature", 401)
    refused = time.monotonic()
    # Another key under the same id: now it would verify, as the other one does.
    idp.answers["/certs"] = Answer(key_set("new-1"))
    fetched = idp.times("/certs")
    local.wait_until(lambda: idp.times("/certs") >= fetched + 2, 4, "two more fetches")
    assert_admitted(send(second), upstream)
    assert_refused(send(first), upstream, "token.signature", 401)
    assert time.monotonic() < refused + 4.5
    time.sleep(max(0, refused + 5.1 - time.monotonic()))
    assert_admitted(send(first), upstream)


def discovered(**settings):
    return with_jwks({"discovery": {"cluster": "idp", "timeout": "1s", "refresh": "1s", **settings}})


WELL_KNOWN = "/realms/shop/.well-known/openid-configuration"


def metadata(issuer=ISSUER, uri="https://idp.shop.example/certs"):
    return Answer(json.dumps({"issuer": issuer, "jwks_uri": uri}).encode())


def test_keys_are_found_by_the_issuers_metadata(start_once, server, upstream):
    idp = server(certs=key_set("new-1"))
    idp.answers[WELL_KNOWN] = metadata()
    proxy = start_once(discovered(), clusters={"idp": idp.port})
    assert_admitted(call(proxy, "new-1"), upstream)
    elsewhere = server(keys=key_set("new-2"))
    idp.answers[WELL_KNOWN] = metadata(uri="https://keys.example/keys")
    proxy = start_once(discovered(hosts={"keys.example": "keys"}), clusters={"idp": idp.port, "keys": elsewhere.port})
    assert_admitted(call(proxy, "new-2"), upstream)
    assert elsewhere.asked[0][2] == "keys.example"


def test_metadata_that_are_not_the_issuers_lead_nowhere(start_once, server, upstream):
    idp = server(certs=key_set("new-1"))
    wrong = {
        "issuer": metadata(issuer=ISSUER + "/"), "address": metadata(uri="https://evil.example/certs"), "malformed": Answer(b"<html>"),
        "status": Answer(status=302, headers={"location": "/certs"}),
    }
    idp.answers.update({f"/{name}": answer for name, answer in wrong.items()})
    reference = reference_policy()
    issuers = [{**reference["issuers"][0], "name": name, "issuer": ISSUER if name == "address" else f"https://{name}.example",
                "jwks": {"discovery": {"cluster": "idp", "uri": f"https://idp.shop.example/{name}", "timeout": "1s"}}} for name in wrong]
    proxy = start_once({**reference, "issuers": issuers, "events": [{"type": "com.shop.*", "publishers": [{"subject": "cart-service"}]}]},
                       clusters={"idp": idp.port})
    assert_refused(call(proxy, "new-1"), upstream, "keys.unavailable", 503)
    assert idp.times("/certs") == 0
    for name in wrong:
        assert counters(proxy, "eventguard_key_set_fetches_total", set=name, result=name) >= 1


def test_a_call_that_is_broken_off_while_it_waits_is_told_and_leaves_nothing_behind(start_once, server, upstream, sink):
    idp = server(certs=Answer(key_set("new-1"), delay=1.5))
    proxy = start_once(policy(), logs=sink, clusters={"idp": idp.port})
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        connection.sendall(written("gone", b"{}", [STRUCTURED, bearer("new-1")]))
        time.sleep(0.3)
    assert sink.wait("gone")[0]["code"] == "call.malformed"
    assert_admitted(call(proxy, "new-1"), upstream)
    assert upstream.saw_nothing_of("gone")
