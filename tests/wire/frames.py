"""WebSocket frames as bytes: right ones, and ones that are wrong on purpose.

Not for sockets (see conn.py). Source: RFC 6455 5.2, RFC 7692 6.
"""
import struct
import zlib

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
RSV1, RSV2, RSV3 = 4, 2, 1
KIND = {TEXT: "text", BINARY: "binary"}


class WireError(Exception):
    """The other side sent what no conforming side may send."""


def masked(data, key):
    size = len(data)
    stream = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(stream, "little")).to_bytes(size, "little")


def head(opcode, size, fin=True, rsv=0, key=None, form=None):
    """form None is the shortest length; 7, 16 or 64 forces that many bits (7 with 126 or 127 is no length at all)."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if key is not None else 0
    if form is None:
        form = 7 if size < 126 else 16 if size < 65536 else 64
    if form == 7:
        out = bytes((first, bit | size))
    elif form == 16:
        out = struct.pack("!BBH", first, bit | 126, size)
    else:
        out = struct.pack("!BBQ", first, bit | 127, size)
    return out + (key or b"")


def frame(opcode, payload=b"", fin=True, rsv=0, key=None, form=None):
    body = masked(payload, key) if key is not None else payload
    return head(opcode, len(payload), fin, rsv, key, form) + body


def close_payload(code=None, reason=b""):
    return b"" if code is None else struct.pack("!H", code) + reason


class Reader:
    """Takes bytes, gives (opcode, payload, fin, rsv) and refuses every frame that RFC 6455 5 forbids a sender.

    want_mask: whether the sender must mask. The payload comes unmasked.
    """

    def __init__(self, want_mask, deflate=False):
        self.want_mask = want_mask
        self.deflate = deflate
        self.data = bytearray()
        self.inside = False
        self.closed = False

    def feed(self, data):
        self.data += data

    def next(self):
        head_size, size, key = self._head()
        if head_size is None or len(self.data) < head_size + size:
            return None
        first = self.data[0]
        payload = bytes(memoryview(self.data)[head_size:head_size + size])
        del self.data[:head_size + size]
        if key is not None:
            payload = masked(payload, key)
        self._check_order(first & 15, first >> 4 & 7, bool(first & 0x80), size)
        return first & 15, payload, bool(first & 0x80), first >> 4 & 7

    def _head(self):
        if len(self.data) < 2:
            return None, 0, None
        has_mask, size, at = bool(self.data[1] & 0x80), self.data[1] & 127, 2
        if has_mask != self.want_mask:
            raise WireError("frame is masked" if has_mask else "frame is not masked")
        if size >= 126:
            width, least = (2, 126) if size == 126 else (8, 65536)
            if len(self.data) < at + width:
                return None, 0, None
            size = int.from_bytes(self.data[at:at + width], "big")
            at += width
            if size < least:
                raise WireError(f"length {size} is not in its shortest form")
        if not has_mask:
            return at, size, None
        return (at + 4, size, bytes(self.data[at:at + 4])) if len(self.data) >= at + 4 else (None, 0, None)

    def _check_order(self, opcode, rsv, fin, size):
        if self.closed:
            raise WireError("a frame after the Close frame")
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise WireError(f"opcode {opcode:#x}")
        if rsv and not (rsv == RSV1 and self.deflate and opcode in KIND):
            raise WireError(f"reserved bits {rsv:03b} on opcode {opcode:#x}")
        if opcode >= CLOSE:
            if not fin or size > 125:
                raise WireError("control frame fragmented or longer than 125 bytes")
            self.closed = opcode == CLOSE
            return
        if (opcode == CONTINUATION) != self.inside:
            raise WireError("continuation without a start" if opcode == CONTINUATION else "message inside a message")
        self.inside = not fin


TAIL = b"\x00\x00\xff\xff"


class Deflate:
    """One direction each of permessage-deflate for one connection. bits and takeover are what was agreed on."""

    def __init__(self, send_bits=15, send_takeover=True, recv_bits=15, recv_takeover=True, level=6):
        self.send_bits, self.send_takeover = send_bits, send_takeover
        self.recv_bits, self.recv_takeover = recv_bits, recv_takeover
        self.level = level
        self.huffman = False  # no matches: what a sender does that may look back only 256 bytes, which zlib has no window for
        self._deflater = self._inflater = None

    def compress(self, data):
        if self._deflater is None or not self.send_takeover:
            strategy = zlib.Z_HUFFMAN_ONLY if self.huffman else zlib.Z_DEFAULT_STRATEGY
            self._deflater = zlib.compressobj(self.level, zlib.DEFLATED, -max(9, self.send_bits), 8, strategy)
        out = self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        assert out.endswith(TAIL)
        return out[:-4]

    def expand(self, data):
        if self._inflater is None or not self.recv_takeover:
            self._inflater = zlib.decompressobj(-self.recv_bits)
        try:
            return self._inflater.decompress(data + TAIL)
        except zlib.error as error:
            raise WireError(f"compressed message does not inflate with {self.recv_bits} bits: {error}") from error
