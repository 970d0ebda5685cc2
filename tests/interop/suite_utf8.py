"""Group 6: text that is UTF-8, text that is not, and that it is refused at its first bad byte. RFC 3629 3 and 4, RFC 6455 8.1."""
import codecs

from suite_words import CONTINUATION, E, END, F, FAIL, PING, TEXT, Case, S

KOSME = "κόσμε".encode()
BORDERS = (0x0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xCFFF, 0xD000, 0xD7FF, 0xE000, 0xFDD0, 0xFDEF, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000,
           0x1FFFE, 0x1FFFF, 0x3FFFF, 0x40000, 0xEFFFF, 0xF0000, 0xFFFFF, 0x100000, 0x10FFFE, 0x10FFFF)
CONTINUATIONS = bytes(range(0x80, 0xC0))


def _encode(point, size):
    """The bit pattern of `size` bytes for any number, forbidden ones too."""
    tail = bytes(0x80 | point >> 6 * i & 0x3F for i in range(size - 1))[::-1]
    mark = (0, 0, 0xC0, 0xE0, 0xF0, 0xF8, 0xFC)[size]
    return bytes((mark | point >> 6 * (size - 1),)) + tail


def bad():
    """(title, bytes): each is wrong, alone and with anything around it."""
    for size in range(1, 8):
        yield f"{size} continuation bytes alone", (b"\x80\xbf" * 4)[:size]
    yield "all continuation bytes", CONTINUATIONS
    for low, high, name in ((0xC0, 0xE0, "two"), (0xE0, 0xF0, "three"), (0xF0, 0xF8, "four"), (0xF8, 0xFC, "five"), (0xFC, 0xFE, "six")):
        yield f"first bytes of {name}, each before a blank", b" ".join(bytes((byte,)) for byte in range(low, high)) + b" "
    for size, point in ((2, 0x7FF), (3, 0xFFFF), (4, 0x10FFFF), (5, 0x3FFFFFF), (6, 0x7FFFFFFF)):
        yield f"{size} bytes without the last", _encode(point, size)[:-1]
        yield f"{size} bytes without the last, then a letter", _encode(point, size)[:-1] + b"x"
    for byte in (0xC0, 0xC1, 0xF5, 0xF8, 0xFC, 0xFE, 0xFF):
        yield f"the byte {byte:02X}", bytes((byte,))
    yield "FE FE FF FF", b"\xfe\xfe\xff\xff"
    for point, name in ((0x2F, "/"), (0x0, "NUL")):
        for size in range(2, 7):
            yield f"{name} in {size} bytes", _encode(point, size)
    for size, point in ((2, 0x7F), (3, 0x7FF), (4, 0xFFFF), (5, 0x1FFFFF), (6, 0x3FFFFFF)):
        yield f"the largest overlong of {size} bytes", _encode(point, size)
    for point in (0xD800, 0xDB7F, 0xDB80, 0xDBFF, 0xDC00, 0xDF80, 0xDFFF):
        yield f"surrogate U+{point:04X}", _encode(point, 3)
    for high, low in ((0xD800, 0xDC00), (0xD800, 0xDFFF), (0xDBFF, 0xDC00), (0xDBFF, 0xDFFF)):
        yield f"surrogates U+{high:04X} U+{low:04X}", _encode(high, 3) + _encode(low, 3)
    for point in (0x110000, 0x13FFFF, 0x1FFFFF):
        yield f"above Unicode: {point:X}", _encode(point, 4)
    yield "five-byte form", _encode(0x200000, 5)
    yield "six-byte form", _encode(0x4000000, 6)


