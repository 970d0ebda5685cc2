"""Debian's python3-websockets as a peer, both roles."""
import asyncio
import ssl

import script
import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory

LIMITS = {"max_size": 64 << 20, "max_queue": None, "ping_interval": None, "close_timeout": 10}


def agreed(connection):
    return any(extension.name == "permessage-deflate" for extension in connection.extensions)


class Adapter:
    def __init__(self, connection, options):
        self.connection = connection
        self.protocol = connection.subprotocol
        if agreed(connection) != (options.deflate != "off"):
            raise script.Difference(f"deflate {options.deflate} was asked for, agreed on is {connection.extensions}")

    async def send(self, kind, data):
        await self.connection.send(data.decode() if kind == "text" else data)

    async def fragments(self, kind, parts, ping_between):
        pongs = []

        # A str cannot hold half a character, and naru hears the same bytes: a text's parts are cut between characters.
        async def pieces():
            text = b"".join(parts).decode() if kind == "text" else None
            at = 0
            for i, part in enumerate(parts):
                if ping_between and i:
                    pongs.append(await self.connection.ping(b"between %d" % i))
                if text is None:
                    yield part
                    continue
                end = len(text) if i == len(parts) - 1 else min(len(text), at + len(part) // 2)
                yield text[at:end]
                at = end

        await self.connection.send(pieces())
        for pong in pongs:
            await pong

    async def ping(self, data):
        await (await self.connection.ping(data))

    async def close(self, code, reason):
        if code is None:
            raise script.Unsupported("a Close without a code")
        await self.connection.close(code, reason)

    async def receive(self):
        try:
            data = await self.connection.recv()
        except websockets.ConnectionClosed as closed:
            return "close", closed.rcvd.code if closed.rcvd else 1006
        return ("text", data.encode()) if isinstance(data, str) else ("binary", data)


CLIENT_DEFLATE = {
    "takeover": {},
    "no-takeover": {"server_no_context_takeover": True, "client_no_context_takeover": True},
    "small-window": {"server_max_window_bits": 9, "client_max_window_bits": 10},
}


async def connect(options, case):
    extensions = None if options.deflate == "off" else [ClientPerMessageDeflateFactory(**CLIENT_DEFLATE[options.deflate])]
    context = ssl.create_default_context(cafile=options.ca) if options.ca else None
    connection = await websockets.connect(f"{options.url}/{case.name}", ssl=context, compression=None, extensions=extensions,
                                          subprotocols=case.protocols or None, **LIMITS)
    return Adapter(connection, options)


async def serve(options):
    async def handle(connection):
        case = options.cases[connection.path[1:]]
        try:
            adapter = Adapter(connection, options)
        except script.Difference as error:
            print("case", case.name, "fail", error, flush=True)
            return
        await script.play(adapter, case)

    class Protocol(websockets.WebSocketServerProtocol):
        def select_subprotocol(self, client_subprotocols, server_subprotocols):
            case = options.cases[self.path[1:]]
            return case.select if list(client_subprotocols) == case.protocols else None

    extensions = None if options.deflate == "off" else [ServerPerMessageDeflateFactory(**CLIENT_DEFLATE[options.deflate])]
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
    server = await websockets.serve(handle, "127.0.0.1", 0, ssl=context, compression=None, extensions=extensions,
                                    create_protocol=Protocol, subprotocols=["x"], **LIMITS)
    print("listening on 127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


script.main(connect, serve)
