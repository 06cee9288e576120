"""Publishers as they are in the field: the clients of their registries, unchanged, each told nothing but where to publish and what
metadata its calls carry. A publisher is called with (port, metadata, events...) and raises what its library raises; `expected` says the
method and the message that must reach the upstream."""

import dataclasses
import json
import uuid

import grpc
from dapr.clients import BulkPublishEntry, DaprClient
from dapr.clients.exceptions import DaprGrpcError
from dapr.clients.grpc.interceptors import DaprClientInterceptor
from dapr.proto import api_v1
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublishRequest as PubSubRequest
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from messages import CloudEvent, CloudEventBatch, PublishRequest, Receipt

TIMEOUT = 15


@dataclasses.dataclass
class Event:
    """By default one that `cart-service` may publish. What is None is left out."""
    type: str = "com.shop.cart.ItemAdded"
    topic: str = "carts"
    source: str = "/shop/cart"
    data: bytes = b'{"quantity":1}'
    id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))

    def attributes(self):
        found = {"specversion": "1.0", "id": self.id, "source": self.source, "type": self.type}
        return {name: value for name, value in found.items() if value is not None}

    def cloud_event(self):
        """As `io.cloudevents.v1.CloudEvent`."""
        return CloudEvent(spec_version="1.0", id=self.id, source=self.source, type=self.type, binary_data=self.data)

    def json(self):
        """As a structured CloudEvent."""
        return json.dumps({**self.attributes(), "data": self.data.decode()})


class Grpcio:
    """The stub of a service of the user's own."""

    def __init__(self, expected, compression=None):
        self.expected, self.compression = expected, compression

    def __call__(self, port, metadata, *events):
        with grpc.insecure_channel(f"127.0.0.1:{port}", compression=self.compression) as channel:
            self.send(channel, metadata, *events)

    def send(self, channel, metadata, *events):
        method, message = self.expected(*events)
        call = channel.unary_unary(method, type(message).SerializeToString, Receipt.FromString)
        call(message, metadata=metadata, timeout=TIMEOUT)


def cloud_events(*events):
    """A CloudEvent as the message; the topic is the method's."""
    if len(events) > 1:
        return "/shop.v1.Events/PublishBatch", CloudEventBatch(events=[event.cloud_event() for event in events])
    return f"/shop.v1.Events/{'Publish' if events[0].topic == 'carts' else 'Return'}", events[0].cloud_event()


def items(*events):
    """The message of a service that the policy describes."""
    request = PublishRequest(topic=events[0].topic)
    for event in events:
        request.items.add(kind=event.type, id=event.id, origin=event.source, body=event.data)
    return "/shop.v1.Bus/Publish", request


class PubSub:
    def __call__(self, port, metadata, *events):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            self.publish(PublisherGrpcTransport(channel=grpc.intercept_channel(channel, DaprClientInterceptor(metadata))), *events)

    def publish(self, transport, *events):
        """One `publish()` for each event; the client makes one request of them."""
        settings = pubsub_v1.types.BatchSettings(max_latency=0.2)
        client = pubsub_v1.PublisherClient(settings, **({"transport": transport} if transport else {}))
        futures = [client.publish(self.topic(event), event.data, retry=None, **self.attributes(event)) for event in events]
        client.stop()
        for future in futures:
            future.result(TIMEOUT)

    @staticmethod
    def topic(event):
        return f"projects/shop/topics/{event.topic}"

    @staticmethod
    def attributes(event):
        return {f"ce-{name}": value for name, value in event.attributes().items()}

    def expected(self, *events):
        messages = [{"data": event.data, "attributes": self.attributes(event)} for event in events]
        return "/google.pubsub.v1.Publisher/Publish", PubSubRequest.pb(PubSubRequest(topic=self.topic(events[0]), messages=messages))


class Dapr:
    """Asks for its sidecar's health at `dapr.conf.settings.DAPR_HTTP_ENDPOINT` before anything else."""

    content_type = "application/cloudevents+json"

    def __call__(self, port, metadata, *events, component="bus"):
        with DaprClient(f"127.0.0.1:{port}", interceptors=[DaprClientInterceptor(metadata)]) as client:
            if len(events) > 1:
                entries = [BulkPublishEntry(event.json(), content_type=self.content_type, entry_id=event.id) for event in events]
                client.publish_events(component, events[0].topic, entries)
            else:
                client.publish_event(component, events[0].topic, events[0].json(), data_content_type=self.content_type)

    def expected(self, *events):
        where = {"pubsub_name": "bus", "topic": events[0].topic}
        if len(events) > 1:
            entries = [{"entry_id": event.id, "event": event.json().encode(), "content_type": self.content_type} for event in events]
            return "/dapr.proto.runtime.v1.Dapr/BulkPublishEvent", api_v1.BulkPublishRequest(entries=entries, **where)
        data = events[0].json().encode()
        return "/dapr.proto.runtime.v1.Dapr/PublishEvent", api_v1.PublishEventRequest(data=data, data_content_type=self.content_type, **where)


def refusal(error):
    """What a client raised, by its own word: the gRPC status, its text, and the reason of the `google.rpc.ErrorInfo` with it, if any."""
    if isinstance(error, GoogleAPICallError):
        return error.grpc_status_code, error.message, error.reason
    if isinstance(error, DaprGrpcError):
        info = error.status_details().error_info
        return error.code(), error.details(), info and info["reason"]
    info, status = error_details_pb2.ErrorInfo(), rpc_status.from_call(error)
    found = status and status.details[0].Unpack(info)
    return error.code(), error.details(), info.reason if found else None


PUBLISHERS = {
    "grpcio-cloudevents": Grpcio(cloud_events),
    "grpcio-cloudevents-gzip": Grpcio(cloud_events, grpc.Compression.Gzip),
    "grpcio-described": Grpcio(items),
    "grpcio-described-gzip": Grpcio(items, grpc.Compression.Gzip),
    "google-cloud-pubsub": PubSub(),
    "dapr": Dapr(),
}
