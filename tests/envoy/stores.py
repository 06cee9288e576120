"""Log clusters of every kind, each as its documentation says: what they take, what they refuse, what they know twice. Each
can be away, busy or broken as `Sink` can, and gives back what it has as its users would read it."""

import concurrent.futures
import json

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

from sink import Sink


class Store(Sink):
    """`requests` are the paths and headers, in lower case, of the batches that were looked at."""

    KIND, HTTP2, CONTENT_TYPE = None, False, None

    def __init__(self):
        self.requests = []
        super().__init__()

    def settings(self):
        """What a policy says of it."""
        return {"sink": self.KIND}

    def take(self, path, headers, body, _mode):
        headers = {name.lower(): value for name, value in headers.items()}
        with self.lock:
            self.requests.append((path, headers))
            if headers.get("content-type") != self.CONTENT_TYPE:
                return 415, "text/plain", b"another content type"
            return self.store(path, headers, body)


class Lines(Store):
    """Takes lines of JSON, as they are."""

    KIND, CONTENT_TYPE = "ndjson", "application/x-ndjson"

    def __init__(self):
        self.text = ""
        super().__init__()

    def store(self, path, headers, body):
        if not body.endswith(b"\n"):
            return 400, "text/plain", b"the last line is cut"
        self.text += body.decode()
        return 202, "text/plain", b""

    def found(self):
        return self.text


class CloudEvents(Store):
    """Takes batches of CloudEvents (JSON event format 1.0, section 4) and gives them back as one."""

    KIND, CONTENT_TYPE = "cloudevents", "application/cloudevents-batch+json"

    def __init__(self):
        self.events = []
        super().__init__()

    def store(self, path, headers, body):
        events = json.loads(body)
        for event in events:
            if event["specversion"] != "1.0" or not all(event[name] for name in ("id", "source", "type")):
                return 400, "text/plain", b"no CloudEvent"
        self.events += events
        return 204, "text/plain", b""

    def found(self):
        return json.dumps(self.events)


class Loki(Store):
    """`POST /loki/api/v1/push`, for tenants by `X-Scope-OrgID`. A line of a stream that is there already, at that time, is not stored again."""

    KIND, CONTENT_TYPE = "loki", "application/json"
    TENANT = "shop"

    def __init__(self):
        self.streams = {}
        super().__init__()

    def settings(self):
        return {"sink": self.KIND, "headers": {"X-Scope-OrgID": self.TENANT}}

    def store(self, path, headers, body):
        if path != "/loki/api/v1/push":
            return 404, "text/plain", b"404 page not found"
        if headers.get("x-scope-orgid") != self.TENANT:
            return 401, "text/plain", b"no org id"
        for stream in json.loads(body)["streams"]:
            labels = tuple(sorted(stream["stream"].items()))
            if not labels or len(labels) > 15:
                return 400, "text/plain", b"at least one label pair is required per stream"
            entries = self.streams.setdefault(labels, [])
            for time, line, metadata in stream["values"]:
                assert time.isdigit() and all(isinstance(text, str) for text in metadata.values())
                if (time, line, metadata) not in entries:
                    entries.append((time, line, metadata))
        return 204, "text/plain", b""

    def found(self):
        """`GET /loki/api/v1/query_range?direction=forward`: a stream for each set of labels and structured metadata."""
        results = {}
        for labels, entries in self.streams.items():
            for time, line, metadata in entries:
                stream = {**dict(labels), **metadata}
                found = results.setdefault(tuple(sorted(stream.items())), {"stream": stream, "values": []})
                found["values"].append([time, line])
        return json.dumps({"status": "success", "data": {"resultType": "streams", "result": list(results.values())}})


