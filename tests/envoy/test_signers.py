"""Keys of signers that are fetched: each of its owner, in its time, and new ones found by the first message that they sign."""

import base64
import socket
import threading
import time

import pytest

import clients
import keys
import local
from conftest import HOLDS, STRUCTURED, assert_admitted, assert_refused, bearer, cart_event, publish, reference_policy, split, written
from key_server import Answer, KeyServer
from limiter import Limiter, slow
from signed import publish_signed, signed_headers, signer_key, signer_set
from test_limiter import cluster_policy, new_event
from test_stats import counters

CART = {"owner": "cart-service"}


def policy(publisher=None, **settings):
    """The reference policy whose signers are fetched, and of whose carts each event is signed."""
    remote = {"cluster": "partners", "uri": "https://partners.example/keys", "timeout": "2s", **settings}
    ours = reference_policy()
    ours["signers"] = [{"name": "partners", "remote": remote, **({"publisher": publisher} if publisher else {})}]
    next(rule for rule in ours["events"] if rule["type"] == "com.shop.cart.*")["signature"] = {"required": True}
    return ours


@pytest.fixture
def server():
    with_end = KeyServer()
    yield with_end
    with_end.close()


@pytest.fixture
def start_with(start_once, server):
    """A proxy that fetches this set."""
    def start(*listed, publisher=None, settings=None, delay=0, **options):
        server.answers["/keys"] = Answer(signer_set(*listed), delay=delay)
        return start_once(policy(publisher, **(settings or {})), clusters={"partners": server.port}, **options)
    return start


