"""The frames of the catalogue on a real socket, where a socket matters: that the Close arrives, that nothing is reset away, that
limits hold at once, and that nobody else notices. Which frames are refused is the suite's part (tests/interop/suite_*.py); here
each way to fail is seen from the outside once, beside a twin that differs in one byte. RFC 6455 5 and 7, RFC 7692."""
import os
import sys
import time
import zlib

from checks import Checks
from conn import Conn
from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, RSV1, TEXT, Deflate, close_payload, frame, head, masked
from program import Echo, certificates, tls_client

check = Checks()
KEY = b"\x11\x22\x33\x44"
MIB = 1 << 20
MESSAGE_MAX = 1 * MIB
LIMITS = ("--deflate", "--max-message", str(MESSAGE_MAX))


def fails(naru, code, data, tail=b"", timeout=5, before=(), opened=None):
    """The Close with this code arrives, alone, and then the end of the stream, not a reset, although `tail` still comes."""
    conn = opened or Conn.open(naru.address)
    conn.send(data)
    if tail:
        conn.send(tail)
    for event in before:
        got = conn.event(timeout)
        assert got == event, f"wanted {event}, got {got}"
    got = conn.event(timeout)
    assert got[:2] == ("close", code), f"wanted Close {code}, got {got} to {data[:40]!r}"
    last = conn.event(timeout)
    assert last == ("eof",), f"after Close {code} came {last}"
    conn.drop()
    return got


def works(naru, data, *events, opened=None, timeout=5):
    conn = opened or Conn.open(naru.address)
    conn.send(data)
    for event in events:
        got = conn.event(timeout)
        assert got == event, f"wanted {str(event)[:80]}, got {str(got)[:80]} to {data[:40]!r}"
    assert conn.close() == 1000


def in_frames(data, size, rsv=0):
    """One binary message in frames of `size` bytes."""
    return b"".join(frame(CONTINUATION if at else BINARY, data[at:at + size], at + size >= len(data), 0 if at else rsv, KEY)
                    for at in range(0, len(data), size))


def open_deflate(naru, words="; client_max_window_bits", level=6):
    conn = Conn.open(naru.address, fields=[("Sec-WebSocket-Extensions", "permessage-deflate" + words)])
    assert conn.head.get("Sec-WebSocket-Extensions"), "compression was declined"
    conn.start(Deflate(recv_takeover="server_no" not in words, send_takeover="client_no" not in words, level=level))
    return conn


@check
def t16_lengths(naru):
    """Every border of the three forms of a length, cut into two writes at every byte of the head."""
    for size in (0, 1, 125, 126, 127, 65535, 65536):
        data = frame(BINARY, b"x" * size, key=KEY)
        for cut in range(1, min(15, len(data))):
            conn = Conn.open(naru.address)
            conn.send(data[:cut])
            conn.send(data[cut:])
            assert conn.event() == ("binary", b"x" * size)
            assert conn.close() == 1000
    for size in (MESSAGE_MAX + 1, (1 << 31) - 1, 1 << 31, (1 << 31) + 1, (1 << 32) - 1, 1 << 32, (1 << 32) + 1, (1 << 63) - 1):
        start = head(BINARY, size, key=KEY)
        for cut in range(1, len(start)):
            conn = Conn.open(naru.address)
            conn.send(start[:cut])
            fails(naru, 1009, start[cut:], opened=conn)
    for size in (1 << 63, (1 << 64) - 1):
        fails(naru, 1002, head(BINARY, size, key=KEY))
        fails(naru, 1002, head(BINARY, size))


@check
def t16_announced_memory(naru):
    """A length within the limit is not taken at its word: memory grows as bytes come."""
    conns = [Conn.open(naru.address) for _ in range(200)]
    before = naru.rss()
    for conn in conns:
        conn.send(head(BINARY, MESSAGE_MAX, key=KEY) + b"x" * 100)
    works(naru, frame(TEXT, b"twin", key=KEY), ("text", b"twin"))
    grown = naru.rss() - before
    for conn in conns:
        conn.drop()
    assert grown < 20 * MIB, f"200 announced messages of 1 MiB took {grown >> 10} KiB"


