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


def entries(module):
    """What a module asks of its host, and what the host may ask of it: (section, name of the host's module or none, name)."""
    reader = Reader(module.read_bytes()[8:])
    while reader:
        [section] = reader.take(1)
        content = Reader(reader.take(reader.number()))
        for _ in range(content.number() if section in (IMPORTS, EXPORTS) else 0):
            place = content.text() if section == IMPORTS else None
            name, kind = content.text(), content.take(1)
            assert section == EXPORTS or kind == b"\0", f"{name} is no function"
            content.number()
            yield section, place, name


def functions(module):
    """The names of what a module asks of its host, and of what the host may ask of it."""
    return {name for _, _, name in entries(module)}


def imports(module):
    """What a module asks of its host: names by the module of the host that they are asked of, each list sorted."""
    found = {}
    for section, place, name in sorted(entry for entry in entries(module) if entry[0] == IMPORTS):
        found.setdefault(place, []).append(name)
    return found
