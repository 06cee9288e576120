"""What the fuzzers start from, for `make fuzz`: writes corpus/TARGET out of tests/cases and of what no case has, and a dictionary for
each target. What a fuzzer added to its corpus before stays."""

import base64
import gzip
import hashlib
import json
import struct
from pathlib import Path

HERE = Path(__file__).parent
CASES = HERE.parent / "cases"
# The longest input that `make fuzz` allows.
LONGEST = 8192
# `now` of the cases.
NOW = 1_795_420_800

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/cart",
    "type": "com.shop.cart.ItemAdded",
    "time": "2026-11-23T07:59:58.5+01:00",
    "subject": "s",
    "datacontenttype": "text/plain",
    "dataschema": "urn:s",
    "sequence": 0,
    "most": 2147483647,
    "sampled": True,
    "partition": None,
}


def text(value):
    return json.dumps(value, separators=(",", ":")).encode()


def encode(data):
    return base64.b64encode(data).decode()


def decode_url(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def body(call):
    return base64.b64decode(call["bodyBase64"]) if "bodyBase64" in call else call.get("body", "").encode()


def call_text(method, authority, path, headers, body):
    """The form that src/call.rs reads."""
    lines = [f"{method} {authority} {path}", *(f"{name}: {value}" for name, value in headers)]
    return "\n".join(lines).encode() + b"\n\n" + body


def post(path, content_type, body, *headers):
    return call_text("POST", "bus.shop.example", path, [("content-type", content_type), *headers], body)


def pairs(call):
    """The form of the ABI: a count, sizes, then names and values with a NUL behind each."""
    pseudo = [(":method", call["method"]), (":authority", call["authority"]), (":path", call["path"]), (":scheme", "https")]
    parts = [(name.encode(), value.encode()) for name, value in pseudo + call["headers"]]
    sizes = b"".join(struct.pack("<II", len(name), len(value)) for name, value in parts)
    return struct.pack("<I", len(parts)) + sizes + b"".join(name + b"\0" + value + b"\0" for name, value in parts)


def field(number, content):
    """A length-delimited field of Protocol Buffers."""
    length, size = b"", len(content)
    while size > 0x7F:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def value_message(value):
    """A `google.protobuf.Value`."""
    if isinstance(value, bool):
        return b"\x20" + bytes([value])
    if isinstance(value, (int, float)):
        return b"\x11" + struct.pack("<d", value)
    if isinstance(value, str):
        return field(3, value.encode())
    if isinstance(value, list):
        return field(6, b"".join(field(1, value_message(item)) for item in value))
    return field(5, struct_message(value))


def struct_message(members):
    """A `google.protobuf.Struct`."""
    return b"".join(field(1, field(1, key.encode()) + field(2, value_message(value))) for key, value in members.items())


def pubsub_message(data, attributes):
    entries = (field(2, field(1, key.encode()) + field(2, value.encode())) for key, value in attributes.items())
    return field(1, data) + b"".join(entries)


def frame(flag, message):
    """A message of gRPC."""
    return bytes([flag]) + struct.pack(">I", len(message)) + message


def of_cases(seeds):
    for file in sorted(CASES.glob("[0-9]*.json")):
        name, call = file.stem, json.loads(file.read_text())["call"]
        headers = call["headers"] = [(name.lower(), value) for name, value in call["headers"]]
        start, content = (call["method"], call["authority"], call["path"]), body(call)
        plain = [header for header in headers if header[0] not in ("authorization", "signature", "signature-input")]
        seeds["head"][name] = pairs(call)
        peer = [("x-peer", call["peer"])] if "peer" in call else []
        seeds["inspect"][name] = call_text(*start, headers + peer, content)
        seeds["signatures"][name] = call_text(*start, [header for header in headers if header[0] != "authorization"], content)
        target = {"events": "cloudevents", "topics": "kafka_rest", "google.pubsub.v1.Publisher": "pubsub", "v1.0": "dapr",
                  "dapr.proto.runtime.v1.Dapr": "dapr"}
        if target := target.get(call["path"].split("/")[1]):
            seeds[target][name] = call_text(*start, plain, content)
        if content.startswith((b"{", b"[")):
            seeds["json"][name] = content
            seeds["dsse"][name] = content + b"\n\n" + content
            seeds["envelope"][name] = b"/eventType\n/payload\n" + content
        for token in (value.removeprefix("Bearer ") for header, value in headers if header == "authorization"):
            seeds["token"][name] = token.encode()
            if token.count(".") == 2:
                seeds["token"][name + "-parts"] = b"\n".join(decode_url(part) for part in token.split("."))


def of_protocols(seeds):
    data = EVENT | {"data": "a text"}
    binary = EVENT | {"data_base64": encode(b"\0\1")}
    for name, event in {"text": data, "binary": binary}.items():
        seeds["cloudevents"][name] = post("/events/carts", "application/cloudevents+json", text(event), ("ce-id", "1"))
        seeds["dsse"][name] = text(event | {"partition": "7"}) + b"\n\n" + text(event | {"partition": "7"})
        seeds["json"][name] = text(event)
        seeds["envelope"][name] = b"/type\n/0/a~1b\n" + text(event)
    seeds["cloudevents"]["batch"] = post("/", "application/cloudevents-batch+json; charset=utf-8", text([data, binary]))
    quoted = [("ce-specversion", "1.0"), ("ce-id", '"a\\"b"'), ("ce-source", "/%C3%A9"), ("ce-type", "t"), ("ce-x", "%41")]
    seeds["cloudevents"]["quoted"] = post("/", "text/plain", b"data", *quoted)
    for name, content in {"gzip": text(data), "gzip-bomb": text(data) + b" " * LONGEST}.items():
        zipped = gzip.compress(content, mtime=0)
        seeds["cloudevents"][name] = post("/", "application/cloudevents+json", zipped, ("content-encoding", "gzip"))
    seeds["envelope"]["array"] = b"/a/0\n/a/1/~0\n" + text({"a": ["T", {"~": 1}]})
    seeds["envelope"]["all"] = b"/eventType\n\n" + text(
        {"eventType": "T", "timestamp": EVENT["time"], "subject": "s", "meta": {"id": "1", "0": "/s"}, "payload": [1]}
    )
    seeds["json"]["numbers"] = b'[0,-0,1.5e-3,1E+2,18446744073709551616,1e308,-1e-400,"\\ud83d\\ude00\\u0041\\n"]'
    seeds["json"]["sequence"] = b'{"a":1}{"a":{}} {"b":[[]]}\n{}'

    v2 = "application/vnd.kafka.binary.v2+json"
    seeds["kafka_rest"]["v2-binary"] = post("/topics/carts", v2, text({"records": [{"value": encode(text(data)), "partition": 1}]}))
    headers = {name: EVENT[name] for name in ("specversion", "id", "source", "type")}
    headers = [{"name": f"ce_{name}", "value": encode(value.encode())} for name, value in headers.items()]
    headers.append({"name": "content-type", "value": encode(b"application/json")})
    for form, value in {"JSON": {"a": [1.50]}, "STRING": "a text", "BINARY": encode(b"\0\1")}.items():
        record = {"partition_id": 1, "headers": headers, "key": None, "value": {"type": form, "data": value}}
        seeds["kafka_rest"][f"v3-{form}"] = post("/topics/carts", "application/json", text(record) + b"\n" + text(record))
    for form, value in {"JSON": data, "STRING": text(data).decode(), "BINARY": encode(text(data))}.items():
        record = {"headers": [headers[1]], "value": {"type": form, "data": value}}
        structured = {"headers": [{"name": "content-type", "value": encode(b"application/cloudevents+json")}, headers[1]]}
        seeds["kafka_rest"][f"v3-{form}-structured"] = post("/topics/carts", "application/json", text(record | structured))
        del record["headers"]
        seeds["kafka_rest"][f"v3-{form}-alone"] = post("/topics/carts", "application/json", text(record))

    attributes = {f"ce-{name}": EVENT[name] for name in ("specversion", "id", "source", "type")} | {"Content-Type": "text/plain"}
    structured = {"content-type": "application/cloudevents+json", "ce-id": "1", "other": "x"}
    for name, (payload, said) in {"binary": (b"data", attributes), "structured": (text(data), structured)}.items():
        request = field(1, b"projects/shop/topics/carts") + field(2, pubsub_message(payload, said) + field(3, b"id") + field(5, b"key"))
        seeds["pubsub"][f"grpc-{name}"] = post("/", "application/grpc", frame(0, request))
        zipped = frame(1, gzip.compress(request, mtime=0))
        seeds["pubsub"][f"grpc-{name}-gzip"] = post("/", "application/grpc+proto", zipped, ("grpc-encoding", "gzip"))
        message = {"data": encode(payload), "attributes": said, "orderingKey": "k"}
        seeds["pubsub"][f"rest-{name}"] = post("/", "application/json", text({"messages": [message, message]}))


def of_dapr(seeds):
    """One event and many, over HTTP and gRPC, as they are and to be wrapped."""
    structured, said = text(EVENT | {"data": {"a": 1}}), {"cloudevent.type": "com.shop.A", "cloudevent.id": "1"}
    query = "&".join(f"metadata.{name}={value}" for name, value in said.items())
    forms = {
        "structured": ("application/cloudevents+json", structured, {}),
        "raw": ("application/cloudevents+json; charset=utf-8", structured, {"rawPayload": "true"}),
        "json": ("application/json", b'{"a":1.50}', said),
        "text": ("text/plain", "é".encode(), said | {"cloudevent.source": "/s", "cloudevent.subject": "s", "ttlInSeconds": "1"}),
        "bytes": ("application/octet-stream", b"\0\1", {}),
    }
    for name, (content_type, data, metadata) in forms.items():
        parameters = "&".join(f"metadata.{key}={value}" for key, value in metadata.items())
        seeds["dapr"][f"http-{name}"] = post(f"/v1.0/publish/bus/carts?{parameters}&other=%20", content_type, data)
        event = encode(data) if name == "bytes" else data.decode() if name == "text" else json.loads(data)
        entry = {"entryId": "1", "event": event, "contentType": content_type, "metadata": metadata}
        many = text([entry, entry | {"entryId": "2"}])
        seeds["dapr"][f"http-bulk-{name}"] = post("/v1.0-alpha1/publish/bulk/bus/carts", "application/json", many)
        if metadata == said:
            seeds["dapr"][f"http-bulk-{name}-said-twice"] = post(f"/v1.0/publish/bulk/bus/carts?{query}", "application/json", many)
        pairs = b"".join(field(4, field(1, key.encode()) + field(2, value.encode())) for key, value in metadata.items())
        message = b"".join(field(number, value) for number, value in enumerate((b"bus", b"carts", data, content_type.encode()), 1))
        message += pairs.replace(b"\x22", b"\x2a", 1) if len(metadata) == 1 else b""
        entries = (field(3, field(1, key) + field(2, data) + field(3, content_type.encode()) + pairs) for key in (b"1", b"2"))
        bulk = field(1, b"bus") + field(2, b"carts") + b"".join(entries)
        for method, request in {"PublishEvent": message, "BulkPublishEvent": bulk}.items():
            path = f"/dapr.proto.runtime.v1.Dapr/{method}"
            seeds["dapr"][f"{method}-{name}"] = post(path, "application/grpc", frame(0, request))


def of_grpc_web(seeds):
    """One frame, in binary and in base64, whole and in parts that are padded each."""
    attributes = {f"ce-{name}": EVENT[name] for name in ("specversion", "id", "source", "type")}
    request = field(1, b"projects/shop/topics/carts") + field(2, pubsub_message(b"data", attributes))
    mapping = {"topic": "projects/shop/topics/carts", "messages": [{"data": encode(b"data"), "attributes": attributes}]}
    trailers = frame(0x80, b"grpc-status: 0\r\n")
    for codec, message in {"": request, "+proto": request, "+json": text(mapping)}.items():
        for flag, content in {0: message, 1: gzip.compress(message, mtime=0)}.items():
            whole = frame(flag, content)
            parts = (whole[:1], whole[1:5], whole[5:])
            bodies = {"": whole, "-text": encode(whole).encode(), "-text parts": "".join(map(encode, parts)).encode(), " trailers": whole + trailers}
            for form, sent in bodies.items():
                content_type = "application/grpc-web" + form.split(" ")[0] + codec
                seeds["grpc_web"][f"{form}{codec}-{flag}"] = post("/", content_type, sent, ("grpc-encoding", "gzip"))


def of_services(seeds):
    """Messages of the service that the policy of the cases describes, and definitions with a message each."""
    policy = json.loads((CASES / "policy.json").read_text())
    known = next(route["grpc"]["descriptors"] for route in policy["routes"] if "grpc" in route)
    item = field(1, b"com.shop.A") + field(2, b"1") + field(3, b"/s") + field(4, b"{}")
    mapping = {"topic": "carts", "items": [{"kind": "com.shop.A", "id": "1", "origin": "/s", "body": "e30="}]}
    request = field(1, b"carts") + field(2, item) * 2
    seeds["service"] |= {"proto": request, "json": text(mapping), "one": field(2, item), "none": field(1, b"carts")}

    def member(number, name, kind, label=1, of="", oneof=None):
        """A `FieldDescriptorProto`."""
        message = field(1, name.encode()) + bytes([3 << 3, number, 4 << 3, label, 5 << 3, kind]) + (field(6, of.encode()) if of else b"")
        return field(2, message + (b"" if oneof is None else bytes([9 << 3, oneof])))

    entry = field(3, field(1, b"MEntry") + member(1, "key", 9) + member(2, "value", 3) + field(7, b"\x38\x01"))
    one = field(1, b"A") + member(1, "t", 9) + member(2, "n", 3) + member(3, "m", 11, 3, ".p.A.MEntry") + member(4, "a", 11, 1, ".p.A")
    one += member(5, "x", 9, oneof=0) + member(6, "y", 17, oneof=0) + member(7, "f", 2, 3) + member(9, "b", 12) + entry + field(8, field(1, b"o"))
    many = field(1, b"B") + member(1, "list", 11, 3, ".p.A") + member(2, "t", 9)
    small = field(1, field(1, b"p.proto") + field(2, b"p") + field(4, one) + field(4, many) + field(12, b"proto3"))
    entries = field(3, field(1, b"k") + b"\x10\x01")
    event = field(1, b"com.shop.A") + b"\x10\x07" + entries + field(4, field(1, b"inner")) + field(5, b"x") + field(7, bytes(8))
    for names, message in {"p.A  t": event, "p.A  n": event, "p.A  a.t": event, "p.A a t": event, "p.B list t": field(1, event) * 2,
                           "p.B list .t": field(1, event) + field(2, b"T")}.items():
        seeds["descriptors"][names.replace(" ", "-")] = f"{names}\n{encode(small)}\n".encode() + message
    seeds["descriptors"]["cases"] = f"shop.v1.PublishRequest items kind\n{known}\n".encode() + request


def of_streams(seeds):
    """Eight places to split at, then frames."""
    def event(event_type):
        return b"".join(field(number, text.encode()) for number, text in ((1, "c-1"), (2, "/shop/cart"), (3, "1.0"), (4, event_type)))

    messages = [frame(0, event("com.shop.A")), frame(0, event("com.shop.BB")), frame(1, gzip.compress(event("com.shop.C"))), frame(0, event("com.evil"))]
    for count in range(len(messages) + 1):
        seeds["stream"][f"of-{count}"] = bytes([3, 5, 9, 40, 41, 60, 90, 255]) + b"".join(messages[:count])


def of_tokens(seeds):
    claims = {"iss": "https://idp.shop.example/realms/shop", "sub": "s", "aud": ["x", "event-bus"], "exp": NOW + 1.5, "nbf": NOW, "iat": NOW - 1}
    headers = {"type": {"typ": "application/at+jwt"}, "crit": {"crit": ["x"], "x": 1}, "b64": {"b64": True}, "jwk": {"jwk": {"kty": "OKP"}}}
    for name, header in headers.items():
        header |= {"alg": "Ed25519", "kid": "ed-1"}
        seeds["token"][name] = b"\n".join([text(header), text(claims), bytes(64)])


def of_signatures(seeds):
    content, signature = b'{"eventType":"T"}', encode(bytes(64))
    webhook = [("webhook-id", "m"), ("webhook-timestamp", str(NOW)), ("webhook-signature", f"v1a,{signature} v2,x")]
    seeds["signatures"]["webhook-v1a"] = post("/", "application/json", content, *webhook)
    for key in ("shipping-ed", "cart-ed"):
        for name, header in {"": {}, "-b64": {"b64": False, "crit": ["b64"]}}.items():
            protected = base64.urlsafe_b64encode(text({"alg": "EdDSA", "kid": key} | header)).decode().rstrip("=")
            jws = ("x-jws-signature", f"{protected}..{base64.urlsafe_b64encode(bytes(64)).decode().rstrip('=')}")
            seeds["signatures"][f"jws-{key}{name}"] = post("/", "application/json", content, jws)
            seeds["signatures"][f"jws-{key}{name}-and-webhook"] = post("/", "application/json", content, jws, *webhook)

    attributes = [(f"ce-{name}", EVENT[name]) for name in ("specversion", "id", "source", "type")]
    digest = [("content-digest", f"sha-256=:{encode(hashlib.sha256(content).digest())}:")]
    covered = ["@method", "@authority", "@path", "content-digest", "content-type", *(name for name, _ in attributes)]
    for name, components in {"binary": covered, "binary-without-id": [name for name in covered if name != "ce-id"]}.items():
        components = " ".join(f'"{component}"' for component in components)
        said = [("signature-input", f's=({components});created={NOW};keyid="cart-ed"'), ("signature", f"s=:{signature}:")]
        seeds["signatures"][name] = post("/", "application/json", content, *attributes, *digest, *said)


def of_altered_events(seeds):
    """An event that is signed, and what somebody made of it."""
    event = {name: value for name, value in EVENT.items() if value is not None} | {"data": "a text"}
    for name in event:
        less = {other: value for other, value in event.items() if other != name}
        for change, altered in {"without": less, "other": event | {name: "2026-11-23T07:59:59Z"}}.items():
            seeds["dsse"][f"{change}-{name}"] = text(event) + b"\n\n" + text(altered)
            seeds["dsse"][f"{change}-{name}-first"] = text(altered) + b"\n\n" + text(event)


def of_policies(seeds):
    policy = json.loads((CASES / "policy.json").read_text())
    small = {
        "audit": {"cluster": "logs", "batch": {"interval": "1s"}, "queue": {"bytes": "4MiB"}, "whenFull": "drop-newest"},
        "version": 1,
        "mode": "observe",
        "routes": [{"name": "r", "match": {"hosts": ["*.shop"], "path": "/e/{t}"}, "protocol": "cloudevents", "topic": "{t}", "anonymous": True}],
        "events": [{"type": "a.*", "publishers": [{"subject": "s", "claims": {"/a/0": [1, True, "x"]}}], "signature": {"required": True}}],
        "signers": [{"keyId": "k", "publisher": "s", "secret": {"value": "a secret of 16 bytes"}}],
        "signatures": {"jws": {}, "dsse": {"mode": "passthrough", "allowUnsigned": ["x"]}},
    }
    for name, document in {"cases": policy, "small": small}.items():
        seeds["policy"][name] = text(document)
        seeds["policy"][f"{name}-struct"] = struct_message(document)


def of_contracts(seeds):
    """Schemas and data, and texts that are encrypted by their form alone."""
    policy = json.loads((CASES / "policy.json").read_text())
    schema = policy["schemas"]["cart"]
    data = {"total": 7, "lines": [{"sku": "ABC-1"}], "other": None}
    everything = {"$defs": {"a": {"type": ["object", "null"], "properties": {"x": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a",
                  "if": {"required": ["x"]}, "then": {"minProperties": 1}, "patternProperties": {"^[a-z]+$": {"maxLength": 3}},
                  "unevaluatedProperties": False, "propertyNames": {"pattern": "^.{0,9}$"}, "dependentRequired": {"x": ["y"]}}
    for name, (schema, value) in {"cart": (schema, data), "everything": (everything, {"x": {"x": None}, "y": 1}),
                                  "numbers": ({"items": {"multipleOf": 0.01, "not": {"const": 1.0}}, "uniqueItems": True}, [1.5, 2, 3e1])}.items():
        seeds["schema"][name] = text(schema) + b"\n" + text(value)
    record = {"type": "record", "name": "s.R", "fields": [{"name": "a", "type": "string"}, {"name": "n", "type": ["null", "R"]},
              {"name": "l", "type": {"type": "array", "items": {"type": "enum", "name": "E", "symbols": ["A", "B"]}}},
              {"name": "m", "type": {"type": "map", "values": {"type": "fixed", "name": "F", "size": 2}}}, {"name": "d", "type": "double"}]}
    inner = b"\x02a" + b"\0" + b"\x04\x00\x02\x00" + b"\x02\x02kab\x00" + bytes(8)
    seeds["avro"]["record"] = text(record) + b"\n" + inner
    seeds["avro"]["records"] = text(record) + b"\n\x02b\x02" + inner + b"\x03\x02\x02\x00\x00" + bytes(8)
    seeds["avro"]["scalars"] = text(["null", "int", "long", "bytes", "boolean", "float"]) + b"\n\x02\x7e"
    for name, seed in list(seeds["descriptors"].items()):
        names, rest = seed.split(b"\n", 1)
        seeds["message"][name] = names.split(b" ")[0] + b"\n" + rest
    members = next(seed for name, seed in seeds["descriptors"].items() if name.startswith("p.A")).split(b"\n", 2)[1]
    mapping = {"t": "T", "n": "7", "m": {"k": 1}, "a": {"t": None}, "f": [1.5, "NaN"], "b": "AAE="}
    seeds["message"]["mapping"] = b"p.A\n" + members + b"\n" + text(mapping)
    parts = "." + ".".join(base64.urlsafe_b64encode(bytes(size)).decode().rstrip("=") for size in (32, 12, 20, 16))
    for alg, enc in (("RSA-OAEP-256", "A256GCM"), ("dir", "A128CBC-HS256"), ("ECDH-ES", "A128GCM")):
        header = {"alg": alg, "enc": enc, "kid": "k", "epk": {"kty": "OKP"}}
        seeds["encrypted"][alg] = text(header) + b"\n" + parts[1:].encode()
        whole = base64.urlsafe_b64encode(text(header)).decode().rstrip("=") + parts
        seeds["encrypted"][alg + "-data"] = text({"a": whole})
    for at, condition in enumerate(['data.total <= 1000 && data.lines.all(l, l.sku.matches("^[A-Z]{3}-[0-9]+$"))', "has(absent) || size(data) > 1",
                                    "data.lines.map(l, l.sku + 'x').exists(s, s in ['a', 'b'])", "timestamp('2026-11-23T08:00:00Z') + duration('1h') > timestamp(0)",
                                    "1 + 2 * 3 == 7 ? data['total'] : {'a': [1u, 2.5]}.a[0]", "int('7') / (data.total - 7) == 0"]):
        seeds["cel"][str(at)] = condition.encode() + b"\n" + text(data)


JSON = ["{", "}", "[", "]", ",", ":", "-", '""', "null", "true", "false", "-0", "1e400", "\\u0041", "\\ud83d\\ude00", "\\"]
ATTRIBUTES = ["specversion", "1.0", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64"]
MEDIA_TYPES = ["application/", "cloudevents+json", "cloudevents-batch+json", "json", "grpc", "+json", "; charset=utf-8", "text/plain"]
CALL = ["content-type: ", "content-encoding: ", "gzip", "identity", "\n", "\n ", "\n\n", *MEDIA_TYPES]
CLOUDEVENT = JSON + ATTRIBUTES + ["2026-11-23T08:00:00Z", "+01:00", "application/json"]
SIGNATURE = ["signature: ", "signature-input: ", "content-digest: ", "sig1=", "sha-256=:", "sha-512=:", '"@method"', '"@authority"', '"@path"',
             '"@query-param";name="a"', '"@target-uri"', '"content-digest"', ";created=", ";expires=", ";keyid=", ";alg=", ";tag=", ";nonce=",
             "webhook-id: ", "webhook-timestamp: ", "webhook-signature: ", "v1a,", "v1,", "x-jws-signature: ", "..", "shipping-ed",
             "shipping-ec", "cart-ed", "1795420800"]
TOKEN = ["alg", "kid", "typ", "crit", "b64", "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "JWT", "at+jwt", "EdDSA", "Ed25519", "RS256", "ES256",
         "none", "HS256", "rsa-1", "ec-1", "ed-1", "event-bus", "https://idp.shop.example/realms/shop", "1795420800"]
POLICY = ["version", "mode", "issuers", "token", "signers", "signatures", "routes", "unmatched", "events", "limits", "hold", "audit", "name",
          "match", "methods", "hosts", "path", "grpc", "routeName", "protocol", "topic", "anonymous", "publishers", "topics", "sources", "claims",
          "publisher", "publicKey", "secret", "value", "env", "SECRET", "whsec_", "keyId", "notBefore", "notAfter", "kty", "crv", "inline", "keys"]

DICTIONARIES = {
    "head": [":method", ":scheme", ":authority", ":path", "content-type", "content-length", "content-encoding", "\0"],
    "json": JSON,
    "cloudevents": CLOUDEVENT + CALL + ["ce-" + name for name in ATTRIBUTES[2:]] + ["%", "%41"],
    "envelope": JSON + ["/eventType", "/payload", "/meta/0", "~0", "~1", "/-", "/0", "\n"],
    "kafka_rest": CLOUDEVENT + CALL + ["records", "key", "partition", "value", "partition_id", "timestamp", "headers", "name", "JSON", "STRING",
                                       "BINARY", "ce_", "vnd.kafka.json.v2+json", "vnd.kafka.binary.v2+json"],
    "pubsub": CLOUDEVENT + CALL + ["messages", "attributes", "messageId", "publishTime", "orderingKey", "ce-", "grpc-encoding: ", ":publish"],
    "token": JSON + TOKEN + ["."],
    "signatures": CALL + SIGNATURE,
    "dsse": CLOUDEVENT + ["dssematerial", "\n\n"],
    "dapr": CLOUDEVENT + CALL + ["/v1.0/publish/", "bulk/", "?metadata.", "cloudevent.type", "cloudevent.id", "cloudevent.source", "rawPayload",
                                 "entryId", "event", "contentType", "metadata", "PublishEvent", "BulkPublishEvent", "ce-", "application/xml"],
    "grpc_web": CLOUDEVENT + CALL + ["-web", "-text", "+proto", "grpc-encoding: ", "ce-type", "AAAA", "=", "==", "gAAA", "messages"],
    "service": JSON + ["topic", "items", "kind", "origin", "body", "com.shop.A", "\x0a", "\x12", "\x22"],
    "descriptors": ["p.A", "p.B", "list", "a.t", ".t", " ", "\n", "google.protobuf.Timestamp", "CAES", "\x0a", "\x12", "\x1a"],
    "stream": ["com.shop.A", "/cart", "1.0", "\0\0\0\0"],
    "policy": JSON + POLICY,
    "schema": JSON + ["type", "properties", "$ref", "#/$defs/a", "$defs", "items", "allOf", "anyOf", "oneOf", "not", "if", "then", "const", "enum", "pattern",
                      "unevaluatedProperties", "additionalProperties", "minContains", "$dynamicRef", "$anchor", "object", "string", "integer"],
    "avro": JSON + ["type", "record", "name", "fields", "array", "items", "map", "values", "enum", "symbols", "fixed", "size", "int", "long", "namespace",
                    "double", "bytes", "string", "boolean", "s.R", "\x02", "\x01"],
    "message": JSON + ["p.A", "p.B", "google.protobuf.Timestamp", "CAES", "\x0a", "\x12", "\x1a", '"@type"', "NaN"],
    "encrypted": JSON + ["alg", "enc", "kid", "epk", "crit", "zip", "dir", "ECDH-ES", "A256GCM", "A128CBC-HS256", ".", "AA", "\n"],
    "cel": ["data", "absent", "has(", ".map(", ".all(", ".exists(", ".matches(", "size(", "int(", "uint(", "double(", "string(", "bytes(", "timestamp(", "duration(",
            " in ", "&&", "||", "?", ":", "[", "]", "{", "}", "b'", "r'", "0x", "1u", "1e308", "null", "true", ".getFullYear()", "type(", "dyn("],
    "inspect": CLOUDEVENT + CALL + SIGNATURE + TOKEN + ["authorization: Bearer ", "x-peer: ", "traceparent: "],
}


def main():
    seeds = {target: {} for target in DICTIONARIES}
    for write in (of_cases, of_protocols, of_dapr, of_grpc_web, of_services, of_streams, of_tokens, of_signatures, of_altered_events, of_policies, of_contracts):
        write(seeds)
    (HERE / "dictionaries").mkdir(exist_ok=True)
    for target, words in DICTIONARIES.items():
        escaped = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in dict.fromkeys(words))
        (HERE / "dictionaries" / target).write_text("".join(f'"{word}"\n' for word in escaped))
        corpus = HERE / "corpus" / target
        corpus.mkdir(parents=True, exist_ok=True)
        for name, seed in seeds[target].items():
            if len(seed) <= LONGEST:
                (corpus / name).write_bytes(seed)


if __name__ == "__main__":
    main()
