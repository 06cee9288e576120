"""Arbitrary bodies: of events and of nearly events, as text that was never meant to be read in one way."""

import base64

STRINGS = ['"t"', '"1"', '"/s"', '"com.shop.x"', '"1.0"', '""', '"\\u0074"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\udc00x"', '"\\ude00\\ud83d"', '"é"',
           '"e\u0301"', '"\\u0000"', '"\\u202e"', '"\\/s"', '"a\\"b"', '"\\\\"', '"\\x"', '"a\tb"', '"😀"', '"\ufeff"', '"a%20b"', "'t'"]
OTHERS = ["null", "true", "1", "-0", "1.0", "1e400", "9007199254740993", "99999999999999999999999999", "NaN", "-Infinity", "01", "{}", "[]",
          '{"a":1,"a":2}', '[{"type":"u"}]', "[" * 40 + "]" * 40, "[" * 3000 + "]" * 3000, "[1,]", "/**/1"]
SPACE = ["", "", "", "", " ", "\n", "\r\n", "\t", "\u00a0", "\v", "\ufeff", "\u2028", "/* */", "//\n", "\0"]
NOISE = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\0", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\u0000", b"1", b" ", b"type",
         b'"type":"u",', b'"id":"2",', b',"source":"/x"', b"null", b"\xc3", b"\x1f", b"//"]


class Arbitrary:
    """Bodies of one seed. Some are nearly as they should be, so that enough of every form are still admitted."""

    def __init__(self, random):
        self.random = random
        self.wildness = 1

    def rarely(self, chance=0.04):
        return self.random.random() < chance * self.wildness

    def body(self, form):
        self.wildness = self.random.choice([0.1, 0.3, 1, 2])
        return self.changed(getattr(self, form.replace("-", "_"))())

    def space(self):
        return self.random.choice(SPACE if self.rarely(0.02) else ["", " ", "\n", "\t"])

    def text(self, text):
        """A string, sometimes with escapes, which mean the same."""
        escaped = [f"\\u{ord(letter):04{self.random.choice('xX')}}" if self.rarely(0.1) else letter for letter in text]
        return f'"{"".join(escaped)}"' if self.rarely(0.3) else f'"{text}"'

    def value(self):
        return self.random.choice(OTHERS if self.rarely(0.3) else STRINGS)

    def key(self, name):
        if self.rarely():
            name = self.random.choice([name.upper(), name.capitalize(), name + "\u0301", name + " ", name.replace("e", "\u0435"), "__proto__", "constructor"])
        return self.text(name)

    def members(self, members):
        """An object: members in any order, some of them twice, gone, unknown or of another value."""
        members = [(self.key(name), self.value() if self.rarely(0.03) else value) for name, value in members if not self.rarely(0.02)]
        if members and self.rarely():
            members.append((self.random.choice(members)[0], self.value()))
        if self.rarely(0.2):
            members.append((self.text(self.random.choice(["ext", "data", "x", "type", "meta"])), self.value()))
        self.random.shuffle(members)
        return "{" + ",".join(f"{self.space()}{name}{self.space()}:{self.space()}{value}{self.space()}" for name, value in members) + "}"

    def some(self, one):
        return f"{self.space()},{self.space()}".join(one() for _ in range(self.random.choice([1, 1, 2, 3])))

    def name(self):
        return self.random.choice(STRINGS[:4] + ['"é"', '"e\u0301"', '"\\ud83d\\ude00"', '"a\\"b"'])

    def event(self):
        return self.members([("specversion", '"1.0"'), *[(name, self.name()) for name in ("id", "source", "type")]])

    def base64(self, content):
        encoded = base64.b64encode(content).decode()
        return f'"{encoded.rstrip("=") if self.rarely() else encoded}"'

    def changed(self, text):
        """Bytes, sometimes with one change that knows nothing of JSON."""
        body = text.encode("utf-8", "surrogatepass")
        if not self.rarely(0.25):
            return body
        place, other = self.random.randrange(len(body) + 1), self.random.randrange(len(body) + 1)
        noise = self.random.choice(NOISE)
        return self.random.choice([
            body[:place] + noise + body[place:], body[:place] + noise + body[place + len(noise):], body[:place] + body[place + 1:], body[:place],
            body[:place] + body[other:], body + noise, noise + body, body + body, text.encode("utf-16", "surrogatepass"),
            text.encode("latin-1", "replace"), self.random.randbytes(place),
        ])

    def encoded_event(self):
        return self.base64(self.changed(self.event()))

    def attributes(self, prefix):
        return [(f"{prefix}specversion", "1.0"), *[(prefix + name, self.random.choice(["t", "1", "/s", "a%20b"])) for name in ("id", "source", "type")]]

    def structured(self):
        return self.event()

    def batch(self):
        return f"{self.space()}[{self.some(self.event)}]{self.space()}"

    def envelope(self):
        return self.members([("eventType", self.name()), ("meta", self.members([("id", self.name())])), ("source", self.name())])

    def kafka_v2_json(self):
        return self.members([("records", f"[{self.some(lambda: self.members([('value', self.event())]))}]")])

    def kafka_v2_binary(self):
        return self.members([("records", f"[{self.some(lambda: self.members([('value', self.encoded_event())]))}]")])

    def kafka_v3(self):
        return self.space().join(self.record() for _ in range(self.random.choice([1, 1, 2])))

    def record(self):
        event = self.event()
        kind, data = self.random.choice([("JSON", event), ("STRING", '"' + event.replace("\\", "\\\\").replace('"', '\\"') + '"'), ("BINARY", self.encoded_event())])
        value = ("value", self.members([("type", f'"{kind}"'), ("data", data)]))
        if self.rarely(0.6):
            return self.members([value])
        header = [self.members([("name", f'"{name}"'), ("value", self.base64(text.encode()))]) for name, text in self.attributes("ce_")]
        return self.members([("headers", f"[{','.join(header)}]"), value])

    def pubsub(self):
        return self.members([("messages", f"[{self.some(self.message)}]")])

    def message(self):
        if self.rarely(0.5):
            attributes = [("content-type", '"application/cloudevents+json"')]
        else:
            attributes = [(name, f'"{text}"') for name, text in self.attributes("ce-")]
        return self.members([("attributes", self.members(attributes)), ("data", self.encoded_event())])

    def dapr(self):
        return self.event()
