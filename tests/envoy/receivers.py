"""What Envoy's own access loggers send to: an access log service, a Fluentd and an OTLP receiver over gRPC, each as small as it can be."""

import concurrent.futures
import socket
import threading

import grpc
import msgpack
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

import messages

ALS = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs"
OTLP = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
StreamMessage, StreamResponse = (messages.message(f"envoy.service.accesslog.v3.StreamAccessLogs{name}") for name in ("Message", "Response"))


class GrpcReceiver(grpc.GenericRpcHandler):
    """`entries` are what came by ALS, `log_records` what came by OTLP."""

    def __init__(self):
        self.entries, self.log_names, self.log_records = [], [], []
        self.pool = concurrent.futures.ThreadPoolExecutor(8)
        self.server = grpc.server(self.pool, handlers=[self], options=[("grpc.so_reuseport", 0)])
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def close(self):
        self.server.stop(0).wait()
        self.pool.shutdown()

    def service(self, handler_call_details):
        if handler_call_details.method == ALS:
            return grpc.stream_unary_rpc_method_handler(self._stream, StreamMessage.FromString, StreamResponse.SerializeToString)
        if handler_call_details.method == OTLP:
            request, response = logs_service_pb2.ExportLogsServiceRequest, logs_service_pb2.ExportLogsServiceResponse
            return grpc.unary_unary_rpc_method_handler(self._export, request.FromString, response.SerializeToString)
        return None

    def _stream(self, stream, _):
        try:
            for message in stream:
                if message.HasField("identifier"):
                    self.log_names.append(message.identifier.log_name)
                self.entries += message.http_logs.log_entry
        except grpc.RpcError:
            pass  # The proxy ended.
        return StreamResponse()

    def _export(self, request, _):
        self.log_records += [record for resource in request.resource_logs for scope in resource.scope_logs for record in scope.log_records]
        return logs_service_pb2.ExportLogsServiceResponse()


class Fluentd:
    """The forward protocol, version 1: `events` are (tag, time, record) of every mode that it has but compressed ones."""

    def __init__(self):
        self.events = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        unpacker = msgpack.Unpacker(raw=False)
        while data := connection.recv(1 << 16):
            unpacker.feed(data)
            for tag, *rest in unpacker:
                self.events += [(tag, *event) for event in _events(*rest)]


def _events(first, *rest):
    if isinstance(first, list):
        return first
    if isinstance(first, bytes):
        return list(msgpack.Unpacker(raw=False).feed(first) or [])
    return [(first, rest[0])]
