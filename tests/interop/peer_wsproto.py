"""Debian's python3-wsproto as a peer, both roles: a protocol without I/O, here over a blocking socket."""
import select
import socket
import ssl
from urllib.parse import urlsplit

import script
from wsproto import ConnectionType, WSConnection, events
from wsproto.extensions import PerMessageDeflate

WINDOWS = {
    "takeover": {},
    "no-takeover": {"client_no_context_takeover": True, "server_no_context_takeover": True},
    "small-window": {"client_max_window_bits": 10, "server_max_window_bits": 9},
}


def extensions(options):
    return [] if options.deflate == "off" else [PerMessageDeflate(**WINDOWS[options.deflate])]


class Adapter:
    def __init__(self, sock, role):
        self.sock, self.ws, self.protocol = sock, WSConnection(role), None
        self.events, self.message = iter(()), []

    def event(self):
        while True:
            for event in self.events:
                return event
            data = self.sock.recv(1 << 18)
            self.ws.receive_data(data or None)
            self.events = self.ws.events()

    def write(self, data):
        """Everything, reading nothing: an echo starts only when the whole message is there."""
        self.sock.sendall(data)

    async def send(self, kind, data):
        self.write(self.ws.send(self._message(kind, data, True)))

    @staticmethod
    def _message(kind, data, last):
        return events.TextMessage(data.decode(), message_finished=last) if kind == "text" else \
            events.BytesMessage(data, message_finished=last)

    async def fragments(self, kind, parts, ping_between):
        if kind == "text":  # a str cannot hold half a character
            whole, cut, texts = b"".join(parts).decode(), 0, []
            for part in parts:
                texts.append(whole[cut:cut + len(part) // 2].encode())
                cut += len(part) // 2
            parts = texts + [whole[cut:].encode()]
        for i, part in enumerate(parts):
            self.write(self.ws.send(self._message(kind, part, i == len(parts) - 1)))
            if ping_between and i < len(parts) - 1:
                await self.ping(b"between %d" % i)

    async def ping(self, data):
        self.write(self.ws.send(events.Ping(data)))
        event = self.event()
        if not isinstance(event, events.Pong) or event.payload != data:
            raise script.Difference(f"wanted a pong of {len(data)} bytes, got {event}")

    async def close(self, code, reason):
        if code is None:
            raise script.Unsupported("a Close without a code")
        self.write(self.ws.send(events.CloseConnection(code, reason or None)))

    async def receive(self):
        while True:
            event = self.event()
            if isinstance(event, events.Message):
                self.message.append(event.data if isinstance(event.data, (bytes, bytearray)) else event.data.encode())
                if not event.message_finished:
                    continue
                data, self.message = b"".join(self.message), []
                return "text" if isinstance(event, events.TextMessage) else "binary", data
            if isinstance(event, events.CloseConnection):
                if self.ws.state.name == "REMOTE_CLOSING":
                    self.write(self.ws.send(event.response()))
                self._end()
                return "close", event.code
            raise script.Difference(f"got {event}")

    def _end(self):
        """The server ends the stream first, RFC 6455 7.1.1; a client that waits in vain says so."""
        if self.ws.client:
            if not select.select([self.sock], [], [], 5)[0] or self.sock.recv(1):
                raise script.Difference("the server did not end the stream after both Closes")
        self.sock.close()


def agree(adapter, accepted, options):
    found = any(isinstance(extension, PerMessageDeflate) and extension.enabled() for extension in accepted)
    if found != (options.deflate != "off"):
        raise script.Difference(f"deflate {options.deflate} was asked for, agreed on is {accepted}")


async def connect(options, case):
    url = urlsplit(options.url)
    sock = socket.create_connection((url.hostname, url.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if options.ca:
        sock = ssl.create_default_context(cafile=options.ca).wrap_socket(sock, server_hostname=url.hostname)
    adapter = Adapter(sock, ConnectionType.CLIENT)
    adapter.write(adapter.ws.send(events.Request(host=url.netloc, target="/" + case.name, subprotocols=case.protocols,
                                                 extensions=extensions(options))))
    event = adapter.event()
    if not isinstance(event, events.AcceptConnection):
        raise script.Difference(f"the handshake was answered by {event}")
    agree(adapter, event.extensions, options)
    adapter.protocol = event.subprotocol
    return adapter


async def handle(sock, options):
    adapter = Adapter(sock, ConnectionType.SERVER)
    event = adapter.event()
    case = options.cases[event.target[1:]]
    select_protocol = case.select if event.subprotocols == case.protocols else ""
    mine = extensions(options)
    adapter.write(adapter.ws.send(events.AcceptConnection(subprotocol=select_protocol or None, extensions=mine)))
    adapter.protocol = select_protocol
    try:
        agree(adapter, mine, options)
    except script.Difference as error:
        print("case", case.name, "fail", error, flush=True)
        return
    await script.play(adapter, case)


async def serve(options):
    listener = socket.create_server(("127.0.0.1", 0))
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
    print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with (context.wrap_socket(sock, server_side=True) if context else sock) as wrapped:
                await handle(wrapped, options)
        except (OSError, StopIteration) as error:
            print("lost", error, flush=True)


script.main(connect, serve)
