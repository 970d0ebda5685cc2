"""Groups 9 and 10: large messages, many fragments, small writes, many messages. Nothing here is refused."""
from suite_words import BINARY, CONTINUATION, E, END, F, TEXT, Case, S

KIB, MIB = 1 << 10, 1 << 20
ASCII = b"BAsd7&jh23"
BYTES = bytes((i * 7 + 3) & 255 for i in range(251))
KINDS = ((TEXT, "text", ASCII), (BINARY, "binary", BYTES))
LONG_SECONDS = 20


def _data(pattern, size):
    return (pattern * (size // len(pattern) + 1))[:size]


def whole():
    for group, (opcode, kind, pattern) in enumerate(KINDS, 1):
        for number, size in enumerate((64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB), 1):
            data = _data(pattern, size)
            yield Case(f"9.{group}.{number}", f"{kind} of {size} bytes", S(F(opcode, data)), E(kind, data), END(), seconds=LONG_SECONDS)


def _fragmented(opcode, data, size):
    ends = range(0, len(data), size)
    return S(*[F(CONTINUATION if at else opcode, data[at:at + size], fin=at + size >= len(data)) for at in ends])


def fragmented():
    for group, (opcode, kind, pattern) in enumerate(KINDS, 3):
        data = _data(pattern, 4 * MIB)
        for number, size in enumerate((64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB), 1):
            yield Case(f"9.{group}.{number}", f"4 MiB of {kind} in fragments of {size} bytes", _fragmented(opcode, data, size),
                       E(kind, data), END(), seconds=LONG_SECONDS)


def chopped():
    for group, (opcode, kind, pattern) in enumerate(KINDS, 5):
        data = _data(pattern, MIB)
        for number, size in enumerate((64, 128, 256, 512, KIB, 2 * KIB), 1):
            yield Case(f"9.{group}.{number}", f"1 MiB of {kind} in writes of {size} bytes", S(F(opcode, data), chop=size),
                       E(kind, data), END(), seconds=LONG_SECONDS)


def many():
    for group, (opcode, kind, pattern) in enumerate(KINDS, 7):
        for number, size in enumerate((0, 16, 64, 256, KIB, 4 * KIB), 1):
            data = _data(pattern, size)
            yield Case(f"9.{group}.{number}", f"1000 messages of {size} bytes of {kind}, one by one",
                       *[step for _ in range(1000) for step in (S(F(opcode, data)), E(kind, data))], END(), seconds=LONG_SECONDS)
            yield Case(f"9.{group}.{number + 6}", f"1000 messages of {size} bytes of {kind} at once",
                       S(*[F(opcode, data)] * 1000), *[E(kind, data)] * 1000, END(), seconds=LONG_SECONDS)


def automatic():
    data = _data(ASCII, 65536)
    yield Case("10.1.1", "65536 bytes in fragments of 1300", _fragmented(TEXT, data, 1300), E("text", data), END())


def groups():
    for group in (whole, fragmented, chopped, many, automatic):
        yield from group()
