"""Groups 1 to 5 and 7: framing, pings, reserved bits, opcodes, fragmentation, closing. Rules of RFC 6455 5 and 7."""
from suite_words import BINARY, CLOSE, CONTINUATION, E, END, F, FAIL, PING, PONG, TEXT, Case, S, close_payload

NOT_UTF8 = bytes.fromhex("00fffefdfcfb00ff")
SIZES = (0, 125, 126, 127, 128, 65535, 65536)
CODES_GOOD = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)
CODES_BAD = (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)


def framing():
    for group, kind, opcode, byte in ((1, "text", TEXT, b"*"), (2, "binary", BINARY, b"\xfe")):
        for number, size in enumerate(SIZES, 1):
            data = byte * size
            yield Case(f"1.{group}.{number}", f"{kind} of {size} bytes", S(F(opcode, data)), E(kind, data), END())
        data = byte * 65536
        yield Case(f"1.{group}.8", f"{kind} of 65536 bytes in writes of 997", S(F(opcode, data), chop=997), E(kind, data), END())
        yield Case(f"1.{group}.9", f"{kind} of 5 bytes, byte by byte", S(F(opcode, byte * 5), chop=1), E(kind, byte * 5), END())
        for number, (size, form) in enumerate(((5, 16), (125, 16), (5, 64), (126, 64), (65535, 64)), 10):
            yield Case(f"1.{group}.{number}", f"{size} bytes with a length of {form} bits", S(F(opcode, byte * size, form=form)),
                       FAIL(1002))
        yield Case(f"1.{group}.15", "length with the top bit set", S(F(opcode, form=64, size=1 << 63)), FAIL(1002))


def pings():
    def ping(number, title, payload, chop=None):
        return Case(f"2.{number}", title, S(F(PING, payload), chop=chop), E("pong", payload), END())

    yield ping(1, "empty ping", b"")
    yield ping(2, "ping with text", b"Hello, world!")
    yield ping(3, "ping with bytes that are not UTF-8", NOT_UTF8)
    yield ping(4, "ping of 125 bytes", b"\xfe" * 125)
    yield Case("2.5", "ping of 126 bytes", S(F(PING, b"\xfe" * 126)), FAIL(1002))
    yield ping(6, "ping of 125 bytes, byte by byte", b"\xfe" * 125, chop=1)
    yield Case("2.7", "pong that nobody asked for, empty", S(F(PONG)), END())
    yield Case("2.8", "pong that nobody asked for", S(F(PONG, b"unsolicited")), END())
    yield Case("2.9", "such a pong, then a ping", S(F(PONG, b"unsolicited"), F(PING, b"ping")), E("pong", b"ping"), END())
    ten = [F(PING, b"payload-%d" % i) for i in range(10)]
    pongs = [E("pong", frame.payload) for frame in ten]
    yield Case("2.10", "ten pings at once", S(*ten), *pongs, END())
    yield Case("2.11", "ten pings, byte by byte", S(*ten, chop=1), *pongs, END())
    yield Case("2.12", "pong of 126 bytes", S(F(PONG, b"\xfe" * 126)), FAIL(1002))
    yield Case("2.13", "ping of 5 bytes with a 16-bit length", S(F(PING, b"12345", form=16)), FAIL(1002))


def reserved_bits():
    names = {TEXT: "text", BINARY: "binary", PING: "ping", PONG: "pong", CLOSE: "Close", CONTINUATION: "continuation"}
    for group, (opcode, name) in enumerate(names.items(), 1):
        for rsv in range(1, 8):
            payload = close_payload(1000) if opcode == CLOSE else b"Hello"
            before = [F(TEXT, b"frag", fin=False)] if opcode == CONTINUATION else [F(TEXT, b"before")]
            wanted = [] if opcode == CONTINUATION else [E("text", b"before")]
            chop = 1 if rsv % 2 else None
            yield Case(f"3.{group}.{rsv}", f"reserved bits {rsv:03b} on {name}",
                       S(*before, F(opcode, payload, rsv=rsv), F(PING), chop=chop), *wanted, FAIL(1002))


def opcodes():
    for group, listed in ((1, (3, 4, 5, 6, 7)), (2, (11, 12, 13, 14, 15))):
        for number, opcode in enumerate(listed, 1):
            yield Case(f"4.{group}.{number}", f"opcode {opcode:#x}", S(F(opcode)), FAIL(1002))
            yield Case(f"4.{group}.{number + 5}", f"opcode {opcode:#x} with a payload, after a text, before a ping",
                       S(F(TEXT, b"Hello"), F(opcode, b"data"), F(PING), chop=1 if opcode % 2 else None), E("text", b"Hello"), FAIL(1002))