@check
def t18_a_million_fragments(naru):
    one = frame(CONTINUATION, b"x", fin=False, key=KEY)
    started = time.monotonic()
    fails(naru, 1008, frame(TEXT, b"x", fin=False, key=KEY) + one * 999_999, timeout=10)
    assert time.monotonic() - started < 5
    empty = frame(CONTINUATION, b"", fin=False, key=KEY)
    fails(naru, 1008, frame(TEXT, b"", fin=False, key=KEY) + empty * 999_999, timeout=10)
    last = frame(CONTINUATION, b"x", key=KEY)
    works(naru, frame(TEXT, b"x", fin=False, key=KEY) + one * 99_998 + last, ("text", b"x" * 100_000))
    fails(naru, 1008, frame(TEXT, b"x", fin=False, key=KEY) + one * 99_999 + last)


@check
def t20_each_with_a_twin(naru):
    """Control frames too long or cut, reserved bits, opcodes, missing masks: each differs from its twin in one byte."""
    pong = ("pong", b"p" * 125)
    works(naru, frame(PING, b"p" * 125, key=KEY), pong)
    fails(naru, 1002, frame(PING, b"p" * 126, key=KEY))
    good = frame(PING, b"hey", key=KEY)
    works(naru, good, ("pong", b"hey"))
    fails(naru, 1002, bytes((good[0] & 0x7F,)) + good[1:])
    text = frame(TEXT, b"hey", key=KEY)
    works(naru, text, ("text", b"hey"))
    for bit in (0x40, 0x20, 0x10):
        fails(naru, 1002, bytes((text[0] | bit,)) + text[1:])
        fails(naru, 1002, bytes((good[0] | bit,)) + good[1:])
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        fails(naru, 1002, bytes((0x80 | opcode,)) + text[1:])
    fails(naru, 1002, bytes((text[0], text[1] & 0x7F)) + text[2:])
    fails(naru, 1002, frame(TEXT, b""))
    works(naru, frame(TEXT, b"", key=KEY), ("text", b""))


@check
def t21_order_of_fragments(naru):
    first, last = frame(TEXT, b"one", fin=False, key=KEY), frame(CONTINUATION, b"two", key=KEY)
    works(naru, first + last, ("text", b"onetwo"))
    works(naru, first + frame(PING, b"p", key=KEY) + last, ("pong", b"p"), ("text", b"onetwo"))
    fails(naru, 1002, last)
    fails(naru, 1002, first + bytes((0x81,)) + last[1:])
    fails(naru, 1002, first + last + last, before=[("text", b"onetwo")])


@check
def t22_text(naru):
    good, bad = "나루".encode(), b"\xeb\x82\x98\xeb\xa3\xc0"
    works(naru, frame(TEXT, good, key=KEY), ("text", good))
    fails(naru, 1007, frame(TEXT, bad, key=KEY))
    works(naru, frame(BINARY, bad, key=KEY), ("binary", bad))
    started = time.monotonic()
    fails(naru, 1007, frame(TEXT, bad + b"x" * 100_000, key=KEY)[:20])
    assert time.monotonic() - started < 3, "the first bad byte was not enough"


@check
def t23_closes(naru):
    """The Close that comes back has the code that was sent, and there is exactly one."""
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999):
        assert Conn.open(naru.address).close(code, b"reason") == code
    assert Conn.open(naru.address).close(None) is None
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535):
        fails(naru, 1002, frame(CLOSE, close_payload(code), key=KEY))
    fails(naru, 1002, frame(CLOSE, b"\x03", key=KEY))
    fails(naru, 1007, frame(CLOSE, close_payload(1000, b"\xff"), key=KEY))
    assert Conn.open(naru.address).close(1000, b"r" * 123) == 1000
    fails(naru, 1002, frame(CLOSE, close_payload(1000, b"r" * 124), key=KEY))


