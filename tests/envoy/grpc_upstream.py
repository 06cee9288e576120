"""The gRPC services behind the proxy, all of them: any method is taken, its messages are kept as bytes, as they come."""

import concurrent.futures
import dataclasses
import threading

import grpc
from dapr.proto import api_v1
from google.pubsub_v1 import PublishRequest, PublishResponse

from local import wait_until
from messages import Receipt


@dataclasses.dataclass
class Received:
    method: str
    metadata: list
    messages: list = dataclasses.field(default_factory=list)
    # Whether no message can follow. How it ended grpcio's servers cannot tell for certain: the proxy's statistics do.
    ended: bool = False

    def values(self, name):
        """Every value of the metadata `name`."""
        return [value for key, value in self.metadata if key == name]


def _published(messages):
    count = len(PublishRequest.deserialize(messages[0]).messages)
    return PublishResponse.serialize(PublishResponse(message_ids=[str(index) for index in range(count)]))


ANSWERS = {
    "/google.pubsub.v1.Publisher/Publish": _published,
    "/dapr.proto.runtime.v1.Dapr/PublishEvent": lambda _: b"",
    "/dapr.proto.runtime.v1.Dapr/BulkPublishEvent": lambda _: api_v1.BulkPublishResponse().SerializeToString(),
}
# Methods that answer each message at once.
BIDIRECTIONAL = {"/shop.v1.Feed/Exchange"}


class GrpcUpstream(grpc.GenericRpcHandler):
    def __init__(self):
        self.lock, self.calls = threading.Lock(), []
        self.pool = concurrent.futures.ThreadPoolExecutor(8)
        self.server = grpc.server(self.pool, handlers=[self], options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)])
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def close(self):
        self.server.stop(0).wait()
        self.pool.shutdown()

    def service(self, handler_call_details):
        # Streams either way: so a call is seen as soon as its headers are there, also where no message follows.
        received = Received(handler_call_details.method, list(handler_call_details.invocation_metadata))
        with self.lock:
            self.calls.append(received)
        return grpc.stream_stream_rpc_method_handler(lambda messages, context: self._serve(received, messages, context))

    @staticmethod
    def _serve(received, messages, context):
        bidirectional = received.method in BIDIRECTIONAL
        try:
            for message in messages:
                received.messages.append(message)
                if bidirectional:
                    yield Receipt(count=len(received.messages)).SerializeToString()
        except Exception:  # What grpcio raises where the client has gone is a plain one.
            return
        finally:
            received.ended = True
        if not bidirectional:
            answer = ANSWERS.get(received.method, lambda messages: Receipt(count=len(messages)).SerializeToString())
            yield answer(received.messages)
        # Behind what was answered, in the trailers.
        for wish in received.values("x-answer-status"):
            context.set_code(next(code for code in grpc.StatusCode if code.value[0] == int(wish)))

    def by_id(self, request_id):
        """The calls that carry this `x-request-id`."""
        with self.lock:
            return [call for call in self.calls if request_id in call.values("x-request-id")]

    def one(self, request_id):
        """The one call of this id, once it has ended."""
        wait_until(lambda: any(call.ended for call in self.by_id(request_id)), 5, f"the end of {request_id}")
        [call] = self.by_id(request_id)
        return call

    def saw_nothing_of(self, request_id):
        return not self.by_id(request_id)