class Elasticsearch(Store):
    """`POST /INDEX/_bulk` of a data stream. `outcome`, where a test sets it, is asked for the status of each document by its id and the number
    of the request; a document that is there already is a conflict."""

    KIND, CONTENT_TYPE = "elasticsearch", "application/x-ndjson"
    INDEX, KEY = "audit-events", "ApiKey c2VjcmV0"

    def __init__(self):
        self.documents, self.outcome, self.bulks, self.conflicts = {}, None, [], 0
        super().__init__()

    def settings(self):
        return {"sink": self.KIND, "index": self.INDEX, "headers": {"Authorization": {"env": "LOGS_KEY"}}}

    def store(self, path, headers, body):
        path, _, query = path.partition("?")
        if headers.get("authorization") != self.KEY:
            return 401, "application/json", b'{"error":{"type":"security_exception"},"status":401}'
        if path != f"/{self.INDEX}/_bulk":
            return 404, "application/json", b"{}"
        if not body.endswith(b"\n"):
            return 400, "application/json", b'{"error":"The bulk request must be terminated by a newline [\\n]"}'
        lines = body.decode().splitlines()
        self.bulks.append(len(lines) // 2)
        items = [self._create(json.loads(action), document) for action, document in zip(lines[::2], lines[1::2], strict=True)]
        answer = {"took": 3, "errors": any(item["create"]["status"] > 299 for item in items), "items": items}
        if query == "filter_path=errors,items.*.status":
            del answer["took"]
            answer["items"] = [{"create": {"status": item["create"]["status"]}} for item in items]
        return 200, "application/json", json.dumps(answer).encode()

    def _create(self, action, document):
        (operation, target), = action.items()
        assert operation == "create" and set(target) == {"_id"}, action
        status = self.outcome(target["_id"], len(self.bulks)) if self.outcome else 201
        if target["_id"] in self.documents:
            self.conflicts += 1
            status = 409
        elif "@timestamp" not in json.loads(document):
            status = 400
        elif status == 201:
            self.documents[target["_id"]] = document
        return {"create": {"_index": ".ds-audit-events-000001", "_id": target["_id"], "_version": 1, "status": status}}

    def found(self):
        """`GET /INDEX/_search`: documents as they came, in no order that means anything."""
        hits = [f'{{"_index":"x","_id":{json.dumps(name)},"_source":{source}}}' for name, source in sorted(self.documents.items())]
        return f'{{"took":1,"hits":{{"hits":[{",".join(hits)}]}}}}'


def taken(export, partial):
    """The lines of a batch of OTLP but for the first `partial` ones, and the answer, which says how many those are and not which."""
    lines = [record.body.string_value for resource in export.resource_logs for scope in resource.scope_logs for record in scope.log_records]
    response = logs_service_pb2.ExportLogsServiceResponse()
    if partial:
        response.partial_success.rejected_log_records = min(partial, len(lines))
        response.partial_success.error_message = "as the test says"
    return lines[partial:], response


class Otlp(Store):
    """`POST /v1/logs`. `partial` records of each batch are not taken."""

    KIND, CONTENT_TYPE = "otlp", "application/x-protobuf"

    def __init__(self):
        self.partial, self.received = 0, []
        super().__init__()

    def store(self, path, headers, body):
        if path != "/v1/logs":
            return 404, "text/plain", b"404 page not found"
        lines, response = taken(logs_service_pb2.ExportLogsServiceRequest.FromString(body), self.partial)
        self.received += lines
        return 200, "application/x-protobuf", response.SerializeToString()

    def found(self):
        return "".join(line + "\n" for line in self.received)


class OtlpGrpc(grpc.GenericRpcHandler):
    """`LogsService/Export`. `mode` is "ok", or a status of gRPC's; with `retry_after` its details say when to come again. `partial` records of
    each batch are not taken. Records come as lines."""

    KIND, HTTP2 = "otlp-grpc", True
    METHOD = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

    def __init__(self):
        self.mode, self.retry_after, self.partial, self.attempts, self.received, self.metadata = "ok", None, 0, 0, [], []
        self.pool = concurrent.futures.ThreadPoolExecutor(4)
        self.server = grpc.server(self.pool, handlers=[self], options=[("grpc.so_reuseport", 0)])
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def settings(self):
        return {"sink": self.KIND}

    def close(self):
        self.server.stop(0).wait()
        self.pool.shutdown()

    def service(self, handler_call_details):
        if handler_call_details.method != self.METHOD:
            return None
        export = logs_service_pb2.ExportLogsServiceRequest.FromString
        return grpc.unary_unary_rpc_method_handler(self._export, export, lambda response: response.SerializeToString())

    def _export(self, request, context):
        self.attempts += 1
        self.metadata.append(dict(context.invocation_metadata()))
        if self.mode != "ok":
            self._refuse(context)
        lines, response = taken(request, self.partial)
        self.received += lines
        return response

    def _refuse(self, context):
        code = getattr(code_pb2, self.mode.name)
        status = status_pb2.Status(code=code, message="as the test says")
        if self.retry_after is not None:
            delay = duration_pb2.Duration(seconds=self.retry_after)
            detail = any_pb2.Any()
            detail.Pack(error_details_pb2.RetryInfo(retry_delay=delay))
            status.details.append(detail)
        context.abort_with_status(rpc_status.to_status(status))

    def found(self):
        return "".join(line + "\n" for line in self.received)