@check
def the_close_arrives_though_we_talk_on(naru):
    """A socket closed with unread bytes in it would be reset, and the Close lost with it."""
    bad = frame(TEXT, b"hey")
    for tail in (b"x", b"x" * 65536, os.urandom(4 * MIB)):
        fails(naru, 1002, bad, tail=tail)
        fails(naru, 1007, frame(TEXT, b"\xff", key=KEY), tail=tail)
        fails(naru, 1009, head(TEXT, MESSAGE_MAX + 1, key=KEY), tail=tail)
        fails(naru, 1002, frame(TEXT, b"ok", key=KEY) + bad, tail=tail, before=[("text", b"ok")])


@check
def echoes_arrive_before_the_close(naru):
    """What was asked before the mistake is still answered, however much it is."""
    data = os.urandom(700_000)
    fails(naru, 1002, frame(BINARY, data, key=KEY) * 5 + frame(3, b"", key=KEY), before=[("binary", data)] * 5)


@check
def nobody_waits_for_one_that_never_leaves(naru):
    """A peer that neither reads its Close nor ends its side is dropped when the close timeout is over."""
    fds = naru.fds()
    conn = Conn.open(naru.address)
    conn.send(frame(3, b"", key=KEY))
    started = time.monotonic()
    while naru.fds() > fds and time.monotonic() - started < 12:
        time.sleep(0.05)
    took = time.monotonic() - started
    conn.drop()
    assert 3 <= took <= 8, f"dropped after {took:.1f} s"


@check
def t26_a_million_pongs(naru):
    before, started = naru.cpu_seconds(), time.monotonic()
    conn = Conn.open(naru.address)
    data = frame(PONG, b"", key=KEY) * 1_000_000
    conn.send(data, timeout=30)
    conn.send(frame(TEXT, b"after", key=KEY))
    event = conn.event(10)
    assert event == ("text", b"after") or event[:2] == ("close", 1008), event
    conn.drop()
    assert naru.cpu_seconds() - before < 1.0, f"{naru.cpu_seconds() - before:.2f} s of processor for a million pongs"
    assert time.monotonic() - started < 20


@check
def t26_pings_without_reading(naru):
    """Pongs that are not read must not pile up without end: that would be all of 64 MiB. What there is instead is a full
    queue and the blocks of its growth, which the loop keeps for half a second, up to 16 MiB; then they are gone again."""
    conn = Conn.open(naru.address, rcvbuf=4096)
    before = naru.rss()
    conn.sock.setblocking(False)
    data, sent = frame(PING, b"p" * 125, key=KEY) * 1000, 0
    end = time.monotonic() + 1.5
    while time.monotonic() < end and sent < 64 * MIB:
        try:
            sent += conn.sock.send(data)
        except BlockingIOError:
            time.sleep(0.005)
        except OSError:
            break
    grown = naru.rss() - before
    conn.drop()
    assert grown < 16 * MIB, f"{sent >> 20} MiB of pings grew the process by {grown >> 10} KiB"


