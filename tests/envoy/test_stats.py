"""What Envoy's own statistics say: counters with tags, and the names that they have without."""

import clients
import local
from conftest import STRUCTURED, bearer, cart_event, publish


def counters(proxy, name, **labels):
    """The sum of the samples of this name that carry these labels."""
    return sum(value for sample, found, value in proxy.prometheus() if sample == name and labels.items() <= found.items())


def test_events_are_counted_by_verdict_code_route_and_type(start_once, sink):
    proxy = start_once(logs=sink)
    batch = b"[" + cart_event("1") + b"," + cart_event("2") + b"," + cart_event("3") + b"]"
    for _ in range(2):
        publish(proxy, clients.H1)
    publish(proxy, clients.H1, headers=[("content-type", "application/cloudevents-batch+json"), bearer()], body=batch)
    publish(proxy, clients.H1, headers=[STRUCTURED])
    publish(proxy, clients.H1, body=cart_event(event_type="com.shop.unknown"))
    publish(proxy, clients.H1, body=cart_event(event_type="com.shop.other"))
    publish(proxy, clients.H1, path="/elsewhere")

    def count(**labels):
        return counters(proxy, "eventguard_events_total", **labels)

    local.wait_until(lambda: count() == 9, 5, "nine events counted")
    assert count(verdict="admit", route="cloudevents", type="com.shop.cart.*") == 5
    assert count(verdict="refuse", code="token.missing", route="cloudevents") == 1
    # What outside puts into a type never becomes a series of its own.
    assert count(verdict="refuse", code="rule.unknown-type", type="other") == 2
    assert count(verdict="refuse", code="route.unmatched") == 1
    assert {"verdict", "code", "route", "type"} <= set(next(labels for name, labels, _ in proxy.prometheus() if name == "eventguard_events_total"))


def test_a_verified_token_is_a_hit_the_next_time(start_once, sink):
    proxy = start_once(logs=sink)
    token = bearer()
    for _ in range(5):
        publish(proxy, clients.H1, headers=[STRUCTURED, token])
    assert counters(proxy, "eventguard_token_cache_hits_total") == 4
    assert counters(proxy, "eventguard_token_cache_misses_total") == 1


def test_records_sent_are_counted_and_none_is_left_in_the_queue(start_once, sink):
    proxy = start_once(logs=sink)
    calls = [publish(proxy, clients.H1) for _ in range(10)]
    for call in calls:
        sink.wait(call.id)
    local.wait_until(lambda: counters(proxy, "eventguard_audit_sent_total") == 10, 5, "ten records sent")
    assert counters(proxy, "eventguard_audit_dropped_total") == 0
    assert counters(proxy, "eventguard_audit_queued") == 0


def test_time_spent_is_a_histogram(start_once):
    proxy = start_once()
    for _ in range(3):
        publish(proxy, clients.H1)
    # Histograms are merged every five seconds.
    local.wait_until(lambda: counters(proxy, "eventguard_call_microseconds_count") == 3, 12, "three calls timed")
    assert 0 < counters(proxy, "eventguard_call_microseconds_sum") < 3e5


def test_without_the_regexes_the_flat_names_are_there(start_once, sink):
    proxy = start_once(tags=False, logs=sink)
    publish(proxy, clients.H1)
    names = proxy.stats("eventguard_events_total")
    assert any("verdict=.=admit" in name for name in names), names


def test_a_type_that_tries_to_forge_a_label_is_only_other(start_once, client, sink):
    proxy = start_once(logs=sink)
    publish(proxy, client, body=cart_event(event_type="a;.;verdict=.=admit;.;"))
    assert counters(proxy, "eventguard_events_total", verdict="refuse", type="other") == 1
    assert counters(proxy, "eventguard_events_total", verdict="admit") == 0
