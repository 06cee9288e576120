"""The service behind the proxy, down to its bytes: what reached it of a call, also of half a call. HTTP/1.1 only, since a half
call is easiest to see there."""

import base64
import dataclasses
import socket
import threading
import time


@dataclasses.dataclass
class Request:
    method: str
    path: str
    headers: list
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)
    complete: bool = False

    def header(self, name):
        """Every value of the header `name` (lower case)."""
        return [value for key, value in self.headers if key == name]


class Upstream:
    """Accepts, reads, remembers, answers 200, or what `x-answer-with` asks for, with `answer`, or the base64 in `x-answer-body`, as the type in
    `x-answer-type`, with the headers in `x-answer-header` and the trailers in `x-answer-trailer`. `raw` is every byte that any connection brought."""

    def __init__(self, port=0, answer=b"ok\n"):
        self.answer = answer
        self.lock = threading.Lock()
        self.requests = []
        self.chunks = []
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    @property
    def raw(self):
        with self.lock:
            return b"".join(self.chunks)

    def by_id(self, request_id):
        """The requests that carry this `x-request-id`."""
        with self.lock:
            return [request for request in self.requests if request_id in request.header("x-request-id")]

    def one(self, request_id, seconds=2):
        """The one complete request of this id."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.by_id(request_id)
            if found and found[0].complete:
                break
            time.sleep(0.005)
        found = self.by_id(request_id)
        assert len(found) == 1 and found[0].complete, f"the upstream saw {found}"
        return found[0]

    def saw_nothing_of(self, request_id):
        """Not a request line, not a header, not a byte of a body. The id stands in every call's headers."""
        return not self.by_id(request_id) and request_id.encode() not in self.raw

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        buffer = _Buffer(connection, self)
        try:
            while self._one(buffer, connection):
                pass
        except (OSError, EOFError):
            pass
        finally:
            connection.close()

    def _one(self, buffer, connection):
        line = buffer.line()
        method, path, _ = line.decode("latin-1").split(" ", 2)
        request = Request(method, path, buffer.headers())
        with self.lock:
            self.requests.append(request)
        length = request.header("content-length")
        if request.header("transfer-encoding") == ["chunked"]:
            while size := int(buffer.line().split(b";")[0], 16):
                request.body += buffer.take(size)
                buffer.line()
            request.trailers = buffer.headers()
        elif length:
            request.body = buffer.take(int(length[0]), into=request)
        request.complete = True
        time.sleep(float(next(iter(request.header("x-answer-after")), "0")))
        status = next(iter(request.header("x-answer-with")), "200")
        if status == "nothing":
            return False
        body = next((base64.b64decode(wish) for wish in request.header("x-answer-body")), self.answer)
        content_type = next(iter(request.header("x-answer-type")), "text/plain")
        trailers = request.header("x-answer-trailer")
        length = "transfer-encoding: chunked" if trailers else f"content-length: {len(body)}"
        lines = [f"HTTP/1.1 {status} As wished", f"content-type: {content_type}", length, *request.header("x-answer-header")]
        if trailers:
            body = b"%x\r\n%s\r\n0\r\n" % (len(body), body) + "\r\n".join([*trailers, "", ""]).encode()
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return True


class _Buffer:
    def __init__(self, connection, upstream):
        self.connection, self.upstream, self.data = connection, upstream, b""

    def more(self):
        part = self.connection.recv(65536)
        if not part:
            raise EOFError
        with self.upstream.lock:
            self.upstream.chunks.append(part)
        self.data += part

    def line(self):
        while b"\r\n" not in self.data:
            self.more()
        line, _, self.data = self.data.partition(b"\r\n")
        return line

    def take(self, size, into=None):
        while len(self.data) < size:
            if into:
                into.body = self.data
            self.more()
        part, self.data = self.data[:size], self.data[size:]
        return part

    def headers(self):
        found = []
        while line := self.line():
            name, _, value = line.decode("latin-1").partition(":")
            found.append((name.strip().lower(), value.strip()))
        return found
