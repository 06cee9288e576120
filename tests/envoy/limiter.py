"""A rate limit service of our own, which counts in memory, or answers whatever a test says."""

import concurrent.futures
import threading
import time

import grpc

import messages

METHOD = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
Request, Response = messages.message("envoy.service.ratelimit.v3.RateLimitRequest"), messages.message("envoy.service.ratelimit.v3.RateLimitResponse")
UNKNOWN, OK, OVER_LIMIT = range(3)


def status(code=OK, limit=1, reset=None, remaining=0):
    """What is said of one descriptor. Without a limit none is configured."""
    made = Response.DescriptorStatus(code=code, limit_remaining=remaining)
    if limit:
        made.current_limit.requests_per_unit = limit
    if reset is not None:
        made.duration_until_reset.seconds = reset
    return made


class Limiter(grpc.GenericRpcHandler):
    """`limits` are the highest counts by the first entry, (key, value). `answer`, where a test sets it, is asked instead: from a request to a
    response, to an exception, or to a status of gRPC's."""

    def __init__(self, limits=None):
        self.limits = {("replay", "event"): 1} if limits is None else limits
        self.lock, self.counts, self.requests, self.answer = threading.Lock(), {}, [], None
        self.pool = concurrent.futures.ThreadPoolExecutor(8)
        self.server = grpc.server(self.pool, handlers=[self], options=[("grpc.so_reuseport", 0)])
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def close(self):
        self.server.stop(0).wait()
        self.pool.shutdown()

    def reset(self):
        """As if nobody had ever asked."""
        with self.lock:
            self.counts, self.requests, self.answer = {}, [], None

    def service(self, handler_call_details):
        if handler_call_details.method != METHOD:
            return None
        return grpc.unary_unary_rpc_method_handler(self._serve, Request.FromString, lambda response: response.SerializeToString())

    def _serve(self, request, context):
        with self.lock:
            self.requests.append(request)
        if self.answer is None:
            return self._count(request)
        answer = self.answer(request)
        if isinstance(answer, grpc.StatusCode):
            context.abort(answer, "as the test says")
        return answer

    def _count(self, request):
        with self.lock:
            statuses = [self._status(descriptor) for descriptor in request.descriptors]
        over = any(status.code == OVER_LIMIT for status in statuses)
        return Response(overall_code=OVER_LIMIT if over else OK, statuses=statuses)

    def _status(self, descriptor):
        entries = tuple((entry.key, entry.value) for entry in descriptor.entries)
        limit = self.limits.get(entries[0])
        if limit is None:
            return status(limit=None)
        count = self.counts.get(entries, 0) + (descriptor.hits_addend.value if descriptor.HasField("hits_addend") else 1)
        if count > limit:
            return status(OVER_LIMIT, limit, reset=7)
        self.counts[entries] = count
        return status(OK, limit)


def slow(seconds):
    """An answer that comes late."""
    def answer(request):
        time.sleep(seconds)
        return Response(overall_code=OK, statuses=[status() for _ in request.descriptors])
    return answer