def first_bad(data):
    """How many bytes of data until the first that cannot follow is in; None: it is only incomplete."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at, byte in enumerate(data):
        if at and data[at - 1] == 0xED and byte >= 0xA0:  # a surrogate: Python's decoder waits for its third byte
            return at + 1
        try:
            decoder.decode(bytes((byte,)))
        except UnicodeDecodeError:
            return at + 1
    return None


def _split(data, sizes, fin=True):
    """Frames of a text cut at multiples of `sizes`."""
    parts = [data[at:at + sizes] for at in range(0, len(data), sizes)] or [b""]
    return [F(CONTINUATION if i else TEXT, part, fin=fin and i == len(parts) - 1) for i, part in enumerate(parts)]


def good():
    yield Case("6.1.1", "empty text", S(F(TEXT)), E("text"), END())
    yield Case("6.1.2", "three empty fragments", S(F(TEXT, fin=False), F(CONTINUATION, fin=False), F(CONTINUATION)), E("text"), END())
    yield Case("6.1.3", "empty, full and empty fragment", S(F(TEXT, fin=False), F(CONTINUATION, KOSME, fin=False), F(CONTINUATION)),
               E("text", KOSME), END())
    hello = "Hello-µ@ßöäüàá-UTF-8!!".encode()
    yield Case("6.2.1", "text beyond ASCII", S(F(TEXT, hello)), E("text", hello), END())
    yield Case("6.2.2", "cut between characters", S(*_split(hello, 12)), E("text", hello), END())
    for number, text in enumerate((hello, KOSME, "𐍈𝄞😀 나루".encode()), 3):
        yield Case(f"6.2.{number}", "cut within characters, a byte a fragment", S(*_split(text, 1)), E("text", text), END())
        yield Case(f"6.2.{number + 3}", "a byte a write", S(F(TEXT, text), chop=1), E("text", text), END())
    with_ping = [frame for part in _split("𐍈𐍈".encode(), 1) for frame in (part, F(PING, b"p"))][:-1]
    yield Case("6.2.9", "a ping after each byte", S(*with_ping), *[E("pong", b"p")] * 7, E("text", "𐍈𐍈".encode()), END())
    for number, point in enumerate(BORDERS, 1):
        data = chr(point).encode()
        yield Case(f"6.5.{number}", f"U+{point:04X}", S(F(TEXT, data)), E("text", data), S(F(TEXT, b"." + data + b".")),
                   E("text", b"." + data + b"."), END())
    for number, text in enumerate((KOSME, "𐍈".encode()), 1):
        for cut in range(1, len(text)):
            yield Case(f"6.6.{number}.{cut}", f"cut at byte {cut} into frames",
                       S(F(TEXT, text[:cut], fin=False), F(CONTINUATION, text[cut:])), E("text", text), END())


def refused():
    for number, (title, data) in enumerate(bad(), 1):
        yield Case(f"6.3.{number}", title, S(F(TEXT, b"ok " + data + b" ok")), FAIL(1007))
        yield Case(f"6.4.{number}", title + ", at the end, a byte a write", S(F(TEXT, b"ok " + data), chop=1), FAIL(1007))
    incomplete = "κόσμε".encode()[:-1]
    yield Case("6.3.1000", "ends within a character", S(F(TEXT, incomplete)), FAIL(1007))
    yield Case("6.3.1001", "ends within a character, by an empty fragment", S(F(TEXT, incomplete, fin=False), F(CONTINUATION)), FAIL(1007))
    yield Case("6.3.1002", "64 KiB of ASCII, then a bad byte", S(F(TEXT, b"a" * 65536 + b"\xff")), FAIL(1007))


def at_once():
    """Only the bytes up to the first bad one are sent, of a frame and of a message that both want more."""
    number = 0
    for title, data in bad():
        prefix = b"ok " + data + b"."
        end = first_bad(prefix)
        if end is None:
            continue
        number += 1
        yield Case(f"6.7.{number}", f"at once in a frame: {title}", S(F(TEXT, prefix.ljust(end + 200, b"x"), cut=end)), FAIL(1007))
        yield Case(f"6.8.{number}", f"at once in a message: {title}", S(F(TEXT, prefix[:end - 1], fin=False),
                                                                        F(CONTINUATION, prefix[end - 1:end], fin=False)), FAIL(1007))
    yield Case("6.9.1", "an unfinished character is no mistake yet", S(F(TEXT, b"\xf0\x90", fin=False), F(PING, b"alive")),
               E("pong", b"alive"), S(F(CONTINUATION, b"\x8d\x88")), E("text", "𐍈".encode()), END())


def groups():
    for group in (good, refused, at_once):
        yield from group()
