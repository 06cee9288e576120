"""Envoy's own access loggers, as the manifests have them: the record of each judged call comes to whoever they send to."""

import json
import subprocess

import pytest
import yaml
from google.protobuf import wrappers_pb2

import clients
from access_log import ALS, FILE, FLUENTD, HOSTILE, OTLP, SHIPPED, Logging, calls, logger, shipped
from conftest import OLD, ROOT, envoy
from local import flatten, wait_until
from log_cluster import LogCluster
from receivers import Fluentd, GrpcReceiver

ISTIO = ROOT / "envoy/istio-access-log.yaml"


@pytest.fixture
def receiver():
    with_end = GrpcReceiver()
    yield with_end
    with_end.close()


@pytest.fixture
def fluentd():
    with_end = Fluentd()
    yield with_end
    with_end.close()


@pytest.fixture
def run(binary, upstream, tmp_path):
    """Starts a `Logging`."""
    started = []

    def start(*arguments, **options):
        started.append(Logging(binary, tmp_path, upstream, *arguments, **options))
        return started[-1]
    yield start
    for logging in started:
        logging.envoy.stop()


def check(texts, sent):
    """The texts are the records of these calls."""
    assert all("eyJ" not in text and "\x1b" not in text and "\n" not in text for text in texts), texts
    found = [json.loads(text) for text in texts]
    records = [flatten(record) for one in found for record in (one if isinstance(one, list) else [one])]
    by_call = {kind: [record for record in records if record["requestId"] == call.id] for kind, call in sent.items()}
    assert [(record["verdict"], record["publisher"]) for record in by_call["admit"]] == [("admit", "cart-service")]
    assert [(record["verdict"], record["code"], record["id"]) for record in by_call["refuse"]] == [("refuse", "rule.unknown-type", HOSTILE)]
    assert [record["id"] for record in by_call["batch"]] == ["b-1", "b-2"]
    assert len(records) == 4 and len(found) == 3


def test_all_four_at_once_as_shipped(run, receiver, fluentd):
    proxy = run({"otlp": receiver.port, "als": receiver.port, "fluentd": fluentd.port})
    sent = calls(proxy)
    unjudged = clients.H1.send(proxy.port, "POST", "bus.shop.example", "/%", [("x-request-id", "unjudged"), ("transfer-encoding", "nonsense")], [b""])
    assert unjudged.status >= 400
    wait_until(lambda: len(receiver.entries) >= 3 and len(receiver.log_records) >= 3 and len(fluentd.events) >= 3, 10, "records of three calls")

    lines = [json.loads(line) for line in wait_until(lambda: lines_of(proxy, 4), 5, "lines of the file")]
    check([line["record"] for line in lines if line["record"] is not None], sent)
    assert len(lines) == 4, "the call that was not judged is there too"
    assert {line["requestId"]: line["status"] for line in lines}[sent["refuse"].id] == 403

    assert set(receiver.log_names) == {"eventguard"}
    entries = [entry for entry in receiver.entries if "wasm.eventguard" in entry.common_properties.filter_state_objects]
    check([value(entry.common_properties.filter_state_objects["wasm.eventguard"]) for entry in entries], sent)
    assert {entry.request.request_id: entry.response.response_code.value for entry in entries}[sent["refuse"].id] == 403

    records = [record for record in receiver.log_records if record.body.string_value != "-"]
    check([record.body.string_value for record in records], sent)
    assert all({attribute.key: attribute.value.string_value for attribute in record.attributes}["event.name"] == "eventguard.verdict" for record in records)

    events = [record for tag, _, record in fluentd.events if tag == "eventguard" and record["record"] not in ("-", None)]
    check([record["record"] for record in events], sent)


def lines_of(proxy, count):
    lines = [line for line in proxy.lines().splitlines() if line.startswith("{")]
    return lines if len(lines) >= count else None


def value(any_value):
    message = wrappers_pb2.BytesValue()
    assert any_value.Unpack(message), any_value.type_url
    return message.value.decode()


