"""Spans of judged calls, as an OTLP/HTTP receiver gets them: `eventguard audit sink`, which reads them with OpenTelemetry's own messages; and
the trace of a call in its event."""

import json
import subprocess
import time

import pytest

import clients
import local
from conftest import HOLDS, STRUCTURED, assert_admitted, assert_refused, bearer, cart_event, publish, reference_policy
from leaks import Secrets
from test_stats import counters

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = ("traceparent", f"00-{TRACE}-{PARENT}-01")
UNSAMPLED = ("traceparent", f"00-{TRACE}-{PARENT}-00")


class Collector(local.Process):
    """Receives spans, a line each."""

    def __init__(self, directory):
        self.port, self.file = local.free_port(), directory / "spans.ndjson"
        super().__init__([local.COMMAND, "audit", "sink", "--listen", f"127.0.0.1:{self.port}", "--output", directory / "records.ndjson",
                          "--format", "ndjson", "--spans", self.file], directory / "sink.log")
        local.wait_until(lambda: "listening on" in self.output(), 5, "the collector")

    def spans(self):
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    def of(self, event_id, seconds=6):
        """The span of one event; there is never another."""
        def found():
            return [span for span in self.spans() if span["attributes"].get("cloudevents.event_id") == event_id]
        local.wait_until(found, seconds, f"a span of {event_id}")
        [span] = found()
        return span


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    process = Collector(tmp_path_factory.mktemp("collector"))
    yield process
    process.stop()


def policy(**traces):
    return {**reference_policy(), "traces": {"cluster": "collector", **traces}}


@pytest.fixture(scope="module", params=HOLDS)
def proxy(request, start, collector):
    return start(policy(), hold=request.param, clusters={"collector": collector.port})


def call(proxy, client=clients.H1, *more, **options):
    return publish(proxy, client, headers=[STRUCTURED, bearer(), *more], **options)


