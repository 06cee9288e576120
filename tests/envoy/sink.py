"""A log cluster that obeys: an OTLP/HTTP receiver that can be away, slow, overloaded or broken, and remembers what it accepted."""

import gzip
import http.server
import json
import socket
import threading
import time

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

from local import flatten, free_port, wait_until


class Sink:
    """Starts with `mode` "ok". Others: a status such as 429 or 500 (nothing accepted), "slow" (accepts after `delay` seconds), "partly"
    (accepts all but one record of an event, which it does not name), "cut" (the connection ends without an answer). `away()` and `back()`
    take the listener itself down and up, on the same port."""

    def __init__(self):
        self.port = free_port()
        self.mode, self.delay, self.retry_after = "ok", 0.0, None
        self.lock = threading.Lock()
        self.exports, self.records, self.taken, self.attempts = [], [], [], 0
        self.server = None
        self.back()

    def back(self):
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def setup(self):
                super().setup()
                sink.connections.add(self.connection)

            def do_POST(self):
                sink._answer(self)

            def log_message(self, *_):
                pass

        self.connections = set()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def away(self):
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.server = None

    def close(self):
        if self.server:
            self.away()

    def _answer(self, request):
        # A copy of the mode at arrival: what counts is what the sink was when the batch came.
        mode = self.mode
        body = self._body(request)
        with self.lock:
            self.attempts += 1
        if mode == "slow":
            time.sleep(self.delay)
        if mode == "cut":
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        if isinstance(mode, int):
            request.send_response(mode)
            if self.retry_after is not None:
                request.send_header("retry-after", str(self.retry_after))
            request.send_header("content-length", "0")
            request.end_headers()
            return
        status, content_type, answer = self.take(request.path, dict(request.headers.items()), body, mode)
        request.send_response(status)
        request.send_header("content-type", content_type)
        request.send_header("content-length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)

    def take(self, path, headers, body, mode):
        """Takes a batch: status, content type and body of the answer."""
        export = logs_service_pb2.ExportLogsServiceRequest.FromString(body)
        lines = list(_lines(export))
        rejected = next((line for line in lines if mode == "partly" and '"event_code":"verdict"' in line), None)
        with self.lock:
            self.keep(path, headers, export, [line for line in lines if line is not rejected])
        answer = logs_service_pb2.ExportLogsServiceResponse()
        if rejected:
            answer.partial_success.rejected_log_records = 1
        return 200, "application/x-protobuf", answer.SerializeToString()

    def keep(self, path, headers, export, lines):
        """What was accepted: a request, and the lines in it."""
        self.exports.append((path, headers, export))
        self.taken += lines
        self.records += [flatten(json.loads(line)) for line in lines]

    @staticmethod
    def _body(request):
        if request.headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(request.rfile.readline(), 16):
                body += request.rfile.read(size)
                request.rfile.readline()
            request.rfile.readline()
        else:
            body = request.rfile.read(int(request.headers.get("content-length", 0)))
        return gzip.decompress(body) if request.headers.get("content-encoding") == "gzip" else body

    def events(self):
        """The records of events, not those in which the stream tells of itself."""
        with self.lock:
            return [record for record in self.records if record.get("verdict")]

    def lines(self):
        """Every record as it was sent, one line each."""
        with self.lock:
            return list(self.taken)

    def of(self, request_id):
        return [record for record in self.events() if record.get("requestId") == request_id]

    def wait(self, request_id, count=1, seconds=6):
        """The records of one call, once there are `count`; and never more."""
        wait_until(lambda: len(self.of(request_id)) >= count, seconds, f"{count} records of {request_id}")
        found = self.of(request_id)
        assert len(found) == count, found
        return found


def _lines(export):
    for resource in export.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                yield record.body.string_value
