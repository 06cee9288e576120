"""What must not leave, and the search for it in all that does."""

import base64

import keys

# A message that quotes from outside cuts it to 64 bytes: pieces are found where the whole is not.
PIECE, STEP = 12, 4


class Secrets:
    """Texts and bytes by what they are; each is looked for in pieces, and bytes also as base64 of both alphabets and as hexadecimal digits."""

    def __init__(self):
        self.pieces = {}

    def add(self, what, secret):
        text = secret.encode() if isinstance(secret, str) else secret
        for form in (text, base64.b64encode(text), base64.urlsafe_b64encode(text), text.hex().encode()):
            form = form.rstrip(b"=")
            assert len(form) >= PIECE, f"{what}: too short to be looked for"
            for at in range(0, len(form) - PIECE + 1, STEP):
                self.pieces[form[at:at + PIECE]] = what
        return secret

    def add_token(self, compact):
        """Each part of a compact JWS."""
        header, claims, signature = compact.split(".")[:3]
        self.add("a token's header", header)
        self.add("a token's claims", claims)
        self.add("a token's signature", keys.unb64url(signature))
        return compact

    def found_in(self, data, spared=()):
        """What of it is there, each with a piece that was found."""
        data = data.encode() if isinstance(data, str) else data
        return {what: piece for piece, what in self.pieces.items() if what not in spared and piece in data}

    @classmethod
    def of_call(cls, authorization, data):
        """Those of one call: the token in its header, and a text in its data."""
        made = cls()
        made.add_token(authorization[1].split()[1])
        made.add("data", data)
        return made


def left(proxy, *, records=(), answers=(), upstream=b"", spans=(), asked=()):
    """All that left a proxy, by where it went. `records` are a sink's exports, whose `authorization` is for the log cluster alone."""
    headers = [f"{name}: {value}" for _, sent, _ in records for name, value in sent.items() if name.lower() != "authorization"]
    return {
        "the log cluster": b"".join(export.SerializeToString() for _, _, export in records) + "\n".join(headers).encode(),
        "the access log": proxy.access_log.read_bytes(),
        "Envoy's log": proxy.output().encode(),
        "the statistics": (proxy.admin("/stats?format=json") + proxy.admin("/stats/prometheus")).encode(),
        "the callers": b"".join(repr(answer.headers).encode() + answer.body for answer in answers),
        "the upstream": upstream,
        "the collector of spans": b"".join(spans),
        "the limiter": b"".join(request.SerializeToString() for request in asked),
    }
