"""One raw WebSocket connection over a socket, as a client or as a server, and the HTTP exchange before it.

It says what it got, frame by frame, and leaves the judgement to the test. Reads while it writes, so that an echo of any
size cannot block both sides. Not for processes (see program.py). Source: RFC 6455 4 and 5.
"""
import base64
import hashlib
import os
import select
import socket
import ssl
import time

import frames
from frames import CLOSE, CONTINUATION, KIND, PING, PONG, Reader, WireError, frame

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def request(target="/", method="GET", version="HTTP/1.1", fields=(), drop=(), **replaced):
    """An upgrade request as bytes. `replaced` sets a standard field's value (None leaves it out): sec_websocket_key=..."""
    standard = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": KEY,
                "Sec-WebSocket-Version": "13"}
    for name, value in replaced.items():
        standard["-".join(part.capitalize() for part in name.split("_")).replace("Websocket", "WebSocket")] = value
    lines = [f"{method} {target} {version}".encode("latin-1")]
    for name, value in list(standard.items()) + list(fields):
        if value is not None and name not in drop:
            name, value = (part if isinstance(part, bytes) else part.encode("latin-1") for part in (name, value))
            lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"


class Head:
    """A response or request head: first line, and fields in order."""

    def __init__(self, data):
        lines = data.decode("latin-1").split("\r\n")
        self.first = lines[0]
        self.fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if line]
        words = self.first.split(" ")
        self.status = int(words[1]) if self.first.startswith("HTTP/") else None
        self.target = None if self.status else words[1]

    def all(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None


class Conn:
    """role "client" masks what it sends and wants no masks; "server" the other way round.

    Events: ("text"|"binary", payload), ("ping"|"pong", payload), ("close", code or None, reason), ("eof",), ("reset",),
    ("cut",) when TLS ended without its close_notify, ("silence",) when the time is up.
    """

    def __init__(self, sock, role="client"):
        self.sock, self.role = sock, role
        self.sock.setblocking(False)
        self.raw = bytearray()  # read, and not yet given to the reader (before the handshake is through)
        self.reader = None
        self.deflate = None
        self.message, self.opcode, self.compressed = [], None, False
        self.ended = None
        self.frames_seen = 0

    @classmethod
    def dial(cls, address, tls=None, timeout=5, rcvbuf=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        sock = socket.socket(family)
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        sock.settimeout(timeout)
        sock.connect(address)
        return cls(tls.wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False) if tls else sock)

    @classmethod
    def open(cls, address, tls=None, rcvbuf=None, **options):
        """Dial and shake hands; a refusal is an AssertionError."""
        conn = cls.dial(address, tls, rcvbuf=rcvbuf)
        conn.send(request(**options))
        head, body = conn.read_head()
        if head is None or head.status != 101:
            raise AssertionError(f"no 101 but {head.first if head else body!r}")
        if head.get("Sec-WebSocket-Accept") != accept_of(options.get("sec_websocket_key", KEY)):
            raise AssertionError(f"wrong accept {head.get('Sec-WebSocket-Accept')}")
        conn.head = head
        conn.start()
        return conn

    def start(self, deflate=None):
        """From here on the bytes are frames."""
        self.deflate = deflate
        self.reader = Reader(want_mask=self.role == "server", deflate=deflate is not None)
        self.reader.feed(bytes(self.raw))
        self.raw.clear()

    # -- bytes

    def _fill(self):
        """Read what is there. Answers whether anything changed."""
        if self.ended:
            return False
        try:
            data = self.sock.recv(1 << 20)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except (ConnectionResetError, BrokenPipeError):
            self.ended = "reset"
            return True
        except ssl.SSLEOFError:
            self.ended = "cut"
            return True
        except ssl.SSLError:
            self.ended = "reset"
            return True
        if not data:
            self.ended = "eof"
        elif self.reader:
            self.reader.feed(data)
        else:
            self.raw += data
        return True

    def _pending(self):
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    def send(self, data, timeout=20):
        """All of it, reading meanwhile. A peer that has gone is not an error here: the events tell."""
        view, end = memoryview(data), time.monotonic() + timeout
        while view and self.ended != "reset":
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"{len(view)} bytes could not be sent: the peer does not read")
            readers = [] if self.ended else [self.sock]
            readable, writable, _ = select.select(readers, [self.sock], [], left)
            if readable or self._pending():
                self._fill()
            if writable:
                try:
                    view = view[self.sock.send(view[:1 << 18]):]
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    continue
                except (ConnectionResetError, BrokenPipeError):
                    self.ended = "reset"

    def chop(self, data, size, pause=0.0):
        for at in range(0, len(data), size):
            self.send(data[at:at + size])
            if pause:
                time.sleep(pause)

    def _wait(self, end):
        if self._pending() or self.ended:
            return self._fill()
        left = end - time.monotonic()
        if left <= 0:
            return False
        select.select([self.sock], [], [], left)
        self._fill()
        return True

    def shut(self):
        """End our side of the stream."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def drop(self):
        self.sock.close()

    def reset(self):
        """Go away rudely."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.sock.close()

    # -- HTTP

    def read_head(self, timeout=5):
        """(head, body) of an answer, or (None, what came) when the stream ended or was silent without one."""
        end = time.monotonic() + timeout
        while b"\r\n\r\n" not in self.raw:
            if self.ended or not self._wait(end):
                return None, bytes(self.raw)
        data, _, rest = bytes(self.raw).partition(b"\r\n\r\n")
        head = Head(data)
        self.raw = bytearray(rest)
        if head.status in (None, 101):
            return head, b""
        size = int(head.get("Content-Length") or 0)
        while len(self.raw) < size and not self.ended and self._wait(end):
            pass
        body = bytes(self.raw[:size])
        del self.raw[:size]
        return head, body

    def read_end(self, timeout=5):
        """What comes until the stream ends: (bytes, "eof"|"reset"|"silence")."""
        end = time.monotonic() + timeout
        while not self.ended and self._wait(end):
            pass
        return bytes(self.raw), self.ended or "silence"

    # -- frames

    def key(self):
        return os.urandom(4) if self.role == "client" else None

    def frame(self, opcode, payload=b"", **options):
        options.setdefault("key", self.key())
        return frame(opcode, payload, **options)

    def send_frame(self, opcode, payload=b"", **options):
        self.send(self.frame(opcode, payload, **options))

    def message_frame(self, opcode, payload, compress=True):
        """One whole message, compressed if that was agreed on."""
        if self.deflate is None or not compress:
            return self.frame(opcode, payload)
        return self.frame(opcode, self.deflate.compress(payload), rsv=frames.RSV1)

    def event(self, timeout=5):
        end = time.monotonic() + timeout
        while True:
            found = self.reader.next()
            if found:
                event = self._take(*found)
                if event:
                    return event
                continue
            if self.ended:
                if self.reader.data:
                    raise WireError(f"the stream ended inside a frame, {len(self.reader.data)} bytes of it came")
                return (self.ended,)
            if not self._wait(end):
                return ("silence",)

    def _take(self, opcode, payload, fin, rsv):
        self.frames_seen += 1
        if opcode == CLOSE:
            if len(payload) == 1:
                raise WireError("Close with one byte")
            code = int.from_bytes(payload[:2], "big") if payload else None
            return "close", code, payload[2:].decode("utf-8")
        if opcode in (PING, PONG):
            return "ping" if opcode == PING else "pong", payload
        if opcode != CONTINUATION:
            self.message, self.opcode, self.compressed = [], opcode, bool(rsv)
        self.message.append(payload)
        if not fin:
            return None
        data = b"".join(self.message)
        self.message = []
        if self.compressed:
            data = self.deflate.expand(data)
        if KIND[self.opcode] == "text":
            data.decode("utf-8")
        return KIND[self.opcode], data

    def close(self, code=1000, reason=b"", timeout=5):
        """Close as a good peer does and answer the code that comes back; anything but a clean end is an AssertionError."""
        self.send_frame(CLOSE, frames.close_payload(code, reason))
        event = self.event(timeout)
        if event[0] != "close":
            raise AssertionError(f"Close was answered by {short(event)}")
        if self.role == "server":
            self.shut()
        last = self.event(timeout)
        if last != ("eof",):
            raise AssertionError(f"after both Closes came {short(last)} instead of the end of the stream")
        self.drop()
        return event[1]


def short(event):
    """An event in one line."""
    return tuple(part if not isinstance(part, bytes) or len(part) <= 40 else part[:40] + b"... %d bytes" % len(part)
                 for part in event)
