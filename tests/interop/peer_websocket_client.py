"""Debian's python3-websocket (websocket-client) as a peer. A client only, without permessage-deflate."""
import script
import websocket

OPCODE = {"text": websocket.ABNF.OPCODE_TEXT, "binary": websocket.ABNF.OPCODE_BINARY}
KIND = {opcode: kind for kind, opcode in OPCODE.items()}
CLOSE_SECONDS = 10


class Adapter:
    def __init__(self, connection):
        self.connection = connection
        self.protocol = connection.getsubprotocol()

    async def send(self, kind, data):
        self.connection.send(data, OPCODE[kind])

    async def fragments(self, kind, parts, ping_between):
        last = len(parts) - 1
        for i, part in enumerate(parts):
            opcode = websocket.ABNF.OPCODE_CONT if i else OPCODE[kind]
            self.connection.send_frame(websocket.ABNF(int(i == last), 0, 0, 0, opcode, 1, part))
            if ping_between and i < last:
                await self.ping(b"between %d" % i)

    async def ping(self, data):
        self.connection.ping(data)
        opcode, frame = self.connection.recv_data_frame(control_frame=True)
        if opcode != websocket.ABNF.OPCODE_PONG or frame.data != data:
            raise script.Difference(f"wanted a pong of {len(data)} bytes, got opcode {opcode}, {frame.data[:24]!r}")

    async def close(self, code, reason):
        if code is None:
            raise script.Unsupported("a Close without a code")
        self.connection.send_close(code, reason.encode())

    async def receive(self):
        opcode, frame = self.connection.recv_data_frame(control_frame=True)
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            self.connection.shutdown()
            return "close", int.from_bytes(frame.data[:2], "big") if frame.data else 1005
        return KIND.get(opcode, f"opcode {opcode}"), frame.data


async def connect(options, case):
    tls = {"ca_certs": options.ca} if options.ca else None
    connection = websocket.create_connection(f"{options.url}/{case.name}", subprotocols=case.protocols or None, sslopt=tls,
                                             timeout=CLOSE_SECONDS)
    return Adapter(connection)


script.main(connect, None)