def test_a_judged_call_is_a_span_of_its_callers_trace(proxy, client, upstream, collector):
    before = time.time()
    sent = call(proxy, client, SAMPLED)
    assert_admitted(sent, upstream)
    span = collector.of(sent.id)
    assert (span["name"], span["kind"], span["status"]) == ("publish carts", "producer", "unset")
    assert (span["traceId"], span["parentSpanId"]) == (TRACE, PARENT) and len(span["spanId"]) == 16
    began = time.mktime(time.strptime(span["time"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    assert before - 2 <= began <= time.time() and 0 < span["durationMicros"] < 2e6
    expected = {
        "messaging.system": "cloudevents", "messaging.operation.name": "publish", "messaging.operation.type": "send",
        "messaging.destination.name": "carts", "cloudevents.event_id": sent.id, "cloudevents.event_type": "com.shop.cart.ItemAdded",
        "cloudevents.event_source": "/shop/cart", "eventguard.verdict": "admit", "eventguard.route": "cloudevents",
        "eventguard.rule": "com.shop.cart.*", "user.id": "cart-service", "http.route": "/events/{topic}",
    }
    assert span["attributes"] == expected


def test_a_refused_call_is_an_error_and_tells_no_secret(proxy, client, upstream, collector):
    token = bearer()
    body = cart_event("e-refused", data='{"secret":"do-not-tell-anybody"}', event_type="com.shop.unknown")
    sent = publish(proxy, client, headers=[STRUCTURED, token, ("traceparent", f"00-{TRACE}-{'a' * 15}{client.name[-1]}-01")], body=body)
    assert_refused(sent, upstream, "rule.unknown-type", 403)
    nobody = publish(proxy, client, headers=[STRUCTURED, ("traceparent", f"00-{TRACE}-{'b' * 15}{client.name[-1]}-01")])
    assert_refused(nobody, upstream, "token.missing", 401)

    def of(parent):
        return next((span for span in reversed(collector.spans()) if span["parentSpanId"] == parent * 15 + client.name[-1]), None)

    span = local.wait_until(lambda: of("a"), 6, "the span")
    assert (span["name"], span["status"]) == ("publish", "error")
    assert span["attributes"]["error.type"] == span["attributes"]["eventguard.code"] == "rule.unknown-type"
    span = local.wait_until(lambda: of("b"), 6, "the other span")
    assert (span["name"], span["status"], span["attributes"]["error.type"]) == ("publish", "error", "token.missing")
    text = collector.file.read_text()
    assert Secrets.of_call(token, "do-not-tell-anybody").found_in(text) == {}


def test_a_call_that_is_not_sampled_is_no_span(proxy, collector):
    others = [call(proxy), call(proxy, clients.H1, UNSAMPLED), call(proxy, clients.H1, ("traceparent", "00-nonsense-01"))]
    collector.of(call(proxy, clients.H1, SAMPLED).id)
    known = {span["attributes"].get("cloudevents.event_id") for span in collector.spans()}
    assert not known & {other.id for other in others}


def test_roots_and_a_share_are_what_the_policy_asks_for(start_once, collector):
    proxy = start_once(policy(sample=1, roots=True), clusters={"collector": collector.port})
    root = collector.of(call(proxy).id)
    assert root["parentSpanId"] == "" and root["traceId"] not in (TRACE, "0" * 32) and len(root["traceId"]) == 32
    child = collector.of(call(proxy, clients.H1, UNSAMPLED).id)
    assert (child["traceId"], child["parentSpanId"]) == (TRACE, PARENT)
    assert len({span["spanId"] for span in collector.spans()}) == len(collector.spans())
    local.wait_until(lambda: counters(proxy, "eventguard_spans_sent_total") == 2, 5, "two spans counted")


def test_a_collector_that_is_away_keeps_no_call_and_no_record_from_going_on(start_once, upstream, sink):
    # Nobody listens there. The batch is sent twice, a second later.
    audited = {**policy(), "audit": {"cluster": "logs", "batch": {"records": 1}}}
    proxy = start_once(audited, logs=sink, clusters={"collector": local.free_port()})
    calls = [call(proxy, clients.H1, SAMPLED) for _ in range(5)]
    for sent in calls:
        assert_admitted(sent, upstream)
        sink.wait(sent.id)
    local.wait_until(lambda: counters(proxy, "eventguard_spans_dropped_total") == 5, 10, "five spans lost")
    assert counters(proxy, "eventguard_spans_sent_total") == 0


def test_spans_that_wait_are_sent_when_the_policy_changes(start_once, collector):
    proxy = start_once(policy(), dynamic=True, clusters={"collector": collector.port})
    sent = call(proxy, clients.H1, SAMPLED)
    proxy.write_dynamic(proxy.wasm(policy={**proxy.policy, "mode": "observe"}))
    collector.of(sent.id)


def test_a_trap_in_what_is_traced_does_not_come_from_its_size(proxy, collector):
    """Names as long as they may be, and more calls at once than a batch has room for."""
    sent = [call(proxy, clients.H1, SAMPLED, body=cart_event("i" * 3000 + str(number))) for number in range(40)]
    assert {answer.response.status for answer in sent} == {200}

    def found():
        ids = [span["attributes"].get("cloudevents.event_id", "") for span in collector.spans()]
        return sum(event_id.startswith("i" * 500) for event_id in ids) >= 40

    local.wait_until(found, 6, "forty spans")


# The trace of a call in its event.


def binary(*more, event_id="e-1"):
    return [("content-type", "application/json"), ("ce-specversion", "1.0"), ("ce-id", event_id), ("ce-source", "/shop/cart"),
            ("ce-type", "com.shop.cart.ItemAdded"), bearer(), *more]


DATA = b'{"quantity":1}'


@pytest.fixture(scope="module", params=HOLDS)
def adding(request, start):
    key = json.loads(subprocess.run([local.COMMAND, "keygen", "--kid", "cart-dsse"], check=True, capture_output=True, text=True).stdout)
    ours = reference_policy()
    signers = [*ours["signers"], {"keyId": "cart-dsse", "publisher": "cart-service", "publicKey": key["public"]}]
    proxy = start({**ours, "signers": signers, "traces": {"addToEvents": True}}, hold=request.param)
    proxy.signing_key = key["private"]
    return proxy


def extensions(seen):
    return seen.header("ce-traceparent")


def test_an_event_in_headers_gets_the_trace_of_its_call(adding, client, upstream):
    sent = publish(adding, client, headers=binary(UNSAMPLED), body=DATA)
    seen = assert_admitted(sent, upstream)
    assert extensions(seen) == [UNSAMPLED[1]] == seen.header("traceparent")


def test_an_event_that_has_a_trace_keeps_it(adding, client, upstream):
    own = ("ce-traceparent", SAMPLED[1].replace("4", "5"))
    seen = assert_admitted(publish(adding, client, headers=binary(SAMPLED, own), body=DATA), upstream)
    assert extensions(seen) == [own[1]]


def test_no_trace_is_made_up(adding, client, upstream):
    for more in [(), (("traceparent", "00-nonsense"),)]:
        assert extensions(assert_admitted(publish(adding, client, headers=binary(*more), body=DATA), upstream)) == []


def test_a_structured_event_goes_on_as_it_came(adding, client, upstream):
    sent = publish(adding, client, headers=[STRUCTURED, bearer(), SAMPLED])
    seen = assert_admitted(sent, upstream)
    assert extensions(seen) == [] and b"traceparent" not in seen.body


def test_an_event_that_is_signed_goes_on_as_it_was_signed(adding, client, upstream, tmp_path):
    """With the attribute, strict DSSE behind us would refuse it."""
    key = tmp_path / "key.json"
    key.write_text(json.dumps(adding.signing_key))
    case = {"call": {"method": "POST", "authority": "bus.shop.example", "path": "/events/carts", "headers": binary(SAMPLED), "body": DATA.decode()}}
    signed = subprocess.run([local.COMMAND, "sign", "dsse", "--key", key, "--apply", "-"], input=json.dumps(case), check=True, capture_output=True, text=True)
    headers = [tuple(header) for header in json.loads(signed.stdout)["call"]["headers"]]
    assert "ce-dssematerial" in dict(headers)
    seen = assert_admitted(publish(adding, client, headers=headers, body=DATA), upstream)
    assert extensions(seen) == [] and seen.header("ce-dssematerial")
    with_another = publish(adding, client, headers=[*headers, ("ce-traceparent", SAMPLED[1])], body=DATA)
    assert_refused(with_another, upstream, "signature.uncovered", 401)


def test_without_the_policys_word_nothing_is_added(proxy, client, upstream):
    seen = assert_admitted(publish(proxy, client, headers=binary(SAMPLED), body=DATA), upstream)
    assert extensions(seen) == []


def test_traces_that_mean_nothing_are_a_policy_that_is_refused(start_once):
    with pytest.raises(RuntimeError, match="traces: without `cluster` there are no spans"):
        start_once({**reference_policy(), "traces": {}})