def test_over_http_the_otlp_logger_fills_the_sink(run, tmp_path):
    """As the comment in the manifest has it."""
    cluster = LogCluster(tmp_path)
    try:
        otlp = logger(OTLP)
        del otlp["typed_config"]["grpc_service"]
        [line] = [line for line in SHIPPED.read_text().splitlines() if "http_service:" in line]
        otlp["typed_config"] |= yaml.safe_load(line.split("#", 1)[1])
        proxy = run({"otlp": cluster.port}, loggers=[otlp], http1=["otlp"])
        sent = calls(proxy)

        def lines():
            written = (tmp_path / "records.ndjson").read_text().splitlines()
            return written if len(written) >= 4 else None
        records = [flatten(json.loads(line)) for line in wait_until(lines, 10, "four records")]
        assert sorted((record["verdict"], record.get("code")) for record in records) == [("admit", None)] * 3 + [("refuse", "rule.unknown-type")]
        assert {record["requestId"] for record in records} == {call.id for call in sent.values()}
    finally:
        cluster.stop()


def istio(kind):
    [found] = [document for document in yaml.safe_load_all(ISTIO.read_text()) if document["kind"] == kind]
    return found["spec"]


def test_istio_s_loggers_write_what_envoy_s_do():
    """What Istio makes of its providers: the fields of Envoy's that they are named after."""
    providers = {provider["name"]: provider for provider in istio("IstioOperator")["meshConfig"]["extensionProviders"]}
    assert list(providers) == [provider["name"] for entry in istio("Telemetry")["accessLogging"] for provider in entry["providers"]]
    file = logger(FILE)["typed_config"]
    provider = providers["eventguard-file"]["envoyFileAccessLog"]
    assert (provider["path"], provider["logFormat"]["labels"]) == (file["path"], file["log_format"]["json_format"])
    otlp = logger(OTLP)["typed_config"]
    provider = providers["eventguard-otlp"]["envoyOtelAls"]
    assert provider["logFormat"]["text"] == otlp["body"]["string_value"]
    assert provider["logFormat"]["labels"] == {entry["key"]: entry["value"]["string_value"] for entry in otlp["attributes"]["values"]}
    als = logger(ALS)["typed_config"]["common_config"]
    provider = providers["eventguard-als"]["envoyHttpAls"]
    assert (provider["logName"], provider["filterStateObjectsToLog"]) == (als["log_name"], als["filter_state_objects_to_log"])
    [patch] = istio("EnvoyFilter")["configPatches"]
    [fluentd] = patch["patch"]["value"]["typed_config"]["access_log"]
    fluentd["typed_config"]["cluster"] = "fluentd"
    assert fluentd == logger(FLUENTD)


def test_istio_s_filter_keeps_the_calls_that_were_judged(run):
    [entry] = istio("Telemetry")["accessLogging"]
    expression = {"@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter", "expression": entry["filter"]["expression"]}
    file = logger(FILE) | {"filter": {"extension_filter": {"name": "cel", "typed_config": expression}}}
    proxy = run({}, loggers=[file])
    clients.H1.send(proxy.port, "POST", "bus.shop.example", "/events/carts", [("content-length", "nonsense")], [b""])
    sent = calls(proxy)
    lines = wait_until(lambda: lines_of(proxy, 3), 5, "lines of the file")
    assert [json.loads(line)["requestId"] for line in lines] == [call.id for call in sent.values()]


def test_an_envoy_that_does_not_know_the_otlp_logger_s_new_form_takes_the_old_one(tmp_path):
    document, manager = shipped()
    [otlp] = [logger["typed_config"] for logger in manager["access_log"] if logger["name"] == OTLP]
    [line] = [line for line in SHIPPED.read_text().splitlines() if "common_config: {log_name" in line]
    del otlp["grpc_service"]
    otlp |= yaml.safe_load(line.split("#", 1)[1])
    path = tmp_path / "envoy.yaml"
    path.write_text(yaml.safe_dump(document))
    for version in ("1.40.0", OLD):
        done = subprocess.run([envoy(version), "--mode", "validate", "-c", path, "--use-dynamic-base-id"], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr[-3000:]
