"""An Envoy with the access loggers of envoy/access-log.yaml, and calls for it."""

import json

import yaml

import clients
import keys
import local
from conftest import STRUCTURED, cart_event, claims, publish

SHIPPED = local.ROOT / "envoy/access-log.yaml"
FILE, OTLP, ALS, FLUENTD = (f"envoy.access_loggers.{name}" for name in ("file", "open_telemetry", "http_grpc", "fluentd"))
# An id that would end a text, begin a member and name a header, where a logger put it in as it is.
HOSTILE = '"}],"record":{"a":"%REQ(AUTHORIZATION)%\\'


def shipped():
    document = yaml.safe_load(SHIPPED.read_text())
    [listener] = document["static_resources"]["listeners"]
    return document, listener["filter_chains"][0]["filters"][0]["typed_config"]


def logger(name):
    [found] = [logger for logger in shipped()[1]["access_log"] if logger["name"] == name]
    return found


class Logging:
    """An Envoy with the shipped configuration, but for the ports, the keys, and whose loggers it has."""

    def __init__(self, binary, directory, upstream, ports, loggers=None, http1=()):
        document, manager = shipped()
        self.port, admin = local.free_port(), local.free_port()
        document["admin"]["address"]["socket_address"]["port_value"] = admin
        document["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"] = self.port
        for cluster in document["static_resources"]["clusters"]:
            [endpoints] = cluster["load_assignment"]["endpoints"]
            address = endpoints["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
            address["port_value"] = {"upstream": upstream.port, **ports}.get(cluster["name"], address["port_value"])
            if cluster["name"] in http1:
                del cluster["typed_extension_protocol_options"]
        configuration = manager["http_filters"][0]["typed_config"]["config"]["configuration"]
        configuration["value"] = json.dumps(keys.with_our_keys(json.loads(configuration["value"])))
        manager["access_log"] = manager["access_log"] if loggers is None else loggers
        path = directory / "envoy.yaml"
        path.write_text(yaml.safe_dump(document))
        self.envoy = local.Envoy(binary, path, admin, directory / "envoy.log")
        self.lines = self.envoy.output


def calls(proxy):
    """One that is admitted, one that is refused, whose id is hostile, and a batch of two; by what each is."""
    token = ("authorization", "Bearer " + keys.token(claims(), kid="shop-ed"))
    batch = b"[" + cart_event("b-1") + b"," + cart_event("b-2") + b"]"
    return {
        "admit": publish(proxy, clients.H1, headers=[STRUCTURED, token]),
        "refuse": publish(proxy, clients.H1, headers=[STRUCTURED, token], body=cart_event(event_id=json.dumps(HOSTILE)[1:-1], event_type="com.evil")),
        "batch": publish(proxy, clients.H1, headers=[("content-type", "application/cloudevents-batch+json"), token], body=batch),
    }
