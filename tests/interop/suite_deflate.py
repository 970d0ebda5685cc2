"""Groups 12 to 14: permessage-deflate, RFC 7692: sizes, parameters, and what may and may not stand in a compressed message."""
import random
import zlib

from frames import Deflate
from suite_words import BINARY, CONTINUATION, E, END, F, FAIL, M, PING, TEXT, Case, S

SIZES = (16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072)
BYTES_A_CASE, MESSAGES_MAX = 1 << 19, 60
EXTENSION = "permessage-deflate"
TAIL_OF_STORED = b"\x00\x00\xff\xff"


class Agreement:
    """offer: what a client says; answer: what our server says to naru; the words after the extension's name."""

    def __init__(self, offer, answer, huffman=False):
        self.offer = ", ".join(f"{EXTENSION}{words}" for words in offer)
        self.answer = EXTENSION + answer
        self.huffman = huffman

    @staticmethod
    def parse(text):
        """{parameter: value or None} of one member of the list; None: it is another extension."""
        name, *words = [word.strip() for word in text.split(";")]
        found = dict((word.split("=", 1) + [None])[:2] for word in words)
        return found if name == EXTENSION and len(found) == len(words) else None

    def legal(self, answer):
        """Why a server may not answer so to our offer (7692 7.1); None: it may."""
        reasons = [_against(self.parse(offer), answer) for offer in self.offer.split(",")]
        return None if None in reasons else reasons[0]

    def codec(self, answer, role):
        """The Deflate of our side of this answer."""
        def side(who):
            return int(answer.get(f"{who}_max_window_bits") or 15), f"{who}_no_context_takeover" not in answer

        (ours, theirs) = ("client", "server") if role == "client" else ("server", "client")
        made = Deflate(*side(ours), *side(theirs))
        made.huffman = self.huffman
        return made


def _against(offer, answer):
    if set(answer) - {"server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits"}:
        return "a parameter that does not exist"
    if "server_no_context_takeover" in offer and "server_no_context_takeover" not in answer:
        return "server_no_context_takeover was asked for and is not granted"
    if "client_max_window_bits" in answer and "client_max_window_bits" not in offer:
        return "client_max_window_bits was not offered"
    for name in ("server_max_window_bits", "client_max_window_bits"):
        if offer.get(name) and int(answer.get(name) or (16 if name[0] == "s" else 0)) > int(offer[name]):
            return f"{name} above the offer"
    return None


BITS = "; client_max_window_bits"
AGREEMENTS = (
    Agreement([""], ""),
    Agreement([BITS], "; client_max_window_bits=15"),
    Agreement(["; server_no_context_takeover"], "; server_no_context_takeover"),
    Agreement(["; client_no_context_takeover"], "; client_no_context_takeover"),
    Agreement(["; server_max_window_bits=9"], "; server_max_window_bits=9; client_max_window_bits=9"),
    Agreement(["; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=11"],
              "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=11"),
    Agreement(["; server_max_window_bits=8", "; unknown=1", "; server_max_window_bits=12" + BITS], "; server_max_window_bits=8",
              huffman=True),
)


def _words(size, seed):
    """Text such as programs send, different from message to message."""
    noise = random.Random(seed)
    parts, length = [], 0
    while length < size:
        parts.append('{"id":%d,"user":"%s","text":"나루 ferry"},' % (noise.randrange(1 << 20), noise.choice(("ana", "bo", "chi"))))
        length += len(parts[-1]) + 4
    return "".join(parts).encode()[:size].decode("utf-8", "ignore").encode().ljust(size, b"x")


def _noise(size, seed):
    return random.Random(seed).randbytes(size)