@check
def t27_the_limit(naru):
    """At the limit delivered, one byte above 1009, the same in 1, 2 and 1000 frames."""
    for count in (1, 2, 1000):
        for extra in (0, 1):
            data = b"m" * (MESSAGE_MAX + extra)
            size = -(-len(data) // count)
            sent = in_frames(data, size)
            if extra:
                fails(naru, 1009, sent)
            else:
                works(naru, sent, ("binary", data))


@check
def t27_the_limit_after_inflating(naru):
    for extra in (0, 1):
        for size in (0, 100):
            conn = open_deflate(naru)
            packed = conn.deflate.compress(b"m" * (MESSAGE_MAX + extra))
            size = size or len(packed)
            sent = in_frames(packed, size, RSV1)
            if extra:
                fails(naru, 1009, sent, opened=conn)
            else:
                works(naru, sent, ("binary", b"m" * MESSAGE_MAX), opened=conn)


@check
def t28_a_greedy_sender(naru):
    """10-byte messages as fast as they go, from a process of its own: the control client is served all the while. How long
    a turn takes is the machine's affair; what waits for a greedy one to end waits for all of its two seconds."""
    greedy = os.fork()
    if greedy == 0:
        conn = Conn.open(naru.address)
        data = frame(BINARY, b"0123456789", key=KEY) * 20_000
        end = time.monotonic() + 2
        while time.monotonic() < end and not conn.ended:
            conn.send(data)
            conn.reader.data.clear()
        os._exit(1 if conn.ended else 0)
    naru.control.start_over()
    status = os.waitstatus_to_exitcode(os.waitpid(greedy, 0)[1])
    waits = sorted(naru.control.waits)
    assert status == 0, "the greedy sender was cut off"
    assert len(waits) > 1 and waits[-1] < 1, \
        f"{len(waits)} echoes, median {waits[len(waits) // 2] * 1000:.1f} ms, longest {waits[-1] * 1000:.1f} ms"


@check
def t28_one_that_never_reads(naru):
    """Its echoes push back on itself: it is not read from, memory stays flat, the others go on."""
    conn = Conn.open(naru.address, rcvbuf=4096)
    before, sent = naru.rss(), 0
    data = frame(BINARY, b"x" * 60_000, key=KEY)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        try:
            sent += conn.sock.send(data[sent % len(data):])
        except BlockingIOError:
            time.sleep(0.01)
        except OSError:
            break
    grown = naru.rss() - before
    conn.drop()
    assert grown < 16 * MIB, f"{sent >> 20} MiB went in and {grown >> 10} KiB stayed"


@check
def t41_inflate_bomb(naru):
    """64 KiB that become 64 MiB: 1009 after little more than the limit, in no time."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packed.compress(bytes(64 * MIB)) + packed.flush(zlib.Z_SYNC_FLUSH)[:-4]
    assert len(bomb) < 70_000
    for size in (len(bomb), 1000):
        sent = in_frames(bomb, size, RSV1)
        conn, memory, before = open_deflate(naru), naru.rss(), naru.cpu_seconds()
        fails(naru, 1009, sent, opened=conn)
        assert naru.cpu_seconds() - before <= 0.2, f"{naru.cpu_seconds() - before:.2f} s of processor"
        assert naru.rss() - memory < 8 * MIB, "the bomb went off"
    conn = open_deflate(naru)
    works(naru, frame(BINARY, conn.deflate.compress(bytes(MESSAGE_MAX)), rsv=RSV1, key=KEY), ("binary", bytes(MESSAGE_MAX)), opened=conn)


@check
def t44_compressed_frames(naru):
    def packed(data):
        deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
        return deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH)[:-4]

    hello = packed(b"hello hello hello")
    fails(naru, 1002, frame(TEXT, hello, rsv=RSV1, key=KEY))
    works(naru, frame(TEXT, hello, rsv=RSV1, key=KEY), ("text", b"hello hello hello"), opened=open_deflate(naru))
    fails(naru, 1002, frame(TEXT, hello[:3], False, RSV1, KEY) + frame(CONTINUATION, hello[3:], True, RSV1, KEY), opened=open_deflate(naru))
    works(naru, frame(TEXT, hello[:3], False, RSV1, KEY) + frame(CONTINUATION, hello[3:], True, 0, KEY), ("text", b"hello hello hello"),
          opened=open_deflate(naru))
    fails(naru, 1002, frame(PING, b"", rsv=RSV1, key=KEY), opened=open_deflate(naru))
    fails(naru, 1007, frame(TEXT, b"\x07" + hello, rsv=RSV1, key=KEY), opened=open_deflate(naru))
    fails(naru, 1007, frame(TEXT, hello[:5], rsv=RSV1, key=KEY), opened=open_deflate(naru))


@check
def t44_echoes_are_compressed(naru):
    """And remember from message to message unless told not to."""
    data = os.urandom(3000).hex().encode()
    for words, remembers in (("; client_max_window_bits", True), ("; server_no_context_takeover", False)):
        conn = open_deflate(naru, words)
        sizes = []
        for _ in range(3):
            conn.send(frame(BINARY, data, key=KEY))
            found = None
            while not found:
                conn._wait(time.monotonic() + 5)
                found = conn.reader.next()
            assert found[0] == BINARY and found[3] == RSV1, "the echo is not compressed"
            assert conn.deflate.expand(found[1]) == data
            sizes.append(len(found[1]))
        assert (sizes[1] < 100) == remembers and (sizes[2] < 100) == remembers, f"{words}: {sizes}"
        conn.close()


@check
def random_bytes(naru):
    """Anything at all behind a good handshake: an end with one Close, or silence, never a crash."""
    for seed in range(300):
        conn = open_deflate(naru) if seed % 2 else Conn.open(naru.address)
        noise = os.urandom(200)
        conn.send(frame(1 + seed % 2, noise, rsv=RSV1 * (seed % 2), key=KEY) if seed % 3 == 0 else noise)
        conn.shut()
        event = conn.event(5)
        while event[0] in ("text", "binary", "pong", "ping"):
            event = conn.event(5)
        assert event[0] in ("close", "eof"), event
        conn.drop()


@check
def resets_and_half_closes(naru):
    for number in range(200):
        conn = Conn.open(naru.address)
        conn.send(frame(BINARY, bytes(20_000), key=KEY)[:number * 100 + 1])
        conn.reset() if number % 2 else conn.drop()
    conn = Conn.open(naru.address)
    conn.send(frame(TEXT, b"last words", key=KEY))
    conn.shut()
    assert conn.event() == ("text", b"last words")
    event = conn.event()
    assert event[0] in ("eof", "close"), event
    conn.drop()


@check
def a_stop_says_goodbye(_):
    """SIGTERM: everybody gets 1001, then the process ends with 0; one that does not answer holds it up only so long."""
    naru = Echo()
    conns = [Conn.open(naru.address) for _ in range(20)]
    silent = Conn.open(naru.address)
    started = time.monotonic()
    naru.process.terminate()
    for conn in conns:
        assert conn.event()[:2] == ("close", 1001)
        conn.send_frame(CLOSE, close_payload(1001))
        assert conn.event() == ("eof",)
        conn.drop()
    status = naru.wait(10)
    silent.drop()
    naru.stop()
    assert status == 0 and time.monotonic() - started < 8, f"exit status {status} after {time.monotonic() - started:.1f} s"


@check
def over_tls(_):
    """The Close arrives, and behind it the close_notify that says that nothing was cut off (RFC 8446 6.1)."""
    _, leaf, key = certificates()
    naru = Echo("--tls-cert", leaf, "--tls-key", key, "--max-message", str(MESSAGE_MAX))
    context = tls_client()
    for size in (0, 125, 65536, MESSAGE_MAX):
        data = os.urandom(size)
        works(naru, frame(BINARY, data, key=KEY), ("binary", data), opened=Conn.open(naru.address, tls=context))
    for tail in (b"x", os.urandom(MIB)):
        fails(naru, 1002, frame(TEXT, b"hey"), tail=tail, opened=Conn.open(naru.address, tls=context))
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(100), b"\x16"):
        plain = Conn.dial(naru.address)
        plain.send(data)
        plain.shut()
        rest, ended = plain.read_end(3)
        plain.drop()
        assert not rest.startswith(b"HTTP") and ended in ("eof", "reset"), (rest[:40], ended)
    cut = Conn.open(naru.address, tls=context)
    cut.drop()
    works(naru, frame(TEXT, b"after", key=KEY), ("text", b"after"), opened=Conn.open(naru.address, tls=context))
    assert naru.stop() == 0


@check
def threads_share_a_port(_):
    naru = Echo("--threads", "2")
    for number in range(50):
        works(naru, frame(TEXT, b"%d" % number, key=KEY), ("text", b"%d" % number))
    assert naru.stop() == 0


@check
def unix_socket(_):
    path = f"/tmp/naru-raw-{os.getpid()}.sock"
    naru = Echo(listen="unix:" + path)
    works(naru, frame(TEXT, b"near", key=KEY), ("text", b"near"))
    assert naru.stop() == 0
    assert not os.path.exists(path), "the socket file was left behind"


assert masked(masked(b"abcde", KEY), KEY) == b"abcde"
sys.exit(check.main(*LIMITS))
