"""What a WebAssembly module and its host have for each other."""


class Reader:
    """Bytes, one thing after the other (WebAssembly Core section 5)."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def __bool__(self):
        return self.at < len(self.data)

    def take(self, size):
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self):
        value = shift = 0
        while True:
            [byte] = self.take(1)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def text(self):
        return self.take(self.number()).decode()


IMPORTS, EXPORTS = 2, 7


def functions(module):
    """The names of what a module asks of its host, and of what the host may ask of it."""
    reader, names = Reader(module.read_bytes()[8:]), set()
    while reader:
        [section] = reader.take(1)
        content = Reader(reader.take(reader.number()))
        for _ in range(content.number() if section in (IMPORTS, EXPORTS) else 0):
            if section == IMPORTS:
                content.text()
            name, kind = content.text(), content.take(1)
            assert section == EXPORTS or kind == b"\0", f"{name} is no function"
            content.number()
            names.add(name)
    return names
