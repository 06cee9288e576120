"""Publishers, down to their bytes: HTTP/1.1 over a socket and HTTP/2 over `h2`, each able to send what a library would not."""

import dataclasses
import json
import socket
import ssl
import time

import h2.config
import h2.connection
import h2.events

TIMEOUT = 15


@dataclasses.dataclass
class Response:
    status: int
    headers: list
    body: bytes
    interim: list = dataclasses.field(default_factory=list)
    reset: bool = False

    def header(self, name):
        """The value of the header `name` (lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def problem(self):
        """The body as RFC 9457 has it."""
        assert self.header("content-type") == "application/problem+json", (self.status, self.headers, self.body)
        return json.loads(self.body)


def connect(port, tls=None):
    connection = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not tls:
        return connection
    certificate, alpn = tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    if certificate:
        context.load_cert_chain(certificate)
    return context.wrap_socket(connection)


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode()


class H1:
    """One call over HTTP/1.1. `parts` of a body go out one by one; `pause` is the time between them, in seconds."""

    name = "h1"

    @staticmethod
    def send(port, method, authority, path, headers, parts, *, length=True, trailers=(), pause=0.0, before_body=0.01, tls=None, expect=False):
        connection = connect(port, tls and (tls if tls != "anonymous" else None, "http/1.1"))
        try:
            return H1._exchange(connection, method, authority, path, headers, parts, length, trailers, pause, before_body, expect)
        finally:
            connection.close()

    @staticmethod
    def _exchange(connection, method, authority, path, headers, parts, length, trailers, pause, before_body, expect):
        head = [_bytes(f"{method} {path} HTTP/1.1"), _bytes(f"host: {authority}")]
        head += [_bytes(name) + b": " + _bytes(value) for name, value in headers]
        chunked = bool(trailers) or not length
        head.append(b"transfer-encoding: chunked" if chunked else b"content-length: %d" % sum(map(len, parts)))
        if trailers:
            head.append(b"te: trailers")
        if expect:
            head.append(b"expect: 100-continue")
        reader = Answers(connection)
        interim = []
        try:
            connection.sendall(b"\r\n".join(head) + b"\r\n\r\n")
            if expect:
                first = reader.response()
                if first.status != 100:
                    return first
                interim.append(first.status)
            # Late bodies are what tells whether the headers went ahead.
            time.sleep(before_body)
            for part in parts:
                connection.sendall(b"%x\r\n%s\r\n" % (len(part), part) if chunked and part else part)
                if pause:
                    time.sleep(pause)
            if chunked:
                connection.sendall(b"0\r\n" + b"".join(_bytes(f"{name}: {value}\r\n") for name, value in trailers) + b"\r\n")
        except OSError:
            # A refusal may come before the body is sent, and the connection be closed with it.
            pass
        response = reader.response()
        response.interim = interim
        return response


class Answers:
    """What comes back on a connection of HTTP/1.1, one answer after the other."""

    def __init__(self, connection):
        self.connection, self.data = connection, b""

    def until(self, condition):
        while not condition():
            try:
                part = self.connection.recv(65536)
            except ConnectionResetError:
                part = b""
            if not part:
                return False
            self.data += part
        return True

    def response(self):
        if not self.until(lambda: b"\r\n\r\n" in self.data):
            return Response(0, [], self.data, reset=True)
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
        response = Response(status, headers, b"")
        if status == 100:
            return response
        if response.header("transfer-encoding") == "chunked":
            response.body, response.reset = self._chunks()
        else:
            size = int(response.header("content-length") or 0)
            self.until(lambda: len(self.data) >= size)
            response.body, self.data = self.data[:size], self.data[size:]
        return response

    def _chunks(self):
        body = b""
        while True:
            if not self.until(lambda: b"\r\n" in self.data):
                return body, True
            line, _, self.data = self.data.partition(b"\r\n")
            size = int(line, 16)
            self.until(lambda: len(self.data) >= size + 2)
            body += self.data[:size]
            self.data = self.data[size + 2:]
            if size == 0:
                return body, False


class H2:
    """One call over HTTP/2 with prior knowledge. `length` says whether `content-length` is sent; empty parts are empty DATA frames."""

    name = "h2"

    @staticmethod
    def send(port, method, authority, path, headers, parts, *, length=True, trailers=(), pause=0.0, before_body=0.01, tls=None, expect=False):
        connection = connect(port, tls and (tls if tls != "anonymous" else None, "h2"))
        try:
            return H2._exchange(connection, method, authority, path, headers, parts, length, trailers, pause, before_body)
        finally:
            connection.close()

    @staticmethod
    def _exchange(connection, method, authority, path, headers, parts, length, trailers, pause, before_body):
        # Checks of outgoing headers off: a test may want to send what is not well formed.
        peer = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False))
        stream = _Stream(connection, peer)
        peer.initiate_connection()
        head = [(":method", method), (":scheme", "http"), (":authority", authority), (":path", path)]
        head += headers
        if length:
            head.append(("content-length", str(sum(map(len, parts)))))
        head = [(_bytes(name), _bytes(value)) for name, value in head]
        peer.send_headers(1, head, end_stream=not parts and not trailers)
        stream.flush()
        if parts or trailers:
            time.sleep(before_body)
            for index, part in enumerate(parts):
                stream.data(part, end=not trailers and index == len(parts) - 1)
                if pause:
                    time.sleep(pause)
            if trailers and not stream.done:
                stream.trailers([(_bytes(name), _bytes(value)) for name, value in trailers])
        return stream.response()


    @staticmethod
    def in_turn(port, authority, path, headers, bodies, reset):
        """Calls on one connection, a part of each body in turn; the call number `reset` ends in mid-body. The status of each."""
        connection = connect(port)
        peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        peer.initiate_connection()
        streams = [1 + 2 * index for index in range(len(bodies))]
        for stream, more in zip(streams, headers):
            peer.send_headers(stream, [(":method", "POST"), (":scheme", "http"), (":authority", authority), (":path", path), *more])
        for begin in range(0, max(map(len, bodies)), 16):
            for stream, body in zip(streams, bodies):
                if stream == streams[reset] and begin >= 32:
                    if begin == 32:
                        peer.reset_stream(stream)
                elif body[begin:]:
                    peer.send_data(stream, body[begin:begin + 16], end_stream=begin + 16 >= len(body))
            connection.sendall(peer.data_to_send())
            time.sleep(0.002)
        statuses, ended = dict.fromkeys(streams), {streams[reset]}
        while ended < set(streams):
            for event in peer.receive_data(connection.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    statuses[event.stream_id] = int(dict(event.headers)[b":status"])
                elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                    ended.add(event.stream_id)
            connection.sendall(peer.data_to_send())
        connection.close()
        return list(statuses.values())


class _Stream:
    def __init__(self, connection, peer):
        self.connection, self.peer = connection, peer
        self.status, self.headers, self.body, self.done, self.was_reset = 0, [], b"", False, False

    def flush(self):
        try:
            self.connection.sendall(self.peer.data_to_send())
        except OSError:
            self.done = True

    def receive(self):
        try:
            data = self.connection.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.done = self.was_reset = True
            return
        for event in self.peer.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                fields = [(name.decode(), value.decode("latin-1")) for name, value in event.headers]
                self.status = int(fields[0][1])
                self.headers = fields[1:]
            elif isinstance(event, h2.events.DataReceived):
                self.body += event.data
                self.peer.acknowledge_received_data(event.flow_controlled_length, 1)
            elif isinstance(event, h2.events.StreamEnded):
                self.done = True
            elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                self.done = True
                self.was_reset = not self.status
        self.flush()

    def data(self, part, end):
        while True:
            if self.done:
                return
            room = min(self.peer.local_flow_control_window(1), self.peer.max_outbound_frame_size)
            if part and not room:
                self.receive()
                continue
            now, part = part[:room], part[room:]
            self.peer.send_data(1, now, end_stream=end and not part)
            self.flush()
            if not part:
                return

    def trailers(self, fields):
        self.peer.send_headers(1, fields, end_stream=True)
        self.flush()

    def response(self):
        while not self.done:
            self.receive()
        return Response(self.status, self.headers, self.body, reset=self.was_reset)


BOTH = [H1, H2]