def _far(size, seed):
    """Repeats at a distance of 20,000 bytes, further than small windows reach."""
    block = random.Random(seed % 3).randbytes(20000)
    return (block * (size // len(block) + 1))[:size]


def _exchange(opcode, make, size):
    count = max(3, min(MESSAGES_MAX, BYTES_A_CASE // size))
    steps = []
    for seed in range(count):
        data = make(size, seed)
        frame_bytes = size // 3 if seed % 3 == 2 else 0
        steps += [S(M(opcode, data, frame_bytes)), E("text" if opcode == TEXT else "binary", data)]
    return steps


def sizes():
    for group, (opcode, make, name) in enumerate(((TEXT, _words, "words"), (BINARY, _noise, "noise"), (BINARY, _far, "repeats")), 1):
        for number, size in enumerate(SIZES, 1):
            yield Case(f"12.{group}.{number}", f"{name}, messages of {size} bytes", *_exchange(opcode, make, size), END(), seconds=20,
                       deflate=AGREEMENTS[1])


def parameters():
    for group, agreement in enumerate(AGREEMENTS, 1):
        for number, size in enumerate(SIZES, 1):
            opcode, make = (TEXT, _words) if number % 2 else (BINARY, _far)
            yield Case(f"13.{group}.{number}", f"{agreement.offer} | {agreement.answer}, messages of {size} bytes",
                       *_exchange(opcode, make, size), END(), seconds=20, deflate=agreement)


def _raw(data, flush=zlib.Z_SYNC_FLUSH, level=6):
    deflater = zlib.compressobj(level, zlib.DEFLATED, -15)
    return deflater.compress(data) + deflater.flush(flush)


def contents():
    """Each is sent as its compressed bytes are here, RSV1 set; what must be understood, and what must not."""
    text = _words(3000, 1)
    sync = _raw(text)[:-4]
    two = zlib.compressobj(6, zlib.DEFLATED, -15)
    flushed = two.compress(text[:100]) + two.flush(zlib.Z_SYNC_FLUSH) + two.compress(text[100:]) + two.flush(zlib.Z_SYNC_FLUSH)
    good = (
        ("one block", text, sync),
        ("two blocks", text, flushed[:-4]),
        ("not compressed at all, stored blocks", text, _raw(text, level=0)[:-4]),
        ("a block with BFINAL, then 00 (7692 7.2.3.4)", text, _raw(text, zlib.Z_FINISH) + b"\x00"),
        ("the empty message as 00", b"", b"\x00"),
        ("an empty stored block in front", text, b"\x00" + TAIL_OF_STORED + sync),
    )
    for number, (title, plain, data) in enumerate(good, 1):
        yield Case(f"14.1.{number}", title, S(F(TEXT, data, rsv=4)), E("text", plain), S(F(TEXT, b"plain")), E("text", b"plain"),
                   S(F(TEXT, data, rsv=4)), E("text", plain), END(), deflate=AGREEMENTS[1])
    half = len(sync) // 2
    yield Case("14.1.20", "a ping between compressed fragments",
               S(F(TEXT, sync[:half], fin=False, rsv=4), F(PING, b"p"), F(CONTINUATION, sync[half:], fin=False), F(CONTINUATION)),
               E("pong", b"p"), E("text", text), END(), deflate=AGREEMENTS[1])
    yield Case("14.1.21", "a byte a write", S(F(TEXT, sync, rsv=4), chop=1), E("text", text), END(), deflate=AGREEMENTS[1])
    back = zlib.compressobj(6, zlib.DEFLATED, -15, zdict=text)
    far = back.compress(text) + back.flush(zlib.Z_SYNC_FLUSH)
    bad = (
        ("garbage", F(TEXT, b"\xff\xff\xff\xff\xff", rsv=4), 1007),
        ("a block of the type that does not exist", F(TEXT, b"\x07", rsv=4), 1007),
        ("a distance before the beginning", F(TEXT, far[:-4], rsv=4), 1007),
        ("a stored block with a wrong check", F(TEXT, b"\x00\x05\x00\x00\x00hello", rsv=4), 1007),
        ("compressed text that is not UTF-8", F(TEXT, _raw(b"\xc0\xaf")[:-4], rsv=4), 1007),
        ("RSV1 on a ping", F(PING, b"", rsv=4), 1002),
        ("RSV1 and RSV2", F(TEXT, sync, rsv=6), 1002),
        ("RSV1 on a continuation of nothing", F(CONTINUATION, sync, rsv=4), 1002),
    )
    for number, (title, frame, code) in enumerate(bad, 1):
        yield Case(f"14.2.{number}", title, S(F(TEXT, sync, rsv=4)), E("text", text), S(frame, F(PING, b"late")), FAIL(code),
                   deflate=Agreement(["; client_no_context_takeover"], "; server_no_context_takeover"))
    yield Case("14.2.20", "RSV1 on a second fragment", S(F(TEXT, sync[:half], fin=False, rsv=4), F(CONTINUATION, sync[half:], rsv=4)),
               FAIL(1002), deflate=AGREEMENTS[1])
    yield Case("14.2.21", "ends within a block", S(F(TEXT, sync[:half], rsv=4), F(PING)), FAIL(1007), deflate=AGREEMENTS[1])
    yield Case("14.2.22", "bad UTF-8 at once, in an unfinished compressed message",
               S(F(TEXT, _raw(b"good \xff and more"), fin=False, rsv=4)), FAIL(1007), deflate=AGREEMENTS[1])


def groups():
    for group in (sizes, parameters, contents):
        yield from group()