def fragments():
    first, last = F(TEXT, b"frag1", fin=False), F(CONTINUATION, b"frag2")
    stray, more = F(CONTINUATION, b"stray"), F(CONTINUATION, b"stray", fin=False)
    hello, whole = F(TEXT, b"Hello"), E("text", b"frag1frag2")
    yield Case("5.1", "ping in two fragments", S(F(PING, b"a", fin=False), F(CONTINUATION, b"b")), FAIL(1002))
    yield Case("5.2", "pong in two fragments", S(F(PONG, b"a", fin=False), F(CONTINUATION, b"b")), FAIL(1002))
    yield Case("5.2.1", "Close without FIN", S(F(CLOSE, close_payload(1000), fin=False)), FAIL(1002))
    for number, chop in ((3, None), (4, 7), (5, 1)):
        yield Case(f"5.{number}", f"text in two fragments, writes of {chop}", S(first, last, chop=chop), whole, END())
    for number, chop in ((6, None), (7, 7), (8, 1)):
        yield Case(f"5.{number}", f"ping between two fragments, writes of {chop}", S(first, F(PING, b"ping"), last, chop=chop),
                   E("pong", b"ping"), whole, END())
    for number, (chop, bad) in enumerate(((c, b) for b in (stray, more) for c in (None, 7, 1)), 9):
        yield Case(f"5.{number}", f"continuation of nothing, FIN {bad.fin}, writes of {chop}", S(bad, hello, chop=chop), FAIL(1002))
    yield Case("5.15", "text in two fragments, then a stray continuation", S(first, last, more, hello), whole, FAIL(1002))
    yield Case("5.16", "stray continuation without FIN, then text", S(more, hello, last), FAIL(1002))
    yield Case("5.17", "stray continuation with FIN, then text", S(stray, hello, last), FAIL(1002))
    yield Case("5.18", "text inside a text", S(first, F(TEXT, b"frag2")), FAIL(1002))
    yield Case("5.18.1", "unfinished binary inside a text", S(first, F(BINARY, b"frag2", fin=False)), FAIL(1002))
    five = [F(TEXT, b"f1", fin=False), F(CONTINUATION, b"f2", fin=False), F(PING, b"p1"), F(CONTINUATION, b"f3", fin=False),
            F(CONTINUATION, b"f4", fin=False), F(PING, b"p2"), F(CONTINUATION, b"f5")]
    for number, chop in ((19, None), (20, 1)):
        yield Case(f"5.{number}", f"five fragments with two pings, writes of {chop}", S(*five, chop=chop), E("pong", b"p1"),
                   E("pong", b"p2"), E("text", b"f1f2f3f4f5"), END())
    yield Case("5.20.1", "the pong comes before the message ends", S(*five[:3]), E("pong", b"p1"), S(*five[3:]), E("pong", b"p2"),
               E("text", b"f1f2f3f4f5"), END())
    empty = [F(BINARY, fin=False)] + [F(CONTINUATION, fin=False)] * 20 + [F(CONTINUATION)]
    yield Case("5.21", "22 empty fragments", S(*empty), E("binary"), END())
    yield Case("5.22", "message after message, in fragments", *[step for _ in range(5) for step in (S(first, last), whole)], END())


def _closing():
    bye, hello = F(CLOSE, close_payload(1000)), F(TEXT, b"Hello")
    yield Case("7.1.1", "text, then Close", S(hello), E("text", b"Hello"), END())
    yield Case("7.1.2", "two Closes", S(bye, bye), END(sent=True))
    yield Case("7.1.3", "ping after Close", S(bye, F(PING, b"late")), END(sent=True))
    yield Case("7.1.4", "text after Close", S(bye, hello), END(sent=True))
    yield Case("7.1.5", "Close between fragments", S(F(TEXT, b"fragment", fin=False), bye, F(CONTINUATION, b"late")), END(sent=True))
    large = b"BAsd7&jh23" * 26214
    yield Case("7.1.6", "256 KiB, Close, ping", S(F(TEXT, large), bye, F(PING)), E("text", large), END(sent=True))
    yield Case("7.1.7", "bad bytes after Close", S(bye, F(3, b"?", rsv=7)), END(sent=True))
    yield Case("7.1.8", "Close, byte by byte", S(bye, chop=1), END(sent=True))
    payloads = (("empty", b"", None), ("only a code", close_payload(1000), 1000), ("a reason", close_payload(1000, b"Hello"), 1000),
                ("a reason of 123 bytes", close_payload(1000, b"*" * 123), 1000),
                ("a reason in UTF-8", close_payload(3001, "나루 é 𐍈".encode()), 3001))
    for number, (title, payload, code) in enumerate(payloads, 1):
        yield Case(f"7.3.{number}", "Close, " + title, S(F(CLOSE, payload)), END(back=code or -1, sent=True))
    for number, (title, payload) in enumerate((("of one byte", b"a"), ("of 126 bytes", close_payload(1000, b"*" * 124))), 6):
        yield Case(f"7.3.{number}", "Close " + title, S(F(CLOSE, payload)), FAIL(1002))
    for number, reason in enumerate((b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80edited", b"\xff", b"good until \xc3", b"\xc0\x80"), 1):
        yield Case(f"7.5.{number}", f"Close with reason {reason!r}", S(F(CLOSE, close_payload(1000, reason))), FAIL(1007))


def closing():
    yield from _closing()
    for number, code in enumerate(CODES_GOOD, 1):
        yield Case(f"7.7.{number}", f"Close {code}", END(code))
    for number, code in enumerate(CODES_BAD, 1):
        yield Case(f"7.9.{number}", f"Close {code}", S(F(CLOSE, close_payload(code))), FAIL(1002))
        yield Case(f"7.13.{number}", f"Close {code} with a reason", S(F(CLOSE, close_payload(code, b"why"))), FAIL(1002))


def groups():
    for group in (framing, pings, reserved_bits, opcodes, fragments, closing):
        yield from group()
