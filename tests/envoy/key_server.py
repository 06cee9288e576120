"""A key server as an issuer has one, and as nobody should: it answers with what it is told to, when it is told to."""

import dataclasses
import http.server
import json
import threading
import time

import keys


@dataclasses.dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    # Seconds before it, and between its bytes.
    delay: float = 0
    drip: float = 0


def key_set(*ids, **more):
    """A JWK Set of Ed25519 keys of ours."""
    return json.dumps({"keys": [{**keys.jwk_of(keys.private_for("OKP", kid)), "kid": kid, "alg": "EdDSA", "use": "sig", **more} for kid in ids]}).encode()


class KeyServer:
    """`answers` by path; `asked` is when each path was asked for, and by which authority."""

    def __init__(self, **answers):
        self.answers = {f"/{path}": answer if isinstance(answer, Answer) else Answer(answer) for path, answer in answers.items()}
        self.asked = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                owner.asked.append((time.time(), self.path, self.headers["host"]))
                answer = owner.answers.get(self.path, Answer(status=404))
                time.sleep(answer.delay)
                try:
                    self.send_response(answer.status)
                    for name, value in {"content-type": "application/json", "content-length": str(len(answer.body)), **answer.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    if not answer.drip:
                        self.wfile.write(answer.body)
                        return
                    for at in range(len(answer.body)):
                        self.wfile.write(answer.body[at:at + 1])
                        self.wfile.flush()
                        time.sleep(answer.drip)
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def times(self, path):
        return sum(asked == path for _, asked, _ in self.asked)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
