"""The words that a case of the suite is written in: what we send, what must come, how it ends. The cases play the same
with naru as server and as client, so they say nothing of masks.

    Case("5.6", "title", S(text frame, ping frame), E("pong", b".."), ..., END())
"""
from dataclasses import dataclass, field

from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, RSV1, TEXT, close_payload, head, masked

__all__ = ["BINARY", "CLOSE", "CONTINUATION", "PING", "PONG", "TEXT", "Case", "E", "END", "F", "FAIL", "M",
           "S", "close_payload"]


@dataclass
class F:
    """One frame. form: as frames.head. cut: only so many bytes of the payload are sent. size: what
    the head announces, if not the payload's size."""
    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0
    form: int = None
    cut: int = None
    size: int = None

    def to_bytes(self, conn):
        key = conn.key()
        payload = self.payload if self.cut is None else self.payload[:self.cut]
        return head(self.opcode, len(self.payload) if self.size is None else self.size, self.fin, self.rsv, key, self.form) + \
            (payload if key is None else masked(payload, key))


@dataclass
class M:
    """One message, compressed as was agreed on, in frames of `size` bytes (0: one)."""
    opcode: int
    payload: bytes = b""
    size: int = 0

    def to_bytes(self, conn):
        data = conn.deflate.compress(self.payload)
        size = self.size or len(data)
        return b"".join(F(CONTINUATION if at else self.opcode, data[at:at + size], at + size >= len(data), 0 if at else RSV1).to_bytes(conn)
                        for at in range(0, len(data), size))


@dataclass
class S:
    """Send frames, in one write or in writes of `chop` bytes."""
    frames: list
    chop: int = None

    def __init__(self, *frames, chop=None):
        self.frames, self.chop = list(frames), chop


@dataclass
class E:
    """This event must come next."""
    kind: str
    payload: bytes = b""

    def event(self):
        return self.kind, self.payload


@dataclass
class END:
    """We close (unless a Close was sent already: sent=True); this code must come back, then the end of the stream."""
    code: int = 1000
    back: int = None
    sent: bool = False

    def wanted(self):
        return self.code if self.back is None else self.back


@dataclass
class FAIL:
    """Without another word from us this Close must come, then the end of the stream."""
    code: int


@dataclass
class Case:
    name: str
    title: str
    actions: list = field(default_factory=list)
    seconds: float = 5
    deflate: object = None

    def __init__(self, name, title, *actions, seconds=5, deflate=None):
        self.name, self.title, self.actions, self.seconds, self.deflate = name, title, list(actions), seconds, deflate
        assert isinstance(self.actions[-1], (END, FAIL)), name