@pytest.mark.parametrize("hold", HOLDS)
@pytest.mark.parametrize("flag", [True, False])
def test_calls_that_come_before_the_signers_wait_for_them(start_with, server, upstream, hold, flag):
    if hold == "headers" and not flag:
        pytest.skip("without the flag headers cannot be held for a body")
    proxy = start_with(signer_key("ed", **CART), settings={"timeout": "5s"}, delay=1, hold=hold, flag=flag, concurrency=2)
    bodiless = {"specversion": "1.0", "id": "headless", "source": "/shop/cart", "type": "com.shop.cart.ItemAdded"}
    made = {}

    def send(name, kid, client, **options):
        made[name] = publish_signed(proxy, kid, client=client, parts=split, **options)

    def send_without_body():
        made["no body"] = publish(proxy, clients.H2, headers=signed_headers("ed", attributes=bodiless), parts=[])

    trailers = {"trailers": [("x-t", "1"), ("x-eventguard-publisher", "shop/root")]}
    threads = [threading.Thread(target=send_without_body)] + [threading.Thread(target=send, args=args, kwargs=options) for *args, options in [
        ("h1", "ed", clients.H1, {}), ("h2", "ed", clients.H2, {}), ("trailers", "ed", clients.H2, trailers), ("other", "other", clients.H1, {})]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_refused(made.pop("other"), upstream, "signature.unknown-key", 401)
    assert len(made) == 4
    for call in made.values():
        seen = assert_admitted(call, upstream)
        assert seen.header("x-eventguard-publisher") == ["shop/cart-service"]
        assert "x-eventguard-publisher" not in [name for name, _ in seen.trailers]
    # Once for the proxy, and once more for the key that is not there, if that call came after the first fetch had begun.
    assert server.times("/keys") <= 2


@pytest.mark.parametrize("hold", HOLDS)
def test_the_first_message_by_a_new_key_waits_for_it(start_with, server, upstream, client, hold):
    proxy = start_with(signer_key("old", **CART), hold=hold)
    assert_admitted(publish_signed(proxy, "old", client=client, parts=split), upstream)
    server.answers["/keys"] = Answer(signer_set(signer_key("old", **CART), signer_key("new", **CART)), delay=0.5)
    # Soon after a fetch, which is not repeated for whoever asks.
    began = time.monotonic()
    assert_admitted(publish_signed(proxy, "new", client=client, parts=split), upstream)
    assert 0.5 < time.monotonic() - began < 10 and server.times("/keys") == 2
    assert_admitted(publish_signed(proxy, "old", client=client), upstream)


def test_signers_rotate_their_keys_under_load_and_no_honest_message_is_refused(start_with, server, upstream):
    proxy = start_with(signer_key("r-0", **CART), concurrency=2)
    current, end, made = ["r-0"], threading.Event(), []

    def publish_on(client):
        while not end.is_set():
            made.append(publish_signed(proxy, current[0], client=client).response.status)

    threads = [threading.Thread(target=publish_on, args=(client,)) for client in clients.BOTH * 2]
    for thread in threads:
        thread.start()
    for number in range(1, 4):
        time.sleep(1.5)
        server.answers["/keys"] = Answer(signer_set(*(signer_key(f"r-{former}", **CART) for former in range(number + 1))))
        current[0] = f"r-{number}"
    time.sleep(6)
    end.set()
    for thread in threads:
        thread.join()
    assert set(made) == {200} and len(made) > 100, (len(made), set(made))
    assert server.times("/keys") <= 5


def test_messages_by_keys_that_do_not_exist_ask_the_server_for_little(start_with, server, upstream):
    proxy = start_with(signer_key("ed", **CART))
    assert_admitted(publish_signed(proxy, "ed"), upstream)
    forged, end = [], time.monotonic() + 4
    keys.private_for("OKP", "none")

    def forge(number):
        while time.monotonic() < end:
            headers = [(name, value.replace('keyid="none"', f'keyid="none-{number}-{len(forged)}"')) for name, value in signed_headers("none", body=cart_event())]
            forged.append(publish(proxy, clients.H1, headers=headers, body=cart_event()))

    threads = [threading.Thread(target=forge, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    while time.monotonic() < end:
        assert_admitted(publish_signed(proxy, "ed"), upstream)
    for thread in threads:
        thread.join()
    assert {call.response.problem["code"] for call in forged} == {"signature.unknown-key"}
    assert server.times("/keys") <= 4


def test_a_message_that_is_broken_off_while_it_waits_is_told(start_with, upstream, sink):
    proxy = start_with(signer_key("ed", **CART), delay=1.5, logs=sink)
    body = cart_event()
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        connection.sendall(written("gone", body, signed_headers("ed", body=body)))
        time.sleep(0.3)
    assert sink.wait("gone")[0]["code"] == "call.malformed"
    assert_admitted(publish_signed(proxy, "ed"), upstream)
    assert upstream.saw_nothing_of("gone")


@pytest.mark.parametrize("delivery", ["async", "before-forward"])
def test_a_message_that_has_waited_for_its_key_waits_for_the_limiter_and_for_its_record_then(start_once, server, upstream, sink, delivery):
    limits = Limiter()
    try:
        ours = cluster_policy()
        ours["signers"] = policy()["signers"]
        ours["audit"] = {"cluster": "logs", "delivery": delivery}
        server.answers["/keys"] = Answer(signer_set(signer_key("ed", **CART)), delay=1)
        proxy = start_once(ours, logs=sink, limits=limits, clusters={"partners": server.port})
        limits.answer = slow(0.3)
        body = new_event()
        call = publish_signed(proxy, "ed", body=body, parts=split)
        assert_admitted(call, upstream)
        assert sink.wait(call.id)[0]["verdict"] == "admit"
        assert len(limits.requests) == 1
        assert_refused(publish_signed(proxy, "ed", body=body), upstream, "replay.seen", 409)
    finally:
        limits.close()


def test_each_key_is_its_owners(start_with, upstream, server):
    listed = [signer_key("ed", **CART), signer_key("ec", "EC", **CART), signer_key("other", owner="shipping-service"), signer_key("nobodys")]
    proxy = start_with(*listed, concurrency=2)
    for _ in range(4):
        assert_admitted(publish_signed(proxy, "ed"), upstream)
        assert_admitted(publish_signed(proxy, "ec", "EC"), upstream)
    assert_refused(publish_signed(proxy, "other"), upstream, "signature.signer", 403)
    assert server.asked[0][2] == "partners.example" and server.times("/keys") == 1
    assert_refused(publish_signed(proxy, "nobodys"), upstream, "signature.unknown-key", 401)
    # Signed by somebody else in the key's name.
    body = cart_event()
    headers = [STRUCTURED, bearer(), ("content-digest", keys.content_digest(body))]
    headers += keys.http_message(keys.private_for("OKP", "other"), "ed", int(time.time()), "POST", "bus.shop.example", "/events/carts", headers)
    assert_refused(publish(proxy, clients.H1, headers=headers, body=body), upstream, "signature.invalid", 401)


def test_a_publisher_of_the_policy_owns_all_keys_of_its_set_and_no_others(start_with, upstream):
    proxy = start_with(signer_key("plain"), signer_key("other", owner="shipping-service"), publisher="cart-service")
    assert_admitted(publish_signed(proxy, "plain"), upstream)
    assert_refused(publish_signed(proxy, "other"), upstream, "signature.unknown-key", 401)


def test_a_shared_secret_that_a_server_publishes_is_no_key(start_with, upstream):
    secret = b"published by a server of keys, for all to see"
    symmetric = {"kty": "oct", "k": keys.b64url(secret), "kid": "shared", **CART}
    proxy = start_with(symmetric, {**signer_key("leaked", **CART), "d": keys.b64url(bytes(32))}, signer_key("good", **CART))
    assert_admitted(publish_signed(proxy, "good"), upstream)
    assert_refused(publish_signed(proxy, "leaked"), upstream, "signature.unknown-key", 401)
    body, now = cart_event(), str(int(time.time()))
    signature = keys.standard_webhook(secret, "m-1", now, body)
    headers = [STRUCTURED, bearer(), ("webhook-id", "m-1"), ("webhook-timestamp", now), ("webhook-signature", signature)]
    assert_refused(publish(proxy, clients.H1, headers=headers, body=body), upstream, "signature.unknown-key", 401)
    parameters = f'("@method" "@authority" "@path" "content-digest");created={now};keyid="shared"'
    headers = [STRUCTURED, bearer(), ("content-digest", keys.content_digest(body))]
    base = keys.signature_base(parameters.partition(";")[0], ";" + parameters.partition(";")[2], "POST", "bus.shop.example", "/events/carts", headers)
    signed = base64.b64encode(keys.sign(secret, base)).decode()
    headers += [("signature-input", f"s={parameters}"), ("signature", f"s=:{signed}:")]
    assert_refused(publish(proxy, clients.H1, headers=headers, body=body), upstream, "signature.unknown-key", 401)
    for key in ("keys[0]", "keys[1]"):
        assert f"has a key that is not used: {key}: its secret part is published" in proxy.output()
    assert counters(proxy, "eventguard_key_set_used", set="partners") == 1


def test_an_old_and_a_new_key_overlap_and_each_is_trusted_in_its_time(start_with, server, upstream):
    proxy = start_with(signer_key("warm", **CART), settings={"refresh": "1s"})
    now, fetched = int(time.time()), server.times("/keys")
    server.answers["/keys"] = Answer(signer_set(signer_key("old", **CART, exp=now + 9), signer_key("new", **CART, nbf=now + 6)))
    local.wait_until(lambda: server.times("/keys") >= fetched + 2, 5, "the keys")
    assert_admitted(publish_signed(proxy, "old"), upstream)
    assert_refused(publish_signed(proxy, "new"), upstream, "signature.expired", 401)
    time.sleep(max(0, now + 7 - time.time()))
    for kid in ("old", "new"):
        assert_admitted(publish_signed(proxy, kid), upstream)
    time.sleep(max(0, now + 11 - time.time()))
    assert_refused(publish_signed(proxy, "old"), upstream, "signature.expired", 401)
    assert_admitted(publish_signed(proxy, "new"), upstream)


def test_a_key_that_is_gone_is_trusted_no_more(start_with, upstream, server):
    proxy = start_with(signer_key("old", **CART), settings={"refresh": "1s"})
    assert_admitted(publish_signed(proxy, "old"), upstream)
    server.answers["/keys"] = Answer(signer_set(signer_key("new", **CART)))
    local.wait_until(lambda: publish_signed(proxy, "old").response.status != 200, 5, "the new set")
    assert_refused(publish_signed(proxy, "old"), upstream, "signature.unknown-key", 401)
    assert_admitted(publish_signed(proxy, "new"), upstream)


def test_without_the_set_a_key_that_it_may_have_is_refused(start_with, upstream, server):
    proxy = start_with(signer_key("ed", **CART), settings={"refresh": "1s", "maxStale": "1s", "timeout": "1s"})
    server.answers["/keys"] = Answer(status=500)
    local.wait_until(lambda: publish_signed(proxy, "ed").response.status == 503, 8, "the end of the set")
    assert_refused(publish_signed(proxy, "ed"), upstream, "keys.unavailable", 503)
